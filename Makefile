# make demo, make test and make bench set up .venv on first use and then only when
# pyproject.toml has changed.  PYTHON names the interpreter it is made from.

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
VENV_PYTHON := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint docs bench bench-quick bench-large bench-grid bench-compare clean

help:
	@echo "make demo    cluster a photograph, train classifiers, time both against the reference"
	@echo "make test    lint, type check and run the tests, in parallel processes"
	@echo "make test-all HOURS=1            every campaign, and fuzzing by the hour (SHORT=1: some of each)"
	@echo "make bench   measure against NumPy, the peers and the machine's limits: half an hour"
	@echo "make bench-quick                 the same in under two minutes"
	@echo "make bench-large                 trees and forests of up to a million rows: ten minutes"
	@echo "make bench-grid SEED=... SECONDS=...   race the peers on shapes drawn by lot"
	@echo "make bench-compare A=... B=...   has commit B become slower than commit A?"
	@echo "make docs    build the site into build/docs, every example executed"
	@echo "make lint    lint and type check only"
	@echo "make clean   remove .venv and everything that was built"

demo: $(VENV)/demo.stamp
	$(VENV_PYTHON) -m fastml demo

# More processes than this only make each other wait: every one compiles, and runs two threads.
PROCESSES ?= 4
# Which tests: those scikit-learn wrote run in full before a merge (MARKED= runs all).
MARKED ?= not borrowed
test: lint
	$(VENV_PYTHON) -m pytest -n auto --maxprocesses $(PROCESSES) --dist worksteal -m "$(MARKED)"

HOURS ?= 1
SHORT ?=
test-all: lint
	$(VENV_PYTHON) tests/support/campaigns.py --hours $(HOURS) --processes $(PROCESSES) $(if $(SHORT),--short)

lint: $(VENV)/dev.stamp
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy

# Warnings are errors.  What is generated stands in docs/generated, what is built in build/docs.
docs: $(VENV)/docs.stamp
	$(VENV_PYTHON) -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "build/docs/index.html"

# What would slow the peers' BLAS is taken out of the environment: the bench refuses it.
BENCH := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(VENV_PYTHON) -m bench

bench: $(VENV)/bench.stamp
	$(BENCH)

bench-quick: $(VENV)/bench.stamp
	$(BENCH) --size quick

bench-large: $(VENV)/bench.stamp
	$(BENCH) --size large

SEED ?= 1
SECONDS ?= 600
STORE ?=
bench-grid: $(VENV)/bench.stamp
	$(BENCH).grid --seed $(SEED) --seconds $(SECONDS) $(STORE)

A ?= origin/main
B ?= HEAD
bench-compare: $(VENV)/bench.stamp
	$(BENCH).compare $(A) $(B)

clean:
	rm -rf $(VENV) build dist docs/generated *.egg-info fastml-demo .mypy_cache .ruff_cache .pytest_cache

# One stamp an extra: the demo needs less than the tests, the tests less than the benches.
$(VENV)/%.stamp: pyproject.toml fastml/_version.py | $(VENV_PYTHON)
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

$(VENV_PYTHON):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'fastml needs Python 3.11 or newer: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
