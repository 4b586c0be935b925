#!/usr/bin/env bash
# Device identity: handshakes, JITP, revocation with 1,000 devices connected, a registry of 100,000. Prints tables.
# CERTIFICATES (100000), DEVICES (1000), COUNT (2000).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet -p sekisho -p sekisho-benches
TARGET=${CARGO_TARGET_DIR:-target}/release
export SEKISHO_BIN=$TARGET/sekisho
echo "openssl speed, this machine: $(openssl speed -seconds 2 ecdsap256 2>/dev/null | tail -1)"
echo
"$TARGET/identity" handshakes --count "${COUNT:-2000}"
echo
"$TARGET/identity" provisionings --count "${COUNT:-2000}"
echo
"$TARGET/identity" revocation --devices "${DEVICES:-1000}"
echo
"$TARGET/identity" registry --certificates "${CERTIFICATES:-100000}"
