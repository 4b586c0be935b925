"""boto3 s3: what a bucket is told (policy, lifecycle, CORS, public access, ownership), and that it is done."""
import json
import os
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from peers import refused

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
kms = boto3.client("kms")
s3.create_bucket(Bucket="told")
B = {"Bucket": "told"}
key = kms.create_key()["KeyMetadata"]
kms.create_alias(AliasName="alias/told", TargetKeyId=key["KeyId"])


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def policy(*statements):
    s3.put_bucket_policy(**B, Policy=document(*statements))


def deny(action, condition, resource="arn:aws:s3:::told/*"):
    return {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, "Condition": condition}


# The published policies that enforce encryption (S3 user guide: "Protecting data with server-side encryption")
refused("NoSuchBucketPolicy", s3.get_bucket_policy, **B)
policy(deny("s3:PutObject", {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}))
error = refused("AccessDenied", s3.put_object, **B, Key="k", Body=b"")
assert "explicit deny in a resource-based policy" in error["Error"]["Message"]
refused("AccessDenied", s3.create_multipart_upload, **B, Key="k")
s3.put_object(**B, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/told")
assert s3.get_object(**B, Key="k")["Body"].read() == b"x"
upload = s3.create_multipart_upload(**B, Key="m", ServerSideEncryption="aws:kms")["UploadId"]
part = s3.upload_part(**B, Key="m", UploadId=upload, PartNumber=1, Body=b"part")
s3.complete_multipart_upload(**B, Key="m", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
policy(deny("s3:PutObject", {"Null": {"s3:x-amz-server-side-encryption": "true"}}))
refused("AccessDenied", s3.put_object, **B, Key="k", Body=b"")
s3.put_object(**B, Key="k", Body=b"x", ServerSideEncryption="AES256")
# This key required, whatever the request calls it
policy(deny("s3:PutObject", {"ArnNotEqualsIfExists": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key["Arn"]}}))
s3.put_object(**B, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/told")
other = kms.create_key()["KeyMetadata"]["Arn"]
refused("AccessDenied", s3.put_object, **B, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
# No customers' keys
policy(deny("s3:PutObject", {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}}))
refused("AccessDenied", s3.put_object, **B, Key="k", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
# TLS only; the owner can take such a policy back all the same
policy(deny("s3:*", {"Bool": {"aws:SecureTransport": "false"}}), deny("s3:*", {"Bool": {"aws:SecureTransport": "false"}}, "arn:aws:s3:::told"))
refused("AccessDenied", s3.get_object, **B, Key="k")
refused("403", s3.head_bucket, **B)
refused("AccessDenied", s3.list_objects_v2, **B)
assert json.loads(s3.get_bucket_policy(**B)["Policy"])["Version"] == "2012-10-17"
s3.delete_bucket_policy(**B)
# … and over TLS, on the same port, nothing is denied; nor is anybody from an address that was not meant
policy(deny("s3:*", {"Bool": {"aws:SecureTransport": "false"}}), deny("s3:*", {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
over_tls = boto3.client(
    "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"].replace("http://", "https://"), verify=os.environ["SEKISHO_DATA"] + "/tls/server-ca.pem",
    config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
over_tls.put_object(**B, Key="over-tls", Body=b"x" * 300_000)
assert len(over_tls.get_object(**B, Key="over-tls")["Body"].read()) == 300_000
refused("AccessDenied", s3.get_object, **B, Key="over-tls")
s3.delete_bucket_policy(**B)
over_tls.delete_object(**B, Key="over-tls")
policy(deny("s3:PutObject", {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}))
refused("AccessDenied", s3.put_object, **B, Key="k", Body=b"")
refused("AccessDenied", over_tls.put_object, **B, Key="k", Body=b"")
# Actions, prefixes, versions, deletes of many
policy(deny("s3:ListBucket", {"StringNotLike": {"s3:prefix": "home/*"}}, "arn:aws:s3:::told"), deny("s3:DeleteObject", {}, "arn:aws:s3:::told/kept/*"))
refused("AccessDenied", s3.list_objects_v2, **B)
s3.list_objects_v2(**B, Prefix="home/a")
s3.put_object(**B, Key="kept/1", Body=b"")
outcome = s3.delete_objects(**B, Delete={"Objects": [{"Key": "kept/1"}, {"Key": "m"}]})
assert [d["Key"] for d in outcome["Deleted"]] == ["m"] and outcome["Errors"][0]["Code"] == "AccessDenied"
s3.delete_bucket_policy(**B)
refused("MalformedPolicy", s3.put_bucket_policy, **B, Policy="nonsense")
refused("MalformedPolicy", s3.put_bucket_policy, **B, Policy=document(deny("s3:GetObject", {}, "arn:aws:s3:::other/*")))
refused("MalformedPolicy", s3.put_bucket_policy, **B, Policy=document(deny("iot:Publish", {})))
public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::told/*"}
refused("AccessDenied", s3.put_bucket_policy, **B, Policy=document(public))

# Public access and ownership
assert all(s3.get_public_access_block(**B)["PublicAccessBlockConfiguration"].values())
s3.delete_public_access_block(**B)
refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, **B)
policy(public)
assert s3.get_bucket_policy_status(**B)["PolicyStatus"]["IsPublic"] is True
s3.delete_bucket_policy(**B)
s3.put_public_access_block(**B, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False})
assert list(s3.get_public_access_block(**B)["PublicAccessBlockConfiguration"].values()) == [True, False, True, False]
assert s3.get_bucket_ownership_controls(**B)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
refused("NotImplemented", s3.put_bucket_ownership_controls, **B, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})

# Lifecycle: what was put comes back as it was
refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, **B)
rules = [
    {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}},
    {"ID": "b", "Status": "Disabled", "Filter": {"And": {"Prefix": "x", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeGreaterThan": 5}}, "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}},
    {"ID": "c", "Status": "Enabled", "Prefix": "", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    {"ID": "d", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
]
s3.put_bucket_lifecycle_configuration(**B, LifecycleConfiguration={"Rules": rules})
assert s3.get_bucket_lifecycle_configuration(**B)["Rules"] == rules, s3.get_bucket_lifecycle_configuration(**B)["Rules"]
glacier = {"ID": "g", "Status": "Enabled", "Filter": {}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}
refused("NotImplemented", s3.put_bucket_lifecycle_configuration, **B, LifecycleConfiguration={"Rules": [glacier]})
refused("InvalidArgument", s3.put_bucket_lifecycle_configuration, **B, LifecycleConfiguration={"Rules": [rules[0], rules[0]]})
s3.delete_bucket_lifecycle(**B)

# CORS: a browser asks without a signature
refused("NoSuchCORSConfiguration", s3.get_bucket_cors, **B)
s3.put_bucket_cors(**B, CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}]})
assert s3.get_bucket_cors(**B)["CORSRules"][0]["MaxAgeSeconds"] == 60
url = s3.meta.endpoint_url + "/told/k"


def preflight(origin, method):
    request = urllib.request.Request(url, method="OPTIONS", headers={"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-amz-date"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


status, headers = preflight("https://a.example.com", "PUT")
assert (status, headers["Access-Control-Allow-Origin"], headers["Access-Control-Max-Age"]) == (200, "https://a.example.com", "60")
assert preflight("https://evil.example", "PUT")[0] == 403 and preflight("https://a.example.com", "DELETE")[0] == 403
presigned = s3.generate_presigned_url("get_object", Params={**B, "Key": "k"})
with urllib.request.urlopen(urllib.request.Request(presigned, headers={"Origin": "https://a.example.com"})) as answer:
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example.com" and answer.headers["Access-Control-Expose-Headers"] == "ETag"
refused("InvalidRequest", s3.put_bucket_cors, **B, CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]})
s3.delete_bucket_cors(**B)
assert preflight("https://a.example.com", "PUT")[0] == 403

# What tools read before they change anything, and what nobody offers here
assert s3.get_bucket_acl(**B)["Grants"][0]["Permission"] == "FULL_CONTROL" == s3.get_object_acl(**B, Key="k")["Grants"][0]["Permission"]
assert s3.get_bucket_request_payment(**B)["Payer"] == "BucketOwner" and "LoggingEnabled" not in s3.get_bucket_logging(**B)
refused("NoSuchWebsiteConfiguration", s3.get_bucket_website, **B)
refused("ReplicationConfigurationNotFoundError", s3.get_bucket_replication, **B)
refused("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, **B)
refused("NotImplemented", s3.put_bucket_website, **B, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}})
refused("AccessControlListNotSupported", s3.put_bucket_acl, **B, ACL="private")
s3.put_object_acl(**B, Key="k", ACL="bucket-owner-full-control")
s3.put_object_acl(**B, Key="k", AccessControlPolicy={name: s3.get_object_acl(**B, Key="k")[name] for name in ["Owner", "Grants"]})
refused("AccessControlListNotSupported", s3.put_object_acl, **B, Key="k", ACL="public-read")
refused("NotImplemented", s3.select_object_content, **B, Key="k", Expression="SELECT 1", ExpressionType="SQL", InputSerialization={"CSV": {}}, OutputSerialization={"CSV": {}})
print("ok")
