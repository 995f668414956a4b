"""Metrics: how good predicted classes are, beside the true ones. A share of nothing, 0/0, is 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp.errors import DtypeError, LabelError, OptionError, ShapeError


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, classes: int) -> np.ndarray:
    """How many rows of each true class were given each class.

    Args:
        y_true: class indices (N,), from 0 to classes − 1.
        y_pred: the same for the predictions.
        classes: C, the number of classes.

    Returns:
        (C, C) int64: rows are the truth, columns the predictions; the diagonal is what is right.

    >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], classes=2)
    array([[1, 1],
           [0, 2]])
    """
    truth, predicted = class_indices(y_true, y_pred)
    if classes < 1:
        raise OptionError(f"confusion_matrix: classes is {classes!r}; at least 1 expected")
    for name, labels in (("y_true", truth), ("y_pred", predicted)):
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if len(wrong):
            seen = f"{name}[{wrong[0]}] is {labels[wrong[0]]}"
            raise LabelError(f"confusion_matrix: {seen}; with {classes} classes, 0 to {classes - 1} expected")
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The share of rows whose class is right. Class indices (N,), N ≥ 1."""
    truth, predicted = class_indices(y_true, y_pred)
    if not len(truth):
        raise ShapeError("accuracy: y_true (0,) and y_pred (0,) have no rows")
    return float(np.mean(truth == predicted))


def precision(y_true: ArrayLike, y_pred: ArrayLike, positive: int = 1) -> float:
    """Of the rows that were given the class `positive`, the share that belongs to it. Class indices (N,)."""
    hits, given, _ = counts(y_true, y_pred, positive)
    return hits / given if given else 0.0


def recall(y_true: ArrayLike, y_pred: ArrayLike, positive: int = 1) -> float:
    """Of the rows that belong to the class `positive`, the share that was found. Class indices (N,)."""
    hits, _, there = counts(y_true, y_pred, positive)
    return hits / there if there else 0.0


def f1(y_true: ArrayLike, y_pred: ArrayLike, positive: int = 1) -> float:
    """The harmonic mean of precision and recall, 2·hits / (given + there). Class indices (N,)."""
    hits, given, there = counts(y_true, y_pred, positive)
    return 2 * hits / (given + there) if given + there else 0.0


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
