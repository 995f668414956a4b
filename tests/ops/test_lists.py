"""Functions take lists, Python's numbers and whole numbers wherever they take arrays of floating-point numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.all_rows import Case, cases

import tinygrad_mlp as tg
from tinygrad_mlp import ops
from tinygrad_mlp.errors import TinygradMlpError

PUBLIC = {id(getattr(ops, name)) for name in ops.__all__}
NAMED = [(name, case) for name, case in cases() if id(case.subject) in PUBLIC and all(x.size for x in case.inputs)]


def values(y: Any) -> list[np.ndarray]:
    """What a function gives, as arrays: some give several."""
    parts = y if isinstance(y, tuple | list) else [y]
    return [part.numpy() if isinstance(part, tg.Tensor) else np.asarray(part) for part in parts]


def assert_same(found: Any, expected: Any) -> None:
    for left, right in zip(values(found), values(expected), strict=True):
        assert left.shape == right.shape
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("case", [case for _, case in NAMED], ids=[name for name, _ in NAMED])
def test_lists_give_what_arrays_give(case: Case) -> None:
    assert_same(case(*[x.tolist() for x in case.inputs]), case(*case.inputs))


@pytest.mark.parametrize("case", [case for _, case in NAMED], ids=[name for name, _ in NAMED])
def test_lists_beside_a_tensor_give_what_arrays_give(case: Case) -> None:
    for which in case.differentiable:
        mixed = [tg.Tensor(x) if i == which else x.tolist() for i, x in enumerate(case.inputs)]
        assert_same(case(*mixed), case(*case.inputs))


def test_whole_numbers_have_floating_point_powers() -> None:
    for x, p in ([1, 2, 4], -1), ([[1], [2]], [0, -2, 3]), (np.array([3, 5], np.int32), np.array(-1)), (2, -1.0):
        found = tg.float_power(x, p)
        assert found.dtype == np.float64
        assert_same(found, np.float_power(x, p))


@pytest.mark.parametrize("case", [case for _, case in NAMED], ids=[name for name, _ in NAMED])
def test_whole_numbers_give_what_floating_point_numbers_of_their_values_give(case: Case) -> None:
    inputs = [np.clip(np.rint(2 * x), 1, 9) if i in case.differentiable else x for i, x in enumerate(case.inputs)]
    whole = [x.astype(np.int32) if i in case.differentiable else x for i, x in enumerate(inputs)]
    with np.errstate(all="ignore"):
        try:
            expected = case(*inputs)
        except TinygradMlpError as error:  # these numbers are outside of its domain
            with pytest.raises(type(error)):
                case(*whole)
        else:
            assert_same(case(*whole), expected)


def test_sums_of_whole_numbers_do_not_overflow_where_numpys_do_not() -> None:
    x = np.full((4, 3), 2**30, np.int32)
    for axis in (None, 0, 1):
        assert_same(tg.sum(x, axis=axis), np.sum(x, axis=axis))
        assert_same(tg.cumsum(x, axis), np.cumsum(x, axis))
    wide = np.full((300, 2), 2**30, np.int32)
    assert_same(tg.sum(wide, axis=0), np.sum(wide, axis=0))
