"""Laws that hold for every input: linearity, sums, broadcasting, and random graphs against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numeric import directional

import tinygrad_mlp as tg

SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)


def leaf(values: Any) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(size=shape))


UNARY: dict[str, Callable[[Any], Any]] = {
    "exp": lambda x: tg.exp(x * 0.3),
    "tanh": tg.tanh,
    "sigmoid": tg.sigmoid,
    "softplus": tg.softplus,
    "negative": lambda x: -x,
    "square": lambda x: x**2.0 * 0.2,
    "sqrt": lambda x: tg.sqrt(x * x + 1),
    "log": lambda x: tg.log(x * x + 1),
    "log1p": lambda x: tg.log1p(x * x),
    "reciprocal": lambda x: 1 / (x * x + 2),
    "softmax": lambda x: tg.softmax(x.reshape(-1)).reshape(x.shape),
    "log_softmax": lambda x: tg.log_softmax(x.reshape(-1)).reshape(x.shape) * 0.1,
    "sum and spread": lambda x: x * 0.5 + x.sum() * 0.1,
    "mean of rows": lambda x: x - x.reshape(x.shape[0], -1).mean(axis=1).reshape(-1, *[1] * (x.ndim - 1)),
    "reversed": lambda x: x[::-1],
    "repeated row": lambda x: x[np.zeros(x.shape[0], int)],
    "logsumexp": lambda x: x * 0.2 + tg.logsumexp(x, axis=-1, keepdims=True) * 0.3,
}
KINKED: dict[str, Callable[[Any], Any]] = {
    "relu": tg.relu,
    "leaky_relu": tg.leaky_relu,
    "abs": tg.abs,
    "clip": lambda x: tg.clip(x, -0.5, 0.5),
    "max": lambda x: x.max(axis=0, keepdims=True),
    "min": lambda x: x.min(),
    "maximum": lambda x: tg.maximum(x, 0.1),
    "where": lambda x: tg.where(x > 0, x * 2, -x),
    "transpose": lambda x: x.T,
    "getitem": lambda x: x[0],
    "scatter": lambda x: x[np.array([0, 0])],
    "concatenate": lambda x: tg.concatenate([x, x * 2]),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: (a + b) * 0.6,
    "subtract": lambda a, b: (a - b) * 0.6,
    "multiply": lambda a, b: a * tg.tanh(b),
    "divide": lambda a, b: a / (b * b + 1),
    "power": lambda a, b: (a * a + 0.5) ** tg.tanh(b),
    "matmul": lambda a, b: a @ b.T @ b * 0.1,
    "dense": lambda a, b: tg.dense(a, tg.tanh(b).T @ b, b[0]) * 0.1,
    "mse": lambda a, b: a * tg.mean_squared_error(a, b) * 0.2,
}


@pytest.mark.parametrize("name", [*UNARY, *KINKED])
@settings(max_examples=8)
@given(seed=SEEDS, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_the_gradient_is_linear_in_what_arrives(name: str, seed: int, a: float, b: float) -> None:
    f = (UNARY | KINKED)[name]
    x = leaf(normal(seed, 2, 3))
    y = f(x)
    g, h = normal(seed + 1, *y.shape), normal(seed + 2, *y.shape)

    def pulled(gradient: np.ndarray) -> np.ndarray:
        return tg.grad(y, x, gradient=gradient)

    np.testing.assert_allclose(pulled(a * g + b * h), a * pulled(g) + b * pulled(h), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [*UNARY, *KINKED])
@settings(max_examples=5)
@given(seed=SEEDS)
def test_the_gradient_of_a_sum_is_the_sum_of_gradients(name: str, seed: int) -> None:
    f = (UNARY | KINKED)[name]
    x = leaf(normal(seed, 2, 3))
    g = normal(seed + 1, *f(x).shape)
    alone = tg.grad(f(x), x, gradient=g)
    twice = tg.grad(f(x) + f(x), x, gradient=g)
    np.testing.assert_allclose(twice, 2 * alone, rtol=1e-12, atol=1e-12)
    y = f(x)
    np.testing.assert_allclose(tg.grad(y + y, x, gradient=g), 2 * alone, rtol=1e-12, atol=1e-12)
    mixed = tg.grad(f(x) + f(x) * 3 + 7, x, gradient=g)
    np.testing.assert_allclose(mixed, 4 * alone, rtol=1e-12, atol=1e-12)


@settings(max_examples=40)
@given(
    data=st.data(), shape=SHAPES, seed=SEEDS, name=st.sampled_from(["add", "subtract", "multiply", "divide", "power"])
)
def test_broadcasting_is_the_same_as_tiling_by_hand(data: Any, shape: tuple[int, ...], seed: int, name: str) -> None:
    def shrunk(label: str) -> tuple[int, ...]:
        """The shape with some lengths 1 and some leading axes missing."""
        kept = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)), label)
        small = tuple(n if keep else 1 for n, keep in zip(shape, kept, strict=True))
        return small[data.draw(st.integers(0, len(shape)), label) :]

    f = BINARY[name]
    a, b = leaf(normal(seed, *shrunk("a"))), leaf(normal(seed + 1, *shrunk("b")))
    full = np.broadcast_shapes(a.shape, b.shape)
    big_a, big_b = leaf(np.broadcast_to(a.data, full)), leaf(np.broadcast_to(b.data, full))
    g = normal(seed + 2, *full)
    np.testing.assert_allclose(f(a, b).data, f(big_a, big_b).data, rtol=1e-14)
    for small, big in zip(
        tg.grad(f(a, b), [a, b], gradient=g), tg.grad(f(big_a, big_b), [big_a, big_b], gradient=g), strict=True
    ):
        lead = big.ndim - small.ndim
        tiled = big.sum(axis=tuple(range(lead)))
        stretched = tuple(i for i, n in enumerate(small.shape) if n == 1)
        np.testing.assert_allclose(small, tiled.sum(axis=stretched, keepdims=True), rtol=1e-9, atol=1e-12)


STEPS = st.lists(
    st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 99), st.integers(0, 99)), min_size=5, max_size=40
)


def grown(inputs: list[Any], steps: list[tuple[str, int, int]]) -> Any:
    """The end of a random graph: each step takes one or two of the tensors so far."""
    tensors = list(inputs)
    for name, i, j in steps:
        a, b = tensors[-1 - i % min(len(tensors), 6)], tensors[j % len(tensors)]
        y = UNARY[name](a) if name in UNARY else BINARY[name](a, b)
        tensors.append(tg.tanh(y) * 1.5)
    total = tensors[-1].sum()
    for t in tensors[:-1:3]:
        total = total + (t * t).sum() * 0.1
    return total


@settings(max_examples=40)
@given(steps=STEPS, seed=SEEDS)
def test_random_graphs_agree_with_finite_differences(steps: list[tuple[str, int, int]], seed: int) -> None:
    values = [normal(seed + k, 2, 2) for k in range(3)]
    inputs = [leaf(v) for v in values]
    slopes = tg.grad(grown(inputs, steps), inputs)
    for k, slope in enumerate(slopes):
        direction = normal(seed + 9 + k, 2, 2)
        expected = directional(
            lambda *arrays: grown([tg.Tensor(a) for a in arrays], steps).item(), values, k, direction, 2e-3
        )
        actual = float((slope * direction).sum())
        assert actual == pytest.approx(expected, rel=1e-5, abs=1e-6)


@settings(max_examples=15)
@given(steps=STEPS.map(lambda steps: steps[:8]), seed=SEEDS)
def test_second_derivatives_of_random_graphs_agree_with_finite_differences(
    steps: list[tuple[str, int, int]], seed: int
) -> None:
    values = [normal(seed + k, 2, 2) for k in range(2)]
    weights = normal(seed + 7, 2, 2)

    def slope_total(*arrays: Any) -> Any:
        inputs = [leaf(a) for a in arrays]
        first = tg.grad(grown(inputs, steps), inputs, create_graph=True)
        return (first[0] * weights).sum() + (first[1] * weights.T).sum(), inputs

    total, inputs = slope_total(*values)
    for k, second in enumerate(tg.grad(total, inputs)):
        direction = normal(seed + 9 + k, 2, 2)
        expected = directional(lambda *arrays: slope_total(*arrays)[0].item(), values, k, direction, 2e-3)
        assert float((second * direction).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@settings(max_examples=30)
@given(seed=SEEDS, order=st.permutations(range(6)))
def test_the_order_of_uses_does_not_change_the_gradient(seed: int, order: list[int]) -> None:
    x = leaf(normal(seed, 2, 3))
    parts = [tg.exp(x * 0.2), tg.tanh(x), x * x, x.sum(axis=0), tg.softmax(x), x[:, :1]]
    total = parts[order[0]].sum()
    for k in order[1:]:
        total = total + parts[k].sum() * (k + 1)
    expected = sum(tg.grad(parts[k].sum() * (1 if k == order[0] else k + 1), x) for k in order)
    np.testing.assert_allclose(tg.grad(total, x), expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=30)
@given(seed=SEEDS, n=st.integers(1, 5), classes=st.integers(2, 4), scale=st.floats(0.1, 1e4))
def test_softmax_cross_entropy_rows_of_the_gradient_add_up_to_zero(
    seed: int, n: int, classes: int, scale: float
) -> None:
    z = leaf(normal(seed, n, classes) * scale)
    labels = np.random.default_rng(seed).integers(0, classes, n)
    loss = tg.softmax_cross_entropy(z, labels)
    g = tg.grad(loss, z)
    np.testing.assert_allclose(g.sum(axis=1), 0, atol=1e-12)
    assert loss.item() >= 0
    assert (g[np.arange(n), labels] <= 0).all()
