"""The Tensor as a Python object: what it is made of, its dtype, its operators, comparison, copies."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import observing
from tinygrad_mlp.errors import DtypeError, GradientError, TinygradMlpError


def leaf(values: Any, **options: Any) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True, **options)


# Making one.


def test_numbers_and_lists_take_float32() -> None:
    for data in (1.0, 3, True, [1, 2], [[1.0], [2.0]], (1.5, 2), []):
        assert tg.Tensor(data).dtype == np.float32


@pytest.fixture
def float64_by_default() -> Iterator[None]:
    tg.set_default_dtype(np.float64)
    yield
    tg.set_default_dtype(np.float32)


@pytest.mark.usefixtures("float64_by_default")
def test_the_default_dtype_can_be_set() -> None:
    assert tg.default_dtype() == np.float64
    assert tg.Tensor([1.0]).dtype == np.float64


def test_the_default_dtype_must_be_a_floating_point_one() -> None:
    for dtype in (np.int64, np.complex128, bool):
        with pytest.raises(DtypeError):
            tg.set_default_dtype(dtype)
    assert tg.default_dtype() == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8, np.bool_])
def test_arrays_keep_their_dtype(dtype: Any) -> None:
    assert tg.Tensor(np.ones(2, dtype)).dtype == dtype


def test_an_array_is_copied() -> None:
    array = np.array([1.0, 2.0])
    t = tg.Tensor(array)
    array[0] = 9
    assert t.data.tolist() == [1, 2]
    assert not np.shares_memory(t.data, array)


def test_a_read_only_array_becomes_a_leaf_that_can_be_changed() -> None:
    t = tg.Tensor(np.broadcast_to(1.0, (2, 2)))
    t.data -= np.eye(2)
    assert t.data.tolist() == [[0, 1], [1, 0]]


def test_plain_arrays_in_operations_are_not_copied() -> None:
    x, array = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    seen: list[Any] = []
    with observing(lambda node, arrived, left: seen.extend(node.inputs)):
        (x * array).sum().backward()
    assert any(operand is array for operand in seen)


@pytest.mark.parametrize("data", [1j, [1j], np.array([1j]), "a", ["a"], np.array(["a"]), np.array([None]), object()])
def test_what_is_not_a_real_number_is_refused(data: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        tg.Tensor(data)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, object, "datetime64[s]", "U1"])
def test_arrays_of_other_dtypes_are_refused_by_name(dtype: Any) -> None:
    with pytest.raises(DtypeError, match="floating-point numbers, integers or booleans"):
        tg.Tensor(np.zeros(2, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("operand", [1j, np.complex64(1j), np.array([1j, 2]), np.array([None, 1], object), "a", None])
def test_operands_that_are_not_real_numbers_are_refused(operand: Any, dtype: Any) -> None:
    x = tg.Tensor(np.array([1.0, 2.0], dtype), requires_grad=True)
    for operation in (operator.add, operator.mul, operator.truediv):
        with pytest.raises(TypeError):
            operation(x, operand)
        with pytest.raises(TypeError):
            operation(operand, x)


def test_a_tensor_of_a_tensor_is_refused() -> None:
    with pytest.raises(DtypeError, match="detach"):
        tg.Tensor(leaf([1.0]))


def test_a_list_with_a_tensor_that_requires_a_gradient_does_not_lose_it_silently() -> None:
    a = leaf(3.0)
    with pytest.raises((TypeError, GradientError)):
        tg.Tensor([a, 1.0])
    with pytest.raises((TypeError, GradientError)):
        leaf([1.0, 2.0]) * [a, 1.0]


# Operators.

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("f", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "other", [2.0, 3, np.float64(2.0), np.array([2.0, 0.5]), [2.0, 0.5], tg.Tensor(np.array([2.0, 3]))]
)
def test_operators_work_from_both_sides(f: Any, other: Any) -> None:
    values = np.array([0.5, 1.5])
    plain = np.asarray(other.data if isinstance(other, tg.Tensor) else other)
    x = leaf(values)
    for y, expected in ((f(x, other), f(values, plain)), (f(other, x), f(plain, values))):
        assert type(y) is tg.Tensor
        np.testing.assert_allclose(y.data, expected, rtol=1e-15)
        assert y.requires_grad


def test_matrix_product_works_from_both_sides() -> None:
    a, x = np.arange(6.0).reshape(2, 3), leaf(np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal((a @ x).data, a @ x.data)
    np.testing.assert_array_equal((x @ a).data, x.data @ a)
    assert type(a @ x) is type(x @ a) is tg.Tensor


def test_unary_operators() -> None:
    x = leaf([-1.0, 2.0])
    assert (-x).data.tolist() == [1, -2]
    assert (+x).data.tolist() == [-1, 2]
    assert abs(x).data.tolist() == [1, 2]


METHODS: dict[str, tuple[Any, Any]] = {
    "sum": (lambda t: t.sum(axis=0, keepdims=True), lambda a: a.sum(axis=0, keepdims=True)),
    "mean": (lambda t: t.mean(axis=1), lambda a: a.mean(axis=1)),
    "max": (lambda t: t.max(axis=1, keepdims=True), lambda a: a.max(axis=1, keepdims=True)),
    "min": (lambda t: t.min(), lambda a: a.min()),
    "reshape": (lambda t: t.reshape(3, 2), lambda a: a.reshape(3, 2)),
    "reshape tuple": (lambda t: t.reshape((3, 2)), lambda a: a.reshape(3, 2)),
    "reshape -1": (lambda t: t.reshape(-1), lambda a: a.reshape(-1)),
    "transpose": (lambda t: t.transpose(), lambda a: a.T),
    "transpose axes": (lambda t: t.transpose(1, 0), lambda a: a.T),
    "transpose tuple": (lambda t: t.transpose((0, 1)), lambda a: a),
    "transpose None": (lambda t: t.transpose(None), lambda a: a.T),
    "T": (lambda t: t.T, lambda a: a.T),
    "mT": (lambda t: t.mT, lambda a: a.mT),
    "clip": (lambda t: t.clip(0.2, 0.5), lambda a: a.clip(0.2, 0.5)),
    "exp": (lambda t: t.exp(), np.exp),
    "log": (lambda t: t.log(), np.log),
    "sqrt": (lambda t: t.sqrt(), np.sqrt),
    "abs": (lambda t: t.abs(), np.abs),
    "tanh": (lambda t: t.tanh(), np.tanh),
    "relu": (lambda t: t.relu(), lambda a: np.maximum(a, 0)),
    "sigmoid": (lambda t: t.sigmoid(), lambda a: 1 / (1 + np.exp(-a))),
    "softmax": (lambda t: t.softmax(axis=0), lambda a: np.exp(a) / np.exp(a).sum(axis=0)),
    "astype": (lambda t: t.astype(np.float32), lambda a: a.astype(np.float32)),
    "index": (lambda t: t[1, ::-1], lambda a: a[1, ::-1]),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_numpys(name: str) -> None:
    ours, numpys = METHODS[name]
    values = np.array([[0.3, 0.1, 0.9], [0.7, 0.2, 0.6]])
    y = ours(leaf(values))
    assert type(y) is tg.Tensor
    assert y.dtype == numpys(values).dtype
    np.testing.assert_allclose(y.data, numpys(values), rtol=1e-14)
    assert y.requires_grad


def test_mt_of_a_stack_transposes_each_matrix() -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    assert leaf(values).mT.data.tolist() == values.mT.tolist()


def test_arrays_without_a_gradient_come_back_plain() -> None:
    x = leaf([[1.0, 3.0], [2.0, 2.0]])
    for result in (
        x > 2,
        x == 2,
        x != 2,
        x <= x,
        x.argmax(),
        x.argmax(axis=1),
        x.argmin(0),
        np.argsort(x),
        np.isnan(x),
    ):
        assert not isinstance(result, tg.Tensor)
        assert isinstance(result, np.ndarray | np.generic)


# Results.


def test_results_are_read_only_arrays_also_without_dimensions() -> None:
    x = leaf([1.0, 2.0])
    for y in (x * 2, x.sum(), x.reshape(2, 1), x[0], x.T, tg.relu(x), x.max(), tg.mean_squared_error(x, [0.0, 0.0])):
        assert type(y.data) is np.ndarray
        assert not y.data.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            y.data[...] = 0
    assert x.data.flags.writeable


def test_a_result_that_is_its_input_does_not_freeze_it() -> None:
    @tg.op
    def identity(x: Any) -> Any:
        return x, lambda g: g

    array, x = np.array([1.0, 2.0]), leaf([1.0, 2.0])
    y = identity(x)
    assert not y.data.flags.writeable
    assert x.data.flags.writeable
    assert (identity(x + array) * array).data.tolist() == [2, 8]
    assert array.flags.writeable


def test_elements_cannot_be_assigned() -> None:
    for t in (leaf([1.0, 2.0]), leaf([1.0, 2.0]) * 2):
        with pytest.raises(TypeError, match=r"x\.at\[index\]\.set"):
            t[0] = 5.0


# Numbers, truth, length, iteration.


def test_scalars_convert_to_python_numbers() -> None:
    x = leaf(2.5)
    assert (float(x), int(x), bool(x), x.item()) == (2.5, 2, True, 2.5)
    assert not leaf(0.0)
    assert leaf([[7.0]]).item() == 7


def test_several_elements_have_no_truth_and_no_float() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    with pytest.raises(TypeError):
        float(x)
    with pytest.raises(ValueError, match="size 1"):
        x.item()


def test_length_and_iteration_go_over_the_first_axis() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    first, second = x
    assert type(first) is tg.Tensor
    (first * second).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2]]


def test_a_scalar_has_no_length_and_cannot_be_iterated() -> None:
    x = leaf(1.0)
    with pytest.raises(TypeError):
        len(x)
    with pytest.raises(TypeError):
        iter(x)


def test_iteration_ends() -> None:
    assert [t.item() for t in leaf([1.0, 2.0, 3.0])] == [1, 2, 3]
    with pytest.raises(IndexError):
        _ = leaf([1.0])[1]


# Comparison and hashing.


def test_comparison_is_element_by_element_and_gives_booleans() -> None:
    a, b = leaf([1.0, 2.0, 3.0]), leaf([3.0, 2.0, 1.0])
    assert (a == b).tolist() == [False, True, False]
    assert (a != b).tolist() == [True, False, True]
    assert (a < b).tolist() == [True, False, False]
    assert (a <= 2).tolist() == [True, True, False]
    assert operator.gt(2, a).tolist() == [True, False, False]
    assert (np.array([1.0, 0, 3]) >= a).tolist() == [True, False, True]
    assert (a == [1, 0, 3]).tolist() == [True, False, True]


def test_hashing_is_by_identity() -> None:
    a, b = leaf([1.0]), leaf([1.0])
    assert hash(a) != hash(b)
    assert len({a, b, a}) == 2
    table = {a: "a", b: "b"}
    assert (table[a], table[b]) == ("a", "b")


def test_in_a_list_finds_the_same_tensor_but_cannot_compare_others() -> None:
    a, b = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    assert a in [a, b]
    with pytest.raises(ValueError, match="ambiguous"):
        _ = b in [a]
    assert any(b is t for t in [a, b])


def test_a_number_in_a_tensor() -> None:
    x = leaf([1.0, 2.0])
    assert 2.0 in x
    assert 3.0 not in x


# Copies.


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_leaf_can_be_copied_and_pickled(how: Any) -> None:
    x = leaf([1.0, 2.0], name="weights")
    (x * x).sum().backward()
    other = how(x)
    assert type(other) is tg.Tensor
    assert (other.name, other.requires_grad, other.dtype) == ("weights", True, np.float64)
    assert other.data.tolist() == [1, 2]
    assert other.grad.tolist() == [2, 4]
    other.data[0] = 9
    other.grad[0] = 9
    assert x.data.tolist() == [1, 2]
    assert x.grad.tolist() == [2, 4]
    (other * 1).sum().backward()
    assert x.grad.tolist() == [2, 4]


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_recorded_tensor_cannot_be_copied_or_pickled(how: Any) -> None:
    y = leaf([1.0]) * 2
    with pytest.raises(GradientError, match="detach"):
        how(y)
    with pytest.raises(GradientError, match="detach"):
        how([y]) if how is not copy.copy else how(y)
    how(y.detach())


def test_numpy_gives_a_copy_that_can_be_changed() -> None:
    x = leaf([1.0, 2.0])
    values = x.numpy()
    values[0] = 9
    assert x.data.tolist() == [1, 2]
    result = (x * 2).numpy()
    result[0] = 9


def test_asarray_of_a_tensor_that_requires_a_gradient_is_an_error() -> None:
    x = leaf([1.0, 2.0])
    for f in (np.asarray, np.array, np.ascontiguousarray, lambda t: np.asarray(t * 2)):
        with pytest.raises(GradientError, match=r"numpy\(\)"):
            f(x)
    assert np.asarray(x.detach()).tolist() == [1, 2]
    assert np.array(tg.Tensor([1.0]), np.float64).dtype == np.float64


# Words.


def test_repr_shows_values_dtype_name_and_origin() -> None:
    assert repr(tg.Tensor([1.0, 2.0])) == "Tensor([1., 2.], dtype=float32)"
    assert "name='w'" in repr(leaf([1.0], name="w"))
    assert "requires_grad=True" in repr(leaf([1.0]))
    assert "from=multiply" in repr(leaf([1.0]) * 2)


def test_every_error_of_the_package_is_one_of_pythons_too() -> None:
    from tinygrad_mlp import errors

    kinds = {
        "ShapeError": ValueError,
        "DtypeError": TypeError,
        "LabelError": ValueError,
        "OptionError": ValueError,
        "UnsupportedError": TypeError,
        "GradientError": RuntimeError,
        "StaleError": GradientError,
        "NonFiniteError": ArithmeticError,
        "TraceError": RuntimeError,
    }
    for name, kind in kinds.items():
        assert issubclass(getattr(errors, name), kind)
        assert issubclass(getattr(errors, name), TinygradMlpError)


# Dtypes of results.


@pytest.mark.parametrize("f", OPERATORS, ids=lambda f: f.__name__)
def test_float32_and_float64_arrays_give_float64_as_in_numpy(f: Any) -> None:
    a, b = tg.Tensor(np.ones(2, np.float32), requires_grad=True), leaf([2.0, 3.0])
    for y in (f(a, b), f(b, a), f(a, np.ones(2)), f(np.ones(2), a), f(a, np.array(2.0))):
        assert y.dtype == np.float64
    da, db = tg.grad(f(a, b).sum(), [a, b])
    assert (da.dtype, db.dtype) == (np.float32, np.float64)


def test_matrix_products_and_layers_of_mixed_dtypes_give_float64() -> None:
    a = tg.Tensor(np.ones((2, 2), np.float32), requires_grad=True)
    assert (a @ np.ones((2, 2))).dtype == np.float64
    assert tg.dense(a, np.ones((2, 2)), np.ones(2)).dtype == np.float64
    assert tg.dense(a, np.ones((2, 2), np.float32), np.ones(2)).dtype == np.float64
    assert tg.concatenate([a, np.ones((1, 2))]).dtype == np.float64


def test_integer_tensors_take_part_as_data() -> None:
    counts, x = tg.Tensor(np.array([1, 2, 3])), tg.Tensor([0.5, 0.5, 0.5], requires_grad=True)
    y = counts * x
    assert y.dtype == np.float32
    assert tg.grad(y.sum(), x).tolist() == [1, 2, 3]


def test_float16_stays_float16() -> None:
    x = tg.Tensor(np.array([1.0, 2.0], np.float16), requires_grad=True)
    y = (x * 2 + 1).sum()
    assert y.dtype == np.float16
    assert tg.grad(y, x).dtype == np.float16
