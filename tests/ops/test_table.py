"""Every case of the table: values, derivatives of order one to three, zeros, dtypes, tracing, purity."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest
from numeric import directional, gradient
from ops.all_rows import TABLE, Case, cases

import tinygrad_mlp as tg
from tinygrad_mlp import ops
from tinygrad_mlp.autograd import Operation
from tinygrad_mlp.autograd.protocols import RULES
from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.tracing import trace

NAMED = list(cases())


def every(condition: Any = lambda case: True) -> Any:
    chosen = [(name, case) for name, case in NAMED if condition(case)]
    return pytest.mark.parametrize("case", [case for _, case in chosen], ids=[name for name, _ in chosen])


def weights(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Coefficients of a random combination, so that no sum hides an element's error."""
    return np.asarray(np.random.default_rng([seed, *shape]).uniform(0.5, 1.5, shape))


def leaves(case: Case, inputs: Any, which: Any = None) -> list[Any]:
    """The inputs, with a Tensor that requires a gradient at each of the differentiable places (or at some)."""
    which = case.differentiable if which is None else which
    return [tg.Tensor(x, requires_grad=True) if i in which else x for i, x in enumerate(inputs)]


def ladder(case: Case, inputs: Any, order: int, which: Any = None) -> tuple[Any, list[Any]]:
    """The random combination of the gradients of one order, and the gradients of that order themselves."""
    which = case.differentiable if which is None else which
    arguments = leaves(case, inputs, which)
    variables = [arguments[i] for i in which]
    y = case(*arguments)
    total = tg.sum(y * weights(y.shape, 0).astype(y.dtype))
    slopes: list[Any] = []
    for step in range(1, order + 1):
        slopes = tg.grad(total, variables, create_graph=True)
        parts = [
            tg.sum(g * weights(g.shape, 10 * step + i).astype(g.dtype)) for i, g in zip(which, slopes, strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
    return total, slopes


def float32(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32) if x.dtype.kind == "f" else x


def others(case: Case) -> list[np.ndarray]:
    """Other inputs of the same shapes that stay in the same domain: shuffled, and a little smaller."""
    return [np.flip(x) * 0.9375 if i in case.differentiable else np.flip(x).copy() for i, x in enumerate(case.inputs)]


def close(actual: Any, expected: Any, rtol: float = 1e-7, atol: float = 1e-8) -> None:
    actual = np.asarray(getattr(actual, "data", actual) if isinstance(actual, tg.Tensor) else actual)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)
    assert actual.shape == np.shape(expected)


# The table is complete.


def test_the_table_names_every_operation() -> None:
    modules = [importlib.import_module(f"tinygrad_mlp.ops.{m.name}") for m in pkgutil.iter_modules(ops.__path__)]
    found = {
        id(thing): f"{m.__name__}.{n}" for m in modules for n, thing in vars(m).items() if isinstance(thing, Operation)
    }
    in_table = {id(subject) for subject, _ in TABLE}
    assert len(found) > 30
    assert not sorted(name for key, name in found.items() if key not in in_table)


def test_the_table_names_every_public_function() -> None:
    in_table = {id(subject) for subject, _ in TABLE}
    assert not [name for name in ops.__all__ if id(getattr(ops, name)) not in in_table]
    assert all(getattr(tg, name) is getattr(ops, name) for name in ops.__all__)


def test_every_row_has_cases() -> None:
    assert all(found for _, found in TABLE)
    assert len({id(subject) for subject, _ in TABLE}) == len(TABLE)
    assert len({name for name, _ in NAMED}) == len(NAMED)


# Three ways of calling.


def numpys(subject: Any) -> Any:
    """NumPy's function of the same name, if there is one and the name is public."""
    name = getattr(subject, "name", getattr(subject, "__name__", ""))
    public = getattr(ops, name, None) is subject
    return getattr(np, name, None) or getattr(np.linalg, name, None) if public else None


def test_every_function_that_numpy_has_is_its_rule() -> None:
    """(`Tensor.astype` is a method of NumPy's arrays that has a function of another signature.)"""
    names = [name for name in ops.__all__ if numpys(getattr(ops, name)) and name != "astype"]
    assert len(names) > 60
    assert [name for name in names if RULES.get(numpys(getattr(ops, name))) is not getattr(ops, name)] == []


@every(lambda case: case.call is case.subject and numpys(case.subject) in RULES and case.size)
def test_numpys_function_of_tensors_is_the_operation(case: Case) -> None:
    arguments = leaves(case, case.inputs)
    y = numpys(case.subject)(*arguments, **case.options)
    assert type(y) is tg.Tensor
    np.testing.assert_array_equal(y.data, case(*arguments).data)


def is_method(case: Case) -> bool:
    """Whether arrays have it as a method that gives a new array (`sort` writes in place)."""
    public = getattr(ops, case.name, None) is case.subject is case.call
    return public and hasattr(np.ndarray, case.name) and case.name != "sort"


@every(is_method)
def test_the_method_is_the_operation(case: Case) -> None:
    first, *others = leaves(case, case.inputs)
    if case.name in ("reshape", "transpose"):  # arrays take these by position only
        y = getattr(first, case.name)(*case.options.values())
    else:
        y = getattr(first, case.name)(*others, **case.options)
    np.testing.assert_array_equal(y.data, case(*case.inputs))


# Values.


@every()
def test_value_is_numpys(case: Case) -> None:
    expected = case.expected(*case.inputs)
    close(case(*case.inputs), expected, 1e-12, 1e-13)
    close(case(*leaves(case, case.inputs)), expected, 1e-12, 1e-13)


# Derivatives.


@every()
def test_first_derivative_is_numeric(case: Case) -> None:
    def total(*inputs: np.ndarray) -> float:
        y = np.asarray(case.expected(*inputs))
        return float((y * weights(y.shape, 0)).sum())

    arguments = leaves(case, case.inputs)
    y = case(*arguments)
    variables = [arguments[i] for i in case.differentiable]
    g = weights(y.shape, 0)
    slopes = tg.grad(tg.sum(y * g), variables)
    again = tg.grad(y, variables, gradient=g, create_graph=True)
    for i, slope, recorded in zip(case.differentiable, slopes, again, strict=True):
        close(slope, gradient(total, case.inputs, i), 1e-8, 1e-9)
        close(recorded, slope, 1e-12, 1e-13)


@every()
def test_second_and_third_derivatives_are_numeric(case: Case) -> None:
    for order in (2, 3):

        def total(*inputs: np.ndarray, order: int = order) -> float:
            return ladder(case, inputs, order - 1)[0].item()

        slopes = ladder(case, case.inputs, order)[1]
        for i, slope in zip(case.differentiable, slopes, strict=True):
            direction = weights(slope.shape, 99) * np.random.default_rng(i).choice([-1, 1], slope.shape)
            expected = directional(total, case.inputs, i, direction)
            actual = (slope.data * direction).sum()
            np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7, err_msg=f"order {order}, input {i + 1}")


