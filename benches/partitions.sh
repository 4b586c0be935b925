#!/usr/bin/env bash
# Many streams with many partitions each: what their buffers cost in memory, and what it takes to bring them into objects.
# STREAMS (500), PARTITIONS (500), ROUNDS (4): records of each partition. Prints resident memory and CPU a record.
set -euo pipefail
cd "$(dirname "$0")/.."
export STREAMS=${STREAMS:-500} PARTITIONS=${PARTITIONS:-500} ROUNDS=${ROUNDS:-4}
cargo build --release --quiet -p sekisho
BIN=$(realpath "${CARGO_TARGET_DIR:-target}/release/sekisho"); PYTHON=$(realpath -s .venv/bin/python)
WORK=$(mktemp -d); cd "$WORK"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$WORK"' EXIT
"$BIN" serve --data data --api 127.0.0.1:0 --mqtt 127.0.0.1:0 --https 127.0.0.1:0 --admin 127.0.0.1:0 --log error >/dev/null 2>&1 & export SERVER=$!
until [ -e data/endpoints.json ]; do sleep 0.1; done
eval "$("$BIN" env --data data)"
"$PYTHON" - <<'PY'
import concurrent.futures, json, os, time, urllib.request
import boto3
from botocore.config import Config

STREAMS, PARTITIONS, ROUNDS, SERVER = (int(os.environ[name]) for name in ("STREAMS", "PARTITIONS", "ROUNDS", "SERVER"))
firehose = boto3.client("firehose", config=Config(max_pool_connections=8))
s3 = boto3.client("s3")
admin = json.load(open("data/endpoints.json"))["admin"]


def memory():
    status = dict(line.split(":", 1) for line in open(f"/proc/{SERVER}/status"))
    return int(status["VmRSS"].split()[0]) / 1024, int(status["VmHWM"].split()[0]) / 1024


def cpu():
    fields = open(f"/proc/{SERVER}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures():
    lines = urllib.request.urlopen(admin + "/metrics").read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith("sekisho_delivered"))}


def hints(interval):
    return {"SizeInMBs": 128, "IntervalInSeconds": interval}


s3.create_bucket(Bucket="lake")
query = [{"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{p: .p}"}]
for n in range(STREAMS):
    firehose.create_delivery_stream(DeliveryStreamName=f"s{n}", ExtendedS3DestinationConfiguration={
        "RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::lake", "BufferingHints": hints(900),
        "Prefix": f"s{n}/!{{partitionKeyFromQuery:p}}/", "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
        "CompressionFormat": "GZIP", "DynamicPartitioningConfiguration": {"Enabled": True},
        "ProcessingConfiguration": {"Enabled": True, "Processors": [
            {"Type": "MetadataExtraction", "Parameters": query}, {"Type": "AppendDelimiterToRecord"}]}})
empty = memory()[0]
records = [{"Data": json.dumps({"p": p, "pad": "x" * 220}).encode()} for p in range(PARTITIONS)]
began, used = time.time(), cpu()


def put(n):
    for at in range(0, PARTITIONS, 500):
        answer = firehose.put_record_batch(DeliveryStreamName=f"s{n % STREAMS}", Records=records[at:at + 500])
        assert answer["FailedPutCount"] == 0, answer


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(put, range(STREAMS * ROUNDS)))
total = STREAMS * PARTITIONS * ROUNDS
put_cpu = cpu() - used
assert not figures().get("sekisho_delivered_records_total"), "something was delivered already: fewer records, or a faster machine"
print(f"{STREAMS} streams x {PARTITIONS} partitions, {total} records buffered in {time.time() - began:.0f} s, {put_cpu / total * 1e6:.1f} µs CPU a record")
print(f"resident: {empty:.0f} MiB with the streams made, {memory()[0]:.0f} MiB with all of it buffered ({(memory()[0] - empty) * 2**20 / STREAMS / PARTITIONS:.0f} B a partition)")
began, used = time.time(), cpu()
for n in range(STREAMS):
    described = firehose.describe_delivery_stream(DeliveryStreamName=f"s{n}")["DeliveryStreamDescription"]
    firehose.update_destination(DeliveryStreamName=f"s{n}", DestinationId=described["Destinations"][0]["DestinationId"],
                                CurrentDeliveryStreamVersionId="1", ExtendedS3DestinationUpdate={"BufferingHints": hints(0)})
while figures().get("sekisho_delivered_records_total", 0) < total:
    assert time.time() - began < 3600, figures()
    time.sleep(1)
now = figures()
print(f"delivered: {now['sekisho_delivered_objects_total']:.0f} objects in {time.time() - began:.0f} s, {(cpu() - used) / total * 1e6:.1f} µs CPU a record; "
      f"resident now {memory()[0]:.0f} MiB, at most {memory()[1]:.0f} MiB")
PY
