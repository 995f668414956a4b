"""The way of a gradient from `backward()` through `.grad` into a step: what is handed out, honoured, kept, added up.

An optimizer lets backward passes write into its own memory. Nobody may notice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import ShapeError


def leaf(values: Any) -> tg.Tensor:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


def squares(*leaves: tg.Tensor) -> tg.Tensor:
    """Its gradient is 2·p."""
    total = (leaves[0] * leaves[0]).sum()
    for p in leaves[1:]:
        total = total + (p * p).sum()
    return total


def gradient(p: tg.Tensor) -> Any:
    assert p.grad is not None
    return p.grad


def test_a_gradient_that_was_read_keeps_its_values() -> None:
    p, q = leaf([1.0, 2.0]), leaf(3.0)
    sgd = optim.SGD([p, q], 0.25)
    seen, expected = [], []
    for _ in range(4):
        sgd.zero_grad()
        squares(p, q).backward()
        expected += [2 * p.numpy(), 2 * q.numpy()]
        seen += [gradient(p), gradient(q)]
        sgd.step()
    for g, values in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(g, values)


def test_a_gradient_that_was_read_after_the_step_keeps_its_values() -> None:
    p = leaf([1.0, 2.0])
    sgd = optim.SGD([p], 0.25)
    squares(p).backward()
    sgd.step()
    g = gradient(p)
    sgd.zero_grad()
    squares(p).backward()
    assert g.tolist() == [2, 4]
    assert gradient(p).tolist() == [1, 2]


def test_a_gradient_keeps_its_values_when_two_optimizers_step_with_it() -> None:
    """The second optimizer's memory is handed out by neither."""
    p = leaf([1.0, 2.0])
    first, second = optim.SGD([p], 0.25), optim.SGD([p], 0.25)
    squares(p).backward()
    first.step()
    g = gradient(p)
    second.step()
    p.grad = None
    squares(p).backward()
    second.step()
    p.grad = [7.0, 7.0]
    second.step()
    assert g.tolist() == [2, 4]


def test_a_gradient_keeps_its_values_when_a_new_optimizer_takes_the_parameter_over() -> None:
    p = leaf([1.0, 2.0])
    old = optim.SGD([p], 0.25)
    squares(p).backward()
    new = optim.SGD([p], 0.25)
    g = gradient(p)
    old.zero_grad()
    for optimizer in (old, new, old):
        p.grad = None
        squares(p).backward()
        optimizer.step()
    assert g.tolist() == [2, 4]


@pytest.mark.parametrize("kind", [optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW, optim.AdaGrad])
def test_a_step_leaves_the_gradients_as_they_are(kind: Any) -> None:
    """Also with weight decay, which goes through the gradient."""
    p = leaf([1.0, 2.0])
    optimizer = kind([p], learning_rate=0.1, weight_decay=0.5)
    squares(p).backward()
    optimizer.step()
    assert gradient(p).tolist() == [2, 4]
    p.grad = [5.0, 6.0]
    optimizer.step()
    assert gradient(p).tolist() == [5, 6]


def test_a_gradient_that_is_changed_in_place_is_what_the_step_uses() -> None:
    p, q = leaf([1.0, 2.0]), leaf([3.0])
    sgd = optim.SGD([p, q], 1.0)
    for _ in range(3):
        before = p.numpy(), q.numpy()
        sgd.zero_grad()
        squares(p, q).backward()
        g = gradient(p)
        np.clip(g, -0.5, 0.5, out=g)
        gradient(q)[...] *= 0.25
        sgd.step()
        np.testing.assert_allclose(p.data, before[0] - np.clip(2 * before[0], -0.5, 0.5))
        np.testing.assert_allclose(q.data, before[1] / 2)


def test_a_gradient_that_is_replaced_is_what_the_step_uses() -> None:
    p = leaf([1.0, 2.0])
    sgd = optim.SGD([p], 1.0)
    squares(p).backward()
    p.grad = gradient(p) / 2
    sgd.step()
    assert p.numpy().tolist() == [0, 0]


def test_a_gradient_that_is_set_is_copied() -> None:
    p, given_gradient = leaf([1.0, 2.0]), np.array([1.0, 1.0])
    sgd = optim.SGD([p], 1.0)
    p.grad = given_gradient
    given_gradient[...] = 100
    sgd.step()
    assert p.numpy().tolist() == [0, 1]
    with pytest.raises(ShapeError, match=r"\(3,\) given, \(2,\) expected"):
        p.grad = [1.0, 2.0, 3.0]


