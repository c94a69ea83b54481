# `make` lists the targets. Each of them sets up what it needs in .venv first, once.
#
#   make run PYTHON=python3.12            with this Python instead of the newest one found
#   make run SIMULATION=simulations/chain.toml ARGS="--out results/chain"
#   make test ARGS="-k chain -x"          further arguments for pytest

VENV := .venv
BIN := $(VENV)/bin
SIMULATION := simulations/quickstart.toml
ARGS :=
PYTHON :=

# Tried in this order when PYTHON is not given. A name that is there may still not run (a pyenv shim of a version
# that is not active) or not be able to make an environment (Debian without python3-venv), so each one is run.
CANDIDATES := python3.13 python3.12 python3.11 python3 python
USABLE := -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
VERSION := -c 'import sys; print(sys.version)'

# Python files are compiled when they are first imported (tools/install.py); where that may not be kept, each start would do
# it again, of all libraries.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-long lint format docs docs-links dist clean distclean FORCE
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

run: $(VENV)/.installed-data ## set up, and run the main job: a circuit learns handwritten digits
	@echo "Running $(SIMULATION); the first run on a machine compiles what it needs, some 20 s"
	$(BIN)/pcneuro run $(SIMULATION) $(ARGS)

# Kernels are compiled before the workers start, on all processors, instead of the same ones in each worker.
define TESTS
$(BIN)/pcneuro cache warm
$(BIN)/python -m pytest -n auto --maxprocesses 4 $(ARGS)
endef

test: $(VENV)/.installed-test ## set up, and run the tests
	$(TESTS)

test-long: ARGS += -m "long or not long"
test-long: $(VENV)/.installed-test-long ## set up with PyTorch and JAX, and run the tests, those that take long included
	$(TESTS)

lint: $(VENV)/.installed-test $(VENV)/.installed-lint ## check style, types, the layers of the package, and workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

format: $(VENV)/.installed-lint ## put the sources into the project's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.installed-docs ## make the site, docs/_build/html/index.html; tutorials are run
	$(BIN)/python -m sphinx -W --keep-going -q -j auto docs docs/_build/html $(ARGS)
	@echo "The site is docs/_build/html/index.html"

docs-links: $(VENV)/.installed-docs ## follow every link of the site (needs a network)
	$(BIN)/python -m sphinx -W --keep-going -q -b linkcheck -D nb_execution_mode=off docs docs/_build/links

dist: $(VENV)/.installed-dist ## build wheel and sdist into dist/, and check them
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

# Only what can be made again; results/ and whatever else a run wrote stays.
clean: ## remove caches and build products
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis docs/_build
	find pcneuro circuits simulations tests benchmarks docs tools -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## the same, and remove .venv
	rm -rf $(VENV)

# One stamp for each extra: remade when the environment or pyproject.toml is newer.
$(VENV)/.installed-%: $(VENV)/.ready pyproject.toml
	@echo "Installing pcneuro[$*] into $(VENV), once: half a minute where downloads are fast, for tests a minute or two"
	@$(BIN)/python tools/install.py '.[$*]'
	@touch $@

# .ready holds the folder that the environment was made for. The recipe is run every time, and leaves the file as it is
# (so that nothing is installed again) unless the environment is missing, cannot run, was moved together with its
# folder (its scripts hold absolute paths), or has another version than the PYTHON that is asked for.
# A working .venv that somebody made by hand is kept and used.
$(VENV)/.ready: FORCE
	@if $(BIN)/python $(USABLE) \
	    && { [ -z "$(PYTHON)" ] || [ "$$("$(PYTHON)" $(VERSION) 2>&1)" = "$$($(BIN)/python $(VERSION))" ]; }; then \
	    if [ -e $@ ]; then [ "$$(cat $@)" != "$(CURDIR)" ] || exit 0; \
	    elif $(BIN)/python -m pip --version >/dev/null 2>&1; then echo "$(CURDIR)" > $@; exit; fi; \
	fi; \
	for python in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
	    if "$$python" $(USABLE); then \
	        echo "Making $(VENV) with $$python ($$("$$python" --version)), once: some seconds"; \
	        "$$python" -m venv --clear $(VENV) && echo "$(CURDIR)" > $@; exit; \
	    fi; \
	done; \
	echo "make: no usable Python in: $(if $(PYTHON),$(PYTHON),$(CANDIDATES)). pcneuro needs 3.11 or newer with its venv" \
	    "module (on Debian and Ubuntu: apt install python3-venv); to name one: make run PYTHON=/path/to/python3" >&2; \
	exit 1

FORCE:
