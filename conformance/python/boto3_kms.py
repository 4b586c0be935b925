"""boto3 kms, with Python's `cryptography` as the other side: what one makes, the other opens or verifies."""
import datetime
import hashlib
import hmac
import json
import os
import time

import boto3
from botocore.config import Config
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from peers import refused

kms = boto3.client("kms")
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
MESSAGE = b"pump 7, 21.5 degrees"


def create(spec, usage):
    """A key of the spec, and its public half as the foreign library reads it."""
    key = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    public = kms.get_public_key(KeyId=key["KeyId"])
    assert (public["KeyId"], public["KeySpec"], public["KeyUsage"]) == (key["Arn"], spec, usage)
    return key, serialization.load_der_public_key(public["PublicKey"])


# RSA encrypts: OAEP made outside with the public key decrypts, and the sizes are RFC 8017's
for spec, sizes in [("RSA_2048", (214, 190)), ("RSA_3072", (342, 318)), ("RSA_4096", (470, 446))]:
    key, public = create(spec, "ENCRYPT_DECRYPT")
    assert isinstance(public, rsa.RSAPublicKey) and public.key_size == int(spec[-4:])
    for name, hash_, size in [("SHA_1", hashes.SHA1(), sizes[0]), ("SHA_256", hashes.SHA256(), sizes[1])]:
        algorithm, secret = f"RSAES_OAEP_{name}", bytes(range(256)) * 2
        oaep = padding.OAEP(mgf=padding.MGF1(hash_), algorithm=hash_, label=None)
        made = public.encrypt(secret[:size], oaep)
        opened = kms.decrypt(KeyId=key["KeyId"], CiphertextBlob=made, EncryptionAlgorithm=algorithm)
        assert opened["Plaintext"] == secret[:size] and opened["KeyId"] == key["Arn"] and "KeyMaterialId" not in opened
        ours = kms.encrypt(KeyId=key["KeyId"], Plaintext=secret[:size], EncryptionAlgorithm=algorithm)["CiphertextBlob"]
        assert kms.decrypt(KeyId=key["Arn"], CiphertextBlob=ours, EncryptionAlgorithm=algorithm)["Plaintext"] == secret[:size]
        refused("ValidationException", kms.encrypt, KeyId=key["KeyId"], Plaintext=secret[:size + 1], EncryptionAlgorithm=algorithm)
        refused("InvalidCiphertextException", kms.decrypt, KeyId=key["KeyId"], CiphertextBlob=made[1:], EncryptionAlgorithm=algorithm)
    refused("InvalidKeyUsageException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    refused("InvalidKeyUsageException", kms.sign, KeyId=key["KeyId"], Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")


