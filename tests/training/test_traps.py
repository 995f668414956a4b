"""Traps that `fit` and the losses warn of, each with data that spring it and data that do not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from training.setting import N, fitted, network, rows

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import SharedRowsWarning, TrainingWarning

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    name.__name__: name
    for name in (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.PReLU, nn.Sigmoid, nn.Tanh)
}


def warned(run: Callable[[], Any]) -> list[str]:
    """The warnings of a run, in their order."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    assert all(issubclass(warning.category, TrainingWarning) for warning in caught)
    return [str(warning.message) for warning in caught]


# Classes that the training data do not have.


def classes(n: int) -> Any:
    return nn.Dense(3, n, rng=0)


def test_classes_of_the_validation_data_only_are_named_once() -> None:
    (X, _), (V, _) = rows(), rows(7, 6)
    y, v = np.arange(N) % 2, np.array([0, 4, 1, 2, 2, 0])
    how: dict[str, Any] = {"train": (X, y), "valid": (V, v), "epochs": 3}
    [message] = warned(lambda: fitted(classes(5), **how))
    assert message.startswith("classes 2, 4: in the validation data only, so never learned; split the rows so that")
    [message] = warned(lambda: fitted(classes(5), **how | {"valid": (V, np.minimum(v, 2))}))
    assert message.startswith("class 2: in the validation data only")


def test_many_new_classes_are_counted_out_but_for_the_first() -> None:
    [message] = warned(
        lambda: fitted(classes(40), train=(rows()[0], np.zeros(N, int)), valid=(rows(7)[0], np.arange(N) % 40))
    )
    assert message.startswith("classes 1, 2, 3, 4, 5, 6, 7, 8, …: in the validation data only")


def test_classes_that_are_all_in_training_or_in_training_only_are_fine() -> None:
    (X, _), (V, _) = rows(), rows(7, 6)
    fitted(classes(5), train=(X, np.arange(N) % 5), valid=(V, np.array([0, 1, 1, 1, 3, 3])))


def test_whole_numbers_that_are_no_classes_are_fine() -> None:
    """Counts to be predicted: other ones in the validation data are what one expects."""
    (X, _), (V, _) = rows(), rows(7, 6)

    def loss(z: Any, y: Any) -> Any:
        return tg.mean_squared_error(z[:, 0], y.astype(np.float32))

    fitted(nn.Dense(3, 1, rng=0), loss=loss, train=(X, np.arange(N)), valid=(V, np.arange(6) + 100))
    fitted(nn.Dense(3, 2, rng=0), loss=loss, train=(X, np.arange(N) / 1), valid=(V, np.arange(6) + 100.0))


# Rows in both.


def test_rows_in_both_parts_are_counted_and_the_first_is_shown() -> None:
    (X, y), (V, v) = rows(), rows(7, 6)
    V[[2, 5]], v[[2, 5]] = X[[30, 4]], y[[30, 4]]
    with pytest.warns(SharedRowsWarning) as caught:
        fitted(network(), train=(X, y), valid=(V, v))
    [warning] = caught
    many = "2 rows of the validation data are in the training data too (the first: valid[2] is train[30]): validation"
    assert str(warning.message).startswith(many)
    assert warning.filename.endswith("setting.py")  # where a user's code calls fit, not within the package
    v[2] = 1 - v[2]
    [message] = warned(lambda: fitted(network(), train=(X, y), valid=(V, v)))
    assert message.startswith(
        "1 row of the validation data is in the training data too (the first: valid[5] is train[4])"
    )
    v[5] = 1 - v[5]
    assert not warned(lambda: fitted(network(), train=(X, y), valid=(V, v)))


def test_rows_that_are_twice_in_one_part_are_fine() -> None:
    (X, y), (V, v) = rows(), rows(7, 6)
    fitted(network(), train=(np.r_[X, X], np.r_[y, y]), valid=(np.r_[V, V], np.r_[v, v]))


# Columns that are not scaled.


