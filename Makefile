# A fresh machine needs only make and Python 3.11 or newer. `make help` lists what there is.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header --quiet --group build

.DEFAULT_GOAL := help
.PHONY: help run test check contract bench soak openapi lock clean installed installed-dev environment

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: installed ## start everything with the demo on http://127.0.0.1:8000, until Ctrl-C
	@exec $(BIN)/bellwether run

test: installed-dev ## run the tests, on a PostgreSQL that they start themselves
	$(BIN)/python -m pytest -n 2 -m "not contract and not soak"

check: installed-dev ## lint, format, types, who may import whom, and whether openapi.json is current
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bellwether openapi --check

contract: installed-dev ## try the whole API description against the running service
	$(BIN)/python -m pytest -m contract

bench: installed-dev ## measure the service beside the limit of what it stands on (needs wrk and taskset)
	$(BIN)/python -m tests.benchmarks

soak: installed-dev ## race, kill and starve the service for a quarter of an hour
	$(BIN)/python -m pytest -m soak -s

openapi: installed ## write openapi/openapi.json
	$(BIN)/bellwether openapi

lock: ## refresh the hash-locked requirements (needs uv)
	$(COMPILE) --extra embedded --group dev -o requirements-dev.lock
	$(COMPILE) --extra embedded -c requirements-dev.lock -o requirements.lock
	$(COMPILE) -c requirements-dev.lock -o requirements-image.lock

clean: ## delete the environment and all caches; data stays in .data
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find app migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is kept as a copy, so that pip runs once for each change of what is asked for.
installed: environment
	@cat pyproject.toml requirements.lock | cmp -s - $(VENV)/$@ || { \
		echo "Installing what Bellwether needs into $(VENV), once; it takes about a minute."; \
		$(INSTALL) --require-hashes -r requirements.lock && \
		$(INSTALL) --no-deps --no-build-isolation -e . && \
		cat pyproject.toml requirements.lock >$(VENV)/$@; }

# The lock for development contains the other one.
installed-dev: environment
	@cat pyproject.toml requirements-dev.lock | cmp -s - $(VENV)/$@ || { \
		echo "Installing what its development needs into $(VENV), once; it takes about a minute."; \
		$(INSTALL) --require-hashes -r requirements-dev.lock && \
		$(INSTALL) --no-deps --no-build-isolation -e . && \
		cat pyproject.toml requirements.lock >$(VENV)/installed && \
		cat pyproject.toml requirements-dev.lock >$(VENV)/$@; }

environment:
	@$(BIN)/python -c 'import pip' 2>/dev/null || { \
		test -n "$(PYTHON)" || { \
			echo "Bellwether needs Python 3.11 or newer, here is `python3 --version 2>&1`:" \
				"install one, or name it with PYTHON=/path/to/python3.12" >&2; exit 1; }; \
		$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }; }
