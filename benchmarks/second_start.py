"""What a second start costs beyond importing Numba: whole processes, with the machine code on disk.

    python benchmarks/second_start.py

Two processes take turns: one imports Numba and tinygrad_mlp, the other also builds the network 30-24-24-2, traces its
training step, finds the machine code on disk and makes ten steps. The difference of their median times is what counts.
"""

from __future__ import annotations

import argparse
import os
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


def seconds(program: str, folder: str) -> float:
    """The wall time of a process."""
    environment = {**os.environ, "TINYGRAD_MLP_CACHE": folder}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, help="processes of each kind (11)")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        first = seconds(IMPORTS + STEPS, folder)
        pairs = [(seconds(IMPORTS, folder), seconds(IMPORTS + STEPS, folder)) for _ in range(runs)]
    imports, steps = (statistics.median(times) for times in zip(*pairs, strict=True))
    least = [min(times) for times in zip(*pairs, strict=True)]
    print(f"first start, which compiles        {first:6.2f} s")
    print(f"imports alone                      {imports:6.2f} s   least {least[0]:.2f}")
    print(f"second start                       {steps:6.2f} s   least {least[1]:.2f}")
    print(f"beyond the imports                 {steps - imports:6.2f} s   least {least[1] - least[0]:.2f}")


if __name__ == "__main__":
    main()
