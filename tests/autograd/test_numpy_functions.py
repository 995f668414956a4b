"""NumPy's own functions on Tensors: those with a rule work and are differentiated, the others say what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.errors import GradientError, UnsupportedError

VALUES = np.array([[0.3, 0.1, 0.9], [0.7, 0.2, 0.6]])


def leaf(values: Any = VALUES) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


SUPPORTED: dict[str, Any] = {
    "add": lambda x: np.add(x, 1.0),
    "subtract": lambda x: np.subtract(1.0, x),
    "multiply": lambda x: np.multiply(x, VALUES),
    "divide": lambda x: np.divide(VALUES, x),
    "true_divide": lambda x: np.true_divide(x, 2.0),
    "negative": lambda x: np.negative(x),
    "power": lambda x: np.power(x, 2.0),
    "matmul": lambda x: np.matmul(x, VALUES.T),
    "exp": lambda x: np.exp(x),
    "log": lambda x: np.log(x),
    "log1p": lambda x: np.log1p(x),
    "sqrt": lambda x: np.sqrt(x),
    "tanh": lambda x: np.tanh(x),
    "abs": lambda x: np.abs(x),
    "sign": lambda x: np.sign(x) * x,
    "maximum": lambda x: np.maximum(x, 0.5),
    "minimum": lambda x: np.minimum(0.5, x),
    "where": lambda x: np.where(VALUES > 0.5, x, 0.0),
    "clip": lambda x: np.clip(x, 0.15, 0.65),
    "sum": lambda x: np.sum(x),
    "sum, axis by position": lambda x: np.sum(x, 0),
    "sum, axis by name": lambda x: np.sum(x, axis=1, keepdims=True),
    "sum, array by name": lambda x: np.sum(a=x, axis=0),
    "sum, defaults written out": lambda x: np.sum(x, 0, None, None),
    "mean": lambda x: np.mean(x, 1),
    "max": lambda x: np.max(x, 0),
    "max, keepdims": lambda x: np.max(x, axis=(0, 1), keepdims=True),
    "min": lambda x: np.min(x, -1),
    "reshape": lambda x: np.reshape(x, (3, 2)),
    "transpose": lambda x: np.transpose(x),
    "transpose, axes by position": lambda x: np.transpose(x, (1, 0)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)),
    "concatenate": lambda x: np.concatenate([x, VALUES]),
    "concatenate, axis by position": lambda x: np.concatenate((VALUES, x), 1),
    "concatenate, axis by name": lambda x: np.concatenate([x, x], axis=-1),
    "stack": lambda x: np.stack([x, VALUES], axis=1),
    "stack, lists": lambda x: np.stack([x, VALUES.tolist()]),
    "vstack": lambda x: np.vstack([x, VALUES]),
    "hstack": lambda x: np.hstack((VALUES, x)),
    "dstack": lambda x: np.dstack([x, x]),
    "column_stack": lambda x: np.column_stack([VALUES, x]),
    "split": lambda x: np.split(x, 3, axis=1)[2],
    "array_split": lambda x: np.array_split(x, [1], 1)[1],
    "hsplit": lambda x: np.hsplit(x, 3)[0],
    "vsplit": lambda x: np.vsplit(x, 2)[1],
    "meshgrid": lambda x: np.meshgrid(x[0], VALUES[1])[0],
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, np.ones((2, 2, 3)))[0],
    "atleast_3d": lambda x: np.atleast_3d(VALUES, x)[1],
    "append": lambda x: np.append(VALUES, x, axis=0),
    "select": lambda x: np.select([VALUES > 0.5, VALUES > 0.2], [x, 2 * x], 3.0),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, VALUES),
    "einsum, array first": lambda x: np.einsum("ij,ij", VALUES, x),
    "einsum, axes as numbers": lambda x: np.einsum(VALUES, [0, 1], x, [2, 1], [0, 2]),
    "dot, array first": lambda x: np.dot(VALUES.T, x),
    "linalg.multi_dot": lambda x: np.linalg.multi_dot([VALUES, x.T, VALUES]),
    "linalg.slogdet": lambda x: np.linalg.slogdet(x[:, :2]).logabsdet,
    "linalg.inv": lambda x: np.linalg.inv(x[:, :2]),
    "linalg.solve, tensor second": lambda x: np.linalg.solve(VALUES[:, :2], x),
    "linalg.norm, by name": lambda x: np.linalg.norm(x, ord=1, axis=1, keepdims=True),
    "linalg.matmul": lambda x: np.linalg.matmul(x, VALUES.T),
    "vecdot, axis": lambda x: np.vecdot(x, VALUES, axis=0),
    "matvec": lambda x: np.matvec(x, VALUES[0]),
    "median, axis by position": lambda x: np.median(x, 1),
    "quantile": lambda x: np.quantile(x, [0.2, 0.7], axis=0),
    "var": lambda x: np.var(x, 0, ddof=1),
    "std, defaults written out": lambda x: np.std(x, 1, None, None, 1),
    "cumsum": lambda x: np.cumsum(x, 1),
    "sort, axis None": lambda x: np.sort(x, None),
    "take": lambda x: np.take(x, [2, 0], 1),
    "take, mode": lambda x: np.take(x, [7], mode="wrap"),
    "take_along_axis": lambda x: np.take_along_axis(x, np.argsort(x, axis=1), 1),
    "pad, arguments by name": lambda x: np.pad(array=x, pad_width=1, mode="constant", constant_values=2),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "rollaxis written as moveaxis": lambda x: np.moveaxis(x, [0, 1], [-1, 0]),
    "trapezoid": lambda x: np.trapezoid(x, dx=0.5),
    "amax": lambda x: np.amax(x, 1),
    "amin": lambda x: np.amin(x),
    "fabs": lambda x: np.fabs(-x),
    "around": lambda x: np.around(x, 1),
    "fix": lambda x: np.fix(3 * x),
    "degrees": lambda x: np.degrees(x),
    "radians": lambda x: np.radians(x),
    "copy": lambda x: np.copy(x),
    "floor_divide": lambda x: np.floor_divide(x, 0.25),
    "array % tensor": lambda x: VALUES[::-1] % x,
    "array // tensor": lambda x: VALUES[::-1] // x,
    "mT": lambda x: x.mT,
    "sum, axis a NumPy integer": lambda x: np.sum(x, axis=np.argmax([0, 1])),
    "max, axes NumPy integers": lambda x: np.max(x, axis=(np.int64(-1), np.int64(0)), keepdims=True),
    "array @ tensor": lambda x: VALUES.T @ x,
    "array - tensor": lambda x: VALUES - x,
    "number * tensor": lambda x: np.float64(2.0) * x,
}


@pytest.mark.parametrize("name", SUPPORTED)
def test_numpy_function_gives_a_tensor_with_the_same_values(name: str) -> None:
    f = SUPPORTED[name]
    x = leaf()
    y = f(x)
    assert type(y) is tg.Tensor
    np.testing.assert_allclose(y.data, f(VALUES), rtol=1e-15)
    assert y.shape == np.shape(f(VALUES))
    assert tg.grad(y, x, gradient=np.ones(y.shape)).shape == x.shape


@pytest.mark.parametrize("function", [np.sum, np.mean, np.max, np.min])
def test_options_may_be_given_as_numpys_defaults(function: Any) -> None:
    options = {"out": None, "dtype": None} if function in (np.sum, np.mean) else {"out": None}
    np.testing.assert_allclose(function(leaf(), axis=0, **options).data, function(VALUES, axis=0))


def test_clip_takes_numpys_names_for_its_bounds() -> None:
    assert np.clip(leaf(), a_min=0.2, a_max=0.6).data.tolist() == np.clip(VALUES, 0.2, 0.6).tolist()
    assert np.clip(leaf(), min=0.2, max=0.6).data.tolist() == np.clip(VALUES, 0.2, 0.6).tolist()


PLAIN: dict[str, Any] = {
    "argmax": lambda x: np.argmax(x, axis=1),
    "argmin": lambda x: np.argmin(x),
    "argsort": lambda x: np.argsort(x, axis=-1),
    "isnan": lambda x: np.isnan(x),
    "isfinite": lambda x: np.isfinite(x),
    "isclose": lambda x: np.isclose(x, VALUES),
    "allclose": lambda x: np.allclose(x, VALUES),
    "array_equal": lambda x: np.array_equal(VALUES, x),
    "greater": lambda x: np.greater(x, 0.5),
    "array > tensor": lambda x: np.full(3, 0.5) > x,
    "logical_not": lambda x: np.logical_not(x),
    "any": lambda x: np.any(x > 0.5, axis=0),
    "all of a tensor": lambda x: np.all(x),
    "nonzero": lambda x: np.nonzero(x)[0],
    "argwhere": lambda x: np.argwhere(x),
    "searchsorted": lambda x: np.searchsorted(np.sort(VALUES[0]), x),
    "argsort, as a method": lambda x: x.argsort(axis=0),
    "any, as a method": lambda x: x.any(axis=1, keepdims=True),
    "all, as a method": lambda x: x.all(),
    "nonzero, as a method": lambda x: x.nonzero()[1],
    "tolist, as a method": lambda x: x.tolist(),
    "count_nonzero": lambda x: np.count_nonzero(x),
    "shape": lambda x: np.shape(x),
    "ndim": lambda x: np.ndim(x),
    "size": lambda x: np.size(x),
    "zeros_like": lambda x: np.zeros_like(x),
    "ones_like": lambda x: np.ones_like(x),
}


@pytest.mark.parametrize("name", PLAIN)
def test_functions_without_a_gradient_give_plain_results(name: str) -> None:
    f = PLAIN[name]
    result = f(leaf())
    assert not isinstance(result, tg.Tensor)
    np.testing.assert_array_equal(result, f(VALUES))


UNSUPPORTED: dict[str, Any] = {
    "nanmedian": lambda x: np.nanmedian(x),
    "spacing": lambda x: np.spacing(x),
    "nextafter": lambda x: np.nextafter(x, x),
    "interp": lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0]),
    "partition": lambda x: np.partition(x, 1),
    "linalg.svd": lambda x: np.linalg.svd(x),
    "copyto": lambda x: np.copyto(np.zeros((2, 3)), x),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_functions_without_a_rule_are_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}\b") as caught:
        UNSUPPORTED[name](leaf())
    assert isinstance(caught.value, UnsupportedError)
    assert "tg.op" in str(caught.value)


def test_a_refusal_names_what_works_instead() -> None:
    with pytest.raises(UnsupportedError, match=r"tg\.cumsum"):
        np.nancumsum(leaf())


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.exp(x, out=np.zeros((2, 3))),
        lambda x: np.add(x, x, out=np.zeros((2, 3))),
        lambda x: np.add(VALUES, VALUES, out=x),
        lambda x: np.exp(x, where=VALUES > 0.5),
        lambda x: np.exp(x, dtype=np.float32),
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: np.sum(x, where=VALUES > 0.5),
        lambda x: np.sum(x, 0, np.float32),
        lambda x: np.max(x, initial=0.0),
        lambda x: np.add.reduce(x),
        lambda x: np.multiply.outer(x, x),
        lambda x: np.reshape(x, (3, 2), order="F"),
        lambda x: np.concatenate([x, x], dtype=np.float32),
        lambda x: np.where(x),
    ],
)
def test_ways_of_calling_that_have_no_rule_are_refused(call: Any) -> None:
    with pytest.raises(TypeError):
        call(leaf())


@pytest.mark.parametrize("name", ["out", "where"])
def test_a_refused_option_is_named_with_the_function(name: str) -> None:
    with pytest.raises(TypeError, match=rf"sum.*{name}"):
        np.sum(leaf(), **{name: np.ones((2, 3), bool)})
    with pytest.raises(TypeError, match=rf"exp.*{name}"):
        np.exp(leaf(), **{name: np.ones((2, 3))})


def test_adding_a_tensor_into_an_array_is_refused() -> None:
    """The array would hold the values and lose the gradient."""
    array = np.zeros((2, 3))
    with pytest.raises(TypeError, match="add cannot write a Tensor into an array"):
        array += leaf()
    with pytest.raises(TypeError):
        array -= tg.Tensor(VALUES)
    assert not array.any()


def test_assigning_a_tensor_into_an_array_does_not_lose_its_gradient_silently() -> None:
    array = np.zeros((2, 3))
    with pytest.raises((TypeError, GradientError)):
        array[...] = leaf()
    with pytest.raises((TypeError, GradientError)):
        np.array([leaf(), leaf()])


def test_a_list_of_tensors_is_an_array_only_for_functions_of_lists() -> None:
    assert np.stack([leaf(), leaf()]).shape == (2, 2, 3)
    with pytest.raises((TypeError, GradientError)):
        np.exp([leaf(), leaf()])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: tg.exp(x, x), "exp"),
        (lambda x: tg.exp(), "exp"),
        (lambda x: tg.sum(x, 0, None, None, True, 0, True, 3), "sum"),
        (lambda x: tg.sum(x, axes=0), "axes"),
        (lambda x: tg.add(x), "add"),
        (lambda x: tg.softmax(x, dim=0), "dim"),
    ],
)
def test_wrong_arguments_of_an_operation_are_a_type_error(call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call(leaf())


def test_tg_functions_follow_numpys_calling_convention() -> None:
    x = leaf()
    assert tg.sum(x, 0).data.tolist() == np.sum(VALUES, 0).tolist()
    assert tg.max(x, 1, keepdims=True).data.tolist() == np.max(VALUES, 1, keepdims=True).tolist()
    assert tg.transpose(x, (1, 0)).data.tolist() == VALUES.T.tolist()
    assert tg.reshape(x, (3, 2)).data.tolist() == VALUES.reshape(3, 2).tolist()
    assert tg.broadcast_to(x, (2, 2, 3)).shape == (2, 2, 3)
    assert tg.clip(x, 0.2, 0.5).data.tolist() == VALUES.clip(0.2, 0.5).tolist()
    assert tg.concatenate([x, x], 1).shape == (2, 6)
    assert tg.sum(VALUES, 0).tolist() == VALUES.sum(0).tolist()


def test_tg_functions_take_lists_and_numbers() -> None:
    np.testing.assert_allclose(tg.exp([0.0, 1.0]), np.exp([0, 1]))
    np.testing.assert_allclose(tg.sum([[1.0, 2.0], [3.0, 4.0]], axis=0), [4, 6])
    np.testing.assert_allclose(tg.add(1.0, [1.0, 2.0]), [2, 3])
    np.testing.assert_allclose(tg.matmul([[1.0, 2.0]], leaf([[1.0], [2.0]])).data, [[5]])
