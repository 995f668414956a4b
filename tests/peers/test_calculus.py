"""Derivatives of functions beside `torch.func`'s and `torch.autograd.functional`'s: same names, same results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_mlp as tg

pytestmark = [
    pytest.mark.bench,
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),  # torch.func's own
]

Pair = tuple[Callable[..., Any], Callable[..., Any]]
INDEX = [0, 2, 0, 1]
FUNCTIONS: dict[str, Pair] = {
    "matrix": (lambda x: tg.tanh(x @ x.mT) @ x, lambda x: torch.tanh(x @ x.mT) @ x),
    "softmax": (lambda x: tg.softmax(x) * x[:, :1], lambda x: torch.softmax(x, -1) * x[:, :1]),
    "logsumexp": (lambda x: tg.logsumexp(x, axis=0) + x.sum(), lambda x: torch.logsumexp(x, 0) + x.sum()),
    "tall": (lambda x: tg.einsum("i,j,k", x[0], x[1], x[2]), lambda x: torch.einsum("i,j,k", x[0], x[1], x[2])),
    "cumprod": (lambda x: tg.cumprod(x, 1), lambda x: torch.cumprod(x, 1)),
    "indexed": (lambda x: x[INDEX] * tg.sin(x[:, 1:]).sum(), lambda x: x[INDEX] * torch.sin(x[:, 1:]).sum()),
    "inverse": (lambda x: tg.inv(x @ x.mT + 2 * np.eye(3)), lambda x: torch.linalg.inv(x @ x.mT + 2 * torch.eye(3))),
    "scalar": (lambda x: (tg.exp(x) * x).mean(), lambda x: (torch.exp(x) * x).mean()),
}  # fmt: skip
SCALARS: dict[str, Pair] = {
    name: (lambda x, f=ours: (f(x) ** 2).sum(), lambda x, f=theirs: (f(x) ** 2).sum())
    for name, (ours, theirs) in FUNCTIONS.items()
}


def near(ours: Any, theirs: Any) -> None:
    expected = theirs.detach().numpy()
    assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-11 * max(1.0, np.abs(expected).max(initial=0)))


def drawn(*shape: int) -> tuple[np.ndarray, torch.Tensor]:
    x = np.random.default_rng(len(shape)).normal(size=shape)
    return x, torch.from_numpy(x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_derivatives(name: str) -> None:
    ours, theirs = FUNCTIONS[name]
    (x, x_torch), (v, v_torch) = drawn(3, 3), (drawn(2, 3, 3)[0][1], drawn(2, 3, 3)[1][1])
    for a, b in zip(tg.jvp(ours, (x,), (v,)), torch.func.jvp(theirs, (x_torch,), (v_torch,)), strict=True):
        near(a, b)
    near(tg.jacobian(ours)(x), torch.func.jacrev(theirs)(x_torch))
    near(tg.jacobian(ours)(x), torch.func.jacfwd(theirs)(x_torch))
    (y, pull), (y_torch, pull_torch) = tg.vjp(ours, x), torch.func.vjp(theirs, x_torch)
    near(y, y_torch)
    u = np.random.default_rng(9).normal(size=y.shape)
    near(pull(u), pull_torch(torch.from_numpy(np.asarray(u)))[0])


@pytest.mark.parametrize("name", SCALARS)
def test_second_derivatives(name: str) -> None:
    ours, theirs = SCALARS[name]
    (x, x_torch), (v, v_torch) = drawn(3, 3), (drawn(2, 3, 3)[0][1], drawn(2, 3, 3)[1][1])
    near(tg.hessian(ours)(x), torch.func.hessian(theirs)(x_torch))
    for a, b in zip(tg.hvp(ours, x, v), torch.autograd.functional.hvp(theirs, x_torch, v_torch), strict=True):
        near(np.asarray(a), b)
    value, slope = tg.value_and_grad(ours)(x)
    slope_torch, value_torch = torch.func.grad_and_value(theirs)(x_torch)
    near(slope, slope_torch)
    near(np.asarray(value), value_torch)


def test_third_derivatives_by_nesting() -> None:
    x, x_torch = drawn(2, 2)
    ours = tg.jacobian(tg.hessian(lambda x: (tg.tanh(x @ x) * x).sum()))
    theirs = torch.func.jacrev(torch.func.hessian(lambda x: (torch.tanh(x @ x) * x).sum()))
    near(ours(x), theirs(x_torch))


def test_several_arguments() -> None:
    (a, a_torch), (b, b_torch) = drawn(2, 3), drawn(3)
    ours, theirs = (lambda a, b: (a @ b) ** 2), (lambda a, b: (a @ b) ** 2)
    for j, k in zip(tg.jacobian(ours, (0, 1))(a, b), torch.func.jacrev(theirs, (0, 1))(a_torch, b_torch), strict=True):
        near(j, k)
    second = torch.func.hessian(lambda a, b: theirs(a, b).sum(), (0, 1))(a_torch, b_torch)
    for row, expected in zip(tg.hessian(lambda a, b: ours(a, b).sum(), (0, 1))(a, b), second, strict=True):
        for block, block_torch in zip(row, expected, strict=True):
            near(block, block_torch)


def test_the_hessian_for_the_parameters_of_a_network() -> None:
    rng = np.random.default_rng(5)
    model = tg.nn.Dense(3, 4, rng=rng) >> tg.nn.Tanh() >> tg.nn.Dense(4, 2, rng=rng)
    x, labels = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    found = tg.hessian(lambda model: tg.softmax_cross_entropy(model(x), labels))(model)

    def theirs(w: dict[str, torch.Tensor]) -> torch.Tensor:
        hidden = torch.tanh(torch.from_numpy(x) @ w["layers.0.W"] + w["layers.0.b"])
        return torch.nn.functional.cross_entropy(hidden @ w["layers.2.W"] + w["layers.2.b"], torch.from_numpy(labels))

    expected = torch.func.hessian(theirs)({k: torch.from_numpy(p.numpy()) for k, p in model.named_parameters().items()})
    assert found.keys() == expected.keys()
    for one, row in expected.items():
        for other, block in row.items():
            near(found[one][other], block)
