"""`x.at[index].set(value)` and its like: what NumPy's assignment would have done, with gradients of every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.errors import ShapeError, TraceError
from tinygrad_mlp.tracing import trace

METHODS: dict[str, Callable[..., Any]] = {
    "add": np.add.at,
    "multiply": np.multiply.at,
    "max": np.maximum.at,
    "min": np.minimum.at,
}


def assign(x: np.ndarray, index: Any, value: Any) -> None:
    x[index] = value


def leaf(values: Any) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


def real(*shape: int, seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng([seed, *shape]).uniform(0.5, 1.5, shape))


INDICES: dict[str, tuple[tuple[int, ...], Any]] = {
    "a number": ((3,), 1),
    "from the end": ((3, 2), -1),
    "a slice": ((4,), slice(1, 3)),
    "a slice backwards": ((4, 2), slice(None, None, -2)),
    "everything": ((2, 3), ...),
    "of a number": ((), ()),
    "axes added": ((2, 3), (None, slice(None), 1)),
    "a mask": ((2, 3), np.array([[True, False, True], [False, False, True]])),
    "no element": ((3,), np.array([False, False, False])),
    "an empty slice": ((3, 2), slice(3, 3)),
    "an empty list": ((3,), []),
    "places": ((4, 2), [2, 0]),
    "places named again": ((4,), [2, 0, 2, 2, -4]),
    "pairs named again": ((2, 3), ([0, 1, 0], [2, 1, 2])),
    "rows named again": ((3, 2), [[0, 1], [1, 0]]),
    "an int tensor": ((3,), tg.Tensor(np.array([2, 0]))),
}


def plain_index(index: Any) -> Any:
    return index.data if isinstance(index, tg.Tensor) else index


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("method", ["set", *METHODS])
def test_the_value_is_that_of_numpys_assignment(method: str, name: str) -> None:
    shape, index = INDICES[name]
    x = real(*shape)
    place = x[plain_index(index)].shape
    for value in (real(*place, seed=1) * 1.05, 1.01, np.float64(0.9)):
        expected = x.copy()
        METHODS.get(method, assign)(expected, plain_index(index), value)
        y = getattr(leaf(x).at[index], method)(value)
        np.testing.assert_allclose(y.data, expected, rtol=1e-15)
        assert type(y) is tg.Tensor
        assert not y.data.flags.writeable


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("method", ["set", *METHODS])
def test_gradients_of_both_orders_are_numeric(method: str, name: str) -> None:
    shape, index = INDICES[name]
    x = real(*shape)
    value = real(*x[plain_index(index)].shape, seed=1) * 1.05
    report = tg.gradcheck(lambda x, v: tg.sin(getattr(x.at[index], method)(v)), x, value, order=2)
    assert report.passed, str(report)


def test_of_values_for_one_element_set_takes_the_last_and_only_it_gets_a_gradient() -> None:
    x, v = leaf([1.0, 2.0]), leaf([5.0, 6.0, 7.0])
    y = x.at[[0, 0, 0]].set(v)
    assert y.data.tolist() == [7, 2]
    assert [g.tolist() for g in tg.grad(y.sum(), [x, v])] == [[0, 1], [0, 0, 1]]


def test_products_with_zeros_are_exact() -> None:
    x, v = leaf([2.0, 3.0]), leaf([0.0, 5.0])
    y = x.at[[0, 0]].multiply(v)
    assert y.data.tolist() == [0, 3]
    assert [g.tolist() for g in tg.grad(y.sum(), [x, v])] == [[0, 1], [10, 0]]


@pytest.mark.parametrize("method", ["max", "min"])
def test_ties_share_the_gradient_equally(method: str) -> None:
    x, v = leaf([1.0, 4.0]), leaf([1.0, 1.0])
    y = getattr(x.at[[0, 0]], method)(v)
    third = pytest.approx(1 / 3)
    assert [g.tolist() for g in tg.grad(y.sum(), [x, v])] == [[third, 1], [third, third]]


def test_elements_that_are_not_named_keep_infinities_and_their_gradient() -> None:
    x = leaf([-np.inf, 1.0, np.inf])
    for y in (x.at[1].max(2.0), x.at[1].min(0.5), x.at[1].multiply(3.0), x.at[1].set(0.0)):
        assert y.data[[0, 2]].tolist() == [-np.inf, np.inf]
        assert tg.grad(y, x, gradient=np.ones(3)).tolist()[::2] == [1, 1]


def test_a_value_broadcasts_and_gets_the_sum_of_its_gradients() -> None:
    x, v = leaf(np.zeros((3, 2))), leaf([1.0, 2.0])
    assert tg.grad(x.at[1:].add(v).sum(), v).tolist() == [2, 2]
    assert tg.grad(x.at[:, 0].set(v[0]).sum(), v).tolist() == [3, 0]


def test_the_dtype_is_that_of_x_and_gradients_come_back_in_their_own() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    v = tg.Tensor(np.array([3.0]), requires_grad=True)
    y = x.at[:1].set(v)
    assert y.dtype == np.float32
    y.sum().backward()
    assert (x.grad.dtype, v.grad.dtype) == (np.float32, np.float64)  # type: ignore[union-attr] # both are leaves
    assert {getattr(x.at[0], m)(2).dtype for m in ("set", *METHODS)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("method", ["set", *METHODS])
def test_a_program_can_be_replayed_with_other_values(method: str) -> None:
    def f(x: Any, v: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        return tg.grad(tg.sin(getattr(t.at[[1, 1, 0]], method)(v)).sum(), t)

    program = trace(f, real(4), real(3))
    x, v = real(4, seed=2), real(3, seed=3)
    np.testing.assert_allclose(program(x, v), f(x, v), rtol=1e-12)


@pytest.mark.parametrize("method", ["set", "add"])
def test_an_index_can_be_an_input_of_a_program(method: str) -> None:
    def f(x: Any, i: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        return tg.grad(tg.sin(getattr(t.at[i], method)(2.0)).sum(), t)

    program = trace(f, real(4), np.array([1, 1]))
    np.testing.assert_allclose(program(real(4), np.array([3, 0])), f(real(4), np.array([3, 0])), rtol=1e-12)


def test_what_depends_on_how_often_an_element_is_named_is_not_traced() -> None:
    with pytest.raises(TraceError, match="multiply"):
        trace(lambda x, i: tg.Tensor(x).at[i].multiply(2.0), real(4), np.array([1, 1]))


def test_refusals_name_shapes() -> None:
    with pytest.raises(ShapeError, match=r"x\.at\[index\]\.set: a value \(3,\) does not fit x\[index\] \(2,\)"):
        leaf([1.0, 2.0]).at[:].set(np.ones(3))
    with pytest.raises(IndexError, match="out of bounds"):
        leaf([1.0, 2.0]).at[2].add(1.0)


def test_assigning_in_parts_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"x\.at\[index\]\.set\(value\)"):
        leaf([1.0, 2.0])[0] = 3.0
