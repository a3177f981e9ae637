# Hedgerow's chores. Each target makes .venv by itself when it is needed; none needs root.
#   make demo [FAST=1] [DATA=ics]    make check    make test    make test-slow    make test-services    make bench [AREA=aggregation|main|pet|synthetic]

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
AREA ?=

# A file called models.py in the working directory never stands in for a room.
export PYTHONSAFEPATH := 1
# Nothing dials anywhere that nobody configured.
export FLWR_TELEMETRY_ENABLED := 0
export FLWR_DISABLE_UPDATE_CHECK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The demo and the tests start programs by the dozen: what Python compiled is kept, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo check check-types check-architecture test test-slow test-services bench clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(READY)
	FAST=$(FAST) DATA=$(DATA) $(BIN)/python deploy/demo/run.py

# Types and architecture at the same time: each takes half a minute of processor, and people wait for this target.
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet . || { echo 'Next: $(BIN)/ruff format .' >&2; exit 1; }
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-types check-architecture

check-types: $(READY)
	$(BIN)/mypy

check-architecture: $(READY)
	$(BIN)/pytest -q tests/architecture -m "not slow and not services"

test: $(READY)
	$(BIN)/pytest -m "not slow and not services"

# pytest's exit 5 is "no test was run": said as such here, since the slow tests come later.
test-slow: $(READY)
	@status=0; $(BIN)/pytest -m slow || status=$$?; \
	if [ $$status -eq 5 ]; then echo 'There is no slow test yet: nothing was run.'; exit 0; fi; exit $$status

# These install what they need, so a skip is a failure here, and so is finding no test to run.
test-services: $(READY)
	@mkdir -p var; status=0; $(BIN)/pytest -m services | tee var/test-services.log || status=$$?; \
	if [ $$status -eq 5 ]; then echo 'No services test was found: that is a failure.' >&2; fi; \
	if tail -n 1 var/test-services.log | grep -q ' skipped'; then \
		echo 'A services test was skipped: that is a failure, see the reasons above.' >&2; exit 1; fi; \
	exit $$status

bench: $(READY)
	$(BIN)/python deploy/bench/run.py $(AREA)

clean:
	rm -rf .venv var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find coordinator models node privacy synthetic tests deploy -name __pycache__ -type d -prune -exec rm -rf {} +

# torch first and alone: where the machine keeps a CPU build, pip takes it (set PIP_FIND_LINKS to its folder);
# otherwise the registry's own build comes, which brings several GB for graphics cards.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "Hedgerow needs Python 3.11, and '$(PYTHON)' is not that." >&2; \
		echo 'Next: install it (Debian 12: python3 python3-venv python3-pip), or name it: make PYTHON=python3.11 ...' >&2; \
		exit 1; }
	@echo 'Making .venv, once: 1 of 3, an empty environment' >&2
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || { \
		echo 'Next: install the module that makes environments (Debian: python3-venv), then run make again.' >&2; exit 1; }
	@echo 'Making .venv, once: 2 of 3, torch (200 MB or more)' >&2
	@$(BIN)/pip install -qq --prefer-binary -c constraints.txt torch==2.13.0
	@echo 'Making .venv, once: 3 of 3, everything else at the pinned versions (about two minutes)' >&2
	@PIP_CONSTRAINT=constraints.txt $(BIN)/pip install -qq --prefer-binary -c constraints.txt \
		-e '.[node,coordinator,synthetic,pack,dev]'
	@touch $@
	@echo 'Made .venv' >&2
