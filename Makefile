# Every target is one plain command, which CONTRIBUTING.md also shows without make.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test check bench
demo: .venv/installed-cli
	$(BIN)/tinygrad-mlp demo

test: .venv/installed-test
	$(BIN)/python -m pytest -m "not bench"

# The folders whose tests all pass; tests/autograd, tests/ops and tests/tracing still hold failing ones (`make test`).
check: .venv/installed-test
	$(BIN)/python -m pytest -m "not bench" -q tests/data tests/guide

bench: .venv/installed-bench
	$(BIN)/python benchmarks/training_step.py

.venv/installed-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@
