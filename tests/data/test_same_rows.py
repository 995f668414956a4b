"""Rows that are the same: found in two parts of a table, and in a fingerprint whatever their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_mlp.data import Fingerprint, load_breast_cancer, shared_rows
from tinygrad_mlp.errors import DataError, ShapeError

Pair = tuple[np.ndarray, np.ndarray]


@st.composite
def tables(draw: Any, columns: int = 2) -> Pair:
    """Few different numbers, so that rows repeat: also 0 and −0, which are equal."""
    n = draw(st.integers(0, 8))
    X = draw(hnp.arrays(np.float64, (n, columns), elements=st.sampled_from([0.0, -0.0, 1.5, 1e300])))
    return X, draw(hnp.arrays(np.int64, n, elements=st.integers(0, 1)))


def as_rows(pair: Pair) -> list[tuple[float, ...]]:
    return [(*x, y) for x, y in zip(pair[0].tolist(), pair[1].tolist(), strict=True)]


@given(tables(), tables())
def test_two_tables_have_one_fingerprint_exactly_if_they_have_the_same_rows(a: Pair, b: Pair) -> None:
    same = sorted(as_rows(a)) == sorted(as_rows(b))
    assert (Fingerprint.of(*a) == Fingerprint.of(*b)) == same


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(a: Pair, random: Any) -> None:
    order = random.sample(range(len(a[1])), len(a[1]))
    assert Fingerprint.of(*a) == Fingerprint.of(a[0][order], a[1][order])


@given(tables(), tables())
def test_fingerprints_add_up_to_that_of_both_tables(a: Pair, b: Pair) -> None:
    both = np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]])
    assert Fingerprint.of(*a) + Fingerprint.of(*b) == Fingerprint.of(*both)


@given(tables(columns=30), st.data())
def test_one_changed_number_or_label_changes_it(a: Pair, data: Any) -> None:
    X, y = a[0].copy(), a[1].copy()
    if not len(y):
        return
    i, j = data.draw(st.integers(0, len(y) - 1)), data.draw(st.integers(0, 30))
    if j == 30:
        y[i] = 1 - y[i]
    else:
        X[i, j] = np.nextafter(X[i, j], 2)
    assert Fingerprint.of(X, y) != Fingerprint.of(*a)


def test_no_two_splits_of_a_real_table_have_one_fingerprint() -> None:
    table = load_breast_cancer()
    assert table.labels is not None
    rng, seen = np.random.default_rng(0), set()
    for _ in range(40):
        rows = rng.permutation(len(table))[:114]
        seen.add(Fingerprint.of(table.features[rows], table.labels[rows]))
    assert len(seen) == 40


def test_its_size_does_not_depend_on_the_rows_and_it_is_the_same_in_every_version() -> None:
    for n in (0, 1, 5000):
        assert len(str(Fingerprint.of(np.ones((n, 3)), np.zeros(n)))) == len(f"{n}:") + 32
    X, y = np.array([[0.1, -2.0], [1e-300, 3.0]]), np.array([1, 0])
    assert str(Fingerprint.of(X, y)) == "2:2de6405564f08d02075ddd07e46921d0"  # files keep it
    assert Fingerprint.of(X.astype(">f8"), y.astype(np.uint8)) == Fingerprint.of(X, y)


@given(tables())
def test_its_text_reads_back(a: Pair) -> None:
    assert Fingerprint.parse(str(Fingerprint.of(*a))) == Fingerprint.of(*a)


@pytest.mark.parametrize(
    "text", [None, 5, "", "5", "5:", ":" + "0" * 32, "5:" + "0" * 31, "-1:" + "0" * 32, "5:" + "G" * 32]
)
def test_a_text_that_is_none_is_refused(text: Any) -> None:
    with pytest.raises(DataError, match="is no fingerprint; rows and 32 hexadecimal digits are expected"):
        Fingerprint.parse(text)


@given(tables(), tables())
def test_shared_rows_are_those_that_a_comparison_of_all_pairs_finds(a: Pair, b: Pair) -> None:
    first, second = as_rows(a), as_rows(b)
    assert shared_rows(a, b) == [(first.index(row), j) for j, row in enumerate(second) if row in first]


def test_rows_with_more_axes_and_other_dtypes_are_compared_as_numbers() -> None:
    X, y = np.arange(12).reshape(3, 2, 2), np.array([[0.5], [1.0], [2.0]])
    assert shared_rows((X, y), (X[1:].astype(np.float32), y[1:].astype(np.float32))) == [(1, 0), (2, 1)]


def test_rows_without_targets_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"X \(3, 2\) and y \(2,\); as many rows in both"):
        Fingerprint.of(np.ones((3, 2)), np.ones(2))
