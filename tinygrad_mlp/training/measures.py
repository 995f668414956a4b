"""Measures: metrics by name, taken from the outputs of a model, of which each metric needs another form.

Models end in logits. A measure of classes takes the largest of (N, C) logits, or asks whether a single one, (N,) or
(N, 1), is above 0; a measure of probabilities takes their softmax, or the sigmoid of a single one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import Any, Literal

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.spelling import instead
from tinygrad_mlp.training import metrics

Kind = Literal["classes", "probabilities", "numbers", "outputs"]
"""What a measure compares with the targets: classes (N,), P (N, C), numbers as rows (N, m), or the outputs as is."""

Metric = str | Callable[[Any, Any], float]
"""A name of `MEASURES`, a function of `tg.metrics` that has one, or a function of your own of targets and outputs."""


@dataclass(frozen=True)
class Measure:
    """One metric: what it needs of a model and its targets, and how it is computed.

    Attributes:
        name: its column in a history.
        title: how a table calls it.
        compute: from targets and what `kind` says to a number.
        kind: what it compares the targets with.
        binary: whether it is of two classes only; of probabilities it then takes P(class 1), (N,).
        sign: −1 if higher is better, 1 if lower is, None if nobody knows.
    """

    name: str
    title: str
    compute: Callable[[Any, Any], float]
    kind: Kind
    binary: bool = False
    sign: int | None = -1

    def of(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Its value for the outputs and the targets of N rows. Raises `OptionError` if it does not suit them."""
        self.check(outputs.shape, targets)
        if self.kind in ("classes", "probabilities"):
            targets = targets.reshape(-1).astype(np.int64, copy=False)
        elif self.kind == "numbers":
            targets = targets.reshape(len(targets), -1)
        form = self.form(outputs)
        if self.kind == "probabilities" and np.isnan(form).any():
            return nan  # as the loss: the outputs have overflowed
        found = self.compute(targets, form)
        try:
            return float(found)
        except (TypeError, ValueError) as error:
            raise OptionError(f"metric {self.name} gave {found!r:.80}; one number is expected") from error

    def form(self, outputs: np.ndarray) -> np.ndarray:
        """The outputs in the form that the metric takes."""
        match self.kind:
            case "classes":
                return predicted_classes(outputs)
            case "probabilities":
                p = probabilities(outputs)
                return p[:, 1] if self.binary else p
            case "numbers":
                return outputs.reshape(len(outputs), -1)
            case _:
                return outputs

    def check(self, shape: tuple[int, ...], targets: np.ndarray) -> None:
        """Refuse with `OptionError` outputs of a shape (N, …), and targets, that the metric says nothing about."""
        seen = f"outputs {rows(shape)} and targets {targets.dtype} {rows(targets.shape)}"
        if self.kind == "outputs":
            return
        if self.kind == "numbers":
            if shape[1:] != targets.shape[1:]:
                raise OptionError(f"metric {self.name} compares numbers, here {seen}: one shape is expected")
            return
        classes = class_count(shape, targets)
        if classes is None:
            problem = "logits (N, C) and class indices (N,) are expected"
            raise OptionError(f"metric {self.name} is of classes, here {seen}: {problem}")
        if self.binary and classes != 2:
            raise OptionError(f"metric {self.name} is of 2 classes, the outputs {rows(shape)} are of {classes}")


def _log_loss(y: np.ndarray, p: np.ndarray) -> float:
    """The metric, with probabilities that are rounded to 0 counted as the smallest number above it."""
    return metrics.log_loss(y, np.clip(p, np.finfo(float).tiny, 1))


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("accuracy", "accuracy", metrics.accuracy, "classes"),
        Measure("log_loss", "cross-entropy", _log_loss, "probabilities", sign=1),
        Measure("balanced_accuracy", "balanced accuracy", metrics.balanced_accuracy, "classes"),
        Measure("macro_precision", "macro precision", partial(metrics.macro, metrics.precision), "classes"),
        Measure("macro_recall", "macro recall", partial(metrics.macro, metrics.recall), "classes"),
        Measure("macro_f1", "macro F1", partial(metrics.macro, metrics.f1), "classes"),
        Measure("precision", "precision", metrics.precision, "classes", binary=True),
        Measure("recall", "recall", metrics.recall, "classes", binary=True),
        Measure("f1", "F1", metrics.f1, "classes", binary=True),
        Measure("roc_auc", "ROC AUC", metrics.roc_auc, "probabilities", binary=True),
        Measure("average_precision", "average precision", metrics.average_precision, "probabilities", binary=True),
        Measure("brier", "Brier score", metrics.brier, "probabilities", binary=True, sign=1),
        Measure("r2", "R²", metrics.r2, "numbers"),
        Measure("mae", "MAE", metrics.mae, "numbers", sign=1),
        Measure("rmse", "RMSE", metrics.rmse, "numbers", sign=1),
    )
}
"""The metrics that have a name, and say of themselves what they need."""

