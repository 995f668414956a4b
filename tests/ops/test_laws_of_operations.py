"""Laws of every operation of the table: linear in what arrives, additive, and broadcast as if tiled by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.all_rows import TABLE, Case

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import Operation

SEEDS = st.integers(0, 2**32 - 1)
ROWS = [
    (f"{subject.__name__} {i}", cases)
    for i, (subject, every) in enumerate(TABLE)
    if (cases := [case for case in every if case.differentiable and case.size])
]
every_row = pytest.mark.parametrize("cases", [cases for _, cases in ROWS], ids=[name for name, _ in ROWS])


def leaves(case: Case, inputs: Any = None) -> tuple[list[Any], list[Any]]:
    """All inputs, and those of them that are Tensors."""
    arguments = list(case.inputs if inputs is None else inputs)
    for i in case.differentiable:
        arguments[i] = tg.Tensor(arguments[i], requires_grad=True)
    return arguments, [arguments[i] for i in case.differentiable]


def close(actual: list[Any], expected: list[Any]) -> None:
    """Equal to about 13 digits of the largest element."""
    for a, b in zip(actual, expected, strict=True):
        a, b = (np.asarray(getattr(x, "data", x) if isinstance(x, tg.Tensor) else x) for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * max(1.0, np.abs(b).max(initial=0)))


@every_row
@settings(max_examples=6)
@given(data=st.data(), seed=SEEDS, a=st.floats(-3, 3), b=st.floats(-3, 3), create_graph=st.booleans())
def test_each_closure_is_linear_in_its_gradient(
    cases: list[Case], data: Any, seed: int, a: float, b: float, create_graph: bool
) -> None:
    case = data.draw(st.sampled_from(cases))
    arguments, variables = leaves(case)
    y = case(*arguments)
    g, h = np.random.default_rng(seed).normal(size=(2, *y.shape))

    def pulled(gradient: Any) -> list[Any]:
        found = tg.grad(y, variables, gradient=gradient, create_graph=create_graph)
        return [x.data if create_graph else x for x in found]

    close(pulled(a * g + b * h), [a * p + b * q for p, q in zip(pulled(g), pulled(h), strict=True)])


@every_row
@settings(max_examples=3)
@given(data=st.data(), seed=SEEDS)
def test_the_gradient_of_a_sum_is_the_sum_of_the_gradients(cases: list[Case], data: Any, seed: int) -> None:
    """Of two results of the same inputs, and of one result that is used twice."""
    case = data.draw(st.sampled_from(cases))
    arguments, variables = leaves(case)
    y = case(*arguments)
    g, h = np.random.default_rng(seed).normal(size=(2, *y.shape))
    one, other = tg.grad(y, variables, gradient=g), tg.grad(y, variables, gradient=h)
    both = [p + q for p, q in zip(one, other, strict=True)]
    close(tg.grad((y * g).sum() + (case(*arguments) * h).sum(), variables), both)
    close(tg.grad((y * g + y * h).sum(), variables), both)


@every_row
@settings(max_examples=3)
@given(data=st.data(), seed=SEEDS)
def test_second_derivatives_are_symmetric(cases: list[Case], data: Any, seed: int) -> None:
    """uᵀ·H·v = vᵀ·H·u for the function of all inputs at once."""
    case = data.draw(st.sampled_from(cases))
    shapes = [case.inputs[i].shape for i in case.differentiable]
    rng = np.random.default_rng(seed)
    u, v = [tuple(rng.normal(size=shape) for shape in shapes) for _ in range(2)]

    def total(*inputs: Any) -> Any:
        arguments = list(case.inputs)
        for i, x in zip(case.differentiable, inputs, strict=True):
            arguments[i] = x
        y = case(*arguments)
        return (y * np.cos(np.arange(y.size)).reshape(y.shape)).sum()

    primals = tuple(case.inputs[i] for i in case.differentiable)
    hu, hv = tg.hvp(total, primals, u)[1], tg.hvp(total, primals, v)[1]
    left, right = (sum(float((a * b).sum()) for a, b in zip(x, y, strict=True)) for x, y in ((u, hv), (v, hu)))
    size = max(1.0, *(np.abs(x).max(initial=0) for x in (*hu, *hv)))
    assert left == pytest.approx(right, rel=1e-9, abs=1e-10 * size)


BROADCASTING = [
    (name, cases) for name, cases in ROWS if isinstance(cases[0].subject, Operation) and cases[0].subject.broadcasts
]


def test_there_are_operations_that_broadcast() -> None:
    assert len(BROADCASTING) > 20


@pytest.mark.parametrize("cases", [cases for _, cases in BROADCASTING], ids=[name for name, _ in BROADCASTING])
@settings(max_examples=10)
@given(data=st.data(), seed=SEEDS)
def test_broadcasting_is_the_same_as_tiling_by_hand(cases: list[Case], data: Any, seed: int) -> None:
    """Each input repeated to the common shape (of matrices all but the last two axes), its gradients then summed up."""
    case = data.draw(st.sampled_from(cases))
    kept = 2 if case.name in ("matmul", "solve") else 0
    shapes = [x.shape for x in case.inputs]
    common = np.broadcast_shapes(*(shape[: len(shape) - kept] for shape in shapes))
    tiled = [np.broadcast_to(x, common + x.shape[x.ndim - kept :]).copy() for x in case.inputs]
    arguments, variables = leaves(case)
    large_arguments, large_variables = leaves(case, tiled)
    y, large = case(*arguments), case(*large_arguments)
    close([y], [large])
    g = np.random.default_rng(seed).normal(size=y.shape)
    expected = []
    for x, gradient in zip(variables, tg.grad(large, large_variables, gradient=g), strict=True):
        lead = gradient.ndim - x.ndim
        stretched = tuple(lead + i for i, n in enumerate(x.shape) if n == 1 and gradient.shape[lead + i] != 1)
        expected.append(gradient.sum(axis=(*range(lead), *stretched)).reshape(x.shape))
    close(tg.grad(y, variables, gradient=g), expected)
