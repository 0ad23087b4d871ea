# Everything starts here; `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 3
export PYTHONPATH := $(CURDIR)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMP) ## make .venv and install requirements.txt; does nothing when nothing changed

$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Python 3.11 to 3.13 is needed; name one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	  || { echo "The venv module is missing: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --requirement requirements.txt
	@touch $@

run: setup ## start the product on YIPYAP_HOST:YIPYAP_PORT (127.0.0.1:8501)
	@$(BIN)/python -m compileall -q yipyap_core pages app.py
	@exec $(BIN)/streamlit run app.py --server.address "$${YIPYAP_HOST:-127.0.0.1}" --server.port "$${YIPYAP_PORT:-8501}"

demo: setup ## try everything with no network: stand-ins, small repositories, two users
	@exec $(BIN)/python -m tests.demo

test: setup system-packages ## run every test, the browser tests included
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

system-packages: ## Chromium, nginx and PostgreSQL for the tests, installed when the user is root
	@scripts/system-packages chromium nginx postgresql

check: setup ## formatter, linter, types, layers, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.check_sizes

lock: ## resolve requirements.in into requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
	  requirements.in --output-file requirements.txt

bench-api: setup ## start, memory, registry requests a second
	$(BIN)/python -m bench.api

bench-ui: setup ## cost of a live page's poll
	$(BIN)/python -m bench.ui

bench-transfer: setup ## our transfer against hf, curl and aria2c, and what it costs the server
	@scripts/system-packages nginx aria2 curl
	$(BIN)/python -m bench.transfer
	$(BIN)/python -m bench.transfer_server

bench-engines: setup ## the engines against straight scripts, protocol, loading
	$(BIN)/python -m bench.engines

gpu-check: setup ## every engine on CUDA, or a plain word that there is none
	$(BIN)/python -m bench.gpu_check

bench-cache: setup ## our cache walk against scan_cache_dir
	$(BIN)/python -m bench.cache

.PHONY: help setup run demo test system-packages check lock bench-api bench-ui bench-transfer bench-cache bench-engines gpu-check
