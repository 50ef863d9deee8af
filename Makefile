# Everything runs in .venv, pinned by constraints.txt; nothing else of the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo$(if $(IMAGES),-photos)
FULL_SIZE := tests/models/test_official_full_size.py tests/baselines/test_full_size.py

# clean-fid asks for torchvision; without the constraints that would replace the pinned torch.
# Compiling all of torch and sympy would take most of the time; Python compiles what it imports.
PIP := $(BIN)/python -m pip install --no-compile --disable-pip-version-check --constraint constraints.txt
# What running needs is there where all that the tests need is there.
RUNNING := $(if $(wildcard .venv/installed),.venv/installed,.venv/running)

# One thread for each worker; what Python compiled is kept for the processes to come.
# On the processor, also where there is a GPU, which test-gpu holds against it.
PYTEST := OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/gpu

.PHONY: install demo test test-slow test-full-size test-gpu check vendor clean

install: .venv/installed

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than Python 3.11; run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

# Running alone: no Ray, no test runner, no linters.
.venv/running: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable .
	touch $@

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[dev]'
	touch $@

# make demo IMAGES=DIR runs on your own photographs. Its commands are processes that import the same.
demo: $(RUNNING)
	PYTHONDONTWRITEBYTECODE= $(BIN)/anyres-bench demo $(DEMO) $(if $(IMAGES),--images "$(IMAGES)")

test: install
	$(PYTEST) -m "not slow"

test-slow: install
	$(PYTEST) -m slow $(addprefix --ignore=,$(FULL_SIZE))

# Networks at their published size: an hour on two cores, so not part of test-slow.
test-full-size: install
	$(BIN)/python -m pytest -m slow -s --timeout 3600 $(FULL_SIZE)

test-gpu: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests/gpu

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

# Libraries of the leaderboard's page, by npm, in the versions that vendored.json names.
vendor:
	$(BIN)/python -m benchmarks.vendor

clean:
	rm -rf .venv build *.egg-info $(DEMO)
