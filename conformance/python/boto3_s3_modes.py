"""boto3 s3: customers' keys, two layers, re-encryption, versions, tags, parts and copies in every mode, and S3's refusals."""
import base64
import hashlib
import os

import boto3
from botocore.config import Config
from peers import refused

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
kms = boto3.client("kms")
key = kms.create_key()["KeyMetadata"]["Arn"]
s3.create_bucket(Bucket="modes")
B = {"Bucket": "modes"}
body = os.urandom(200_000)
secret, other = os.urandom(16).hex(), os.urandom(16).hex()
C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": secret}
WRONG = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": other}

# SSE-C is blocked on new buckets, and the rule says so
refused("AccessDenied", s3.put_object, **B, Key="c", Body=body, **C)
rule = s3.get_bucket_encryption(**B)["ServerSideEncryptionConfiguration"]["Rules"][0]
assert rule["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}, rule
rule["BlockedEncryptionTypes"]["EncryptionType"] = ["NONE"]
s3.put_bucket_encryption(**B, ServerSideEncryptionConfiguration={"Rules": [rule]})
put = s3.put_object(**B, Key="c", Body=body, **C)
assert put["SSECustomerKeyMD5"] == base64.b64encode(hashlib.md5(secret.encode()).digest()).decode() and "ServerSideEncryption" not in put
assert put["ETag"] != f'"{hashlib.md5(body).hexdigest()}"'
assert s3.get_object(**B, Key="c", **C)["Body"].read() == body
assert s3.get_object(**B, Key="c", Range="bytes=65530-131080", **C)["Body"].read() == body[65530:131081]
refused("InvalidRequest", s3.get_object, **B, Key="c")
refused("AccessDenied", s3.get_object, **B, Key="c", **WRONG)
refused("400", s3.head_object, **B, Key="c")
refused("403", s3.head_object, **B, Key="c", **WRONG)
s3.put_object(**B, Key="plain", Body=body)
refused("InvalidRequest", s3.get_object, **B, Key="plain", **C)
error = refused("InvalidArgument", s3.put_object, **B, Key="c", Body=b"", ServerSideEncryption="AES256", **C)
assert error["Error"]["ArgumentName"] == "x-amz-server-side-encryption"
refused("InvalidEncryptionAlgorithmError", s3.put_object, **B, Key="c", Body=b"", SSECustomerAlgorithm="AES128", SSECustomerKey=secret)
refused("InvalidArgument", s3.put_object, **B, Key="c", Body=b"", SSECustomerAlgorithm="AES256", SSECustomerKey="short")

# DSSE-KMS; both modes need the key
two = s3.put_object(**B, Key="two", Body=body, ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=key)
assert (two["ServerSideEncryption"], two["SSEKMSKeyId"]) == ("aws:kms:dsse", key)
got = s3.get_object(**B, Key="two", Range="bytes=65000-66000")
assert got["Body"].read() == body[65000:66001] and got["ServerSideEncryption"] == "aws:kms:dsse"
kms.disable_key(KeyId=key)
refused("KMS.DisabledException", s3.get_object, **B, Key="two")
kms.enable_key(KeyId=key)

# Copies between all modes: the source's mode is never inherited
modes = {"plain": ({}, {}), "two": ({}, {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": key}), "c": (C, C)}
for source, (opens, _) in modes.items():
    for target, (reads, seals) in modes.items():
        from_key = {f"CopySource{name}": value for name, value in opens.items()}
        s3.copy_object(**B, Key=f"copy-{target}", CopySource=f"modes/{source}", **from_key, **seals)
        assert s3.get_object(**B, Key=f"copy-{target}", **reads)["Body"].read() == body, (source, target)
refused("InvalidRequest", s3.copy_object, **B, Key="copy", CopySource="modes/c")
assert s3.copy_object(**B, Key="copy", CopySource="modes/c", **{f"CopySource{k}": v for k, v in C.items()})["ServerSideEncryption"] == "AES256"

# Parts in every mode, some of them copies of what is here
part = os.urandom(5 * 1024 * 1024)
s3.put_object(**B, Key="part", Body=part)
for target, (reads, seals) in modes.items():
    upload = s3.create_multipart_upload(**B, Key="parts", ChecksumAlgorithm="SHA256", **seals)["UploadId"]
    assert upload in [u["UploadId"] for u in s3.list_multipart_uploads(**B, Prefix="par")["Uploads"]]
    named = dict(Bucket="modes", Key="parts", UploadId=upload)
    if target == "c":
        refused("InvalidRequest", s3.upload_part, **named, PartNumber=1, Body=b"x")
        refused("InvalidRequest", s3.upload_part, **named, PartNumber=1, Body=b"x", **WRONG)
    one = s3.upload_part(**named, PartNumber=1, Body=part, ChecksumAlgorithm="SHA256", **reads)
    two = s3.upload_part_copy(**named, PartNumber=2, CopySource="modes/part", CopySourceRange="bytes=10-29", **reads)["CopyPartResult"]
    refused("InvalidArgument", s3.upload_part_copy, **named, PartNumber=3, CopySource="modes/part", CopySourceRange="bytes=0-99999999", **reads)
    parts = [{"PartNumber": n, "ETag": p["ETag"], "ChecksumSHA256": p["ChecksumSHA256"]} for n, p in [(1, one), (2, two)]]
    done = s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"') and "SSECustomerKeyMD5" not in done
    assert s3.get_object(**B, Key="parts", **reads)["Body"].read() == part + part[10:30]
    got = s3.get_object(**B, Key="parts", PartNumber=2, **reads)
    assert got["Body"].read() == part[10:30] and got["PartsCount"] == 2
    # boto3 encodes customers' keys for other operations, and not for this one
    raw = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64encode(secret.encode()).decode(), "SSECustomerKeyMD5": put["SSECustomerKeyMD5"]} if reads else {}
    attributes = s3.get_object_attributes(**B, Key="parts", ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "Checksum"], **raw)
    assert attributes["ObjectSize"] == len(part) + 20 and attributes["ObjectParts"]["TotalPartsCount"] == 2
    assert [p["Size"] for p in attributes["ObjectParts"]["Parts"]] == [len(part), 20] and attributes["Checksum"]["ChecksumType"] == "COMPOSITE"
refused("InvalidPartNumber", s3.get_object, **B, Key="parts", PartNumber=3, **C)
upload = s3.create_multipart_upload(**B, Key="given up")["UploadId"]
s3.abort_multipart_upload(**B, Key="given up", UploadId=upload)
refused("NoSuchUpload", s3.list_parts, **B, Key="given up", UploadId=upload)
assert "Uploads" not in s3.list_multipart_uploads(**B)

# UpdateObjectEncryption: another key, the same object
before = s3.head_object(**B, Key="plain")
s3.update_object_encryption(**B, Key="plain", ObjectEncryption={"SSEKMS": {"KMSKeyArn": key}})
after = s3.head_object(**B, Key="plain")
assert (after["ServerSideEncryption"], after["SSEKMSKeyId"]) == ("aws:kms", key)
assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
assert s3.get_object(**B, Key="plain")["Body"].read() == body
refused("InvalidRequest", s3.update_object_encryption, **B, Key="c", ObjectEncryption={"SSEKMS": {"KMSKeyArn": key}})

# Versions
assert "Status" not in s3.get_bucket_versioning(**B) and "VersionId" not in s3.head_object(**B, Key="plain")
s3.put_bucket_versioning(**B, VersioningConfiguration={"Status": "Enabled"})
first = s3.put_object(**B, Key="v", Body=b"one")["VersionId"]
second = s3.put_object(**B, Key="v", Body=b"two", **C)["VersionId"]
assert s3.get_object(**B, Key="v", VersionId=first)["Body"].read() == b"one"
assert s3.get_object(**B, Key="v", **C)["VersionId"] == second
marker = s3.delete_object(**B, Key="v")
assert marker["DeleteMarker"] is True
error = refused("NoSuchKey", s3.get_object, **B, Key="v")
assert error["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
refused("405", s3.head_object, **B, Key="v", VersionId=marker["VersionId"])
refused("MethodNotAllowed", s3.get_object, **B, Key="v", VersionId=marker["VersionId"])
refused("NoSuchVersion", s3.get_object, **B, Key="v", VersionId="0" * 32)
refused("InvalidArgument", s3.get_object, **B, Key="v", VersionId="nonsense")
pages = list(s3.get_paginator("list_object_versions").paginate(**B, Prefix="v", PaginationConfig={"PageSize": 1}))
assert [v["VersionId"] for p in pages for v in p.get("Versions", [])] == [second, first]
assert [(m["VersionId"], m["IsLatest"]) for p in pages for m in p.get("DeleteMarkers", [])] == [(marker["VersionId"], True)]
assert "Contents" not in s3.list_objects_v2(**B, Prefix="v")
assert s3.delete_object(**B, Key="v", VersionId=marker["VersionId"])["DeleteMarker"] is True
assert s3.get_object(**B, Key="v", **C)["Body"].read() == b"two"
s3.copy_object(**B, Key="v2", CopySource={"Bucket": "modes", "Key": "v", "VersionId": first})
assert s3.get_object(**B, Key="v2")["Body"].read() == b"one"
s3.put_bucket_versioning(**B, VersioningConfiguration={"Status": "Suspended"})
assert s3.put_object(**B, Key="v", Body=b"three")["VersionId"] == "null"
assert len(s3.list_object_versions(**B, Prefix="v")["Versions"]) == 4
refused("IllegalVersioningConfigurationException", s3.put_bucket_versioning, **B, VersioningConfiguration={})

# Conditional deletes, one and many
refused("PreconditionFailed", s3.delete_object, **B, Key="v", IfMatch='"x"')
deleted = s3.delete_objects(**B, Delete={"Objects": [{"Key": "v", "VersionId": first}, {"Key": "v2", "ETag": '"x"'}]})
assert [d["VersionId"] for d in deleted["Deleted"]] == [first] and deleted["Errors"][0]["Code"] == "PreconditionFailed"

# Tags
s3.put_object(**B, Key="t", Body=b"", Tagging="a=1&b=two%20words")
assert s3.head_object(**B, Key="t")["TagCount"] == 2
assert s3.get_object_tagging(**B, Key="t")["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
s3.copy_object(**B, Key="t2", CopySource="modes/t")
assert len(s3.get_object_tagging(**B, Key="t2")["TagSet"]) == 2
s3.put_object_tagging(**B, Key="t", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
s3.delete_object_tagging(**B, Key="t2")
assert (len(s3.get_object_tagging(**B, Key="t")["TagSet"]), len(s3.get_object_tagging(**B, Key="t2")["TagSet"])) == (1, 0)
refused("BadRequest", s3.put_object_tagging, **B, Key="t", Tagging={"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]})
refused("InvalidTag", s3.put_object_tagging, **B, Key="t", Tagging={"TagSet": [{"Key": "aws:x", "Value": ""}]})
refused("InvalidTag", s3.put_object, **B, Key="t", Body=b"", Tagging="a=1&a=2")
refused("NoSuchTagSet", s3.get_bucket_tagging, **B)
s3.put_bucket_tagging(**B, Tagging={"TagSet": [{"Key": "team", "Value": "lake"}]})
assert s3.get_bucket_tagging(**B)["TagSet"] == [{"Key": "team", "Value": "lake"}]
s3.delete_bucket_tagging(**B)
refused("NoSuchTagSet", s3.get_bucket_tagging, **B)
print("ok")
