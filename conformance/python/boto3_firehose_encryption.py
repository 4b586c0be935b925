"""boto3 firehose: the states of a stream's encryption, and what a customer's key may be."""
import time

import boto3
from peers import refused

firehose, s3, kms = (boto3.client(name) for name in ("firehose", "s3", "kms"))
ROLE = "arn:aws:iam::000000000000:role/d"
NAME = "s"


def destination(prefix, interval=900):
    return {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "Prefix": f"{prefix}/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": interval}}


def described(name=NAME):
    return firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def settled(name=NAME):
    deadline = time.time() + 30
    while (found := described(name)["DeliveryStreamEncryptionConfiguration"])["Status"] in ("ENABLING", "DISABLING"):
        assert time.time() < deadline, found
        time.sleep(0.05)
    return found


def start(key=None, name=NAME):
    configuration = {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key} if key else {"KeyType": "AWS_OWNED_CMK"}
    firehose.start_delivery_stream_encryption(DeliveryStreamName=name, DeliveryStreamEncryptionConfigurationInput=configuration)
    return settled(name)


def stop(name=NAME):
    firehose.stop_delivery_stream_encryption(DeliveryStreamName=name)
    return settled(name)


def put(data, name=NAME):
    return firehose.put_record(DeliveryStreamName=name, Record={"Data": data})["Encrypted"]


def new_key():
    return kms.create_key()["KeyMetadata"]["Arn"]


s3.create_bucket(Bucket="lake")
firehose.create_delivery_stream(DeliveryStreamName=NAME, ExtendedS3DestinationConfiguration=destination("s"))
first, second = new_key(), new_key()
assert described()["DeliveryStreamEncryptionConfiguration"] == {"Status": "DISABLED"} and put(b"0 open\n") is False

# AWS's own key, by name and by default
assert start() == {"Status": "ENABLED", "KeyType": "AWS_OWNED_CMK"} and put(b"1 owned\n") is True
firehose.start_delivery_stream_encryption(DeliveryStreamName=NAME)
assert settled() == {"Status": "ENABLED", "KeyType": "AWS_OWNED_CMK"}

# A customer's, another one, and none: records stay where they are, and each opens under the key it came under
assert start(first) == {"Status": "ENABLED", "KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": first} and put(b"2 first\n") is True
assert start(second) == {"Status": "ENABLED", "KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": second} and put(b"3 second\n") is True
kms.disable_key(KeyId=first)
assert put(b"4 second\n") is True, "it is not sealed under the first any more"

# What cannot be used: nothing changes, and the reason is told
pending = new_key()
kms.schedule_key_deletion(KeyId=pending, PendingWindowInDays=7)
kms.create_alias(AliasName="alias/buffer", TargetKeyId=first)
managed = "arn:aws:kms:us-east-1:000000000000:alias/aws/s3"
s3.put_object(Bucket="lake", Key="managed", Body=b"", ServerSideEncryption="aws:kms")  # makes aws/s3
for key, kind in (
    (first, "DISABLED_KMS_KEY"),
    ("arn:aws:kms:us-east-1:000000000000:alias/buffer", "DISABLED_KMS_KEY"),
    ("arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab", "KMS_KEY_NOT_FOUND"),
    ("arn:aws:kms:us-east-1:000000000000:alias/absent", "KMS_KEY_NOT_FOUND"),
    ("arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab", "KMS_KEY_NOT_FOUND"),
    ("arn:aws:kms:eu-west-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab", "INVALID_KMS_KEY"),
    (pending, "INVALID_KMS_KEY"),
    (managed, "INVALID_KMS_KEY"),
):
    failed = start(key)
    assert (failed["Status"], failed["KeyARN"]) == ("ENABLING_FAILED", second), failed
    assert failed["FailureDescription"]["Type"] == kind and failed["FailureDescription"]["Details"], (key, failed)
    assert put(b"") is True, "encryption remains enabled with the old key"
    encryption = {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}
    refused("InvalidKMSResourceException", firehose.create_delivery_stream, DeliveryStreamName="none",
            ExtendedS3DestinationConfiguration=destination("none"), DeliveryStreamEncryptionConfigurationInput=encryption)
refused("ResourceNotFoundException", firehose.describe_delivery_stream, DeliveryStreamName="none")

assert stop() == {"Status": "DISABLED"} and put(b"5 open\n") is False
kms.enable_key(KeyId=first)
assert start("arn:aws:kms:us-east-1:000000000000:alias/buffer")["KeyARN"] == first, "an alias is told as its key"
assert put(b"6 first\n") is True

# The destination's version is another matter, and everything arrives in the order it came
target = described()["Destinations"][0]["DestinationId"]
assert described()["VersionId"] == "1"
firehose.update_destination(DeliveryStreamName=NAME, CurrentDeliveryStreamVersionId="1", DestinationId=target,
                            ExtendedS3DestinationUpdate={"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}})
assert settled() == {"Status": "ENABLED", "KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": first}
deadline = time.time() + 30
while not (found := s3.list_objects_v2(Bucket="lake", Prefix="s/").get("Contents")):
    assert time.time() < deadline
    time.sleep(0.1)
[one] = found
assert s3.get_object(Bucket="lake", Key=one["Key"])["Body"].read() == \
    b"0 open\n1 owned\n2 first\n3 second\n4 second\n5 open\n6 first\n"

# Refusals
configuration = "DeliveryStreamEncryptionConfigurationInput"
refused("ResourceNotFoundException", firehose.start_delivery_stream_encryption, DeliveryStreamName="absent")
refused("ResourceNotFoundException", firehose.stop_delivery_stream_encryption, DeliveryStreamName="absent")
refused("InvalidArgumentException", firehose.start_delivery_stream_encryption, DeliveryStreamName=NAME,
        **{configuration: {"KeyType": "CUSTOMER_MANAGED_CMK"}})
refused("InvalidArgumentException", firehose.start_delivery_stream_encryption, DeliveryStreamName=NAME,
        **{configuration: {"KeyType": "AWS_OWNED_CMK", "KeyARN": first}})
refused("ValidationException", firehose.start_delivery_stream_encryption, DeliveryStreamName=NAME,
        **{configuration: {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": first.split("/")[1]}})
refused("ValidationException", firehose.start_delivery_stream_encryption, DeliveryStreamName=NAME, **{configuration: {"KeyType": "MINE"}})

# 25 calls in 24 hours, both operations together; refused ones do not count
firehose.create_delivery_stream(DeliveryStreamName="often", ExtendedS3DestinationConfiguration=destination("often"))
for n in range(25):
    assert (start(name="often") if n % 2 else stop("often"))["Status"] == ("ENABLED" if n % 2 else "DISABLED")
refused("LimitExceededException", firehose.start_delivery_stream_encryption, DeliveryStreamName="often")
refused("LimitExceededException", firehose.stop_delivery_stream_encryption, DeliveryStreamName="often")

print("ok")
