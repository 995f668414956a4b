"""How good the networks are, and how long they take: stratified 5-fold cross-validation beside scikit-learn's.

    python benchmarks/cross_validation.py [--short] [--json FILE]

The packaged data, hidden layers of 24 and 24, standardised on the training rows; shuffle seeds 0 to 3, so 20 networks
each, on the same splits. The options were chosen on other splits (shuffle seeds 10 to 15, with three networks for each
fold) and fixed before these were looked at.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier

import tinygrad_mlp as tg
from tinygrad_mlp import metrics, nn

OPTIONS = {"learning_rate": 0.008, "weight_decay": 0.02}
EPOCHS, BATCH_SIZE, WEIGHTS = 30, 32, "xavier"


def ours(X, y, new, seed):
    """P(M) of new rows from our network: Adam with L2 on the weights but not on the biases, a cosine schedule."""
    first, second, last = (
        nn.Dense(*shape, weights=WEIGHTS, rng=seed + i) for i, shape in enumerate([(30, 24), (24, 24), (24, 2)])
    )
    model = first >> nn.ReLU() >> second >> nn.ReLU() >> last
    adam = tg.optim.Adam(tg.optim.without_decay_on_biases(model), **OPTIONS)
    cosine = tg.Scheduled(tg.optim.Cosine(adam, over=EPOCHS))
    tg.fit(
        model,
        tg.softmax_cross_entropy,
        adam,
        (X, y),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        rng=seed,
        callbacks=[cosine],
    )
    return tg.softmax(tg.predict(model, new).astype(np.float64))[:, 1]


def scikit_learn(X, y, new, seed):
    """P(M) of new rows from scikit-learn's network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPClassifier((24, 24), alpha=1.0, max_iter=500, random_state=seed).fit(X, y).predict_proba(new)[:, 1]


def main():
    """Run both on the same splits, in turn, and print means and times; write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="one shuffle seed, so 5 networks each")
    parser.add_argument("--json", type=Path, help="also write the scores to a file")
    options = parser.parse_args()
    table = tg.data.load_breast_cancer()
    found = {"tinygrad_mlp": [], "scikit-learn": []}
    for seed in range(1 if options.short else 4):
        for train, held_out in StratifiedKFold(5, shuffle=True, random_state=seed).split(table.features, table.labels):
            scaler = tg.data.StandardScaler().fit(table.features[train])
            X, new = scaler.transform(table.features[train]), scaler.transform(table.features[held_out])
            for name, fit in (("tinygrad_mlp", ours), ("scikit-learn", scikit_learn)):
                start = time.perf_counter()
                p = fit(X, table.labels[train], new, seed)
                seconds = time.perf_counter() - start
                y = table.labels[held_out]
                found[name].append((metrics.accuracy(y, (p > 0.5).astype(int)), metrics.log_loss(y, p), seconds))
    folds = len(found["tinygrad_mlp"])
    report = {}
    print(f"{f'{folds} folds':<14}{'accuracy':>18}{'log loss':>18}{'seconds a fit':>16}")
    for name, scores in found.items():
        accuracy, loss, seconds = zip(*scores, strict=True)
        report[name] = {"accuracy": accuracy, "log loss": loss, "seconds": seconds}
        columns = [f"{np.mean(v):.4f} ± {np.std(v, ddof=1):.4f}" for v in (accuracy, loss)]
        print(f"{name:<14}{columns[0]:>18}{columns[1]:>18}{np.mean(seconds):>16.3f}")
    pairs = np.array(found["tinygrad_mlp"]) - np.array(found["scikit-learn"])
    ratio = np.sum(found["tinygrad_mlp"], axis=0)[2] / np.sum(found["scikit-learn"], axis=0)[2]
    print(
        f"\nours − theirs: accuracy {pairs[:, 0].mean():+.4f}, log loss {pairs[:, 1].mean():+.4f}; time {ratio:.2f} ×"
    )
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), "utf-8")


if __name__ == "__main__":
    main()
