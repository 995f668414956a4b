"""Metrics equal scikit-learn's, also of degenerate data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as theirs
from sklearn.calibration import calibration_curve

from tinygrad_mlp import metrics

pytestmark = pytest.mark.bench


def near(ours: Any, others: Any) -> None:
    np.testing.assert_allclose(ours, others, rtol=1e-12, atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_metrics_of_classes(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = map(np.array, zip(*pairs, strict=True))
    near(metrics.accuracy(truth, predicted), theirs.accuracy_score(truth, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predictions of classes that are not in the truth
        near(metrics.balanced_accuracy(truth, predicted), theirs.balanced_accuracy_score(truth, predicted))
    matrix = theirs.confusion_matrix(truth, predicted, labels=range(4))
    assert np.array_equal(metrics.confusion_matrix(truth, predicted, classes=4), matrix)
    for ours, other in (
        (metrics.precision, theirs.precision_score),
        (metrics.recall, theirs.recall_score),
        (metrics.f1, theirs.f1_score),
    ):
        near(metrics.macro(ours, truth, predicted), other(truth, predicted, average="macro", zero_division=0))
        one = other(truth, predicted, labels=[1], average=None, zero_division=0)[0]
        near(ours(truth, predicted, positive=1), one)


SCORES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
BINARY = st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=1, max_size=40)


@given(BINARY)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore:No positive class found:UserWarning")
def test_metrics_of_scores(pairs: list[tuple[int, float]]) -> None:
    truth, scores = map(np.array, zip(*pairs, strict=True))
    if len(set(truth)) == 2:
        near(metrics.roc_auc(truth, scores), theirs.roc_auc_score(truth, scores))
    else:
        assert np.isnan(metrics.roc_auc(truth, scores))
    near(metrics.average_precision(truth, scores), theirs.average_precision_score(truth, scores))
    near(metrics.brier(truth, scores), theirs.brier_score_loss(truth, scores, pos_label=1))


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 0.99)), min_size=1, max_size=40))
def test_log_loss(pairs: list[tuple[int, float]]) -> None:
    truth, p = map(np.array, zip(*pairs, strict=True))
    near(metrics.log_loss(truth, p), theirs.log_loss(truth, p, labels=[0, 1]))
    rows = np.stack([p / 2, p / 2, 1 - p], axis=1)
    near(metrics.log_loss(truth, rows), theirs.log_loss(truth, rows, labels=[0, 1, 2]))


@given(st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=1, max_size=40))
def test_log_loss_of_certainties(pairs: list[tuple[int, float]]) -> None:
    """What was called impossible and happens costs ∞ here; scikit-learn counts it as a probability of 2⁻⁵²."""
    truth, p = map(np.array, zip(*pairs, strict=True))
    epsilon = np.finfo(float).eps
    near(metrics.log_loss(truth, np.clip(p, epsilon, 1 - epsilon)), theirs.log_loss(truth, p, labels=[0, 1]))
    assert np.isinf(metrics.log_loss(truth, p)) == np.any(p == 1 - truth)


@given(BINARY, st.integers(1, 12))
def test_calibration(pairs: list[tuple[int, float]], bins: int) -> None:
    truth, p = map(np.array, zip(*pairs, strict=True))
    found = metrics.calibration(truth, p, bins=bins)
    shares, means = calibration_curve(truth, p, n_bins=bins, pos_label=1)
    near([mean for mean, _, _ in found], means)
    near([share for _, share, _ in found], shares)
    assert sum(n for _, _, n in found) == len(p)


NUMBERS = st.floats(-1e3, 1e3)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=20), st.booleans())
def test_metrics_of_numbers(pairs: list[tuple[float, float]], constant: bool) -> None:
    y, predicted = map(np.array, zip(*pairs, strict=True))
    if constant:
        y = np.full(len(y), 2.0)
    near(metrics.mae(y, predicted), theirs.mean_absolute_error(y, predicted))
    near(metrics.rmse(y, predicted), theirs.root_mean_squared_error(y, predicted))
    near(metrics.r2(y, predicted), theirs.r2_score(y, predicted))
    columns = np.stack([y, predicted], axis=1)
    near(metrics.rmse(columns, columns[::-1]), theirs.root_mean_squared_error(columns, columns[::-1]))