# Every signing algorithm is verified outside, of the message and of its digest
def verify(public, algorithm, signature, message):
    """The foreign library's word."""
    hash_ = HASHES.get(algorithm[-3:])
    if algorithm.startswith("RSASSA_PKCS1"):
        public.verify(signature, message, padding.PKCS1v15(), hash_)
    elif algorithm.startswith("RSASSA_PSS"):
        public.verify(signature, message, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
    elif algorithm.startswith("ECDSA"):
        public.verify(signature, message, ec.ECDSA(hash_))
    else:
        public.verify(signature, message)


SIGNING = ["RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1",
           "ECC_NIST_EDWARDS25519", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87"]
for spec in SIGNING:
    key, public = create(spec, "SIGN_VERIFY")
    for algorithm in key["SigningAlgorithms"]:
        asked = {"KeyId": key["KeyId"], "SigningAlgorithm": algorithm}
        signature = kms.sign(Message=MESSAGE, **asked)["Signature"]
        verify(public, algorithm, signature, MESSAGE)
        try:
            verify(public, algorithm, signature, MESSAGE + b"!")
            raise AssertionError("a signature of another message")
        except InvalidSignature:
            pass
        assert kms.verify(Message=MESSAGE, Signature=signature, **asked)["SignatureValid"] is True
        refused("KMSInvalidSignatureException", kms.verify, Message=MESSAGE + b"!", Signature=signature, **asked)
        if algorithm[-3:] in HASHES and not algorithm.startswith(("ED", "ML")):
            digest = hashlib.new(f"sha{algorithm[-3:]}", MESSAGE).digest()
            signature = kms.sign(Message=digest, MessageType="DIGEST", **asked)["Signature"]
            verify(public, algorithm, signature, MESSAGE)
            assert kms.verify(Message=MESSAGE, Signature=signature, **asked)["SignatureValid"] is True
            refused("ValidationException", kms.sign, Message=digest[1:], MessageType="DIGEST", **asked)
    refused("DryRunOperationException", kms.sign, Message=MESSAGE, DryRun=True, **asked)

# Signatures made outside verify here: a data key pair's private key is a private key anywhere
sealing = kms.create_key()["KeyMetadata"]
signing, _ = create("ECC_NIST_P256", "SIGN_VERIFY")
for spec in ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"]:
    pair = kms.generate_data_key_pair(KeyId=sealing["KeyId"], KeyPairSpec=spec, EncryptionContext={"line": "4"})
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert der == pair["PublicKey"], spec
    opened = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext={"line": "4"})
    assert opened["Plaintext"] == pair["PrivateKeyPlaintext"] and opened["KeyMaterialId"] == pair["KeyMaterialId"]
    assert isinstance(private, ed25519.Ed25519PrivateKey) == (spec == "ECC_NIST_EDWARDS25519")
pair = kms.generate_data_key_pair_without_plaintext(KeyId=sealing["KeyId"], KeyPairSpec="ECC_NIST_P256")
assert "PrivateKeyPlaintext" not in pair
foreign = ec.generate_private_key(ec.SECP256R1()).sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
refused("KMSInvalidSignatureException", kms.verify, KeyId=signing["KeyId"], Message=MESSAGE, Signature=foreign, SigningAlgorithm="ECDSA_SHA_256")
r, s = utils.decode_dss_signature(kms.sign(KeyId=signing["KeyId"], Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")["Signature"])
assert r and s

# Both sides of ECDH come to one secret
for spec, curve in [("ECC_NIST_P256", ec.SECP256R1()), ("ECC_NIST_P384", ec.SECP384R1()), ("ECC_NIST_P521", ec.SECP521R1())]:
    key, public = create(spec, "KEY_AGREEMENT")
    private = ec.generate_private_key(curve)
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    derived = kms.derive_shared_secret(KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=der)
    assert derived["SharedSecret"] == private.exchange(ec.ECDH(), public), spec
    refused("ValidationException", kms.derive_shared_secret, KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=der[:-1])

# MACs: two keys differ, one key repeats itself
for bits in ["224", "256", "384", "512"]:
    keys = [kms.create_key(KeySpec=f"HMAC_{bits}", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"] for _ in range(2)]
    asked = {"Message": MESSAGE, "MacAlgorithm": f"HMAC_SHA_{bits}"}
    macs = [kms.generate_mac(KeyId=key, **asked)["Mac"] for key in [*keys, keys[0]]]
    assert macs[0] == macs[2] != macs[1] and len(macs[0]) == int(bits) // 8
    assert kms.verify_mac(KeyId=keys[0], Mac=macs[0], **asked)["MacValid"] is True
    refused("KMSInvalidMacException", kms.verify_mac, KeyId=keys[1], Mac=macs[0], **asked)
    refused("UnsupportedOperationException", kms.get_public_key, KeyId=keys[0])
assert hmac.compare_digest(macs[0], macs[2])

# Rotation: old ciphertext decrypts, new has the new material
key = kms.create_key()["KeyMetadata"]
blobs, materials = [], []
for number in range(3):
    blobs.append(kms.encrypt(KeyId=key["KeyId"], Plaintext=b"%d" % number)["CiphertextBlob"])
    materials.append(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"])
    assert kms.rotate_key_on_demand(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
for number, blob in enumerate(blobs):
    opened = kms.decrypt(CiphertextBlob=blob)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"%d" % number, materials[number])
assert len(set(materials)) == 3
kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=180)
status = kms.get_key_rotation_status(KeyId=key["KeyId"])
assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 180) and status["NextRotationDate"]
rotations = [r for page in kms.get_paginator("list_key_rotations").paginate(KeyId=key["KeyId"], PaginationConfig={"PageSize": 2}) for r in page["Rotations"]]
assert [r["RotationType"] for r in rotations] == ["ON_DEMAND"] * 3 and rotations[-1]["KeyMaterialState"] == "CURRENT"
refused("UnsupportedOperationException", kms.enable_key_rotation, KeyId=signing["KeyId"])

# Grants
WHO = "arn:aws:iam::000000000000:role/oven"
asked = {"KeyId": key["KeyId"], "GranteePrincipal": WHO, "RetiringPrincipal": WHO, "Operations": ["Decrypt", "GenerateDataKey"],
         "Constraints": {"EncryptionContextEquals": {"line": "4"}}, "Name": "lake"}
grant = kms.create_grant(**asked)
assert kms.create_grant(**asked)["GrantId"] == grant["GrantId"] and len(grant["GrantId"]) == 64
others = [kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=WHO, Operations=["Encrypt"])["GrantId"] for _ in range(5)]
pages = kms.get_paginator("list_grants").paginate(KeyId=key["KeyId"], PaginationConfig={"PageSize": 2})
assert {g["GrantId"] for page in pages for g in page["Grants"]} == {grant["GrantId"], *others}
retirable = kms.list_retirable_grants(RetiringPrincipal=WHO)["Grants"]
assert [(g["GrantId"], g["Name"], g["Constraints"]) for g in retirable] == [(grant["GrantId"], "lake", asked["Constraints"])]
kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[grant["GrantToken"]])
refused("InvalidGrantTokenException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=["AAAA"])
kms.retire_grant(GrantToken=grant["GrantToken"])
for other in others:
    kms.revoke_grant(KeyId=key["KeyId"], GrantId=other)
refused("NotFoundException", kms.revoke_grant, KeyId=key["KeyId"], GrantId=others[0])
assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
# Key policies
def statement(effect, action, **more):
    """For everybody."""
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": "*", **more}


key = kms.create_key()["KeyMetadata"]
unless = {"StringNotEquals": {"kms:EncryptionContext:line": "4"}}
policy = {"Version": "2012-10-17", "Statement": [statement("Allow", "kms:*"), statement("Deny", "kms:Encrypt", Condition=unless)]}
kms.put_key_policy(KeyId=key["KeyId"], Policy=json.dumps(policy))
refused("AccessDeniedException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"line": "4"})
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
s3.create_bucket(Bucket="guarded")
via = {"StringEquals": {"kms:ViaService": f"s3.{kms.meta.region_name}.amazonaws.com"}}
for effect, condition in [("Deny", via), ("Allow", via)]:
    policy["Statement"][1] = statement(effect, "kms:GenerateDataKey", Condition=condition)
    kms.put_key_policy(KeyId=key["KeyId"], Policy=json.dumps(policy))
    asked = {"Bucket": "guarded", "Key": "a", "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["Arn"]}
    if effect == "Deny":
        kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
        refused("KMS.AccessDeniedException", s3.put_object, **asked)
    else:
        s3.put_object(**asked)
policy["Statement"] = [statement("Allow", "kms:Decrypt")]
refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key["KeyId"], Policy=json.dumps(policy))

# Import: wrapped outside, under each key and algorithm; a foreign library knows the material, and so what it makes
def wrapped(parameters, algorithm, material):
    """The material under the wrapping key, as its owner makes it."""
    hash_ = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(mgf=padding.MGF1(hash_), algorithm=hash_, label=None)
    public = serialization.load_der_public_key(parameters["PublicKey"])
    if algorithm.startswith("RSAES"):
        return public.encrypt(material, oaep)
    aes = os.urandom(32)
    return public.encrypt(aes, oaep) + keywrap.aes_key_wrap_with_padding(aes, material)


def imported(key, material, wrapping="RSA_2048", algorithm="RSAES_OAEP_SHA_256", **asked):
    """Imports, for ever unless asked otherwise."""
    parameters = kms.get_parameters_for_import(KeyId=key["KeyId"], WrappingAlgorithm=algorithm, WrappingKeySpec=wrapping)
    asked = asked or {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    return kms.import_key_material(KeyId=key["KeyId"], ImportToken=parameters["ImportToken"],
                                   EncryptedKeyMaterial=wrapped(parameters, algorithm, material), **asked)


mac_key = os.urandom(32)
for wrapping in ["RSA_2048", "RSA_3072", "RSA_4096"]:
    for algorithm in ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]:
        key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", Origin="EXTERNAL")["KeyMetadata"]
        assert (key["KeyState"], key["Enabled"], key["Origin"]) == ("PendingImport", False, "EXTERNAL")
        refused("KMSInvalidStateException", kms.generate_mac, KeyId=key["KeyId"], Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")
        assert imported(key, mac_key, wrapping, algorithm)["KeyId"] == key["Arn"]
        made = kms.generate_mac(KeyId=key["KeyId"], Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]
        assert made == hmac.digest(mac_key, MESSAGE, "sha256"), (wrapping, algorithm)
for spec, private in [("ECC_NIST_P384", ec.generate_private_key(ec.SECP384R1())), ("RSA_2048", rsa.generate_private_key(65537, 2048))]:
    key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")["KeyMetadata"]
    der = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    imported(key, der, algorithm="RSA_AES_KEY_WRAP_SHA_256")
    algorithm = key["SigningAlgorithms"][0]
    signature = kms.sign(KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm=algorithm)["Signature"]
    verify(private.public_key(), algorithm, signature, MESSAGE)
key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
material = os.urandom(32)
first = imported(key, material)["KeyMaterialId"]
blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
kms.delete_imported_key_material(KeyId=key["KeyId"])
refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
try:
    imported(key, os.urandom(32))
    raise AssertionError("other material taken")
except kms.exceptions.IncorrectKeyMaterialException:
    pass
until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
assert imported(key, material, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until)["KeyMaterialId"] == first
assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
assert described["ExpirationModel"] == "KEY_MATERIAL_EXPIRES" and abs((described["ValidTo"] - until).total_seconds()) < 1
time.sleep(4)
assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingImport"
imported(key, material)
second = imported(key, os.urandom(32), ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE", ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
kms.rotate_key_on_demand(KeyId=key["KeyId"])
materials = kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
assert [(m["KeyMaterialId"], m["KeyMaterialState"], m["ImportState"]) for m in materials] == [
    (first, "NON_CURRENT", "IMPORTED"), (second, "CURRENT", "IMPORTED")]
assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == first
print("ok")
