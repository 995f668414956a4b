"""Metrics: how good predictions are: of classes, of probabilities, of numbers.

Conventions are scikit-learn's. A share of nothing, 0/0, is 0; what cannot be said of the data given (an area under a
curve with one class only) is NaN. All of them raise `ShapeError` for arrays of other shapes than they say, and
`DtypeError` for classes that are not integers. Those of probabilities and scores raise `LabelError` for numbers that
are none, and for a class that they have no probability of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp.errors import DtypeError, LabelError, ShapeError
from tinygrad_mlp.nn.arguments import at_least_1

__all__ = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "calibration",
    "confusion_matrix",
    "f1",
    "log_loss",
    "macro",
    "mae",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, classes: int) -> np.ndarray:
    """How many rows of each true class were given each class.

    Args:
        y_true: class indices (N,), from 0 to classes − 1.
        y_pred: the same for the predictions.
        classes: C, the number of classes.

    Returns:
        (C, C) int64: rows are the truth, columns the predictions; the diagonal is what is right.

    Raises:
        LabelError: a class that is not among the C.
        ShapeError, DtypeError: labels that are not class indices (N,), or not as many in both.
        OptionError: classes is below 1.

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], classes=2)
    array([[1, 1],
           [0, 2]])
    """
    truth, predicted = class_indices(y_true, y_pred)
    classes = at_least_1("confusion_matrix: classes", classes)
    for name, labels in (("y_true", truth), ("y_pred", predicted)):
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if len(wrong):
            seen = f"{name}[{wrong[0]}] is {labels[wrong[0]]}"
            raise LabelError(f"confusion_matrix: {seen}; with {classes} classes, 0 to {classes - 1} expected")
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The share of rows whose class is right. Class indices (N,), N ≥ 1.

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.accuracy([0, 1, 1, 0], [0, 1, 0, 0])
    0.75
    """
    truth, predicted = class_indices(y_true, y_pred)
    if not len(truth):
        raise ShapeError("accuracy: y_true (0,) and y_pred (0,) have no rows")
    return float(np.count_nonzero(truth == predicted) / len(truth))


def precision(y_true: ArrayLike, y_pred: ArrayLike, positive: int = 1) -> float:
    """Of the rows that were given the class `positive`, the share that belongs to it. Class indices (N,).

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.precision([1, 1, 0, 0, 0], [1, 0, 1, 1, 1])  # four rows were called 1, and one of them is
    0.25
    """
    hits, given, _ = counts(y_true, y_pred, positive)
    return hits / given if given else 0.0


def recall(y_true: ArrayLike, y_pred: ArrayLike, positive: int = 1) -> float:
    """Of the rows that belong to the class `positive`, the share that was found. Class indices (N,).

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.recall([1, 1, 0, 0, 0], [1, 0, 1, 1, 1])  # two rows are 1, and one of them was found
    0.5
    """
    hits, _, there = counts(y_true, y_pred, positive)
    return hits / there if there else 0.0


def f1(y_true: ArrayLike, y_pred: ArrayLike, positive: int = 1) -> float:
    """The harmonic mean of precision and recall, 2·hits / (given + there). Class indices (N,).

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.f1([1, 1, 1, 0], [1, 0, 0, 0])  # the precision is 1, the recall 1/3
    0.5
    """
    hits, given, there = counts(y_true, y_pred, positive)
    return 2 * hits / (given + there) if given + there else 0.0


