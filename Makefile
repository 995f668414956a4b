# Every target is one plain command, which CONTRIBUTING.md also shows without make.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test check bench pictures mutants stress notebooks docs tables programs
demo: .venv/installed-cli
	$(BIN)/tinygrad-mlp demo

test: .venv/installed-test
	$(BIN)/python -m pytest -q -m "not bench"

# What CI runs: style, types, the site, all tests (those against PyTorch and scikit-learn, and those that run the notebooks, too), and
# benchmarks and stress in their short form.
check: .venv/installed-dev .venv/installed-bench .venv/installed-notebook .venv/installed-docs programs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(MAKE) docs
	$(BIN)/python -m pytest -q
	$(BIN)/python benchmarks/training_step.py --short
	$(BIN)/python benchmarks/whole_training.py --short
	$(BIN)/python benchmarks/gradient_checkers.py --short
	$(BIN)/python benchmarks/false_alarms.py --short
	cd tests && ../$(BIN)/python -m stress --short

# Kills, full disks, signals, hostile files, threads and memory, in some minutes, with a table of figures; and precision
# beside 50 digits at 10,000 points each.
stress: .venv/installed-test
	cd tests && ../$(BIN)/python -m stress
	PRECISION_POINTS=10000 $(BIN)/python -m pytest -q tests/ops/test_precision.py

bench: .venv/installed-bench
	$(BIN)/python benchmarks/training_step.py
	$(BIN)/python benchmarks/whole_training.py
	$(BIN)/python benchmarks/gradient_checkers.py

# Makes the pictures of the README and of docs/ again.
pictures: .venv/installed-dev programs
	$(BIN)/python tools/pictures.py

# Plants thousands of wrong gradients and writes to docs/detection.md which of them the gradient checker finds: minutes.
mutants: .venv/installed-test
	PYTHONPATH=tests $(BIN)/python -m planting

# Runs the notebooks and writes their outputs into them.
notebooks: .venv/installed-notebook
	PYTHONPATH=tests $(BIN)/python -m notebook_runner

# The site, in build/docs. A warning is an error; and every link of the built pages is checked, without a network.
docs: .venv/installed-docs
	$(BIN)/python -m sphinx -q -E -W --keep-going -b html -c docs -d build/doctrees . build/docs
	PYTHONPATH=docs $(BIN)/python -m sphinx_site.built_links build/docs

# Measures what docs/measured/benchmarks.md shows, asks the peers what the README's comparison shows, and writes both: half
# an hour. TABLES=--short sees that it runs.
tables: .venv/installed-bench .venv/installed-cli
	$(BIN)/python benchmarks/tables.py --measure $(TABLES)
	$(BIN)/python benchmarks/comparison.py $(TABLES)

# What tests drive beside Python, where it is not there yet: a browser, and Graphviz.
programs:
	command -v chromium > /dev/null || (apt-get update -qq && apt-get install -y -qq chromium)
	command -v dot > /dev/null || (apt-get update -qq && apt-get install -y -qq graphviz)

.venv/installed-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@
