"""Data, counts, optimizers and losses that do not fit: refused before a weight changes, with what was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training.setting import N, fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import DtypeError, GradientError, LabelError, NonFiniteError, OptionError, ShapeError

X, Y = rows()


def with_value(value: float) -> np.ndarray:
    """X with one element changed."""
    changed = X.copy()
    changed[4, 1] = value
    return changed


BAD_DATA = [
    ((X, Y[:-1]), ShapeError, r"X \(50, 3\) and y \(49,\); as many rows in both"),
    ((X[:0], Y[:0]), ShapeError, r"X \(0, 3\) has no rows"),
    (([], []), ShapeError, r"X \(0,\); rows \(N, n\)"),
    ((X[0], Y), ShapeError, r"X \(3,\); rows \(N, n\)"),
    (([[1.0, 2.0, 3.0], [4.0]], [0, 1]), ShapeError, "X: rows of one length"),
    ((X, 1), ShapeError, r"y \(\)"),
    (X, ShapeError, r"ndarray given; a pair \(X, y\)"),
    ((X, Y, Y), ShapeError, r"tuple given; a pair \(X, y\)"),
    ((X.astype(str), Y), DtypeError, "X is <U"),
    ((X.astype(complex), Y), DtypeError, "X is complex128"),
    ((X, np.where(Y == 1, "M", "B")), DtypeError, "y is <U1; real numbers"),
    ((with_value(np.nan), Y), NonFiniteError, r"X\[4, 1\] is nan; finite float32"),
    ((with_value(-np.inf), Y), NonFiniteError, r"X\[4, 1\] is -inf; finite float32"),
    ((with_value(1e300), Y), NonFiniteError, r"X\[4, 1\] is 1e\+300; finite float32"),
    ((X, with_value(np.nan)), NonFiniteError, r"y\[4, 1\] is nan; finite float32"),
]


@pytest.mark.parametrize("part", ["training data", "validation data"])
@pytest.mark.parametrize(("data", "error", "text"), BAD_DATA, ids=[text for *_, text in BAD_DATA])
def test_data_that_do_not_fit_are_named_before_a_weight_changes(part: str, data: Any, error: Any, text: str) -> None:
    model = network()
    before = model.state_dict()
    how = {"train": data} if part == "training data" else {"valid": data}
    with pytest.raises(error, match=f"^{part}: .*{text}"):
        fitted(model, **how)
    assert same_weights(model.state_dict(), before)


@pytest.mark.parametrize(("data", "error", "text"), BAD_DATA, ids=[text for *_, text in BAD_DATA])
def test_evaluate_refuses_the_same_data(data: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=f"^evaluate: .*{text}"):
        tg.evaluate(network(), tg.softmax_cross_entropy, data)


def test_predict_names_rows_that_it_cannot_take() -> None:
    for given, error, text in (
        (X[0], ShapeError, r"^predict: X \(3,\)"),
        (with_value(np.nan), NonFiniteError, r"^predict: X\[4, 1\] is nan"),
        (X.astype(str), DtypeError, "^predict: X is <U"),
    ):
        with pytest.raises(error, match=text):
            tg.predict(network(), given)


def test_validation_data_have_the_columns_of_the_training_data() -> None:
    with pytest.raises(ShapeError, match=r"training data X \(50, 3\), validation data X \(50, 2\): as many columns"):
        fitted(network(), valid=(X[:, :2], Y))


def test_a_class_that_the_network_does_not_have_is_named() -> None:
    with pytest.raises(LabelError, match="label 2 in row"):
        fitted(network(), train=(X, np.where(np.arange(N) == 7, 2, Y)))


@pytest.mark.parametrize("value", [0, -1, 1.5, 2.0, True, False, "3", None])
@pytest.mark.parametrize("name", ["batch_size", "epochs"])
def test_numbers_that_are_no_counts_are_refused(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{name} is {value!r}; a whole number of at least 1"):
        fitted(network(), **{name: value})
    if name == "batch_size":
        with pytest.raises(OptionError, match=f"batch_size is {value!r}"):
            tg.predict(network(), X, batch_size=value)
        with pytest.raises(OptionError, match=f"batch_size is {value!r}"):
            tg.evaluate(network(), tg.softmax_cross_entropy, (X, Y), batch_size=value)


def test_a_count_may_be_numpys() -> None:
    assert len(fitted(network(), epochs=np.int64(2), batch_size=np.int32(16))) == 2


def test_an_optimizer_of_another_model_is_refused() -> None:
    with pytest.raises(OptionError, match="none of the model's parameters"):
        fitted(network(), optimizer=optim.Adam(network()))


def test_what_is_no_optimizer_or_model_is_named() -> None:
    with pytest.raises(OptionError, match=r"the optimizer is <class .*Adam.*an Optimizer is expected"):
        fitted(network(), optimizer=optim.Adam)
    model: Any = tg.relu
    with pytest.raises(DtypeError, match=r"the model is .*relu.*a Module is expected"):
        tg.predict(model, X)


def test_a_loss_that_is_not_one_number_is_named() -> None:
    def each(z: Any, y: Any) -> Any:
        return tg.softmax_cross_entropy(z, y, reduction="none")

    with pytest.raises(ShapeError, match=r"the loss has shape \(16,\); one number"):
        fitted(network(), loss=each)
    with pytest.raises(ShapeError, match=r"the loss has shape \(50,\); one number"):
        tg.evaluate(network(), each, (X, Y))


def test_a_loss_that_is_no_result_of_operations_is_named() -> None:
    with pytest.raises(DtypeError, match="the loss is a float; a Tensor is expected"):
        fitted(network(), loss=lambda z, y: 1.0)
    with pytest.raises(GradientError):
        fitted(network(), loss=lambda z, y: tg.Tensor(1.0))


def test_outputs_and_targets_of_different_shapes_are_not_broadcast() -> None:
    model = nn.Dense(3, 2, rng=0)
    with pytest.raises(ShapeError, match=r"\(16, 2\).*\(16,\)"):
        fitted(model, loss=tg.mean_squared_error, train=(X, X[:, 0]))
