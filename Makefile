# Every target is one plain command, which CONTRIBUTING.md also shows without make.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test check bench stress mutants
demo: .venv/installed-cli
	$(BIN)/tinygrad-mlp demo

test: .venv/installed-test
	$(BIN)/python -m pytest -q -m "not bench"

# What CI runs: style, types, all tests (those against PyTorch and scikit-learn too), and the benchmark in its short form.
check: .venv/installed-dev .venv/installed-bench
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q
	$(BIN)/python benchmarks/training_step.py --short

bench: .venv/installed-bench
	$(BIN)/python benchmarks/training_step.py

# The long form of the tests of precision.
stress: .venv/installed-test
	PRECISION_POINTS=10000 $(BIN)/python -m pytest -q tests/ops/test_precision.py

# Plants thousands of wrong gradients and writes to docs/detection.md which of them the gradient checker finds: minutes.
mutants: .venv/installed-test
	PYTHONPATH=tests $(BIN)/python -m planting

.venv/installed-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@
