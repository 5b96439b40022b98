# What one does with a checkout. Everything happens in .venv, which each target sets up by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

SOURCES := $(shell find src/gilfree -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c') setup.py
READY := $(VENV)/.ready

.PHONY: bench claims atlas test lint pictures docs wheels clean

bench: $(READY)  ## measure, and write results/report.html
	$(BIN)/gilfree bench

claims: $(READY)  ## test what people say about the GIL: some three minutes
	$(BIN)/gilfree claims $(ARGS)

atlas: $(READY)  ## measure how well-known functions treat the GIL, and write docs/atlas.md: some five minutes
	$(BIN)/python -m pip install -q --only-binary :all: --group atlas
	$(BIN)/gilfree atlas --markdown docs/atlas.md

test: $(READY)  ## the test-suite, once in one thread
	$(BIN)/python -m pytest $(ARGS)

test-parallel: $(READY)  ## the test-suite, each test in eight threads at once
	$(BIN)/python -m pip install -q --group parallel
	$(BIN)/python -m pytest --parallel-threads=8 --at-least-parallel=600 $(ARGS)

lint: $(READY)  ## formatting, style and types
	$(BIN)/python -m pip install -q --group lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PATH=$(BIN):$$PATH cython-lint src  # it runs pycodestyle
	$(BIN)/mypy

pictures: $(READY)  ## docs/images/kernels: draw the pictures of the kernels' pages again
	$(BIN)/python docs/pictures

docs: $(READY)  ## docs/_build/html
	$(BIN)/python -m pip install -q --group docs
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs docs/_build/html

wheels: $(READY)  ## a wheel for this Python, in dist/
	$(BIN)/python -m pip wheel -q --no-deps --wheel-dir dist .

clean:
	rm -rf build dist docs/_build results src/*.egg-info $(VENV)
	find src \( -name '*.so' -o -name '*.pyd' \) -delete

# An editable install: Python files are used where they stand; this rule runs again when compiled sources change.
$(READY): pyproject.toml $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q --group build --group test --group peers --group dask
	$(BIN)/python -m pip install -q --no-build-isolation --editable ".[bench]"
	touch $@
