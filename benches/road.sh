#!/usr/bin/env bash
# The whole road beside mosquitto doing broker work only, alternately, on one processor each. Prints a table and a ratio.
# BENCH: the load tool's binary. RUNS (5), SECONDS_EACH (5), COMPRESSION (UNCOMPRESSED; GZIP and the others), FORMAT (JSON;
# PARQUET: columns instead of lines).
set -euo pipefail
cd "$(dirname "$0")/.."; HERE=$PWD/benches
BENCH=${BENCH:-../shared/bench/target/release/bench}
RUNS=${RUNS:-5}
SECONDS_EACH=${SECONDS_EACH:-5}
[ -x "$BENCH" ] || { echo "set BENCH to the load tool's binary" >&2; exit 2; }
command -v mosquitto >/dev/null || { echo "mosquitto is not installed" >&2; exit 2; }
cargo build --release --quiet -p sekisho
BIN=${CARGO_TARGET_DIR:-target}/release/sekisho
BIN=$(realpath "$BIN"); BENCH=$(realpath "$BENCH")
WORK=$(mktemp -d); cd "$WORK"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$WORK"' EXIT

# Two servers, one processor: only one of them is under load at a time.
"$BENCH" certs --out certs --devices 16 >/dev/null 2>&1
cat > mosquitto.conf <<CONF
listener 18883 127.0.0.1
cafile certs/ca.pem
certfile certs/server.pem
keyfile certs/server.key
require_certificate true
allow_anonymous true
max_inflight_messages 100
log_type error
user $(id -un)
CONF
taskset -c 0 mosquitto -c mosquitto.conf & MOSQUITTO=$!
taskset -c 0 "$BIN" serve --data data --api 127.0.0.1:0 --mqtt 127.0.0.1:0 --https 127.0.0.1:0 --admin 127.0.0.1:0 --log error >/dev/null 2>&1 & SEKISHO=$!
until [ -e data/endpoints.json ]; do sleep 0.1; done
eval "$("$BIN" env --data data)"
PORT=$(sed -n 's/.*"mqtt": ".*:\([0-9]*\)".*/\1/p' data/endpoints.json)
aws s3api create-bucket --bucket lake >/dev/null
KEY=$(aws kms create-key --query KeyMetadata.Arn --output text)
aws s3api put-bucket-encryption --bucket lake --server-side-encryption-configuration \
  '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"'"$KEY"'"}}]}'
CONVERSION=
if [ "${FORMAT:-JSON}" = PARQUET ]; then
  aws glue create-database --database-input '{"Name": "lake"}'
  aws glue create-table --database-name lake --table-input '{"Name": "road", "StorageDescriptor": {"Columns": [
    {"Name": "temp", "Type": "double"}, {"Name": "id", "Type": "string"}, {"Name": "pad", "Type": "string"}, {"Name": "device", "Type": "string"}]}}'
  CONVERSION=', "DataFormatConversionConfiguration": {
    "SchemaConfiguration": {"RoleARN": "arn:aws:iam::000000000000:role/d", "DatabaseName": "lake", "TableName": "road", "Region": "us-east-1"},
    "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}}, "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}}}'
fi
aws firehose create-delivery-stream --delivery-stream-name road --extended-s3-destination-configuration '{
  "RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::lake", "CompressionFormat": "'"${COMPRESSION:-UNCOMPRESSED}"'",
  "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 5}'"$CONVERSION"'}' >/dev/null
aws iot create-topic-rule --rule-name road --topic-rule-payload '{"sql": "SELECT *, topic(2) AS device FROM '"'bench/#'"' WHERE temp > 0",
  "awsIotSqlVersion": "2016-03-23", "actions": [{"firehose": {"deliveryStreamName": "road", "separator": "\n", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}'
. "$HERE/devices.sh"

load() { # label pid port certs
  taskset -c 1 "$BENCH" fanin --label "$1" --server-pid "$2" --port "$3" --certs "$4" --transport mtls --skip-verify --qos 1 \
    --publishers 100 --subscribers 0 --payload 256 --format json --duration "$SECONDS_EACH" 2>/dev/null
}
for run in $(seq "$RUNS"); do
  load sekisho "$SEKISHO" "$PORT" ours >> results
  load mosquitto "$MOSQUITTO" 18883 certs >> results
done
python3 - <<'PY'
import json, statistics, time, urllib.request
runs = [json.loads(line) for line in open("results")]
rows = {}
for label in ("sekisho", "mosquitto"):
    mine = [run for run in runs if run["label"] == label]
    rows[label] = {key: statistics.median(run[key] for run in mine) for key in
                   ("server_cpu_s_per_million_msgs", "msgs_per_s", "ack_p50_us", "ack_p99_us", "server_rss_mib")}
    assert all(run["rejected"] == 0 for run in mine), label
print(f"{'':10} {'CPU µs/message':>15} {'messages/s':>12} {'PUBACK p50 µs':>14} {'p99 µs':>9} {'MiB':>7}   median of {len(runs) // 2}")
for label, row in rows.items():
    print(f"{label:10} {row['server_cpu_s_per_million_msgs']:15.2f} {row['msgs_per_s']:12.0f} {row['ack_p50_us']:14.0f} {row['ack_p99_us']:9.0f} {row['server_rss_mib']:7.1f}")
total = sum(run["acked"] for run in runs if run["label"] == "sekisho")
admin = json.load(open("data/endpoints.json"))["admin"]
deadline = time.time() + 120
while True:
    lines = urllib.request.urlopen(admin + "/metrics").read().decode().splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if line.startswith("sekisho_delivered"))
    if int(figures.get("sekisho_delivered_records_total", 0)) >= total or time.time() > deadline:
        break
    time.sleep(0.5)
assert int(figures["sekisho_delivered_records_total"]) == total, (figures, total)
print(f"all {total} messages sekisho acknowledged are in {figures['sekisho_delivered_objects_total']} sealed objects")
print(f"ratio of CPU per message: {rows['sekisho']['server_cpu_s_per_million_msgs'] / rows['mosquitto']['server_cpu_s_per_million_msgs']:.2f}")
PY
