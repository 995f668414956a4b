"""Random graphs of 5 to 40 operations in which every value is used at least twice, checked up to the second order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mlp as tg

BOUNDED: list[Callable[..., Any]] = [tg.tanh, tg.sin, tg.cos, tg.sigmoid, tg.arctan, tg.erf]
UNARY: list[Callable[..., Any]] = [*BOUNDED, tg.softplus, tg.negative, tg.transpose, tg.softmax, tg.arcsinh, tg.relu]
BINARY: list[Callable[..., Any]] = [tg.add, tg.subtract, tg.multiply, tg.matmul, tg.maximum, tg.logaddexp, tg.hypot]
LARGEST = 3.0
"""Larger values are only taken by operations whose own are bounded."""


class Step(NamedTuple):
    operation: Callable[..., Any]
    operands: tuple[int, ...]


class Graph(NamedTuple):
    """A function of matrices (2, 2): steps on the values so far, and which of them are joined and added up."""

    inputs: tuple[np.ndarray, ...]
    steps: tuple[Step, ...]
    joined: tuple[int, ...]

    def __call__(self, *inputs: Any) -> Any:
        values = list(inputs)
        for operation, operands in self.steps:
            values.append(operation(*(values[i] for i in operands)))
        return tg.sum(tg.concatenate([values[i] for i in self.joined]))


def shared_graph(seed: int, operations: int) -> Graph:
    rng = np.random.default_rng(seed)
    values: list[Any] = [rng.normal(size=(2, 2)) for _ in range(2)]
    inputs = tuple(values)
    missing = [0, 0, 1, 1]  # the uses that are still to come: two of each value
    steps = []
    for _ in range(operations):
        binary = len(missing) > 3 and rng.random() < 0.7
        chosen = [missing.pop(int(rng.integers(len(missing)))) for _ in range(1 + binary)]
        large = any(np.abs(values[i]).max() > LARGEST for i in chosen)
        choices = ([tg.maximum] if binary else BOUNDED) if large else (BINARY if binary else UNARY)
        step = Step(choices[rng.integers(len(choices))], tuple(chosen))
        missing += [len(values)] * 2
        values.append(step.operation(*(values[i] for i in step.operands)))
        steps.append(step)
    return Graph(inputs, tuple(steps), tuple(missing))


def uses(y: Any) -> Counter[Any]:
    """How often each value before the last two is an input: of nodes and of leaves."""
    counts: Counter[Any] = Counter()
    stack, seen = [y], {y._node}
    while stack:
        node = stack.pop()._node
        for x in node.inputs:
            counts[x._node or x] += 1
            if x._node is not None and x._node not in seen:
                seen.add(x._node)
                stack.append(x)
    return counts


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), operations=st.integers(5, 40))
def test_gradients_of_values_that_are_used_more_than_once(seed: int, operations: int) -> None:
    graph = shared_graph(seed, operations)
    leaves = [tg.Tensor(x, requires_grad=True) for x in graph.inputs]
    y = graph(*leaves)
    counts = uses(y)
    del counts[y._node.inputs[0]._node]  # the joined values, which are added up
    assert len(counts) == operations + 2
    assert min(counts.values()) >= 2
    report = tg.gradcheck(graph, *graph.inputs, order=2)
    assert report.passed, f"seed {seed}, {operations} operations\n{report}"


def test_a_wrong_gradient_of_one_of_the_uses_is_found() -> None:
    """The check above can fail."""

    @tg.op
    def half(x: Any) -> Any:
        return x * 1.0, lambda g: g * 0.5

    graph = shared_graph(7, 20)
    wrong = graph._replace(steps=(Step(half, (0,)), *[Step(o, tuple(i + (i > 1) for i in j)) for o, j in graph.steps]))
    wrong = wrong._replace(joined=(*(i + (i > 1) for i in graph.joined), 2))
    assert not tg.gradcheck(wrong, *graph.inputs).passed
