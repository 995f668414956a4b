"""A compiled function gives what the function gives: every operation, random functions, derivatives of any order."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from ops.all_rows import Case, cases

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.compiling.source import function_from
from tinygrad_mlp.errors import OptionError, TraceError
from tinygrad_mlp.testing import random_graph

NAMED = [(name, case) for name, case in cases() if case.traceable]
X = np.random.default_rng(2).normal(size=(4, 3))


def with_gradients(case: Case, *inputs: Any) -> Any:
    """The value of a case and the gradients of a combination of its elements."""
    arguments = [tg.Tensor(x, requires_grad=True) if i in case.differentiable else x for i, x in enumerate(inputs)]
    y = case(*arguments)
    weights = np.random.default_rng(y.size).uniform(0.5, 1.5, y.shape)
    return y, tg.grad(y, [arguments[i] for i in case.differentiable], gradient=weights)


def close(actual: Any, expected: Any, rtol: float = 1e-11) -> None:
    np.testing.assert_allclose(
        np.asarray(actual), np.asarray(getattr(expected, "_data", expected)), rtol=rtol, atol=1e-12
    )


def others(case: Case) -> list[np.ndarray]:
    """Other inputs of the same shapes, in the same domain."""
    return [np.flip(x) * 0.9375 if i in case.differentiable else np.flip(x).copy() for i, x in enumerate(case.inputs)]


@pytest.mark.parametrize("case", [case for _, case in NAMED], ids=[name for name, _ in NAMED])
def test_every_operation_is_the_same_with_its_gradients(case: Case) -> None:
    function = partial(with_gradients, case)
    compiled = tg.compile(function, backend="numpy")
    for inputs in (case.inputs, others(case), case.inputs):
        y, slopes = function(*inputs)
        value, gradients = compiled(*inputs)
        close(value, y)
        for actual, expected in zip(gradients, slopes, strict=True):
            close(actual, expected)


@pytest.mark.parametrize("seed", range(40))
def test_random_functions_are_the_same_with_their_gradients(seed: int) -> None:
    f = random_graph(seed)

    def slopes(*inputs: Any) -> Any:
        leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
        y = f(*leaves)
        return y, tg.grad(y, leaves) if y.requires_grad else None

    compiled = tg.compile(slopes, backend="numpy")
    for shift in (0.0, 0.37):
        inputs = [x + shift for x in f.inputs]
        expected, actual = slopes(*inputs), compiled(*inputs)
        close(actual[0], expected[0])
        if expected[1] is not None:
            for one, other in zip(actual[1], expected[1], strict=True):
                close(one, other)
        text = function_from(compiled.program)(*inputs)
        close(text[0], expected[0])


@pytest.mark.skipif(find_spec("numba") is None, reason="needs Numba, which `make check` installs")
def test_numba_computes_what_numpy_does() -> None:
    """Many operations with broadcasting, views, reductions and products in one program, in float64 and float32."""

    def f(x: Any, w: Any, b: Any) -> Any:
        leaves = [tg.Tensor(a, requires_grad=True) for a in (x, w, b)]
        t, v, c = leaves
        h = t @ v + c
        found = [
            *(g(h) for g in (tg.relu, tg.sigmoid, tg.tanh, tg.softplus, tg.elu, tg.silu, tg.leaky_relu)),
            tg.softmax(h),
            tg.log_softmax(h, axis=0),
            tg.logsumexp(h, axis=1),
            h.max(axis=1, keepdims=True) - h.min(axis=0),
            tg.maximum(h, c) * tg.minimum(h.T, 0.3).T,
            tg.where(h > 0, tg.sqrt(abs(h) + 1), h**2),
            tg.clip(h, -0.5, 0.5) / (1 + tg.exp(-h)),
            tg.concatenate([h.reshape(-1), c]),
        ]
        total = sum((y * y).sum() for y in found)
        return [*found, *tg.grad(total, leaves)]

    rng = np.random.default_rng(0)
    for dtype, rtol in ((np.float64, 1e-10), (np.float32, 2e-4)):
        inputs = [rng.normal(size=shape).astype(dtype) for shape in ((4, 3), (3, 5), (5,))]
        compiled = tg.compile(f, backend="numba")
        for scale in (1.0, 0.5):
            scaled = [dtype(scale) * x for x in inputs]
            for actual, expected in zip(compiled(*scaled), f(*scaled), strict=True):
                close(actual, expected, rtol)
                assert actual.dtype == dtype


@pytest.mark.skipif(find_spec("numba") is None, reason="needs Numba, which `make check` installs")
def test_numba_keeps_nan_and_infinity_honest() -> None:
    f = tg.compile(lambda x: (np.maximum(x, 0), np.max(x), x * 0, np.sign(x), np.where(x > 0, x, 0)), backend="numba")
    x = np.array([1.0, np.nan, -np.inf, np.inf])
    with np.errstate(invalid="ignore"):
        expected = (np.maximum(x, 0), np.max(x), x * 0, np.sign(x), np.where(x > 0, x, 0))
    for actual, right in zip(f(x), expected, strict=True):
        np.testing.assert_array_equal(actual, right)


def test_second_order_is_compiled() -> None:
    @tg.compile
    def curvature(x: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        slope = tg.grad((tg.tanh(t) ** 2).sum(), t, create_graph=True)
        return tg.grad(slope.sum(), t)

    y = np.tanh(X)
    close(curvature(X), 2 * (1 - y**2) ** 2 - 4 * y**2 * (1 - y**2), 1e-10)


def test_parameters_of_a_model_are_read_anew() -> None:
    model = nn.Dense(3, 2, rng=0) >> nn.Tanh()
    predict = tg.compile(model)
    wrapped = tg.compile(lambda x: model(x) * 2)
    close(predict(X.astype(np.float32)), model(X), 1e-6)
    close(wrapped(X.astype(np.float32)), model(X) * 2, 1e-6)
    model.layers[0].W.data = np.ones((3, 2))
    close(predict(X.astype(np.float32)), model(X), 1e-6)
    close(wrapped(X.astype(np.float32)), model(X) * 2, 1e-6)
    tg.optim.SGD(model, 0.1)  # moves the parameters into memory of its own
    model.layers[0].W.data = np.zeros((3, 2))
    close(predict(X.astype(np.float32)), model(X), 1e-6)


def test_results_are_the_callers_own() -> None:
    f = tg.compile(lambda x: np.exp(x), backend="numpy")
    first = f(X)
    kept = first.copy()
    f(X * 2)
    np.testing.assert_array_equal(first, kept)


def test_other_shapes_are_compiled_and_forgotten_in_turn() -> None:
    traces: list[int] = []

    def f(x: Any) -> Any:
        traces.append(1)
        return np.exp(x).sum()

    compiled = tg.compile(f, backend="numpy")
    for _ in range(3):
        compiled(X)
    once = len(traces)
    for n in range(1, 12):
        close(compiled(np.ones(n)), n * np.e, 1e-12)
    assert len(compiled.bound) <= 8
    assert len(traces) == 12 * once


def test_peak_memory_is_that_of_a_few_values() -> None:
    """A chain of 50 functions needs no 50 arrays."""

    def chain(x: Any) -> Any:
        for _ in range(50):
            x = np.tanh(x) + 1
        return x

    f = tg.compile(chain, backend="numpy")
    f(np.zeros(1000))
    assert f.latest is not None
    assert f.latest.runner.size <= 3 * 8000


def test_what_cannot_be_traced_is_refused_with_its_line() -> None:
    def looks(x: Any) -> Any:
        return x * float(x.sum())

    with pytest.raises(TraceError, match=r"asked for by Python code.*\(test_function.py:\d+: return x \* float"):
        tg.compile(looks)(X)
    with pytest.raises(TraceError, match=r"x.mask. has a length that depends on values"):
        tg.compile(lambda x: x[x > 0])(X)
    with pytest.raises(OptionError, match="has not been called yet"):
        _ = tg.compile(looks).program
    with pytest.raises(OptionError, match="backend is 'gpu'"):
        tg.compile(looks, backend="gpu")
