"""Tracing: NumPy calls become a program that can be replayed, and what would freeze a value into it is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.errors import ShapeError, TraceError
from tinygrad_mlp.tracing import Program, trace

A, B = np.array([1.0, -2.0, 3.0]), np.array([0.5, 4.0, -1.0])


def test_a_program_runs_on_other_inputs() -> None:
    program = trace(lambda x, y: np.exp(x) * y + 1, A, B)
    assert isinstance(program, Program)
    np.testing.assert_array_equal(program(B, A), np.exp(B) * A + 1)
    np.testing.assert_array_equal(program(A, B), np.exp(A) * B + 1)


def test_the_function_is_called_once_and_never_again() -> None:
    calls: list[int] = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x * 2

    program = trace(f, A)
    program(B)
    program(B)
    assert len(calls) == 1


def test_a_listing_shows_inputs_calls_and_result() -> None:
    program = trace(lambda x, y: np.sum(x * y + np.ones(3)), A, B)
    assert str(program).splitlines() == [
        "v0: input (3,) float64",
        "v1: input (3,) float64",
        "v2 = multiply(v0, v1)",
        "v3 = add(v2, <constant (3,) float64>)",
        "v4 = sum(v3)",
        "return v4",
    ]


def test_a_structure_of_results_comes_back_as_it_was() -> None:
    program = trace(lambda x: {"twice": x * 2, "more": [x + 1, (x - 1, 5.0)]}, A)
    result = program(B)
    assert result["twice"].tolist() == (B * 2).tolist()
    assert isinstance(result["more"][1], tuple)
    assert result["more"][1][0].tolist() == (B - 1).tolist()
    assert result["more"][1][1] == 5.0


def test_an_input_can_be_the_result() -> None:
    assert trace(lambda x: x, A)(B) is B


METHODS: dict[str, Any] = {
    "sum": lambda x: x.sum(axis=0),
    "max": lambda x: x.max(axis=1, keepdims=True),
    "min": lambda x: x.min(),
    "mean": lambda x: x.mean(axis=-1),
    "reshape": lambda x: x.reshape(3, 2) + x.reshape((3, 2)),
    "transpose": lambda x: x.transpose() + x.transpose(1, 0) + x.T + x.mT,
    "astype": lambda x: x.astype(np.float32),
    "copy": lambda x: x.copy(),
    "index": lambda x: x[0] + x[1, ::-1] + x[..., :][0],
    "operators": lambda x: -x + abs(x) - 1 * x / 2 + x**2 + (x @ x.T).sum() + (x > 0) * 3 + 2.0**x,
    "in place": lambda x: _in_place(x),
    "list": lambda x: np.concatenate([x, x * 2], axis=0),
    "where": lambda x: np.where(x > 0, x, 0),
    "shape": lambda x: x.reshape(x.size) * len(x.shape) + x.ndim,
}


def _in_place(x: Any) -> Any:
    y = x * 1
    y += x
    y -= 1
    y *= x
    y /= 2
    return y


@pytest.mark.parametrize("name", METHODS)
def test_array_methods_and_operators_are_recorded(name: str) -> None:
    f = METHODS[name]
    first, second = A[:, None] * B[:2], B[:, None] + A[:2]
    first, second = first.T.copy(), second.T.copy()
    result = trace(f, first)(second)
    expected = f(second)
    np.testing.assert_allclose(result, expected, rtol=1e-15)
    assert np.asarray(result).dtype == expected.dtype


def test_in_place_operators_do_not_write_into_the_input() -> None:
    program = trace(_in_place, A)
    x = B.copy()
    program(x)
    assert x.tolist() == B.tolist()


FROZEN: dict[str, Any] = {
    "if": lambda x: x if x.sum() > 0 else -x,
    "bool": lambda x: bool(x[0]),
    "float": lambda x: x * float(x[0]),
    "int": lambda x: x * int(x[0]),
    "item": lambda x: x * x[0].item(),
    "iteration": lambda x: [y * 2 for y in x],
    "len": lambda x: x * len(x),
    "index": lambda x: [1, 2, 3][x[0]],
    "array": lambda x: np.asarray(x) * 2,
    "max of Python": lambda x: max(x[0], x[1]),
    "range": lambda x: range(x[0]),
}


@pytest.mark.parametrize("name", FROZEN)
def test_python_code_that_looks_at_a_value_is_refused(name: str) -> None:
    with pytest.raises(TraceError, match="freeze"):
        trace(FROZEN[name], A)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.add(x, 1, out=np.zeros(3)),
        lambda x: np.zeros(3).__iadd__(x),
        lambda x: np.add.at(np.zeros(3), [0, 1, 2], x),
    ],
)
def test_writing_in_place_is_refused(f: Any) -> None:
    with pytest.raises(TraceError):
        trace(f, A)


def test_a_boolean_index_is_refused_because_its_length_depends_on_values() -> None:
    with pytest.raises(TraceError, match="where"):
        trace(lambda x: x[x > 0], A)
    with pytest.raises(TraceError, match="where"):
        trace(lambda x: tg.Tensor(x)[x > 0].data, A)


def test_a_constant_mask_is_no_problem() -> None:
    mask = np.array([True, False, True])
    assert trace(lambda x: x[mask], A)(B).tolist() == B[mask].tolist()


def test_a_traced_index_is_an_input() -> None:
    program = trace(lambda x, i: tg.Tensor(x)[i].data, A, np.array([0, 0]))
    assert program(B, np.array([2, 1])).tolist() == [B[2], B[1]]


@pytest.mark.parametrize("x", [np.ones(4), np.ones((3, 1)), np.ones(3, np.float32), np.ones(3, int), 1.0])
def test_inputs_of_another_shape_or_dtype_are_refused(x: Any) -> None:
    program = trace(lambda x: x * 2, A)
    with pytest.raises(ShapeError, match=r"\(3,\) float64"):
        program(x)


def test_a_wrong_number_of_inputs_is_refused() -> None:
    program = trace(lambda x, y: x * y, A, B)
    for inputs in ((A,), (A, B, A), ()):
        with pytest.raises(ShapeError):
            program(*inputs)


def test_two_traces_do_not_mix() -> None:
    kept: list[Any] = []
    trace(lambda x: kept.append(x) or x * 1, A)
    with pytest.raises(TraceError, match="two traces"):
        trace(lambda x: x + kept[0], A)


def test_a_function_with_several_results_is_refused() -> None:
    with pytest.raises(TraceError, match="not an array"):
        trace(lambda x: np.split(x, 3), A)


# Tensors inside.


def network(x: Any, w: Any, b: Any, labels: Any) -> Any:
    w, b = tg.Tensor(w, requires_grad=True), tg.Tensor(b, requires_grad=True)
    loss = tg.softmax_cross_entropy(tg.leaky_relu(tg.dense(x, w, b)), labels)
    dw, db = tg.grad(loss, [w, b])
    return loss, dw, db


def test_a_training_step_can_be_traced_with_its_labels() -> None:
    rng = np.random.default_rng(0)

    def example() -> tuple[Any, ...]:
        return rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2), rng.integers(0, 2, 4)

    program = trace(network, *example())
    for _ in range(3):
        inputs = example()
        for replayed, eager in zip(program(*inputs), network(*inputs), strict=True):
            np.testing.assert_allclose(replayed, getattr(eager, "data", eager), rtol=1e-13)


def test_labels_are_still_checked_when_replayed() -> None:
    program = trace(network, np.ones((2, 3)), np.ones((3, 2)), np.ones(2), np.array([0, 1]))
    with pytest.raises(ValueError, match="label 2"):
        program(np.ones((2, 3)), np.ones((3, 2)), np.ones(2), np.array([0, 2]))


def test_a_second_derivative_can_be_traced() -> None:
    def curvature(x: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        y = tg.where(t > 0, tg.sigmoid(t) * tg.exp(t), t**3.0).sum()
        return tg.grad(tg.grad(y, t, create_graph=True).sum(), t)

    program = trace(curvature, A)
    np.testing.assert_allclose(program(B), curvature(B), rtol=1e-13)


def test_gradients_that_are_constant_may_meet_gradients_that_are_not() -> None:
    """Two constant contributions are summed first, in place; the third one is traced."""

    def slope(x: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        curved = (t * t).sum()
        return tg.grad(curved + t.sum() + t.sum(), t)

    assert trace(slope, A)(B).tolist() == (2 * B + 2).tolist()


def test_only_a_bias_may_be_traced() -> None:
    x, w = np.arange(6.0).reshape(2, 3), np.ones((3, 2))

    def slope(b: Any) -> Any:
        t = tg.Tensor(b, requires_grad=True)
        y = tg.dense(x, w, t)
        return tg.grad((y * y).sum(), t)

    np.testing.assert_allclose(trace(slope, np.zeros(2))(np.ones(2)), slope(np.ones(2)))
