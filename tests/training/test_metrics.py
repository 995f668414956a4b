"""Metrics: against counting by hand, and where there is nothing to count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mlp import metrics
from tinygrad_mlp.errors import DtypeError, LabelError, OptionError, ShapeError

CLASSES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@given(CLASSES)
def test_metrics_are_what_counting_by_hand_gives(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = map(np.array, zip(*pairs, strict=True))
    matrix = [[sum(pair == (i, j) for pair in pairs) for j in range(3)] for i in range(3)]
    assert metrics.confusion_matrix(truth, predicted, classes=3).tolist() == matrix
    assert metrics.accuracy(truth, predicted) == sum(t == p for t, p in pairs) / len(pairs)
    for c in range(3):
        hits = matrix[c][c]
        given_c, there = sum(row[c] for row in matrix), sum(matrix[c])
        precision, recall = (hits / given_c if given_c else 0.0), (hits / there if there else 0.0)
        assert metrics.precision(truth, predicted, positive=c) == precision
        assert metrics.recall(truth, predicted, positive=c) == recall
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        assert metrics.f1(truth, predicted, positive=c) == pytest.approx(f1, abs=1e-15)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30), st.integers(5, 7))
def test_a_confusion_matrix_counts_each_row_once(pairs: list[tuple[int, int]], classes: int) -> None:
    truth, predicted = [t for t, _ in pairs], [p for _, p in pairs]
    matrix = metrics.confusion_matrix(truth, predicted, classes)
    assert matrix.shape == (classes, classes)
    assert matrix.dtype == np.int64
    assert matrix.sum() == len(pairs)
    assert matrix.sum(axis=1).tolist() == [truth.count(c) for c in range(classes)]
    assert matrix.sum(axis=0).tolist() == [predicted.count(c) for c in range(classes)]
    assert np.array_equal(matrix.T, metrics.confusion_matrix(predicted, truth, classes))
    if pairs:
        assert metrics.accuracy(truth, predicted) == np.trace(matrix) / len(pairs)


@pytest.mark.parametrize(
    ("truth", "predicted", "precision", "recall", "f1"),
    [
        ([], [], 0, 0, 0),
        ([0, 0], [0, 0], 0, 0, 0),  # class 1 neither occurs nor is predicted
        ([1, 1], [0, 0], 0, 0, 0),  # it is never predicted
        ([0, 0], [1, 1], 0, 0, 0),  # it never occurs
        ([1, 0], [0, 1], 0, 0, 0),
        ([1], [1], 1, 1, 1),
        ([1, 1, 0, 0], [1, 0, 0, 0], 1, 0.5, 2 / 3),
        ([1, 0, 0, 0], [1, 1, 1, 1], 0.25, 1, 0.4),
    ],
)
def test_a_share_of_nothing_is_zero(
    truth: list[int], predicted: list[int], precision: float, recall: float, f1: float
) -> None:
    assert metrics.precision(truth, predicted) == precision
    assert metrics.recall(truth, predicted) == recall
    assert metrics.f1(truth, predicted) == f1


def test_booleans_and_small_integers_are_class_indices() -> None:
    truth, predicted = np.array([True, False, True]), np.array([1, 1, 1], np.uint8)
    assert metrics.confusion_matrix(truth, predicted, classes=2).tolist() == [[0, 1], [0, 2]]
    assert metrics.precision(truth, predicted) == 2 / 3
    large = np.full(300, 200, np.uint8)  # 200·256 + 200 does not fit into its dtype
    assert metrics.confusion_matrix(large, large, classes=256)[200, 200] == 300


def test_the_results_are_pythons_numbers() -> None:
    for metric in (metrics.accuracy, metrics.precision, metrics.recall, metrics.f1):
        assert type(metric(np.array([1, 0]), np.array([1, 1]))) is float


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=20))
def test_the_area_under_the_roc_curve_is_the_share_of_pairs_in_order(pairs: list[tuple[int, float]]) -> None:
    ones, zeros = [s for y, s in pairs if y == 1], [s for y, s in pairs if y == 0]
    area = metrics.roc_auc([y for y, _ in pairs], [s for _, s in pairs])
    if ones and zeros:
        in_order = [(one > zero) + (one == zero) / 2 for one in ones for zero in zeros]
        assert area == pytest.approx(sum(in_order) / len(in_order), abs=1e-12)
    else:
        assert np.isnan(area)


@pytest.mark.parametrize("classes", [0, -1, 2.0, True])
def test_a_number_of_classes_that_is_no_count_is_refused(classes: Any) -> None:
    with pytest.raises(OptionError, match=f"classes is {classes}; a whole number of at least 1"):
        metrics.confusion_matrix([0], [0], classes)


def test_what_are_no_classes_is_refused() -> None:
    with pytest.raises(LabelError, match=r"y_pred\[1\] is 2; with 2 classes"):
        metrics.confusion_matrix([0, 1], [0, 2], classes=2)
    with pytest.raises(LabelError, match=r"y_true\[0\] is -1; with 2 classes"):
        metrics.confusion_matrix([-1, 1], [0, 1], classes=2)
    with pytest.raises(ShapeError, match=r"y_true \(2,\) and y_pred \(1,\): as many rows"):
        metrics.accuracy([0, 1], [0])
    with pytest.raises(ShapeError, match=r"y_pred \(2, 1\): class indices \(N,\)"):
        metrics.accuracy([0, 1], [[0], [1]])
    with pytest.raises(ShapeError, match="no rows"):
        metrics.accuracy([], [])
    with pytest.raises(DtypeError, match="integers"):
        metrics.accuracy([0.5], [1])


TRUTH, SCORES = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]


def test_metrics_of_scores_by_hand() -> None:
    """Of the four pairs of a 1 and a 0, three are in order; at the ranks of the 1s the precision is 1 and 2/3."""
    assert metrics.roc_auc(TRUTH, SCORES) == 0.75
    assert metrics.average_precision(TRUTH, SCORES) == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.roc_auc([0, 1], [0.5, 0.5]) == 0.5
    assert np.isnan(metrics.roc_auc([1, 1], [0.2, 0.5]))
    assert metrics.brier([0, 1], [0.5, 0.75]) == (0.25 + 0.0625) / 2
    assert metrics.log_loss([0, 1], [0.5, 0.25]) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert metrics.log_loss([0], [1.0]) == np.inf
    assert metrics.calibration([0, 1, 1, 1], [0.1, 0.3, 0.8, 1.0], bins=2) == [(0.2, 0.5, 2), (0.9, 1.0, 2)]


def test_metrics_of_numbers_by_hand() -> None:
    assert metrics.r2([1, 2, 3], [1, 2, 4]) == 0.5
    assert metrics.r2([2, 2], [2, 2]) == 1
    assert metrics.r2([2, 2], [2, 3]) == 0
    assert metrics.mae([1, 2], [2, 4]) == 1.5
    assert metrics.rmse([0, 0], [3, 4]) == pytest.approx(np.sqrt(12.5))
    assert metrics.balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0]) == 0.5


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: metrics.roc_auc([0, 2], [0.1, 0.2]), LabelError, r"y_true\[1\] is 2"),
        (lambda: metrics.roc_auc([0, 1], [0.1, np.nan]), LabelError, r"scores\[1\] is nan"),
        (lambda: metrics.roc_auc([], []), ShapeError, "N ≥ 1"),
        (lambda: metrics.log_loss([0], [1.5]), LabelError, r"probability 1.5 at \(0,\)"),
        (lambda: metrics.log_loss([2], [[0.5, 0.5]]), LabelError, "with 2 classes"),
        (lambda: metrics.r2([1, 2], [1]), ShapeError, r"y_true \(2,\) and y_pred \(1,\)"),
        (lambda: metrics.calibration([0], [0.5], bins=0), OptionError, "bins is 0"),
        (lambda: metrics.balanced_accuracy([], []), ShapeError, "no rows"),
    ],
)
def test_what_a_metric_cannot_take_is_named(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()
