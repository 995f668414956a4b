"""Mini-batches: each row once an epoch, in another order each epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mlp.data import batches
from tinygrad_mlp.errors import OptionError, ShapeError


@given(st.integers(0, 40), st.integers(1, 50), st.one_of(st.none(), st.integers(0, 9)))
def test_each_row_is_visited_exactly_once_with_its_label(rows, size, seed):
    X, y = np.arange(rows * 2.0).reshape(rows, 2), np.arange(rows)
    rng = None if seed is None else np.random.default_rng(seed)
    seen = list(batches(X, y, size, rng=rng))
    assert all(len(xb) == len(yb) == size for xb, yb in seen[:-1])
    assert len(seen) == -(-rows // size)
    assert all(0 < len(xb) <= size for xb, _ in seen[-1:])
    assert sorted(i for _, yb in seen for i in yb) == list(range(rows))
    for xb, yb in seen:
        assert xb.tolist() == X[yb].tolist()


def test_without_a_generator_rows_come_in_order_as_views():
    X = np.arange(10)
    seen = [xb for xb, _ in batches(X, None, 4)]
    assert [xb.tolist() for xb in seen] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(np.shares_memory(xb, X) for xb in seen)


def test_with_a_generator_each_epoch_has_another_order_and_a_seed_repeats_them_all():
    X = np.arange(50)

    def epochs(seed):
        rng = np.random.default_rng(seed)
        return [[i for xb, _ in batches(X, None, 8, rng=rng) for i in xb] for _ in range(3)]

    first = epochs(0)
    assert first == epochs(0) != epochs(1)
    assert len({tuple(epoch) for epoch in first}) == 3
    assert list(range(50)) not in first


def test_the_order_is_drawn_at_the_call():
    X, rng = np.arange(50), np.random.default_rng(0)
    epoch = batches(X, None, 50, rng=rng)
    rng.permutation(7)  # somebody else draws before the first batch is taken
    assert next(epoch)[0].tolist() == np.random.default_rng(0).permutation(50).tolist()


def test_shuffled_batches_are_copies_with_the_dtype_and_shape_of_the_data():
    X, y = np.zeros((6, 2, 3), np.float32), np.zeros((6, 1), np.int8)
    for xb, yb in batches(X, y, 4, rng=np.random.default_rng(0)):
        assert not np.shares_memory(xb, X)
        assert (xb.dtype, yb.dtype) == (np.float32, np.int8)
        assert (xb.shape[1:], yb.shape[1:]) == ((2, 3), (1,))


def test_no_labels_give_none():
    assert [yb for _, yb in batches(np.zeros((5, 2)), None, 2)] == [None] * 3
    assert [yb for _, yb in batches(np.zeros((5, 2)), None, 2, rng=np.random.default_rng(0))] == [None] * 3


def test_what_does_not_fit_is_refused_at_the_call_not_at_the_first_batch():
    X = np.zeros((5, 2))
    with pytest.raises(ShapeError, match=r"batches: X \(5, 2\) and y \(4,\), expected the same number of rows"):
        batches(X, np.zeros(4), 2)
    with pytest.raises(ShapeError, match=r"batches: X \(\)"):
        batches(np.array(1.0), None, 2)
    with pytest.raises(ShapeError, match=r"and y \(\)"):
        batches(X, np.array(1.0), 2)
    for size in (0, -1, 2.0, "2", None):
        with pytest.raises(OptionError, match=f"batches: batch_size {size!r}, expected an integer of at least 1"):
            batches(X, None, size)
    with pytest.raises(OptionError, match=r"batches: rng 0, expected a numpy\.random\.Generator"):
        batches(X, None, 2, rng=0)


def test_a_numpy_integer_is_a_batch_size():
    assert len(list(batches(np.zeros(5), None, np.int64(2)))) == 3
