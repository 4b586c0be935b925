"""boto3 firehose: the bounds and refusals of all 12 operations, as tables. Botocore's own checks are off: the server's count."""
import boto3
from botocore.config import Config
from peers import refused

firehose = boto3.client("firehose", config=Config(parameter_validation=False, retries={"max_attempts": 1}))
ROLE = "arn:aws:iam::000000000000:role/d"
ABSENT, TAKEN, VALIDATION = "ResourceNotFoundException", "ResourceInUseException", "ValidationException"
ARGUMENT, LIMIT, VERSION = "InvalidArgumentException", "LimitExceededException", "ConcurrentModificationException"
S3 = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"}
MIB = 1024 * 1024


def s3(**more):
    return {"ExtendedS3DestinationConfiguration": dict(S3, **more)}


def described(name, **more):
    return firehose.describe_delivery_stream(DeliveryStreamName=name, **more)["DeliveryStreamDescription"]


def names(**more):
    found = firehose.list_delivery_streams(**more)
    return found["DeliveryStreamNames"], found["HasMoreDeliveryStreams"]


def tags(name, **more):
    found = firehose.list_tags_for_delivery_stream(DeliveryStreamName=name, **more)
    return [(tag["Key"], tag.get("Value", "")) for tag in found["Tags"]], found["HasMoreTags"]


def tag(key, value="v"):
    return {"Key": key, "Value": value}


def hints(size, interval):
    return {"BufferingHints": {"SizeInMBs": size, "IntervalInSeconds": interval}}


