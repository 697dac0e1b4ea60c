# The two commands: `make bench` measures, `make test` tests. Both set up what they need, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PACKAGES := baselines fixtures reports suites

.PHONY: bench test test-slow lint types format clean

bench: $(INSTALLED)
	$(BIN)/python -m pytest suites/

test: $(INSTALLED) lint types
	$(BIN)/python -m pytest tests/

# What starts dozens of processes: A/B runs that convict.
test-slow: $(INSTALLED)
	$(BIN)/python -m pytest tests/fixtures -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot see an editable install that maps folders to packages: it reads a folder of links instead.
types: $(INSTALLED)
	mkdir -p .mypy/paceline
	for package in $(PACKAGES); do ln -sfn ../../$$package .mypy/paceline/$$package; done
	cd .mypy && MYPYPATH=. ../$(BIN)/mypy --config-file ../pyproject.toml $(addprefix -p paceline.,$(PACKAGES))

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[prune,dev]'
	touch $@

clean:
	rm -rf $(VENV) .mypy .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
