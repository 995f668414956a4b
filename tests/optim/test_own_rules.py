"""Rules that users write: any elementwise formula works, and what cannot be run in place is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp import optim
from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.tracing import InPlace, in_place, run

Rule = Callable[..., Any]
ALL = np.array([0.5, -2.0, 0.0, 3.0, -0.1])


def leaf(values: Any, dtype: Any = np.float64) -> tg.Tensor:
    return tg.Tensor(np.array(values, dtype), requires_grad=True)


def with_rule(rule: Rule, *state: str) -> type[optim.Optimizer]:
    """An optimizer class as a user would write it, whose rule is rule(g, *state, rate)."""

    class Own(optim.Optimizer):
        state_names: ClassVar = state

        def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
            return rule(g, *state_and_numbers)  # type: ignore[no-any-return] # as users' rules are

    return Own


@pytest.fixture(params=[1, 2, 3, in_place.BLOCK])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(in_place, "BLOCK", request.param)
    return int(request.param)


def agree(rule: Rule, *state: str, steps: int = 4, dtype: Any = np.float64) -> None:
    """The optimizer with this rule does what the rule does on plain arrays."""
    p, q = leaf([ALL, ALL + 1], dtype), leaf(0.25, dtype)
    optimizer = with_rule(rule, *state)([p, q], 0.1)
    weights = [p.numpy(), q.numpy()]
    states = [[np.zeros(w.shape, dtype) for _ in state] for w in weights]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        for i, x in enumerate((p, q)):
            g = (rng.normal(size=x.shape) * 2).astype(dtype)
            x.grad = g
            change, *new = rule(g, *states[i], dtype(0.1))
            weights[i] = weights[i] - change
            states[i] = [np.asarray(s, dtype) for s in new]
        optimizer.step()
        for x, w in zip((p, q), weights, strict=True):
            assert x.dtype == dtype
            np.testing.assert_allclose(x.data, w, rtol=1e-12 if dtype == np.float64 else 1e-5)


def rprop(g: Any, before: Any, size: Any, rate: Any) -> Any:
    """Steps that grow while the sign stays (Riedmiller & Braun 1993), with the size as a factor above 1."""
    grown = np.where(g * before > 0, (1 + size) * 1.2 - 1, np.where(g * before < 0, (1 + size) * 0.5 - 1, size))
    return rate * (1 + grown) * np.sign(g), g, grown


RULES: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "the sign": (lambda g, rate: (rate * np.sign(g),), ()),
    "nothing but the gradient": (lambda g, rate: (g,), ()),
    "a number for all": (lambda g, rate: (rate,), ()),
    "a constant for all": (lambda g, rate: (0.5,), ()),
    "Rprop": (rprop, ("before", "size")),
    "clipping": (lambda g, rate: (rate * np.minimum(np.maximum(g, -1), 1),), ()),
    "np.clip": (lambda g, v, rate: (rate * np.clip(g, -1, v), np.clip(g, None, 0.5)), ("v",)),
    "where with numbers": (lambda g, rate: (np.where(np.abs(g) > 1, rate, 0.0),), ()),
    "integers and powers": (lambda g, v, rate: (rate * g**3 / 2, v + 1), ("v",)),
    "a running maximum": (lambda g, v, rate: (rate * g / (1 + np.maximum(v, g * g)), np.maximum(v, g * g)), ("v",)),
    "the last gradient": (lambda g, before, rate: (rate * (2 * g - before), g), ("before",)),
    "a state that stays": (lambda g, v, rate: (rate * g + v, v), ("v",)),
    "states that change places": (lambda g, a, b, rate: (rate * (g + a), b, a + g), ("a", "b")),
    "states that only change places": (lambda g, a, b, rate: (rate * (g + a + 1), b, a), ("a", "b")),
    "one value for two states": (lambda g, a, b, rate: (lambda x: (rate * (x + b), x, x))(a + g), ("a", "b")),
    "one value for change and state": (lambda g, v, rate: (lambda x: (x, x))(0.5 * v + rate * g), ("v",)),
    "a state that is a number": (lambda g, v, rate: (rate * g + v, 2 * rate), ("v",)),
    "a state that is a constant": (lambda g, v, rate: (rate * g + v, 1.0), ("v",)),
    "masks joined with &": (lambda g, rate: (np.where((g > -1) & (g < 1), rate * g, 0.0),), ()),
    "masks joined with |": (lambda g, rate: (np.where((g < -1) | (g > 1), rate, g),), ()),
    "a mask turned over": (lambda g, rate: (np.where(~(g > 0), rate, g),), ()),
    "a mask and a constant": (lambda g, rate: (np.where((g > 0) ^ True, rate, g),), ()),
    "a mask that is a state and goes on": (lambda g, v, rate: (np.where((g > 0) & (v > 0), g, 0), g > 0), ("v",)),
    "a mask for two states": (lambda g, a, b, rate: (lambda x: (a + b + x, x, x))(g > 0), ("a", "b")),
    "a mask as a number": (lambda g, rate: (rate * (g > 0),), ()),
    "a mask as a state": (lambda g, v, rate: (rate * g * v, g > 0), ("v",)),
    "finite ones only": (lambda g, rate: (np.where(np.isfinite(1 / np.floor(g)), rate * g, 0.0),), ()),
    "logical functions": (lambda g, rate: (np.where(np.logical_and(g > 0, np.logical_not(g > 1)), rate, 0),), ()),
    "a number that is looked at": (lambda g, rate: (np.where((rate > 0) & (g > 0), rate, -rate),), ()),
}


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", RULES)
@pytest.mark.usefixtures("block")
def test_an_elementwise_rule_works(name: str) -> None:
    rule, state = RULES[name]
    agree(rule, *state)


@pytest.mark.parametrize("name", RULES)
def test_an_elementwise_rule_keeps_float32(name: str) -> None:
    rule, state = RULES[name]
    with np.errstate(divide="ignore"):
        agree(rule, *state, dtype=np.float32)


REFUSED: dict[str, Rule] = {
    "sum": lambda g, rate: (rate * g / np.sum(g),),
    "mean": lambda g, rate: (rate * (g - g.mean()),),
    "maximum of all": lambda g, rate: (rate * g / np.max(np.abs(g)),),
    "reduce": lambda g, rate: (rate * g / np.add.reduce(g),),
    "accumulate": lambda g, rate: (rate * np.add.accumulate(g),),
    "product": lambda g, rate: (rate * g * (g @ g),),
    "norm": lambda g, rate: (rate * g / np.sqrt(np.vecdot(g, g)),),
    "outer": lambda g, rate: (rate * np.multiply.outer(g, g),),
    "sorting": lambda g, rate: (rate * np.sort(g),),
    "a part": lambda g, rate: (rate * g[0],),
    "turned round": lambda g, rate: (rate * g[::-1],),
    "another shape": lambda g, rate: (rate * np.reshape(g, (1, -1)),),
    "two results": lambda g, rate: (rate * np.modf(g)[0],),
    "an array of two": lambda g, rate: (rate * g * np.array([1.0, 2.0]),),
    "an array of one": lambda g, rate: (rate * g * np.array([2.0]),),
    "bits of integers": lambda g, rate: (rate * (((g > 0) * 2) & 1),),
    "a choice by value": lambda g, rate: (rate * g if g > 0 else g,),
    "a choice by a number": lambda g, rate: (rate * g if rate > 0 else g,),
    "a float of a number": lambda g, rate: (float(rate) * g,),
    "where to write": lambda g, rate: (np.multiply(g, rate, out=g),),
    "which to write": lambda g, rate: (np.multiply(g, rate, where=g > 0),),
}


@pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_is_not_elementwise_is_refused_and_changes_nothing(name: str) -> None:
    p = leaf([1.0, 2.0])
    optimizer = with_rule(REFUSED[name])([p], 0.1)
    p.grad = [3.0, 4.0]
    with pytest.raises(TraceError):
        optimizer.step()
    assert p.numpy().tolist() == [1, 2]


def test_the_refusal_names_the_function() -> None:
    p = leaf([1.0, 2.0])
    p.grad = [3.0, 4.0]
    for name, function in (("sum", "sum"), ("sorting", "sort"), ("product", "matmul")):
        with pytest.raises(TraceError, match=rf"\b{function} "):
            with_rule(REFUSED[name])([p], 0.1).step()


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        (lambda g, v, rate: (rate * g,), "1 values"),
        (lambda g, v, rate: (rate * g, v, v), "3 values"),
        (lambda g, v, rate: rate * g, "a Traced"),
        (lambda g, v, rate: None, "NoneType"),
    ],
)
def test_a_rule_that_returns_too_little_or_too_much_is_told_what_is_expected(rule: Rule, seen: str) -> None:
    p = leaf([1.0, 2.0])
    p.grad = [3.0, 4.0]
    with pytest.raises(TraceError, match=rf"Own\.rule returns .*{seen}.*the change of W, v"):
        with_rule(rule, "v")([p], 0.1).step()
    assert p.numpy().tolist() == [1, 2]


def test_an_optimizer_without_a_rule_says_so() -> None:
    p = leaf([1.0])
    p.grad = [1.0]
    with pytest.raises(TypeError, match="Optimizer has no rule"):
        optim.Optimizer([p], 0.1).step()


def test_a_subclass_has_numbers_of_its_own_which_may_change_at_each_step() -> None:
    class Decaying(optim.Optimizer):
        """W ← W − η/t·g."""

        def numbers(self, t: int) -> tuple[float, ...]:
            return (self.learning_rate / t, 7.0)

        def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
            rate, seven = state_and_numbers
            return (rate * g * seven / 7,)

    p = leaf([0.0])
    optimizer = Decaying([p], 1.0, weight_decay=0.0)
    for expected in (-1.0, -1.5, -1.5 - 1 / 3):
        p.grad = [1.0]
        optimizer.step()
        np.testing.assert_allclose(p.item(), expected)


def test_a_rule_is_run_by_python_only_once() -> None:
    """Then it is a list of NumPy calls; this is what makes a step quick."""
    calls: list[int] = []

    def rule(g: Any, rate: Any) -> Any:
        calls.append(1)
        return (rate * g,)

    p = leaf([0.0])
    optimizer = with_rule(rule)([p], 0.1)
    for _ in range(5):
        p.grad = [1.0]
        optimizer.step()
    assert len(calls) == 1
    np.testing.assert_allclose(p.item(), -0.5)


def test_a_rule_of_a_subclass_decays_the_weights_beside_the_gradient_when_asked() -> None:
    class Own(optim.Optimizer):
        decoupled: ClassVar = True

        def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
            return (state_and_numbers[0] * np.sign(g),)

    p = leaf([2.0])
    p.grad = [5.0]
    Own([p], 0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(p.item(), 2 - 0.1 * 0.5 * 2 - 0.1)


# Any straight-line program: values are made of earlier ones, and any of them may replace any array.

BINARY: list[Rule] = [np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.greater, np.less_equal]
UNARY: list[Rule] = [np.negative, np.abs, np.sin, np.tanh, np.sign, np.isfinite]


@st.composite
def straight_lines(draw: st.DrawFn) -> tuple[int, int, list[tuple[Rule, tuple[int, ...]]], list[int], list[int]]:
    """Counts of arrays and numbers; instructions with their inputs' places; which values replace which arrays."""
    arrays, numbers = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    size, steps = arrays + numbers, []
    for _ in range(draw(st.integers(0, 8))):
        function, n = draw(st.sampled_from([(f, 2) for f in BINARY] + [(f, 1) for f in UNARY] + [(np.where, 3)]))
        steps.append((function, tuple(draw(st.integers(0, size - 1)) for _ in range(n))))
        size += 1
    replaced = draw(st.lists(st.integers(0, arrays - 1), min_size=1, max_size=arrays, unique=True))
    return arrays, numbers, steps, [draw(st.integers(0, size - 1)) for _ in replaced], replaced


