"""Folds: every row is validated once, and every class has its share in each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mlp.data import folds
from tinygrad_mlp.errors import DataError, ShapeError

LABELS = st.lists(st.integers(0, 2), min_size=2, max_size=40).map(lambda y: [*y, *y])


@given(LABELS, st.integers(2, 4), st.integers(0, 99))
def test_every_row_is_validated_once_and_classes_are_shared_out(y: list[int], k: int, seed: int) -> None:
    labels, found = np.array(y), folds(y, k, seed)
    assert len(found) == k
    assert np.array_equal(np.sort(np.concatenate([valid for _, valid in found])), np.arange(len(y)))
    for train, valid in found:
        assert np.array_equal(np.sort(np.concatenate([train, valid])), np.arange(len(y)))
    sizes = [len(valid) for _, valid in found]
    assert max(sizes) - min(sizes) <= 1
    for c in set(y):
        counts = [int((labels[valid] == c).sum()) for _, valid in found]
        assert max(counts) - min(counts) <= 1


def test_the_seed_decides_who_goes_where() -> None:
    y = [0, 1] * 20
    first, again, other = folds(y, 4, 1), folds(y, 4, 1), folds(y, 4, 2)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("k", [0, 1, 5, 2.5])
def test_a_number_of_folds_that_the_rows_do_not_fill_is_refused(k: int) -> None:
    with pytest.raises(DataError, match="from 2 to the number of rows, 4"):
        folds([0, 0, 1, 1], k)


def test_a_class_with_one_row_is_refused() -> None:
    with pytest.raises(DataError, match="class 7 has 1 row"):
        folds([0, 0, 7], 2)
    with pytest.raises(ShapeError, match=r"\(1, 2\)"):
        folds([[0, 1]], 2)
