"""Optimizers beside PyTorch's: 200 steps of a small network in float64, each side with its own gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as theirs

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

pytestmark = pytest.mark.bench

STEPS = 200
rng = np.random.default_rng(0)
X = rng.normal(size=(48, 4))
CLASSES = rng.integers(0, 3, 48)
NUMBERS = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] * X[:, 3], np.abs(X[:, 0])], axis=1)

OPTIMIZERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "SGD": (lambda p: optim.SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "SGD, momentum": (
        lambda p: optim.SGD(p, 0.05, 0.9, rate_in_velocity=False),
        lambda p: torch.optim.SGD(p, 0.05, 0.9),
    ),
    "SGD, Nesterov": (
        lambda p: optim.SGD(p, 0.05, 0.9, nesterov=True, rate_in_velocity=False),
        lambda p: torch.optim.SGD(p, 0.05, 0.9, nesterov=True),
    ),
    "SGD, weight decay": (
        lambda p: optim.SGD(p, 0.1, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.01),
    ),
    "SGD, Nesterov and weight decay": (
        lambda p: optim.SGD(p, 0.05, 0.8, nesterov=True, rate_in_velocity=False, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.05, 0.8, nesterov=True, weight_decay=0.01),
    ),
    "RMSprop": (
        lambda p: optim.RMSprop(p, 0.003, 0.99, 1e-8, epsilon_in_root=False),
        lambda p: torch.optim.RMSprop(p, 0.003, 0.99, 1e-8),
    ),
    "RMSprop, weight decay": (
        lambda p: optim.RMSprop(p, 0.003, 0.9, 1e-3, epsilon_in_root=False, weight_decay=0.01),
        lambda p: torch.optim.RMSprop(p, 0.003, 0.9, 1e-3, weight_decay=0.01),
    ),
    "Adam": (lambda p: optim.Adam(p, 0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "Adam, all its numbers": (
        lambda p: optim.Adam(p, 0.02, 0.8, 0.95, 1e-4),
        lambda p: torch.optim.Adam(p, 0.02, (0.8, 0.95), 1e-4),
    ),
    "Adam, weight decay": (
        lambda p: optim.Adam(p, 0.01, weight_decay=0.02),
        lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.02),
    ),
    "AdamW": (
        lambda p: optim.AdamW(p, 0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    ),
    "AdaGrad": (lambda p: optim.AdaGrad(p, 0.05), lambda p: torch.optim.Adagrad(p, 0.05)),
    "AdaGrad, all its numbers": (
        lambda p: optim.AdaGrad(p, 0.05, 1e-3, accumulator=0.1, weight_decay=0.01),
        lambda p: torch.optim.Adagrad(p, 0.05, weight_decay=0.01, initial_accumulator_value=0.1, eps=1e-3),
    ),
}
TASKS: dict[str, tuple[Callable[..., Any], Callable[..., Any], np.ndarray]] = {
    "classes": (tg.softmax_cross_entropy, theirs.functional.cross_entropy, CLASSES),
    "numbers": (tg.mean_squared_error, theirs.functional.mse_loss, NUMBERS),
}


def pair() -> tuple[Any, Any]:
    """The same network twice: 4 → 8 → 6 → 3 with tanh and sigmoid. PyTorch's weights are Wᵀ."""
    ours: Any = nn.Sequential(
        nn.Dense(4, 8, rng=1), nn.Tanh(), nn.Dense(8, 6, rng=2), nn.Sigmoid(), nn.Dense(6, 3, rng=3)
    )
    torchs: Any = theirs.Sequential(
        theirs.Linear(4, 8), theirs.Tanh(), theirs.Linear(8, 6), theirs.Sigmoid(), theirs.Linear(6, 3)
    )
    with torch.no_grad():
        for i in (0, 2, 4):
            torchs[i].weight.copy_(torch.from_numpy(ours[i].W.numpy().T))
            torchs[i].bias.copy_(torch.from_numpy(ours[i].b.numpy()))
    return ours, torchs


