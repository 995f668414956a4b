"""What a second start costs beyond importing Numba: whole processes, with the machine code on disk.

    python benchmarks/second_start.py

Three processes take turns. One imports Numba and tinygrad_mlp. The second also calls a function of a single matrix
product, whose machine code is on disk: for it Numba loads its tables, and SciPy. The third builds the network
30-24-24-2 instead, traces its training step, finds the machine code on disk and makes ten steps. Quoted are medians of
wall times, and of processor times, which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

IMPORTS = "import numba, tinygrad_mlp as tg, numpy as np; from tinygrad_mlp import nn, optim"
STEPS = """
model = nn.Dense(30, 24) >> nn.ReLU() >> nn.Dense(24, 24) >> nn.ReLU() >> nn.Dense(24, 2)
step = tg.compile_step(model, tg.softmax_cross_entropy, optim.Adam(model, 0.001), backend="numba")
X, y = np.ones((32, 30), np.float32), np.zeros(32, np.int64)
for _ in range(10):
    step(X, y)
"""
PRODUCT = """
f = tg.compile(lambda x: x @ x, backend="numba")
f(np.ones((3, 3)))
"""
KINDS = {"imports alone": IMPORTS, "and a product": IMPORTS + PRODUCT, "and a training step": IMPORTS + STEPS}


def seconds(program: str, folder: str) -> tuple[float, float]:
    """The wall time and the processor time of a process."""
    environment = {**os.environ, "TINYGRAD_MLP_CACHE": folder}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="processes of each kind (11)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        first = {name: seconds(program, folder) for name, program in KINDS.items()}
        turns = [{name: seconds(program, folder) for name, program in KINDS.items()} for _ in range(runs)]
    print(f"{'seconds':<24}{'wall':>8}{'processor':>12}{'beyond the imports':>21}{'first, compiling':>19}")
    medians = {name: [statistics.median(turn[name][i] for turn in turns) for i in (0, 1)] for name in KINDS}
    base = medians["imports alone"]
    for name, (wall, processor) in medians.items():
        beyond = "" if name == "imports alone" else f"{wall - base[0]:.2f}, {processor - base[1]:.2f}"
        print(f"{name:<24}{wall:>8.2f}{processor:>12.2f}{beyond:>21}{first[name][0]:>19.2f}")


if __name__ == "__main__":
    main()
