# Needs GNU make. "make help" lists the targets. Every target sets up first what the machine lacks
# (toolchain/README.md); the second time that takes a fraction of a second.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup program idl worker relay ports run deploy test bench lint fmt clean

RPC_PORT ?= 8899
WS_PORT  ?= 8900
API_PORT ?= 8787
ONCE     ?=
ARGS     ?=
export WILLIW_RPC_PORT := $(RPC_PORT)
export WILLIW_WS_PORT  := $(WS_PORT)
export WILLIW_API_PORT := $(API_PORT)

# In CI the committed lockfile is the truth; elsewhere it may follow a manifest that is being edited.
LOCKED := $(if $(CI),--locked)
USE := . toolchain/env.sh;

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Variables: RPC_PORT=$(RPC_PORT) WS_PORT=$(WS_PORT) API_PORT=$(API_PORT) ONCE=$(ONCE) ARGS=$(ARGS); from the environment: CARGO_TARGET_DIR, WILLIW_CACHE"

setup: ## bring what this machine lacks into the cache
	@toolchain/setup.sh

program: setup ## build the on-chain program: target/deploy/settlement.so
	@$(USE) toolchain/build-program.sh $(LOCKED)

worker: setup ## build the Worker: worker/build
	@$(USE) toolchain/build-worker.sh $(LOCKED)

idl: setup ## the program's interface: programs/settlement/idl/settlement.json
	@$(USE) toolchain/idl.sh $(LOCKED)

relay: setup ## build the relay: target/debug/williw-relay
	@echo "relay: cargo build"
	@$(USE) cargo build -q $(LOCKED) -p williw-relay --bin williw-relay

run: ports program worker relay ## the whole product on this machine; ONCE=1 ends after the table
	@$(USE) exec cargo run -q $(LOCKED) -p williw-tests --no-default-features --bin williw-demo -- $(if $(filter-out 0,$(ONCE)),--once)

deploy: program ## program, IDL, network and authorities on a cluster; ARGS="--dry-run", ARGS="--config FILE"
	@$(USE) exec cargo run -q $(LOCKED) -p williw-deploy -- $(ARGS)

ports:
	@toolchain/check-ports.sh RPC_PORT=$(RPC_PORT) WS_PORT=$(WS_PORT) API_PORT=$(API_PORT)

test: program worker ## lint and run every test; ends with the counts
	@$(USE) toolchain/run-tests.sh $(LOCKED)

bench: program worker relay ## measure, print and write docs/BENCHMARKS.md
	@$(USE) exec cargo run -q $(LOCKED) -p williw-tests --bin williw-bench

lint: setup ## formatting and clippy, native and for the Worker's target
	@$(USE) toolchain/lint.sh $(LOCKED)

fmt: setup ## format all Rust
	@$(USE) cargo fmt --all

clean: ## remove what was built here (not the cache)
	@cargo clean -q
	@rm -rf worker/build worker/.wrangler app/dist .anchor
