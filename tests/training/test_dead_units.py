"""Which units pass no gradient on: over all rows of an epoch, in training only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training.setting import fitted, network

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.autograd.modes import MODE
from tinygrad_mlp.training import DeadUnits, History, Run

RUN = Run(network(), tg.optim.SGD(network(), 0.1), 1, validated=False, history=History())


def watched(*steps: Any) -> dict[str, float]:
    """The columns of an epoch in which these functions are called."""
    callback = DeadUnits()
    callback.start(RUN)
    try:
        for step in steps:
            step()
        return dict(callback.numbers(RUN))
    finally:
        callback.end(RUN)


def rows(*values: list[float]) -> tg.Tensor:
    return tg.Tensor(np.array(values), requires_grad=True)


def test_a_unit_is_dead_if_it_is_zero_for_every_row_of_the_epoch() -> None:
    first, second = rows([1.0, -1.0, -1.0, -1.0], [1.0, -2.0, 0.0, -1.0]), rows([-1.0, 3.0, -1.0, -1.0])
    assert watched(lambda: tg.relu(first), lambda: tg.relu(second)) == {"dead/relu": 0.5}
    assert watched(lambda: tg.relu(first)) == {"dead/relu": 0.75}


def test_values_of_sigmoid_and_tanh_are_saturated_by_their_slope() -> None:
    x = rows([0.0, 1.0, 2.5, -5.0])  # tanh' is 1, 0.42, 0.027, 0.0002; sigmoid' is 0.25, 0.2, 0.07, 0.007
    assert watched(lambda: tg.tanh(x)) == {"saturated/tanh": 0.5}
    assert watched(lambda: tg.sigmoid(x), lambda: tg.sigmoid(x * 0.0)) == {"saturated/sigmoid": 0.125}


def test_columns_have_the_paths_of_layers() -> None:
    model = nn.Dense(3, 4, rng=0) >> nn.ReLU() >> nn.Dense(4, 4, rng=1) >> nn.Tanh()
    model[0].W.data = np.zeros((3, 4))
    model[0].b.data = [1.0, -1.0, 0.0, 1.0]
    found = watched(lambda: model(np.ones((2, 3))))
    assert list(found) == ["dead/layers.1", "saturated/layers.3"]
    assert found["dead/layers.1"] == 0.5


def test_a_layer_of_two_widths_counts_all_of_its_units() -> None:
    layer = nn.Sequential(nn.ReLU())
    found = watched(lambda: layer(rows([1.0, -1.0])), lambda: layer(rows([1.0, 1.0, 1.0, -1.0])))
    assert found == {"dead/layers.0": pytest.approx(2 / 6)}


def test_what_passes_no_gradient_does_not_count() -> None:
    x = rows([-1.0])

    def validate() -> None:
        with tg.no_grad():
            tg.relu(x)

    assert watched(validate, lambda: tg.relu(np.array([1.0]))) == {}


def test_each_epoch_counts_anew_and_after_the_run_nothing_is_watched() -> None:
    callback = DeadUnits()
    before = MODE.get()
    callback.start(RUN)
    tg.relu(rows([1.0]))
    assert callback.numbers(RUN) == {"dead/relu": 0.0}
    tg.relu(rows([-1.0]))
    assert callback.numbers(RUN) == {"dead/relu": 1.0}
    callback.end(RUN)
    assert MODE.get() == before
    tg.relu(rows([1.0]))
    assert callback.numbers(RUN) == {}


def test_watching_changes_no_weight() -> None:
    plain, seen = network(), network()
    fitted(plain)
    fitted(seen, callbacks=[DeadUnits()])
    for name, values in plain.state_dict().items():
        np.testing.assert_array_equal(values, seen.state_dict()[name])


@pytest.mark.skipif(not hasattr(tg.Callback, "numbers"), reason="callbacks have no numbers for the history")
def test_the_history_has_a_column_for_each_activation() -> None:
    model = network()
    model.layers[0].b.data = np.array([-1e3, *[1e3] * 7])
    history = fitted(model, callbacks=[DeadUnits()])
    assert history["dead/layers.1"] == [0.125] * 3
