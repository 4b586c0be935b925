"""boto3 firehose: streams, partial failures, versions, and batches cut to the byte."""
import base64
import gzip
import io
import json
import time
import zipfile

import boto3
import kafka.codec
from peers import refused
from snappy.snappy import HadoopStreamDecompressor

firehose = boto3.client("firehose")
s3 = boto3.client("s3")
ROLE = "arn:aws:iam::000000000000:role/d"


def destination(**more):
    return dict({"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}}, **more)


def objects(prefix):
    return {o["Key"]: s3.get_object(Bucket="lake", Key=o["Key"]) for o in s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])}


def eventually(ask):
    deadline = time.time() + 60
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.time() < deadline, "waited in vain"
        time.sleep(0.1)


# The bucket need not be there yet: records are kept until it is
arn = firehose.create_delivery_stream(DeliveryStreamName="s", ExtendedS3DestinationConfiguration=destination(Prefix="s/"))["DeliveryStreamARN"]
assert arn == "arn:aws:firehose:us-east-1:000000000000:deliverystream/s"
refused("ResourceInUseException", firehose.create_delivery_stream, DeliveryStreamName="s", ExtendedS3DestinationConfiguration=destination())
refused("InvalidArgumentException", firehose.create_delivery_stream, DeliveryStreamName="none")
put = firehose.put_record(DeliveryStreamName="s", Record={"Data": b"one\n"})
assert put["RecordId"] and put["Encrypted"] is False
time.sleep(2)
s3.create_bucket(Bucket="lake")
found = eventually(lambda: objects("s/"))
assert [o["Body"].read() for o in found.values()] == [b"one\n"]
assert all(key.startswith("s/20") and "/s-1-20" in key for key in found), found

batch = firehose.put_record_batch(DeliveryStreamName="s", Records=[{"Data": b"%d\n" % n} for n in range(500)])
assert batch["FailedPutCount"] == 0 and len({r["RecordId"] for r in batch["RequestResponses"]}) == 500
refused("ResourceNotFoundException", firehose.put_record, DeliveryStreamName="absent", Record={"Data": b""})
refused("ValidationException", firehose.put_record_batch, DeliveryStreamName="s", Records=[{"Data": b""}] * 501)
wanted = b"".join(b"%d\n" % n for n in range(500))
eventually(lambda: any(o["Body"].read() == wanted for o in objects("s/").values()))

# Gzip, and the size to the byte: 1 MiB is one object, one byte more begins the next
firehose.create_delivery_stream(DeliveryStreamName="z", ExtendedS3DestinationConfiguration=destination(
    Prefix="z/", CompressionFormat="GZIP", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900}))
piece = b"x" * (256 * 1024)
for _ in range(3):
    firehose.put_record(DeliveryStreamName="z", Record={"Data": piece})
firehose.put_record(DeliveryStreamName="z", Record={"Data": piece[1:]})
time.sleep(1)
assert not objects("z/"), "one byte short of the hint, and nothing is cut"
firehose.put_record(DeliveryStreamName="z", Record={"Data": b"yy"})
found = eventually(lambda: objects("z/"))
(key, o), = found.items()
assert key.endswith(".gz") and o["ContentEncoding"] == "gzip"
assert gzip.decompress(o["Body"].read()) == b"x" * (1024 * 1024 - 1), "the record that would overflow went into the next batch"

# Versions
described = firehose.describe_delivery_stream(DeliveryStreamName="s")["DeliveryStreamDescription"]
assert (described["VersionId"], described["DeliveryStreamStatus"], described["DeliveryStreamType"]) == ("1", "ACTIVE", "DirectPut")
target = described["Destinations"][0]["DestinationId"]
update = dict(DeliveryStreamName="s", DestinationId=target, ExtendedS3DestinationUpdate={"Prefix": "v2/"})
refused("ConcurrentModificationException", firehose.update_destination, CurrentDeliveryStreamVersionId="9", **update)
firehose.update_destination(CurrentDeliveryStreamVersionId="1", **update)
firehose.put_record(DeliveryStreamName="s", Record={"Data": b"two"})
found = eventually(lambda: objects("v2/"))
assert all("/s-2-" in key for key in found), found
assert firehose.list_delivery_streams()["DeliveryStreamNames"] == ["s", "z"]
firehose.tag_delivery_stream(DeliveryStreamName="s", Tags=[{"Key": "a", "Value": "b"}])
assert firehose.list_tags_for_delivery_stream(DeliveryStreamName="s")["Tags"] == [{"Key": "a", "Value": "b"}]
firehose.delete_delivery_stream(DeliveryStreamName="z")
refused("ResourceNotFoundException", firehose.describe_delivery_stream, DeliveryStreamName="z")

# Every other packing, opened by somebody else: python's zipfile, python-snappy's Hadoop reader, kafka-python's snappy-java reader
rows = b"".join(b'{"temperature": %d}\n' % n for n in range(20_000))
for packing, extension, encoding, opened in (
    ("ZIP", ".zip", None, lambda packed: zipfile.ZipFile(io.BytesIO(packed)).read(zipfile.ZipFile(io.BytesIO(packed)).namelist()[0])),
    ("Snappy", ".snappy", "snappy-java", kafka.codec.snappy_decode),
    ("HADOOP_SNAPPY", ".snappy", "hadoop-snappy", lambda packed: HadoopStreamDecompressor().decompress(packed)),
):
    name = packing.lower()
    firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination(
        Prefix=f"{name}/", CompressionFormat=packing))
    firehose.put_record(DeliveryStreamName=name, Record={"Data": rows})
    [(key, found)] = eventually(lambda: list(objects(f"{name}/").items()))
    packed = found["Body"].read()
    assert key.endswith(extension) and found.get("ContentEncoding") == encoding, (key, found)
    assert len(packed) < len(rows) / 2 and bytes(opened(packed)) == rows, packing


def processor(kind, **parameters):
    return {"Type": kind, "Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]}


def partitioned(query, **more):
    processors = [
        processor("RecordDeAggregation", SubRecordType="JSON"),
        processor("MetadataExtraction", MetadataExtractionQuery=query, JsonParsingEngine="JQ-1.6"),
        processor("AppendDelimiterToRecord", Delimiter="\\n"),
    ]
    return destination(**dict({
        "Prefix": "by/site=!{partitionKeyFromQuery:site}/day=!{partitionKeyFromQuery:day}/",
        "ErrorOutputPrefix": "not/!{firehose:error-output-type}/",
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 3},
        "DynamicPartitioningConfiguration": {"Enabled": True},
        "ProcessingConfiguration": {"Enabled": True, "Processors": processors},
    }, **more))


# Dynamic partitioning: aggregated records are taken apart, each goes where its own fields say, and nothing is lost
QUERY = '{site: .site, day: (.at | strftime("%F"))}'
for query, more, reason in (
    ("{site: repeat(1)}", {}, "`repeat` is not offered here"),
    ("{site:", {}, "not a jq program"),
    (QUERY, {"BufferingHints": {"SizeInMBs": 63, "IntervalInSeconds": 60}}, "SizeInMBs is at least 64"),
    (QUERY, {"DynamicPartitioningConfiguration": {"Enabled": False}}, "DynamicPartitioningConfiguration enabled"),
):
    refusal = refused("InvalidArgumentException", firehose.create_delivery_stream, DeliveryStreamName="by",
                      ExtendedS3DestinationConfiguration=partitioned(query, **more))
    assert reason in str(refusal), (refusal, reason)
firehose.create_delivery_stream(DeliveryStreamName="by", ExtendedS3DestinationConfiguration=partitioned(QUERY))
described = firehose.describe_delivery_stream(DeliveryStreamName="by")["DeliveryStreamDescription"]["Destinations"][0]
described = described["ExtendedS3DestinationDescription"]
assert described["DynamicPartitioningConfiguration"]["Enabled"] and described["ProcessingConfiguration"]["Processors"][1]["Type"] == "MetadataExtraction"
sent = [{"site": site, "at": 1783951445 + 86400 * day, "n": n} for n in range(50) for site in ("a", "b") for day in range(2)]
for start in range(0, len(sent), 10):
    firehose.put_record(DeliveryStreamName="by", Record={"Data": "".join(json.dumps(one) for one in sent[start:start + 10]).encode()})
