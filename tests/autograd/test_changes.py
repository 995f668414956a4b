"""Changing a parameter: how it is done, what is refused, and what a backward pass notices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.errors import GradientError, ShapeError, StaleError


def leaf(values: Any, name: str | None = "weights") -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True, name=name)


def test_a_gradient_step_on_data_works() -> None:
    p = leaf([1.0, 2.0])
    (p * p).sum().backward()
    memory = p.data
    p.data -= 0.1 * p.grad
    assert p.data is memory
    np.testing.assert_allclose(p.data, [0.8, 1.6])
    p.data += 1
    p.data *= 2
    np.testing.assert_allclose(p.data, [3.6, 5.2])
    assert p.requires_grad


def test_setting_data_copies_into_the_memory_that_the_parameter_has() -> None:
    """An optimizer may have packed it."""
    p, array = leaf([1.0, 2.0]), np.array([3, 4], np.float32)
    memory = p.data
    p.data = array
    assert p.data is memory
    assert memory.tolist() == [3, 4]
    assert memory.dtype == np.float64
    array[0] = 9
    assert p.data[0] == 3


def test_data_of_another_shape_is_refused() -> None:
    p = leaf([1.0, 2.0])
    for values in ([1.0], [[1.0, 2.0]], 3.0, [1.0, 2.0, 3.0]):
        with pytest.raises(ShapeError, match=r"'weights'.*\(2,\)"):
            p.data = values
    assert p.data.tolist() == [1, 2]


def test_data_of_a_result_cannot_be_set_or_changed() -> None:
    y = leaf([1.0, 2.0]) * 2
    with pytest.raises(GradientError, match="leaf"):
        y.data = [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        y.data -= 1


IN_PLACE = ["+=", "-=", "*=", "/=", "**="]


def in_place(sign: str, target: Any, operand: Any) -> Any:
    scope = {"w": target, "x": operand}
    exec(f"w {sign} x", scope)
    return scope["w"]


@pytest.mark.parametrize("sign", IN_PLACE)
def test_in_place_on_a_leaf_that_requires_a_gradient_says_what_to_write(sign: str) -> None:
    w = leaf([1.0, 2.0])
    with pytest.raises(GradientError, match=rf"p\.data {sign.replace('*', '[*]').replace('+', '[+]')}"):
        in_place(sign, w, 2.0)
    assert w.data.tolist() == [1, 2]


def test_in_place_matrix_product_on_a_leaf_is_refused_too() -> None:
    with pytest.raises(GradientError, match=r"p\.data @="):
        in_place("@=", leaf(np.eye(2)), np.eye(2))


@pytest.mark.parametrize("sign", IN_PLACE)
def test_in_place_on_a_result_makes_a_new_one(sign: str) -> None:
    x = leaf([1.0, 2.0])
    h = x * 1
    y = in_place(sign, h, 2.0)
    assert y is not h
    assert h.data.tolist() == [1, 2]
    assert y.data.tolist() == in_place(sign, np.array([1.0, 2.0]), 2.0).tolist()
    assert tg.grad(y.sum(), x).any()


# Stale leaves.


def loss_of(w: Any) -> Any:
    return (w * w).sum()


CHANGES: dict[str, Any] = {
    "data -=": lambda p: p.__setattr__("data", np.subtract(p.data, 0.1, out=p.data)),
    "data =": lambda p: p.__setattr__("data", p.data * 2),
    "mark_changed": lambda p: p.mark_changed(),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_leaf_changed_after_its_use_is_refused_by_name(how: str) -> None:
    w = leaf([1.0, 2.0])
    y = loss_of(w)
    CHANGES[how](w)
    for sweep in (y.backward, lambda: tg.grad(y, w), lambda: tg.grad(y, w, create_graph=True)):
        with pytest.raises(StaleError, match="'weights' was changed after multiply"):
            sweep()
    assert w.grad is None


def test_a_stale_leaf_without_a_name_is_told_by_its_shape() -> None:
    w = leaf([1.0, 2.0], name=None)
    y = loss_of(w)
    w.data -= 1
    with pytest.raises(StaleError, match=r"\(2,\) was changed"):
        y.backward()


def test_a_leaf_that_requires_no_gradient_can_be_stale_too() -> None:
    w, x = leaf([1.0, 2.0]), tg.Tensor(np.array([3.0, 4.0]), name="batch")
    y = (w * x).sum()
    x.data = [5.0, 6.0]
    with pytest.raises(StaleError, match="'batch'"):
        y.backward()


def test_nothing_is_written_when_a_stale_leaf_is_found() -> None:
    a, b = leaf([1.0]), leaf([2.0])
    y = (tg.exp(a) * b).sum()
    a.data -= 1
    with pytest.raises(StaleError):
        y.backward()
    assert a.grad is None
    assert b.grad is None


def test_a_change_before_the_use_is_fine() -> None:
    w = leaf([1.0, 2.0])
    w.data -= 1
    y = loss_of(w)
    y.backward()
    assert w.grad.tolist() == [0, 2]


def test_a_change_after_the_backward_pass_is_fine() -> None:
    w = leaf([1.0, 2.0])
    for _ in range(3):
        w.grad = None
        loss_of(w).backward()
        w.data -= 0.25 * w.grad
    np.testing.assert_allclose(w.data, np.array([1.0, 2.0]) / 8)


def test_only_the_nodes_that_used_the_leaf_are_stale() -> None:
    a, b = leaf([1.0]), leaf([2.0])
    other, y = loss_of(b), loss_of(a)
    a.data -= 1
    other.backward()
    assert b.grad.tolist() == [4]
    with pytest.raises(StaleError):
        y.backward()


def test_a_new_forward_pass_after_a_change_is_fine_while_the_old_one_is_stale() -> None:
    w = leaf([1.0])
    old = loss_of(w)
    w.data += 1
    new = loss_of(w)
    new.backward()
    assert w.grad.tolist() == [4]
    with pytest.raises(StaleError):
        old.backward()


def test_a_view_of_a_changed_leaf_is_stale() -> None:
    """reshape shares the parameter's memory."""
    w = leaf([1.0, 2.0, 3.0, 4.0])
    y = loss_of(w.reshape(2, 2))
    w.data -= 1
    with pytest.raises(StaleError):
        y.backward()


def test_a_gradient_for_a_view_of_a_changed_leaf_is_stale() -> None:
    w = leaf([1.0, 2.0, 3.0, 4.0])
    h = w.reshape(2, 2)
    y = loss_of(h)
    w.data -= 1
    with pytest.raises(StaleError):
        tg.grad(y, h)
