"""Metrics by choice: what fit and evaluate compute of a model's outputs, against NumPy by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from training.setting import fitted, network, rows

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.training.measures import MEASURES, Measure

LOGITS = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0], [0.0, 4.0], [1.0, 0.0]])
LABELS = np.array([0, 1, 1, 1, 0])
P = 1 / (1 + np.exp(LOGITS[:, 0] - LOGITS[:, 1]))
THREE = np.array([[2.0, 0, 0], [0, 1, 0], [0, 0, 3], [1, 2, 0]])
OF_THREE = np.array([0, 1, 2, 0])
THREE_P = np.exp(THREE) / np.exp(THREE).sum(axis=1, keepdims=True)
BY_HAND = {  # of class 1: 2 hits, 2 rows given it, 3 rows of it
    "accuracy": 4 / 5,
    "log_loss": -np.log(np.where(LABELS, P, 1 - P)).mean(),
    "balanced_accuracy": (1 + 2 / 3) / 2,
    "macro_precision": (2 / 3 + 1) / 2,
    "macro_recall": (1 + 2 / 3) / 2,
    "macro_f1": (4 / 5 + 4 / 5) / 2,
    "precision": 1.0,
    "recall": 2 / 3,
    "f1": 4 / 5,
    "roc_auc": 4.5 / 6,  # row 2 has the probability of row 0
    "average_precision": 1 / 3 + 1 / 3 + 1 / 3 * 3 / 5,
    "brier": ((P - LABELS) ** 2).mean(),
}
NUMBERS = np.array([[1.0], [2.0], [6.0]])
MEANT = np.array([[1.0], [4.0], [4.0]])


class Says(nn.Module):
    """Gives what it is told of each row: its inputs, without a parameter."""

    def forward(self, x: Any) -> Any:
        return x


def judged(outputs: np.ndarray, y: Any, metrics: Any, loss: Any = lambda z, y: tg.Tensor(0.0)) -> dict[str, float]:
    tg.set_default_dtype(np.float64)
    try:
        return tg.evaluate(Says(), loss, (outputs, y), metrics=metrics)
    finally:
        tg.set_default_dtype(np.float32)


def test_each_metric_of_two_classes_is_what_it_is_by_hand() -> None:
    scores = judged(LOGITS, LABELS, list(BY_HAND))
    assert list(scores) == ["loss", *BY_HAND]
    for name, value in BY_HAND.items():
        assert scores[name] == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
@pytest.mark.parametrize("dtype", [np.int64, np.float64, bool])
def test_a_single_logit_is_of_two_classes(shape: tuple[int, ...], dtype: Any) -> None:
    z = (LOGITS[:, 1] - LOGITS[:, 0])[:, None]
    scores = judged(z, LABELS.reshape(shape).astype(dtype), list(BY_HAND))
    for name, value in BY_HAND.items():
        assert scores[name] == pytest.approx(value, rel=1e-12), name


def test_a_single_logit_above_0_is_class_1() -> None:
    assert judged(np.array([[0.1], [-0.1], [0.0]]), [1, 0, 0], ["accuracy"])["accuracy"] == 1


def test_metrics_of_three_classes() -> None:
    scores = judged(THREE, OF_THREE, ["accuracy", "macro_recall", "balanced_accuracy", "log_loss"])
    assert scores["accuracy"] == 3 / 4
    assert scores["macro_recall"] == scores["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert scores["log_loss"] == pytest.approx(-np.log(THREE_P[np.arange(4), OF_THREE]).mean())


@pytest.mark.parametrize("shape", [(3, 1), (3, 1, 1)])
def test_metrics_of_numbers(shape: tuple[int, ...]) -> None:
    scores = judged(NUMBERS.reshape(shape), MEANT.reshape(shape), ["r2", "mae", "rmse"])
    assert scores["r2"] == pytest.approx(1 - 8 / 6)
    assert scores["mae"] == pytest.approx(4 / 3)
    assert scores["rmse"] == pytest.approx(np.sqrt(8 / 3))


def test_a_probability_that_rounds_to_0_costs_much_but_not_everything() -> None:
    assert judged(np.array([[0.0, 2000.0]]), [0], ["log_loss"])["log_loss"] == pytest.approx(
        -np.log(np.finfo(float).tiny)
    )


def test_functions_are_metrics_too_and_those_of_the_package_get_what_they_take() -> None:
    def spread(y: np.ndarray, z: np.ndarray) -> float:
        assert (y.shape, z.shape) == ((5,), (5, 2))
        return z.max() - z.min()

    scores = judged(LOGITS, LABELS, [spread, tg.metrics.f1, tg.metrics.roc_auc])
    assert scores == {"loss": 0.0, "spread": 4.0, "f1": scores["f1"], "roc_auc": scores["roc_auc"]}
    assert scores["f1"] == pytest.approx(BY_HAND["f1"])
    assert scores["roc_auc"] == pytest.approx(BY_HAND["roc_auc"])


def test_a_history_has_a_column_for_each_metric_and_each_of_the_validation() -> None:
    names = ["f1", "roc_auc", "log_loss"]
    model, valid = network(), rows(7)
    history = fitted(model, valid=valid, metrics=names)
    assert history.names == ["loss", *names, "val_loss", "val_f1", "val_roc_auc", "val_log_loss"]
    scores = tg.evaluate(model, tg.softmax_cross_entropy, valid, metrics=names)
    assert {name: history[f"val_{name}"][-1] for name in scores} == scores
    assert history["val_log_loss"][-1] == pytest.approx(history["val_loss"][-1], rel=1e-5)
    assert fitted(network(), valid=valid, metrics=[]).names == ["loss", "val_loss"]


def test_no_metric_changes_what_is_learned() -> None:
    one, two = network(), network()
    fitted(one)
    fitted(two, metrics=list(BY_HAND))
    assert all((one.state_dict()[name] == two.state_dict()[name]).all() for name in one.state_dict())


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        (["acuracy"], "unknown metric 'acuracy'; did you mean accuracy?"),
        (["zzz"], "unknown metric 'zzz'; expected accuracy, log_loss,"),
        ([tg.metrics.macro], "unknown metric 'macro'; did you mean macro_precision?"),
        ("accuracy", r"metrics is 'accuracy'; a list of names or functions is expected, such as \['accuracy'\]"),
        ([3], "metric 3: a name or a function with a __name__ is expected"),
        ([partial(tg.metrics.f1, positive=0)], "a name or a function with a __name__ is expected"),
        (["f1", tg.metrics.f1], "metric f1 is asked for twice"),
        (["r2"], r"metric r2 compares numbers, here outputs \(N, 2\) and targets int64 \(N,\)"),
    ],
)
def test_what_is_no_metric_of_this_model_is_refused_before_training(metrics: Any, text: str) -> None:
    model = network()
    before = model.state_dict()
    with pytest.raises(OptionError, match=text.replace("?", r"\?")):
        fitted(model, metrics=metrics)
    with pytest.raises(OptionError, match=text.replace("?", r"\?")):
        tg.evaluate(model, tg.softmax_cross_entropy, rows(), metrics=metrics)
    assert all((before[name] == p).all() for name, p in model.state_dict().items())


@pytest.mark.parametrize("name", [name for name, measure in MEASURES.items() if measure.binary])
def test_metrics_of_two_classes_refuse_three(name: str) -> None:
    with pytest.raises(OptionError, match=rf"metric {name} is of 2 classes, the outputs \(N, 3\) are of 3"):
        judged(THREE, OF_THREE, [name])


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (NUMBERS, MEANT),
        (NUMBERS, [1, 2, 3]),
        (THREE, THREE),
        (THREE, OF_THREE[:, None]),
        (LOGITS, LABELS.astype(float)),
    ],
)
def test_metrics_of_classes_refuse_what_are_none(outputs: np.ndarray, targets: Any) -> None:
    with pytest.raises(OptionError, match=r"metric accuracy is of classes, here outputs .* logits \(N, C\)"):
        judged(outputs, targets, ["accuracy"])


def test_a_metric_of_ones_own_has_to_give_one_number() -> None:
    def both(y: np.ndarray, z: np.ndarray) -> Any:
        return [1, 2]

    with pytest.raises(OptionError, match=r"metric both gave \[1, 2\]; one number is expected"):
        judged(LOGITS, LABELS, [both])

    def loss(y: np.ndarray, z: np.ndarray) -> float:
        return 0.0

    with pytest.raises(OptionError, match="a metric cannot be named loss"):
        judged(LOGITS, LABELS, [loss])


def test_outputs_that_have_overflowed_have_scores_that_are_no_numbers() -> None:
    outputs = np.array([[np.nan, 0.0], [1.0, 0.0]])
    assert np.isnan(MEASURES["log_loss"].of(outputs, np.array([0, 1])))
    assert np.isnan(MEASURES["roc_auc"].of(outputs, np.array([0, 1])))


def test_early_stopping_knows_for_each_metric_which_way_is_better() -> None:
    for name, measure in MEASURES.items():
        perfect, wrong = {
            "numbers": (NUMBERS, NUMBERS[::-1]),
            "classes": (np.array([[9.0, 0], [0, 9.0]]), np.array([[0.0, 9], [9.0, 0]])),
            "probabilities": (np.array([[9.0, 0], [0, 9.0]]), np.array([[0.0, 9], [9.0, 0]])),
        }[measure.kind]
        targets = NUMBERS if measure.kind == "numbers" else np.array([0, 1])
        assert measure.sign == np.sign(measure.of(wrong, targets) - measure.of(perfect, targets)), name
    stopping = tg.EarlyStopping(2, monitor="val_macro_f1")
    history = fitted(network(), valid=rows(3), metrics=["macro_f1"], epochs=30, callbacks=[stopping])
    assert stopping.best == max(history["val_macro_f1"])


def test_a_shape_in_an_error_has_its_letters() -> None:
    own = Measure("r2", "R²", tg.metrics.r2, "numbers")
    with pytest.raises(OptionError, match=r"outputs \(N, 2, 3\) and targets int64 \(N,\)"):
        own.check((4, 2, 3), np.zeros(4, np.int64))
