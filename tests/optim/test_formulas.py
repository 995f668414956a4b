"""The optimizers compute their formulas: the guide's numbers, and an independent reference over many steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from optim.reference import Reference

import tinygrad_mlp as tg
from tinygrad_mlp import optim
from tinygrad_mlp.tracing import in_place

SHAPES = [(), (1,), (3,), (2, 3), (0,), (2, 1, 2)]


def leaf(values: Any, dtype: Any = np.float64) -> tg.Tensor:
    return tg.Tensor(np.array(values, dtype), requires_grad=True)


def moved(kind: Callable[..., optim.Optimizer], *gradients: float, **options: Any) -> float:
    """Where steps with these gradients take a parameter that starts at 0."""
    p = leaf(0.0)
    optimizer = kind([p], **options)
    for g in gradients:
        p.grad = g
        optimizer.step()
    return p.item()


# The guide's fingerprints, to the digits that it prints.


@pytest.mark.parametrize(
    ("form", "expected"),
    [({}, 0.095346), ({"epsilon_in_root": True}, 0.095346), ({"epsilon_in_root": False}, 0.240253)],
)
def test_fingerprint_of_rmsprop(form: dict[str, bool], expected: float) -> None:
    assert round(-moved(optim.RMSprop, 0.1, learning_rate=0.1, beta=0.9, epsilon=0.01, **form), 6) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [({}, 0.090909), ({"epsilon_hat": True}, 0.024025), ({"bias_correction": False}, 0.075975)],
)
def test_fingerprint_of_adam(form: dict[str, bool], expected: float) -> None:
    options = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 0.01}
    assert round(-moved(optim.Adam, 0.1, **options, **form), 6) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [({}, -0.200), ({"rate_in_velocity": True}, -0.200), ({"rate_in_velocity": False}, -0.119)],
)
def test_fingerprint_of_momentum_when_the_rate_falls(form: dict[str, bool], expected: float) -> None:
    p = leaf(0.0)
    sgd = optim.SGD([p], 0.1, momentum=0.9, **form)
    p.grad = 1.0
    sgd.step()
    sgd.learning_rate = 0.01
    p.grad = 1.0
    sgd.step()
    assert round(p.item(), 3) == expected


def test_nesterov_by_hand() -> None:
    """v: 1, then 1.5; the steps are 0.5·1 + 1 and 0.5·1.5 + 1, times η = 0.1."""
    for inside in (True, False):
        x = moved(optim.SGD, 1.0, 1.0, learning_rate=0.1, momentum=0.5, nesterov=True, rate_in_velocity=inside)
        np.testing.assert_allclose(x, -0.15 - 0.175, rtol=1e-14)


def test_nesterov_looks_ahead_with_the_rate_of_its_step() -> None:
    """Inside: v = 0.1, then 0.05 + 0.01; outside: v = 1, then 1.5."""
    for inside, second in ((True, 0.5 * 0.06 + 0.01), (False, 0.01 * (0.5 * 1.5 + 1))):
        p = leaf(0.0)
        sgd = optim.SGD([p], 0.1, momentum=0.5, nesterov=True, rate_in_velocity=inside)
        for sgd.learning_rate in (0.1, 0.01):
            p.grad = 1.0
            sgd.step()
        np.testing.assert_allclose(p.item(), -0.15 - second, rtol=1e-14)


def test_weight_decay_by_hand() -> None:
    p = leaf([1.0, -2.0])
    sgd = optim.SGD([p], 0.1, weight_decay=0.5)
    p.grad = [1.0, 1.0]
    sgd.step()
    np.testing.assert_allclose(p.numpy(), [1 - 0.1 * 1.5, -2 - 0.1 * 0.0], rtol=1e-15)


def test_the_defaults_are_the_documented_ones() -> None:
    """Rates and constants that a user gets without asking; the forms without options are in the laws below."""
    np.testing.assert_allclose(moved(optim.SGD, 2.0), -0.01 * 2)
    np.testing.assert_allclose(moved(optim.RMSprop, 2.0), -0.001 * 2 / np.sqrt(0.1 * 4 + 1e-7))
    np.testing.assert_allclose(moved(optim.Adam, 1e-8), -0.001 * 0.5, rtol=1e-12)  # ε = 1e-8 halves it
    np.testing.assert_allclose(moved(optim.Adam, 0.3, 0.7), reference_adam(0.3, 0.7), rtol=1e-12)


def reference_adam(*gradients: float) -> float:
    reference = Reference("Adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}, [np.zeros(())])
    for g in gradients:
        reference.step([np.array(g)], 0.001)
    return float(reference.values[0])


# Laws: any rule, options, shapes, gradients, some of which are missing, rates and decays that change between steps.


def numbers(*values: float) -> st.SearchStrategy[float]:
    return st.sampled_from(values)


FORMS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "SGD": st.one_of(
        st.fixed_dictionaries({}, optional={"momentum": numbers(0.0, 0.5, 0.99), "rate_in_velocity": st.booleans()}),
        st.fixed_dictionaries(
            {"momentum": numbers(0.3, 0.9), "nesterov": st.just(True)}, optional={"rate_in_velocity": st.booleans()}
        ),
    ),
    "RMSprop": st.fixed_dictionaries(
        {"beta": numbers(0.0, 0.9, 0.99), "epsilon": numbers(1e-7, 1e-2)}, optional={"epsilon_in_root": st.booleans()}
    ),
    "AdaGrad": st.fixed_dictionaries(
        {"epsilon": numbers(1e-7, 1e-2)}, optional={"epsilon_in_root": st.booleans(), "accumulator": numbers(0.0, 0.1)}
    ),
}
CONSTANTS = {"beta1": numbers(0.0, 0.5, 0.9), "beta2": numbers(0.0, 0.9, 0.999), "epsilon": numbers(1e-7, 1e-2)}
FORMS["Adam"] = st.one_of(
    st.fixed_dictionaries(CONSTANTS, optional={"epsilon_hat": st.booleans()}),
    st.fixed_dictionaries({**CONSTANTS, "bias_correction": st.just(False)}),
)
FORMS["AdamW"] = st.fixed_dictionaries(CONSTANTS)


def agree_over_steps(kind: str, data: st.DataObject, dtype: Any, rtol: float, size: float) -> None:
    """Draw a training and take it with the optimizer and with the reference."""
    element = st.floats(-size, size, width=32)
    options = data.draw(FORMS[kind], "options")
    shapes = data.draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4), "shapes")
    values = [data.draw(hnp.arrays(dtype, shape, elements=element)) for shape in shapes]
    leaves = [leaf(w, dtype) for w in values]
    optimizer = getattr(optim, kind)(leaves, weight_decay=0.0, **options)
    reference = Reference(kind, options, values)
    for _ in range(data.draw(st.integers(1, 6), "steps")):
        optimizer.learning_rate, optimizer.weight_decay = data.draw(
            st.tuples(numbers(0.0, 0.01, 0.1, 1.0), numbers(0.0, 0.0, 0.1)), "rate and decay"
        )
        gradients = [data.draw(st.none() | hnp.arrays(dtype, shape, elements=element)) for shape in shapes]
        for p, g in zip(leaves, gradients, strict=True):
            p.grad = g
        optimizer.step()
        reference.step(gradients, optimizer.learning_rate, optimizer.weight_decay)
        for p, expected in zip(leaves, reference.values, strict=True):
            assert p.dtype == dtype
            assert p.shape == expected.shape
            np.testing.assert_allclose(p.data, expected, rtol=rtol, atol=rtol * size)


@pytest.mark.parametrize("kind", FORMS)
@given(st.data())
def test_every_rule_and_option_follows_its_formula(kind: str, data: st.DataObject) -> None:
    agree_over_steps(kind, data, np.float64, rtol=1e-9, size=1e3)


@pytest.mark.parametrize("kind", FORMS)
@given(st.data())
def test_float32_stays_float32_and_follows_the_formula(kind: str, data: st.DataObject) -> None:
    agree_over_steps(kind, data, np.float32, rtol=1e-3, size=10.0)


@pytest.mark.parametrize("kind", FORMS)
@given(data=st.data(), block=st.integers(1, 5))
def test_parameters_larger_than_a_block_follow_the_formula(kind: str, data: st.DataObject, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_place, "BLOCK", block)
        agree_over_steps(kind, data, np.float64, rtol=1e-9, size=1e3)


CASES = [
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "rate_in_velocity": False}),
    ("RMSprop", {"beta": 0.9, "epsilon": 1e-7}),
    ("Adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    ("AdamW", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    ("AdaGrad", {"epsilon": 1e-10}),
]


@pytest.mark.parametrize(("kind", "options"), CASES)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_several_blocks_with_a_rest_at_the_real_block_size(
    kind: str, options: dict[str, Any], decay: float, rng: np.random.Generator
) -> None:
    shapes = [(3,), (2, in_place.BLOCK + 5), (), (7,)]
    values = [rng.normal(size=shape) for shape in shapes]
    leaves = [leaf(w) for w in values]
    optimizer = getattr(optim, kind)(leaves, learning_rate=0.01, weight_decay=decay, **options)
    reference = Reference(kind, options, values)
    for _ in range(3):
        gradients = [rng.normal(size=shape) for shape in shapes]
        for p, g in zip(leaves, gradients, strict=True):
            p.grad = g
        optimizer.step()
        reference.step([*gradients], 0.01, decay)
    for p, expected in zip(leaves, reference.values, strict=True):
        np.testing.assert_allclose(p.data, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_a_decay_that_is_switched_on_and_off_again_keeps_the_state(kind: str, options: dict[str, Any]) -> None:
    p, values = leaf([1.0, -3.0]), [np.array([1.0, -3.0])]
    optimizer = getattr(optim, kind)([p], learning_rate=0.1, weight_decay=0.0, **options)
    reference = Reference(kind, options, values)
    for optimizer.weight_decay in (0.0, 0.0, 0.3, 0.3, 0.0, 0.05):
        p.grad = [0.5, 2.0]
        optimizer.step()
        reference.step([np.array([0.5, 2.0])], 0.1, optimizer.weight_decay)
        np.testing.assert_allclose(p.data, reference.values[0], rtol=1e-12)


def test_parameters_of_two_dtypes_keep_them_in_one_optimizer() -> None:
    a, b, c = leaf([1.0, 2.0], np.float32), leaf(3.0), leaf([[4.0]], np.float32)
    optimizer = optim.Adam([a, b, c], 0.1, epsilon=0.0)
    for p in (a, b, c):
        p.grad = np.ones(p.shape)
    optimizer.step()
    assert [p.dtype for p in (a, b, c)] == [np.float32, np.float64, np.float32]
    np.testing.assert_allclose(np.concatenate([p.data.ravel() for p in (a, b, c)]), [0.9, 1.9, 2.9, 3.9], rtol=1e-6)
    assert b.item() == pytest.approx(2.9, rel=1e-14)


def test_a_transposed_parameter_is_updated_element_by_element(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 2)).T
    p = leaf(values)
    g = rng.normal(size=(3, 2)).T
    p.grad = g
    optim.SGD([p], 0.1).step()
    np.testing.assert_allclose(p.data, values - 0.1 * g)
