# The one door to every tool. `make` alone lists the targets.
# Needs Python 3.11 or newer and make; all else is installed here, from the locked and hashed lists.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
CLIENTS := typescript kotlin

.DEFAULT_GOAL := help
.PHONY: help run run-check demo test check format openapi contract clients lock bench chaos clean
.DELETE_ON_ERROR:

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Relais demande Python 3.11 ou plus récent : make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(VENV)/.installed ## everything on a fictional territoire: PostgreSQL, API, worker, caught mail, on :8000
	$(BIN)/relais up --demo --port $(PORT) --data-dir data

run-check: $(VENV)/.installed ## start `make run`, kill it with -9, start it again, stop it
	$(BIN)/python tests/run_check.py

demo: $(VENV)/.installed ## the whole journey, scripted; fails when a promise fails
	$(BIN)/relais demo

test: $(VENV)/.installed ## the fast tests, on an embedded PostgreSQL
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: $(VENV)/.installed ## format, lint, types, imports: no tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed ## put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.installed ## write openapi/relais.json anew
	$(BIN)/python -m api

contract: ## the contract judged by redocly and spectral (needs Node)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory judge-contract; \
	else echo "contract : sauté, il faut Node.js (npm)"; fi

clients: ## TypeScript and Kotlin clients in build/clients (needs Java; Node to compile the first)
	@if ! command -v java >/dev/null; then echo "clients : sauté, il faut Java"; \
	elif ! command -v npm >/dev/null; then $(MAKE) --no-print-directory $(CLIENTS:%=build/clients/%/.made); \
	echo "clients : TypeScript non compilé, il faut Node.js (npm)"; \
	else $(MAKE) --no-print-directory $(CLIENTS:%=build/clients/%/.made) build/clients/typescript/dist/.made; fi

.PHONY: judge-contract
judge-contract: openapi/node_modules/.installed
	npm --prefix openapi run --silent contract

openapi/node_modules/.installed: openapi/package.json openapi/package-lock.json
	npm --prefix openapi ci --silent
	@touch $@

build/generator/.installed: openapi/requirements-clients.lock
	$(PYTHON) -m venv build/generator
	build/generator/bin/pip install --quiet --disable-pip-version-check --require-hashes -r openapi/requirements-clients.lock
	@touch $@

build/clients/%/.made: openapi/%.yaml openapi/relais.json build/generator/.installed
	rm -rf build/clients/$*
	build/generator/bin/openapi-generator-cli generate --config openapi/$*.yaml > build/clients-$*.log 2>&1 || (cat build/clients-$*.log; false)
	@touch $@

build/clients/typescript/dist/.made: build/clients/typescript/.made openapi/node_modules/.installed
	openapi/node_modules/.bin/tsc --project build/clients/typescript --strict
	openapi/node_modules/.bin/tsc --project build/clients/typescript/tsconfig.esm.json --strict
	@touch $@

lock: ## resolve the lists again (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	echo openapi-generator-cli==7.26.0 | uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 - -o openapi/requirements-clients.lock

bench: $(VENV)/.installed ## the speeds, as ratios against something of the same run; fails when one is not held
	$(BIN)/python bench

chaos: $(VENV)/.installed ## the slow proofs: workers killed at random
	$(BIN)/python -m pytest -q -m slow

clean: ## what the targets made here, the demo's data included
	rm -rf $(VENV) data build openapi/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
