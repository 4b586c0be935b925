"""The bucket is made: everything acknowledged arrives, once, and then the stream takes records again."""
import collections
import gzip
import time

import boto3

firehose, s3 = boto3.client("firehose"), boto3.client("s3")
acknowledged = open("acknowledged").read().split()
s3.create_bucket(Bucket="lake")


def delivered():
    names = collections.Counter()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lake"):
        for one in page.get("Contents", []):
            body = gzip.decompress(s3.get_object(Bucket="lake", Key=one["Key"])["Body"].read())
            names.update(line.split()[0].decode() for line in body.splitlines())
    return names


deadline = time.time() + 120
while set(acknowledged) - set(counted := delivered()):
    assert time.time() < deadline, "waited in vain"
    time.sleep(1)
assert {counted[name] for name in acknowledged} == {1}
while True:
    answer = firehose.put_record_batch(DeliveryStreamName="s", Records=[{"Data": b"again\n"}])
    if not answer["FailedPutCount"]:
        break
    assert time.time() < deadline, "waited in vain"
    time.sleep(1)
while not delivered()["again"]:
    assert time.time() < deadline, "waited in vain"
    time.sleep(1)
print("drained:", len(acknowledged), "records, each once")