def macro(metric: Callable[..., float], y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean of `precision`, `recall` or `f1` over the classes that occur, in the truth or in the predictions.

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.macro(tg.metrics.f1, [0, 0, 1, 2], [0, 1, 1, 2])
    0.7777777777777777
    """
    truth, predicted = class_indices(y_true, y_pred)
    classes = np.union1d(truth, predicted)
    if not len(classes):
        raise ShapeError("macro: y_true (0,) and y_pred (0,) have no rows")
    return float(np.mean([metric(truth, predicted, positive=int(c)) for c in classes]))


def balanced_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean of the recalls of the classes that occur in the truth. Class indices (N,), N ≥ 1.

    >>> import tinygrad_mlp as tg
    >>> truth, always_0 = [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]
    >>> tg.metrics.accuracy(truth, always_0), tg.metrics.balanced_accuracy(truth, always_0)
    (0.8, 0.5)
    """
    truth, predicted = class_indices(y_true, y_pred)
    if not len(truth):
        raise ShapeError("balanced_accuracy: y_true (0,) and y_pred (0,) have no rows")
    return float(np.mean([recall(truth, predicted, positive=int(c)) for c in np.unique(truth)]))


def roc_auc(y_true: ArrayLike, scores: ArrayLike) -> float:
    """The area under the ROC curve: how often a row of class 1 has a higher score than one of class 0; ties count half.

    Args:
        y_true: 0 or 1, (N,).
        scores: (N,), such as P(class 1).

    Returns:
        From 0 to 1; NaN if there are rows of one class only.

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8])  # of four pairs one is in the wrong order: 0.4 and 0.3
    0.75
    """
    positive, s = binary_scores(y_true, scores)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    _, rank, sizes = np.unique(s, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - (sizes - 1) / 2  # the mean rank of equal scores
    return float((middle[rank][positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def average_precision(y_true: ArrayLike, scores: ArrayLike) -> float:
    """The precision at each threshold, weighted with the recall that is gained there: Σ (Rₖ − Rₖ₋₁)·Pₖ.

    Args:
        y_true: 0 or 1, (N,).
        scores: (N,), such as P(class 1).

    Returns:
        From 0 to 1; 0 if there is no row of class 1.

    >>> import tinygrad_mlp as tg
    >>> round(tg.metrics.average_precision([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8]), 4)  # 1/2 · 1/1 + 1/2 · 2/3
    0.8333
    """
    positive, s = binary_scores(y_true, scores)
    if not positive.any():
        return 0.0
    order = np.argsort(-s, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)  # equal scores share a threshold
    hits = np.cumsum(positive[order])[ends]
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * (hits / (ends + 1))))


def log_loss(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of −ln P(true class); ∞ if one of them is 0, where scikit-learn counts 2⁻⁵².

    Args:
        y_true: class indices (N,).
        probabilities: (N, C), rows that add up to 1; or P(class 1), (N,).

    Raises:
        LabelError: an index or a probability is out of range.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> round(tg.metrics.log_loss([0, 1], [[0.5, 0.5], [0.75, 0.25]]) / np.log(2), 4)  # in bits, the mean of 1 and 2
    np.float64(1.5)
    """
    p = checked_probabilities("log_loss", probabilities)
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    truth = indices_below(y_true, p.shape[1], len(p))
    with np.errstate(divide="ignore"):
        return float(-np.log(p[np.arange(len(p)), truth]).mean())


def brier(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of (p − y)² for two classes (Brier 1950).

    Args:
        y_true: 0 or 1, (N,).
        probabilities: P(class 1), (N,).

    >>> import tinygrad_mlp as tg
    >>> round(tg.metrics.brier([1, 0], [0.9, 0.3]), 4)  # the mean of 0.1² and 0.3²
    0.05
    """
    p = checked_probabilities("brier", probabilities)
    positive, _ = binary_scores(y_true, p)
    return float(np.square(p - positive).mean())


def calibration(y_true: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> list[tuple[float, float, int]]:
    """How often class 1 came true, beside how probable it was said to be, in bins of equal width.

    Args:
        y_true: 0 or 1, (N,).
        probabilities: P(class 1), (N,).
        bins: how many, at least 1.

    Returns:
        For each bin that has rows: the mean probability, the share of class 1, and the number of rows.

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.calibration([0, 1, 1, 1], [0.2, 0.3, 0.9, 0.6], bins=2)  # of what was called 25 %, half came true
    [(0.25, 0.5, 2), (0.75, 1.0, 2)]
    """
    bins = at_least_1("calibration: bins", bins)
    p = checked_probabilities("calibration", probabilities)
    positive, _ = binary_scores(y_true, p)
    which = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p)
    found = ((p[which == b], positive[which == b]) for b in range(bins))
    return [(float(q.mean()), float(y.mean()), len(q)) for q, y in found if len(q)]


def r2(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The share of the variance that is explained: 1 − Σ (y − ŷ)² / Σ (y − mean y)².

    Numbers (N,) or (N, m), N ≥ 2; of several columns the mean. A constant column counts 1 if it is met exactly, else 0.

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.r2([1, 2, 3], [1, 2, 4])  # 1 − 1/2
    0.5
    >>> tg.metrics.r2([1, 2, 3], [2, 2, 2])  # the mean alone explains nothing
    0.0
    """
    y, predicted = numbers(y_true, y_pred)
    if len(y) < 2:
        return float("nan")
    residual = np.square(y - predicted).sum(axis=0)
    total = np.square(y - y.mean(axis=0)).sum(axis=0)
    constant = total == 0
    scores = np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, total))
    return float(scores.mean())


def mae(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The mean absolute error of numbers (N,) or (N, m).

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.mae([0.0, 0.0], [1.0, -7.0])
    4.0
    """
    y, predicted = numbers(y_true, y_pred)
    return float(np.abs(y - predicted).mean())


def rmse(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The root mean square error of numbers (N,) or (N, m); of several columns the mean.

    >>> import tinygrad_mlp as tg
    >>> tg.metrics.rmse([0.0, 0.0], [1.0, -7.0])  # the root of (1 + 49) / 2
    5.0
    """
    y, predicted = numbers(y_true, y_pred)
    return float(np.sqrt(np.square(y - predicted).mean(axis=0)).mean())


def counts(y_true: ArrayLike, y_pred: ArrayLike, positive: int) -> tuple[int, int, int]:
    """Rows of a class that were found, rows that were given the class, and rows that belong to it."""
    truth, predicted = (labels == positive for labels in class_indices(y_true, y_pred))
    return int(np.count_nonzero(truth & predicted)), int(predicted.sum()), int(truth.sum())


def class_indices(y_true: ArrayLike, y_pred: ArrayLike) -> list[np.ndarray]:
    """Both as int64 arrays (N,), or an error that says which one is not."""
    found: list[np.ndarray] = []
    for name, given in (("y_true", y_true), ("y_pred", y_pred)):
        labels: np.ndarray[Any, Any] = np.asarray(given)
        if labels.ndim != 1:
            raise ShapeError(f"{name} {labels.shape}: class indices (N,) expected")
        if labels.dtype.kind not in "iub" and labels.size:
            raise DtypeError(f"{name} is {labels.dtype}: class indices are integers")
        found.append(labels.astype(np.int64))
    if len(found[0]) != len(found[1]):
        raise ShapeError(f"y_true {found[0].shape} and y_pred {found[1].shape}: as many rows in both expected")
    return found


def indices_below(y_true: ArrayLike, classes: int, n: int) -> np.ndarray:
    """Class indices (n,) from 0 to classes − 1."""
    truth = class_indices(y_true, np.zeros(n, np.int64))[0]
    wrong = np.flatnonzero((truth < 0) | (truth >= classes))
    if len(wrong):
        seen = f"y_true[{wrong[0]}] is {truth[wrong[0]]}"
        raise LabelError(f"{seen}; with {classes} classes, 0 to {classes - 1} expected")
    return truth


def binary_scores(y_true: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row is of class 1, (N,), and its score in float64."""
    s = np.asarray(scores, np.float64)
    if s.ndim != 1 or not len(s):
        raise ShapeError(f"scores {s.shape}: one for each of N ≥ 1 rows, (N,), expected")
    if np.isnan(s).any():
        raise LabelError(f"scores[{int(np.flatnonzero(np.isnan(s))[0])}] is nan; a number is expected")
    return indices_below(y_true, 2, len(s)) == 1, s


def checked_probabilities(name: str, probabilities: ArrayLike) -> np.ndarray:
    """Probabilities (N,) or (N, C) in float64, N ≥ 1."""
    p = np.asarray(probabilities, np.float64)
    if p.ndim not in (1, 2) or not p.size:
        raise ShapeError(f"{name}: probabilities {p.shape}; (N,) or (N, C) with N ≥ 1 expected")
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise LabelError(f"{name}: probability {p[where]} at {where}; 0 to 1 expected")
    return p


def numbers(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both in float64, of one shape (N,) or (N, m), N ≥ 1."""
    y, predicted = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    if y.shape != predicted.shape or y.ndim not in (1, 2) or not y.size:
        raise ShapeError(f"y_true {y.shape} and y_pred {predicted.shape}: both (N,) or both (N, m) with N ≥ 1 expected")
    return y, predicted
