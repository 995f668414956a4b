"""A whole training on the packaged breast-cancer table beside scikit-learn's: 30-24-24-2, Adam, the same epochs.

    python benchmarks/whole_training.py [--short] [--json FILE]

All take turns in one process, with one BLAS thread: the median wall time of `fit` alone, and of its ratio. The cache of
compiled programs is warm: a first run of each is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before NumPy is imported

import numpy as np  # noqa: E402 - the threads are set first
from sklearn.neural_network import MLPClassifier  # noqa: E402 - the threads are set first

import tinygrad_mlp as tg  # noqa: E402 - the threads are set first
from tinygrad_mlp import nn, optim  # noqa: E402 - the threads are set first

BATCH, RATE = 32, 1e-3


def data():
    """The table, standardised."""
    table = tg.data.load_breast_cancer()
    return tg.data.StandardScaler().fit(table.features).transform(table.features).astype(np.float32), table.labels


def ours(X, y, epochs, compiled):
    """`tg.fit`."""
    model = nn.Dense(30, 24, rng=0) >> nn.ReLU() >> nn.Dense(24, 24, rng=1) >> nn.ReLU() >> nn.Dense(24, 2, rng=2)
    start = time.perf_counter()
    tg.fit(
        model,
        tg.softmax_cross_entropy,
        optim.Adam(model, RATE),
        (X, y),
        epochs=epochs,
        batch_size=BATCH,
        rng=0,
        compiled=compiled,
    )
    return time.perf_counter() - start


def scikit_learn(X, y, epochs):
    """`MLPClassifier.fit`, kept from stopping early."""
    options = {"learning_rate_init": RATE, "alpha": 0, "batch_size": BATCH, "random_state": 0}
    model = MLPClassifier((24, 24), max_iter=epochs, n_iter_no_change=epochs, tol=0, **options)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        model.fit(X, y)
    return time.perf_counter() - start


def main():
    """Measure and print; write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="few epochs, to see that everything runs")
    parser.add_argument("--json", type=Path, help="also write the median times and ratios to a file")
    options = parser.parse_args()
    epochs, turns = (3, 2) if options.short else (84, 9)
    X, y = data()
    contenders = {
        "tg.fit": lambda: ours(X, y, epochs, compiled=False),
        "tg.fit, NumPy": lambda: ours(X, y, epochs, compiled="numpy"),
        "tg.fit, Numba": lambda: ours(X, y, epochs, compiled="numba"),
        "scikit-learn": lambda: scikit_learn(X, y, epochs),
    }
    times = {name: [] for name in contenders}
    for turn in range(turns + 1):
        for name, run in contenders.items():
            seconds = run()
            if turn:
                times[name].append(seconds)
    peer = np.array(times["scikit-learn"])
    print(f"569 rows, {epochs} epochs of batches of {BATCH}")
    report = {}
    for name, values in times.items():
        seconds, ratio = float(np.median(values)), float(np.median(np.array(values) / peer))
        report[name] = {"seconds": seconds, "ratio": ratio, "epochs": epochs}
        print(f"  {name:<16}{seconds:>8.3f} s{ratio:>8.2f} × scikit-learn")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), "utf-8")


if __name__ == "__main__":
    main()
