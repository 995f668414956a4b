"""Every layer and schedule, clipping and embeddings beside PyTorch's: 50 training steps in float64.

Losses and optimizers have files of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as theirs

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

pytestmark = pytest.mark.bench
rng = np.random.default_rng(0)
X, TARGETS, LABELS = rng.normal(size=(12, 5)), rng.normal(size=(12, 3)), rng.integers(0, 3, 12)


LAYERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "ReLU": (nn.ReLU, theirs.ReLU),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.2), lambda: theirs.LeakyReLU(0.2)),
    "Sigmoid": (nn.Sigmoid, theirs.Sigmoid),
    "Tanh": (nn.Tanh, theirs.Tanh),
    "Softplus": (nn.Softplus, theirs.Softplus),
    "Softmax": (nn.Softmax, lambda: theirs.Softmax(dim=-1)),
    "GELU": (nn.GELU, theirs.GELU),
    "GELU, tanh": (lambda: nn.GELU("tanh"), lambda: theirs.GELU("tanh")),
    "SiLU": (nn.SiLU, theirs.SiLU),
    "ELU": (lambda: nn.ELU(0.7), lambda: theirs.ELU(0.7)),
    "PReLU": (lambda: nn.PReLU(8), lambda: theirs.PReLU(8)),
    "BatchNorm": (lambda: nn.BatchNorm(8), lambda: theirs.BatchNorm1d(8)),
    "LayerNorm": (lambda: nn.LayerNorm(8), lambda: theirs.LayerNorm(8)),
    "PReLU, one slope": (lambda: nn.PReLU(1, alpha=0.1), lambda: theirs.PReLU(1, 0.1)),
    "BatchNorm, its numbers": (
        lambda: nn.BatchNorm(8, epsilon=1e-3, momentum=0.3),
        lambda: theirs.BatchNorm1d(8, eps=1e-3, momentum=0.3),
    ),
    "LayerNorm, its number": (lambda: nn.LayerNorm(8, epsilon=1e-3), lambda: theirs.LayerNorm(8, eps=1e-3)),
    "Dropout": (lambda: nn.Dropout(0.3, rng=7), lambda: SameDropout(0.3, 7)),
    "Flatten": (nn.Flatten, theirs.Flatten),
}


class SameDropout(theirs.Module):
    """Dropout that drops what a layer of ours with this seed drops, and is PyTorch's otherwise."""

    def __init__(self, p: float, seed: int) -> None:
        super().__init__()
        self.p, self.draws = p, np.random.default_rng(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return theirs.functional.dropout(x, self.p, training=False)
        kept = self.draws.random(tuple(x.shape), np.float32) >= self.p
        return x * torch.from_numpy(kept) / (1 - self.p)


OPTIMIZERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "SGD": (
        lambda p: optim.SGD(p, 0.05, 0.9, rate_in_velocity=False),
        lambda p: torch.optim.SGD(p, 0.05, 0.9),
    ),
    "Adam": (lambda p: optim.Adam(p, 0.01), lambda p: torch.optim.Adam(p, 0.01)),
}
SCHEDULES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "constant": (optim.Constant, lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
    "step": (
        lambda o: optim.StepDecay(o, every=7, gamma=0.5),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.5),
    ),
    "exponential": (
        lambda o: optim.Exponential(o, 0.95),
        lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.95),
    ),
    "cosine": (
        lambda o: optim.Cosine(o, over=50, lowest=1e-3),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50, 1e-3),
    ),
    "warm-up": (
        lambda o: optim.WarmUp(o, over=20, start=0.25),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.25, total_iters=20),
    ),
    "warm-up, then cosine": (
        lambda o: optim.WarmUp(o, over=10, start=0.1, then=optim.Cosine(o, over=40)),
        lambda o: torch.optim.lr_scheduler.SequentialLR(
            o,
            [
                torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=10),
                torch.optim.lr_scheduler.CosineAnnealingLR(o, 40),
            ],
            [10],
        ),
    ),
    "plateau": (
        lambda o: optim.ReduceOnPlateau(o, gamma=0.5, patience=2, threshold=0.05),
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=2, threshold=0.05),
    ),
}


def pair(layer: str) -> tuple[Any, Any]:
    """The same network twice: 5 → 8 → the layer → 3."""
    own, other = LAYERS[layer]
    ours: Any = nn.Sequential(nn.Dense(5, 8, rng=1), own(), nn.Dense(8, 3, rng=2))
    torchs: Any = theirs.Sequential(theirs.Linear(5, 8), other(), theirs.Linear(8, 3))
    with torch.no_grad():
        for i in (0, 2):
            torchs[i].weight.copy_(torch.from_numpy(ours.layers[i].W.numpy().T))
            torchs[i].bias.zero_()
    return ours, torchs


