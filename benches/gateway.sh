#!/usr/bin/env bash
# The gateway beside other brokers doing the same, alternately, each on one processor: fan-in and fan-out, QoS 0 and 1, over plain TCP and
# mutual TLS; round trips at a fixed rate; connects; memory of idle connections. Prints one table of server CPU, and ratios.
# BENCH: the load tool's binary. BIN: ours, built if it is not said. RUMQTTD: its binary, if it is to take part. RUNS (5), SECONDS_EACH (4), IDLE (10000).
set -euo pipefail
cd "$(dirname "$0")/.."; HERE=$PWD/benches
BENCH=$(realpath "${BENCH:-../shared/bench/target/release/bench}")
RUMQTTD=${RUMQTTD:-}
export RUNS=${RUNS:-5} SECONDS_EACH=${SECONDS_EACH:-4} IDLE=${IDLE:-10000}
[ -x "$BENCH" ] || { echo "set BENCH to the load tool's binary" >&2; exit 2; }
command -v mosquitto >/dev/null || { echo "mosquitto is not installed" >&2; exit 2; }
[ -n "${BIN:-}" ] || cargo build --release --quiet -p sekisho
BIN=$(realpath "${BIN:-${CARGO_TARGET_DIR:-target}/release/sekisho}")
ulimit -n "$(ulimit -Hn)"
WORK=$(mktemp -d); cd "$WORK"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$WORK"' EXIT

"$BENCH" certs --out certs --devices 16 >/dev/null 2>&1
cat > mosquitto.conf <<CONF
per_listener_settings true
listener 18883 127.0.0.1
cafile certs/ca.pem
certfile certs/server.pem
keyfile certs/server.key
require_certificate true
allow_anonymous true
listener 11883 127.0.0.1
allow_anonymous true
CONF
printf 'max_inflight_messages 100\nmax_queued_messages 100000\nset_tcp_nodelay true\nlog_type error\nuser %s\n' "$(id -un)" >> mosquitto.conf
if [ -n "$RUMQTTD" ]; then
  cat > rumqttd.toml <<CONF
id = 0
[router]
id = 0
max_connections = 20010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v4.tls]
name = "tls"
listen = "127.0.0.1:28883"
next_connection_delay_ms = 0
  [v4.tls.tls]
  capath = "certs/ca.pem"
  certpath = "certs/server.pem"
  keypath = "certs/server.key"
  [v4.tls.connections]
  connection_timeout_ms = 60000
  max_payload_size = 1048576
  max_inflight_count = 100
  dynamic_filters = true
[v4.tcp]
name = "tcp"
listen = "127.0.0.1:21883"
next_connection_delay_ms = 0
  [v4.tcp.connections]
  connection_timeout_ms = 60000
  max_payload_size = 1048576
  max_inflight_count = 100
  dynamic_filters = true
CONF
fi
port() { sed -n "s/.*\"$1\": \".*:\([0-9]*\)\".*/\1/p" data/endpoints.json; }
start() { # all of them; `servers`: label pid, plain port, TLS port, certificates
  taskset -c 0 mosquitto -c mosquitto.conf & local mosquitto=$!
  rm -f data/endpoints.json
  taskset -c 0 "$BIN" serve --data data --api 127.0.0.1:0 --mqtt 127.0.0.1:0 --https 127.0.0.1:0 --admin 127.0.0.1:0 --log error \
    --plain-mqtt 127.0.0.1:0 --plain-mqtt-as bench >/dev/null 2>&1 & local sekisho=$!
  until [ -e data/endpoints.json ]; do sleep 0.1; done
  servers=("sekisho $sekisho $(port plain_mqtt) $(port mqtt) ours" "mosquitto $mosquitto 11883 18883 certs")
  if [ -n "$RUMQTTD" ]; then
    taskset -c 0 "$RUMQTTD" -q -c rumqttd.toml >/dev/null 2>&1 & servers+=("rumqttd $! 21883 28883 certs")
  fi
}
start
eval "$("$BIN" env --data data)"
. "$HERE/devices.sh"
aws iot create-thing --thing-name bench >/dev/null
aws iot attach-thing-principal --thing-name bench --principal "$ARN"

