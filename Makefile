# Everything runs in .venv, made from constraints.txt: the versions that the reference results were made with.
PYTHON ?= python3
MINUTES ?= 30
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PAGE := tests/page
PAGE_INSTALLED := $(PAGE)/node_modules/.installed

.PHONY: help study test slow fuzz lint mutants screenshots results clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(INSTALLED): pyproject.toml constraints.txt
	@echo "== installing into $(VENV) (Python 3.11 or newer and a C compiler are needed)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@command -v cc >/dev/null || { echo "a C compiler (cc) is needed to build the package noise"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,deploy]'
	@touch $@

# What checks the page's scripts, and nothing that the page needs: without npm, or without a network, make goes on.
$(PAGE_INSTALLED): $(PAGE)/package.json
	@if ! command -v npm >/dev/null; then echo "== npm is not here: the page's scripts are not linted"; \
	elif ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then echo "== node is older than 20: the page's scripts are not linted"; \
	elif (cd $(PAGE) && npm install --no-package-lock --no-audit --no-fund --silent); then touch $@; \
	else echo "== npm could not install $(PAGE)/package.json: the page's scripts are not linted"; fi

study: $(INSTALLED)  ## install and run the default study: quantstudy run --bits 4
	@echo "== quantstudy run --bits 4"
	$(BIN)/quantstudy run --bits 4

test: $(INSTALLED) $(PAGE_INSTALLED)  ## run the tests that take minutes, on up to four cores; COVERAGE=1: watch and require line coverage
	@echo "== tests (see 'make slow' for those that take longer)"
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(if $(COVERAGE),--cov --cov-fail-under 90)

slow: $(INSTALLED)  ## run the tests that take longer, on up to four cores: kills, full disks, simulations
	@echo "== slow tests"
	$(BIN)/python -m pytest -m slow --numprocesses auto --maxprocesses 4 --dist worksteal

fuzz: $(INSTALLED)  ## run random studies for MINUTES=30 and recompute what they leave
	@echo "== random studies"
	$(BIN)/python -m tests.fuzz.long --minutes $(MINUTES)

lint: $(INSTALLED) $(PAGE_INSTALLED)  ## ruff and mypy; eslint for the page's scripts, where npm is
	@echo "== ruff, mypy, eslint"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if test -e $(PAGE_INSTALLED); then $(PAGE)/node_modules/.bin/eslint --config $(PAGE)/eslint.config.js \
		quantstudy/show/page/js $(PAGE); fi

mutants: $(INSTALLED)  ## break 150 places in the rooms that make numbers and see whether the tests notice
	@echo "== mutants"
	$(BIN)/python tests/tools/mutants.py

screenshots: $(INSTALLED)  ## make README's pictures again: the page of the default study in a browser (chromium is needed)
	@echo "== pictures of the page"
	$(BIN)/quantstudy run --bits 4
	$(BIN)/python -m experiments.screenshots

results: $(INSTALLED)  ## make the reference results in results/default again
	@echo "== reference results"
	$(BIN)/python -m experiments.default_study

clean:  ## remove the environment and everything that tools leave behind
	@echo "== removing $(VENV) and caches (results/ and the cache of trained networks stay)"
	rm -rf $(VENV) $(PAGE)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
