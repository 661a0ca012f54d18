# make chat: all the set-up, then the chat on localhost. make test: all the set-up, then every check.
# make vllm: an environment of its own for vLLM (about 4 GB to download; Linux with an NVIDIA GPU).
PYTHON ?= python3
VENV := .venv
VLLM_VENV := .venv-vllm
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-conflicts -c constraints.txt
NO_DEPS := configs/deploy/no-deps-requirements.txt
SHELL := /bin/bash

.PHONY: chat test vllm setup setup-dev lint types imports tests clean

chat: setup
	@$(BIN)/studio chat

test: setup-dev lint types imports tests

setup: $(VENV)/.ready-run

setup-dev: $(VENV)/.ready-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

# The constraints make pip's resolution take seconds; without them it backtracks for many minutes.
$(VENV)/.ready-run: pyproject.toml constraints.txt $(NO_DEPS) | $(VENV)/bin/python
	@echo "Installing the studio into $(VENV) (once, a few minutes) ..."
	@$(PIP) -e ".[offline,gpu]"
	@$(PIP) --no-deps -r $(NO_DEPS)
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-run
	@configs/deploy/system-packages.sh test
	@$(PIP) -e ".[offline,gpu,dev]"
	@$(PIP) --no-deps -r $(NO_DEPS)
	@touch $@

vllm: $(VLLM_VENV)/.ready
	@echo "vLLM's environment is in $(VLLM_VENV)"

# It pins its own torch, so it never shares the studio's environment.
$(VLLM_VENV)/.ready: configs/deploy/vllm-requirements.txt
	@configs/deploy/vllm-environment.sh $(VLLM_VENV) "$(PYTHON)"
	@touch $@

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

tests:
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache build *.egg-info
