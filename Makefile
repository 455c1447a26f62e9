# `make check` is what CI runs, in a virtual environment that is there already.
BIN ?= .venv/bin

.PHONY: setup check test slow lint types contracts demo

setup:
	python3 -m venv .venv
	$(BIN)/pip install -q -e '.[cpu,dev]'

check: lint types contracts test slow

test:
	$(BIN)/python -m pytest

# Workers that die and a broker that is away for minutes: little work, much waiting.
slow:
	$(BIN)/python -m pytest -m slow tests/integration

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

contracts:
	$(BIN)/lint-imports

demo:
	$(BIN)/headcount demo
