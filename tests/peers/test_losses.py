"""Every loss and reduction beside PyTorch's: values and gradients in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from peers.side_by_side import assert_alike
from torch.nn import functional as F  # noqa: N812 - its usual name

import tinygrad_mlp as tg

pytestmark = pytest.mark.bench

REDUCTIONS: list[Any] = ["mean", "sum", "none"]
SHAPES = [(), (1,), (7,), (5, 3), (5, 1), (2, 3, 4)]
LOGITS = [(1, 2), (6, 2), (6, 5), (300, 20), (2, 3, 4)]
reductions = pytest.mark.parametrize("reduction", REDUCTIONS)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
logits_shapes = pytest.mark.parametrize("shape", LOGITS, ids=str)


def real(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(size=shape) * 2)


def probabilities(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).uniform(0.02, 0.98, shape))


def classes(shape: tuple[int, ...], n: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(3).integers(0, n, shape))


def classes_second(z: torch.Tensor) -> torch.Tensor:
    """PyTorch has the classes on the second axis, we on the last."""
    return z.movedim(-1, 1)


@reductions
@logits_shapes
def test_cross_entropy_of_class_indices(shape: tuple[int, ...], reduction: Any) -> None:
    assert_alike(
        lambda z, y: tg.softmax_cross_entropy(z, y, reduction=reduction),
        lambda z, y: F.cross_entropy(classes_second(z), y, reduction=reduction),
        real(shape),
        classes(shape[:-1], shape[-1]),
    )


@reductions
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@logits_shapes
def test_cross_entropy_of_rows_of_probabilities(shape: tuple[int, ...], smoothing: float, reduction: Any) -> None:
    """With and without class weights, by whose sum the mean is not divided here."""
    rows = np.random.default_rng(3).dirichlet(np.ones(shape[-1]), shape[:-1])
    targets = classes_second(torch.from_numpy(rows))
    for weights in (None, np.random.default_rng(4).uniform(0.2, 3, shape[-1])):
        torch_weights = None if weights is None else torch.from_numpy(weights)
        ours: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing, "class_weights": weights}
        theirs: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing, "weight": torch_weights}
        assert_alike(
            lambda z, options=ours: tg.softmax_cross_entropy(z, rows, **options),
            lambda z, options=theirs: F.cross_entropy(classes_second(z), targets, **options),
            real(shape),
        )


@reductions
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@logits_shapes
def test_cross_entropy_with_class_weights_and_smoothing(
    shape: tuple[int, ...], smoothing: float, reduction: Any
) -> None:
    weights = np.random.default_rng(4).uniform(0.2, 3, shape[-1])
    assert_alike(
        lambda z, y: tg.softmax_cross_entropy(
            z, y, reduction=reduction, class_weights=weights, label_smoothing=smoothing
        ),
        lambda z, y: F.cross_entropy(
            classes_second(z), y, torch.from_numpy(weights), reduction=reduction, label_smoothing=smoothing
        ),
        real(shape),
        classes(shape[:-1], shape[-1]),
    )


def test_cross_entropy_of_logits_far_apart() -> None:
    """e^1000 does not exist, and what its row costs does."""
    z = np.array([[1000.0, 0.0, -1000.0], [0.0, 800.0, 800.0], [1e-300, 0.0, -1e-300], [1e5, -1e5, 0.0]])
    assert_alike(
        lambda z, y: tg.softmax_cross_entropy(z, y, reduction="none"),
        lambda z, y: F.cross_entropy(z, y, reduction="none"),
        z,
        np.array([2, 1, 0, 1]),
    )


@reductions
@shapes
def test_binary_cross_entropy(shape: tuple[int, ...], reduction: Any) -> None:
    for labels in (probabilities(shape, 1), np.asarray(classes(shape, 2), np.float64)):
        y = torch.from_numpy(labels)
        assert_alike(
            lambda p, labels=labels: tg.binary_cross_entropy(p, labels, reduction=reduction),
            lambda p, y=y: F.binary_cross_entropy(p, y, reduction=reduction),
            probabilities(shape),
        )


@reductions
@shapes
def test_binary_cross_entropy_with_logits(shape: tuple[int, ...], reduction: Any) -> None:
    for labels in (probabilities(shape, 1), np.asarray(classes(shape, 2), np.float64)):
        y = torch.from_numpy(labels)
        assert_alike(
            lambda z, labels=labels: tg.binary_cross_entropy_with_logits(z, labels, reduction=reduction),
            lambda z, y=y: F.binary_cross_entropy_with_logits(z, y, reduction=reduction),
            real(shape),
        )


def test_binary_cross_entropy_of_logits_far_from_0() -> None:
    z = np.array([-1e5, -800.0, -40.0, -1e-9, 0.0, 1e-9, 40.0, 800.0, 1e5])
    for label in (0.0, 0.3, 1.0):
        assert_alike(
            lambda z, y=label: tg.binary_cross_entropy_with_logits(z, np.full(9, y), reduction="none"),
            lambda z, y=label: F.binary_cross_entropy_with_logits(z, torch.full((9,), y), reduction="none"),
            z,
        )


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_binary_cross_entropy_with_weights(reduction: Any) -> None:
    """PyTorch's pos_weight weighs y = 1, and its weight the rows. (Its mean is not divided by the weights; ours is.)"""
    labels = classes((6, 3), 2).astype(np.float64)
    rows = np.random.default_rng(4).uniform(0.2, 3, 6)
    y, weights = torch.from_numpy(labels), torch.from_numpy(rows)[:, None]
    assert_alike(
        lambda z: tg.binary_cross_entropy_with_logits(
            z, labels, class_weights=[1, 2.5], sample_weights=rows, reduction=reduction
        ),
        lambda z: F.binary_cross_entropy_with_logits(
            z, y, weights, pos_weight=torch.tensor([2.5]), reduction=reduction
        ),
        real((6, 3)),
    )


