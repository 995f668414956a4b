"""Freezing: what is frozen stays as it is, whatever trains, and takes up where it was when it is unfrozen."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from training.setting import fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import OptionError

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, 0.1, 0.9, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, 0.01, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, 0.01, weight_decay=0.1),
    "AdaGrad": lambda p: optim.AdaGrad(p, 0.01, weight_decay=0.1),
}


def normalised(seed: int = 0) -> nn.Sequential:
    return nn.Dense(3, 8, rng=seed) >> nn.BatchNorm(8) >> nn.ReLU() >> nn.Dense(8, 2, rng=seed + 1)


def trained_names(model: nn.Module) -> list[str]:
    return [name for name, p in model.named_parameters().items() if p.requires_grad]


def test_a_whole_model_is_frozen_and_unfrozen_but_for_what_is_never_trained() -> None:
    model = normalised()
    before = trained_names(model)
    assert model.freeze() is model
    assert trained_names(model) == []
    assert model.unfreeze() is model
    assert trained_names(model) == before
    layers = {"layers.0": "Wb", "layers.1": ("gamma", "beta"), "layers.3": "Wb"}
    assert before == [f"{layer}.{name}" for layer, names in layers.items() for name in names]


def test_lists_and_dicts_of_modules_are_frozen_too() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.inner = [nn.Dense(3, 3, rng=0)]
            self.heads = {"a": nn.Dense(3, 2, rng=1)}
            self.scale = nn.Parameter(np.ones(2))
            self.count = nn.Parameter(np.arange(2), requires_grad=False)

    model = Own()
    model.freeze()
    assert trained_names(model) == []
    model.unfreeze()
    assert trained_names(model) == ["inner.0.W", "inner.0.b", "heads.a.W", "heads.a.b", "scale"]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_frozen_layer_keeps_its_weights_while_the_others_learn(kind: str) -> None:
    """Also when the optimizer has a state for it, which would move it on: momentum, weight decay."""
    model = normalised()
    optimizer = OPTIMIZERS[kind](model)
    fitted(model, optimizer=optimizer)
    model[0].freeze()
    before = model.state_dict()
    fitted(model, optimizer=optimizer)
    after = model.state_dict()
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {"layers.0.W", "layers.0.b"}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_the_state_of_an_optimizer_waits_for_a_frozen_layer(kind: str) -> None:
    """Three steps, three frozen ones, three more: the same as six steps with the same gradients."""

    def descend(p: tg.Tensor, optimizer: optim.Optimizer, step: int) -> None:
        optimizer.zero_grad()
        (p * np.cos(step + np.arange(3.0))).sum().backward()
        optimizer.step()

    class Holder(nn.Module):
        def __init__(self) -> None:
            self.p, self.q = nn.Parameter(np.ones(3)), nn.Parameter(np.ones(3))

    waiting, straight = Holder(), Holder()
    for model, pauses in ((waiting, True), (straight, False)):
        optimizer = OPTIMIZERS[kind]([model.p, model.q])
        for step in range(6):
            if step == 3 and pauses:
                model.freeze()
                model.q.requires_grad = True
                for between in range(3):
                    descend(model.q, optimizer, between)
                model.unfreeze()
            descend(model.p, optimizer, step)
    assert waiting.p.data.tobytes() == straight.p.data.tobytes()
    assert not np.array_equal(waiting.q.data, straight.q.data)


def test_a_gradient_from_before_the_freezing_moves_nothing() -> None:
    model = network()
    sgd = optim.SGD(model, 0.1)
    tg.softmax_cross_entropy(model(rows()[0]), rows()[1]).backward()
    before = model.state_dict()
    model.freeze()
    sgd.step()
    assert same_weights(model.state_dict(), before)


def test_a_frozen_batch_norm_changes_nothing_and_uses_its_running_means_in_training() -> None:
    model = normalised()
    fitted(model)
    layer: Any = model[1]
    layer.freeze()
    before = {name: p.numpy() for name, p in layer.named_parameters().items()}
    x = np.random.default_rng(3).normal(2, 3, (16, 8)).astype(np.float32)
    mean, variance = before["running_mean"], before["running_variance"]
    expected = (x - mean) / np.sqrt(variance + 1e-5) * before["gamma"] + before["beta"]
    assert layer.training
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-4, atol=1e-5)
    fitted(model)
    assert all(np.array_equal(p.data, before[name]) for name, p in layer.named_parameters().items())
    layer.unfreeze()
    fitted(model)
    assert not any(np.array_equal(p.data, before[name]) for name, p in layer.named_parameters().items())


def test_a_model_that_is_all_frozen_is_not_fitted() -> None:
    model = network().freeze()
    with pytest.raises(OptionError, match=r"are all frozen: unfreeze\(\) what is to learn"):
        fitted(model)
    model[0].unfreeze()
    with pytest.raises(OptionError, match="are all frozen"):
        fitted(model, optimizer=optim.SGD(model[2], 0.1))
    assert len(fitted(model)) == 3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_frozen_where_the_original_is(copied: Callable[[Any], Any]) -> None:
    model = normalised()
    model[0].freeze()
    again = copied(model)
    assert trained_names(again) == trained_names(model)
    assert trained_names(again.unfreeze()) == trained_names(normalised())  # running means are Buffers still


def test_loading_a_state_dict_freezes_and_unfreezes_nothing() -> None:
    frozen, free = normalised(), normalised(5)
    frozen.freeze()
    frozen.load_state_dict(free.state_dict())
    free.load_state_dict(frozen.state_dict())
    assert trained_names(frozen) == []
    assert trained_names(free) == trained_names(normalised())
