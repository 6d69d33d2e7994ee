# Two commands do all the set-up: `make demo` and `make test`. PYTHON names another interpreter (3.11 or newer).
PYTHON ?= python3
SERVE ?= 1
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint types lock clean

demo: $(READY)
	$(BIN)/fupin demo $(if $(filter 0,$(SERVE)),--no-serve,--serve)

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fupin needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

lock:
	uv pip compile --quiet --generate-hashes --universal --no-header --no-emit-index-url --extra test pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .fupin .fupin.key
