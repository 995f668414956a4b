"""Rows are no tests: collected for their doctests they would be read twice, and stand in the table twice."""

from __future__ import annotations

collect_ignore_glob = ["table*.py", "all_rows.py"]
