"""What an optimizer refuses when it is made: each message says what was seen and what is expected."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import DtypeError, GradientError, OptionError

KINDS = [optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW, optim.AdaGrad]
each_kind = pytest.mark.parametrize("kind", KINDS)


def leaf(values: Any = (1.0, 2.0), name: str | None = None, dtype: Any = np.float64) -> tg.Tensor:
    return tg.Tensor(np.array(values, dtype), requires_grad=True, name=name)


@each_kind
@pytest.mark.parametrize("nothing", [[], (), nn.Sequential(nn.ReLU()), [optim.Group([])]])
def test_no_parameters(kind: Any, nothing: Any) -> None:
    with pytest.raises(OptionError, match="at least one parameter; none"):
        kind(nothing)


@each_kind
def test_a_parameter_given_twice(kind: Any) -> None:
    p, q = leaf(name="hidden.W"), leaf()
    with pytest.raises(OptionError, match=r"parameter 2, 'hidden\.W', is given twice"):
        kind([p, q, p])


def test_equal_parameters_are_not_the_same_parameter() -> None:
    p, q = leaf(), leaf()
    sgd = optim.SGD([p, q], 1.0)
    p.grad = [1.0, 1.0]
    sgd.step()
    assert (p.numpy().tolist(), q.numpy().tolist()) == ([0, 1], [1, 2])


def test_a_parameter_that_stands_in_two_places_of_a_model_is_trained_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Dense(2, 2, rng=0)
            self.second = self.first

    model = Tied()
    assert len(optim.SGD(model, 0.1).parameters) == 2  # W and b


@each_kind
def test_half_precision_is_for_storage_only(kind: Any) -> None:
    with pytest.raises(DtypeError, match=r"parameter 1, 'half', is float16; .*float32 and float64"):
        kind([leaf(), leaf(name="half", dtype=np.float16)])


@each_kind
@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
def test_integers_cannot_be_trained(kind: Any, dtype: Any) -> None:
    with pytest.raises(DtypeError, match=rf"parameter 0, 'ids', is {np.dtype(dtype)}; .*float32 and float64"):
        kind([tg.Tensor(np.array([1, 0], dtype), name="ids")])


@each_kind
def test_the_result_of_an_operation_cannot_be_trained(kind: Any) -> None:
    with pytest.raises(GradientError, match=r"parameter 1, the result of multiply.*\(2,\), is not a leaf"):
        kind([leaf(), leaf() * 2])


@each_kind
@pytest.mark.parametrize(("what", "seen"), [(np.ones(2), "ndarray"), (1.0, "float"), ("W", "str"), (None, "NoneType")])
def test_something_that_is_no_tensor(kind: Any, what: Any, seen: str) -> None:
    with pytest.raises(DtypeError, match=rf"parameter 1 is a {seen}; a Tensor is expected"):
        kind([leaf(), what])


@pytest.mark.parametrize(("what", "seen"), [(3, "int"), (None, "NoneType"), (nn.Dense(2, 2).parameters, "method")])
def test_something_that_holds_no_tensors(what: Any, seen: str) -> None:
    """As `SGD(model.parameters)`, without the call."""
    for given in (what, optim.Group(what)):
        with pytest.raises(DtypeError, match=rf"parameters is a {seen}; a Module, Tensors or Groups are expected"):
            optim.SGD(given)


def test_a_single_tensor_is_taken_as_it_is() -> None:
    p, q = leaf(), leaf()
    for parameter, optimizer in ((p, optim.SGD(p, 1.0)), (q, optim.SGD([optim.Group(q)], 1.0))):
        parameter.grad = [1.0, 1.0]
        optimizer.step()
        assert parameter.numpy().tolist() == [0, 1]


def test_an_iterator_of_parameters_is_taken() -> None:
    p, q = leaf(), leaf()
    found = optim.SGD(iter([p, q]), 1.0).parameters
    assert found[0] is p
    assert found[1] is q


def test_a_refused_optimizer_leaves_the_parameters_to_the_one_that_has_them() -> None:
    p = leaf()
    sgd = optim.SGD([p], 0.5)
    (p * p).sum().backward()
    for name, value in (("learning_rate", -1.0), ("momentum", 1.0), ("weight_decay", math.nan)):
        wrong: dict[str, Any] = {name: value}
        with pytest.raises(OptionError, match=name):
            optim.SGD([p], **wrong)
    with pytest.raises(OptionError):
        optim.SGD([p, p])
    assert p.numpy().tolist() == [1, 2]
    sgd.step()
    assert p.numpy().tolist() == [0, 0]


# Numbers.

BAD = [-0.1, math.nan, math.inf, -math.inf]


@each_kind
@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("name", ["learning_rate", "weight_decay"])
def test_a_rate_or_decay_that_is_no_finite_number_from_0(kind: Any, name: str, value: float) -> None:
    with pytest.raises(OptionError, match=rf"{name} is {value!r}; a finite number ≥ 0 is expected"):
        kind([leaf()], **{name: value})


@pytest.mark.parametrize("value", [*BAD, 1.0, 1.5])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (optim.SGD, "momentum"),
        (optim.RMSprop, "beta"),
        (optim.Adam, "beta1"),
        (optim.Adam, "beta2"),
        (optim.AdamW, "beta1"),
        (optim.AdamW, "beta2"),
    ],
)
def test_a_memory_that_does_not_fade(kind: Any, name: str, value: float) -> None:
    with pytest.raises(OptionError, match=rf"{name} is {value!r}; a finite number ≥ 0 and < 1 is expected"):
        kind([leaf()], **{name: value})


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("kind", [optim.RMSprop, optim.Adam, optim.AdamW, optim.AdaGrad])
def test_a_bad_epsilon(kind: Any, value: float) -> None:
    with pytest.raises(OptionError, match=rf"epsilon is {value!r}; a finite number ≥ 0 is expected"):
        kind([leaf()], epsilon=value)


@each_kind
@pytest.mark.parametrize("value", ["0.1", None, [0.1], 1j])
def test_something_that_is_no_number(kind: Any, value: Any) -> None:
    """An OptionError too, not whatever a comparison with it raises."""
    with pytest.raises(OptionError) as caught:
        kind([leaf()], learning_rate=value)
    assert str(caught.value) == f"learning_rate is {value!r}; a finite number ≥ 0 is expected"


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), np.float64(0.5)])
def test_numbers_of_numpy_are_numbers(value: Any) -> None:
    p = leaf(dtype=np.float32)
    sgd = optim.SGD([p], learning_rate=value)
    p.grad = [1.0, 1.0]
    sgd.step()
    assert p.numpy().tolist() == [0.5, 1.5]
    assert p.dtype == np.float32


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(OptionError, match="nesterov=True needs a momentum above 0"):
        optim.SGD([leaf()], nesterov=True)


def test_epsilon_hat_belongs_to_the_bias_correction() -> None:
    with pytest.raises(OptionError, match=r"epsilon_hat=True .*bias_correction=False"):
        optim.Adam([leaf()], bias_correction=False, epsilon_hat=True)


def test_a_rate_of_0_is_allowed_and_moves_nothing() -> None:
    p = leaf()
    adam = optim.Adam([p], 0.0)
    p.grad = [1.0, 1.0]
    adam.step()
    assert p.numpy().tolist() == [1, 2]


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, "0.1", None])
def test_a_number_set_between_steps_is_checked_and_the_old_one_stays(name: str, value: Any) -> None:
    p = tg.Tensor([1.0], requires_grad=True)
    sgd = optim.SGD([p], 0.5, weight_decay=0.25)
    before = getattr(sgd, name)
    with pytest.raises(OptionError, match=f"{name} is {value!r}"):
        setattr(sgd, name, value)
    assert getattr(sgd, name) == before