def compare(layer: str = "Tanh", optimizer: str = "Adam", schedule: str = "constant") -> None:
    """50 steps of both, compared at each."""
    ours, torchs = pair(layer)
    our_optimizer, their_optimizer = OPTIMIZERS[optimizer][0](ours), OPTIMIZERS[optimizer][1](torchs.parameters())
    our_schedule, their_schedule = SCHEDULES[schedule][0](our_optimizer), SCHEDULES[schedule][1](their_optimizer)
    inputs, labels = torch.from_numpy(X), torch.from_numpy(LABELS)
    for _ in range(50):
        our_optimizer.zero_grad()
        their_optimizer.zero_grad()
        a = tg.softmax_cross_entropy(ours(X), LABELS)
        b: Any = theirs.functional.cross_entropy(torchs(inputs), labels)
        np.testing.assert_allclose(a.item(), b.item(), rtol=1e-12, atol=1e-12)
        a.backward()
        b.backward()
        np.testing.assert_allclose(ours.layers[0].W.grad, torchs[0].weight.grad.numpy().T, rtol=0, atol=1e-12)
        our_optimizer.step()
        their_optimizer.step()
        values = (a.item(), b.item()) if schedule == "plateau" else ()
        our_schedule.step(*values[:1])
        their_schedule.step(*values[1:])
        np.testing.assert_allclose(our_optimizer.learning_rate, their_optimizer.param_groups[0]["lr"], rtol=1e-12)
    for i in (0, 2):
        np.testing.assert_allclose(ours.layers[i].W.data, torchs[i].weight.detach().numpy().T, rtol=0, atol=1e-12)
        np.testing.assert_allclose(ours.layers[i].b.data, torchs[i].bias.detach().numpy(), rtol=0, atol=1e-12)
    outputs = ours.eval()(X).data
    np.testing.assert_allclose(outputs, torchs.eval()(inputs).detach().numpy(), rtol=0, atol=1e-11)


def test_no_layer_and_no_schedule_is_missing() -> None:
    layers = {
        name for name in nn.__all__ if inspect.isclass(value := getattr(nn, name)) and issubclass(value, nn.Module)
    }
    # Dense and Sequential are in each network; Embedding has a test of its own.
    assert layers - {"Module", "Dense", "Sequential", "Embedding"} == {name.partition(",")[0] for name in LAYERS}
    schedules = {value for name in optim.__all__ if (value := getattr(optim, name)) and is_schedule(value)}
    sgd = optim.SGD(nn.Dense(1, 1), 0.1)
    assert {type(make(sgd)) for make, _ in SCHEDULES.values()} == schedules


def is_schedule(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, optim.Schedule)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_network_with_the_layer_learns_alike(layer: str) -> None:
    # The bias before a BatchNorm has a gradient of exactly 0, of which Adam would blow up the rounding.
    compare(layer=layer, optimizer="SGD" if layer.startswith("BatchNorm") else "Adam")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_network_with_the_schedule_learns_alike(schedule: str) -> None:
    compare(schedule=schedule, optimizer="SGD")


def test_embedding_vectors_learn_alike() -> None:
    ours, torchs = nn.Embedding(6, 3, rng=0), theirs.Embedding(6, 3)
    with torch.no_grad():
        torchs.weight.copy_(torch.from_numpy(ours.W.numpy()))
    adam, theirs_adam = optim.Adam(ours, 0.05), torch.optim.Adam(torchs.parameters(), 0.05)
    indices = rng.integers(0, 6, 12)
    for _ in range(50):
        adam.zero_grad()
        theirs_adam.zero_grad()
        tg.mean_squared_error(ours(indices), TARGETS).backward()
        theirs.functional.mse_loss(torchs(torch.from_numpy(indices)), torch.from_numpy(TARGETS)).backward()
        adam.step()
        theirs_adam.step()
    np.testing.assert_allclose(ours.W.data, torchs.weight.detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("limit", [1e-3, 1e3])
def test_clipping_by_norm_scales_alike(limit: float) -> None:
    """PyTorch divides by the norm + 1e-6, so they agree to that share."""
    ours, torchs = pair("Tanh")
    (tg.softmax_cross_entropy(ours(X), LABELS) * 5).backward()
    (theirs.functional.cross_entropy(torchs(torch.from_numpy(X)), torch.from_numpy(LABELS)) * 5).backward()
    norm = optim.clip_gradients(ours, norm=limit)
    np.testing.assert_allclose(norm, torch.nn.utils.clip_grad_norm_(torchs.parameters(), limit).item(), rtol=1e-10)
    np.testing.assert_allclose(ours.layers[0].W.grad, torchs[0].weight.grad.numpy().T, rtol=1e-5)
