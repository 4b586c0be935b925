"""boto3 s3: what the documentation says at the edges: names, conditions, uploads said to be whole twice, expiry told, refusals."""
import base64
import hashlib
import socket
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from peers import refused

PLAIN = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, signature_version="s3v4", **PLAIN))
s3.create_bucket(Bucket="edges", CreateBucketConfiguration={"Tags": [{"Key": "made", "Value": "with it"}]})
B = {"Bucket": "edges"}
assert s3.get_bucket_tagging(**B)["TagSet"] == [{"Key": "made", "Value": "with it"}]

# CreateBucket
for name in ["xn--lake", "sthree-lake", "amzn-s3-demo-bucket", "lake-s3alias", "lake--ol-s3", "lake--x-s3", "lake.-a"]:
    refused("InvalidBucketName", s3.create_bucket, Bucket=name)
refused("InvalidBucketAclWithObjectOwnership", s3.create_bucket, Bucket="public", ACL="public-read")
refused("InvalidBucketAclWithObjectOwnership", s3.create_bucket, Bucket="public", GrantRead="id=somebody")
s3.create_bucket(Bucket="private", ACL="private")

# Whose bucket it is
account = boto3.client("sts").get_caller_identity()["Account"]
s3.put_object(**B, Key="k", Body=b"body", ExpectedBucketOwner=account)
refused("AccessDenied", s3.get_object, **B, Key="k", ExpectedBucketOwner="111111111111")
refused("InvalidBucketOwnerAWSAccountID", s3.get_object, **B, Key="k", ExpectedBucketOwner="somebody")
source = {"Bucket": "edges", "Key": "k"}
refused("AccessDenied", s3.copy_object, **B, Key="c", CopySource=source, ExpectedSourceBucketOwner="111111111111")

# Conditions of writes and reads
refused("NoSuchKey", s3.put_object, **B, Key="absent", Body=b"", IfMatch='"etag"')
refused("PreconditionFailed", s3.put_object, **B, Key="k", Body=b"", IfMatch='"etag"')
refused("PreconditionFailed", s3.put_object, **B, Key="k", Body=b"", IfNoneMatch="*")
refused("304", s3.get_object, **B, Key="k", IfModifiedSince="Sat, 29 Oct 2094 19:43:31 GMT")

# What a put must not say
refused("InvalidStorageClass", s3.put_object, **B, Key="k", StorageClass="COLD")
refused("NotImplemented", s3.put_object, **B, Key="k", StorageClass="GLACIER")
refused("AccessControlListNotSupported", s3.put_object, **B, Key="k", GrantRead="id=somebody")
refused("InvalidTag", s3.put_object, **B, Key="k", Tagging="a=b%3F")
refused("InvalidTag", s3.put_object_tagging, **B, Key="k", Tagging={"TagSet": [{"Key": "a*", "Value": ""}]})
s3.put_object(**B, Key="tagged", Tagging="a%2B-%3D._:/@ é=1 2")
assert s3.get_object_tagging(**B, Key="tagged")["TagSet"] == [{"Key": "a+-=._:/@ é", "Value": "1 2"}]
other = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
name_version = lambda request, **_: setattr(request, "url", request.url + "?versionId=null")
other.meta.events.register("before-sign.s3.PutObject", name_version)
refused("InvalidArgument", other.put_object, **B, Key="k", Body=b"")
# Onto itself: not without saying what changes
refused("InvalidRequest", s3.copy_object, **B, Key="k", CopySource=source)
s3.copy_object(**B, Key="k", CopySource=source, StorageClass="STANDARD")
refused("InvalidArgument", s3.list_objects_v2, **B, ContinuationToken="")
error = s3.delete_objects(**B, Delete={"Objects": [{"Key": "k", "VersionId": "none"}]})["Errors"][0]
assert (error["Code"], error["VersionId"]) == ("NoSuchVersion", "none")


# An upload that was completed, and completed again
def begun(key):
    upload = {**B, "Key": key, "UploadId": s3.create_multipart_upload(**B, Key=key)["UploadId"]}
    parts = [s3.upload_part(**upload, PartNumber=1, Body=bytes(5 * 1024 * 1024)), s3.upload_part(**upload, PartNumber=2, Body=b"end")]
    return upload, {"Parts": [{"PartNumber": at + 1, "ETag": part["ETag"]} for at, part in enumerate(parts)]}


