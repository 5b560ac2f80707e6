# Two commands: `make demo` runs the whole loop on this machine, `make test` checks everything.
# ALL=1 also installs torch and TRL (large on machines with a GPU build) and runs the training tests.

PYTHON ?= python3
BIN := .venv/bin
COMMA := ,
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint .ci/constraints.txt
SOURCES := pyproject.toml .ci/constraints.txt
SERVERS := browser flows train
INSTALLED := $(if $(ALL),.venv/.all,.venv/.test)

# Hundreds of interpreters start here, and uv compiles nothing: what the first one compiled is for all.
unexport PYTHONDONTWRITEBYTECODE

# uv installs in seconds what pip takes a minute for. It reads none of pip's settings: where it fails, pip installs.
define install
@echo "Installing curation$(patsubst .%,%,$(1)) and what it needs ..."
@$(PIP) uv && $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --constraint .ci/constraints.txt \
	--editable '$(1)' || { echo "uv could not, so pip installs (a minute or two) ..."; $(PIP) --editable '$(1)'; }
@touch $@
endef

.PHONY: demo test test-fast tests types lint bench-start bench-generate bench-documents bench-publish bench-sync bench-push bench-review bench-status bench-kills bench-faults screenshot clean

demo: .venv/.demo
	$(BIN)/curation demo

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 types tests

# mypy takes a minute of one processor, so it runs beside the tests; either of the two fails the whole.
types: $(INSTALLED)
	$(BIN)/mypy

# Each worker has a stack of servers of its own. Tests wait a fifth of their time, so there are three workers for two cores.
# A file's tests stay together, the long ones come first.
tests: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test-fast: .venv/.test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(SERVERS:%=--ignore tests/%) \
		-m "not slow and not stack and not browser and not train and not engine"

lint: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench-start: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_start

bench-generate: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_generate

bench-documents: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_documents

bench-kills: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_kills

bench-faults: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_faults

bench-publish: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_publish

bench-sync: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_sync

bench-review: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_review

bench-status: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_status

bench-push: .venv/.test
	$(BIN)/python -m tests.benchmarks.bench_push

screenshot: .venv/.test
	$(BIN)/python -m tests.browser.screenshot

clean:
	rm -rf .venv .curation .mypy_cache .ruff_cache .pytest_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "curation needs Python 3.11 to 3.13; name one: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Creating .venv and installing into it (once) ..."
	@$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python $(SOURCES)
	$(call install,.[local])

.venv/.test: .venv/bin/python $(SOURCES)
	$(call install,.[local$(COMMA)test])
	@touch .venv/.demo

# torch by its version, by pip and first: anything else that needs it would fetch a larger build.
.venv/.all: .venv/bin/python $(SOURCES)
	@echo "Installing torch ..."
	@$(PIP) torch==2.13.0
	$(call install,.[local$(COMMA)test$(COMMA)train$(COMMA)ray])
	@touch .venv/.test .venv/.demo
