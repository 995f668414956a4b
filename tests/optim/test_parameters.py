"""What happens to parameters between steps: skipped, shared by optimizers, set, loaded, copied, changed too early."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optim.reference import Reference

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import StaleError

ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"momentum": 0.9}),
    ("RMSprop", {"beta": 0.9, "epsilon": 1e-7}),
    ("Adam", ADAM),
    ("AdamW", ADAM),
    ("AdaGrad", {"epsilon": 1e-10}),
]
each_kind = pytest.mark.parametrize(("kind", "options"), KINDS)


def leaf(values: Any, name: str | None = None) -> tg.Tensor:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True, name=name)


def step(optimizer: optim.Optimizer, *gradients: tuple[tg.Tensor, Any]) -> None:
    """A step with these gradients and no others."""
    optimizer.zero_grad()
    for p, g in gradients:
        p.grad = g
    optimizer.step()


# Skipped parameters.


@each_kind
def test_a_parameter_without_gradient_keeps_value_and_state_and_its_first_step_is_step_1(
    kind: str, options: dict[str, Any]
) -> None:
    """With decay: a skipped parameter does not decay either."""
    a, b, c = leaf([1.0, 2.0]), leaf([3.0, -1.0]), leaf(0.5)
    optimizer = getattr(optim, kind)([a, b, c], learning_rate=0.1, weight_decay=0.1, **options)
    for _ in range(3):
        step(optimizer, (a, [1.0, -1.0]), (c, 1.0))
    assert b.numpy().tolist() == [3.0, -1.0]
    alone = Reference(kind, options, [np.array([3.0, -1.0])])
    for g in ([0.5, 0.2], [-2.0, 0.1]):
        step(optimizer, (a, [1.0, -1.0]), (b, g), (c, 1.0))
        alone.step([np.array(g)], 0.1, 0.1)
        np.testing.assert_allclose(b.data, alone.values[0], rtol=1e-12)


@each_kind
def test_a_parameter_that_joins_late_in_backward_passes_starts_with_step_1(kind: str, options: dict[str, Any]) -> None:
    """As above, but the gradients come from backward passes, which write into the optimizer's memory."""
    a, b = leaf([1.0, 2.0]), leaf([3.0, -1.0])
    optimizer = getattr(optim, kind)([a, b], learning_rate=0.1, weight_decay=0.1, **options)
    early, late = Reference(kind, options, [a.data]), Reference(kind, options, [b.data])
    for turn in range(6):
        optimizer.zero_grad()
        loss = (a * a).sum()
        if turn > 2:
            loss = loss + (b * b * b).sum()
            late.step([3 * late.values[0] ** 2], 0.1, 0.1)
        early.step([2 * early.values[0]], 0.1, 0.1)
        loss.backward()
        optimizer.step()
        np.testing.assert_allclose(a.data, early.values[0], rtol=1e-12)
        np.testing.assert_allclose(b.data, late.values[0], rtol=1e-12)


@each_kind
def test_momentum_does_not_move_a_parameter_whose_gradient_is_gone(kind: str, options: dict[str, Any]) -> None:
    a, b = leaf([1.0]), leaf([2.0])
    optimizer = getattr(optim, kind)([a, b], learning_rate=0.1, weight_decay=0.0, **options)
    step(optimizer, (a, [1.0]), (b, [1.0]))
    before = b.item()
    step(optimizer, (a, [1.0]))
    assert b.item() == before
    both = Reference(kind, options, [np.array([2.0])])
    both.step([np.array([1.0])], 0.1)
    both.step([np.array([-0.3])], 0.1)
    step(optimizer, (b, [-0.3]))
    np.testing.assert_allclose(b.data, both.values[0], rtol=1e-12)


def test_a_step_without_any_gradient_changes_nothing() -> None:
    p = leaf([1.0])
    adam = optim.Adam([p], 0.1)
    adam.step()
    assert p.item() == 1
    step(adam, (p, [1.0]))
    np.testing.assert_allclose(p.item(), 0.9)  # the first step of Adam is η, so it was step 1


def test_a_gradient_of_zero_is_a_gradient() -> None:
    """Momentum goes on where the gradient is 0; only None is skipped."""
    p = leaf([0.0])
    sgd = optim.SGD([p], 0.1, momentum=0.5)
    step(sgd, (p, [1.0]))
    step(sgd, (p, [0.0]))
    np.testing.assert_allclose(p.item(), -0.1 - 0.05)


def test_a_frozen_parameter_of_a_model_is_left_alone() -> None:
    model = nn.Sequential(nn.Dense(2, 3, rng=0), nn.Dense(3, 1, rng=1))
    frozen, free = (layer for layer in model.layers if isinstance(layer, nn.Dense))
    frozen.W.requires_grad = False
    before, free_before = frozen.W.numpy(), free.W.numpy()
    sgd = optim.SGD(model, 0.1, weight_decay=0.1)
    for _ in range(2):
        sgd.zero_grad()
        model(np.ones((4, 2))).sum().backward()
        sgd.step()
    assert frozen.W.numpy().tolist() == before.tolist()
    assert (free.W.numpy() != free_before).all()