OF_NUMBERS = ("r2", "mae")
"""What a regression is measured by if nothing else is asked for."""


def choose(asked: Sequence[Metric]) -> list[Measure]:
    """The measures that are asked for, in their order.

    Raises:
        OptionError: an unknown name, something that is neither a name nor a function, or a name twice.

    >>> [measure.title for measure in choose(["macro_f1", metrics.log_loss])]
    ['macro F1', 'cross-entropy']
    >>> choose(["acuracy"])
    Traceback (most recent call last):
    tinygrad_mlp.errors.OptionError: unknown metric 'acuracy'; did you mean accuracy?
    """
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        raise OptionError(f"metrics is {asked!r}; a list of names or functions is expected, such as ['accuracy']")
    chosen = [measure_of(metric) for metric in asked]
    names = [measure.name for measure in chosen]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"metric {name} is asked for twice")
    if "loss" in names:
        raise OptionError("a metric cannot be named loss, which is the loss itself")
    return chosen


def measure_of(metric: Metric) -> Measure:
    """The measure that a name or a function stands for."""
    if isinstance(metric, str):
        if metric not in MEASURES:
            raise OptionError(f"unknown metric {metric!r}; {instead(metric, MEASURES)}")
        return MEASURES[metric]
    name = getattr(metric, "__name__", None)
    if not callable(metric) or not isinstance(name, str):
        raise OptionError(f"metric {metric!r}: a name or a function with a __name__ is expected")
    if metric is getattr(metrics, name, None):  # one of the package's own, which takes no logits
        return measure_of(name)
    return Measure(name, name, metric, "outputs", sign=None)


def usual(outputs: Any, targets: np.ndarray) -> list[Measure]:
    """What is measured if nothing is asked for: the accuracy of logits (N, C) for class indices (N,), else nothing."""
    logits = isinstance(outputs, np.ndarray) and outputs.ndim == 2 and outputs.shape[1] >= 2
    return [MEASURES["accuracy"]] if logits and targets.ndim == 1 and targets.dtype.kind in "iub" else []


def class_count(shape: tuple[int, ...], targets: np.ndarray) -> int | None:
    """How many classes the outputs of a shape are of, two for a single logit; None if the targets are no classes."""
    if len(shape) == 2 and shape[1] > 1:
        return shape[1] if targets.ndim == 1 and targets.dtype.kind in "iub" else None
    single = len(shape) in (1, 2) and targets.shape[1:] in ((), (1,))
    return 2 if single and bool(np.isin(targets, (0, 1)).all()) else None


def predicted_classes(outputs: np.ndarray) -> np.ndarray:
    """The most probable classes (N,) of logits (N, C), or of single logits (N,) or (N, 1)."""
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return np.asarray(outputs.argmax(axis=1))
    return (outputs.reshape(-1) > 0).astype(np.int64)


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """P (N, C) in float64 of logits (N, C), or P (N, 2) of single logits (N,) or (N, 1)."""
    z = outputs.astype(np.float64)
    if z.ndim == 2 and z.shape[1] > 1:
        return np.asarray(ops.softmax(z))
    z = z.reshape(-1)
    return np.asarray(ops.softmax(np.stack([np.zeros_like(z), z], axis=1)))


def rows(shape: tuple[int, ...]) -> str:
    """A shape with N for the number of rows: `(N, 2)`, `(N,)`."""
    return f"(N,{''.join(f' {n},' for n in shape[1:])}".rstrip(",") + (")" if shape[1:] else ",)")
