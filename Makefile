# The face of `cargo xtask`, which does the work; `cargo xtask help` lists what is not here.

CARGO ?= cargo
.DEFAULT_GOAL := help

.PHONY: help demo test lint bench sim scenario-sequential components tidy test-boot test-spin

help: ## Lists what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Builds the components and shows a matrix of jobs from webhook to an empty cloud; AWS=moto: on moto, under the IAM policies
	@echo "demo: builds the components, then runs jobs on them against $(if $(filter moto,$(AWS)),moto,the fakes)"
	@$(CARGO) xtask $(if $(filter moto,$(AWS)),moto,demo)

test: ## Runs everything that CI runs, and says what it skipped
	@echo "test: runs everything that CI runs, in its order"
	@$(CARGO) xtask test

lint: ## Checks formatting, lints, the architecture and the reference, and runs no function
	@echo "lint: formatting, clippy on both sides, tidy, the reference"
	@$(CARGO) xtask lint

bench: ## Builds the components and measures them
	@echo "bench: builds the components, then measures them"
	@$(CARGO) xtask bench

sim: ## Plays worlds from their seeds: make sim SEEDS=200, or one with its timeline: make sim SEED=7
	@echo "sim: plays the control plane natively in worlds drawn from seeds"
	@$(CARGO) xtask sim $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),200))

scenario-sequential: ## Plays long workflows whose jobs run one by one, against their goals: ONLY=<part of a name>, or CASE=<name> with its timeline
	@echo "scenario-sequential: plays long sequential workflows, first under the naive policy, then under ours"
	@$(CARGO) xtask scenario $(if $(CASE),--case "$(CASE)",$(if $(ONLY),--only "$(ONLY)"))

components: ## Builds the six components for wasm32-wasip2 and prints their sizes
	@echo "components: builds all six for wasm32-wasip2"
	@$(CARGO) xtask components

tidy: ## Holds the architecture: all faults at once, each with file and remedy
	@echo "tidy: reads the sources, the manifests and the documents"
	@$(CARGO) xtask tidy

test-boot: ## Runs the instance's script in a real shell on the built components, in namespaces; needs root
	@echo "test-boot: builds the components, then boots a machine for each case"
	@$(CARGO) xtask boot $(if $(ONLY),--only "$(ONLY)")

test-spin: ## Runs the demo under a real spin: make test-spin SPIN=<path>
	@echo "test-spin: runs the demo under the spin that SPIN names"
	@$(CARGO) xtask spin $(if $(SPIN),"$(SPIN)")
