"""A number that is not finite ends a run, with the place where it came from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training.setting import fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.training import Callback, Run


@tg.op
def poisoned(x: Any) -> Any:
    return x * np.nan, lambda g: g


@tg.op
def poisoned_backward(x: Any) -> Any:
    return x * 1, lambda g: g * np.nan


def test_a_learning_rate_of_a_million_stops_with_epoch_batch_and_operation() -> None:
    X, _ = rows()
    model = nn.Dense(3, 8, rng=0) >> nn.Dense(8, 8, rng=1) >> nn.Dense(8, 3, rng=2)
    text = "^epoch 1, batch 2: the loss is inf: mean_squared_error made inf; a smaller learning rate often helps$"
    with pytest.raises(NonFiniteError, match=text):
        fitted(model, loss=tg.mean_squared_error, train=(X, X), optimizer=optim.SGD(model, 1e6), epochs=5)


@pytest.mark.parametrize("learning_rate", [1e6, 1e30])
def test_an_exploding_classifier_stops_with_epoch_batch_and_the_layer(learning_rate: float) -> None:
    model = nn.Dense(3, 8, rng=0) >> nn.Dense(8, 8, rng=1) >> nn.Dense(8, 2, rng=2)
    place = r"(parameter layers\.\d\.[Wb] has|\S+ in layers\.\d made) (inf|-inf|nan) at \(\d+(, \d+|,)\) of \(\d+"
    with pytest.raises(NonFiniteError, match=rf"^epoch \d+, batch \d+: the loss is (inf|nan): {place}"):
        fitted(model, optimizer=optim.SGD(model, learning_rate), epochs=20)


def test_the_operation_that_made_a_nan_is_named_with_its_element() -> None:
    with pytest.raises(
        NonFiniteError, match=r"epoch 1, batch 1: the loss is nan: poisoned.* made nan at \(0, 0\) of \(16, 8\)"
    ):
        fitted(nn.Dense(3, 8, rng=0) >> poisoned >> nn.ReLU() >> nn.Dense(8, 2, rng=1))


def test_the_oldest_operation_is_named_not_those_that_pass_the_nan_on() -> None:
    def loss(z: Any, y: Any) -> Any:
        return tg.softmax_cross_entropy(poisoned(tg.exp(z * 1e30)), y)

    with pytest.raises(NonFiniteError, match=r"exp made inf at"):
        fitted(network(), loss=loss)


def test_a_loss_that_is_not_finite_in_a_later_batch_is_named_by_epoch_and_batch() -> None:
    calls = []

    def loss(z: Any, y: Any) -> Any:
        calls.append(len(y))
        return tg.softmax_cross_entropy(z if len(calls) < 7 else poisoned(z), y)

    with pytest.raises(NonFiniteError, match=r"epoch 2, batch 3: the loss is nan: poisoned made nan"):
        fitted(network(), loss=loss)


def test_no_step_is_made_with_a_loss_that_is_not_finite() -> None:
    model = network() >> poisoned
    before = model.state_dict()
    with pytest.raises(NonFiniteError):
        fitted(model)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_gradient_that_is_not_finite_shows_in_the_next_batch_as_the_parameter() -> None:
    with pytest.raises(NonFiniteError, match=r"epoch 1, batch 2: the loss is nan: parameter layers\.0\.W has nan"):
        fitted(network() >> poisoned_backward)


def test_a_parameter_that_is_not_finite_after_the_last_batch_is_named_too() -> None:
    with pytest.raises(NonFiniteError, match=r"epoch 1, after its last batch: parameter layers\.0\.W has nan at"):
        fitted(network() >> poisoned_backward, epochs=1, batch_size=100)


def test_the_anomaly_detector_names_the_backward_step_in_a_fit() -> None:
    with tg.detect_anomaly(), pytest.raises(NonFiniteError, match="poisoned_backward"):
        fitted(network() >> poisoned_backward)


def test_a_validation_loss_that_is_not_finite_is_a_number_in_the_history() -> None:
    _, y = rows()
    huge = np.full((4, 3), 3.4e38)  # as a mean, losses of 1e38 would be finite
    history = fitted(network(), valid=(huge, y[:4]), epochs=2)
    assert len(history) == 2
    assert not np.isfinite(history["val_loss"]).any()
    assert not np.isfinite(tg.evaluate(network(), tg.softmax_cross_entropy, (huge, y[:4]))["loss"])


def test_an_overflow_is_an_error_or_a_number_but_no_warning_besides() -> None:
    def loss(z: Any, y: Any) -> Any:
        return tg.log(tg.exp(z * 1e30)).mean()

    assert not np.isfinite(tg.evaluate(network(), loss, rows())["loss"])
    with pytest.raises(NonFiniteError, match="exp made inf at"):
        fitted(network(), loss=loss)


def test_the_model_goes_back_to_the_weights_that_the_epoch_began_with() -> None:
    """Its parameters, and what batches left in it."""
    kept = []

    class Explode(Callback):
        def epoch(self, run: Run) -> None:
            kept.append(run.model.state_dict())
            if run.epoch == 3:
                run.optimizer.learning_rate = 1e38

    model = nn.BatchNorm(3) >> network()
    with pytest.raises(NonFiniteError, match=r"^epoch 4"):
        fitted(model, optimizer=optim.SGD(model, 0.1), epochs=9, callbacks=[Explode()])
    assert len(kept) == 3
    assert same_weights(model.state_dict(), kept[-1])


def test_a_run_that_fails_in_its_first_epoch_leaves_the_model_as_it_was() -> None:
    model = network() >> poisoned_backward
    before = model.state_dict()
    with pytest.raises(NonFiniteError):
        fitted(model)
    assert same_weights(model.state_dict(), before)


def test_callbacks_are_ended_after_it() -> None:
    ended = []

    class Ends(Callback):
        def end(self, run: Run) -> None:
            ended.append(run.epoch)

    with pytest.raises(NonFiniteError):
        fitted(network() >> poisoned, callbacks=[Ends()])
    assert ended == [1]
