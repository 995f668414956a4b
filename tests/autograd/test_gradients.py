"""What `backward()` leaves in `.grad`, and what `tg.grad` returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import observing
from tinygrad_mlp.errors import DtypeError, GradientError, ShapeError


def leaf(values: Any, dtype: Any = np.float64, **options: Any) -> Any:
    return tg.Tensor(np.array(values, dtype), requires_grad=True, **options)


# Adding up.


def test_a_tensor_used_twice_gets_both_gradients() -> None:
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad == 6


def test_the_two_arms_of_a_diamond_are_added() -> None:
    x = leaf(2.0)
    h = x * x
    (h * 3 + h * h).backward()
    assert x.grad == 3 * 4 + 4 * 8


def test_a_leaf_and_its_descendant_in_one_operation() -> None:
    x = leaf(2.0)
    (x * (x * x)).backward()
    assert x.grad == 12


def test_three_uses_in_one_call() -> None:
    x = leaf([1.0, 2.0])
    tg.concatenate([x, x, x]).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_a_second_backward_adds_exactly_the_same_again() -> None:
    x, w = leaf(np.linspace(-1, 1, 6).reshape(2, 3)), leaf(np.linspace(0.1, 0.9, 3))
    y = (tg.sigmoid(x * w) ** 2 + x * x).sum()
    y.backward()
    first = [x.grad.copy(), w.grad.copy()]
    y.backward()
    np.testing.assert_array_equal(x.grad, first[0] * 2)
    np.testing.assert_array_equal(w.grad, first[1] * 2)
    y.backward()
    np.testing.assert_array_equal(x.grad, first[0] * 2 + first[0])


def test_gradients_of_two_losses_accumulate_until_zeroed() -> None:
    x = leaf([1.0, 2.0])
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5, 5]
    x.grad = None
    assert x.grad is None
    (x * 7).sum().backward()
    assert x.grad.tolist() == [7, 7]


@pytest.mark.parametrize("f", [lambda x: x * x, lambda x: x * 3, lambda x: x + x])
def test_the_gradient_of_a_scalar_leaf_accumulates_too(f: Any) -> None:
    x = leaf(2.0)
    y = f(x)
    y.backward()
    first = float(x.grad)
    y.backward()
    f(x).backward()
    assert x.grad == 3 * first


def test_two_losses_on_one_graph_do_not_disturb_each_other() -> None:
    x = leaf([1.0, 2.0])
    h = x * x
    a, b = h.sum(), (h * h).sum()
    assert tg.grad(a, x).tolist() == [2, 4]
    assert tg.grad(b, x).tolist() == [4, 32]
    assert tg.grad(a, x).tolist() == [2, 4]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: (x + x).sum(), 2.0),
        (lambda x: (x - x).sum(), 0.0),
        (lambda x: (x / x).sum(), 0.0),
        (lambda x: (x * 2 + x * 3 + x).sum(), 6.0),
        (lambda x: tg.maximum(x, x).sum(), 1.0),
        (lambda x: (x.reshape(2, 1) + x.reshape(1, 2)).sum(), 4.0),
    ],
)
def test_gradient_of_an_expression_that_repeats_its_input(f: Any, expected: float) -> None:
    x = leaf([0.5, 2.0])
    f(x).backward()
    assert x.grad.tolist() == [expected, expected]


# Ownership.


def arrays_of(y: Any) -> list[np.ndarray]:
    """Every array of a graph, and of a sweep through it."""
    found: list[np.ndarray] = [y.data]

    def note(node: Any, arrived: Any, left: Any) -> None:
        found.extend(x.data if isinstance(x, tg.Tensor) else x for x in node.inputs)

    with observing(note):
        y.backward()
    return [array for array in found if isinstance(array, np.ndarray)]


GRAPHS = {
    "add": lambda a, b: (a + b).sum(),
    "add itself": lambda a, b: (a + a + b).sum(),
    "no operation on a": lambda a, b: a.sum() + b.sum(),
    "reshape": lambda a, b: (a.reshape(-1) + b.reshape(-1)).sum(),
    "transpose": lambda a, b: (a.T @ b).sum(),
    "slice": lambda a, b: a[:1].sum() + b[1:].sum(),
    "concatenate": lambda a, b: tg.concatenate([a, b, a]).sum(),
    "multiply": lambda a, b: (a * b).sum(),
    "where": lambda a, b: tg.where(np.array([True, False]), a, b).sum(),
    "loss": lambda a, b: tg.mean_squared_error(a, b),
    "broadcast": lambda a, b: (tg.broadcast_to(a, shape=(3, 2, 2)) * b).sum(),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_grad_is_an_array_that_the_leaf_owns(name: str) -> None:
    a, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[5.0, 6.0], [7.0, 8.0]])
    others = arrays_of(GRAPHS[name](a, b))
    for x, other in ((a, b), (b, a)):
        g = x.grad
        assert type(g) is np.ndarray
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
        assert g.flags.writeable
        assert g.flags.c_contiguous
        assert not np.shares_memory(g, other.grad)
        assert not any(np.shares_memory(g, array) for array in others)


@pytest.mark.parametrize("name", GRAPHS)
def test_writing_into_grad_changes_nothing_else(name: str) -> None:
    """Clipping in place must not reach the graph, the other gradient or the next backward pass."""
    a, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[5.0, 6.0], [7.0, 8.0]])
    y = GRAPHS[name](a, b)
    y.backward()
    expected = [a.grad.copy(), b.grad.copy()]
    a.grad[...] = 1e9
    np.testing.assert_array_equal(b.grad, expected[1])
    a.grad = b.grad = None
    y.backward()
    np.testing.assert_array_equal([a.grad, b.grad], expected)


def test_a_gradient_given_to_backward_is_not_kept() -> None:
    x = leaf([1.0, 2.0])
    g = np.array([3.0, 4.0])
    (x + 0).backward(g)
    x.backward(g)
    assert not np.shares_memory(x.grad, g)
    assert x.grad.tolist() == [6, 8]
    assert g.tolist() == [3, 4]


def test_tg_grad_returns_arrays_that_nobody_else_holds() -> None:
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    g = np.array([1.0, 1.0])
    y = a + b
    da, db = tg.grad(y, [a, b], gradient=g)
    da[...] = 9
    assert db.tolist() == [1, 1]
    assert g.tolist() == [1, 1]
    da, again = tg.grad(y, [a, a], gradient=g)
    da[...] = 9
    assert again.tolist() == [1, 1]
    itself = tg.grad(y, y, gradient=g)
    itself[...] = 9
    assert g.tolist() == [1, 1]


def test_setting_grad_copies_and_checks_the_shape() -> None:
    x = leaf([1.0, 2.0], np.float32)
    g = np.array([3.0, 4.0])
    x.grad = g
    assert not np.shares_memory(x.grad, g)
    assert x.grad.dtype == np.float32
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        x.grad = np.zeros(3)


def test_broadcast_gradients_come_back_in_the_shape_of_each_leaf() -> None:
    column, row, number = leaf([[1.0], [2.0]]), leaf([1.0, 2.0, 3.0]), leaf(4.0)
    (column * row * number).sum().backward()
    assert column.grad.tolist() == [[24], [24]]
    assert row.grad.tolist() == [12, 12, 12]
    assert number.grad == 18
    assert number.grad.shape == ()
    assert type(number.grad) is np.ndarray


def test_a_length_of_1_that_was_not_stretched_stays() -> None:
    a, b = leaf([[1.0, 2.0]]), leaf([[3.0, 4.0]])
    (a * b).sum().backward()
    assert a.grad.tolist() == [[3, 4]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_grad_of_a_scalar_leaf_is_an_array_of_its_dtype(dtype: Any) -> None:
    x = leaf(3.0, dtype)
    (x * x + x).backward()
    assert (type(x.grad), x.grad.shape, x.grad.dtype) == (np.ndarray, (), dtype)


# Leaves and intermediates.


def test_grad_of_an_intermediate_is_an_error_that_names_tg_grad() -> None:
    x = leaf([1.0])
    h = x * 2
    h.sum().backward()
    with pytest.raises(GradientError, match=r"tg\.grad\(loss, h\)"):
        _ = h.grad
    assert x.grad.tolist() == [2]


def test_a_tensor_that_requires_no_gradient_gets_none() -> None:
    x, c = leaf([1.0]), tg.Tensor([2.0])
    (x * c).sum().backward()
    assert c.grad is None


def test_backward_of_a_leaf_is_its_own_gradient() -> None:
    x = leaf(3.0)
    x.backward()
    assert x.grad == 1


def test_backward_without_anything_that_requires_a_gradient_is_an_error() -> None:
    with pytest.raises(GradientError, match="requires_grad=True"):
        (tg.Tensor([1.0]) * 2).sum().backward()


@pytest.mark.parametrize("shape", [(3,), (2, 2), (0,), (2, 1)])
def test_backward_of_a_non_scalar_names_its_shape_and_the_ways_out(shape: tuple[int, ...]) -> None:
    y = leaf(np.ones(shape)) * 2
    with pytest.raises(GradientError) as caught:
        y.backward()
    for text in (str(shape), ".sum()", "gradient"):
        assert text in str(caught.value)
    with pytest.raises(GradientError):
        tg.grad(y, y)


def test_backward_of_a_non_scalar_with_a_gradient() -> None:
    x = leaf([1.0, 2.0, 3.0])
    (x * x).backward([1.0, 10.0, 100.0])
    assert x.grad.tolist() == [2, 40, 600]


def test_the_gradient_given_takes_the_dtype_of_the_output() -> None:
    x = leaf([1.0, 2.0], np.float32)
    (x * x).backward(np.array([1, 2]))
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [2, 8]


def test_the_gradient_given_may_be_a_tensor() -> None:
    x = leaf([1.0, 2.0])
    for given in (tg.Tensor(np.array([1.0, 10.0])), leaf([1.0, 10.0])):
        x.grad = None
        y = x * x
        y.backward(given)
        y.backward(given)
        assert type(x.grad) is np.ndarray
        assert x.grad.tolist() == [4, 80]
        g = tg.grad(y, x, gradient=given)
        assert type(g) is np.ndarray
        assert g.tolist() == [2, 40]


@pytest.mark.parametrize("gradient", [np.ones(2), np.ones((3, 1)), 1.0])
def test_a_gradient_of_another_shape_is_refused(gradient: Any) -> None:
    y = leaf([1.0, 2.0, 3.0]) * 2
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        y.backward(gradient)


def test_one_element_of_any_shape_counts_as_a_scalar() -> None:
    x = leaf([[3.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[6]]


# tg.grad.


def test_tg_grad_leaves_grad_alone() -> None:
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    tg.grad(y, x)
    assert x.grad is None
    y.backward()
    kept = x.grad
    tg.grad(y, x)
    tg.grad(y, x, create_graph=True)
    assert x.grad is kept
    assert x.grad.tolist() == [2, 4]


def test_tg_grad_of_something_unconnected_is_zeros() -> None:
    x, other = leaf([1.0, 2.0]), leaf(np.ones((2, 3)), np.float32)
    dx, d = tg.grad((x * x).sum(), [x, other])
    assert dx.tolist() == [2, 4]
    assert (d.shape, d.dtype, d.any()) == ((2, 3), np.float32, False)
    recorded = tg.grad((x * x).sum(), other, create_graph=True)
    assert type(recorded) is tg.Tensor
    assert recorded.data.tolist() == np.zeros((2, 3)).tolist()


def test_tg_grad_of_an_output_that_requires_no_gradient_is_zeros() -> None:
    x = leaf([1.0, 2.0])
    assert tg.grad(tg.Tensor(3.0), x).tolist() == [0, 0]
    with tg.no_grad():
        y = (x * x).sum()
    assert tg.grad(y, x).tolist() == [0, 0]


def test_tg_grad_of_an_intermediate() -> None:
    x = leaf([1.0, 2.0])
    h = x * x
    y = (h * h).sum()
    dh, dx = tg.grad(y, [h, x])
    assert dh.tolist() == [2, 8]
    assert dx.tolist() == [4, 32]
    assert tg.grad(y, h).tolist() == [2, 8]


def test_tg_grad_of_an_intermediate_and_what_depends_on_it() -> None:
    x = leaf(2.0)
    a = x * x
    b = a * a
    c = b * a
    assert [float(g) for g in tg.grad(c, [c, b, a, x])] == [1, 4, 3 * 16, 6 * 32]


def test_tg_grad_of_the_output_itself_is_one() -> None:
    y = leaf(2.0) * 3
    assert tg.grad(y, y) == 1


def test_tg_grad_adds_several_outputs() -> None:
    x = leaf([1.0, 2.0])
    a, b = (x * x).sum(), x * 3
    assert tg.grad([a, a], x).tolist() == [4, 8]
    assert tg.grad([a, b], x, gradient=[None, np.array([1.0, 10.0])]).tolist() == [5, 34]


def test_tg_grad_of_an_output_that_another_output_is_made_of() -> None:
    x = leaf(2.0)
    a = x * x
    b = a * a
    assert tg.grad([a, b], x) == 4 + 32


def test_tg_grad_takes_one_gradient_for_one_output() -> None:
    x = leaf([1.0, 2.0])
    assert tg.grad(x * x, x, gradient=[1.0, 10.0]).tolist() == [2, 40]


def test_tg_grad_returns_a_list_for_a_sequence_and_one_for_one() -> None:
    x = leaf([1.0])
    y = (x * x).sum()
    assert isinstance(tg.grad(y, [x]), list)
    assert isinstance(tg.grad(y, (x,)), list)
    assert isinstance(tg.grad(y, x), np.ndarray)


def test_the_same_input_twice_gets_the_same_gradient_twice() -> None:
    x = leaf([1.0, 2.0])
    first, second = tg.grad((x * x).sum(), [x, x])
    assert first.tolist() == second.tolist() == [2, 4]
    first[0] = 100
    assert second[0] == 2
    one, other = tg.grad((x * x).sum(), [x, x], create_graph=True)
    assert one.data.tolist() == other.data.tolist() == [2, 4]


@pytest.mark.parametrize("f", [lambda x: x * 3, lambda x: x * x, lambda x: x + x + x, lambda x: tg.exp(x) + x])
def test_tg_grad_of_a_scalar_is_an_array(f: Any) -> None:
    x = leaf(2.0)
    g = tg.grad(f(x), x)
    assert type(g) is np.ndarray
    assert g.shape == ()


def test_tg_grad_for_a_tensor_that_requires_none_is_an_error() -> None:
    x, c = leaf([1.0]), tg.Tensor([2.0], name="c")
    with pytest.raises(GradientError, match="'c' does not require a gradient"):
        tg.grad((x * c).sum(), c)


# Which tensors may require a gradient.


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.bool_])
def test_integers_cannot_require_a_gradient(dtype: Any) -> None:
    with pytest.raises(TypeError, match=np.dtype(dtype).name) as caught:
        tg.Tensor(np.ones(3, dtype), requires_grad=True)
    assert isinstance(caught.value, DtypeError)
    t = tg.Tensor(np.ones(3, dtype))
    with pytest.raises(TypeError):
        t.requires_grad = True


def test_requires_grad_can_be_switched_on_a_leaf() -> None:
    x = tg.Tensor([1.0])
    x.requires_grad = True
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2]
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_requires_grad_of_a_result_cannot_be_switched_off() -> None:
    y = leaf([1.0]) * 2
    with pytest.raises(GradientError, match="detach"):
        y.requires_grad = False


def test_a_result_requires_a_gradient_when_an_input_does() -> None:
    x, c = leaf([1.0]), tg.Tensor([2.0])
    assert (x * c).requires_grad
    assert (c * x).requires_grad
    assert not (c * c).requires_grad
    assert tg.where(np.array([True]), c, x).requires_grad


def test_detach_cuts_the_graph_and_copies() -> None:
    x = leaf([1.0, 2.0], name="x")
    h = x * 3
    d = h.detach()
    assert not d.requires_grad
    assert not np.shares_memory(d.data, h.data)
    assert tg.grad((h * d).sum(), x).tolist() == [9, 18]
    d.data[0] = 100
    assert h.data.tolist() == [3, 6]
