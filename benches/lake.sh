#!/usr/bin/env bash
# One million telemetry records as one object each, as batched JSON.gz and as batched Parquet: how long writing takes, and how
# long listing, counting and aggregating by device takes over our own S3 API. Prints a table, draws docs/lake.svg.
# RECORDS (1000000), CONNECTIONS (64) that write single objects, RUNS (5) of the quick reads, PICTURE (docs/lake.svg).
set -euo pipefail
cd "$(dirname "$0")/.."
RECORDS=${RECORDS:-1000000} CONNECTIONS=${CONNECTIONS:-64} RUNS=${RUNS:-5}
PICTURE=$(realpath -m "${PICTURE:-docs/lake.svg}")
. benches/venv.sh
. benches/table.sh
[ -n "${NO_BUILD:-}" ] || cargo build --release --quiet -p sekisho -p sekisho-benches
TARGET=$(realpath "${CARGO_TARGET_DIR:-target}/release"); BIN=$TARGET/sekisho; LOAD=$TARGET/pipeline
export PATH="$PWD/.venv/bin:$PATH"
LAKE="$PYTHON $PWD/benches/lake.py"
WORK=$(mktemp -d); cd "$WORK"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$WORK"' EXIT

"$BIN" serve --data data --api 127.0.0.1:0 --mqtt 127.0.0.1:0 --https 127.0.0.1:0 --admin 127.0.0.1:0 --log error >/dev/null 2>&1 & SERVER=$!
until [ -e data/endpoints.json ]; do sleep 0.1; done
eval "$("$BIN" env --data data)"
endpoint() { sed -n 's/.*"'"$1"'": "\([^"]*\)".*/\1/p' data/endpoints.json; }
API=$(endpoint api) ADMIN=$(endpoint admin)
field() { python3 -c 'import json,sys; print(json.loads(sys.stdin.read())[sys.argv[1]])' "$1"; }
stored() { du -sB1 data/objects | cut -f1; }
fact() { echo "{\"fact\": \"$1\", $2}" | tr -d '\n' >> results; echo >> results; }
aws s3api create-bucket --bucket lake >/dev/null
make_table

# (a) one object a record
BEFORE=$(stored)
"$LOAD" objects --endpoint "$API" --pid $SERVER --records "$RECORDS" --connections "$CONNECTIONS" | tee single
fact single "\"write_s\": $(field seconds < single), \"bytes\": $(($(stored) - BEFORE)), \"objects_per_s\": $(field objects_per_s < single),
  \"cpu_us_per_object\": $(field cpu_us_per_object < single), \"server_peak_mib\": $(($(sed -n 's/VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$SERVER/status) / 1024))"
# (b) and (c) what delivery streams write: $1 name, $2 prefix, $3 more of the destination
stream() {
  aws firehose create-delivery-stream --delivery-stream-name "$1" --extended-s3-destination-configuration '{
    "RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::lake", "Prefix": "'"$2"'", "ErrorOutputPrefix": "error/",
    "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 900}, '"$3"'}' >/dev/null
  "$LOAD" put --endpoint "$API" --stream "$1" --pid $SERVER --records "$RECORDS" --batch 500 --label "$1" > put
  "$LOAD" deliver --endpoint "$API" --admin "$ADMIN" --stream "$1" --pid $SERVER --records $((DELIVERED + RECORDS)) > deliver
  DELIVERED=$((DELIVERED + RECORDS))
  WRITTEN=$(python3 -c "print($(field seconds < put) + $(field seconds < deliver))")
}
DELIVERED=0 BEFORE=$(stored)
stream gz gz/ '"CompressionFormat": "GZIP"'
fact gzip "\"write_s\": $WRITTEN, \"bytes\": $(($(stored) - BEFORE))"
BEFORE=$(stored)
stream parquet parquet/ "$CONVERSION"
fact parquet "\"write_s\": $WRITTEN, \"bytes\": $(($(stored) - BEFORE))"

# Each read is a process of its own. Many small objects are read by both readers; the better one counts.
for run in $(seq "$RUNS"); do
  for reader in duckdb arrow; do
    $LAKE read parquet $reader >> results
    $LAKE read gzip $reader >> results
  done
done
for reader in ${SINGLE_READERS:-arrow duckdb}; do $LAKE read single $reader >> results; done
$LAKE report results "$PICTURE"
