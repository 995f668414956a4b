"""Whole models: their gradients beside the hand derivation and finite differences, and copies of them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numeric import gradient

import tinygrad_mlp as tg
from tinygrad_mlp import nn


@pytest.fixture(autouse=True, scope="module")
def float64() -> Iterator[None]:
    tg.set_default_dtype(np.float64)
    yield
    tg.set_default_dtype(np.float32)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_gradients_are_those_of_the_hand_derivation(rng: np.random.Generator) -> None:
    model = nn.Dense(5, 4, rng=0) >> nn.Sigmoid() >> nn.Dense(4, 3, rng=1) >> nn.LeakyReLU() >> nn.Dense(3, 2, rng=2)
    X, Y = rng.normal(size=(7, 5)), np.eye(2)[rng.integers(0, 2, 7)]
    for p in model.parameters():
        p.data = rng.normal(size=p.shape)
    state = model.state_dict()
    W1, b1, W2, b2, W3, b3 = (state[f"layers.{i}.{name}"] for i in (0, 2, 4) for name in "Wb")

    A = 1 / (1 + np.exp(-(X @ W1 + b1)))
    H = A @ W2 + b2
    B = np.where(H > 0, H, 0.01 * H)
    dZ = (softmax(B @ W3 + b3) - Y) / len(X)
    dH = dZ @ W3.T * np.where(H > 0, 1, 0.01)
    dS = dH @ W2.T * A * (1 - A)
    by_hand = [X.T @ dS, dS.sum(0), A.T @ dH, dH.sum(0), B.T @ dZ, dZ.sum(0)]

    x = tg.Tensor(X, requires_grad=True)
    tg.softmax_cross_entropy(model(x), Y).backward()
    for p, expected in zip(model.parameters(), by_hand, strict=True):
        np.testing.assert_allclose(p.grad, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(x.grad, dS @ W1.T, rtol=1e-12, atol=1e-15)


SMOOTH = [nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Softmax, nn.SiLU, nn.GELU, nn.ELU]


@given(
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    kinds=st.lists(st.sampled_from(SMOOTH), min_size=3, max_size=3),
    bias=st.booleans(),
    norm=st.booleans(),
    seed=st.integers(0, 99),
)
def test_gradients_of_any_network_equal_finite_differences(
    widths: list[int], kinds: list[Any], bias: bool, norm: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    layers: list[Any] = []
    for n_in, n_out, kind in zip(widths[:-1], widths[1:], kinds, strict=False):
        layers += [nn.Dense(n_in, n_out, bias, "xavier", rng), kind()]
        if norm and n_out > 1:
            layers.append(nn.LayerNorm(n_out, epsilon=0.1))
    model = nn.Sequential(*layers)
    x, weights = rng.normal(size=(3, widths[0])), rng.normal(size=(3, widths[-1]))
    (model(x) * weights).sum().backward()
    for name, p in model.named_parameters().items():
        values = p.numpy()

        def loss(a: np.ndarray, p: nn.Parameter = p) -> float:
            p.data = a
            return float((model(x).data * weights).sum())

        np.testing.assert_allclose(p.grad, gradient(loss, [values]), rtol=1e-6, atol=1e-8, err_msg=name)
        p.data = values


def test_each_activation_layer_has_the_gradient_of_its_operation(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 3))
    weights = rng.normal(size=(4, 3))
    pairs: list[tuple[nn.Module, Callable[[Any], Any]]] = [
        (nn.ReLU(), tg.relu),
        (nn.LeakyReLU(), lambda t: tg.leaky_relu(t, alpha=0.01)),
        (nn.LeakyReLU(0.3), lambda t: tg.leaky_relu(t, alpha=0.3)),
        (nn.Sigmoid(), tg.sigmoid),
        (nn.Tanh(), tg.tanh),
        (nn.Softplus(), tg.softplus),
        (nn.Softmax(), lambda t: tg.softmax(t, axis=1)),
        (nn.Softmax(0), lambda t: tg.softmax(t, axis=0)),
    ]
    for layer, operation in pairs:
        of_layer, of_operation = (tg.Tensor(x, requires_grad=True) for _ in range(2))
        y, z = layer(of_layer), operation(of_operation)
        assert np.array_equal(y.data, z.data), layer
        (y * weights).sum().backward()
        (z * weights).sum().backward()
        assert np.array_equal(of_layer.grad, of_operation.grad), layer


def test_probabilities_add_up_to_1_along_the_axis(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 3, 4))
    for axis in (-1, 0, 1, 2):
        np.testing.assert_allclose(nn.Softmax(axis)(x).sum(axis), 1, rtol=1e-12)


# Copies.


@pytest.fixture
def model() -> Any:
    model = nn.Dense(3, 4, rng=0) >> nn.Dropout(0.5, rng=1) >> nn.ReLU() >> nn.BatchNorm(4) >> nn.Dense(4, 2, rng=2)
    model(np.ones((5, 3)) * np.arange(5)[:, None])
    return model


CLONES = pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])


@CLONES
def test_a_copy_has_equal_outputs_and_names_but_parameters_of_its_own(clone: Callable[[Any], Any], model: Any) -> None:
    names = list(model.named_parameters())
    model.eval()
    other = clone(model)
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(other(x).data, model(x).data)
    assert [p.name for p in other.parameters()] == names
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert type(q) is type(p)
        assert q.requires_grad == p.requires_grad
        assert not np.shares_memory(p.data, q.data)
    assert repr(other) == repr(model)


@CLONES
def test_a_copy_draws_the_same_masks_as_the_original(clone: Callable[[Any], Any], model: Any) -> None:
    other = clone(model)
    x = np.ones((5, 3))
    assert np.array_equal(other.layers[1](x), model.layers[1](x))
    assert not np.array_equal(other.layers[1](x), model.layers[1].eval()(x))


@CLONES
def test_parameters_that_are_shared_are_shared_in_the_copy(clone: Callable[[Any], Any]) -> None:
    first, second = nn.Dense(2, 2), nn.Dense(2, 2)
    second.W = first.W
    other = clone(first >> second)
    assert other.layers[0].W is other.layers[1].W
    assert other.layers[0].W is not first.W


def test_a_shallow_copy_shares_the_parameters() -> None:
    model = nn.Dense(2, 2)
    assert copy.copy(model).W is model.W