# Two optimizers on one parameter.


def test_two_optimizers_alternate_on_one_parameter() -> None:
    shared, mine = leaf([1.0, 2.0]), leaf(3.0)
    adam, sgd = optim.Adam([mine, shared], 0.1), optim.SGD([shared], 0.1, momentum=0.9)
    by_adam, by_sgd = Reference("Adam", ADAM, [shared.data]), Reference("SGD", {"momentum": 0.9}, [shared.data])
    for turn, g in enumerate([[1.0, -1.0], [0.5, 0.5], [2.0, 0.1], [0.3, -4.0], [1.0, 1.0], [0.1, 0.2]]):
        optimizer, now, other = (adam, by_adam, by_sgd) if turn in (0, 3, 4) else (sgd, by_sgd, by_adam)
        shared.grad = g
        optimizer.step()
        now.step([np.array(g)], 0.1)
        other.values = now.values
        np.testing.assert_allclose(shared.data, now.values[0], rtol=1e-12)


def test_two_optimizers_step_with_the_same_gradients_of_a_backward_pass() -> None:
    p = leaf([1.0, 2.0])
    first, second = optim.SGD([p], 0.1), optim.SGD([p], 0.01)
    expected = np.array([1.0, 2.0])
    for _ in range(3):
        p.grad = None
        (p * p).sum().backward()
        first.step()
        second.step()
        expected = expected - 0.11 * 2 * expected
        np.testing.assert_allclose(p.data, expected, rtol=1e-12)


def test_an_optimizer_made_between_backward_and_step_uses_the_gradient() -> None:
    p = leaf([1.0, 2.0])
    optim.SGD([p], 0.1)
    (p * p).sum().backward()
    optim.SGD([p], 0.25).step()
    np.testing.assert_allclose(p.data, [0.5, 1.0])


def test_an_optimizer_that_is_gone_leaves_its_parameters_whole() -> None:
    p, q = leaf([1.0, 2.0]), leaf(3.0)
    step(optim.SGD([p, q], 1.0), (p, [1.0, 1.0]))
    assert (p.numpy().tolist(), q.item()) == ([0.0, 1.0], 3.0)
    p.grad = None
    (p * p).sum().backward()
    assert p.grad is not None
    assert p.grad.tolist() == [0.0, 2.0]


# Changes between steps.


def test_values_set_between_steps_are_where_the_next_step_starts() -> None:
    p = leaf([1.0, 2.0])
    sgd = optim.SGD([p, leaf(0.0)], 0.1)
    step(sgd, (p, [1.0, 1.0]))
    p.data = np.array([5.0, 6.0])
    step(sgd, (p, [1.0, 1.0]))
    np.testing.assert_allclose(p.data, [4.9, 5.9])
    p.data -= 1
    step(sgd, (p, [1.0, 1.0]))
    np.testing.assert_allclose(p.data, [3.8, 4.8])
    p.data[0] = 0
    step(sgd, (p, [1.0, 1.0]))
    np.testing.assert_allclose(p.data, [-0.1, 4.7])


def test_a_state_dict_loaded_between_steps_is_where_the_next_step_starts() -> None:
    model = nn.Dense(2, 2, rng=0)
    sgd = optim.SGD(model, 0.5, momentum=0.9)
    start = model.state_dict()

    def train() -> np.ndarray:
        sgd.zero_grad()
        model(np.ones((1, 2))).sum().backward()
        sgd.step()
        return model.W.numpy()

    np.testing.assert_allclose(train(), start["W"] - 0.5, rtol=1e-6)
    assert (start["W"] != model.W.numpy()).all(), "a state dict holds copies"
    model.load_state_dict(start)
    np.testing.assert_allclose(train(), start["W"] - 0.95, rtol=1e-6)  # the velocity is still there


def test_a_copy_of_the_model_is_not_trained_and_the_original_goes_on() -> None:
    model = nn.Dense(2, 2, rng=0)
    sgd = optim.SGD(model, 0.5)
    copies, expected = [], model.W.numpy()
    for _ in range(3):
        sgd.zero_grad()
        model(np.ones((1, 2))).sum().backward()
        copies.append((copy.deepcopy(model), model.W.numpy()))
        sgd.step()
        expected = expected - np.float32(0.5)
        np.testing.assert_allclose(model.W.data, expected, rtol=1e-6)
    for other, values in copies:
        assert other.W.numpy().tolist() == values.tolist()
    twin = copies[0][0]
    own = optim.SGD(twin, 0.5)
    own.step()  # with the gradient that was copied
    np.testing.assert_allclose(twin.W.data, copies[0][1] - 0.5, rtol=1e-6)
    np.testing.assert_allclose(model.W.data, expected)