# What is taken, at the bounds
for name, more in (
    ("a", s3()),
    ("A.b_c-9", {"S3DestinationConfiguration": S3, "DeliveryStreamType": "DirectPut"}),
    ("n" * 64, s3(**hints(1, 0))),
    ("high", s3(FileExtension=".jsonl", CustomTimeZone="Europe/Berlin", Prefix="p/", ErrorOutputPrefix="e/", **hints(128, 900))),
    ("tagged", dict(s3(), Tags=[tag(f"k{n:02}") for n in range(50)])),
    ("hinted", dict(s3(), DirectPutSourceConfiguration={"ThroughputHintInMBs": 100})),
    ("owned", dict(s3(), DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"})),
):
    made = firehose.create_delivery_stream(DeliveryStreamName=name, **more)
    assert made["DeliveryStreamARN"] == f"arn:aws:firehose:us-east-1:000000000000:deliverystream/{name}"
    found = described(name)
    assert (found["DeliveryStreamStatus"], found["VersionId"], found["HasMoreDestinations"]) == ("ACTIVE", "1", False)
    assert found["DeliveryStreamType"] == "DirectPut" and found["DeliveryStreamARN"] == made["DeliveryStreamARN"]
    assert len(found["Destinations"]) == 1 and "LastUpdateTimestamp" not in found
assert described("hinted")["Source"] == {"DirectPutSourceDescription": {"ThroughputHintInMBs": 100}}
assert "Source" not in described("a")
assert described("owned")["DeliveryStreamEncryptionConfiguration"] == {"KeyType": "AWS_OWNED_CMK", "Status": "ENABLED"}
target = described("a")["Destinations"][0]["DestinationId"]
update = {"DeliveryStreamName": "a", "CurrentDeliveryStreamVersionId": "1", "DestinationId": target}
record = {"Data": b"x"}
start = {"DeliveryStreamName": "a"}

# What is refused: operation, name of the refusal, what it says, input
REFUSED = (
    ("create_delivery_stream", VALIDATION, "deliveryStreamName", {"DeliveryStreamName": "n" * 65, **s3()}),
    ("create_delivery_stream", VALIDATION, "deliveryStreamName", {"DeliveryStreamName": "", **s3()}),
    ("create_delivery_stream", VALIDATION, "deliveryStreamName", {"DeliveryStreamName": "a/b", **s3()}),
    ("create_delivery_stream", VALIDATION, "Member must not be null", s3()),
    ("create_delivery_stream", TAKEN, "Firehose a under accountId 000000000000 already exists", {"DeliveryStreamName": "a", **s3()}),
    ("create_delivery_stream", ARGUMENT, "Exactly one destination", {"DeliveryStreamName": "x"}),
    ("create_delivery_stream", ARGUMENT, "Exactly one destination", {"DeliveryStreamName": "x", "S3DestinationConfiguration": S3, **s3()}),
    ("create_delivery_stream", VALIDATION, "deliveryStreamType", {"DeliveryStreamName": "x", "DeliveryStreamType": "Direct", **s3()}),
    ("create_delivery_stream", ARGUMENT, "KinesisStreamAsSource", {"DeliveryStreamName": "x", "DeliveryStreamType": "KinesisStreamAsSource", **s3()}),
    ("create_delivery_stream", ARGUMENT, "KinesisStreamSourceConfiguration", {"DeliveryStreamName": "x", **s3(), "KinesisStreamSourceConfiguration": {
        "KinesisStreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s", "RoleARN": ROLE}}),
    ("create_delivery_stream", VALIDATION, "throughputHintInMBs", {"DeliveryStreamName": "x", **s3(), "DirectPutSourceConfiguration": {"ThroughputHintInMBs": 101}}),
    ("create_delivery_stream", VALIDATION, "roleARN", {"DeliveryStreamName": "x", "ExtendedS3DestinationConfiguration": {"BucketARN": "arn:aws:s3:::lake"}}),
    ("create_delivery_stream", VALIDATION, "bucketARN", {"DeliveryStreamName": "x", **s3(BucketARN="lake")}),
    ("create_delivery_stream", VALIDATION, "sizeInMBs", {"DeliveryStreamName": "x", **s3(**hints(129, 60))}),
    ("create_delivery_stream", VALIDATION, "sizeInMBs", {"DeliveryStreamName": "x", **s3(**hints(0, 60))}),
    ("create_delivery_stream", VALIDATION, "intervalInSeconds", {"DeliveryStreamName": "x", **s3(**hints(1, 901))}),
    ("create_delivery_stream", ARGUMENT, "BufferingHints", {"DeliveryStreamName": "x", **s3(BufferingHints={"SizeInMBs": 1})}),
    ("create_delivery_stream", VALIDATION, "compressionFormat", {"DeliveryStreamName": "x", **s3(CompressionFormat="LZ4")}),
    ("create_delivery_stream", VALIDATION, "prefix", {"DeliveryStreamName": "x", **s3(Prefix="p" * 1025)}),
    ("create_delivery_stream", ARGUMENT, "ErrorOutputPrefix", {"DeliveryStreamName": "x", **s3(Prefix="!{timestamp:yyyy}/")}),
    ("create_delivery_stream", VALIDATION, "fileExtension", {"DeliveryStreamName": "x", **s3(FileExtension="json")}),
    ("create_delivery_stream", ARGUMENT, "CustomTimeZone", {"DeliveryStreamName": "x", **s3(CustomTimeZone="Mars/Base")}),
    ("create_delivery_stream", VALIDATION, "tags", {"DeliveryStreamName": "x", **s3(), "Tags": [tag(str(n)) for n in range(51)]}),
    ("create_delivery_stream", VALIDATION, "tags", {"DeliveryStreamName": "x", **s3(), "Tags": []}),
    ("create_delivery_stream", VALIDATION, "tags.1.member.key", {"DeliveryStreamName": "x", **s3(), "Tags": [tag("aws:x")]}),
    ("create_delivery_stream", ARGUMENT, "KeyARN", {"DeliveryStreamName": "x", **s3(), "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "CUSTOMER_MANAGED_CMK"}}),
    ("create_delivery_stream", VALIDATION, "keyType", {"DeliveryStreamName": "x", **s3(), "DeliveryStreamEncryptionConfigurationInput": {}}),
    ("delete_delivery_stream", ABSENT, "Firehose x under account 000000000000 not found.", {"DeliveryStreamName": "x", "AllowForceDelete": True}),
    ("delete_delivery_stream", VALIDATION, "Member must not be null", {}),
    ("describe_delivery_stream", ABSENT, "Firehose x under account 000000000000 not found.", {"DeliveryStreamName": "x"}),
    ("describe_delivery_stream", VALIDATION, "limit", {"DeliveryStreamName": "a", "Limit": 0}),
    ("describe_delivery_stream", VALIDATION, "limit", {"DeliveryStreamName": "a", "Limit": 10001}),
    ("describe_delivery_stream", VALIDATION, "exclusiveStartDestinationId", {"DeliveryStreamName": "a", "ExclusiveStartDestinationId": "a b"}),
    ("list_delivery_streams", VALIDATION, "limit", {"Limit": 0}),
    ("list_delivery_streams", VALIDATION, "limit", {"Limit": 10001}),
    ("list_delivery_streams", VALIDATION, "deliveryStreamType", {"DeliveryStreamType": "Direct"}),
    ("list_delivery_streams", VALIDATION, "exclusiveStartDeliveryStreamName", {"ExclusiveStartDeliveryStreamName": "a/b"}),
    ("put_record", ABSENT, "Firehose x under account 000000000000 not found.", {"DeliveryStreamName": "x", "Record": record}),
    ("put_record", VALIDATION, "record", {"DeliveryStreamName": "a"}),
    ("put_record", VALIDATION, "record.data", {"DeliveryStreamName": "a", "Record": {}}),
    ("put_record", VALIDATION, "less than or equal to 1024000", {"DeliveryStreamName": "a", "Record": {"Data": b"x" * 1_024_001}}),
    ("put_record_batch", ABSENT, "not found", {"DeliveryStreamName": "x", "Records": [record]}),
    ("put_record_batch", VALIDATION, "records", {"DeliveryStreamName": "a", "Records": []}),
    ("put_record_batch", VALIDATION, "less than or equal to 500", {"DeliveryStreamName": "a", "Records": [record] * 501}),
    ("put_record_batch", VALIDATION, "records.2.member.data", {"DeliveryStreamName": "a", "Records": [record, {"Data": b"x" * 1_024_001}]}),
    ("put_record_batch", ARGUMENT, "Records size exceeds 4 MB limit", {"DeliveryStreamName": "a", "Records": [{"Data": b"x" * (MIB - 30_000)}] * 4 + [{"Data": b"x" * 120_001}]}),
    ("update_destination", ABSENT, "not found", {**update, "DeliveryStreamName": "x", "ExtendedS3DestinationUpdate": {}}),
    ("update_destination", VERSION, "current version id: 1 and specified version id: 2 do not match", {**update, "CurrentDeliveryStreamVersionId": "2", "ExtendedS3DestinationUpdate": {}}),
    ("update_destination", VALIDATION, "currentDeliveryStreamVersionId", {**update, "CurrentDeliveryStreamVersionId": "one", "ExtendedS3DestinationUpdate": {}}),
    ("update_destination", ARGUMENT, "Destination Id destinationId-000000000002 not found", {**update, "DestinationId": "destinationId-000000000002", "ExtendedS3DestinationUpdate": {}}),
    ("update_destination", ARGUMENT, "", update),
    ("update_destination", ARGUMENT, "", {**update, "S3DestinationUpdate": {}, "ExtendedS3DestinationUpdate": {}}),
    ("update_destination", ARGUMENT, "", {**update, "RedshiftDestinationUpdate": {}}),
    ("update_destination", VALIDATION, "sizeInMBs", {**update, "S3DestinationUpdate": hints(129, 60)}),
    ("start_delivery_stream_encryption", ABSENT, "not found", {"DeliveryStreamName": "x"}),
    ("start_delivery_stream_encryption", VALIDATION, "keyType", {**start, "DeliveryStreamEncryptionConfigurationInput": {}}),
    ("start_delivery_stream_encryption", VALIDATION, "keyARN", {**start, "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": "k"}}),
    ("stop_delivery_stream_encryption", ABSENT, "not found", {"DeliveryStreamName": "x"}),
    ("tag_delivery_stream", ABSENT, "not found", {"DeliveryStreamName": "x", "Tags": [tag("k")]}),
    ("tag_delivery_stream", VALIDATION, "tags", {"DeliveryStreamName": "a", "Tags": []}),
    ("tag_delivery_stream", VALIDATION, "tags.1.member.key", {"DeliveryStreamName": "a", "Tags": [tag("aws:k")]}),
    ("tag_delivery_stream", VALIDATION, "tags.1.member.key", {"DeliveryStreamName": "a", "Tags": [tag("k" * 129)]}),
    ("tag_delivery_stream", VALIDATION, "tags.1.member.key", {"DeliveryStreamName": "a", "Tags": [tag("k;")]}),
    ("tag_delivery_stream", VALIDATION, "tags.1.member.value", {"DeliveryStreamName": "a", "Tags": [tag("k", "v" * 257)]}),
    ("tag_delivery_stream", LIMIT, "at most 50 tags", {"DeliveryStreamName": "tagged", "Tags": [tag("one more")]}),
    ("untag_delivery_stream", ABSENT, "not found", {"DeliveryStreamName": "x", "TagKeys": ["k"]}),
    ("untag_delivery_stream", VALIDATION, "tagKeys", {"DeliveryStreamName": "a", "TagKeys": []}),
    ("untag_delivery_stream", VALIDATION, "tagKeys", {"DeliveryStreamName": "a", "TagKeys": ["k"] * 51}),
    ("list_tags_for_delivery_stream", ABSENT, "not found", {"DeliveryStreamName": "x"}),
    ("list_tags_for_delivery_stream", VALIDATION, "limit", {"DeliveryStreamName": "a", "Limit": 51}),
    ("list_tags_for_delivery_stream", VALIDATION, "limit", {"DeliveryStreamName": "a", "Limit": 0}),
)
wrong = []
for operation, name, says, given in REFUSED:
    try:
        refusal = refused(name, getattr(firehose, operation), **given)
        assert says in refusal["Error"]["Message"], refusal["Error"]
        assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 400, refusal
    except AssertionError as error:
        wrong.append(f"{operation} {str(given)[:160]}: {name} {says!r}: {str(error)[:300]}")
assert not wrong, "\n".join(wrong)
assert {operation for operation, *_ in REFUSED} == {
    name for name in dir(firehose) if name.split("_")[0] in ("create", "delete", "describe", "list", "put", "start", "stop", "tag", "untag", "update")}
everybody = sorted(["a", "A.b_c-9", "n" * 64, "high", "tagged", "hinted", "owned"])
assert names() == (everybody, False), "nothing that was refused has made anything"

# Pages
assert names(Limit=2) == (everybody[:2], True)
assert names(Limit=10000, ExclusiveStartDeliveryStreamName=everybody[1]) == (everybody[2:], False)
assert names(ExclusiveStartDeliveryStreamName=everybody[-1]) == ([], False)
assert names(ExclusiveStartDeliveryStreamName="b", Limit=1) == (["high"], True), "a name that is not there is a place too"
assert names(DeliveryStreamType="DirectPut") == (everybody, False)
assert names(DeliveryStreamType="MSKAsSource") == ([], False)
assert described("a", Limit=1)["Destinations"] == described("a")["Destinations"]
after = described("a", ExclusiveStartDestinationId=target)
assert (after["Destinations"], after["HasMoreDestinations"]) == ([], False)
many = [(f"k{n:02}", "v") for n in range(50)]
assert tags("tagged") == (many, False)
assert tags("tagged", Limit=20) == (many[:20], True)
assert tags("tagged", Limit=50, ExclusiveStartTagKey="k19") == (many[20:], False)

# Tags are overwritten, and taken away, without a word about those that are not there
firehose.tag_delivery_stream(DeliveryStreamName="a", Tags=[tag("k" * 128, "v" * 256), tag("Ort", "Köln + 1"), {"Key": "empty"}])
firehose.tag_delivery_stream(DeliveryStreamName="a", Tags=[tag("Ort", "Bonn")])
assert tags("a") == ([("Ort", "Bonn"), ("empty", ""), ("k" * 128, "v" * 256)], False)
firehose.untag_delivery_stream(DeliveryStreamName="a", TagKeys=["empty", "absent"])
assert [key for key, _ in tags("a")[0]] == ["Ort", "k" * 128]
firehose.tag_delivery_stream(DeliveryStreamName="tagged", Tags=[tag("k00", "again")])

# Records at their bounds: as many ids as records, in their order, all different
assert firehose.put_record(DeliveryStreamName="a", Record={"Data": b""})["RecordId"]
assert firehose.put_record(DeliveryStreamName="a", Record={"Data": b"x" * 1_024_000})["Encrypted"] is False
assert firehose.put_record(DeliveryStreamName="owned", Record=record)["Encrypted"] is True
batch = firehose.put_record_batch(DeliveryStreamName="a", Records=[record] * 500)
assert (batch["FailedPutCount"], batch["Encrypted"]) == (0, False)
assert len({one["RecordId"] for one in batch["RequestResponses"]}) == len(batch["RequestResponses"]) == 500
assert all(set(one) == {"RecordId"} for one in batch["RequestResponses"])
assert firehose.put_record_batch(DeliveryStreamName="a", Records=[{"Data": b"x" * (MIB - 30_000)}] * 4 + [{"Data": b"x" * 120_000}])["FailedPutCount"] == 0

# Versions: what an update leaves out stays; each one counts; the older update is the same destination's
firehose.update_destination(**update, S3DestinationUpdate={"Prefix": "two/", **hints(3, 60)})
firehose.update_destination(**dict(update, CurrentDeliveryStreamVersionId="2"), ExtendedS3DestinationUpdate={"CompressionFormat": "GZIP"})
refused(VERSION, firehose.update_destination, **dict(update, CurrentDeliveryStreamVersionId="2"), ExtendedS3DestinationUpdate={})
found = described("a")
assert found["VersionId"] == "3" and found["LastUpdateTimestamp"] >= found["CreateTimestamp"]
for member in ("S3DestinationDescription", "ExtendedS3DestinationDescription"):
    one = found["Destinations"][0][member]
    assert (one["Prefix"], one["CompressionFormat"], one["BufferingHints"]) == \
        ("two/", "GZIP", {"SizeInMBs": 3, "IntervalInSeconds": 60}), one
assert found["Destinations"][0]["DestinationId"] == target

# Gone is gone, and the name is free
for name in everybody:
    firehose.delete_delivery_stream(DeliveryStreamName=name, AllowForceDelete=name == "a")
    refused(ABSENT, firehose.put_record, DeliveryStreamName=name, Record=record)
assert names() == ([], False)
firehose.create_delivery_stream(DeliveryStreamName="a", **s3())
assert (described("a")["VersionId"], tags("a")) == ("1", ([], False))

print("ok")
