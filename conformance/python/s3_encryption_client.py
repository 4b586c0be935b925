"""The Amazon S3 Encryption Client for Python and `sekisho object` read what the other wrote, in every format, wrap and
commitment policy; what was changed on the way is read by neither."""
import base64
import json
import os
import pathlib
import subprocess

import boto3
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
from s3_encryption.exceptions import S3EncryptionClientError
from s3_encryption.instruction_file_config import InstructionFileConfig
from s3_encryption.materials.kms_keyring import KmsKeyring
from s3_encryption.materials.materials import AlgorithmSuite, CommitmentPolicy
from s3_envelopes import (cbc, open_v3, text, under_aes, under_aes_legacy, under_aes_v1, under_rsa, under_rsa_legacy,
                          under_rsa_v1, unwrapped_aes, unwrapped_rsa, v2, v3)

s3, kms = boto3.client("s3"), boto3.client("kms")
GCM, COMMITTED = AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF, AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
FORBID, ALLOW, REQUIRE = (CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT, CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT,
                          CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
CONTEXT, FLAGS = {"plant": "7", "line": 'a "b" = c'}, ["--context", "plant=7", "--context", 'line=a "b" = c']
PLAINTEXT = b"PLANTED-MARKER-0123456789" * 1000
LEGACY_CONTEXT = {"kms_cmk_id": "of-old"}
PLACE = pathlib.Path("place")


def client(policy, suite=COMMITTED, legacy=False, **more):
    keyring = KmsKeyring(kms_client=boto3.client("kms"), kms_key_id=KEY, enable_legacy_wrapping_algorithms=legacy)
    config = S3EncryptionClientConfig(keyring=keyring, encryption_algorithm=suite, commitment_policy=policy,
                                      enable_legacy_unauthenticated_modes=legacy, **more)
    return S3EncryptionClient(boto3.client("s3"), config)


def sekisho(*arguments, **more):
    return subprocess.run(["sekisho", "object", *arguments], capture_output=True, **more)


def got(key, *flags):
    ran = sekisho("get", f"s3://lake/{key}", "--decrypt", *flags)
    assert ran.returncode == 0, (key, flags, ran.stderr)
    return ran.stdout


def not_got(says, key, *flags):
    """Refused, with the reason and without a byte of plaintext: not on standard output, and no file."""
    ran = sekisho("get", f"s3://lake/{key}", "--decrypt", *flags)
    assert (ran.returncode, ran.stdout) == (1, b""), (key, flags, ran)
    assert says in ran.stderr.decode(), (key, flags, ran.stderr)
    PLACE.mkdir(exist_ok=True)
    (PLACE / "file").write_bytes(b"before")
    ran = sekisho("get", f"s3://lake/{key}", str(PLACE / "file"), "--decrypt", *flags)
    assert ran.returncode == 1, (key, flags, ran)
    assert [(f.name, f.read_bytes()) for f in PLACE.iterdir()] == [("file", b"before")], (key, flags)


def refused_by(client, key, **more):
    try:
        client.get_object(Bucket="lake", Key=key, **more)["Body"].read()
    except S3EncryptionClientError:
        return
    raise AssertionError(f"{key} should have been refused")


def read_by(client, key, **more):
    return client.get_object(Bucket="lake", Key=key, **more)["Body"].read()


def copied(source, key, body=None, **changed):
    """The object `source` as `key`, with another body or other metadata (`_` stands for `-`, None removes)."""
    found = s3.get_object(Bucket="lake", Key=source)
    metadata = {**found["Metadata"], **{name.replace("_", "-"): value for name, value in changed.items()}}
    put(key, {name: value for name, value in metadata.items() if value is not None}, body or found["Body"].read())


def put(key, metadata, body):
    s3.put_object(Bucket="lake", Key=key, Body=body, Metadata=metadata)


def flipped(data, at=0):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def flipped_text(encoded, at=0):
    return text(flipped(base64.b64decode(encoded), at))


def by_the_client():
    for policy, suite in ((FORBID, GCM), (ALLOW, COMMITTED), (REQUIRE, COMMITTED)):
        writer = client(policy, suite)
        for context, flags in (({}, []), (CONTEXT, FLAGS)):
            for plaintext in (b"", PLAINTEXT):
                key = f"client/{suite.suite_id}/{policy.value}/{len(context)}/{len(plaintext)}"
                more = {"EncryptionContext": context} if context else {}
                writer.put_object(Bucket="lake", Key=key, Body=plaintext, **more)
                stored = s3.get_object(Bucket="lake", Key=key)
                assert ("x-amz-3" in stored["Metadata"]) == (suite == COMMITTED), stored["Metadata"]
                stored = stored["Body"].read()
                assert len(stored) == len(plaintext) + 16 and b"MARKER" not in stored
                for reader in (FORBID, ALLOW, REQUIRE):
                    reader = client(reader, GCM if reader == FORBID else COMMITTED)
                    if suite == GCM and reader.config.commitment_policy == REQUIRE:
                        refused_by(reader, key, **more)
                    else:
                        assert read_by(reader, key, **more) == plaintext
                assert got(key, *flags) == plaintext
                assert got(key, "--kms-key-id", KEY, *flags) == plaintext
    # One cipher run over several parts, and the tag at the end of the last
    large = os.urandom(11 * 1024 * 1024 + 7)
    pathlib.Path("large").write_bytes(large)
    client(REQUIRE).upload_file("large", "lake", "client/parts", multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    assert s3.head_object(Bucket="lake", Key="client/parts")["ETag"].endswith('-3"')
    assert read_by(client(REQUIRE), "client/parts") == large == got("client/parts")
    # A part of the ciphertext, as clients that read ranges ask for it
    whole = s3.get_object(Bucket="lake", Key="client/parts")["Body"].read()
    part = s3.get_object(Bucket="lake", Key="client/parts", Range=f"bytes={5 * 2**20 - 16}-{5 * 2**20 + 15}")
    assert (part["Body"].read(), part["ResponseMetadata"]["HTTPStatusCode"]) == (whole[5 * 2**20 - 16:5 * 2**20 + 16], 206)
    # A copy is the same object
    s3.copy_object(Bucket="lake", Key="client/copy", CopySource="lake/client/parts")
    assert got("client/copy") == large


def by_sekisho():
    pathlib.Path("plain").write_bytes(PLAINTEXT)
    for key, more, flags in (("ours/1", {}, []), ("ours/a b/é/2", {"EncryptionContext": CONTEXT}, FLAGS)):
        ran = sekisho("put", "plain", f"s3://lake/{key}", "--encrypt", "--kms-key-id", KEY, *flags)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b""), ran
        assert b"MARKER" not in s3.get_object(Bucket="lake", Key=key)["Body"].read()
        for policy in (ALLOW, REQUIRE):
            assert read_by(client(policy), key, **more) == PLAINTEXT
        assert got(key, *flags) == PLAINTEXT
    # By the AWS_… variables, by alias, from standard input, to a file
    kms.create_alias(AliasName="alias/lake", TargetKeyId=KEY)
    environment = {name: value for name, value in os.environ.items() if name != "SEKISHO_DATA"}
    ran = sekisho("put", "-", "s3://lake/ours/3", "--encrypt", "--kms-key-id", "alias/lake", input=PLAINTEXT, env=environment)
    assert ran.returncode == 0, ran
    assert sekisho("get", "s3://lake/ours/3", "here", "--decrypt", env=environment).returncode == 0
    assert pathlib.Path("here").read_bytes() == PLAINTEXT == read_by(client(REQUIRE), "ours/3")
    # Letters that HTTP does not carry
    assert sekisho("put", "plain", "s3://lake/ours/4", "--encrypt", "--kms-key-id", KEY, "--context", "Werk=Zürich 工場").returncode == 0
    assert got("ours/4", "--context", "Werk=Zürich 工場") == PLAINTEXT
    # As it is
    assert sekisho("put", "plain", "s3://lake/ours/plain").returncode == 0
    assert s3.get_object(Bucket="lake", Key="ours/plain")["Body"].read() == PLAINTEXT
    assert sekisho("get", "s3://lake/ours/plain").stdout == PLAINTEXT
    not_got("was not encrypted by a client", "ours/plain")
    not_got("NoSuchKey", "ours/nothing")
    for flags in (["--encrypt"], ["--kms-key-id", KEY], ["--encrypt", "--kms-key-id", KEY, "--aes-key", "x"],
                  ["--encrypt", "--aes-key", "x", "--context", "a=b"]):
        assert sekisho("put", "plain", "s3://lake/ours/no", *flags).returncode == 2, flags


def own_keys():
    """AES and RSA keys, both ways, by hand on the other side."""
    data_key, aes_key, rsa_key = os.urandom(32), os.urandom(32), rsa.generate_private_key(public_exponent=65537, key_size=3072)
    pathlib.Path("aes").write_bytes(aes_key)
    pathlib.Path("aes64").write_text(text(aes_key) + "\n")
    pathlib.Path("other").write_bytes(os.urandom(32))
    pem = serialization.Encoding.PEM
    pathlib.Path("rsa").write_bytes(
        rsa_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    pathlib.Path("rsa.pub").write_bytes(rsa_key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    aes, private = ["--aes-key", "aes"], ["--rsa-key", "rsa"]
    for name, (metadata, body), flags in (
        ("02", v3(PLAINTEXT, data_key, "02", under_aes(aes_key, data_key, b"115"), {"x-amz-m": '{"k": "1"}'}), aes),
        ("22", v3(PLAINTEXT, data_key, "22", under_rsa(rsa_key, data_key, b"115")), private),
        ("AES/GCM", v2(PLAINTEXT, data_key, "AES/GCM", under_aes(aes_key, data_key, b"AES/GCM/NoPadding")), aes),
        ("RSA", v2(PLAINTEXT, data_key, "RSA-OAEP-SHA1", under_rsa(rsa_key, data_key, b"AES/GCM/NoPadding")), private),
    ):
        put(f"own/{name}", metadata, body)
        assert got(f"own/{name}", *flags) == PLAINTEXT, name
        not_got("give --", f"own/{name}")
    # A V2 key does not pass for a V3 key
    metadata, body = v3(PLAINTEXT, data_key, "02", under_aes(aes_key, data_key, b"AES/GCM/NoPadding"))
    put("own/confused", metadata, body)
    not_got("does not unwrap", "own/confused", *aes)
    not_got("does not unwrap", "own/02", "--aes-key", "other")
    for key, flags in (("own/ours-aes", ["--aes-key", "aes64"]), ("own/ours-rsa", ["--rsa-key", "rsa.pub"])):
        assert sekisho("put", "plain", f"s3://lake/{key}", "--encrypt", *flags).returncode == 0
        stored = s3.get_object(Bucket="lake", Key=key)
        metadata, wrapped = stored["Metadata"], base64.b64decode(stored["Metadata"]["x-amz-3"])
        unwrapped = unwrapped_aes(aes_key, wrapped, b"115") if "aes" in key else unwrapped_rsa(rsa_key, wrapped, b"115")
        assert open_v3(metadata, stored["Body"].read(), unwrapped) == PLAINTEXT
        assert got(key, *(aes if "aes" in key else private)) == PLAINTEXT
    # Legacy
    for name, (metadata, body), flags in (
        ("AESWrap", v2(PLAINTEXT, data_key, "AESWrap", under_aes_legacy(aes_key, data_key)), aes),
        ("RSA256", v2(PLAINTEXT, data_key, "RSA/ECB/OAEPWithSHA-256AndMGF1Padding", under_rsa_legacy(rsa_key, data_key)), private),
        ("V1-AES", cbc(PLAINTEXT, data_key, {"x-amz-key": text(under_aes_v1(aes_key, data_key)), "x-amz-matdesc": "{}"}), aes),
        ("V1-RSA", cbc(PLAINTEXT, data_key, {"x-amz-key": text(under_rsa_v1(rsa_key, data_key)), "x-amz-matdesc": "{}"}), private),
    ):
        put(f"own/{name}", metadata, body)
        assert got(f"own/{name}", "--legacy", *flags) == PLAINTEXT, name
        not_got("is legacy", f"own/{name}", *flags)


def legacy():
    """With KMS: V1 and V2 of old, which the client reads too."""
    made = kms.generate_data_key(KeyId=KEY, KeySpec="AES_256", EncryptionContext=LEGACY_CONTEXT)
    data_key, blob, matdesc = made["Plaintext"], made["CiphertextBlob"], json.dumps(LEGACY_CONTEXT)
    of_kms = {"x-amz-wrap-alg": "kms", "x-amz-matdesc": matdesc}
    for name, (metadata, body) in (
        ("V1", cbc(PLAINTEXT, data_key, {"x-amz-key": text(blob), **of_kms})),
        ("V2-CBC", cbc(PLAINTEXT, data_key, {"x-amz-key-v2": text(blob), "x-amz-cek-alg": "AES/CBC/PKCS5Padding", **of_kms})),
        ("V2-kms", v2(PLAINTEXT, data_key, "kms", blob, matdesc)),
    ):
        put(f"legacy/{name}", metadata, body)
        assert read_by(client(ALLOW, legacy=True), f"legacy/{name}") == PLAINTEXT, name
        refused_by(client(ALLOW), f"legacy/{name}")
        assert got(f"legacy/{name}", "--legacy") == PLAINTEXT, name
        not_got("is legacy", f"legacy/{name}")
        not_got("has no encryption context", f"legacy/{name}", "--legacy", "--context", "a=b")


def instruction_files():
    """The client reads them; what writes them here moves the envelope out of an object of its own."""
    bodies = ("x-amz-c", "x-amz-d", "x-amz-i")
    for suffix, own in ((".instruction", []), (".other", ["--instruction-suffix", ".other"])):
        for suite, policy in ((COMMITTED, REQUIRE), (GCM, FORBID)):
            key = f"file/{suite.suite_id}{suffix}/object"
            client(policy, suite).put_object(Bucket="lake", Key=key, Body=PLAINTEXT, EncryptionContext=CONTEXT)
            found = s3.get_object(Bucket="lake", Key=key)
            envelope = found["Metadata"]
            put(key, {name: value for name, value in envelope.items() if name in bodies}, found["Body"].read())
            file = {name: value for name, value in envelope.items() if name not in bodies}
            refused_by(client(policy, suite), key, EncryptionContext=CONTEXT)
            not_got("there is no s3://lake/" + key + suffix, key, *own, *FLAGS)
            put(key + suffix, {"x-amz-crypto-instr-file": ""}, json.dumps(file))
            more = {"EncryptionContext": CONTEXT, "InstructionFileSuffix": suffix}
            assert read_by(client(policy, suite), key, **more) == PLAINTEXT
            without = client(policy, suite, instruction_file_config=InstructionFileConfig(disable_get_object=True))
            refused_by(without, key, **more)
            assert got(key, *own, *FLAGS) == PLAINTEXT
            not_got("context", key, *own)
            # What belongs to the object is not taken from the file, and a foreign name is no part of one
            for foreign in ({"x-amz-c": "115"}, {"x-amz-d": text(bytes(28))}, {"color": "red"}):
                put(key + suffix, {"x-amz-crypto-instr-file": ""}, json.dumps({**file, **foreign}))
                refused_by(client(policy, suite), key, **more)
                not_got("does not belong there", key, *own, *FLAGS)
            not_got("is an instruction file", key + suffix)
    # An injected V2 wrap beside V3 content: no way around the commitment
    made = kms.generate_data_key(KeyId=KEY, KeySpec="AES_256", EncryptionContext={"aws:x-amz-cek-alg": "AES/GCM/NoPadding"})
    metadata, _ = v2(PLAINTEXT, made["Plaintext"], "kms+context", made["CiphertextBlob"],
                     '{"aws:x-amz-cek-alg": "AES/GCM/NoPadding"}')
    key = f"file/{COMMITTED.suite_id}.instruction/object"
    put(key + ".instruction", {"x-amz-crypto-instr-file": ""}, json.dumps(metadata_of_client(metadata)))
    refused_by(client(ALLOW), key)
    not_got("are of two formats", key)
    # Deleting the object deletes its file
    client(REQUIRE).delete_object(Bucket="lake", Key=key)
    for gone in (key, key + ".instruction"):
        try:
            s3.head_object(Bucket="lake", Key=gone)
            raise AssertionError(f"{gone} is still there")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "404", error


def metadata_of_client(metadata):
    return {name: value for name, value in metadata.items() if name != "x-amz-unencrypted-content-length"}


def changed():
    reader = client(REQUIRE)
    reader.put_object(Bucket="lake", Key="changed/v3", Body=PLAINTEXT, EncryptionContext=CONTEXT)
    stored = s3.get_object(Bucket="lake", Key="changed/v3")
    metadata, body = stored["Metadata"], stored["Body"].read()
    more = {"EncryptionContext": CONTEXT}
    for context, flags in (({}, []), ({"plant": "8"}, ["--context", "plant=8"]),
                           ({**CONTEXT, "x": ""}, [*FLAGS, "--context", "x="]),
                           ({"Plant": "7", "line": CONTEXT["line"]}, ["--context", "Plant=7", *FLAGS[2:]])):
        refused_by(reader, "changed/v3", EncryptionContext=context)
        not_got("the encryption context is not the one", "changed/v3", *flags)
    not_got("is reserved", "changed/v3", *FLAGS, "--context", "aws:x-amz-cek-alg=115")
    # The same context, but not what KMS bound: somebody has rewritten it, and whoever reads believed them
    copied("changed/v3", "changed/context", x_amz_t=json.dumps({"aws:x-amz-cek-alg": "115", "plant": "8"}))
    refused_by(reader, "changed/context", EncryptionContext={"plant": "8"})
    not_got("InvalidCiphertextException", "changed/context", "--context", "plant=8")
    for at in (0, len(body) // 2, len(body) - 17, len(body) - 16, len(body) - 1):
        copied("changed/v3", "changed/body", flipped(body, at))
        refused_by(reader, "changed/body", **more)
        not_got("the body does not open", "changed/body", *FLAGS)
    for cut in (body[:-1], body[1:], body[:15], body + b"\0"):
        copied("changed/v3", "changed/body", cut)
        refused_by(reader, "changed/body", **more)
        not_got("the body does not open", "changed/body", *FLAGS)
    for name in ("x-amz-d", "x-amz-i"):
        copied("changed/v3", "changed/commitment", **{name: flipped_text(metadata[name], 27)})
        refused_by(reader, "changed/commitment", **more)
        not_got("the key commitment does not match", "changed/commitment", *FLAGS)
    for at in range(0, len(base64.b64decode(metadata["x-amz-3"])), 8):
        copied("changed/v3", "changed/key", x_amz_3=flipped_text(metadata["x-amz-3"], at))
        refused_by(reader, "changed/key", **more)
        not_got("kms Decrypt", "changed/key", *FLAGS)
    # Another data key that KMS opens: the commitment tells it from the one the body is encrypted under
    other = kms.generate_data_key(KeyId=KEY, KeySpec="AES_256", EncryptionContext=json.loads(metadata["x-amz-t"]))
    copied("changed/v3", "changed/key", x_amz_3=text(other["CiphertextBlob"]))
    refused_by(reader, "changed/key", **more)
    not_got("the key commitment does not match", "changed/key", *FLAGS)
    # Two formats at once, a part that is missing
    for name, value in (("x_amz_key_v2", metadata["x-amz-3"]), ("x_amz_key", metadata["x-amz-3"])):
        copied("changed/v3", "changed/formats", **{name: value})
        refused_by(reader, "changed/formats", **more)
        not_got("are of two formats", "changed/formats", *FLAGS)
    for name in ("x-amz-c", "x-amz-w", "x-amz-d", "x-amz-i"):
        copied("changed/v3", "changed/missing", **{name: None})
        refused_by(reader, "changed/missing", **more)
        not_got(f"`{name}` is missing", "changed/missing", *FLAGS)
    # Somebody else's KMS key, where one is asked for; a key that is switched off
    another = kms.create_key()["KeyMetadata"]["Arn"]
    not_got("IncorrectKeyException", "changed/v3", "--kms-key-id", another, *FLAGS)
    not_got("not by the key that was given", "changed/v3", "--aes-key", "aes", *FLAGS)
    kms.disable_key(KeyId=KEY)
    refused_by(reader, "changed/v3", **more)
    not_got("DisabledException", "changed/v3", *FLAGS)
    kms.enable_key(KeyId=KEY)
    assert got("changed/v3", *FLAGS) == PLAINTEXT


KEY = kms.create_key(Description="of the encryption client")["KeyMetadata"]["Arn"]
s3.create_bucket(Bucket="lake")
for step in (by_the_client, by_sekisho, own_keys, legacy, instruction_files, changed):
    step()
    print(step.__name__, "ok")
