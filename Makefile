# Two commands do everything: `make demo` and `make test`. Each sets up what it needs first and
# is quick the second time. Users of uv: `make demo USE_UV=1`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
USE_UV ?=

ifeq ($(USE_UV),1)
  MAKE_VENV := uv venv --seed --allow-existing --python 3.11 $(VENV)
  PIP       := uv pip install --quiet --python $(BIN)/python
else
  MAKE_VENV := $(PYTHON) -m venv $(VENV)
  PIP       := $(BIN)/python -m pip install -qq --disable-pip-version-check
endif

.PHONY: help install dev demo test drills check lint bench wheel-test lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("presswatch needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": call make with PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV) (once, one to three minutes) ..."
	@$(MAKE_VENV)
	@$(PIP) -r requirements.lock
	@$(PIP) --no-deps -e .
	@touch $@

$(VENV)/.developer: $(VENV)/.installed requirements-dev.lock
	@echo "Adding the tools for tests and checks ..."
	@$(PIP) -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed ## Set up .venv with presswatch in it

dev: $(VENV)/.developer ## Add the tools for tests and checks

demo: install ## Run the whole pipeline on the bundled news site
	@$(BIN)/presswatch demo

test: dev ## Run the tests
	@$(BIN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder

drills: dev ## Run the longer tests: drills of minutes, with real processes that are killed
	@$(BIN)/pytest -q -n 2 --runslow -m slow

check: lint ## Lint, types, import contracts

lint: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: dev ## Run the benchmarks (minutes)
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

wheel-test: dev ## Build the wheel, install it apart, and test what was installed
	@$(BIN)/python tests/packaging/check_wheel.py

lock: dev ## Renew requirements.lock and requirements-dev.lock
	@$(PIP) uv
	@$(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --universal \
	  --no-header -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --universal \
	  --no-header --group dev -c requirements.lock -o requirements-dev.lock

clean: ## Remove what make made (never your data)
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
