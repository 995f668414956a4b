"""Silent errors of users: gradients that add up, or are not there. A careful optimizer says so, once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from training.setting import fitted, rows

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import MissingGradientWarning, OptionError, StaleGradientWarning

X, Y = rows(1, 16)


def loop(forget: bool, careful: bool, steps: int = 4, zero: str = "optimizer") -> tuple[list[Any], bytes]:
    """The warnings of some steps by hand, and the weights after them."""
    model = nn.Dense(3, 4, rng=0) >> nn.Tanh() >> nn.Dense(4, 2, rng=1)
    optimizer = optim.Adam(model, 0.01)
    optimizer.careful = careful
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(steps):
            if not forget and zero == "optimizer":
                optimizer.zero_grad()
            elif not forget:
                for p in model.parameters():
                    p.grad = None
            tg.softmax_cross_entropy(model(X), Y).backward()
            optimizer.step()
    return caught, b"".join(a.tobytes() for a in model.state_dict().values())


def test_gradients_that_a_step_has_used_are_told_once_and_where() -> None:
    caught, weights = loop(forget=True, careful=True)
    [warning] = caught
    assert warning.category is StaleGradientWarning
    assert str(warning.message).startswith(
        "'layers.0.W', 'layers.0.b', 'layers.2.W', …: the gradients of an earlier step"
    )
    assert "optimizer.zero_grad()" in str(warning.message)
    assert warning.filename == __file__
    silent, same = loop(forget=True, careful=False)
    assert (silent, same) == ([], weights)  # it changes nothing but that it warns, and is asked for


@pytest.mark.parametrize("zero", ["optimizer", "by hand"])
def test_gradients_that_are_zeroed_are_no_reason_to_warn(zero: str) -> None:
    caught, weights = loop(forget=False, careful=True, zero=zero)
    assert caught == []
    assert loop(forget=False, careful=False)[1] == weights


class Forgetful(nn.Module):
    """Has a layer that forward does not use."""

    def __init__(self) -> None:
        self.used, self.forgotten = nn.Dense(3, 2, rng=0), nn.Dense(3, 3, rng=1)

    def forward(self, x: Any) -> Any:
        return self.used(x)


def test_a_parameter_that_the_loss_does_not_depend_on_is_told_by_fit() -> None:
    with pytest.warns(MissingGradientWarning) as caught:
        fitted(Forgetful(), epochs=3)
    [warning] = caught
    start = "'forgotten.W', 'forgotten.b': no gradient: the loss does not depend on it"
    assert str(warning.message).startswith(start)


def test_and_by_a_careful_optimizer() -> None:
    model = Forgetful()
    optimizer = optim.SGD(model, 0.1)
    optimizer.careful = True
    tg.softmax_cross_entropy(model(X), Y).backward()
    with pytest.warns(MissingGradientWarning, match=r"^'forgotten\.W', 'forgotten\.b': no gradient"):
        optimizer.step()


def freeze(model: Any) -> Any:
    model.forgotten.freeze()
    return optim.Adam(model)


@pytest.mark.parametrize("make", [freeze, lambda model: optim.Adam(model.used)])
def test_what_is_frozen_or_not_given_to_the_optimizer_is_meant(make: Callable[[Any], Any]) -> None:
    model = Forgetful()
    fitted(model, optimizer=make(model))


@pytest.mark.parametrize(
    "model",
    [
        nn.Dense(3, 4, rng=0) >> nn.BatchNorm(4) >> nn.PReLU() >> nn.Dropout(0.5) >> nn.Dense(4, 2, rng=1),
        nn.Dense(3, 4, bias=False, rng=0) >> nn.LayerNorm(4) >> nn.GELU() >> nn.Dense(4, 2, rng=1),
    ],
)
def test_no_layer_of_the_package_is_told_to_be_forgotten(model: nn.Module) -> None:
    optimizer = optim.Adam(model)
    optimizer.careful = True
    fitted(model, optimizer=optimizer, clip_norm=1.0, valid=rows(7))


def test_an_optimizer_with_no_parameters_or_one_twice_is_refused() -> None:
    with pytest.raises(OptionError, match="an optimizer needs at least one parameter; none was given"):
        optim.Adam([])
    p = nn.Parameter(np.ones(2), name="w")
    with pytest.raises(OptionError, match="parameter 1, 'w', is given twice"):
        optim.SGD([p, p], 0.1)
    with pytest.raises(OptionError, match="parameter 1, 'w', is given twice"):
        optim.SGD([optim.Group([p]), optim.Group([p])], 0.1)
