# `make check` is what CI runs, in a virtual environment that is there already.
BIN ?= .venv/bin

.PHONY: setup check test lint types contracts demo

setup:
	python3 -m venv .venv
	$(BIN)/pip install -q -e '.[cpu,dev]'

check: lint types contracts test

test:
	$(BIN)/python -m pytest

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

contracts:
	$(BIN)/lint-imports

demo:
	$(BIN)/headcount demo
