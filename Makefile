# Everything a newcomer needs: `make demo` and `make test`. Both build the environment they need in .venv.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
# Packages by all cores, where pip uses one; the decoders once, so that the first estimate of a new service does not wait.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true; $(BIN)/python -c 'from ldp_core.decoding import compile_kernels; compile_kernels()'
CHROMIUM := chromium fonts-dejavu-core
# Compiled modules and rewritten tests are kept: else every process that a test starts compiles the project anew.
unexport PYTHONDONTWRITEBYTECODE
BENCHMARKS := decode randomize error libraries ingest dashboard

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check lint all-tests quick-tests browser screenshots format openapi-snapshot bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## Simulated phones report to a real service; the histogram appears beside the truth
	$(BIN)/fano demo

test: ## All tests, PostgreSQL and a real browser included (what CI runs)
	@$(MAKE) --no-print-directory --jobs 2 $(VENV)/.dev browser
	@$(MAKE) --no-print-directory --jobs 2 lint all-tests

test-slow: $(VENV)/.slow ## Long statistics and fault suites
	$(BIN)/pytest -m slow -n 2 --timeout 3600

check: $(VENV)/.dev ## Format, lint, types, imports and the quick tests, about a minute
	@$(MAKE) --no-print-directory --jobs 2 lint quick-tests

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

all-tests: $(VENV)/.dev
	$(BIN)/pytest -m "not slow" -n 2 --dist loadgroup

quick-tests: $(VENV)/.dev
	$(BIN)/pytest -m "not slow and not postgres and not service and not thorough and not browser" -n 2

browser: ## Install Debian's Chromium for the browser tests, where that can be done
	@if [ -n "$$FANO_CHROMIUM" ] || command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing Chromium for the browser tests …"; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(CHROMIUM) >/dev/null; } \
	    || echo "Chromium could not be installed, so the browser tests cannot run here." >&2; \
	else echo "The browser tests need Chromium: sudo apt-get install -y --no-install-recommends $(CHROMIUM)" >&2; fi

screenshots: $(VENV)/.dev browser ## Take the README's pictures of the dashboard anew
	$(BIN)/python -m tests.browser.screenshots

format: $(VENV)/.dev ## Rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi-snapshot: $(VENV)/.dev ## Promise the API as it is now to clients (after a change that only adds)
	$(BIN)/python -m tests.contract.compatibility

bench: $(VENV)/.dev ## Run every script in benchmarks/
	@for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python -m benchmarks.$$script || exit 1; done

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found on the PATH." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make virtual environments (on Debian: python3-venv)." >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Building the environment in $(VENV) (about half a minute the first time) …"
	$(PIP) --editable '.[all]'
	@$(COMPILE)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Building the development environment in $(VENV) (about a minute the first time) …"
	$(PIP) --editable '.[dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.demo

$(VENV)/.slow: pyproject.toml constraints.txt | $(VENV)/.dev
	@echo "Adding what only the slow tests compare with …"
	$(PIP) --editable '.[dev,comparison]'
	@touch $@
