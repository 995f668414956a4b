"""History, and the metrics of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp import metrics
from tinygrad_mlp.errors import DataError, DtypeError, LabelError, OptionError, ShapeError, StateError

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5))
def test_a_history_reads_back_exactly(tmp_path_factory: Any, rows: list[tuple[float, float]]) -> None:
    path = tmp_path_factory.mktemp("history") / "run.csv"
    history = tg.History()
    for loss, val_loss in rows:
        history.append({"loss": loss, "val_loss": val_loss})
    history.to_csv(path)
    again = tg.History.from_csv(path)
    assert len(again) == len(rows)
    for name in history.names:
        assert np.array_equal(again[name], history[name], equal_nan=True)


def test_a_history_file_is_plain_csv(tmp_path: Path) -> None:
    history = tg.History()
    history.append({"loss": 0.5, "accuracy": 1})
    history.append({"loss": 0.25, "accuracy": 0.1})
    history.to_csv(tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_text() == "epoch,loss,accuracy\n1,0.5,1.0\n2,0.25,0.1\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1"),
        ("loss\n1\n", "line 1"),
        ("epoch,loss\n1,0.5\n3,0.4\n", "line 3"),
        ("epoch,loss\n1,half\n", "line 2"),
        ("epoch,loss\n1,0.5,7\n", "line 2"),
        ("epoch,loss,loss\n", "different names"),
    ],
)
def test_a_file_that_is_no_history_is_refused_with_its_line(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "run.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=where):
        tg.History.from_csv(path)
    with pytest.raises(DataError, match=r"other\.csv"):
        tg.History.from_csv(tmp_path / "other.csv")


def test_epochs_have_the_same_columns() -> None:
    history = tg.History()
    history.append({"loss": 1})
    with pytest.raises(DataError, match="loss expected"):
        history.append({"los": 1})
    with pytest.raises(StateError, match="no column 'val_loss': loss"):
        history["val_loss"]


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


def test_what_are_no_classes_is_refused() -> None:
    with pytest.raises(LabelError, match=r"y_pred\[1\] is 2; with 2 classes"):
        metrics.confusion_matrix([0, 1], [0, 2], classes=2)
    with pytest.raises(ShapeError, match="as many rows"):
        metrics.accuracy([0, 1], [0])
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
