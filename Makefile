# Everything a newcomer needs. `make lab` and `make test` install what is missing, and say what.

CARGO_TARGET_DIR ?= target
SUDO := $(if $(filter 0,$(shell id -u)),,sudo )
AS_ROOT := $(if $(SUDO),tools/as-root.sh )
ON := $(shell uname -s)
LAB := $(SUDO)$(CARGO_TARGET_DIR)/release/e2blab

.DEFAULT_GOAL := help
.PHONY: help lab lab-down test bench build dist cross check fmt clippy deny shellcheck terraform lab-image

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the two set-up commands

lab: ## Build, start the rehearsal cluster, run deploy.rhai on it and validate it with a sandbox
	@tools/toolchain.sh
	@tools/packages.sh lab
	@$(MAKE) --no-print-directory build
	$(LAB) run deploy.rhai --validate
	@echo
	@echo 'The rehearsal cluster is up, deployed, and has run a sandbox. What to try next:'
	@printf '  %-48s %s\n' \
	    '$(LAB) run deploy.rhai --plan' 'what would change: nothing' \
	    '$(LAB) run check-cluster.rhai' 'is every host well?' \
	    '$(LAB) ssh api-1' 'look around on a node' \
	    '$(LAB) fault break-service api 500' 'break something, then check again: it is explained' \
	    '$(LAB) fault heal' 'and mend it' \
	    'make lab-down' 'remove the cluster'

test: ## Install what is missing, check everything, run every test
	@tools/toolchain.sh
	@tools/packages.sh lab test
	@$(MAKE) --no-print-directory check cross lab-image
	@for client in e2b-python e2b-node schemathesis; do $(AS_ROOT)tools/clients.sh $$client >/dev/null || exit; done
	tools/test.sh

# --- while working

bench: ## Measure e2bscript against asyncssh, scp and ssh (docs/benchmarks.md)
	@tools/toolchain.sh
	@tools/packages.sh lab bench
	@$(MAKE) --no-print-directory build
	$(AS_ROOT)benches/run.py --bin $(CARGO_TARGET_DIR)/release $(ARGS)

lab-down: build ## Remove the rehearsal cluster and all it made
	$(LAB) down

build: ## Build e2bscript, and on Linux e2blab and the stand-ins
	@tools/toolchain.sh
	@$(if $(filter Darwin,$(ON)),:,tools/packages.sh build)
	cargo build --release --locked $(if $(filter Darwin,$(ON)),--package e2bscript)

dist: ## Make the static program for Linux, with all that comes with it, in dist/
	@tools/toolchain.sh
	@tools/packages.sh build cross dist
	tools/dist.sh

cross: ## Does the program compile for musl and for macOS?
	@tools/toolchain.sh
	@tools/packages.sh build cross
	tools/cross.sh

check: fmt clippy deny shellcheck terraform ## All checks that need no cluster

fmt: ## Is everything formatted?
	@tools/toolchain.sh
	cargo fmt --all --check

clippy: ## Lints of the program, the lab, tests and benchmarks
	@tools/toolchain.sh
	@tools/packages.sh build
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: ## Licences, banned crates, sources and advisories of the dependencies
	@tools/toolchain.sh
	tools/deny.sh

shellcheck: ## Lints of the shell scripts
	@tools/packages.sh check
	shellcheck -x -P tests/stacks/cleanup .ci/run $$(find . -name '*.sh' -not -path './target/*') \
	    $$(grep -lr '^#!/bin/\(ba\)\?sh' terraform-cluster/user-data/files)

terraform: ## Format, validity and tests of the two OCI stacks
	tools/terraform.sh

lab-image: ## Build the rehearsal cluster's image and agents, kept outside the tree
	cargo build --locked
	$(SUDO)$(CARGO_TARGET_DIR)/debug/e2blab image
