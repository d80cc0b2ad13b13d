# Every target does its own set-up in .venv: nothing else on the machine is used or changed.

PYTHON ?= python3
PORT ?= 8000
GROUPS ?=

VENV := .venv
RUN := $(VENV)/bin/python -m
INSTALL := $(RUN) pip install -qq --disable-pip-version-check -c constraints.txt -e

# A stamp is newer than what it was made from, so a second run installs nothing.
OLDEST_VENV := .venv-oldest
TESTS := $(VENV)/.tests-installed
OLDEST := $(OLDEST_VENV)/.installed
DEMO := $(VENV)/.demo-installed
BENCH := $(VENV)/.bench-installed

.PHONY: help setup test oldest demo fresh bench overload browser soak docs format
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:
	@echo 'make test     check format, lint, types and architecture, then run every test'
	@echo 'make oldest   run the contracts of the frameworks with their oldest supported versions'
	@echo 'make demo     serve the example shop on http://127.0.0.1:$(PORT) (PORT=...)'
	@echo 'make fresh    prove both in a new clone with an empty home'
	@echo 'make bench    measure what each layer costs, and write it down (minutes; GROUPS="metrics tracing" for some)'
	@echo 'make overload what becomes of the shop at twice its load, with shedding and without (a minute)'
	@echo 'make browser  let a real Chromium read answers across origins'
	@echo 'make soak     let millions of invented clients come, two writers meet a thousand times, and a million requests'
	@echo '              pass all layers, in memory and on Redis, while memory stays as it is (an hour)'
	@echo 'make docs     write the tables of settings in docs/ anew, and what the README says about costs'
	@echo 'make format   rewrite the code in the house format'
	@echo 'make setup    only install what the tests need, into $(VENV) (PYTHON=...)'

setup: $(TESTS)

test: $(TESTS) oldest
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) pytest

oldest: $(OLDEST)
	$(OLDEST_VENV)/bin/python -m pytest -q -m 'not newer' tests/routes

demo: $(DEMO)
	@exec $(RUN) examples.shop --port $(PORT)

fresh:
	@$(PYTHON) tests/support/fresh.py

bench: $(BENCH)
	$(RUN) benchmarks --write $(GROUPS)
	$(RUN) benchmarks.readme

overload: $(TESTS)
	@$(RUN) benchmarks.overload

browser: $(TESTS)
	@$(RUN) tests.browser

soak: $(TESTS)
	$(RUN) tests.soak
	$(RUN) tests.soak_observability
	$(RUN) tests.caching.writers
	$(RUN) tests.soak_pipeline

docs: $(TESTS)
	$(RUN) tests.support.settings_tables
	$(RUN) benchmarks.readme

format: $(TESTS)
	$(RUN) ruff check --select I --fix .
	$(RUN) ruff format .

$(TESTS): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[test]'
	@touch $@ $(DEMO)

# What people use instead of ours, to be measured beside it.
$(BENCH): $(TESTS)
	$(INSTALL) '.[bench]'
	@touch $@

# The frameworks, each in the oldest version that pyproject.toml allows.
$(OLDEST): pyproject.toml oldest.txt
	$(PYTHON) -m venv $(OLDEST_VENV)
	$(OLDEST_VENV)/bin/python -m pip install -qq --disable-pip-version-check -c oldest.txt -e . \
		django fastapi hypothesis litestar pytest pytest-asyncio quart trio
	@touch $@

# The demo needs a fraction of what the tests need; where the tests are set up there is nothing to do.
$(DEMO): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[server,client]'
	@touch $@
