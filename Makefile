# Two commands do all the set-up: `make demo` and `make test`. PYTHON names another interpreter (3.11 or newer).
PYTHON ?= python3
SERVE ?= 1
KILLS ?= 200
SERVER_KILLS ?= 50
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check install
READY := $(VENV)/.ready
READY_FOR_TESTS := $(VENV)/.ready-for-tests
LOCK := uv pip compile --quiet --generate-hashes --universal --no-header --no-emit-index-url --extra build pyproject.toml

.PHONY: demo test chaos lock clean

demo: $(READY)
	$(BIN)/fupin demo $(if $(filter 0,$(SERVE)),--no-serve,--serve)

test: $(READY_FOR_TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 40

chaos: $(READY)
	$(BIN)/python -m benchmarks.chaos --kills $(KILLS) --server-kills $(SERVER_KILLS) $(if $(SEED),--seed $(SEED))

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fupin needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(READY_FOR_TESTS): $(READY) requirements-test.lock
	$(PIP) --require-hashes -r requirements-test.lock
	touch $@

lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --extra test -c requirements.lock -o requirements-test.lock

clean:
	rm -rf $(VENV) .fupin .fupin.key