@every(lambda case: len(case.inputs) > 1)
def test_each_input_alone_can_be_a_tensor(case: Case) -> None:
    """The others are plain arrays, also when the bodies are run again for the second order."""
    first = ladder(case, case.inputs, 1)[1]
    for i, expected in zip(case.differentiable, first, strict=True):
        total, (slope,) = ladder(case, case.inputs, 1, [i])
        close(slope, expected.data)

        def alone(*inputs: np.ndarray, i: int = i) -> float:
            return ladder(case, inputs, 1, [i])[0].item()

        assert total.item() == alone(*case.inputs)
        direction = weights(slope.shape, 98)
        second = ladder(case, case.inputs, 2, [i])[1][0]
        np.testing.assert_allclose(
            (second.data * direction).sum(), directional(alone, case.inputs, i, direction), rtol=1e-7, atol=1e-7
        )


@every()
def test_a_zero_gradient_stays_zero(case: Case) -> None:
    arguments = leaves(case, case.inputs)
    y = case(*arguments)
    for create_graph in (False, True):
        for g in tg.grad(
            y, [arguments[i] for i in case.differentiable], gradient=np.zeros(y.shape), create_graph=create_graph
        ):
            assert not np.any(np.asarray(g.data if create_graph else g))


@pytest.mark.parametrize("subject", [subject for subject, _ in TABLE], ids=lambda subject: subject.__name__)
def test_gradcheck_finds_no_fault_up_to_the_second_order(subject: Any) -> None:
    """At the largest case, and without the help of a reference. (A value of 0 says nothing of its rounding error.)"""
    found = next(found for listed, found in TABLE if listed is subject)
    case = max(found, key=lambda case: (bool(np.abs(case.expected(*case.inputs)).max(initial=0) > 1e-9), case.size))

    def f(*inputs: Any) -> Any:
        given = iter(inputs)
        return case(*[next(given) if i in case.differentiable else x for i, x in enumerate(case.inputs)])

    report = tg.gradcheck(f, *[case.inputs[i] for i in case.differentiable], order=2)
    assert report.passed, str(report)


