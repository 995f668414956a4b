"""Scores: how good predictions are beside the truth, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.cli.console import fields, shown, styled
from tinygrad_mlp.training import metrics

WIDEST_MATRIX = 16
"""With more classes than this, a confusion matrix is no longer read but computed with."""
LONGEST_NAME = 14


@dataclass(frozen=True, eq=False)
class ClassScores:
    """The scores of N rows of C classes.

    Attributes:
        classes: their names.
        positive: of two classes, the index of the one that precision, recall and F1 are of.
        confusion: (C, C), rows are the truth, columns the predictions.
        cross_entropy: the mean over the rows, in nats.
        accuracy: the share of rows whose class is right.
        precision: for each class, the share of rows given it that belong to it.
        recall: for each class, the share of its rows that were given it.
        f1: for each class, the harmonic mean of the two.
    """

    classes: tuple[str, ...]
    positive: int
    confusion: np.ndarray
    cross_entropy: float
    accuracy: float
    precision: Sequence[float]
    recall: Sequence[float]
    f1: Sequence[float]

    @classmethod
    def of(
        cls,
        logits: np.ndarray,
        labels: np.ndarray,
        classes: tuple[str, ...],
        positive: int = 1,
        predicted: np.ndarray | None = None,
    ) -> ClassScores:
        """The scores of logits (N, C), N ≥ 1, for class indices (N,); of `predicted` (N,) if that is not the argmax."""
        predicted = logits.argmax(axis=1) if predicted is None else predicted
        each = range(len(classes))
        return cls(
            classes,
            positive,
            metrics.confusion_matrix(labels, predicted, len(classes)),
            cross_entropy(logits, labels),
            metrics.accuracy(labels, predicted),
            [metrics.precision(labels, predicted, c) for c in each],
            [metrics.recall(labels, predicted, c) for c in each],
            [metrics.f1(labels, predicted, c) for c in each],
        )

    @property
    def loss_name(self) -> str:
        """The cross-entropy's name: binary with two classes."""
        return f"{'binary' if len(self.classes) == 2 else 'categorical'} cross-entropy"

    def json(self) -> dict[str, Any]:
        """The scores for a program; with more than two classes, precision, recall and F1 of each."""
        whole = {self.loss_name.replace(" ", "_").replace("-", "_"): self.cross_entropy, "accuracy": self.accuracy}
        each = [
            {"precision": p, "recall": r, "f1": f} for p, r, f in zip(self.precision, self.recall, self.f1, strict=True)
        ]
        if len(self.classes) == 2:
            details = {"positive_class": self.classes[self.positive], **each[self.positive]}
        else:
            details = {"per_class": dict(zip(self.classes, each, strict=True))}
        return {**whole, **details, "confusion_matrix": self.confusion.tolist()}

    def text(self) -> str:
        """The confusion matrix, and below it the scores with what they count."""
        return f"{self.matrix()}\n\n{self.binary() if len(self.classes) == 2 else self.each_class()}"

    def matrix(self) -> str:
        """The confusion matrix with the names of the classes."""
        if len(self.classes) > WIDEST_MATRIX:
            return f"confusion matrix: {len(self.classes)} × {len(self.classes)}, shown by --json"
        names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in self.classes]
        width = max(5, *map(len, names), len(str(self.confusion.max())))
        left = max(map(len, names))
        margin = " " * (len("truth  ") + left)
        lines = [
            f"{margin}  {styled('predicted', 'dim')}",
            f"{margin}  {'  '.join(name.rjust(width) for name in names)}",
        ]
        for i, (name, row) in enumerate(zip(names, self.confusion.tolist(), strict=True)):
            colours = ["green" if i == j else "red" if count else "dim" for j, count in enumerate(row)]
            cells = [styled(str(count).rjust(width), colour) for count, colour in zip(row, colours, strict=True)]
            lines.append(f"{styled('truth', 'dim') if i == 0 else '     '}  {name.ljust(left)}  {'  '.join(cells)}")
        return "\n".join(lines)

    def binary(self) -> str:
        """The scores of the positive class."""
        c = self.positive
        name, hits = self.classes[c], int(self.confusion[c, c])
        given, there = int(self.confusion[:, c].sum()), int(self.confusion[c].sum())
        return fields(
            {
                self.loss_name: f"{self.cross_entropy:.4f}   of p = P({name})",
                "accuracy": f"{self.accuracy:.4f}   {self.right()}",
                "precision": f"{self.precision[c]:.4f}   {hits} of the {given} rows called {name} are {name}",
                "recall": f"{self.recall[c]:.4f}   {hits} of the {there} rows that are {name} were found",
                "F1": f"{self.f1[c]:.4f}   the harmonic mean of precision and recall",
            }
        )

    def each_class(self) -> str:
        """The scores of each class."""
        rows = zip(self.classes, self.precision, self.recall, self.f1, self.confusion.sum(axis=1), strict=True)
        width = max(len("class"), *map(len, self.classes))
        lines = [f"{name.ljust(width)}  {p:9.4f}  {r:6.4f}  {f:6.4f}  {count:>4}" for name, p, r, f, count in rows]
        head = styled(f"{'class'.ljust(width)}  precision  recall      F1  rows", "dim")
        loss, accuracy = f"{self.cross_entropy:.4f}", f"{self.accuracy:.4f}   {self.right()}"
        return "\n".join([fields({self.loss_name: loss, "accuracy": accuracy}), "", head, *lines])

    def right(self) -> str:
        """How many rows are right, in words."""
        return f"{int(self.confusion.trace())} of {int(self.confusion.sum())} rows are right"


@dataclass(frozen=True)
class NumberScores:
    """The scores of N predicted numbers.

    Attributes:
        r2: the share of the variance that is explained; NaN for one row.
        mae: the mean absolute error.
        rmse: the root mean square error.
    """

    r2: float
    mae: float
    rmse: float

    @classmethod
    def of(cls, predicted: np.ndarray, targets: np.ndarray) -> NumberScores:
        """The scores of predicted numbers (N,), N ≥ 1, beside the true ones (N,)."""
        return cls(*(metric(targets, predicted) for metric in (metrics.r2, metrics.mae, metrics.rmse)))

    def json(self) -> dict[str, Any]:
        """The scores for a program; R² of one row is null."""
        return {"r2": None if isnan(self.r2) else self.r2, "mae": self.mae, "rmse": self.rmse}

    def text(self) -> str:
        """The scores with what they mean."""
        numbers = [shown(score) for score in (self.r2, self.mae, self.rmse)]
        width = max(map(len, numbers))
        means = ("the share of the variance that is explained", "the mean absolute error", "the root mean square error")
        rows = zip(("R²", "MAE", "RMSE"), numbers, means, strict=True)
        return fields({name: f"{number.ljust(width)}   {meaning}" for name, number, meaning in rows})


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean cross-entropy of logits (N, C) for class indices (N,), in float64.

    With two classes it is E = −1/N Σ [y·ln p + (1 − y)·ln(1 − p)] with p = P(class 1) = sigmoid(z₁ − z₀), taken from
    the logits: no p is rounded to 0 or 1. With p = P(class 0) and 1 − y it is the same number.
    """
    z = logits.astype(np.float64)
    if z.shape[1] == 2:
        return float(ops.binary_cross_entropy_with_logits(z[:, 1] - z[:, 0], labels))
    return float(ops.softmax_cross_entropy(z, labels))
