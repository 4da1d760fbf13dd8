# make demo   the sample project with a running Cloud Scheduler emulator (PORT=8000 EMULATOR_PORT=8085)
# make lint   what is read and not run: ruff, its formatting, the templates, the layers of the imports, the types
# make test   the whole suite, on SQLite or on DATABASE_URL; ARGS="-k name" goes to pytest
# make test-database  those tests that another database could make fail, on DATABASE_URL
# make matrix  every Django on every Python (noxfile.py); ARGS="-s slice" is the part of it that .ci/run runs
# make images writes the pictures of docs/screens.md anew; they want the font Roboto (Debian: fonts-roboto)
# make clean  remove what both have made

PYTHON ?= python3
PORT ?= 8000
EMULATOR_PORT ?= 8085
VENV := .venv
BIN := $(VENV)/bin
# setuptools has a word of warning about every editable install; a newcomer can do nothing about it.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo lint test test-database matrix images clean

# exec: make passes SIGTERM on to the process it has started, and a shell in between would keep it.
demo: $(VENV)/installed
	@exec $(BIN)/python -m sample_project.demo --port $(PORT) --emulator-port $(EMULATOR_PORT)

# The types last: they take the longest.
lint: $(VENV)/installed-tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/djade --check $$(find scheduled_jobs/templates -name '*.html')
	@$(BIN)/python tests/support/template_lines.py scheduled_jobs/templates
	@$(BIN)/lint-imports
	@$(BIN)/mypy

# By files: what a module's tests share (a browser, an emulator, a demo) is made once, in one of the workers. They
# are two for a core, since many tests wait for a program that they have started, or for a server of databases;
# those come first.
test: $(VENV)/installed-tests
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -rfEs --cov --cov-report=term $(ARGS)

test-database: $(VENV)/installed-tests
	@[ -n "$$DATABASE_URL" ] || { echo "Name a database: DATABASE_URL=postgres://user:password@host/name make test-database"; exit 1; }
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -rfEs -m database $(ARGS)

matrix: $(VENV)/installed-tests
	@$(BIN)/nox $(ARGS)

images: $(VENV)/installed-tests
	@PICTURES=docs/images $(BIN)/python -m pytest -q -k how_it_looks tests/browser/screens

# Two stamps: the demo does not wait for what only the tests need.
$(VENV)/installed: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V 2>&1`. Name another: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { echo "Creating $(VENV) ..."; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing the package into $(VENV), about half a minute ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/installed-tests: $(VENV)/installed
	@echo "Installing what the tests need, about a minute ..."
	@$(PIP) 'pip>=25.1'
	@$(PIP) --group test
	@touch $@

clean:
	rm -rf $(VENV) .demo