bad = b'{"at": 1783951445, "n": "no site"}'
firehose.put_record(DeliveryStreamName="by", Record={"Data": bad + b'{"site": "c", "at": 1783951445}'})
firehose.put_record(DeliveryStreamName="by", Record={"Data": b"nothing of JSON"})


def lines(prefix):
    return [json.loads(line) for o in objects(prefix).values() for line in o["Body"].read().splitlines()]


eventually(lambda: len(lines("by/")) == len(sent) + 1 and len(lines("not/")) == 2)
for site in ("a", "b"):
    for day in range(2):
        prefix = f"by/site={site}/day=2026-07-{13 + day}/"
        assert lines(prefix) == [one for one in sent if one["site"] == site and one["at"] == 1783951445 + 86400 * day], prefix
[extraction] = lines("not/metadata-extraction-failed/")
assert base64.b64decode(extraction["rawData"]) == bad and "`site` has no value" in extraction["errorMessage"], extraction
[processing] = lines("not/processing-failed/")
assert base64.b64decode(processing["rawData"]) == b"nothing of JSON" and processing["errorCode"] == "RecordDeAggregation.JsonFailed", processing

# The developer guide's example (Understand partitioning keys): its record, its keys as they stand there, its prefix
EXAMPLE = {"type": {"device": "mobile", "event": "user_clicked_submit_button"}, "customer_id": "1234567890",
           "event_timestamp": 1565382027, "region": "sample_region"}
KEYS = '{customer_id:.customer_id,device:.type.device,year:.event_timestamp|strftime("%Y"),month:.event_timestamp|strftime("%m"),' \
       'day:.event_timestamp|strftime("%d"),hour:.event_timestamp|strftime("%H")}'
firehose.create_delivery_stream(DeliveryStreamName="guide", ExtendedS3DestinationConfiguration=destination(
    Prefix="".join(f"{key}=!{{partitionKeyFromQuery:{key}}}/" for key in ("customer_id", "device", "year", "month", "day", "hour")),
    ErrorOutputPrefix="guide-errors/", BufferingHints={"SizeInMBs": 128, "IntervalInSeconds": 1},
    DynamicPartitioningConfiguration={"Enabled": True},
    ProcessingConfiguration={"Enabled": True, "Processors": [
        processor("MetadataExtraction", MetadataExtractionQuery=KEYS, JsonParsingEngine="JQ-1.6")]}))
firehose.put_record(DeliveryStreamName="guide", Record={"Data": json.dumps(EXAMPLE).encode()})
GUIDE = "customer_id=1234567890/device=mobile/year=2019/month=08/day=09/hour=20/"
eventually(lambda: objects(GUIDE))
assert lines(GUIDE) == [EXAMPLE] and not objects("guide-errors/")

# 500 partitions hold records at one time; the record that needs one more is told of, not lost
firehose.create_delivery_stream(DeliveryStreamName="many", ExtendedS3DestinationConfiguration=partitioned(
    "{n: .n}", Prefix="many/!{partitionKeyFromQuery:n}/", ErrorOutputPrefix="over/!{firehose:error-output-type}/",
    BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 900}))
for start in (0, 250):
    firehose.put_record(DeliveryStreamName="many", Record={"Data": "".join(json.dumps({"n": n}) for n in range(start, start + 250)).encode()})
firehose.put_record(DeliveryStreamName="many", Record={"Data": b'{"n": 500}{"n": 499}'})
described = firehose.describe_delivery_stream(DeliveryStreamName="many")["DeliveryStreamDescription"]
firehose.update_destination(
    DeliveryStreamName="many", DestinationId=described["Destinations"][0]["DestinationId"], CurrentDeliveryStreamVersionId="1",
    ExtendedS3DestinationUpdate={"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1}})
eventually(lambda: len(lines("over/")) == 1)
[over] = lines("over/processing-failed/")
assert base64.b64decode(over["rawData"]).strip() == b'{"n": 500}' and over["errorCode"] == "DynamicPartitioning.ActivePartitionsLimitExceeded", over
eventually(lambda: len(s3.list_objects_v2(Bucket="lake", Prefix="many/").get("Contents", [])) == 500)
assert [one["n"] for one in lines("many/499/")] == [499, 499]

print("ok")
