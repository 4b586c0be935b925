#!/usr/bin/env bash
# From records to objects: PutRecordBatch into a delivery stream and on into GZIP objects, beside moto's server doing the same API,
# rsyslog doing lines over TCP into gzip files, and zlib and AES-256-GCM alone over the same bytes. Each server is held to
# processor 0, the load to processor 1; runs alternate; medians. Every acknowledged record is looked for in the objects.
# RUNS (5), RECORDS (400000) a run, PEER_RECORDS (20000) a run of moto's, CONNECTIONS (8).
set -euo pipefail
cd "$(dirname "$0")/.."
RUNS=${RUNS:-5} RECORDS=${RECORDS:-400000} PEER_RECORDS=${PEER_RECORDS:-20000} CONNECTIONS=${CONNECTIONS:-8}
. benches/venv.sh
. benches/table.sh
[ -n "${NO_BUILD:-}" ] || cargo build --release --quiet -p sekisho -p sekisho-benches
TARGET=$(realpath "${CARGO_TARGET_DIR:-target}/release"); BIN=$TARGET/sekisho; LOAD="taskset -c 1 $TARGET/pipeline"
REPORT="$PYTHON $PWD/benches/pipeline.py"
export PATH="$PWD/.venv/bin:$PATH"
WORK=$(mktemp -d); cd "$WORK"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$WORK"' EXIT

# ours
taskset -c 0 "$BIN" serve --data data --api 127.0.0.1:0 --mqtt 127.0.0.1:0 --https 127.0.0.1:0 --admin 127.0.0.1:0 --log error >/dev/null 2>&1 & SERVER=$!
until [ -e data/endpoints.json ]; do sleep 0.1; done
eval "$("$BIN" env --data data)"
endpoint() { sed -n 's/.*"'"$1"'": "\([^"]*\)".*/\1/p' data/endpoints.json; }
API=$(endpoint api) ADMIN=$(endpoint admin)
destination() { # bucket, more
  echo '{"RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::'"$1"'", '"$2"',
    "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 900}}'
}
stream() { # bucket, more
  aws s3api create-bucket --bucket "$1" >/dev/null
  aws firehose create-delivery-stream --delivery-stream-name "$1" --extended-s3-destination-configuration "$(destination "$1" "$2")" >/dev/null
}
stream hundred '"CompressionFormat": "GZIP"'
stream five-hundred '"CompressionFormat": "GZIP"'
make_table
stream parquet "$CONVERSION"

# moto's server: the same API, at once and in memory
MOTO_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
taskset -c 0 "$(dirname "$PYTHON")/moto_server" -H 127.0.0.1 -p "$MOTO_PORT" >moto.log 2>&1 & MOTO=$!
MOTO_API=http://127.0.0.1:$MOTO_PORT
until curl -sf "$MOTO_API/moto-api/" >/dev/null; do sleep 0.2; done
aws --endpoint-url "$MOTO_API" s3api create-bucket --bucket hundred >/dev/null
aws --endpoint-url "$MOTO_API" firehose create-delivery-stream --delivery-stream-name hundred \
  --extended-s3-destination-configuration "$(destination hundred '"CompressionFormat": "GZIP"')" >/dev/null

# rsyslog, if it is there: lines over TCP into gzip files, nothing synced, nobody asked who they are
SYSLOG=
if command -v rsyslogd >/dev/null; then
  SYSLOG_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  mkdir files
  cat > rsyslog.conf <<CONF
global(workDirectory="$WORK")
module(load="imptcp")
template(name="line" type="string" string="%rawmsg%\n")
input(type="imptcp" address="127.0.0.1" port="$SYSLOG_PORT" ruleset="lake")
ruleset(name="lake" queue.type="LinkedList" queue.size="500000" queue.dequeueBatchSize="4096" queue.fullDelayMark="400000") {
  action(type="omfile" file="$WORK/files/lake.gz" template="line" zipLevel="6" veryRobustZip="off" ioBufferSize="256k"
    asyncWriting="off" flushOnTXEnd="off")
}
CONF
  taskset -c 0 rsyslogd -n -f rsyslog.conf -i "$WORK/rsyslog.pid" >rsyslog.log 2>&1 & SYSLOG=$!
  sleep 1
  kill -0 $SYSLOG
fi

put() { # label stream batch size api pid records first
  $LOAD put --label "$1" --stream "$2" --batch "$3" --size "$4" --endpoint "$5" --pid "$6" --records "$7" --first "$8" \
    --connections "$CONNECTIONS" >> results
}
DELIVERED=0
ours() { # stream batch run
  put "sekisho $2" "$1" "$2" 256 "$API" $SERVER "$RECORDS" $((($3 - 1) * RECORDS))
  DELIVERED=$((DELIVERED + RECORDS))
  $LOAD deliver --label "deliver $1" --endpoint "$API" --admin "$ADMIN" --stream "$1" --pid $SERVER --records $DELIVERED >> results
}
for run in $(seq "$RUNS"); do
  ours hundred 100 "$run"
  taskset -c 0 "$TARGET/pipeline" limits --records "$RECORDS" >> results
  put "moto 100" hundred 100 256 "$MOTO_API" $MOTO "$PEER_RECORDS" $(((run - 1) * PEER_RECORDS))
  ours five-hundred 500 "$run"
  [ -z "$SYSLOG" ] || $LOAD lines --label rsyslog --endpoint "127.0.0.1:$SYSLOG_PORT" --pid $SYSLOG --records "$RECORDS" --first $(((run - 1) * RECORDS)) >> results
  ours parquet 500 "$run"
done
$LOAD verify --label "verify 100" --endpoint "$API" --bucket hundred --records $((RUNS * RECORDS)) >> results
$LOAD verify --label "verify 500" --endpoint "$API" --bucket five-hundred --records $((RUNS * RECORDS)) >> results
$LOAD verify --label "verify moto" --endpoint "$MOTO_API" --bucket hundred --records $((RUNS * PEER_RECORDS)) >> results
if [ -n "$SYSLOG" ]; then
  kill $SYSLOG; wait $SYSLOG || true
  $LOAD verify --label "verify rsyslog" --folder files --records $((RUNS * RECORDS)) >> results
fi
$REPORT results
