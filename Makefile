# Everything a person does with this repository starts here; `make help` lists it.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NPM_FOLDERS := tests/acceptance/packages clients/typescript
NPM_STAMPS := $(NPM_FOLDERS:%=%/node_modules/.installed)

# Up to 3.12 every locked package ships a wheel; on newer ones some want a C compiler, so they come last.
PYTHON ?= $(shell for name in python3 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1 && echo $$name && exit; \
	done; python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo python3)
UV_VERSION := 0.13.8
UV := .cache/uv/bin/uv

ARGS ?=
PYTEST_ARGS ?=
PYTEST_WORKERS ?= 2
SEEDS ?= 100
FROM ?= 10000
STEPS ?= 14

.PHONY: help setup demo test simulate mutate lint types imports format bench soak lock schema clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: $(STAMP) ## create .venv with the locked packages (seconds when nothing changed)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { \
		echo "error: no Python 3.11 or newer found as python3, python3.12 or python3.11;" >&2; \
		echo "       install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON) is no Python 3.11 or newer; name one: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/pip || "$(PYTHON)" -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "error: $(PYTHON) cannot make a virtual environment (on Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "installing the locked packages into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## simulated network, database, indexer, live view; ARGS="--for 30s" ends by itself
	@$(BIN)/python -m indexer.demo $(ARGS)

test: setup $(NPM_STAMPS) lint types imports ## lint, types, import rules and the whole suite
	@$(BIN)/python -m tests.database_homes
	$(BIN)/pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

# Without npm the tests that need these packages skip and say so; in CI that is a failure.
tests/acceptance/packages/%: NPM_FOR := against a real EVM node (anvil)
clients/typescript/%: NPM_FOR := of the TypeScript client

$(NPM_STAMPS): %/node_modules/.installed: %/package-lock.json %/package.json
	@if command -v npm >/dev/null 2>&1; then \
		cd $* && npm ci --loglevel=error && touch node_modules/.installed; \
	elif [ "$$CI" = true ]; then \
		echo "error: npm is missing; CI must run the tests $(NPM_FOR)" >&2; exit 1; \
	else \
		echo "NOTE: npm is missing, so the tests $(NPM_FOR) will be skipped;" >&2; \
		echo "      install Node.js 20+ to run them." >&2; \
	fi

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## the arrows between packages
	$(BIN)/lint-imports

format: setup ## let ruff fix and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

simulate: setup ## seeded histories of faults, reorgs and kills; SEEDS=1000 FROM=10000 STEPS=14
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --from $(FROM) --steps $(STEPS)

mutate: setup ## take each invariant's mechanism away: which test turns red; ARGS="--invariant 5" for one
	@$(BIN)/python -m tests.mutation $(ARGS)

bench: setup ## every benchmark, results are printed; ARGS="--quick" tries them, ARGS="--record" keeps them
	@found=0; for file in benchmarks/bench_*.py; do \
		[ -e "$$file" ] || continue; found=1; echo "== $$file"; $(BIN)/python -m "benchmarks.$$(basename $$file .py)" $(ARGS) || exit 1; \
	done; [ $$found = 1 ] || echo "no benchmarks yet"

soak: setup ## the daemon for an hour in bad weather: memory, open files, truth at the end; ARGS="--minutes 5"
	$(BIN)/python -m benchmarks.soak $(ARGS)

lock: $(UV) ## choose versions anew: requirements.lock and deploy/requirements.lock
	$(UV) pip compile --quiet --upgrade $(UV_LOCK) --extra demo --extra test -o requirements.lock pyproject.toml
	$(UV) pip compile --quiet $(UV_LOCK) --constraint requirements.lock -o deploy/requirements.lock \
		pyproject.toml deploy/build.in

UV_LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

$(UV):
	"$(PYTHON)" -m venv .cache/uv
	.cache/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

schema: setup ## write sql/schema.sql anew from the migrations
	$(BIN)/python -m postgres.snapshot

# .cache/trixie is left alone: it may hold mounts of this machine's own /proc and /dev.
clean: ## remove what the targets made, except the downloaded TimescaleDB in .cache
	rm -rf $(VENV) .cache/uv .demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache $(NPM_FOLDERS:%=%/node_modules) clients/typescript/dist
