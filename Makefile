# Everything needs only make and python3; what else is needed is installed into .venv, by the first target you type.
#
#   make setup      install into .venv, nothing else
#   make demo       a release, and one that is put back, on this machine (TARGET=ecs, ARGS="--bad slow", ARGS=--keep)
#   make test       the tests, in five minutes (ARGS="tests/surefoot -k traffic")
#   make test-all   with those that CI runs too: the same stories with their other endings
#   make check      formatting, lint, types, import contracts, workflows
#   make campaign   kill -9 after every write; takes long
#   make bench      each benchmark beside its peer

PYTHON ?= python3
ARGS ?=
TARGET ?= cloud-run
UV := 0.13.8
BIN := .venv/bin
PACKAGES := surefoot tasks flows commands rehearsal
# Touched when everything was installed: half an installation is done again.
READY := .venv/ready

# Ours only: neither an environment that happens to be active nor anybody's path may lend us packages.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME UV_PROJECT_ENVIRONMENT

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check format lint types imports workflows campaign bench clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

# Byte-code halves the time every command takes to start, so it is written here, whatever the machine's settings.
$(READY): uv.lock pyproject.toml
	@$(PYTHON) .ci/python.py
	test -x $(BIN)/python || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	$(BIN)/uv sync --quiet --frozen --compile-bytecode --python $(BIN)/python
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@

demo: $(READY)
	$(BIN)/surefoot demo --target $(TARGET) $(ARGS)

# Half of the time is spent waiting for real processes: three at once were the quickest on two cores.
test: $(READY)
	$(BIN)/python -m pytest -n 3 --dist loadgroup $(ARGS)

test-all: $(READY)
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not campaign" $(ARGS)

# `make -k check` goes on after the first that fails.
check: format lint types imports workflows

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

workflows: $(READY)
	$(BIN)/zizmor --offline --quiet .github

campaign: $(READY)
	$(BIN)/python -m pytest -m campaign $(ARGS)

bench: $(READY)
	@set -e; for each in bench/*.py; do echo "== $$each"; $(BIN)/python $$each $(ARGS); done

clean:
	rm -rf .venv .surefoot .coverage .*_cache .hypothesis