def hidden(activation: Callable[[], nn.Module], seed: int, n_in: int = 30, n: int = 24) -> nn.Sequential:
    weights = "xavier_uniform" if activation in (nn.Sigmoid, nn.Tanh) else "he"
    return nn.Dense(n_in, n, weights=weights, rng=seed) >> activation() >> nn.Dense(n, 2, rng=seed + 1)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_raw_columns_that_leave_the_first_layer_stuck_are_told_once(name: str) -> None:
    table = tg.data.load_breast_cancer()
    model = hidden(ACTIVATIONS[name], 0)
    [message] = warned(lambda: fitted(model, train=(table.features, table.labels), optimizer=optim.SGD(model, 1e-9)))
    assert f"of the first {name.lower().replace('leakyrelu', 'leaky_relu')} in layers.1 are " in message
    assert "X is not scaled, its column 23 has numbers around 1.05e+03; scale it with tg.data.StandardScaler" in message
    state = "at its ends" if name in ("Sigmoid", "Tanh") else "on for every row or none"
    assert state in message


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_standardised_columns_are_fine_with_any_start(name: str) -> None:
    """200 networks each: of the real table, of single rows with one high value, and of few columns."""
    table = tg.data.load_breast_cancer()
    rng = np.random.default_rng(0)
    rare = (rng.random((569, 30)) < 0.01).astype(np.float64)  # its standardised ones are about 10
    for seed in range(200):
        X = [table.features, rare, table.features[:, :1]][seed % 3]
        X = tg.data.StandardScaler().fit_transform(X)
        model = hidden(ACTIVATIONS[name], seed, X.shape[1])
        order = rng.permutation(len(X))[:64]
        fitted(model, train=(X[order], np.asarray(table.labels)[order]), epochs=1, batch_size=[4, 16, 64][seed % 3])


def test_small_raw_columns_are_fine() -> None:
    """Numbers between 0 and 1, or a few units as of flowers in centimetres."""
    rng = np.random.default_rng(0)
    for seed in range(60):
        X = rng.random((64, 4)) * [[1.0, 3.0, 8.0][seed % 3]]
        fitted(hidden(nn.ReLU, seed, 4), train=(X, np.arange(64) % 2), epochs=1)


def test_large_columns_behind_a_normalisation_or_with_no_activation_are_fine() -> None:
    X, y = rows()
    X = X * 1e4 + 5e4
    for model in (
        nn.BatchNorm(3) >> network(),
        nn.LayerNorm(3) >> network(),
        nn.Dense(3, 8, rng=0) >> nn.BatchNorm(8) >> nn.ReLU() >> nn.Dense(8, 2, rng=1),
    ):
        fitted(model, train=(X, y))
    linear = nn.Dense(3, 2, rng=0)
    fitted(linear, train=(X, y), optimizer=optim.SGD(linear, 1e-12))
    letters = np.arange(N)[:, None] * 100
    fitted(nn.Embedding(5000, 4, rng=0) >> nn.Flatten() >> nn.Dense(4, 2, rng=1), train=(letters, y))


def test_an_activation_of_the_rows_themselves_with_a_slope_that_is_learned_is_fine() -> None:
    fitted(nn.PReLU(3) >> network())


# Probabilities where a loss takes logits.

TWICE = "takes logits, but these are probabilities, the result of "


@pytest.mark.parametrize("weighted", [{}, {"class_weights": [1.0, 2.0]}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize("last", [nn.Softmax(), tg.softmax])
def test_softmax_before_its_cross_entropy_is_told(last: Any, weighted: dict[str, Any]) -> None:
    def loss(z: Any, y: Any) -> Any:
        return tg.softmax_cross_entropy(z, y, **weighted)

    place = " in layers.3" if isinstance(last, nn.Module) else ""
    with pytest.warns(
        TrainingWarning, match=rf"^softmax_cross_entropy {TWICE}softmax{place}: the loss applies softmax"
    ):
        fitted(network() >> last, loss=loss)


@pytest.mark.parametrize("weighted", [{}, {"class_weights": [1.0, 2.0]}, {"label_smoothing": 0.1}])
def test_sigmoid_before_the_binary_cross_entropy_with_logits_is_told(weighted: dict[str, Any]) -> None:
    model = nn.Dense(3, 1, rng=0) >> nn.Sigmoid()
    X, y = rows()
    with pytest.warns(TrainingWarning, match=rf"^binary_cross_entropy_with_logits {TWICE}sigmoid in layers\.1: "):
        tg.binary_cross_entropy_with_logits(model(X), y[:, None], **weighted)


def test_it_is_told_once_for_all_batches() -> None:
    """As Python shows warnings unless it is told otherwise: each once for the line that it comes from."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        fitted(network() >> nn.Softmax(), epochs=5)
    assert len(caught) == 1


def test_logits_and_probabilities_each_with_their_loss_are_fine() -> None:
    X, y = rows()
    fitted(network())
    fitted(network() >> tg.log_softmax)  # the softmax of a log-softmax is the same one
    model = nn.Dense(3, 1, rng=0) >> nn.Sigmoid()
    for loss, targets in ((tg.binary_cross_entropy, y[:, None]), (tg.mean_squared_error, y[:, None] / 1)):
        fitted(model, loss=loss, train=(X, targets))
    fitted(nn.Dense(3, 4, rng=0) >> nn.Softmax() >> nn.Dense(4, 2, rng=1))  # attention, say
    teacher = tg.softmax(network(5)(X)).numpy()
    fitted(network(), train=(X, teacher))
