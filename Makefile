# The two commands: `make bench` measures, `make test` tests. Both set up what they need, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NEIGHBOURS := .neighbours
FUZZ_S ?= 180
PART ?=
SLOW = $(if $(PART),--part=$(PART)) --durations=10
PEERS := .paceline/peers
MINUTES ?= 60
PACKAGES := baselines fixtures reports suites
# One half of the tests; the other one is everything else.
SUBJECT := tests/baselines tests/reports tests/suites tests/report_card tests/compatibility tests/walkthroughs

.PHONY: bench test test-subject test-instrument test-slow test-faults test-all report-card lint types format clean

bench: $(INSTALLED)
	$(BIN)/python -m pytest suites/

# Two at once: no test needs a quiet machine. Each prints when it is done. A caller's --jobs counts for them too.
test: $(INSTALLED)
	$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=2) --output-sync \
		lint test-instrument types test-subject

test-subject: $(INSTALLED)
	$(BIN)/python -m pytest $(SUBJECT)

test-instrument: $(INSTALLED)
	$(BIN)/python -m pytest tests/ $(addprefix --ignore=,$(SUBJECT))

# The slow tests: all of them, or with PART=2/3 the second of three parts, as CI does in turns.
test-slow: $(INSTALLED)
	$(BIN)/python -m pytest tests/ --ignore=tests/faults -m slow $(SLOW)

# Whole runs that are killed, crash and hang, beside other plugins; then the readers of files are fuzzed.
test-faults: $(INSTALLED) $(NEIGHBOURS)/.installed
	$(BIN)/python -m pytest tests/faults -m slow $(SLOW)
	PYTHONPATH=$(NEIGHBOURS) $(BIN)/python tests/faults/fuzz_readers.py -max_total_time=$(FUZZ_S) -seed=1 \
		-verbosity=0 -print_final_stats=1

test-all: test
	$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=2) --output-sync \
		test-slow test-faults

# Needs a quiet machine, for four times MINUTES and what the default tier takes twice. Cut it at any time: what was
# recorded stays, and the next one adds to it.
report-card: $(INSTALLED) $(PEERS)/.installed
	$(BIN)/python tests/report_card record --minutes $(MINUTES)
	$(BIN)/python tests/report_card record --minutes $(MINUTES) --condition calibration --extra-percent 4
	$(BIN)/python tests/report_card record --minutes $(MINUTES) --neighbours 2 --extra-percent 0,10
	$(BIN)/python tests/report_card runs --minutes $(MINUTES)
	$(BIN)/python tests/report_card cost
	$(BIN)/python tests/report_card write

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

# In .venv pytest would load these in every run.
$(NEIGHBOURS)/.installed: tests/faults/neighbours.txt $(INSTALLED)
	rm -rf $(NEIGHBOURS)
	$(BIN)/python -m pip install --no-deps --target $(NEIGHBOURS) --requirement tests/faults/neighbours.txt
	touch $@

# asv's statistics, for the comparison with other tools.
$(PEERS)/.installed: constraints.txt $(INSTALLED)
	rm -rf $(PEERS)
	$(BIN)/python -m pip install --constraint constraints.txt --target $(PEERS) asv
	touch $@

clean:
	rm -rf $(VENV) $(NEIGHBOURS) $(PEERS) .mypy .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
