# Countersign. `make help` lists what there is; every target installs what it needs into .venv by itself.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The Python to build .venv with: 3.11 or newer. Another one: make test PYTHON=/path/to/python3.13
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	command -v $$python >/dev/null 2>&1 \
	&& $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# Where `make serve` and `make demo` keep their data.
DATA ?= data
ARGS ?=

.PHONY: help demo test serve check lint types contracts bench profile docs format clean

help: ## List the targets
	@echo 'Countersign: push approval, signed by both sides'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'
	@echo
	@echo 'Variables: PYTHON (to build .venv with), DATA (data folder), KEEP=1 (demo leaves the server running),'
	@echo '           ARGS (passed on: make test ARGS="-k bind", make serve ARGS="--port 9000")'

# Made again whenever what is to be installed changes; otherwise a run starts at once.
$(READY): pyproject.toml integration_sdk/pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo 'Countersign needs Python 3.11 or newer, and none was found. Name one: make PYTHON=/path/to/python3' >&2; \
		exit 1; fi
	@echo 'Installing into $(VENV) (about a minute, once) ...'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo 'This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv' >&2; \
		rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[device]' --editable ./integration_sdk --group dev
	@touch $(READY)

demo: $(READY) ## Watch the main job happen for real: server, database, phone, relying party (KEEP=1 stays)
	@$(BIN)/countersign demo $(if $(KEEP),--keep) $(ARGS)

test: $(READY) ## Run all tests on a real PostgreSQL, in parallel
	@$(BIN)/python -m pytest $(ARGS)

serve: $(READY) ## Run a server on http://127.0.0.1:8080 with its data in DATA
	@COUNTERSIGN_DATA_DIR=$(DATA) $(BIN)/countersign serve $(ARGS)

check: lint types contracts test ## Everything that must hold before a commit: lint, types, imports, tests

lint: $(READY) ## Style and common mistakes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict over all of it
	@$(BIN)/mypy
	@$(BIN)/mypy integration_sdk/tests

contracts: $(READY) ## Who may import whom
	@$(BIN)/lint-imports

format: $(READY) ## Put the code into the one format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(READY) ## Measure the hot path against what it must reach (ARGS="--help": one figure, and more)
	@$(BIN)/python -m tests.bench $(ARGS)

profile: $(READY) ## Show where the server's time goes under the load of the bench, by py-spy
	@$(BIN)/python -m tests.bench.profiling $(ARGS)

docs: $(READY) ## Write docs/reference anew from the code
	@$(BIN)/python -m server.reference $(ARGS)

clean: ## Remove what was installed and generated; data folders stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
