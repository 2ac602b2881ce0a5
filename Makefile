# Everything a person or CI does here. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo lint check test bench faults audit lock clean

help: ## This list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*?## "} {printf "  make %-10s %s\n", $$1, $$2}'

# Bytecode is compiled once, here: five services that compile what they import start in twice the time.
$(VENV)/.setup: requirements-setup.txt requirements-stack.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Ebbtide needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing packages (hashes are checked) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-stack.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup requirements-dev.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.setup ## Install what running needs, into .venv
setup-dev: $(VENV)/.setup-dev ## Install what developing needs as well

demo: setup ## Eighteen months of real purchases in two minutes; Ctrl-C ends it (DEMO="--once --json" for scripts)
	@$(BIN)/ebbtide demo $(DEMO)

lint: setup-dev ## Format, lint, types, import rules
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

check: lint ## The same, and the unit, contract and architecture tests; a minute or two
	@$(BIN)/pytest -q tests/unit tests/contracts tests/architecture

test: setup-dev ## The whole test suite on the embedded stack (EBBTIDE_TEST_STACK=external for another)
	@$(BIN)/pytest -q --numprocesses 2 --dist loadfile

bench: setup-dev ## Baseline, Kafka Streams, tutorial shape, profiles, the whole system in one run; build/bench.json
	@$(BIN)/python -m tests.bench.run $(BENCH)

faults: setup-dev ## What can break, broken under load, and an exact ledger (FAULTS="--tier quick"); build/faults.json
	@$(BIN)/python -m tests.faults.run $(FAULTS)

audit: setup-dev ## List what production is made of (build/sbom.json), and ask whether any of it is known to be vulnerable
	@$(BIN)/python -m tests.audit.run

lock: setup-dev ## Resolve the requirements files anew, with hashes and without index hosts
	@for extras in "" "--extra stack" "--extra stack --extra dev"; do \
		name=requirements$$(case "$$extras" in *dev*) echo -dev;; *stack*) echo -stack;; esac).txt; \
		$(BIN)/uv pip compile -q pyproject.toml $$extras --universal --python-version 3.11 --upgrade \
			--generate-hashes --no-header --no-annotate --no-emit-index-url -o $$name; done

clean: ## Remove what was built; data in .ebbtide stays
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
