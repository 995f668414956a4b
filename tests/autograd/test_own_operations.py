"""A user's own operation: the four worlds it lives in, and the mistakes that are caught."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numeric import gradient

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import Operation, kernel
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.tracing import trace


def leaf(values: Any) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


@tg.op
def swish(x: Any, *, beta: float = 1.0) -> Any:
    """Y = X · sigmoid(β·X)."""
    s = tg.sigmoid(beta * x)
    return x * s, lambda g: g * (s + beta * x * s * (1 - s))


@tg.op(broadcasts=True)
def product(a: Any, b: Any) -> Any:
    return a * b, lambda g: g * b, lambda g: g * a


@tg.op(discrete=("rows",))
def picked(x: Any, rows: Any) -> Any:
    shape = x.shape
    return (
        tg.getitem(x, rows),
        lambda g: tg.sum(tg.where((np.arange(shape[0])[:, None] == rows)[..., None], g, 0.0), axis=1),
        None,
    )


def test_an_operation_is_a_named_documented_callable() -> None:
    assert isinstance(swish, Operation)
    assert swish.__name__ == swish.name == "swish"
    assert swish.__doc__ == "Y = X · sigmoid(β·X)."
    assert repr(swish) == "<operation swish(x, *, beta=1.0)>"


def test_arrays_give_an_array_and_tensors_a_tensor() -> None:
    x = np.array([0.5, -1.0])
    expected = x / (1 + np.exp(-2 * x))
    assert type(swish(x, beta=2.0)) is np.ndarray
    np.testing.assert_allclose(swish(x, beta=2.0), expected)
    assert type(swish(leaf(x), beta=2.0)) is tg.Tensor
    np.testing.assert_allclose(swish(leaf(x), beta=2.0).data, expected)
    assert type(swish(tg.Tensor(x))) is tg.Tensor
    assert not swish(tg.Tensor(x)).requires_grad


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_any_order(order: int) -> None:
    def total(x: Any, order: int) -> Any:
        y = swish(x, beta=1.5)
        for _ in range(order):
            y = tg.grad(y.sum(), x, create_graph=True)
        return y

    x = np.array([0.5, -1.0, 0.0])
    expected = gradient(lambda a: total(leaf(a), order - 1).sum().item(), [x])
    np.testing.assert_allclose(total(leaf(x), order).data, expected, rtol=1e-8, atol=1e-9)


def test_tracing() -> None:
    def slope(x: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        return tg.grad(swish(t).sum(), t)

    program = trace(slope, np.array([0.5, -1.0]))
    np.testing.assert_allclose(program(np.array([2.0, 3.0])), slope(np.array([2.0, 3.0])))


def test_a_broadcasting_operation_gets_its_gradients_summed() -> None:
    a, b = leaf([[1.0], [2.0]]), leaf([3.0, 4.0, 5.0])
    product(a, b).sum().backward()
    assert a.grad.tolist() == [[12], [12]]
    assert b.grad.tolist() == [3, 3, 3]


def test_discrete_inputs_are_not_cast_and_get_no_gradient() -> None:
    x = tg.Tensor(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32), requires_grad=True)
    y = picked(x, [2, 0, 2])
    assert y.dtype == np.float32
    assert y.data.tolist() == [[5, 6], [1, 2], [5, 6]]
    assert tg.grad(y.sum(), x).tolist() == [[1, 1], [0, 0], [2, 2]]


def test_discrete_names_must_be_inputs() -> None:
    with pytest.raises(TypeError, match="labels"):

        @tg.op(discrete=("labels",))
        def f(x: Any) -> Any:
            return x * 1, lambda g: g


def test_a_closure_that_nobody_needs_is_not_called() -> None:
    called: list[str] = []

    def note(name: str, g: Any) -> Any:
        called.append(name)
        return g

    @tg.op
    def two(a: Any, b: Any) -> Any:
        return a + b, lambda g: note("a", g), lambda g: note("b", g)

    a, b = leaf([1.0]), leaf([2.0])
    two(np.array([1.0]), b).sum().backward()
    assert called == ["b"]
    tg.grad(two(a, b).sum(), a)
    assert called == ["b", "a"]


def test_numbers_and_lists_become_arrays_before_the_body_runs() -> None:
    seen: list[Any] = []

    @tg.op
    def spy(a: Any, b: Any) -> Any:
        seen.append(b)
        return a + b, lambda g: g, lambda g: g

    spy(tg.Tensor([1.0, 2.0]), [1, 2])
    assert type(seen[0]) is np.ndarray
    assert seen[0].dtype == np.float32


# Mistakes.


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_number_of_closures_is_an_error(count: int) -> None:
    @tg.op
    def wrong(a: Any, b: Any) -> Any:
        return (a + b, *[lambda g: g] * count)

    for inputs in ((leaf([1.0]), leaf([2.0])), (np.ones(1), np.ones(1))):
        with pytest.raises(TypeError, match=rf"wrong: 2 inputs but {count} closures"):
            wrong(*inputs)


@pytest.mark.parametrize("shape", [(), (1,), (2,), (3,), (2, 2)])
def test_a_body_that_returns_only_its_value_is_an_error(shape: tuple[int, ...]) -> None:
    """Unpacked, an array of two rows would look like a value and a closure."""

    @tg.op
    def forgetful(x: Any) -> Any:
        return 2 * x

    with pytest.raises(TypeError, match="forgetful"):
        forgetful(np.ones(shape))
    with pytest.raises(TypeError, match="forgetful"):
        forgetful(leaf(np.ones(shape)))


WRONG = [(3,), (1, 3), (2, 1), (3, 2), (6,), (), (2, 4)]


@pytest.mark.parametrize(("broadcasts", "wrong"), [*((b, w) for b in (False, True) for w in WRONG), (False, (1, 2, 3))])
def test_a_closure_with_a_wrong_shape_is_an_error(broadcasts: bool, wrong: tuple[int, ...]) -> None:
    """Also for an operation that broadcasts: only axes along which the input was stretched are summed."""

    @tg.op(broadcasts=broadcasts)
    def crooked(x: Any) -> Any:
        return x * 2, lambda g: np.ones(wrong)

    x = leaf(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="crooked") as caught:
        crooked(x).sum().backward()
    assert str(wrong) in str(caught.value)
    assert "(2, 3)" in str(caught.value)
    assert x.grad is None


def test_an_operation_that_does_not_broadcast_refuses_to_sum() -> None:
    @tg.op
    def scaled(x: Any, s: Any) -> Any:
        return x * s, lambda g: g * s, lambda g: g * x

    x, s = leaf([1.0, 2.0]), leaf(3.0)
    with pytest.raises(ShapeError, match=r"scaled.*\(2,\).*\(\)"):
        scaled(x, s).sum().backward()


def test_a_closure_may_return_a_number_for_a_scalar() -> None:
    @tg.op
    def half(x: Any) -> Any:
        return x / 2, lambda g: 0.5

    x = leaf(3.0)
    half(x).backward()
    assert x.grad == 0.5


def test_a_closure_that_returns_another_dtype_is_cast() -> None:
    @tg.op
    def precise(x: Any) -> Any:
        return x * 2, lambda g: np.asarray(g, np.float64) * 2

    x = tg.Tensor([1.0], requires_grad=True)
    precise(x).sum().backward()
    assert x.grad.dtype == np.float32


def test_an_error_inside_a_body_names_the_operation_and_the_shapes() -> None:
    @tg.op
    def joined(a: Any, b: Any) -> Any:
        return a + b, lambda g: g, lambda g: g

    with pytest.raises(ShapeError, match=r"joined: .*a \(2,\), b \(3,\)"):
        joined(leaf([1.0, 2.0]), np.ones(3))


def test_a_number_of_inputs_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(TypeError, match="swish"):
        swish()
    with pytest.raises(TypeError, match="swish"):
        swish(leaf([1.0]), 2.0, 3.0)


# Kernels.


@kernel
def sorted_copy(x: Any) -> Any:
    y = x.copy()
    y.sort()
    return y


@tg.op
def ordered(x: Any) -> Any:
    """The elements of a vector from small to large."""
    back = np.argsort(np.argsort(x))
    return sorted_copy(x), lambda g: tg.getitem(g, back)


def test_a_kernel_may_write_in_place_and_is_traced_as_one_call() -> None:
    values = np.array([3.0, 1.0, 2.0])
    x = leaf(values)
    first = tg.grad((ordered(x) ** 2 * np.array([1.0, 10.0, 100.0])).sum(), x, create_graph=True)
    assert first.data.tolist() == [600, 2, 40]
    assert tg.grad(first.sum(), x).tolist() == [200, 2, 20]

    def slope(a: Any) -> Any:
        t = tg.Tensor(a, requires_grad=True)
        return tg.grad((ordered(t) * np.array([1.0, 10.0, 100.0])).sum(), t)

    program = trace(slope, values)
    assert program(np.array([5.0, 7.0, 6.0])).tolist() == [1, 100, 10]
    assert [step.function.__name__ for step in program.instructions].count("sorted_copy") == 1
