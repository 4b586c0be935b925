"""Requests that are broken in one place each, signed by botocore, sent raw: the names AWS gives them."""
import http.client
import json
import os
from urllib.parse import urlparse

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest

CREDENTIALS = boto3.Session().get_credentials()
HOST = urlparse(os.environ["AWS_ENDPOINT_URL"]).netloc


def send(method, path, body=b"", headers=(), service="iot", region="us-east-1", spoil=None):
    request = AWSRequest(method, f"http://{HOST}{path}", data=body, headers=dict(headers))
    (S3SigV4Auth if service == "s3" else SigV4Auth)(CREDENTIALS, service, region).add_auth(request)
    sent = dict(request.headers)
    if spoil:
        spoil(sent)
    connection = http.client.HTTPConnection(HOST, timeout=60)
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    return answer.status, answer.headers.get("x-amzn-errortype", ""), answer.read().decode()


def target(operation):
    return {"X-Amz-Target": operation, "Content-Type": "application/x-amz-json-1.1"}


def spoil_signature(headers):
    headers["Authorization"] = headers["Authorization"][:-4] + "0000"


def spoil_key(headers):
    headers["Authorization"] = headers["Authorization"].replace(CREDENTIALS.access_key, "AKIAIOSFODNN7EXAMPLE")


status, kind, body = send("GET", "/things", spoil=spoil_signature)
assert (status, kind) == (403, "InvalidSignatureException:"), (status, kind, body)
status, kind, body = send("GET", "/things", spoil=spoil_key)
assert (status, kind) == (403, "UnrecognizedClientException:"), (status, kind, body)
status, kind, body = send("POST", "/things/x", b"{not json")
assert status == 400 and json.loads(body)["message"], (status, kind, body)
status, kind, body = send("GET", "/no/such/path")
assert status == 404, (status, kind, body)

for body in [b"{", b"[]", b"\xff", b""]:
    status, _, text = send("POST", "/", body, target("TrentService.DescribeKey"), service="kms")
    assert status == 400 and json.loads(text)["__type"] in ("SerializationException", "ValidationException"), (body, text)
status, _, text = send("POST", "/", b"{}", target("TrentService.NoSuchThing"), service="kms")
assert status == 400 and json.loads(text)["__type"] == "UnknownOperationException", text
status, _, text = send("POST", "/", b"{}", target("Firehose_20150804.PutRecord"), service="firehose")
assert status == 400 and json.loads(text)["__type"] == "ValidationException", text
status, _, text = send("POST", "/", b"{}", target("TrentService.ListKeys"), service="kms", spoil=spoil_signature)
assert status == 400 and json.loads(text)["__type"] == "InvalidSignatureException", text

assert send("PUT", "/lake", service="s3")[0] == 200
for document in [b"<a", b"text", b"<!DOCTYPE x []><x/>", b"<ServerSideEncryptionConfiguration/>"]:
    status, _, text = send("PUT", "/lake?encryption", document, service="s3")
    assert status == 400 and "<Code>MalformedXML</Code>" in text, (document, text)
status, _, text = send("GET", "/lake/k", service="s3", spoil=spoil_signature)
assert status == 403 and "<Code>SignatureDoesNotMatch</Code>" in text and "<Error xmlns" not in text, text
status, _, text = send("GET", "/lake/k", service="s3", spoil=spoil_key)
assert status == 403 and "<Code>InvalidAccessKeyId</Code>" in text, text
status, _, text = send("GET", "/lake/k", service="s3", region="eu-west-1")
assert status == 400 and "<Code>AuthorizationHeaderMalformed</Code>" in text and "<Region>us-east-1</Region>" in text, text
print("ok")
