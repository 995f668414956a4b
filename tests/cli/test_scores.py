"""ClassScores: by hand on a few rows, and as laws on any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mlp.cli.scores import WIDEST_MATRIX, ClassScores, cross_entropy

LOGITS = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0], [0.0, 4.0], [1.0, 0.0]])
LABELS = np.array([0, 1, 1, 1, 0])


def test_two_classes_by_hand():
    scores = ClassScores.of(LOGITS, LABELS, ("B", "M"))
    assert scores.confusion.tolist() == [[2, 0], [1, 2]]
    e = sum(np.log1p(np.exp(-m)) for m in (2, 1, -2, 4, 1)) / 5  # the margins of the true class
    assert scores.cross_entropy == pytest.approx(e)
    assert scores.json() == {
        "binary_cross_entropy": scores.cross_entropy,
        "accuracy": 0.8,
        "positive_class": "M",
        "precision": 1.0,
        "recall": 2 / 3,
        "f1": 0.8,
        "confusion_matrix": [[2, 0], [1, 2]],
    }
    assert scores.text() == (
        "          predicted\n"
        "              B      M\n"
        "truth  B      2      0\n"
        "       M      1      2\n"
        "\n"
        f"binary cross-entropy  {e:.4f}   of p = P(M)\n"
        "accuracy              0.8000   4 of 5 rows are right\n"
        "precision             1.0000   2 of the 2 rows called M are M\n"
        "recall                0.6667   2 of the 3 rows that are M were found\n"
        "F1                    0.8000   the harmonic mean of precision and recall"
    )


def test_three_classes_by_hand():
    scores = ClassScores.of(np.eye(3)[[0, 0, 1, 2]], np.array([0, 1, 1, 2]), ("a", "b", "with a name too long"))
    assert scores.json()["per_class"] == {
        "a": {"precision": 0.5, "recall": 1.0, "f1": 2 / 3},
        "b": {"precision": 1.0, "recall": 0.5, "f1": 2 / 3},
        "with a name too long": {"precision": 1.0, "recall": 1.0, "f1": 1.0},
    }
    assert "categorical_cross_entropy" in scores.json()
    text = scores.text()
    assert "with a name t…               0               0               1" in text
    assert "b                        1.0000  0.5000  0.6667     2" in text
    assert "3 of 4 rows are right" in text


def test_a_class_that_is_neither_there_nor_predicted_scores_0():
    scores = ClassScores.of(LOGITS[:1], LABELS[:1], ("B", "M"))
    assert (scores.precision[1], scores.recall[1], scores.f1[1]) == (0, 0, 0)
    assert "0 of the 0 rows called M are M" in scores.text()


def test_a_matrix_too_wide_to_read_is_left_to_json():
    n = WIDEST_MATRIX + 1
    scores = ClassScores.of(np.eye(n), np.arange(n), tuple(map(str, range(n))))
    assert scores.matrix() == f"confusion matrix: {n} × {n}, shown by --json"
    assert np.shape(scores.json()["confusion_matrix"]) == (n, n)


rows = st.integers(1, 20).flatmap(
    lambda n: st.tuples(
        st.lists(st.lists(st.floats(-50, 50), min_size=2, max_size=2), min_size=n, max_size=n),
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
    )
)


@given(rows)
def test_binary_cross_entropy_is_that_of_the_softmax_and_of_either_class(case):
    z, y = np.array(case[0]), np.array(case[1])
    assert cross_entropy(z, y) == pytest.approx(cross_entropy(z[:, ::-1], 1 - y), abs=1e-12)
    log_p = z - np.logaddexp(z[:, :1], z[:, 1:])
    assert cross_entropy(z, y) == pytest.approx(-log_p[np.arange(len(y)), y].mean(), abs=1e-12)


@given(rows)
def test_a_confusion_matrix_has_all_rows_and_its_diagonal_the_right_ones(case):
    scores = ClassScores.of(np.array(case[0]), np.array(case[1]), ("a", "b"))
    assert scores.confusion.sum() == len(case[1])
    assert scores.accuracy == scores.confusion.trace() / len(case[1])
