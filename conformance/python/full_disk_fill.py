"""Records into a stream whose bucket is not there, until the disk has no room for more. Notes what was acknowledged."""
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

firehose = boto3.client("firehose", config=Config(retries={"max_attempts": 1, "mode": "standard"}))
firehose.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration={
    "RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::lake", "CompressionFormat": "GZIP",
    "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 1}})
boto3.client("iot").create_topic_rule(ruleName="keeps", topicRulePayload={"sql": "SELECT * FROM 'kept/#'", "actions": [
    {"firehose": {"roleArn": "arn:aws:iam::000000000000:role/d", "deliveryStreamName": "s"}}]})
acknowledged = open("acknowledged", "w")
PADDING = "x" * 8000
for batch in range(100):
    names = [f"{batch}-{n}" for n in range(500)]
    answer = firehose.put_record_batch(DeliveryStreamName="s", Records=[{"Data": f"{name} {PADDING}\n".encode()} for name in names])
    taken = [name for name, one in zip(names, answer["RequestResponses"]) if "RecordId" in one]
    refused = {one["ErrorCode"] for one in answer["RequestResponses"] if "ErrorCode" in one}
    assert answer["FailedPutCount"] == len(names) - len(taken) and refused <= {"ServiceUnavailableException"}, answer
    print(*taken, sep="\n", file=acknowledged, flush=True)
    if refused:
        break
else:
    raise AssertionError("400 MB went into a disk of 288 MiB")
assert batch > 0
try:
    firehose.put_record(DeliveryStreamName="s", Record={"Data": b"one more"})
    raise AssertionError("one more was taken")
except ClientError as error:
    assert error.response["Error"]["Code"] == "ServiceUnavailableException", error
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503, error
room = os.statvfs(os.environ["SEKISHO_DATA"])
print("full:", batch, "batches,", room.f_bavail * room.f_frsize >> 20, "MiB left to drain with")
