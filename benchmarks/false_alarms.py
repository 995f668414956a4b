"""False alarms of the gradient checker: random functions of 5 to 40 operations, all of them right.

    python benchmarks/false_alarms.py [--short] [--graphs N] [--order 2]

About a third have inputs exactly on kinks. "fail" is a false alarm; "inconclusive" is an honest answer where
a whole gradient is zero but for rounding.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import tinygrad_mlp as tg


def verdict(seed: int, order: int) -> str:
    """What the checker says of one random function."""
    f = tg.testing.random_graph(seed)
    return tg.gradcheck(f, *f.inputs, order=order).verdict


def main() -> None:
    """Check them all; exit code 1 after a false alarm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="200 functions")
    parser.add_argument("--graphs", type=int, default=10_000, help="how many functions (10,000)")
    parser.add_argument("--order", type=int, default=1, choices=(1, 2), help="which order (1)")
    options = parser.parse_args()
    count = 200 if options.short else options.graphs
    start = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        verdicts = list(pool.map(partial(verdict, order=options.order), range(count), chunksize=20))
    found = Counter(verdicts)
    listed = ", ".join(f"{found[name]:,} {name}" for name in ("pass", "kink", "inconclusive", "fail"))
    print(f"{count:,} right functions, order {options.order}: {listed}; {time.perf_counter() - start:.0f} s")
    alarms = [seed for seed, found in enumerate(verdicts) if found == "fail"]
    if alarms:
        raise SystemExit(f"false alarms at the seeds {alarms[:20]}")


if __name__ == "__main__":
    main()