load() { # what, transport, mode and its arguments
  local what=$1 transport=$2 mode=$3; shift 3
  for server in "${servers[@]}"; do
    read -r label pid plain tls certs <<<"$server"
    local at=$plain; [ "$transport" = mtls ] && at=$tls
    taskset -c 1 "$BENCH" "$mode" --label "$label/$what" --server-pid "$pid" --port "$at" --certs "$certs" --transport "$transport" \
      --skip-verify "$@" 2>>errors >> results || echo "{\"label\": \"$label/$what\", \"failed\": true}" >> results
  done
}
for _ in $(seq "$RUNS"); do
  for transport in tcp mtls; do
    for qos in 0 1; do
      load "fan-in QoS $qos $transport" $transport fanin --qos $qos --publishers 100 --payload 256 --duration "$SECONDS_EACH"
      load "fan-out QoS $qos $transport" $transport fanout --qos $qos --subscribers 100 --payload 256 --window 20000 --duration "$SECONDS_EACH"
    done
  done
  load "ingest QoS 1 mtls" mtls fanin --qos 1 --publishers 100 --subscribers 0 --payload 256 --duration "$SECONDS_EACH"
  load "round trip 2000/s QoS 1 mtls" mtls pingpong --qos 1 --rate 2000 --payload 256 --duration "$SECONDS_EACH"
  load "connect mtls" mtls connect --concurrency 16 --duration "$SECONDS_EACH"
  load "resumed connect mtls" mtls connect --resume --concurrency 16 --duration "$SECONDS_EACH"
done
kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; start # fresh: what a server has freed, it would use again
load "idle mtls" mtls idle --count "$IDLE" --subscribe
python3 - "$PWD/results" <<'PY'
import collections, json, os, statistics, sys
runs = collections.defaultdict(list)
for line in open(sys.argv[1]):
    run = json.loads(line)
    label, what = run["label"].split("/", 1)
    runs[what, label].append(run)
labels = list(dict.fromkeys(label for _, label in runs))
def figure(what, label, key):
    values = [run[key] for run in runs[what, label] if not run.get("failed") and run.get(key) is not None]
    return statistics.median(values) if values else None
def table(title, rows, key, digits=2):
    print(f"\n{title:34}" + "".join(f"{label:>12}" for label in labels) + f"{'ratio':>8}  to the best other")
    for what in rows:
        row = [figure(what, label, key) for label in labels]
        others = [value for value in row[1:] if value]
        ratio = f"{row[0] / min(others):8.2f}" if row[0] and others else f"{'-':>8}"
        print(f"{what:34}" + "".join(f"{value:12.{digits}f}" if value is not None else f"{'failed':>12}" for value in row) + ratio)
whats = list(dict.fromkeys(what for what, _ in runs))
per_message = [what for what in whats if what.startswith(("fan", "ingest"))]
print(f"medians of {os.environ['RUNS']} runs of {os.environ['SECONDS_EACH']} s, alternately, a processor each")
table("server CPU µs a message", [what for what in per_message if not what.startswith("fan-out")], "server_cpu_s_per_million_msgs")
table("server CPU µs a delivery", [what for what in per_message if what.startswith("fan-out")], "server_cpu_s_per_million_deliveries")
for percentile in ("p50", "p99", "p999"):
    table(f"round trip µs, {percentile}", [what for what in whats if what.startswith("round")], f"e2e_{percentile}_us", 0)
table("server CPU µs a connect", [what for what in whats if "connect" in what], "server_cpu_us_per_connect", 0)
table("KiB a connection", [what for what in whats if what.startswith("idle")], "rss_kib_per_connection", 1)
lost = {label: sum(run.get("lost", 0) for (what, of), many in runs.items() if of == label for run in many) for label in labels}
print("\nmessages lost, of all runs:", lost)
PY
cp results "${RESULTS:-/dev/null}" 2>/dev/null || true
