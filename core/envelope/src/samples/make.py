"""Writes samples.json and another_rsa.pkcs8: objects as others encrypt them. To make them anew:
`PYTHONPATH=conformance/python .venv/bin/python core/envelope/src/samples/make.py`.

What the Amazon S3 Encryption Client for Python writes comes out of its own pipeline, with a KMS that knows one key; the rest
is made by `conformance/python/s3_envelopes.py`."""
import json
import os
import pathlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from s3_encryption.materials.crypto_materials_manager import DefaultCryptoMaterialsManager
from s3_encryption.materials.encrypted_data_key import EncryptedDataKey
from s3_encryption.materials.keyring import S3Keyring
from s3_encryption.materials.materials import AlgorithmSuite
from s3_encryption.pipelines import PutEncryptedObjectPipeline
from s3_envelopes import (cbc, text, under_aes, under_aes_legacy, under_aes_v1, under_rsa, under_rsa_legacy, under_rsa_v1, v2,
                          v3)

HERE = pathlib.Path(__file__).parent
CLIENT = "amazon-s3-encryption-client-python 4.0.0"
PLAINTEXT = b'{"temperature": 21}'
BLOB = b"a blob of KMS"
DATA_KEY, AES_KEY = os.urandom(32), os.urandom(32)
RSA_KEY, ANOTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
samples = []


class OneKey(S3Keyring):
    """A KMS keyring whose KMS is here."""

    def on_encrypt(self, materials):
        committed = materials.encryption_algorithm == AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
        cipher = "115" if committed else "AES/GCM/NoPadding"
        materials.encryption_context["aws:x-amz-cek-alg"] = cipher
        materials.encrypted_data_key = EncryptedDataKey(
            key_provider_id=b"S3Keyring", key_provider_info="kms+context", encrypted_data_key=BLOB)
        materials.plaintext_data_key = DATA_KEY
        return materials

    def on_decrypt(self, materials, encrypted_data_keys=None):
        raise NotImplementedError


def sample(source, encrypted, context=None, legacy=False, plaintext=PLAINTEXT):
    metadata, body = encrypted
    samples.append({"source": source, "legacy": legacy, "context": context or {}, "metadata": metadata, "body": text(body),
                    "plaintext": text(plaintext)})


def by_the_client(suite, context, plaintext=PLAINTEXT):
    pipeline = PutEncryptedObjectPipeline(DefaultCryptoMaterialsManager(OneKey()), suite)
    body, metadata = pipeline.encrypt(plaintext, encryption_context=context)
    sample(f"{CLIENT}: {suite.name}, context {context}", (metadata, body), context, plaintext=plaintext)


def pkcs8(key):
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


V2_CIPHER, KMS = b"AES/GCM/NoPadding", {"x-amz-wrap-alg": "kms", "x-amz-matdesc": '{"kms_cmk_id":"k"}'}
for suite in (AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF, AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY):
    by_the_client(suite, {})
    by_the_client(suite, {"plant": "7", "line": 'a "b"'})
    by_the_client(suite, {}, b"")
sample("V3, wrap 02", v3(PLAINTEXT, DATA_KEY, "02", under_aes(AES_KEY, DATA_KEY, b"115"), {"x-amz-m": '{"key":"of the lake"}'}))
sample("V3, wrap 22", v3(PLAINTEXT, DATA_KEY, "22", under_rsa(RSA_KEY, DATA_KEY, b"115")))
sample("V2, AES/GCM", v2(PLAINTEXT, DATA_KEY, "AES/GCM", under_aes(AES_KEY, DATA_KEY, V2_CIPHER)))
sample("V2, RSA-OAEP-SHA1", v2(PLAINTEXT, DATA_KEY, "RSA-OAEP-SHA1", under_rsa(RSA_KEY, DATA_KEY, V2_CIPHER)))
sample("V2, kms", v2(PLAINTEXT, DATA_KEY, "kms", BLOB, '{"kms_cmk_id":"k"}'), legacy=True)
sample("V2, AESWrap", v2(PLAINTEXT, DATA_KEY, "AESWrap", under_aes_legacy(AES_KEY, DATA_KEY)), legacy=True)
sample("V2, RSA with SHA-256", v2(PLAINTEXT, DATA_KEY, "RSA/ECB/OAEPWithSHA-256AndMGF1Padding",
                                  under_rsa_legacy(RSA_KEY, DATA_KEY)), legacy=True)
for source, metadata in [
    ("V2, CBC, kms", {"x-amz-key-v2": text(BLOB), "x-amz-cek-alg": "AES/CBC/PKCS5Padding", **KMS}),
    ("V1, AES", {"x-amz-key": text(under_aes_v1(AES_KEY, DATA_KEY)), "x-amz-matdesc": "{}"}),
    ("V1, RSA", {"x-amz-key": text(under_rsa_v1(RSA_KEY, DATA_KEY)), "x-amz-matdesc": "{}"}),
    ("V1, kms", {"x-amz-key": text(BLOB), **KMS}),
]:
    sample(source, cbc(PLAINTEXT, DATA_KEY, metadata), legacy=True)

written = {"data_key": text(DATA_KEY), "aes_key": text(AES_KEY), "rsa_key": text(pkcs8(RSA_KEY)), "samples": samples}
(HERE / "samples.json").write_text(json.dumps(written, indent=1) + "\n")
(HERE / "another_rsa.pkcs8").write_bytes(pkcs8(ANOTHER))
