"""The commands with no option but the label, on four tables, beside scikit-learn's networks on the same rows.

    python benchmarks/packaged_tables.py [NUMBER OF SEEDS]

iris, wine, digits and diabetes, as scikit-learn brings them, are written to CSV files; `split`, `train` and `predict`
deal the rows, learn and score them, with seeds 200 to 219. MLPClassifier and MLPRegressor, with hidden layers of
(24, 24) and of (100,), which is their default, learn the same rows with standardised columns; the last column is
MLPRegressor's with standardised targets too. The defaults of `train` were chosen on other splits (seeds 100 to 119).
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from tinygrad_mlp import cli
from tinygrad_mlp.data import read_csv

TABLES = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "digits": datasets.load_digits,
    "diabetes": lambda: datasets.load_diabetes(scaled=False),
}
FIRST_SEED = 200
THEIRS = {"(24, 24)": (24, 24), "(100,)": (100,)}


def write(name, path):
    """A table as a CSV file, with its names in the first line and `target` as its last column."""
    bunch = TABLES[name]()
    with Path(path).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*bunch.feature_names, "target"])
        writer.writerows([*row, target] for row, target in zip(bunch.data.tolist(), bunch.target.tolist(), strict=True))


def command(*words):
    """The output of a command, which has to succeed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = cli.main(words)
    assert code == 0, words
    return out.getvalue()


def ours(name, seed):
    """The accuracy or R² that `predict` tells, in the current folder, where the files of the split then are."""
    write(name, f"{name}.csv")
    seeded = ("--seed", str(seed))  # without it, split takes 0 and train draws one
    command("split", f"{name}.csv", "--label", "target", *seeded)
    train, valid = f"{name}_train.csv", f"{name}_valid.csv"
    command("train", "--dataset", train, "--valid", valid, "--label", "target", *seeded)
    scores = json.loads(command("predict", "model.safetensors", valid, "--json"))
    return scores["r2" if name == "diabetes" else "accuracy"]


def theirs(name, seed):
    """The scores of scikit-learn's networks on the files of the split, by the name of their layers."""
    task = "regression" if name == "diabetes" else "classification"
    parts = [read_csv(f"{name}_{part}.csv", "target", task=task) for part in ("train", "valid")]
    scaler = StandardScaler().fit(parts[0].features)
    X, new = (scaler.transform(part.features) for part in parts)
    y, truth = (part.labels if part.targets is None else part.targets for part in parts)
    make = MLPRegressor if task == "regression" else MLPClassifier
    models = {label: make(hidden_layer_sizes=sizes, random_state=seed) for label, sizes in THEIRS.items()}
    if task == "regression":
        inner = MLPRegressor(hidden_layer_sizes=(24, 24), random_state=seed)
        models["targets too"] = TransformedTargetRegressor(inner, transformer=StandardScaler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {label: model.fit(X, y).score(new, truth) for label, model in models.items()}


def main():
    """Run all of it, and print means, and the mean and deviation of what we have more than they."""
    seeds = range(FIRST_SEED, FIRST_SEED + (int(sys.argv[1]) if len(sys.argv) > 1 else 20))
    print(f"{'':10}{'ours':>8}  scikit-learn, and how much more we have (mean ± sd of {len(seeds)} splits)")
    back = Path.cwd()
    for name in TABLES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                found = [(ours(name, seed), theirs(name, seed)) for seed in seeds]
            finally:
                os.chdir(back)
        mine = np.array([score for score, _ in found])
        columns = []
        for label in found[0][1]:
            other = np.array([scores[label] for _, scores in found])
            more = mine - other
            columns.append(f"{label} {other.mean():.4f} {more.mean():+.4f} ± {more.std(ddof=1):.4f}")
        print(f"{name:10}{mine.mean():8.4f}  {'   '.join(columns)}", flush=True)


if __name__ == "__main__":
    main()