COPIES: dict[str, Callable[[Any], Any]] = {"deepcopy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}


@pytest.mark.parametrize("how", COPIES)
@each_kind
def test_a_model_copied_together_with_its_optimizer_trains_on_alike(
    kind: str, options: dict[str, Any], how: str
) -> None:
    model = nn.Dense(2, 2, rng=0)
    optimizer = getattr(optim, kind)(model, learning_rate=0.1, **options)

    def train(model: Any, optimizer: optim.Optimizer, n: int) -> list[list[float]]:
        for _ in range(n):
            optimizer.zero_grad()
            (model(np.array([[1.0, -2.0]])) ** 2).sum().backward()
            optimizer.step()
        return model.W.numpy().tolist()  # type: ignore[no-any-return] # a nested list of the right depth

    train(model, optimizer, 2)
    twin, twins_optimizer = COPIES[how]((model, optimizer))
    before = model.W.numpy().tolist()
    after = train(twin, twins_optimizer, 3)
    assert model.W.numpy().tolist() == before
    assert train(model, optimizer, 3) == after != before


def test_a_step_between_forward_and_backward_is_refused_and_names_the_parameter() -> None:
    model = nn.Sequential(nn.Dense(2, 2, rng=0), nn.Dense(2, 1, rng=1))
    sgd = optim.SGD(model, 0.1)
    for _ in range(2):  # the second time the gradients live in the optimizer's memory
        model(np.ones((1, 2))).sum().backward()
        late = model(np.ones((1, 2))).sum()
        sgd.step()
        with pytest.raises(StaleError, match=r"layers\.[01]\.[Wb]"):
            late.backward()
        sgd.zero_grad()


def test_a_step_that_skips_a_parameter_does_not_make_it_stale() -> None:
    used, skipped = leaf([1.0], "used"), leaf([2.0], "skipped")
    sgd = optim.SGD([used, skipped], 0.1)
    for _ in range(2):
        loss, other = (skipped * skipped).sum(), (used * used).sum()
        step(sgd, (used, [1.0]))
        loss.backward()
        assert skipped.grad is not None
        assert skipped.grad.tolist() == [4.0]
        with pytest.raises(StaleError, match="'used'"):
            other.backward()


def test_a_step_between_two_whole_passes_makes_neither_stale() -> None:
    model, rows = nn.Sequential(nn.Dense(2, 3, rng=0), nn.Tanh(), nn.Dense(3, 1, rng=1)), np.ones((1, 2))
    sgd = optim.SGD(model, 0.1)
    for _ in range(3):
        before = [p.numpy() for p in model.parameters()]
        sgd.zero_grad()
        model(rows).sum().backward()
        gradients = [p.grad for p in model.parameters()]
        sgd.step()
        for p, w, g in zip(model.parameters(), before, gradients, strict=True):
            assert g is not None
            np.testing.assert_allclose(p.data, w - 0.1 * g, rtol=1e-6)


def test_a_step_of_other_parameters_between_forward_and_backward_is_fine() -> None:
    """As a generator and a discriminator take turns: only what the step moved is stale."""
    mine, other = leaf([1.0, 2.0], "mine"), leaf([3.0], "other")
    sgd = optim.SGD([other], 0.1)
    for _ in range(2):
        mine.grad = None
        loss = (mine * mine).sum()
        step(sgd, (other, [1.0]))
        loss.backward()
        assert mine.grad is not None
        assert mine.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_of_the_model_alone_shares_nothing_with_the_optimizer_of_the_original(how: str) -> None:
    model = nn.Dense(2, 2, rng=0)
    adam = optim.Adam(model, 0.1)
    model(np.ones((1, 2))).sum().backward()
    adam.step()
    twin, at_copy = COPIES[how](model), model.W.numpy()
    twin.W.data = np.full((2, 2), 9.0)
    twin.W.grad = np.full((2, 2), 100.0)
    assert model.W.numpy().tolist() == at_copy.tolist()
    adam.step()  # with the gradient of 1 that it had
    np.testing.assert_allclose(model.W.data, at_copy - np.float32(0.1), rtol=1e-5)
    assert twin.W.numpy().tolist() == [[9.0, 9.0], [9.0, 9.0]]


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_training_learns(kind: Any) -> None:
    """The whole way: a regression whose solution is known."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 3))
    truth = np.array([[1.0], [-2.0], [0.5]])
    w = leaf(np.zeros((3, 1)))
    optimizer = kind([w], learning_rate=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        ((X @ w - X @ truth) ** 2).mean().backward()
        optimizer.step()
    np.testing.assert_allclose(w.data, truth, atol=1e-3)