# Dtypes.


@every(lambda case: case.keeps_dtype)
def test_float32_stays_float32_and_float64_stays_float64(case: Case) -> None:
    inputs = [float32(x) for x in case.inputs]
    arguments = leaves(case, inputs)
    y = case(*arguments)
    assert y.dtype == np.float32
    close(y, case.expected(*case.inputs), 1e-4, 1e-5)
    total, precise = ladder(case, case.inputs, 2)
    assert {total.dtype, *(g.dtype for g in precise)} == {np.dtype(np.float64)}
    variables = [arguments[i] for i in case.differentiable]
    for g in tg.grad(y, variables, gradient=np.ones(y.shape)):
        assert g.dtype == np.float32
    for g, expected in zip(ladder(case, inputs, 2)[1], precise, strict=True):
        assert g.dtype == np.float32
        close(g, expected.data, 1e-3, 1e-4)
    assert np.asarray(case(*inputs)).dtype == np.float32
    assert np.asarray(case(*case.inputs)).dtype == np.float64


@every(lambda case: case.keeps_dtype and case.name != "one_hot")
def test_float16_stays_float16(case: Case) -> None:
    """(one_hot makes an array of the default dtype.)"""
    arguments = leaves(case, [x.astype(np.float16) if x.dtype.kind == "f" else x for x in case.inputs])
    y = case(*arguments)
    assert y.dtype == np.float16
    close(y, case.expected(*case.inputs), 3e-2, 3e-2)
    for g in tg.grad(y, [arguments[i] for i in case.differentiable], gradient=np.ones(y.shape)):
        assert g.dtype == np.float16


@every(lambda case: len(case.differentiable) == len(case.inputs) == 2 and case.inputs[0].size > 0)
def test_float32_with_a_float64_array_gives_float64(case: Case) -> None:
    mixed = [case.inputs[0].astype(np.float32), case.inputs[1]]
    arguments = leaves(case, mixed)
    y = case(*arguments)
    assert y.dtype == np.float64
    assert [g.dtype for g in tg.grad(y, arguments, gradient=np.ones(y.shape))] == [np.float32, np.float64]


BINARY = [tg.add, tg.subtract, tg.multiply, tg.divide, tg.power, tg.maximum, tg.minimum, tg.over, tg.times]
WEAK = [
    pytest.param(2, id="int"),
    pytest.param(2.5, id="float"),
    pytest.param(True, id="bool"),
    pytest.param(np.float64(2.5), id="np.float64"),
    pytest.param(np.int64(3), id="np.int64"),
    pytest.param(np.bool_(True), id="np.bool"),
    pytest.param(np.array([1, 2]), id="integers"),
    pytest.param(np.array(3), id="0-d integer"),
    pytest.param(np.array([True, True]), id="booleans"),
    pytest.param(tg.Tensor(np.array([1, 2])), id="integer tensor"),
    pytest.param([1.5, 2.5], id="list"),
]