@settings(max_examples=300)
@given(straight_lines(), st.integers(1, 7), st.integers(1, 7), st.sampled_from([np.float32, np.float64]))
def test_any_straight_line_program_in_place_gives_what_it_gives_with_temporaries(
    program: Any, n: int, block: int, dtype: Any
) -> None:
    arrays, numbers, steps, returned, replaced = program

    def function(*inputs: Any) -> tuple[Any, ...]:
        values = [*inputs]
        for f, places in steps:
            # minus and sign have no meaning for truth values in NumPy: they are numbers here
            values.append(f(*(values[i] * 1.0 if f is not np.where else values[i] for i in places)))
        return tuple(values[i] for i in returned)

    rng = np.random.default_rng(n)
    given_arrays = [rng.normal(size=n).astype(dtype) for _ in range(arrays)]
    given_numbers = [np.array(rng.normal(), dtype) for _ in range(numbers)]
    expected = [x.copy() for x in given_arrays]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_place, "BLOCK", block)
        calls = InPlace(function, arrays, numbers, replaced, np.dtype(dtype)).bind(given_arrays, given_numbers)
    for _ in range(3):
        results = function(*(x.copy() for x in expected), *given_numbers)
        for i, result in zip(replaced, results, strict=True):
            expected[i] = np.broadcast_to(np.asarray(result, dtype), (n,)).copy()
        run(calls)
        for array, values in zip(given_arrays, expected, strict=True):
            np.testing.assert_allclose(array, values, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6)