@pytest.mark.parametrize("read_between", [False, True])
def test_gradients_of_two_backward_passes_are_added_up(read_between: bool) -> None:
    p, q = leaf([1.0, 2.0]), leaf(3.0)
    sgd = optim.SGD([p, q], 0.1)
    for _ in range(3):
        before = p.numpy(), q.numpy()
        sgd.zero_grad()
        squares(p, q).backward()
        if read_between:
            np.testing.assert_array_equal(gradient(p), 2 * before[0])
        (3 * p).sum().backward()
        np.testing.assert_array_equal(gradient(p), 2 * before[0] + 3)
        sgd.step()
        np.testing.assert_allclose(p.data, before[0] - 0.1 * (2 * before[0] + 3))
        np.testing.assert_allclose(q.data, before[1] - 0.1 * 2 * before[1])


def test_without_zero_grad_the_gradients_of_all_steps_are_added_up() -> None:
    p = leaf([1.0])
    sgd = optim.SGD([p], 1.0)
    for expected in (0.0, -2.0, -5.0):  # the gradient is 1, 2, 3
        p.sum().backward()
        sgd.step()
        assert p.item() == expected


def test_zero_grad_forgets_all_gradients() -> None:
    p, q, other = leaf([1.0]), leaf(3.0), leaf(4.0)
    sgd = optim.SGD([p, q], 1.0)
    for _ in range(2):
        squares(p, q, other).backward()
        sgd.zero_grad()
        assert p.grad is None
        assert q.grad is None
        assert gradient(other) == 8  # not this optimizer's
        sgd.step()
        assert (p.item(), q.item()) == (1, 3)
        other.grad = None


def test_a_parameter_that_is_used_twice_is_moved_by_the_sum() -> None:
    p = leaf([2.0, 3.0])
    sgd = optim.SGD([p], 0.1)
    for _ in range(2):
        before = p.numpy()
        sgd.zero_grad()
        (p * p + p).sum().backward()
        sgd.step()
        np.testing.assert_allclose(p.data, before - 0.1 * (2 * before + 1))


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["backward", "read", "clip", "set", "zero", "first", "second", "load"]), max_size=20))
def test_any_order_of_events_does_what_separate_arrays_would_do(events: list[str]) -> None:
    """Two optimizers on two parameters, against plain arrays. What was read of a gradient that is gone stays."""
    p, q = leaf([1.0, -2.0]), leaf(0.5)
    first, second = optim.SGD([p, q], 0.1), optim.SGD([q, p], 0.01)
    w: list[np.ndarray] = [p.numpy(), q.numpy()]
    g: list[np.ndarray | None] = [None, None]
    kept: list[tuple[np.ndarray, np.ndarray]] = []  # handed out by a gradient that is no longer `.grad`
    out: list[np.ndarray] = []
    for event in events:
        if event == "backward":
            squares(p, q).backward()
            g = [2 * x if old is None else old + 2 * x for x, old in zip(w, g, strict=True)]
        elif event == "read":
            out += [x.grad for x in (p, q) if x.grad is not None]
        elif event == "clip" and p.grad is not None and g[0] is not None:
            np.clip(p.grad, -0.5, 0.5, out=p.grad)
            g[0] = np.clip(g[0], -0.5, 0.5)
        elif event == "set":
            kept += [(x, x.copy()) for x in out]
            p.grad, g[0], out = [3.0, 4.0], np.array([3.0, 4.0]), []
        elif event == "zero":
            kept += [(x, x.copy()) for x in out]
            first.zero_grad()
            g, out = [None, None], []
        elif event in ("first", "second"):
            optimizer = first if event == "first" else second
            optimizer.step()
            w = [x if d is None else x - optimizer.learning_rate * d for x, d in zip(w, g, strict=True)]
        elif event == "load":
            p.data = [5.0, 6.0]
            w[0] = np.array([5.0, 6.0])
        for x, values, d in zip((p, q), w, g, strict=True):
            np.testing.assert_allclose(x.data, values, rtol=1e-12, atol=1e-12)
            if event != "read" and d is None:
                assert x.grad is None
    for x, d in zip((p, q), g, strict=True):
        assert (x.grad is None) == (d is None)
        if d is not None:
            np.testing.assert_allclose(gradient(x), d, rtol=1e-12, atol=1e-12)
    for array, values in kept:
        np.testing.assert_array_equal(array, values)


def test_a_float32_model_has_float32_gradients_and_weights_after_steps() -> None:
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.Dense(4, 2, rng=1))
    adam = optim.Adam(model, 0.01, weight_decay=0.1)
    for _ in range(2):
        adam.zero_grad()
        (model(np.ones((5, 3), np.float32)) ** 2).mean().backward()
        adam.step()
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert {gradient(p).dtype for p in model.parameters()} == {np.dtype(np.float32)}