@pytest.mark.parametrize("operand", WEAK)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("operation", BINARY, ids=lambda operation: operation.name)
def test_numbers_integers_and_booleans_take_the_dtype_of_the_tensor(operation: Any, dtype: Any, operand: Any) -> None:
    x = tg.Tensor(np.array([0.5, 1.5], dtype), requires_grad=True)
    number = np.asarray(operand.data if isinstance(operand, tg.Tensor) else operand, np.float64)
    reference = next(found[0].reference for subject, found in TABLE if subject is operation)
    for arguments in ((x, operand), (operand, x)):
        y = operation(*arguments)
        expected = reference(*[x.data.astype(np.float64) if a is x else number for a in arguments])
        assert y.dtype == dtype
        close(y, expected, 1e-5)
        first = tg.grad(y.sum(), x, create_graph=True)
        assert first.dtype == dtype
        assert tg.grad(first.sum(), x).dtype == dtype


def test_a_float64_array_of_no_dimensions_is_an_array() -> None:
    assert (tg.Tensor([1.0]) * np.array(2.0)).dtype == np.float64


@pytest.mark.parametrize(("old", "new"), [(np.float32, np.float64), (np.float64, np.float32), (np.float32, np.float16)])
def test_astype_brings_the_gradient_back_in_the_old_dtype(old: Any, new: Any) -> None:
    x = tg.Tensor(np.array([1.0, 2.0], old), requires_grad=True)
    y = x.astype(new)
    assert y.dtype == new
    (y * y).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == old
    assert x.grad.tolist() == [2.0, 4.0]


def test_where_takes_its_dtype_from_the_choices_not_from_the_condition() -> None:
    x = tg.Tensor([1.0, -1.0], requires_grad=True)
    assert tg.where(np.array([1.0, 0.0]), x, 0.0).dtype == np.float32
    assert tg.where(x > 0, 1.0, x).dtype == np.float32


# Tracing.


@every(lambda case: case.traceable)
def test_replayed_with_other_inputs_equals_eager(case: Case) -> None:
    """The value; the gradients of a sweep; the gradients of the second order."""

    def swept(*inputs: Any) -> Any:
        arguments = leaves(case, inputs)
        y = case(*arguments)
        return tg.grad(tg.sum(y * weights(y.shape, 5)), [arguments[i] for i in case.differentiable])

    def second(*inputs: Any) -> Any:
        return [g.data for g in ladder(case, inputs, 2)[1]]

    new = others(case)
    for function in (lambda *inputs: [case(*inputs)], swept, second):
        program = trace(function, *case.inputs)
        for replayed, eager in zip(program(*new), function(*new), strict=True):
            close(replayed, eager, 1e-12, 1e-13)


@every(lambda case: not case.traceable)
def test_a_length_that_depends_on_values_is_not_traced(case: Case) -> None:
    with pytest.raises(TraceError, match="length"):
        trace(case, *case.inputs)


# Purity.


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.setflags(write=False)
    return x


@every()
def test_inputs_are_left_alone_and_results_are_fresh_and_read_only(case: Case) -> None:
    inputs = [read_only(x) for x in case.inputs]
    plain = case(*inputs)
    assert isinstance(plain, np.ndarray | np.generic)
    if isinstance(case.subject, Operation):
        assert all(plain is not x for x in inputs)
    arguments = leaves(case, [x.copy() for x in case.inputs])
    y = case(*arguments)
    assert type(y) is tg.Tensor
    assert type(y.data) is np.ndarray
    assert not y.data.flags.writeable
    for argument, x in zip(arguments, case.inputs, strict=True):
        values = argument.data if isinstance(argument, tg.Tensor) else argument
        assert values.flags.writeable
        np.testing.assert_array_equal(values, x)


@every(lambda case: isinstance(case.subject, Operation))
def test_closures_do_not_write_into_their_gradient(case: Case) -> None:
    y, *closures = case.subject.body(*[read_only(x) for x in case.inputs], **case.options)
    assert len(closures) == len(case.inputs)
    g = weights(np.shape(y), 4)
    before = g.copy()
    g.setflags(write=False)
    for i, closure in enumerate(closures):
        if closure is not None and i in case.differentiable:
            first, second = np.asarray(closure(g)), np.asarray(closure(g))
            np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(g, before)
