"""`PYTHONPATH=tests python -m planting`: plant all bugs, and write which of them the gradient checker finds."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from planting.detection import markdown, planted_bugs, run

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="planting", description="Plant bugs, and write which of them are found.")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write (default: docs/detection.md)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once")
    arguments = parser.parse_args()
    findings, engine = run(arguments.processes, print)
    arguments.output.write_text(markdown(findings, engine), encoding="utf-8")
    real = planted_bugs(findings)
    missed = sum(f.status == "missed" for f in real) + sum(not f.caught for f in engine)
    print(f"{len(real) + len(engine):,} bugs planted, {missed} not caught: {arguments.output}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
