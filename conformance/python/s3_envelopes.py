"""Envelopes of client-side encryption written and read with `cryptography`, by the table of formats that the sources of the
Amazon S3 Encryption Clients (Java, Python, Ruby, .NET) agree on: for what the one for Python does not write. It has no
keyrings for AES and RSA keys, and writes neither V1 nor CBC."""
import base64
import os

from cryptography.hazmat.primitives import hashes, keywrap, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHA1 = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
SHA256 = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def text(data):
    return base64.b64encode(data).decode()


def derived(data_key, message_id, label, length):
    return HKDF(hashes.SHA512(), length, message_id, b"\x00\x73" + label).derive(data_key)


def v3(plaintext, data_key, wrap, wrapped, more=None):
    """Metadata and body."""
    message_id = os.urandom(28)
    body = AESGCM(derived(data_key, message_id, b"DERIVEKEY", 32)).encrypt(b"\x01" * 12, plaintext, b"\x00\x73")
    return {"x-amz-c": "115", "x-amz-w": wrap, "x-amz-3": text(wrapped), "x-amz-i": text(message_id),
            "x-amz-d": text(derived(data_key, message_id, b"COMMITKEY", 28)), **(more or {})}, body


def open_v3(metadata, body, data_key):
    message_id, commitment = (base64.b64decode(metadata[name]) for name in ("x-amz-i", "x-amz-d"))
    assert derived(data_key, message_id, b"COMMITKEY", 28) == commitment
    return AESGCM(derived(data_key, message_id, b"DERIVEKEY", 32)).decrypt(b"\x01" * 12, body, b"\x00\x73")


def v2(plaintext, data_key, wrap, wrapped, matdesc="{}"):
    iv = os.urandom(12)
    return {"x-amz-key-v2": text(wrapped), "x-amz-wrap-alg": wrap, "x-amz-cek-alg": "AES/GCM/NoPadding",
            "x-amz-tag-len": "128", "x-amz-iv": text(iv), "x-amz-matdesc": matdesc,
            "x-amz-unencrypted-content-length": str(len(plaintext))}, AESGCM(data_key).encrypt(iv, plaintext, None)


def cbc(plaintext, data_key, metadata):
    iv, padder = os.urandom(16), padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(data_key), modes.CBC(iv)).encryptor()
    body = encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()
    return {"x-amz-iv": text(iv), **metadata}, body


def under_aes(key, data_key, cipher):
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, data_key, cipher)


def unwrapped_aes(key, wrapped, cipher):
    return AESGCM(key).decrypt(wrapped[:12], wrapped[12:], cipher)


def under_rsa(key, data_key, cipher):
    return key.public_key().encrypt(bytes([len(data_key)]) + data_key + cipher, SHA1)


def unwrapped_rsa(key, wrapped, cipher):
    named = key.decrypt(wrapped, SHA1)
    assert named[1 + named[0]:] == cipher, named[1 + named[0]:]
    return named[1:1 + named[0]]


def under_rsa_legacy(key, data_key):
    return key.public_key().encrypt(data_key, SHA256)


def under_rsa_v1(key, data_key):
    return key.public_key().encrypt(data_key, rsa_padding.PKCS1v15())


def under_aes_legacy(key, data_key):
    return keywrap.aes_key_wrap(key, data_key)


def under_aes_v1(key, data_key):
    padder, encryptor = padding.PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(padder.update(data_key) + padder.finalize()) + encryptor.finalize()
