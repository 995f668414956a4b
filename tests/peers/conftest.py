"""Comparisons with other libraries: collected where those are installed."""

from importlib.util import find_spec

# Without the [bench] extra there is nothing to import; `make check` installs it and runs them all.
collect_ignore_glob = [] if find_spec("torch") and find_spec("sklearn") else ["test_*.py"]
