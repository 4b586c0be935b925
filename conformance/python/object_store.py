"""Objects whose bodies another S3 keeps: what boto3 does with any bucket."""
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

MARKER = b"PLANTED-MARKER-0123456789 "
s3 = boto3.client("s3", config=Config(retries={"max_attempts": 1}))
key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
s3.create_bucket(Bucket="lake")
long = MARKER * 800_000  # 20.8 MB: several parts over there

modes = [{}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}, {"ServerSideEncryption": "aws:kms:dsse"}]
puts = [("empty", b"", {}), ("chunk", MARKER * 2520 + b"x" * 16, modes[1]), ("long", long, {})]
puts += [(f"short/{number}", MARKER, mode) for number, mode in enumerate(modes)]
for name, body, mode in puts:
    s3.put_object(Bucket="lake", Key=name, Body=body, **mode)
    assert s3.get_object(Bucket="lake", Key=name)["Body"].read() == body, (name, mode)

for begin, end in [(0, 0), (65_535, 65_536), (1_000_000, 9_000_000), (len(long) - 5, len(long) - 1)]:
    read = s3.get_object(Bucket="lake", Key="long", Range=f"bytes={begin}-{end}")["Body"].read()
    assert read == long[begin : end + 1], (begin, end)
assert s3.get_object(Bucket="lake", Key="long", Range="bytes=-7")["Body"].read() == long[-7:]

upload = s3.create_multipart_upload(Bucket="lake", Key="parts", ServerSideEncryption="aws:kms")["UploadId"]
parts = []
for number, body in enumerate([long[: 6 * 1024 * 1024], long[6 * 1024 * 1024 :]], 1):
    put = s3.upload_part(Bucket="lake", Key="parts", UploadId=upload, PartNumber=number, Body=body)
    parts.append({"PartNumber": number, "ETag": put["ETag"]})
s3.complete_multipart_upload(Bucket="lake", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
assert s3.get_object(Bucket="lake", Key="parts")["Body"].read() == long
assert s3.get_object(Bucket="lake", Key="parts", PartNumber=2)["Body"].read() == long[6 * 1024 * 1024 :]

s3.copy_object(Bucket="lake", Key="copy", CopySource={"Bucket": "lake", "Key": "parts"}, ServerSideEncryption="aws:kms")
s3.delete_object(Bucket="lake", Key="parts")
assert s3.get_object(Bucket="lake", Key="copy")["Body"].read() == long
try:
    s3.get_object(Bucket="lake", Key="parts")
    raise AssertionError("it was deleted")
except ClientError as error:
    assert error.response["Error"]["Code"] == "NoSuchKey", error
print("everything came back")
