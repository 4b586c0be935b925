"""boto3 firehose: a buffer under a customer's key. `seal` fills it and disables the key; `held`, after a restart, finds it
locked, enables the key and sees everything arrive, once."""
import json
import os
import sys
import time
import urllib.request

import boto3
from peers import refused

firehose, s3, kms, iot = (boto3.client(name) for name in ("firehose", "s3", "kms", "iot"))
MARKER = b"PLANTED-MARKER-0123456789"
FUNCTION = os.environ["FUNCTION_ARN"]


def destination(prefix, interval, **more):
    return dict({"RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::lake", "Prefix": f"{prefix}/",
                 "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": interval}}, **more)


def objects(prefix):
    found = s3.list_objects_v2(Bucket="lake", Prefix=f"{prefix}/").get("Contents", [])
    return b"".join(s3.get_object(Bucket="lake", Key=o["Key"])["Body"].read() for o in found)


def eventually(what, ask):
    deadline = time.time() + 30
    while not (answer := ask()):
        assert time.time() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)
    return answer


def refused_with(code, call, **arguments):
    refusal = refused("InvalidKMSResourceException", call, **arguments)
    assert refusal["code"] == code, refusal


def line(n):
    return MARKER + b" %d\n" % n


def seal():
    key = kms.create_key(Description="of the lake")["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="lake")
    encryption = {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}
    lambda_processor = {"Type": "Lambda", "Parameters": [
        {"ParameterName": "LambdaArn", "ParameterValue": FUNCTION}, {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "3"}]}
    transformed = destination("t", 1, ProcessingConfiguration={"Enabled": True, "Processors": [lambda_processor]},
                              S3BackupMode="Enabled", S3BackupConfiguration=destination("backup", 3))
    for name, configured in (("k", destination("k", 3)), ("t", transformed)):
        firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=configured,
                                        DeliveryStreamEncryptionConfigurationInput=encryption)
        described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
        assert described["DeliveryStreamEncryptionConfiguration"] == dict(encryption, Status="ENABLED"), described
        # While the key can be used nothing is different
        assert firehose.put_record(DeliveryStreamName=name, Record={"Data": line(0)})["Encrypted"] is True
    firehose.create_delivery_stream(DeliveryStreamName="plain", ExtendedS3DestinationConfiguration=destination("plain", 0))
    iot.create_topic_rule(ruleName="fill", topicRulePayload={"sql": "SELECT * FROM 'fill'", "actions": [
        {"firehose": {"deliveryStreamName": name, "roleArn": "arn:aws:iam::000000000000:role/r"}} for name in ("k", "plain")]})
    for prefix in ("k", "t", "backup"):
        eventually(prefix, lambda: objects(prefix) == line(0))
    for name in ("k", "t"):
        put = firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": line(n)} for n in (1, 2)])
        assert put["Encrypted"] is True and put["FailedPutCount"] == 0, put
        firehose.put_record(DeliveryStreamName=name, Record={"Data": line(3)})
    kms.disable_key(KeyId=key)

    # Nobody puts any more, whichever way; a stream without the key goes on
    for name in ("k", "t"):
        refused_with("DisabledException", firehose.put_record, DeliveryStreamName=name, Record={"Data": line(9)})
        refused_with("DisabledException", firehose.put_record_batch, DeliveryStreamName=name, Records=[{"Data": line(9)}])
    boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).publish(topic="fill", qos=1, payload=b'{"by": "rule"}')
    eventually("plain", lambda: objects("plain") == b'{"by":"rule"}' or objects("plain") == b'{"by": "rule"}')
    figures = urllib.request.urlopen(os.environ["ADMIN"] + "/metrics").read().decode()
    assert 'sekisho_action_failures_total{rule="fill",action="FirehoseAction"} 1' in figures, figures
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    refused_with("InvalidStateException", firehose.put_record, DeliveryStreamName="k", Record={"Data": line(9)})
    time.sleep(5)
    assert (objects("k"), objects("t"), objects("backup")) == (line(0), line(0), line(0)), "what is locked stays"


def held():
    [key] = [k["KeyId"] for k in kms.list_keys()["Keys"] if kms.describe_key(KeyId=k["KeyId"])["KeyMetadata"]["KeyManager"] == "CUSTOMER"]
    time.sleep(4)
    refused_with("InvalidStateException", firehose.put_record, DeliveryStreamName="k", Record={"Data": line(9)})
    assert (objects("k"), objects("t"), objects("backup")) == (line(0), line(0), line(0)), "a restart opens nothing"
    kms.cancel_key_deletion(KeyId=key)
    refused_with("DisabledException", firehose.put_record, DeliveryStreamName="k", Record={"Data": line(9)})
    kms.enable_key(KeyId=key)
    wanted = [b"".join(map(line, range(upto))) for upto in (4, 5)]
    for name in ("k", "t"):
        assert firehose.put_record(DeliveryStreamName=name, Record={"Data": line(4)})["Encrypted"] is True
    for prefix in ("k", "t", "backup"):
        eventually(prefix, lambda: sorted(objects(prefix).splitlines()) == wanted[1].splitlines())


{"seal": seal, "held": held}[sys.argv[1]]()
print("ok")
