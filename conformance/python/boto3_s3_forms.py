"""boto3's presigned forms, posted as a browser posts them: what the policy allows is put, what it does not is refused."""
import hashlib
import os
import xml.etree.ElementTree as ElementTree

import boto3
import requests
from botocore.config import Config

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
s3.create_bucket(Bucket="forms")


def post(key="a.txt", body=b"bar", name="a.txt", fields=None, conditions=None, seconds=600, change=None, bucket="forms"):
    form = s3.generate_presigned_post("forms", key, Fields=fields, Conditions=conditions, ExpiresIn=seconds)
    sent = dict(form["fields"])
    if change:
        change(sent)
    url = form["url"].replace("/forms", f"/{bucket}")
    return requests.post(url, data=sent, files={"file": (name, body)}, allow_redirects=False, timeout=60)


def posted(status=204, **form):
    answer = post(**form)
    assert answer.status_code == status, answer.text
    return answer


def refused(status, code, **form):
    answer = post(**form)
    found = (answer.status_code, ElementTree.fromstring(answer.text).findtext("Code"))
    assert found == (status, code), answer.text
    return ElementTree.fromstring(answer.text).findtext("Message")


def same(name, value):
    return {"fields": {name: value}, "conditions": [{name: value}]}


# Put, as PutObject puts
answer = posted()
assert answer.text == "" and answer.headers["location"].endswith("/forms/a.txt")
assert s3.get_object(Bucket="forms", Key="a.txt")["Body"].read() == b"bar"
big = os.urandom(9 * 1024 * 1024 + 13)
assert posted(key="big", body=big).headers["etag"] == f'"{hashlib.md5(big).hexdigest()}"'
assert s3.get_object(Bucket="forms", Key="big")["Body"].read() == big
posted(key="none", body=b"")
assert s3.head_object(Bucket="forms", Key="none")["ContentLength"] == 0
posted(
    key="user/${filename}",
    name="C:\\photos\\me.png",
    fields={
        "Content-Type": "image/png",
        "x-amz-meta-origin": "form ${filename}",
        "x-amz-server-side-encryption": "aws:kms",
        "tagging": "<Tagging><TagSet><Tag><Key>a b</Key><Value>c+d</Value></Tag></TagSet></Tagging>",
        "x-ignore-this": "whatever",
    },
    conditions=[
        ["starts-with", "$Content-Type", "image/"],
        ["starts-with", "$x-amz-meta-origin", "form "],
        {"x-amz-server-side-encryption": "aws:kms"},
        ["starts-with", "$tagging", ""],
    ],
)
found = s3.head_object(Bucket="forms", Key="user/me.png")
assert (found["ContentType"], found["Metadata"]) == ("image/png", {"origin": "form me.png"})
assert found["ServerSideEncryption"] == "aws:kms"
assert s3.get_object_tagging(Bucket="forms", Key="user/me.png")["TagSet"] == [{"Key": "a b", "Value": "c+d"}]

# What the form wants to hear
answer = posted(201, **same("success_action_status", "201"))
document = ElementTree.fromstring(answer.text)
assert [child.tag for child in document] == ["Location", "Bucket", "Key", "ETag"]
assert document.findtext("ETag") == answer.headers["etag"] == f'"{hashlib.md5(b"bar").hexdigest()}"'
assert posted(200, **same("success_action_status", "200")).text == ""
posted(204, **same("success_action_status", "404"))
answer = posted(303, **same("success_action_redirect", "https://example.com/done?x=1"))
etag = hashlib.md5(b"bar").hexdigest()
assert answer.headers["location"] == f"https://example.com/done?x=1&bucket=forms&key=a.txt&etag=%22{etag}%22"
posted(204, **same("success_action_redirect", "nowhere"))

# What the policy does not allow
refused(400, "EntityTooLarge", conditions=[["content-length-range", 1, 2]])
refused(400, "EntityTooSmall", conditions=[["content-length-range", 4, 9]])
posted(conditions=[["content-length-range", 3, 3]])
message = refused(403, "AccessDenied", change=lambda form: form.update({"x-amz-meta-a": "b"}))
assert message == "Invalid according to Policy: Extra input fields: x-amz-meta-a"
message = refused(403, "AccessDenied", change=lambda form: form.update(key="b.txt"))
assert message == 'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "a.txt"]'
assert refused(403, "AccessDenied", seconds=-1) == "Invalid according to Policy: Policy expired."
message = refused(403, "AccessDenied", bucket="other")
assert message == 'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "forms"]'
refused(400, "AccessControlListNotSupported", **same("acl", "public-read"))
refused(400, "MaxPostPreDataLengthExceededError", change=lambda form: form.update({"x-ignore-a": "a" * 21_000}))

# Who signed it
refused(403, "SignatureDoesNotMatch", change=lambda form: form.update({"x-amz-signature": "0" * 64}))
refused(403, "SignatureDoesNotMatch", change=lambda form: form.update(policy=form["policy"][:-4]))
nobody = lambda form: form.update({"x-amz-credential": "AKIANOBODY" + form["x-amz-credential"][20:]})
refused(403, "InvalidAccessKeyId", change=nobody)
for name in ["key", "policy", "x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date"]:
    refused(400, "InvalidArgument", change=lambda form, name=name: form.pop(name))
refused(403, "AccessDenied", change=lambda form: [form.pop(name) for name in list(form) if name != "key"])
version_2 = lambda form: (form.clear(), form.update(key="a", AWSAccessKeyId="AKIA", policy="e30=", signature="x"))
refused(400, "InvalidRequest", change=version_2)

# The bucket's own policy is asked too
deny = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::forms/*", "Condition": {"StringEquals": {"s3:authType": "POST"}}}]}'
s3.put_bucket_policy(Bucket="forms", Policy=deny)
refused(403, "AccessDenied")
s3.delete_bucket_policy(Bucket="forms")

# A form that is none, and one that is cut off
headers = {"content-type": "multipart/form-data; boundary=x"}
url = s3.generate_presigned_post("forms", "a")["url"]
assert "MalformedPOSTRequest" in requests.post(url, data=b"abc", headers=headers, timeout=60).text
form = s3.generate_presigned_post("forms", "cut")["fields"]
parts = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form.items())
cut = parts + '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nthe beginn'
assert "IncompleteBody" in requests.post(url, data=cut.encode(), headers=headers, timeout=60).text
assert "Contents" not in s3.list_objects_v2(Bucket="forms", Prefix="cut")
print("ok")
