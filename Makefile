# `make run` and `make test` are all that a newcomer needs; each does its own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
NODE_STAMP := tests/scenes/node/node_modules/.package-lock.json
ARGS ?=

.PHONY: setup run demo test check format bench soak pins clean

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# The Node SDK is one of the clients that the tests put through the proxy.
$(NODE_STAMP): tests/scenes/node/package-lock.json
	@if command -v npm >/dev/null; then cd tests/scenes/node && npm ci --silent --no-audit --no-fund; \
	else echo "node is not installed: the tests with the Node SDK will be skipped"; fi

run: setup
	$(BIN)/moonpalace start $(ARGS)

demo: setup
	$(BIN)/moonpalace demo $(ARGS)

test: setup $(NODE_STAMP)
	$(BIN)/python -m pytest $(ARGS)

check: setup
	$(BIN)/ruff check src tests bench tools
	$(BIN)/ruff format --check src tests bench tools
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/laws

format: setup
	$(BIN)/ruff check --fix src tests bench tools
	$(BIN)/ruff format src tests bench tools

bench: setup
	$(BIN)/python bench/run.py $(ARGS)

soak: setup $(NODE_STAMP)
	MOONPALACE_SOAK=1 $(BIN)/python -m pytest -m soak $(ARGS)
	$(BIN)/python bench/run.py soak --count 100000

# Pins every dependency with hashes and without addresses.
pins: setup
	$(BIN)/python -m pip install -q pip-tools
	$(BIN)/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --no-annotate --allow-unsafe --upgrade -o requirements.txt pyproject.toml
	$(BIN)/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --no-annotate --allow-unsafe --upgrade --extra test --extra check --all-build-deps -o requirements-dev.txt pyproject.toml

clean:
	rm -rf $(VENV) build dist tests/scenes/node/node_modules
