"""Gradients as they also come: with NaNs and infinities, strided, broadcast, and one array for two parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from optim.reference import Reference

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

KINDS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "RMSprop": {"beta": 0.9, "epsilon": 1e-7},
    "Adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "AdamW": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "AdaGrad": {"epsilon": 1e-10},
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def leaf(values: Any, dtype: Any = np.float64) -> tg.Tensor:
    return tg.Tensor(np.array(values, dtype), requires_grad=True)


def make(kind: str, *parameters: tg.Tensor) -> optim.Optimizer:
    optimizer: optim.Optimizer = getattr(optim, kind)(parameters, learning_rate=0.1, weight_decay=0.0, **KINDS[kind])
    return optimizer


# NaN and infinity.


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_nan_spoils_its_own_element_only_and_the_step_goes_through_without_a_warning(kind: str, dtype: Any) -> None:
    p, q = leaf([1.0, 2.0, 3.0], dtype), leaf(4.0, dtype)
    optimizer = make(kind, p, q)
    reference = Reference(kind, KINDS[kind], [p.numpy(), q.numpy()])
    for g in ([0.5, np.nan, -1.0], [0.5, 0.1, -1.0]):  # once in the state, the NaN stays
        p.grad, q.grad = g, 2.0
        optimizer.step()
        reference.step([np.array(g), np.array(2.0)], 0.1)
        assert np.isnan(p.data).tolist() == [False, True, False]
        np.testing.assert_allclose(p.data, reference.values[0], rtol=1e-6)
        np.testing.assert_allclose(q.data, reference.values[1], rtol=1e-6)


@each_kind
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_an_infinity_spoils_its_own_element_only(kind: str, infinity: float) -> None:
    p = leaf([1.0, 2.0, 3.0])
    optimizer, reference = make(kind, p), Reference(kind, KINDS[kind], [p.numpy()])
    with np.errstate(all="ignore"):  # ∞/∞, as fit does; NumPy would warn
        for _ in range(2):
            p.grad = [0.5, infinity, -1.0]
            optimizer.step()
            reference.step([np.array([0.5, infinity, -1.0])], 0.1)
    assert np.isfinite(p.data).tolist() == [True, False, True]
    np.testing.assert_allclose(p.data[[0, 2]], reference.values[0][[0, 2]], rtol=1e-12)


@each_kind
def test_values_loaded_after_a_nan_are_good_again_and_a_new_optimizer_trains_them(kind: str) -> None:
    """The way back from a run that broke down: the old state has the NaN, a new one has not."""
    model = nn.Dense(2, 2, rng=0)
    good = model.state_dict()
    broken = make(kind, *model.parameters())
    for p in model.parameters():
        p.grad = np.full(p.shape, np.nan)
    broken.step()
    assert np.isnan(model.W.data).all()
    model.load_state_dict(good)
    fresh = make(kind, *model.parameters())
    fresh.zero_grad()
    model(np.ones((1, 2))).sum().backward()
    fresh.step()
    for name, values in model.state_dict().items():
        assert np.isfinite(values).all()
        assert (values != good[name]).all()


@each_kind
def test_a_gradient_of_0_everywhere_moves_nothing_and_divides_nothing_by_0(kind: str) -> None:
    p = leaf([1.0, -2.0])
    optimizer = make(kind, p)
    for _ in range(3):
        p.grad = [0.0, -0.0]
        optimizer.step()
    assert p.numpy().tolist() == [1.0, -2.0]


# Layouts in memory.

LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda g: np.asfortranarray(g),
    "every second": lambda g: np.repeat(np.repeat(g, 2, axis=0), 2, axis=1)[::2, ::2],
    "backwards": lambda g: g[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda g: np.broadcast_to(g, g.shape),
    "other byte order": lambda g: g.astype(g.dtype.newbyteorder()),
    "integers": lambda g: g.round().astype(np.int64),
}


@each_kind
@pytest.mark.parametrize("layout", LAYOUTS)
@given(gradients=st.lists(hnp.arrays(np.float64, (3, 4), elements=st.floats(-9, 9, width=32)), min_size=1, max_size=4))
def test_how_a_gradient_lies_in_memory_does_not_matter(kind: str, layout: str, gradients: list[np.ndarray]) -> None:
    start = np.arange(12.0).reshape(3, 4)
    p, q = leaf(start), leaf(1.0)
    optimizer, reference = make(kind, q, p), Reference(kind, KINDS[kind], [start])
    for g in gradients:
        laid = LAYOUTS[layout](g)
        p.grad = laid
        optimizer.step()
        reference.step([laid], 0.1)
        np.testing.assert_allclose(p.data, reference.values[0], rtol=1e-9, atol=1e-12)
    assert q.item() == 1.0


# From a loss to its gradient for p (3, 4): what arrives is a view, backwards, broadcast from one number, or scattered.
WAYS: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "transposed": (lambda p: (p.T * np.arange(12.0).reshape(4, 3)).sum(), np.arange(12.0).reshape(4, 3).T),
    "sum": (lambda p: p.sum(), np.ones((3, 4))),
    "sum of rows": (lambda p: (p.sum(axis=0) * np.arange(4.0)).sum(), np.tile(np.arange(4.0), (3, 1))),
    "sum of columns": (lambda p: (p.sum(axis=1) * np.arange(3.0)).sum(), np.repeat(np.arange(3.0), 4).reshape(3, 4)),
    "backwards": (
        lambda p: (p[::-1, ::-1] * np.arange(12.0).reshape(3, 4)).sum(),
        np.arange(11.0, -1, -1).reshape(3, 4),
    ),
    "reshaped": (lambda p: (p.reshape(12) * np.arange(12.0)).sum(), np.arange(12.0).reshape(3, 4)),
    "a row, twice": (lambda p: p[[1, 1]].sum(), np.array([[0.0] * 4, [2.0] * 4, [0.0] * 4])),
    "itself": (lambda p: p.reshape(12)[5], np.eye(12)[5].reshape(3, 4)),
}


@pytest.mark.parametrize("way", WAYS)
def test_how_a_gradient_comes_out_of_a_backward_pass_does_not_matter(way: str) -> None:
    loss, g = WAYS[way]
    start = np.arange(12.0).reshape(3, 4)
    p, q = leaf(start), leaf([7.0])
    adam, reference = make("Adam", q, p), Reference("Adam", KINDS["Adam"], [start])
    for _ in range(3):  # from the second time on the gradient lives in the optimizer's memory
        adam.zero_grad()
        loss(p).backward()
        adam.step()
        reference.step([g], 0.1)
        np.testing.assert_allclose(p.data, reference.values[0], rtol=1e-12)
        assert p.grad is not None
        np.testing.assert_array_equal(p.grad, g)
    assert q.numpy().tolist() == [7.0]


def test_parameters_that_get_the_same_array_from_a_backward_pass_own_one_each() -> None:
    """`a + b` hands its gradient on to both."""
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    sgd = optim.SGD([a, b], 1.0)
    for _ in range(2):
        before = a.numpy(), b.numpy()
        sgd.zero_grad()
        ((a + b) * np.array([0.5, 0.25])).sum().backward()
        assert a.grad is not None
        a.grad *= 2
        assert b.grad is not None
        assert b.grad.tolist() == [0.5, 0.25]
        sgd.step()
        np.testing.assert_allclose(a.data, before[0] - [1.0, 0.5])
        np.testing.assert_allclose(b.data, before[1] - [0.5, 0.25])


@pytest.mark.parametrize("size", [1, 70_000, 300_001])
def test_a_large_parameter_moves_everywhere_and_its_small_neighbours_too(size: int, rng: np.random.Generator) -> None:
    """Whatever blocks a step is cut into: every element of every one of several steps."""
    shapes = [(3,), (size,), ()]
    starts = [rng.normal(size=shape) for shape in shapes]
    leaves = [leaf(w) for w in starts]
    adam, reference = make("Adam", *leaves), Reference("Adam", KINDS["Adam"], [*starts])
    for turn in range(4):
        gradients: list[Any] = [rng.normal(size=shape) for shape in shapes]
        gradients[turn % 3] = None  # so that the runs of neighbours change
        for p, g in zip(leaves, gradients, strict=True):
            p.grad = g
        adam.step()
        reference.step(gradients, 0.1)
        for p, expected in zip(leaves, reference.values, strict=True):
            np.testing.assert_allclose(p.data, expected, rtol=1e-10, atol=1e-12)


# Steps that overflow.


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_that_overflows_is_made_for_all_parameters_though_warnings_are_errors(kind: str, dtype: Any) -> None:
    """The same values, state and counts as in a step whose warnings nobody hears."""
    most = float(np.finfo(dtype).max)

    def stepped(errors: Any) -> list[np.ndarray]:
        p, q, r = leaf([1.0, most], dtype), leaf([2.0], np.float32), leaf([3.0], dtype)  # in one pack or two
        optimizer = make(kind, p, q, r)
        optimizer.weight_decay = 0.5
        with np.errstate(all=errors):
            for g in (-most, 0.5, -most):
                p.grad, q.grad, r.grad = [0.25, g], [0.5], [g]
                optimizer.step()
        packs = [update.pack for update in optimizer.updates]
        assert {t for pack in packs for t in pack.steps} == {3}
        return [x for pack in packs for x in (pack.values, *pack.state.values())]

    for raising, quiet in zip(stepped("raise"), stepped("ignore"), strict=True):
        np.testing.assert_array_equal(raising, quiet)
    assert any(not np.isfinite(values).all() for values in stepped("ignore"))
