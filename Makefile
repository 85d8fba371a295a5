# Needs GNU make. "make help" lists the targets. Every target first prepares the tools that this machine lacks
# (toolchain/README.md), which takes a fraction of a second once they are there.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup program idl worker relay ports run deploy test test-clients test-agave test-official mutants bench lint fmt clean

RPC_PORT ?= 8899
WS_PORT  ?= 8900
API_PORT ?= 8787
ONCE     ?=
ARGS     ?=
DIFF     ?=
SHARD    ?=
FILES    ?=
export WILLIW_RPC_PORT := $(RPC_PORT)
export WILLIW_WS_PORT  := $(WS_PORT)
export WILLIW_API_PORT := $(API_PORT)

# CI requires an up-to-date lockfile. Elsewhere, cargo may update it after a manifest has been edited.
LOCKED := $(if $(CI),--locked)
USE := . toolchain/env.sh;
# Crates outside the workspace.
OWN_LOCKFILES := $(patsubst %,%/Cargo.toml,programs/settlement/fuzz $(addprefix toolchain/,localnet localnet-agave localnet-common sbf/rt))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Variables: RPC_PORT=$(RPC_PORT) WS_PORT=$(WS_PORT) API_PORT=$(API_PORT) ONCE=$(ONCE) ARGS=$(ARGS); environment: CARGO_TARGET_DIR, WILLIW_CACHE"

setup: ## prepare the tools that this machine lacks, in a cache
	@toolchain/setup.sh

program: setup ## build the on-chain program: target/deploy/settlement.so
	@$(USE) toolchain/build-program.sh $(LOCKED)

worker: setup ## build the Worker: worker/build
	@$(USE) toolchain/build-worker.sh $(LOCKED)

idl: setup ## generate the program's IDL: programs/settlement/idl/settlement.json
	@$(USE) toolchain/idl.sh $(LOCKED)

relay: setup ## build the relay: target/debug/williw-relay
	@echo "relay: cargo build"
	@$(USE) cargo build -q $(LOCKED) -p williw-relay --bin williw-relay

run: ports program worker relay ## run the whole product on this machine; ONCE=1 exits after the table
	@$(USE) exec cargo run -q $(LOCKED) -p williw-tests --no-default-features --bin williw-demo -- $(if $(filter-out 0,$(ONCE)),--once)

deploy: program ## deploy program, IDL, network and authorities; ARGS="--dry-run", ARGS="--config FILE"
	@$(USE) exec cargo run -q $(LOCKED) -p williw-deploy -- $(ARGS)

ports:
	@toolchain/check-ports.sh RPC_PORT=$(RPC_PORT) WS_PORT=$(WS_PORT) API_PORT=$(API_PORT)

test: program worker ## run lint and every test; ends with the counts
	@$(USE) toolchain/run-tests.sh $(LOCKED)

test-clients: program ## run only the tests of TypeScript clients and of the examples
	@$(USE) cargo build -q $(LOCKED) -p williw-tests --example withdraw; toolchain/test-clients.sh

test-agave: program worker ## run the payment tests on Agave's validator, with transaction v1 on and off
	@toolchain/test-agave.sh $(LOCKED)

test-official: ## compare the program as built by Anza's platform tools and by this toolchain
	@toolchain/test-official.sh $(LOCKED)

mutants: ## change the program one line at a time and check that a test fails; SHARD=1/4 DIFF=origin/main FILES="rules/*"
	@toolchain/setup.sh --with cargo-mutants
	@$(USE) toolchain/mutants.py $(addprefix --shard ,$(SHARD)) $(addprefix --diff ,$(DIFF)) $(foreach file,$(FILES),--file '$(file)') $(ARGS)

bench: program worker relay ## run the benchmarks, print the results and write docs/BENCHMARKS.md
	@$(USE) cargo build -q $(LOCKED) --release -p williw-tests -p williw-relay --no-default-features --features williw-relay/native \
	    --bin williw-engine-bench --bin williw-bare-sender --bin williw-relay; \
	  exec cargo run -q $(LOCKED) -p williw-tests --bin williw-bench -- $(ARGS)

lint: setup ## check formatting, scripts and dependencies, and run clippy
	@$(USE) toolchain/lint.sh $(LOCKED)

fmt: setup ## format all Rust code
	@$(USE) cargo fmt --all; for manifest in $(OWN_LOCKFILES); do cargo fmt --manifest-path $$manifest; done; \
	  rustfmt --edition 2024 toolchain/localnet-agave/protobuf-src/src/lib.rs

clean: ## remove build artifacts from the checkout (not the cache)
	@cargo clean -q
	@rm -rf worker/build worker/.wrangler app/dist .anchor
