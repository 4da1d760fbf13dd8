PYTHON ?= python3
PORT ?= 8000
EMULATOR_PORT ?= 8085
STAMP := .venv/installed

.PHONY: demo test clean

demo: $(STAMP)
	@PORT=$(PORT) EMULATOR_PORT=$(EMULATOR_PORT) .venv/bin/python manage.py demo

test: $(STAMP)
	@.venv/bin/python -m pytest --cov --cov-report=term -q $(ARGS)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("This needs Python 3.11 or newer, but $(PYTHON) is %d.%d; try: make PYTHON=python3.12 $(MAKECMDGOALS)" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python has no venv module here. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable . --group test
	@touch $(STAMP)

clean:
	rm -rf .venv .demo
