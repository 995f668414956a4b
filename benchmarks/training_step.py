"""How long one training step takes, with a graph and compiled, as a ratio against the baselines and the peers.

    python benchmarks/training_step.py [--short] [--json FILE]

All contenders run in turn, A B C A B C …, in one process with the same number of BLAS threads, so that a change of the
machine's speed meets them all. Quoted are medians of the ratios of neighbouring turns, and the median times.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

THREADS = os.environ.get("BENCH_THREADS", "1")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, THREADS)  # before NumPy is imported
if THREADS == "1" and hasattr(os, "sched_setaffinity"):
    # One core for all: JAX's loop uses a second one, whatever its flags say, and so beats the products alone.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen={'false' if THREADS == '1' else 'true'}")

import numpy as np  # noqa: E402 - the threads are set first
from contenders import LOOPS, PRODUCTS, SCANNED, available  # noqa: E402 - the threads are set first

NETWORKS = [((30, 24, 24, 2), 32), ((30, 800, 400, 2), 32), ((784, 512, 256, 10), 128)]


def batch_for(sizes, n, seed=1):
    """A random batch (n, n_in) float32 with labels (n,)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, sizes[0])).astype(np.float32), rng.integers(0, sizes[-1], n)


def measure(sizes, n, turns, seconds_a_turn, slow=True):
    """The times of each contender's step in seconds, one a turn, and the losses after as many steps."""
    X, y = batch_for(sizes, n)
    steps = {name: make(sizes, X, y) for name, make in available(slow).items()}
    counts, losses = {}, {}
    for name, step in steps.items():
        for _ in range(3):  # the first calls compile, import and allocate
            losses[name] = step()
        whole = SCANNED if name in LOOPS else 1  # one of its calls makes all the steps of a loop
        start = time.perf_counter()
        for _ in range(whole):
            step()
        counts[name] = whole * max(1, round(seconds_a_turn / (time.perf_counter() - start)))
    times = {name: [] for name in steps}
    for _ in range(turns):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                step()
            times[name].append((time.perf_counter() - start) / counts[name])
    return {name: np.array(values) for name, values in times.items()}, losses


def table(sizes, n, times):
    """The lines of the report for one network."""
    yield f"{'-'.join(map(str, sizes))}, batch {n}, {THREADS} thread{'s' * (THREADS != '1')}"
    yield f"  {'':<17}{'µs a step':>10}" + "".join(f"{name + ' takes':>24}" for name in own(times))
    for name, values in times.items():
        shown = ["" if name == one else f"{ratio:.2f} ×" for one, ratio in ratios(times, values).items()]
        yield f"  {name:<17}{np.median(values) * 1e6:>10,.1f}" + "".join(f"{ratio:>24}" for ratio in shown)


def own(times):
    """The contenders that are ours."""
    return [name for name in times if name == "tinygrad_mlp" or name.startswith("compiled")]


def ratios(times, values):
    """How long each of ours takes beside one that took these times."""
    return {one: float(np.median(times[one] / values)) for one in own(times)}


def main():
    """Measure and print; write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few turns of each, to see that everything runs")
    parser.add_argument("--json", type=Path, help="also write the median times and ratios to a file")
    options = parser.parse_args()
    turns, seconds = (3, 0.003) if options.short else (61, 0.02)
    report = {}
    for sizes, n in NETWORKS:
        times, losses = measure(sizes, n, turns, seconds, slow=not options.short)
        same = [losses[name] for name in losses if name not in ("scikit-learn", PRODUCTS)]  # that one draws its weights
        if not np.allclose(same, same[0], rtol=1e-3):
            raise SystemExit(f"the contenders do not do the same work: losses {losses}")
        print("\n".join(table(sizes, n, times)), flush=True)
        report["-".join(map(str, sizes))] = {
            name: {"microseconds": float(np.median(values) * 1e6), "ratios": ratios(times, values)}
            for name, values in times.items()
        }
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
