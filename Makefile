# The developer's menu. Each target sets up .venv by itself when it is missing or older than the requirements.
PYTHON ?= python3
BIN := .venv/bin
STUDY ?= demo
ARGS ?=

# Tests of one file share what they made, so they stay in one process; a process a core, but no more than eight.
SHARED_OUT := -n logical --maxprocesses 8 --dist loadfile

.PHONY: report test test-fast lab lint env requirements
report: env  ## run a study through every notebook to runs/<study>/report.html (STUDY=demo, ARGS="--set key=value")
	@$(BIN)/radiogram report $(STUDY) $(ARGS)

test: env  ## every test, the slow ones too
	@$(BIN)/python -m pytest $(SHARED_OUT)

test-fast: env  ## the tests without the slow ones, under two minutes
	@$(BIN)/python -m pytest -m "not slow" $(SHARED_OUT)

lab: env  ## JupyterLab on the notebooks
	@$(BIN)/jupyter lab --notebook-dir=notebooks

lint: env  ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

env: .venv/ready  ## the environment

requirements:  ## pin requirements.txt again from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv==$(UV)
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --quiet --upgrade -o requirements.txt

UV := 0.13.8
.venv/ready: requirements.txt pyproject.toml
	@echo "Setting up .venv (once; a minute or two, some gigabytes for PyTorch)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Radiogram needs Python 3.11: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch .venv/ready
