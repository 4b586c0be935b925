"""boto3 firehose: streams, partial failures, versions, and batches cut to the byte."""
import gzip
import io
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

print("ok")
