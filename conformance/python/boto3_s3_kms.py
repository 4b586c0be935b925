"""boto3 s3 and kms: encryption that really happens, and the refusals S3 and KMS make."""
import hashlib

import boto3
from botocore.config import Config
from peers import refused

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
kms = boto3.client("kms")


# KMS
key = kms.create_key(Description="lake", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
assert (key["KeyState"], key["KeyManager"], key["Enabled"], key["Origin"]) == ("Enabled", "CUSTOMER", True, "AWS_KMS")
kms.create_alias(AliasName="alias/lake", TargetKeyId=key["KeyId"])
made = kms.encrypt(KeyId="alias/lake", Plaintext=b"secret", EncryptionContext={"a": "b"})
assert made["KeyId"] == key["Arn"]
assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"] == b"secret"
refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"A": "b"})
refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=b"nonsense")
data_key = kms.generate_data_key(KeyId=key["Arn"], KeySpec="AES_256")
assert kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"] and len(data_key["Plaintext"]) == 32
other = kms.create_key()["KeyMetadata"]
refused("IncorrectKeyException", kms.decrypt, CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"}, KeyId=other["KeyId"])
again = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext={"a": "b"}, DestinationKeyId=other["KeyId"])
assert kms.decrypt(CiphertextBlob=again["CiphertextBlob"])["KeyId"] == other["Arn"]
assert len(kms.generate_random(NumberOfBytes=7)["Plaintext"]) == 7
assert {k["KeyId"] for k in kms.list_keys()["Keys"]} == {key["KeyId"], other["KeyId"]}

# Buckets and their default
s3.create_bucket(Bucket="lake")
s3.create_bucket(Bucket="lake")  # in us-east-1 making it again is no error, for reasons of history
rules = s3.get_bucket_encryption(Bucket="lake")["ServerSideEncryptionConfiguration"]["Rules"]
assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"} and rules[0]["BucketKeyEnabled"] is False
body = b"hello, lake"
put = s3.put_object(Bucket="lake", Key="plain", Body=body, ContentType="text/plain", Metadata={"line": "4"})
assert put["ServerSideEncryption"] == "AES256" and put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
got = s3.get_object(Bucket="lake", Key="plain")
assert got["Body"].read() == body and got["ContentType"] == "text/plain" and got["Metadata"] == {"line": "4"}
s3.put_bucket_encryption(Bucket="lake", ServerSideEncryptionConfiguration={"Rules": [
    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["Arn"]}, "BucketKeyEnabled": True}]})
put = s3.put_object(Bucket="lake", Key="sealed", Body=body)
assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("aws:kms", key["Arn"], True)
assert put["ETag"] != f'"{hashlib.md5(body).hexdigest()}"'
assert s3.head_object(Bucket="lake", Key="sealed")["SSEKMSKeyId"] == key["Arn"]
assert s3.put_object(Bucket="lake", Key="floor", Body=body, ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
managed = s3.put_object(Bucket="lake", Key="managed", Body=body, ServerSideEncryption="aws:kms")["SSEKMSKeyId"]
assert kms.describe_key(KeyId=managed)["KeyMetadata"]["KeyManager"] == "AWS"

# A disabled key makes its objects unreadable at once
kms.disable_key(KeyId=key["KeyId"])
refused("KMS.DisabledException", s3.get_object, Bucket="lake", Key="sealed")
refused("KMS.DisabledException", s3.put_object, Bucket="lake", Key="more", Body=b"x")
kms.enable_key(KeyId=key["KeyId"])
assert s3.get_object(Bucket="lake", Key="sealed")["Body"].read() == body
kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
refused("KMS.KMSInvalidStateException", s3.get_object, Bucket="lake", Key="sealed")
kms.cancel_key_deletion(KeyId=key["KeyId"])
kms.enable_key(KeyId=key["KeyId"])

# Ranges, conditions, listings, digests
large = bytes(range(256)) * 2000
s3.put_object(Bucket="lake", Key="large", Body=large)
got = s3.get_object(Bucket="lake", Key="large", Range="bytes=65530-65545")
assert got["Body"].read() == large[65530:65546] and got["ContentRange"] == f"bytes 65530-65545/{len(large)}"
refused("InvalidRange", s3.get_object, Bucket="lake", Key="large", Range="bytes=9999999-")
refused("304", s3.get_object, Bucket="lake", Key="plain", IfNoneMatch=s3.head_object(Bucket="lake", Key="plain")["ETag"])
refused("PreconditionFailed", s3.put_object, Bucket="lake", Key="plain", Body=b"", IfNoneMatch="*")
for algorithm in ["CRC32", "CRC32C", "SHA1", "SHA256"]:
    s3.put_object(Bucket="lake", Key="sum", Body=body, ChecksumAlgorithm=algorithm)
    assert f"Checksum{algorithm}" in s3.get_object(Bucket="lake", Key="sum", ChecksumMode="ENABLED")
refused("BadDigest", s3.put_object, Bucket="lake", Key="sum", Body=body, ChecksumCRC32="AAAAAA==")
for number in range(12):
    s3.put_object(Bucket="lake", Key=f"many/{number:02}/x y&z", Body=b"")
keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix="many/", PaginationConfig={"PageSize": 5}) for o in page["Contents"]]
assert keys == [f"many/{number:02}/x y&z" for number in range(12)]
assert [p["Prefix"] for p in s3.list_objects_v2(Bucket="lake", Delimiter="/")["CommonPrefixes"]] == ["many/"]
deleted = s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": key} for key in keys]})
assert len(deleted["Deleted"]) == 12 and s3.list_objects_v2(Bucket="lake", Prefix="many/")["KeyCount"] == 0
refused("NoSuchKey", s3.get_object, Bucket="lake", Key="absent")
refused("BucketNotEmpty", s3.delete_bucket, Bucket="lake")
refused("MalformedXML", s3.put_bucket_encryption, Bucket="lake", ServerSideEncryptionConfiguration={"Rules": []})
error = refused("InvalidArgument", s3.put_bucket_encryption, Bucket="lake", ServerSideEncryptionConfiguration={"Rules": [
    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "x"}}]})
assert error["Error"]["ArgumentName"] == "ApplyServerSideEncryptionByDefault"
print("ok")