REGRESSION: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "MSE": (tg.mean_squared_error, F.mse_loss),
    "MAE": (tg.mean_absolute_error, F.l1_loss),
    "Huber": (tg.huber, F.huber_loss),
    "Huber, δ": (
        lambda a, b, reduction: tg.huber(a, b, delta=0.4, reduction=reduction),
        lambda a, b, reduction: F.huber_loss(a, b, reduction, delta=0.4),
    ),
}


@reductions
@shapes
@pytest.mark.parametrize("name", REGRESSION)
def test_losses_for_numbers_with_gradients_for_targets_too(name: str, shape: tuple[int, ...], reduction: Any) -> None:
    ours, theirs = REGRESSION[name]
    assert_alike(
        lambda a, b: ours(a, b, reduction=reduction),
        lambda a, b: theirs(a, b, reduction=reduction),
        real(shape),
        real(shape, 1),
    )


@reductions
@pytest.mark.parametrize("name", REGRESSION)
def test_losses_for_numbers_where_they_bend(name: str, reduction: Any) -> None:
    ours, theirs = REGRESSION[name]
    assert_alike(
        lambda a: ours(a, np.zeros(7), reduction=reduction),
        lambda a: theirs(a, torch.zeros(7), reduction=reduction),
        np.array([-1.0, -0.4, 0.0, 0.4, 1.0, 1e-300, 1e100]),
    )


def mean_of_weights(weights: torch.Tensor, reduction: str) -> torch.Tensor | float:
    return weights.mean() if reduction == "mean" else 1.0


# PyTorch's weighted mean is divided by the sum of the weights, as ours, but for Huber's by the number of elements.
WEIGHTED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "MSE": (tg.mean_squared_error, F.mse_loss),
    "MAE": (tg.mean_absolute_error, F.l1_loss),
    "Huber": (
        lambda a, b, **options: tg.huber(a, b, delta=0.4, **options),
        lambda a, b, reduction, weight: F.huber_loss(a, b, reduction, 0.4, weight) / mean_of_weights(weight, reduction),
    ),
}


@reductions
@pytest.mark.parametrize("name", WEIGHTED)
def test_losses_for_numbers_with_weighted_rows(name: str, reduction: Any) -> None:
    ours, theirs = WEIGHTED[name]
    rows = np.random.default_rng(4).uniform(0.2, 3, 6)
    weights = torch.from_numpy(rows)[:, None].expand(6, 3)
    assert_alike(
        lambda a, b: ours(a, b, reduction=reduction, sample_weights=rows),
        lambda a, b: theirs(a, b, reduction=reduction, weight=weights),
        real((6, 3)),
        real((6, 3), 1),
    )


@reductions
@pytest.mark.parametrize("shape", [(1, 2), (6, 2), (40, 5)], ids=str)
def test_hinge(shape: tuple[int, int], reduction: Any) -> None:
    assert_alike(
        lambda z, y: tg.hinge(z, y, reduction=reduction),
        lambda z, y: F.multi_margin_loss(z, y, reduction=reduction),
        real(shape),
        classes(shape[:1], shape[1]),
    )


@reductions
def test_hinge_of_one_score(reduction: Any) -> None:
    """PyTorch has the label as −1 or 1, and takes the margin for −1 alone, so the scores are turned over."""
    labels = classes((9,), 2)
    signs = torch.from_numpy(labels * 2 - 1)
    assert_alike(
        lambda z: tg.hinge(z, labels, reduction=reduction),
        lambda z: F.hinge_embedding_loss(z * signs, -torch.ones(9), reduction=reduction),
        real((9,)),
    )