s3.put_bucket_versioning(**B, VersioningConfiguration={"Status": "Enabled"})
upload, parts = begun("whole")
size = 5 * 1024 * 1024 + 3
refused("InvalidRequest", s3.complete_multipart_upload, **upload, MultipartUpload=parts, MpuObjectSize=size - 1)
refused("BadDigest", s3.complete_multipart_upload, **upload, MultipartUpload=parts, ChecksumType="COMPOSITE")
first = s3.complete_multipart_upload(**upload, MultipartUpload=parts, MpuObjectSize=size, ChecksumType="FULL_OBJECT")
again = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
told = ["Bucket", "Key", "ETag", "Location", "VersionId", "ChecksumCRC64NVME"]
assert [first[name] for name in told] == [again[name] for name in told]
assert len(s3.list_object_versions(**B, Prefix="whole")["Versions"]) == 1
refused("NoSuchUpload", s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts["Parts"][:1]})
upload = {**B, "Key": "composite"}
upload["UploadId"] = s3.create_multipart_upload(**upload, ChecksumAlgorithm="SHA256")["UploadId"]
part = s3.upload_part(**upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
upload, parts = begun("given up")
s3.abort_multipart_upload(**upload)
refused("NoSuchUpload", s3.complete_multipart_upload, **upload, MultipartUpload=parts)

upload = {**B, "Key": "digests", "UploadId": s3.create_multipart_upload(**B, Key="digests", ChecksumAlgorithm="SHA256")["UploadId"]}
refused("InvalidRequest", s3.upload_part, **upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32C")

# The digests that no SDK computes by itself
for name, digest in [("SHA512", hashlib.sha512), ("MD5", hashlib.md5)]:
    value = base64.b64encode(digest(b"body").digest()).decode()
    put = s3.put_object(**B, Key=name, Body=b"body", **{f"Checksum{name}": value})
    got = s3.get_object(**B, Key=name, ChecksumMode="ENABLED")
    assert (put[f"Checksum{name}"], got[f"Checksum{name}"], got["ChecksumType"]) == (value, value, "FULL_OBJECT")
    refused("BadDigest", s3.put_object, **B, Key=name, Body=b"other", **{f"Checksum{name}": value})
    upload = {**B, "Key": name}
    upload["UploadId"] = s3.create_multipart_upload(**upload, ChecksumAlgorithm=name)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"body", **{f"Checksum{name}": value})
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], f"Checksum{name}": value}]}
    whole = base64.b64encode(digest(base64.b64decode(value)).digest()).decode() + "-1"
    assert s3.complete_multipart_upload(**upload, MultipartUpload=parts)[f"Checksum{name}"] == whole
refused("NotImplemented", s3.put_object, **B, Key="k", Body=b"body", ChecksumXXHASH64="AAAAAAAAAAA=")

# Settings that a bucket cannot have here: that there is none may be said, and nothing else
s3.put_bucket_logging(**B, BucketLoggingStatus={})
refused("NotImplemented", s3.put_bucket_logging, **B, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "edges", "TargetPrefix": ""}})
s3.put_bucket_notification_configuration(**B, NotificationConfiguration={})
refused("NotImplemented", s3.put_bucket_notification_configuration, **B, NotificationConfiguration={"EventBridgeConfiguration": {}})
s3.put_bucket_accelerate_configuration(**B, AccelerateConfiguration={"Status": "Suspended"})
refused("NotImplemented", s3.put_bucket_accelerate_configuration, **B, AccelerateConfiguration={"Status": "Enabled"})
s3.put_bucket_request_payment(**B, RequestPaymentConfiguration={"Payer": "BucketOwner"})
refused("NotImplemented", s3.put_bucket_request_payment, **B, RequestPaymentConfiguration={"Payer": "Requester"})
s3.delete_bucket_website(**B)
s3.delete_bucket_replication(**B)
refused("NoSuchBucket", s3.delete_bucket_website, Bucket="absent")

refused("MissingSecurityHeader", s3.put_bucket_acl, **B)

# When it expires
rule = {"ID": "a rule/1", "Status": "Enabled", "Filter": {"Tag": {"Key": "kept", "Value": "a day"}}, "Expiration": {"Days": 1}}
s3.put_bucket_lifecycle_configuration(**B, LifecycleConfiguration={"Rules": [rule]})
put = s3.put_object(**B, Key="short", Body=b"x", Tagging="kept=a+day")
assert put["Expiration"].startswith('expiry-date="') and put["Expiration"].endswith(' 00:00:00 GMT", rule-id="a%20rule%2F1"')
assert s3.head_object(**B, Key="short")["Expiration"] == put["Expiration"] == s3.get_object(**B, Key="short")["Expiration"]
s3.put_object(**B, Key="short", Body=b"y")
assert "Expiration" not in s3.head_object(**B, Key="short")
assert "Expiration" not in s3.head_object(**B, Key="short", VersionId=put["VersionId"]), "it is not the newest any more"
for action in [{"Expiration": {"ExpiredObjectDeleteMarker": True}}, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]:
    rules = [{**{name: rule[name] for name in ["ID", "Status", "Filter"]}, **action}]
    refused("InvalidRequest", s3.put_bucket_lifecycle_configuration, **B, LifecycleConfiguration={"Rules": rules})

# What browsers ask before they send
for headers in [{}, {"Origin": "https://a.example"}, {"Origin": "https://a.example", "Access-Control-Request-Method": "BREW"}]:
    asked = urllib.request.Request(f"{s3.meta.endpoint_url}/edges/k", method="OPTIONS", headers=headers)
    try:
        raise AssertionError(urllib.request.urlopen(asked))
    except urllib.error.HTTPError as error:
        assert error.code == 400, error.read()

# A bucket in the host's name
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)
endpoint = s3.meta.endpoint_url.replace("127.0.0.1", "localhost")
hosted = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "virtual"}, signature_version="s3v4"))
hosted.put_object(**B, Key="a/b c+ü", Body=b"hosted")
assert hosted.get_object(**B, Key="a/b c+ü")["Body"].read() == b"hosted"
assert hosted.list_objects_v2(**B, Prefix="a/")["Contents"][0]["Key"] == "a/b c+ü"
url = hosted.generate_presigned_url("get_object", Params={**B, "Key": "a/b c+ü"})
assert "//edges.localhost:" in url and urllib.request.urlopen(url).read() == b"hosted"
upload = {**B, "Key": "m", "UploadId": hosted.create_multipart_upload(**B, Key="m")["UploadId"]}
part = hosted.upload_part(**upload, PartNumber=1, Body=b"x")
parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
assert hosted.complete_multipart_upload(**upload, MultipartUpload=parts)["Location"].startswith("http://edges.localhost:")
print("ok")
