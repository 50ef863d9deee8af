# Everything runs in .venv, pinned by constraints.txt; nothing else of the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo
FULL_SIZE := tests/models/test_official_full_size.py tests/baselines/test_full_size.py

.PHONY: install demo test test-slow test-full-size check clean

install: .venv/installed

# clean-fid asks for torchvision; without the constraints that would replace the pinned torch.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than Python 3.11; run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# make demo IMAGES=DIR runs on your own photographs.
demo: install
	$(BIN)/anyres-bench demo $(DEMO) $(if $(IMAGES),--images "$(IMAGES)")

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m slow $(addprefix --ignore=,$(FULL_SIZE))

# Networks at their published size: an hour on two cores, so not part of test-slow.
test-full-size: install
	$(BIN)/python -m pytest -m slow -s --timeout 3600 $(FULL_SIZE)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

clean:
	rm -rf .venv build *.egg-info $(DEMO)
