"""Every loss beside PyTorch's in training: 50 steps in float64, with the loss and all gradients compared at each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as theirs
from torch.nn import functional as F  # noqa: N812 - its usual name

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.ops import losses, regression

pytestmark = pytest.mark.bench

rng = np.random.default_rng(0)
N = 12
X = rng.normal(size=(N, 5))
CLASSES, BITS = rng.integers(0, 3, N), rng.integers(0, 2, (N, 3)).astype(float)
NUMBERS, SHARES = rng.normal(size=(N, 3)) * 2, rng.dirichlet(np.ones(3), N)
OF_CLASSES, OF_ROWS = np.array([0.5, 2.0, 1.25]), rng.uniform(0.2, 3, N)
"""Weights of classes and of rows."""
rows_of = torch.from_numpy(OF_ROWS)[:, None]
c, b, y, s = (torch.from_numpy(values) for values in (CLASSES, BITS, NUMBERS, SHARES))
w = torch.from_numpy(OF_CLASSES)


def weighted_mean(each: torch.Tensor) -> torch.Tensor:
    """The mean of losses (N, m), each row with its weight, divided by the sum of the weights as ours is."""
    return (each * rows_of).sum() / (rows_of.sum() * each.shape[1])


LOSSES: dict[str, tuple[Callable[[Any], Any], Callable[[torch.Tensor], torch.Tensor]]] = {
    "softmax_cross_entropy": (lambda z: tg.softmax_cross_entropy(z, CLASSES), lambda z: F.cross_entropy(z, c)),
    "softmax_cross_entropy, shares": (lambda z: tg.softmax_cross_entropy(z, SHARES), lambda z: F.cross_entropy(z, s)),
    "softmax_cross_entropy, sum": (
        lambda z: tg.softmax_cross_entropy(z, CLASSES, reduction="sum") * 0.1,
        lambda z: F.cross_entropy(z, c, reduction="sum") * 0.1,
    ),
    "softmax_cross_entropy, class weights": (
        lambda z: tg.softmax_cross_entropy(z, CLASSES, class_weights=OF_CLASSES),
        lambda z: F.cross_entropy(z, c, w),
    ),
    "softmax_cross_entropy, sample weights": (
        lambda z: tg.softmax_cross_entropy(z, CLASSES, sample_weights=OF_ROWS),
        lambda z: weighted_mean(F.cross_entropy(z, c, reduction="none")[:, None]),
    ),
    "softmax_cross_entropy, smoothing": (
        lambda z: tg.softmax_cross_entropy(z, CLASSES, label_smoothing=0.2),
        lambda z: F.cross_entropy(z, c, label_smoothing=0.2),
    ),
    "softmax_cross_entropy, class weights and smoothing": (
        lambda z: tg.softmax_cross_entropy(z, CLASSES, class_weights=OF_CLASSES, label_smoothing=0.2),
        lambda z: F.cross_entropy(z, c, w, label_smoothing=0.2),
    ),
    "binary_cross_entropy": (
        lambda z: tg.binary_cross_entropy(tg.sigmoid(z), BITS),
        lambda z: F.binary_cross_entropy(torch.sigmoid(z), b),
    ),
    "binary_cross_entropy_with_logits": (
        lambda z: tg.binary_cross_entropy_with_logits(z, BITS),
        lambda z: F.binary_cross_entropy_with_logits(z, b),
    ),
    "binary_cross_entropy_with_logits, sample weights": (
        lambda z: tg.binary_cross_entropy_with_logits(z, BITS, sample_weights=OF_ROWS),
        lambda z: weighted_mean(F.binary_cross_entropy_with_logits(z, b, reduction="none")),
    ),
    "binary_cross_entropy_with_logits, class weights, sum": (
        lambda z: tg.binary_cross_entropy_with_logits(z, BITS, class_weights=[1, 2.5], reduction="sum") * 0.1,
        lambda z: F.binary_cross_entropy_with_logits(z, b, pos_weight=torch.tensor([2.5]), reduction="sum") * 0.1,
    ),
    "binary_cross_entropy_with_logits, smoothing": (
        lambda z: tg.binary_cross_entropy_with_logits(z, BITS, label_smoothing=0.2),
        lambda z: F.binary_cross_entropy_with_logits(z, b * 0.8 + 0.1),
    ),
    "mean_squared_error": (lambda z: tg.mean_squared_error(z, NUMBERS), lambda z: F.mse_loss(z, y)),
    "mean_squared_error, sample weights": (
        lambda z: tg.mean_squared_error(z, NUMBERS, sample_weights=OF_ROWS),
        lambda z: weighted_mean(F.mse_loss(z, y, reduction="none")),
    ),
    "mean_absolute_error": (lambda z: tg.mean_absolute_error(z, NUMBERS), lambda z: F.l1_loss(z, y)),
    "mean_absolute_error, sample weights": (
        lambda z: tg.mean_absolute_error(z, NUMBERS, sample_weights=OF_ROWS),
        lambda z: weighted_mean(F.l1_loss(z, y, reduction="none")),
    ),
    "huber": (lambda z: tg.huber(z, NUMBERS, delta=0.7), lambda z: F.huber_loss(z, y, delta=0.7)),
    "huber, sample weights": (
        lambda z: tg.huber(z, NUMBERS, delta=0.7, sample_weights=OF_ROWS),
        lambda z: weighted_mean(F.huber_loss(z, y, delta=0.7, reduction="none")),
    ),
    "smooth_l1": (lambda z: tg.smooth_l1(z, NUMBERS, beta=0.7), lambda z: F.smooth_l1_loss(z, y, beta=0.7)),
    "hinge": (lambda z: tg.hinge(z, CLASSES), lambda z: F.multi_margin_loss(z, c)),
    "hinge, sample weights": (
        lambda z: tg.hinge(z, CLASSES, sample_weights=OF_ROWS),
        lambda z: weighted_mean(F.multi_margin_loss(z, c, reduction="none")[:, None]),
    ),
}


def test_no_loss_is_missing() -> None:
    public = {
        name
        for module in (losses, regression)
        for name, value in vars(module).items()
        if callable(value) and name in tg.__all__ and {"reduction"} & set(inspect.signature(value).parameters)
    }
    assert len(public) >= 7
    assert public == {name.partition(",")[0] for name in LOSSES}


@pytest.mark.parametrize("name", LOSSES)
def test_a_network_learns_alike_with_the_loss(name: str) -> None:
    our_loss, their_loss = LOSSES[name]
    ours: Any = nn.Dense(5, 8, rng=1) >> nn.Tanh() >> nn.Dense(8, 3, rng=2)
    torchs: Any = theirs.Sequential(theirs.Linear(5, 8), theirs.Tanh(), theirs.Linear(8, 3))
    with torch.no_grad():
        for i in (0, 2):
            torchs[i].weight.copy_(torch.from_numpy(ours[i].W.numpy().T))
            torchs[i].bias.zero_()
    adam, torchs_adam = optim.Adam(ours, 0.02), torch.optim.Adam(torchs.parameters(), 0.02)
    seen = []
    for _ in range(50):
        adam.zero_grad()
        torchs_adam.zero_grad()
        a, other = our_loss(ours(X)), their_loss(torchs(torch.from_numpy(X)))
        np.testing.assert_allclose(a.item(), other.item(), rtol=1e-10, atol=1e-10)
        a.backward()
        other.backward()
        for i in (0, 2):
            np.testing.assert_allclose(ours[i].W.grad, torchs[i].weight.grad.numpy().T, rtol=0, atol=1e-10)
            np.testing.assert_allclose(ours[i].b.grad, torchs[i].bias.grad.numpy(), rtol=0, atol=1e-10)
        adam.step()
        torchs_adam.step()
        seen.append(a.item())
    assert seen[-1] < 0.95 * seen[0]
    for i in (0, 2):
        np.testing.assert_allclose(ours[i].W.data, torchs[i].weight.detach().numpy().T, rtol=0, atol=1e-10)
        np.testing.assert_allclose(ours[i].b.data, torchs[i].bias.detach().numpy(), rtol=0, atol=1e-10)
