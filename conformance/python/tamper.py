"""From outside: in every mode the file of an object holds neither the marker nor its base64 or packed forms, and with any one
byte of the file changed, the object is not read."""
import base64
import bz2
import os
import pathlib
import zlib

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))
objects = pathlib.Path(os.environ["SEKISHO_DATA"]) / "objects"
marker = b"PLANTED-MARKER-0123456789"
s3.create_bucket(Bucket="outside")
s3.put_bucket_encryption(Bucket="outside", ServerSideEncryptionConfiguration={"Rules": [{
    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0123456789abcdef0123456789abcdef"}
modes = {
    "SSE-S3": ({}, {}),
    "SSE-KMS": ({"ServerSideEncryption": "aws:kms"}, {}),
    "DSSE-KMS": ({"ServerSideEncryption": "aws:kms:dsse"}, {}),
    "SSE-C": (customer, customer),
}
forms = [marker, zlib.compress(marker)[2:-4], bz2.compress(marker)[10:-10], customer["SSECustomerKey"].encode()]
forms += [base64.b64encode(pad + marker)[4:28] for pad in (b"", b"x", b"xx")]


def files():
    return {path for path in objects.rglob("*") if path.is_file()}


for mode, (seal, reads) in modes.items():
    before = files()
    s3.put_object(Bucket="outside", Key=mode, Body=marker, Metadata={"note": marker.decode()}, Tagging=f"note={marker.decode()}", **seal)
    [path] = files() - before
    whole = path.read_bytes()
    for form in forms:
        assert form not in whole, (mode, form)
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x40
        path.write_bytes(changed)
        try:
            body = s3.get_object(Bucket="outside", Key=mode, **reads)["Body"].read()
            raise AssertionError(f"{mode}: byte {at} of {len(whole)} changed, and {body!r} came back")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 500, error
    path.write_bytes(whole)
    assert s3.get_object(Bucket="outside", Key=mode, **reads)["Body"].read() == marker
    print(f"{mode}: {len(whole)} bytes, each one changed, each change noticed")
