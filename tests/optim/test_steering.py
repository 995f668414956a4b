"""What steers an optimizer: schedules, groups, decoupled decay, and clipping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp import optim
from tinygrad_mlp.errors import DtypeError, NonFiniteError, OptionError


def leaf(values: Any) -> tg.Tensor:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


def optimizer(rate: float = 0.5) -> optim.SGD:
    return optim.SGD([leaf([1.0])], rate)


def rates(schedule: optim.Schedule, n: int) -> list[float]:
    """The learning rate at the start and after each of n steps."""
    seen = [schedule.optimizer.learning_rate]
    for _ in range(n):
        schedule.step()
        seen.append(schedule.optimizer.learning_rate)
    return seen


def test_constant_stays() -> None:
    assert rates(optim.Constant(optimizer()), 3) == [0.5] * 4


def test_step_decay_drops_every_so_many_steps() -> None:
    assert rates(optim.StepDecay(optimizer(), every=2, gamma=0.5), 5) == [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]


def test_exponential_decays_at_each_step() -> None:
    assert rates(optim.Exponential(optimizer(), gamma=0.5), 3) == [0.5, 0.25, 0.125, 0.0625]


def test_cosine_goes_down_to_the_lowest_rate_and_stays() -> None:
    seen = rates(optim.Cosine(optimizer(1.0), over=4, lowest=0.2), 6)
    np.testing.assert_allclose(
        seen, [1, 0.2 + 0.4 * (1 + math.sqrt(0.5)), 0.6, 0.2 + 0.4 * (1 - math.sqrt(0.5)), 0.2, 0.2, 0.2]
    )


def test_warm_up_climbs_and_hands_over() -> None:
    sgd = optimizer(1.0)
    after = optim.Exponential(sgd, gamma=0.5)
    np.testing.assert_allclose(rates(optim.WarmUp(sgd, over=2, start=0.5, then=after), 4), [0.5, 0.75, 1.0, 0.5, 0.25])


def test_warm_up_alone_stays_at_the_top() -> None:
    np.testing.assert_allclose(rates(optim.WarmUp(optimizer(1.0), over=4, start=0.0), 6), [0, 0.25, 0.5, 0.75, 1, 1, 1])


def test_warm_up_refuses_a_schedule_for_another_optimizer() -> None:
    with pytest.raises(OptionError, match="another optimizer"):
        optim.WarmUp(optimizer(), 2, then=optim.Constant(optimizer()))


def test_a_plateau_reduces_the_rate_after_patience_and_starts_anew() -> None:
    sgd = optimizer(1.0)
    schedule = optim.ReduceOnPlateau(sgd, gamma=0.5, patience=1, lowest=0.3)
    seen = []
    for value in (1.0, 0.9, 0.95, 0.9, 0.9, math.nan, 0.5, 0.5, 0.5):
        schedule.step(value)
        seen.append(sgd.learning_rate)
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3]


def test_a_plateau_looks_at_the_share_of_the_best() -> None:
    sgd = optimizer(1.0)
    schedule = optim.ReduceOnPlateau(sgd, gamma=0.5, patience=0, threshold=0.1)
    schedule.step(10.0)
    schedule.step(9.5)  # not lower by a tenth
    assert sgd.learning_rate == 0.5
    schedule.step(8.9)
    assert sgd.learning_rate == 0.5


@pytest.mark.parametrize("every", [0, -1, 1.5, True, None, "2", [2], float("inf"), float("nan")])
def test_a_schedule_needs_a_whole_number_of_steps(every: Any) -> None:
    with pytest.raises(OptionError, match="whole number"):
        optim.StepDecay(optimizer(), every=every)


# Groups.


def step_with(adam: optim.Optimizer, *gradients: tuple[tg.Tensor, Any]) -> None:
    for p, g in gradients:
        p.grad = g
    adam.step()


def test_a_group_has_its_own_rate_and_decay() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    sgd = optim.SGD([optim.Group([a]), optim.Group([b], learning_rate=0.2, weight_decay=0.0)], 0.1, weight_decay=0.5)
    step_with(sgd, (a, [1.0]), (b, [1.0]))
    np.testing.assert_allclose([a.item(), b.item()], [1 - 0.1 * 1.5, 1 - 0.2])


def test_a_groups_rate_follows_the_optimizers_in_proportion() -> None:
    a, b = leaf([0.0]), leaf([0.0])
    sgd = optim.SGD([optim.Group([a]), optim.Group([b], learning_rate=0.3)], 0.1)
    sgd.learning_rate = 0.01
    step_with(sgd, (a, [1.0]), (b, [1.0]))
    np.testing.assert_allclose([a.item(), b.item()], [-0.01, -0.03])


@pytest.mark.parametrize("kind", [optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW, optim.AdaGrad])
def test_a_group_with_another_rate_learns_as_an_optimizer_with_that_rate(kind: Any) -> None:
    alone, grouped, other = leaf([1.0, -2.0]), leaf([1.0, -2.0]), leaf([3.0])
    first = kind([alone], 0.05)
    second = kind([optim.Group([other]), optim.Group([grouped], learning_rate=0.05)], 0.01)
    for g in ([0.3, -1.0], [2.0, 0.1], [-0.5, 0.0]):
        step_with(first, (alone, g))
        step_with(second, (grouped, g))
    np.testing.assert_allclose(grouped.numpy(), alone.numpy(), rtol=1e-13)
    assert other.item() == 3.0


def test_biases_can_be_kept_from_decaying() -> None:
    model = tg.nn.Dense(2, 3, rng=0)
    assert model.b is not None
    before = model.W.numpy()
    model.b.data = np.ones(3)
    adam = optim.AdamW(optim.without_decay_on_biases(model), learning_rate=0.1, weight_decay=0.5)
    step_with(adam, (model.W, np.zeros((2, 3))), (model.b, np.zeros(3)))
    np.testing.assert_allclose(model.W.numpy(), before * 0.95, rtol=1e-6)
    assert model.b.numpy().tolist() == [1, 1, 1]


def test_groups_and_tensors_are_not_mixed() -> None:
    with pytest.raises(DtypeError, match="group 1 is a Tensor"):
        optim.SGD([optim.Group([leaf([1.0])]), leaf([1.0])], 0.1)  # type: ignore[arg-type] # what is tested


def test_a_parameter_in_two_groups_is_refused() -> None:
    p = leaf([1.0])
    with pytest.raises(OptionError, match="twice"):
        optim.SGD([optim.Group([p]), optim.Group([p])], 0.1)


@pytest.mark.parametrize(("rate", "decay"), [(-1.0, None), (math.nan, None), (None, -1.0)])
def test_a_groups_numbers_are_checked(rate: Any, decay: Any) -> None:
    with pytest.raises(OptionError, match="a group's"):
        optim.SGD([optim.Group([leaf([1.0])], rate, decay)], 0.1)


# Rules.


def test_adamw_decays_beside_the_gradient() -> None:
    """By hand: the first step of Adam has the length η, whatever the gradient."""
    w = leaf([2.0])
    step_with(optim.AdamW([w], learning_rate=0.1, weight_decay=0.5, epsilon=0.0), (w, [7.0]))
    np.testing.assert_allclose(w.item(), 2 - 0.1 * 0.5 * 2 - 0.1, rtol=1e-14)


@pytest.mark.parametrize("in_root", [False, True])
def test_adagrad_divides_by_all_gradients_so_far(in_root: bool) -> None:
    w, v, expected = leaf([1.0]), 0.1, 1.0
    adagrad = optim.AdaGrad([w], 0.5, epsilon=0.01, accumulator=0.1, epsilon_in_root=in_root)
    for g in (1.0, -0.3, 2.0):
        step_with(adagrad, (w, [g]))
        v += g * g
        expected -= 0.5 * g / (math.sqrt(v + 0.01) if in_root else math.sqrt(v) + 0.01)
    np.testing.assert_allclose(w.item(), expected, rtol=1e-14)


# Clipping.


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5), st.floats(1e-3, 1e3))
def test_clipping_by_norm_keeps_the_direction(values: list[float], limit: float) -> None:
    a, b = leaf(values), leaf(2.0)
    a.grad, b.grad = values, 1.0
    before = np.array([*values, 1.0])
    norm = optim.clip_gradients([a, b], norm=limit)
    after = np.array([*a.grad, b.grad])
    np.testing.assert_allclose(norm, np.linalg.norm(before), rtol=1e-12)
    np.testing.assert_allclose(after, before * min(1, limit / norm), rtol=1e-12, atol=1e-300)


def test_clipping_by_value_holds_each_element() -> None:
    a = leaf([0.0, 0.0, 0.0])
    a.grad = [-3.0, 0.5, 2.0]
    optim.clip_gradients([a], value=1.0)
    assert a.grad.tolist() == [-1, 0.5, 1]


def test_clipping_between_backward_and_step_is_honoured() -> None:
    model = tg.nn.Dense(2, 2, rng=0)
    before = model.W.numpy()
    sgd = optim.SGD(model, learning_rate=1.0)
    for _ in range(2):  # the second time the gradients live in the optimizer's memory
        before = model.W.numpy()
        sgd.zero_grad()
        (model(np.ones((4, 2))) * 100).sum().backward()
        optim.clip_gradients(model, norm=0.5)
        sgd.step()
        np.testing.assert_allclose(np.linalg.norm(model.W.numpy() - before), 0.5 * math.sqrt(2 / 3), rtol=1e-5)


def test_a_gradient_that_is_not_finite_is_named_and_nothing_scaled() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    a.grad, b.grad, b.name = [5.0], [math.nan], "layers.0.b"
    with pytest.raises(NonFiniteError, match=r"layers\.0\.b"):
        optim.clip_gradients([a, b], norm=1.0)
    assert a.grad.tolist() == [5]


@pytest.mark.parametrize("limits", [{}, {"norm": 0.0}, {"value": -1.0}, {"norm": math.nan}])
def test_clipping_needs_a_limit_above_0(limits: Any) -> None:
    with pytest.raises(OptionError, match="clip_gradients"):
        optim.clip_gradients([leaf([1.0])], **limits)
