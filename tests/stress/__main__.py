"""Run the stress tests and print their table; exit code 1 if a figure is wrong."""

from __future__ import annotations

import argparse
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its threads do not survive a fork

from stress import disks, kills, models, signals, steps, tables, threads

PARTS = {
    "kills": kills.figures,
    "disks": disks.figures,
    "signals": signals.figures,
    "models": models.figures,
    "tables": tables.figures,
    "threads": threads.figures,
    "steps": steps.figures,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stress", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--short", action="store_true", help="a small part of each, in about a minute")
    parser.add_argument("--seed", type=int, default=0, help="of the random times, offsets and changes (0)")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"unknown {', '.join(sorted(unknown))}; {', '.join(PARTS)} are known")
    good = True
    for name in arguments.parts or PARTS:
        begun = time.monotonic()
        for figure in PARTS[name](arguments.short, arguments.seed):
            print(figure, flush=True)
            good = good and figure.good
        print(f"    {name}: {time.monotonic() - begun:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
