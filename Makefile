# One door to the tools. CI runs `make check` and `make test`, nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
DENY := target/tools/bin/cargo-deny

help: ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: ## Play the main job, from device to encrypted object, with real parts on a server of its own
	@$(CARGO) build --release --quiet -p sekisho && $(CARGO) run --release --quiet -p sekisho -- demo

test: peers ## Everything: tables, fuzz corpora, and the unmodified AWS CLI, SDKs and MQTT clients
	$(CARGO) build -p sekisho
	$(CARGO) test --workspace --all-targets --no-fail-fast

check: $(DENY) ## Format, lints, licences and sources of dependencies, and what ARCHITECTURE.md claims
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(DENY) check bans licenses sources
	$(CARGO) run --quiet -p xtask -- tidy

bench: ## The figures of benches/RESULTS.md, measured again (needs mosquitto; see benches/README.md)
	benches/road.sh

bless: ## Accept new snapshots; then read the diff
	UPDATE_EXPECT=1 $(CARGO) test --workspace

suites: peers ## Public MQTT suites, unmodified, against `profile = "mqtt"` (needs cmake; ten minutes)
	$(CARGO) build -p sekisho && .venv/bin/python conformance/suites.py

kills: peers ## The kill tests as they are claimed: 50 kills under load, 200 with a faulty destination
	$(CARGO) build -p sekisho && SEKISHO_KILLS=50 $(CARGO) test -p conformance --test kill --test kill_provisioning --test kill_objects -- --nocapture
	SEKISHO_KILLS=50 $(CARGO) test -p conformance --test rules_actions kill -- --nocapture
	SEKISHO_KILLS=200 $(CARGO) test -p conformance --test kill_elsewhere -- --nocapture

sim: ## 24 simulated hours of each of four seeds
	SEKISHO_SIM_HOURS=24 $(CARGO) test -p sekisho-sim -- --nocapture

fuzz: ## 10^8 inputs for each decoder of MQTT, 10^8 whole sessions out of random bytes (an hour or two)
	BOLERO_RANDOM_ITERATIONS=100000000 $(CARGO) test --release -p sekisho-mqtt --test round_trip
	BOLERO_RANDOM_ITERATIONS=25000000 $(CARGO) test --release -p sekisho-gate --test sessions

gen: peers ## Generate the operation tables again from the models in the virtual environment
	$(CARGO) run --quiet -p xtask -- gen --models "$$(.venv/bin/python -c 'import botocore,os;print(os.path.dirname(botocore.__file__))')/data"

peers: .venv/ready .venv/node/ready ## The unmodified clients that the tests use
	@for tool in mosquitto_pub mosquitto_rr openssl curl softhsm2-util strace; do \
	  command -v $$tool >/dev/null && continue; \
	  echo "installing $$tool"; \
	  { apt-get update -qq && apt-get install -y -qq mosquitto-clients openssl curl softhsm2 strace; } >/dev/null 2>&1 || true; \
	  command -v $$tool >/dev/null || { echo "$$tool is missing and could not be installed: the tests that need it will fail"; }; \
	done

.venv/ready: conformance/requirements.txt
	python3 -m venv .venv || { apt-get update -qq && apt-get install -y -qq python3-venv && python3 -m venv .venv; }
	.venv/bin/pip install --quiet --disable-pip-version-check -r conformance/requirements.txt
	touch $@

.venv/node/ready: .venv/ready
	@command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq npm; } >/dev/null 2>&1 || true
	npm install --silent --no-audit --no-fund --prefix .venv/node mqtt@5.16
	touch $@

$(DENY):
	$(CARGO) install --quiet --locked --root target/tools cargo-deny

.PHONY: help demo test check bench bless suites kills sim fuzz gen peers
