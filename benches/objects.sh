#!/usr/bin/env bash
# PUT and GET of 4 kB, 256 kB and 64 MiB in each encryption mode the load tool can ask for, beside s3s-fs, a file
# system behind the same API, and beside what the machine can do at most: AES-256-GCM, loopback, disk. Alternately, one processor for the servers
# (only one is under load at a time) and one for the load. Prints a table: MB/s, operations/s, CPU of the server.
# BENCH: the load tool's binary. S3S_FS: s3s-fs's, else `cargo install s3s-fs --features binary` puts it into target/tools; `none`
# leaves it out.
# SSE-C, which the load tool cannot ask for, is told beside the other modes by a client of ours (`pipeline modes`).
# RUNS (3), SECONDS_EACH (4).
set -euo pipefail
cd "$(dirname "$0")/.."
BENCH=${BENCH:-../shared/bench/target/release/bench}
RUNS=${RUNS:-3}
SECONDS_EACH=${SECONDS_EACH:-4}
[ -x "$BENCH" ] || { echo "set BENCH to the load tool's binary" >&2; exit 2; }
[ -n "${NO_BUILD:-}" ] || cargo build --release --quiet -p sekisho -p sekisho-benches
S3S_FS=${S3S_FS:-target/tools/bin/s3s-fs}
[ "$S3S_FS" = none ] || [ -x "$S3S_FS" ] || cargo install --quiet --locked --root target/tools --features binary --version 0.14.1 s3s-fs
BIN=$(realpath "${CARGO_TARGET_DIR:-target}/release/sekisho"); BENCH=$(realpath "$BENCH"); OURS=$(dirname "$BIN")/pipeline
[ "$S3S_FS" = none ] || S3S_FS=$(realpath "$S3S_FS")
WORK=$(mktemp -d -p "${WORK_DIR:-/tmp}"); cd "$WORK"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$WORK"' EXIT

taskset -c 0 "$BIN" serve --data data --api 127.0.0.1:0 --mqtt 127.0.0.1:0 --https 127.0.0.1:0 --admin 127.0.0.1:0 --log error >/dev/null 2>&1 & SEKISHO=$!
until [ -e data/endpoints.json ]; do sleep 0.1; done
eval "$("$BIN" env --data data)"
mkdir -p fs/plain
FS=
if [ "$S3S_FS" != none ]; then
  taskset -c 0 "$S3S_FS" --host 127.0.0.1 --port 18014 --access-key "$AWS_ACCESS_KEY_ID" --secret-key "$AWS_SECRET_ACCESS_KEY" fs >/dev/null 2>&1 & FS=$!
fi
for bucket in plain kms dsse; do aws s3api create-bucket --bucket $bucket >/dev/null; done
sleep 1
"$BENCH" limits --dir "$WORK" >limits.json 2>limits.txt || true

load() { # label verb pid endpoint bucket size concurrency extra…
  local label=$1 verb=$2 pid=$3 endpoint=$4 bucket=$5 size=$6 concurrency=$7; shift 7
  taskset -c 1 "$BENCH" "$verb" --label "$label $verb $size" --server-pid "$pid" --endpoint "$endpoint" --bucket "$bucket" \
    --access-key "$AWS_ACCESS_KEY_ID" --secret-key "$AWS_SECRET_ACCESS_KEY" --unsigned-payload --size "$size" --count 1000000 \
    --concurrency "$concurrency" --objects 16 --duration "$SECONDS_EACH" "$@" 2>/dev/null >>results || echo "$label $verb $size failed" >&2
}
for run in $(seq "$RUNS"); do
  for size in 4096 262144 67108864; do
    concurrency=16; [ $size = 67108864 ] && concurrency=2
    for verb in s3-put s3-get; do
      load sse-s3   $verb $SEKISHO "$AWS_ENDPOINT_URL" plain $size $concurrency
      load sse-kms  $verb $SEKISHO "$AWS_ENDPOINT_URL" kms   $size $concurrency --sse aws:kms
      load dsse-kms $verb $SEKISHO "$AWS_ENDPOINT_URL" dsse  $size $concurrency --sse aws:kms:dsse
      [ -z "$FS" ] || load s3s-fs   $verb $FS      http://127.0.0.1:18014 plain $size $concurrency
    done
  done
done
cat limits.txt
python3 - <<'PY'
import collections, json, statistics
runs = collections.defaultdict(list)
for line in open("results"):
    run = json.loads(line)
    runs[run["label"]].append(run)
print(f"{'':28} {'MiB/s':>9} {'ops/s':>9} {'p50 ms':>8} {'CPU ms/op':>10}   median of {len(next(iter(runs.values())))}")
for label, all_runs in runs.items():
    def median(name):
        return statistics.median(run[name] for run in all_runs)
    cpu = median("server_cpu_s_per_million_requests") / 1000
    print(f"{label:28} {median('mib_per_s'):9.1f} {median('requests_per_s'):9.1f} {median('request_p50_us') / 1000:8.2f} {cpu:10.3f}")
PY
echo; echo "by one client of ours, 16 connections:"
taskset -c 1 "$OURS" modes --endpoint "$AWS_ENDPOINT_URL" --pid $SEKISHO --runs "$RUNS" | python3 -c '
import json, sys
for run in map(json.loads, sys.stdin):
    print("{mode:9} {verb} {size:>9} {mib_per_s:9.1f} MiB/s {per_s:9.0f}/s {cpu_ms:8.3f} ms CPU".format(**run))'