def descend(
    task: str,
    nets: tuple[Any, Any],
    optimizers: tuple[Any, Any],
    frozen: Callable[[int], int] = lambda step: 0,
) -> None:
    """200 steps on batches of 16 rows. The rate drops halfway, where μ·v + η·g and η·(μ·v + g) part.

    Args:
        task: what is learned.
        nets: ours and PyTorch's, changed in place.
        optimizers: likewise.
        frozen: how many layers, from the front, get no gradient in a step.
    """
    ours, torchs = nets
    our_loss, their_loss, y = TASKS[task]
    for step in range(STEPS):
        if step == STEPS // 2:
            optimizers[0].learning_rate *= 0.3
            for group in optimizers[1].param_groups:
                group["lr"] *= 0.3
        rows, cut = slice(step % 3 * 16, step % 3 * 16 + 16), frozen(step)
        a, b = tg.Tensor(X[rows]), torch.from_numpy(X[rows])
        for i in range(len(ours)):
            a, b = ours[i](a), torchs[i](b)
            if i < cut:
                a, b = a.detach(), b.detach()
        for optimizer, loss in zip(
            optimizers, (our_loss(a, y[rows]), their_loss(b, torch.from_numpy(y[rows]))), strict=True
        ):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def assert_equal_weights(ours: Any, torchs: Any, tolerance: float = 1e-12) -> None:
    fresh, _ = pair()
    for i in (0, 2, 4):
        W, b = torchs[i].weight.detach().numpy().T, torchs[i].bias.detach().numpy()
        np.testing.assert_allclose(ours[i].W.data, W, rtol=0, atol=tolerance, err_msg=f"W of layer {i}")
        np.testing.assert_allclose(ours[i].b.data, b, rtol=0, atol=tolerance, err_msg=f"b of layer {i}")
        assert np.abs(ours[i].W.data - fresh[i].W.data).max() > 0.01, f"layer {i} has not learned"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_are_equal_after_200_steps(name: str, task: str) -> None:
    ours, torchs = pair()
    own, other = OPTIMIZERS[name]
    descend(task, (ours, torchs), (own(ours), other(torchs.parameters())))
    assert_equal_weights(ours, torchs)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_without_a_gradient_keep_value_state_and_count(name: str) -> None:
    """Three steps of four leave the first layer or two alone: without weight decay, momentum or a count of steps."""
    ours, torchs = pair()
    own, other = OPTIMIZERS[name]
    descend(
        "classes", (ours, torchs), (own(ours), other(torchs.parameters())), frozen=lambda step: (0, 1, 3, 1)[step % 4]
    )
    assert_equal_weights(ours, torchs)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW", "AdaGrad"])
def test_groups_have_rates_and_weight_decays_of_their_own(name: str) -> None:
    ours, torchs = pair()
    make = {
        "SGD": (lambda p: optim.SGD(p, 0.05, 0.9, rate_in_velocity=False), lambda p: torch.optim.SGD(p, 0.05, 0.9)),
        "AdamW": (lambda p: optim.AdamW(p, 0.01), lambda p: torch.optim.AdamW(p, 0.01)),
    }
    own, other = make.get(name) or OPTIMIZERS[name]
    groups = [
        optim.Group(ours[0], learning_rate=0.002),
        optim.Group([ours[2].W, ours[4].W], weight_decay=0.03),
        optim.Group([ours[2].b, ours[4].b], learning_rate=0.02, weight_decay=0.0),
    ]
    torch_groups: list[dict[str, Any]] = [
        {"params": [*torchs[0].parameters()], "lr": 0.002},
        {"params": [torchs[2].weight, torchs[4].weight], "weight_decay": 0.03},
        {"params": [torchs[2].bias, torchs[4].bias], "lr": 0.02, "weight_decay": 0.0},
    ]
    descend("numbers", (ours, torchs), (own(groups), other(torch_groups)))
    assert_equal_weights(ours, torchs)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_frozen_layers_wait_as_pytorchs_do(name: str) -> None:
    """Trained, frozen, trained again: `freeze()` beside `requires_grad_(False)` and `zero_grad()`."""
    ours, torchs = pair()
    own, other = OPTIMIZERS[name]
    optimizers = own(ours), other(torchs.parameters())
    kept = []
    for frozen in (False, True, False):
        (ours[0].freeze if frozen else ours[0].unfreeze)()
        torchs[0].requires_grad_(not frozen)
        kept.append(ours[0].W.numpy())
        for optimizer in optimizers:
            optimizer.zero_grad()
        descend("classes", (ours, torchs), optimizers)
        assert np.array_equal(ours[0].W.data, kept[-1]) == frozen
        assert_equal_weights(ours, torchs, tolerance=1e-10)
