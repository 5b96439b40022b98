# What one does with a checkout. Everything happens in .venv, which each target sets up by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

SANITIZING := build/sanitizing
COMPILER ?= gcc
CLANG ?= $(notdir $(firstword $(foreach name,clang clang-21 clang-20 clang-19 clang-18,$(shell command -v $(name))) clang))
SECONDS ?= 60

# Files of tests are dealt out to so many processes, each file to one of them, because its tests share what they measure.
PROCESSES := -n auto --maxprocesses=4 --dist=loadfile

SOURCES := $(shell find src/gilfree -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c') setup.py
READY := $(VENV)/.ready

# For building and checking distributions. Nothing is compiled to make it, and zig comes with it.
TOOLS := $(VENV)-tools
TOOLS_READY := $(TOOLS)/.ready

.PHONY: bench claims atlas test test-parallel stress sanitize sanitize-address sanitize-thread fuzz lint pictures examples docs \
	linkcheck sdist wheels check-dist clean

bench: $(READY)  ## measure, and write results/report.html
	$(BIN)/gilfree bench

claims: $(READY)  ## test what people say about the GIL: some three minutes
	$(BIN)/gilfree claims $(ARGS)

atlas: $(READY)  ## measure how well-known functions treat the GIL, and write docs/atlas.md: some five minutes
	$(BIN)/python -m pip install -q --only-binary :all: --group atlas
	$(BIN)/gilfree atlas --markdown docs/atlas.md

test: $(READY)  ## the test-suite, each test in one thread; ARGS="-n 0 ..." in one process, for a debugger
	$(BIN)/python -m pytest $(PROCESSES) $(ARGS)

test-parallel: $(READY)  ## the test-suite, each test in eight threads at once
	$(BIN)/python -m pip install -q --group parallel
	$(BIN)/python -m pytest --parallel-threads=8 --at-least-parallel=600 $(ARGS)

stress: $(READY)  ## tests/reliability at length, then 16 threads x 10,000 calls of each kernel: some 15 minutes
	GILFREE_STRESS=1 $(BIN)/python -m pytest tests/reliability
	$(BIN)/python tests/reliability/stress.py $(ARGS)

sanitize:  ## both of the next two; PYTHON_TSAN is for the second one, and without it the second one is left out
	$(MAKE) sanitize-address
	if command -v $(CLANG) >/dev/null; then $(MAKE) sanitize-address COMPILER=$(CLANG); fi
	if test -n "$(PYTHON_TSAN)"; then $(MAKE) sanitize-thread PYTHON="$(PYTHON_TSAN)"; fi

sanitize-address: $(SANITIZING)/address/.ready  ## the test-suite under AddressSanitizer and UndefinedBehaviorSanitizer
	$(SANITIZING)/address/bin/python tests/sanitizers/run_sanitized.py address --compiler $(COMPILER) -- $(ARGS)

sanitize-thread: $(SANITIZING)/thread/.ready  ## kernels and observer under ThreadSanitizer, by a PYTHON built with it
	$(SANITIZING)/thread/bin/python tests/sanitizers/run_sanitized.py thread -- $(ARGS)

fuzz: $(SANITIZING)/address/.ready  ## SECONDS=60 for each kernel, or for those that KERNEL names
	$(SANITIZING)/address/bin/python tests/fuzz/run.py --seconds $(SECONDS) --compiler $(CLANG) \
		$(if $(INPUT),--input $(INPUT)) $(KERNEL)

lint: $(READY)  ## formatting, style and types
	$(BIN)/python -m pip install -q --group lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PATH=$(BIN):$$PATH cython-lint src  # it runs pycodestyle
	$(BIN)/mypy

pictures: $(READY)  ## docs/images/kernels: draw the pictures of the kernels' pages again
	$(BIN)/python docs/pictures

examples: $(READY)  ## README, tutorial, how-to pages: run their examples, and show what they print now
	$(BIN)/python docs/examples.py README.md docs/tutorial.md docs/how-to/*.md

docs: $(READY)  ## docs/_build/html
	$(BIN)/python -m pip install -q --group docs
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs docs/_build/html

linkcheck: $(READY)  ## whether what the documentation links to is there; needs the network
	$(BIN)/python -m pip install -q --group docs
	$(BIN)/sphinx-build -q -E -b linkcheck docs docs/_build/linkcheck

sdist: $(TOOLS_READY)  ## dist/gilfree-*.tar.gz
	$(TOOLS)/bin/python tools/wheels.py --sdist

wheels: $(TOOLS_READY)  ## manylinux wheels for all CPythons found (or PYTHONS="..."), each built twice and tested
	$(TOOLS)/bin/python tools/wheels.py $(WHEELS) $(PYTHONS)

check-dist: $(TOOLS_READY)  ## what is in dist/, whether the sdist is complete, and how the project is kept
	$(TOOLS)/bin/python -m pip install -q --group dist
	$(TOOLS)/bin/python tools/check_dist.py

clean:
	rm -rf build dist docs/_build results src/*.egg-info $(VENV) $(TOOLS)
	find src \( -name '*.so' -o -name '*.pyd' \) -delete

# An editable install: Python files are used where they stand; this rule runs again when compiled sources change.
$(READY): pyproject.toml $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q --group build --group test
	for group in peers dask examples; do PIP_ONLY_BINARY=:all: $(BIN)/python -m pip install -q --group $$group \
		|| echo "not all of $$group are built for this Python: tests that need them are skipped"; done
	$(BIN)/python -m pip install -q --no-build-isolation --editable ".[bench]"
	touch $@

$(TOOLS_READY): pyproject.toml
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install -q --upgrade "pip>=25.1"
	$(TOOLS)/bin/python -m pip install -q --group wheels
	touch $@

# For runs with sanitizers, which build gilfree themselves. Of the peers there are none for most interpreters that were
# built with a sanitizer. An older wheel comes before a newer package that is yet to be compiled.
$(SANITIZING)/%/.ready: pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -q --upgrade "pip>=25.1"
	PIP_ONLY_BINARY=numpy,hypothesis $(@D)/bin/python -m pip install -q --group build --group test "numpy>=2" \
		$(if $(filter address,$*),rich matplotlib psutil)
	$(if $(filter address,$*),$(@D)/bin/python -m pip install -q --group peers)
	touch $@
