"""The losses: values from their formulas, exact first gradients, hard inputs, and mistakes that must not pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.errors import LabelError, OptionError, ShapeError

Z = np.array([[2.0, 1.0, 0.1], [0.5, -1.0, 3.0]])
LABELS = np.array([0, 2])
ONE_HOT = np.array([[1, 0, 0], [0, 0, 1]])
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)

ELEMENTWISE = [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits, tg.mean_squared_error]
ALL = [tg.softmax_cross_entropy, *ELEMENTWISE]


def leaf(values: Any) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


def gradient_of(loss: Any, x: Any) -> Any:
    return tg.grad(loss, x)


# softmax cross-entropy


@pytest.mark.parametrize("labels", [LABELS, ONE_HOT, ONE_HOT.astype(float), ONE_HOT.astype(bool), [0, 2], (0, 2)])
def test_softmax_cross_entropy_from_its_formula(labels: Any) -> None:
    losses = [-math.log(P[0, 0]), -math.log(P[1, 2])]
    np.testing.assert_allclose(tg.softmax_cross_entropy(leaf(Z), labels, reduction="none").data, losses)
    np.testing.assert_allclose(tg.softmax_cross_entropy(leaf(Z), labels, reduction="sum").item(), sum(losses))
    np.testing.assert_allclose(tg.softmax_cross_entropy(leaf(Z), labels).item(), sum(losses) / 2)


@pytest.mark.parametrize("labels", [LABELS, ONE_HOT])
@pytest.mark.parametrize(("reduction", "divisor"), [("mean", 2), ("sum", 1)])
def test_softmax_cross_entropy_starts_with_prediction_minus_truth(labels: Any, reduction: Any, divisor: int) -> None:
    z = leaf(Z)
    g = gradient_of(tg.softmax_cross_entropy(z, labels, reduction=reduction), z)
    np.testing.assert_allclose(g, (P - ONE_HOT) / divisor, rtol=1e-14)


def test_softmax_cross_entropy_of_single_losses_scales_each_row() -> None:
    z = leaf(Z)
    losses = tg.softmax_cross_entropy(z, LABELS, reduction="none")
    g = tg.grad(losses, z, gradient=np.array([2.0, -3.0]))
    np.testing.assert_allclose(g, (P - ONE_HOT) * [[2.0], [-3.0]], rtol=1e-14)


def test_softmax_cross_entropy_with_label_smoothing() -> None:
    y = np.array([[0.9, 0.05, 0.05], [0.1, 0.1, 0.8]])
    z = leaf(Z)
    loss = tg.softmax_cross_entropy(z, y)
    np.testing.assert_allclose(loss.item(), -(y * np.log(P)).sum() / 2)
    np.testing.assert_allclose(gradient_of(loss, z), (P - y) / 2, rtol=1e-12)


def test_softmax_cross_entropy_takes_sequences_of_positions() -> None:
    z = leaf(np.stack([Z, -Z]))
    labels = np.array([[0, 2], [1, 1]])
    losses = tg.softmax_cross_entropy(z, labels, reduction="none")
    assert losses.shape == (2, 2)
    np.testing.assert_allclose(losses.data[0], [-math.log(P[0, 0]), -math.log(P[1, 2])])
    np.testing.assert_allclose(tg.softmax_cross_entropy(z, labels).item(), losses.data.mean())


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0, 100], [2**40, 0]])
def test_labels_out_of_range_are_refused(labels: list[int]) -> None:
    wrong = next(i for i in labels if not 0 <= i < 3)
    with pytest.raises(LabelError, match=rf"label {wrong} in row {labels.index(wrong)}.*0 to 2"):
        tg.softmax_cross_entropy(leaf(Z), labels)


def test_unsigned_labels_out_of_range_are_refused() -> None:
    with pytest.raises(LabelError, match="label 255"):
        tg.softmax_cross_entropy(leaf(Z), np.array([0, 255], np.uint8))


def test_floating_point_class_indices_are_refused() -> None:
    with pytest.raises(LabelError, match="integers"):
        tg.softmax_cross_entropy(leaf(Z), np.array([0.0, 2.0]))


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.full((2, 3), 0.5), [[1.5, -0.5, 0], [1, 0, 0]], Z * np.nan])
def test_rows_of_labels_that_are_no_probabilities_are_refused(rows: Any) -> None:
    with pytest.raises(LabelError, match="probabilities"):
        tg.softmax_cross_entropy(leaf(Z), np.asarray(rows))


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (3,), (), (2, 2), (3, 2), (2, 3, 1), (1, 2, 3)])
def test_labels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="labels"):
        tg.softmax_cross_entropy(leaf(Z), np.zeros(shape, int))


@pytest.mark.parametrize("z", [np.zeros(3), np.array(1.0), np.zeros((2, 1))])
def test_logits_without_a_batch_or_with_one_class_are_refused(z: Any) -> None:
    with pytest.raises(ShapeError, match="logits"):
        tg.softmax_cross_entropy(leaf(z), np.zeros(z.shape[:-1], int))


def test_minus_infinite_logit_of_another_class_costs_nothing() -> None:
    """0 · ln 0 is 0: a class that is masked out."""
    z = leaf([[0.0, -np.inf, 0.0], [1.0, 1.0, -np.inf]])
    for labels in ([0, 1], np.array([[1.0, 0, 0], [0, 1, 0]])):
        loss = tg.softmax_cross_entropy(z, labels)
        np.testing.assert_allclose(loss.item(), math.log(2))
        np.testing.assert_allclose(gradient_of(loss, z), [[-0.25, 0, 0.25], [0.25, -0.25, 0]])


def test_minus_infinite_logit_of_the_true_class_costs_infinity() -> None:
    z = leaf([[0.0, -np.inf]])
    loss = tg.softmax_cross_entropy(z, [1])
    assert loss.item() == np.inf
    np.testing.assert_allclose(gradient_of(loss, z), [[1, -1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_softmax_cross_entropy_of_logits_of_1e4(dtype: Any, reduction: Any) -> None:
    z = tg.Tensor(np.array([[1e4, -1e4], [1e4, -1e4]], dtype), requires_grad=True)
    losses = tg.softmax_cross_entropy(z, [0, 1], reduction=reduction)
    np.testing.assert_allclose(losses.data, {"mean": 1e4, "sum": 2e4, "none": [0, 2e4]}[reduction])
    g = tg.grad(losses.sum(), z) * (2 if reduction == "mean" else 1)
    np.testing.assert_allclose(g, [[0, 0], [1, -1]])


def test_softmax_cross_entropy_of_logits_of_1e308() -> None:
    z = leaf([[0.0, 1e308]])
    loss = tg.softmax_cross_entropy(z, [0])
    assert loss.item() == 1e308
    assert gradient_of(loss, z).tolist() == [[-1, 1]]


def test_softmax_cross_entropy_of_logits_further_apart_than_float64_reaches() -> None:
    """Their distance is 2e308, yet the likely class costs 0, and nothing warns."""
    z = leaf([[1e308, -1e308]])
    loss = tg.softmax_cross_entropy(z, [0])
    assert loss.item() == 0
    assert gradient_of(loss, z).tolist() == [[0, 0]]


def test_softmax_cross_entropy_of_many_rows_keeps_its_precision() -> None:
    n = 200_000
    z = np.zeros((n, 2), np.float32)
    loss = tg.softmax_cross_entropy(tg.Tensor(z), np.zeros(n, int))
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)


# binary cross-entropy


PROBABILITIES = np.array([0.9, 0.2, 0.5])
TRUTH = np.array([1, 0, 1])


@pytest.mark.parametrize("labels", [TRUTH, TRUTH.astype(bool), TRUTH.astype(float), [1, 0, 1]])
def test_binary_cross_entropy_from_its_formula(labels: Any) -> None:
    losses = [-math.log(0.9), -math.log(0.8), -math.log(0.5)]
    p = leaf(PROBABILITIES)
    np.testing.assert_allclose(tg.binary_cross_entropy(p, labels, reduction="none").data, losses)
    np.testing.assert_allclose(tg.binary_cross_entropy(p, labels, reduction="sum").item(), sum(losses))
    np.testing.assert_allclose(tg.binary_cross_entropy(p, labels).item(), sum(losses) / 3)
    expected = [-1 / 0.9, 1 / 0.8, -1 / 0.5]
    np.testing.assert_allclose(gradient_of(tg.binary_cross_entropy(p, labels, reduction="sum"), p), expected)
    z = leaf(np.log(PROBABILITIES / (1 - PROBABILITIES)))
    np.testing.assert_allclose(tg.binary_cross_entropy_with_logits(z, labels, reduction="none").data, losses)
    np.testing.assert_allclose(tg.binary_cross_entropy_with_logits(z, labels).item(), sum(losses) / 3)


@pytest.mark.parametrize(("reduction", "divisor"), [("mean", 3), ("sum", 1)])
def test_binary_cross_entropy_with_logits_starts_with_prediction_minus_truth(reduction: Any, divisor: int) -> None:
    z = leaf(np.log(PROBABILITIES / (1 - PROBABILITIES)))
    g = gradient_of(tg.binary_cross_entropy_with_logits(z, TRUTH, reduction=reduction), z)
    np.testing.assert_allclose(g, (PROBABILITIES - TRUTH) / divisor, rtol=1e-12)


def test_binary_cross_entropy_at_certain_predictions_that_are_right() -> None:
    p = leaf([0.0, 1.0])
    loss = tg.binary_cross_entropy(p, [0, 1], reduction="sum")
    assert loss.item() == 0
    assert gradient_of(loss, p).tolist() == [1, -1]


def test_binary_cross_entropy_at_certain_predictions_that_are_wrong_is_infinite_without_a_warning() -> None:
    p = leaf([0.0, 1.0])
    losses = tg.binary_cross_entropy(p, [1, 0], reduction="none")
    assert losses.data.tolist() == [np.inf, np.inf]
    with np.errstate(divide="ignore"):
        assert gradient_of(losses.sum(), p).tolist() == [-np.inf, np.inf]


@pytest.mark.parametrize("p", [-0.1, 1.0001, np.nan, np.inf])
def test_probabilities_outside_of_0_to_1_are_refused(p: float) -> None:
    with pytest.raises(LabelError, match="probabilit"):
        tg.binary_cross_entropy(leaf([0.5, p]), [0, 1])


@pytest.mark.parametrize("loss", [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits])
@pytest.mark.parametrize("label", [2, -1, 1.5, np.nan])
def test_binary_labels_outside_of_0_to_1_are_refused(loss: Any, label: float) -> None:
    with pytest.raises(LabelError, match=r"label .*\(1,\)"):
        loss(leaf([0.5, 0.5]), np.array([0, label]))


@pytest.mark.parametrize("size", [1e4, 1e308])
def test_binary_cross_entropy_of_large_logits(size: float) -> None:
    z = leaf([size, -size, size, -size])
    losses = tg.binary_cross_entropy_with_logits(z, [1, 0, 0, 1], reduction="none")
    assert losses.data.tolist() == [0, 0, size, size]
    assert tg.grad(losses, z, gradient=np.ones(4)).tolist() == [0, 0, 1, -1]


def test_binary_cross_entropy_of_large_float32_logits() -> None:
    z = tg.Tensor(np.array([1e4, -1e4], np.float32), requires_grad=True)
    loss = tg.binary_cross_entropy_with_logits(z, [0, 1])
    assert loss.item() == 1e4
    assert gradient_of(loss, z).tolist() == [0.5, -0.5]


def test_binary_cross_entropy_of_tiny_probabilities_keeps_its_digits() -> None:
    p = leaf([1e-20])
    assert tg.binary_cross_entropy(p, [0]).item() == pytest.approx(1e-20)
    z = leaf([-50.0])
    assert tg.binary_cross_entropy_with_logits(z, [0]).item() == pytest.approx(math.exp(-50))


# mean squared error


def test_mean_squared_error_from_its_formula() -> None:
    y, t = leaf([[1.0, 2.0], [3.0, 5.0]]), leaf([[1.0, 1.0], [1.0, 1.0]])
    assert tg.mean_squared_error(y, t, reduction="none").data.tolist() == [[0, 1], [4, 16]]
    assert tg.mean_squared_error(y, t, reduction="sum").item() == 21
    loss = tg.mean_squared_error(y, t)
    assert loss.item() == 21 / 4
    dy, dt = tg.grad(loss, [y, t])
    assert dy.tolist() == [[0, 0.5], [1, 2]]
    assert dt.tolist() == [[0, -0.5], [-1, -2]]


# all of them


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 1), (3,)), ((3,), (3, 1)), ((3,), (1, 3)), ((3, 1), (1, 3)), ((1,), ()), ((3, 2), (2,)), ((3,), ())],
)
def test_shapes_that_would_broadcast_are_refused(loss: Any, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    shown = [str(a).replace("(", r"\(").replace(")", r"\)"), str(b).replace("(", r"\(").replace(")", r"\)")]
    with pytest.raises(ShapeError, match=f"{loss.__name__}.*{shown[0]}.*{shown[1]}"):
        loss(leaf(np.full(a, 0.5)), np.ones(b))


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("reduction", ["avg", "", None, "Mean"])
def test_unknown_reductions_are_refused(loss: Any, reduction: Any) -> None:
    with pytest.raises(OptionError, match="'mean', 'sum' or 'none'"):
        loss(leaf(np.full((2, 2), 0.5)), np.array([[1, 0], [0, 1]]), reduction=reduction)


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
def test_the_mean_of_nothing_is_refused_and_the_sum_is_0(loss: Any) -> None:
    empty = leaf(np.zeros((0, 2)))
    with pytest.raises(ShapeError, match="no elements"):
        loss(empty, np.zeros((0, 2)))
    total = loss(empty, np.zeros((0, 2)), reduction="sum")
    assert total.item() == 0
    assert gradient_of(total, empty).shape == (0, 2)


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
def test_labels_do_not_change_float32(loss: Any) -> None:
    x = tg.Tensor(np.full((2, 2), 0.25, np.float32), requires_grad=True)
    for labels in (np.array([[1, 0], [0, 1]]), np.array([[True, False], [False, True]]), [[1, 0], [0, 1]]):
        value = loss(x, labels)
        assert value.dtype == np.float32
        assert gradient_of(value, x).dtype == np.float32


def test_float64_labels_do_not_change_float32() -> None:
    x = tg.Tensor(np.full((2, 2), 0.25, np.float32), requires_grad=True)
    for loss in (tg.softmax_cross_entropy, tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits):
        assert loss(x, np.eye(2)).dtype == np.float32


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
def test_labels_may_be_a_tensor(loss: Any) -> None:
    x = leaf(np.full((2, 2), 0.25))
    labels = np.array([[1, 0], [0, 1]])
    value = loss(x, tg.Tensor(labels))
    assert value.item() == loss(x, labels).item()
    np.testing.assert_array_equal(gradient_of(value, x), gradient_of(loss(x, labels), x))
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    first, expected = (tg.grad(loss(x, y), x, create_graph=True) for y in (tg.Tensor(labels), labels))
    np.testing.assert_allclose(gradient_of((first * weights).sum(), x), gradient_of((expected * weights).sum(), x))


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
def test_predictions_and_labels_are_not_written_to(loss: Any) -> None:
    x, labels = np.full((2, 2), 0.25), np.array([[1.0, 0.0], [0.0, 1.0]])
    z = leaf(x)
    assert gradient_of(loss(z, labels), z).any()
    assert labels.tolist() == [[1, 0], [0, 1]]
    assert z.data.tolist() == x.tolist()
