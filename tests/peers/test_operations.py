"""Every operation beside PyTorch's: values and gradients in float64, of several shapes and broadcast both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import BroadcastableShapes, mutually_broadcastable_shapes
from peers import test_numpy_functions as numpy_functions
from peers.side_by_side import Function, assert_alike
from torch.nn import functional as F  # noqa: N812 - its usual name

from tinygrad_mlp import ops

pytestmark = pytest.mark.bench

SHAPES = [(), (1,), (5,), (3, 4), (2, 1, 3), (0, 2)]
PAIRS = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((4,), (3, 4)),
    ((3, 1), (1, 4)),
    ((1, 4), (3, 1)),
    ((3, 4), ()),
    ((), (3, 4)),
    ((2, 1, 4), (3, 1)),
    ((3, 1), (2, 1, 4)),
    ((0, 4), (1, 4)),
]


def real(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers of both signs, at least 0.3 away from 0, where many slopes break."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(0.3, 2.0, shape) * rng.choice([-1, 1], shape))


def positive(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(np.abs(real(shape, seed)))


UNARY: dict[str, tuple[Function, Function, Any]] = {
    "negative": (ops.negative, torch.negative, real),
    "exp": (ops.exp, torch.exp, real),
    "log": (ops.log, torch.log, positive),
    "log1p": (ops.log1p, torch.log1p, positive),
    "expm1": (ops.expm1, torch.expm1, real),
    "sqrt": (ops.sqrt, torch.sqrt, positive),
    "tanh": (ops.tanh, torch.tanh, real),
    "abs": (ops.abs, torch.abs, real),
    "erf": (ops.erf, torch.erf, real),
    "relu": (ops.relu, F.relu, real),
    "leaky_relu": (ops.leaky_relu, F.leaky_relu, real),
    "leaky_relu, alpha": (lambda x: ops.leaky_relu(x, alpha=0.3), lambda x: F.leaky_relu(x, 0.3), real),
    "sigmoid": (ops.sigmoid, torch.sigmoid, real),
    "softplus": (ops.softplus, F.softplus, real),
    "elu": (ops.elu, F.elu, real),
    "elu, alpha": (lambda x: ops.elu(x, alpha=0.7), lambda x: F.elu(x, 0.7), real),
    "silu": (ops.silu, F.silu, real),
    "gelu": (ops.gelu, F.gelu, real),
    "gelu, tanh": (lambda x: ops.gelu(x, approximate="tanh"), lambda x: F.gelu(x, approximate="tanh"), real),
    "clip": (lambda x: ops.clip(x, -0.8, 1.1), lambda x: torch.clamp(x, -0.8, 1.1), real),
    "clip, from below": (lambda x: ops.clip(x, min=0.5), lambda x: torch.clamp(x, min=0.5), real),
    "clip, from above": (lambda x: ops.clip(x, max=0.5), lambda x: torch.clamp(x, max=0.5), real),
    "astype": (lambda x: ops.astype(x, dtype=np.float32), lambda x: x.to(torch.float32), real),
    "transpose": (ops.transpose, lambda x: x.permute(tuple(reversed(range(x.ndim)))), real),
    "power, 2": (lambda x: ops.power(x, 2), lambda x: x**2, real),
    "power, −3": (lambda x: ops.power(x, -3), lambda x: x**-3, real),
    "power, 0": (lambda x: ops.power(x, 0), lambda x: x**0, real),
    "power, ½": (lambda x: ops.power(x, 0.5), lambda x: x**0.5, positive),
    "power, of 2": (lambda x: ops.power(2.0, x), lambda x: 2.0**x, real),
}
BINARY: dict[str, tuple[Function, Function, Any]] = {
    "add": (ops.add, torch.add, real),
    "subtract": (ops.subtract, torch.subtract, real),
    "multiply": (ops.multiply, torch.multiply, real),
    "divide": (ops.divide, torch.divide, real),
    "power": (ops.power, torch.pow, positive),
    "maximum": (ops.maximum, torch.maximum, real),
    "minimum": (ops.minimum, torch.minimum, real),
    "over": (ops.over, torch.divide, real),
    "times": (ops.times, torch.multiply, real),
    "prelu": (ops.prelu, lambda x, alpha: torch.where(x > 0, x, alpha * x), real),
}
AXIS: dict[str, tuple[Function, Function]] = {
    "softmax": (ops.softmax, torch.softmax),
    "log_softmax": (ops.log_softmax, torch.log_softmax),
}
REDUCTIONS: dict[str, tuple[Function, Function]] = {
    "sum": (ops.sum, torch.sum),
    "mean": (ops.mean, torch.mean),
    "max": (ops.max, torch.amax),
    "min": (ops.min, torch.amin),
    "logsumexp": (ops.logsumexp, torch.logsumexp),
}
SHAPED: dict[str, tuple[Function, Function, list[tuple[int, ...]]]] = {
    "matmul, vectors": (ops.matmul, torch.matmul, [(3,), (3,)]),
    "matmul, row": (ops.matmul, torch.matmul, [(3,), (3, 2)]),
    "matmul, column": (ops.matmul, torch.matmul, [(4, 3), (3,)]),
    "matmul, matrices": (ops.matmul, torch.matmul, [(4, 3), (3, 2)]),
    "matmul, stacks": (ops.matmul, torch.matmul, [(2, 4, 3), (2, 3, 5)]),
    "matmul, stack and matrix": (ops.matmul, torch.matmul, [(2, 4, 3), (3, 5)]),
    "matmul, matrix and stack": (ops.matmul, torch.matmul, [(4, 3), (2, 3, 5)]),
    "matmul, broadcast stacks": (ops.matmul, torch.matmul, [(2, 1, 4, 3), (5, 3, 2)]),
    "matmul, row and stack": (ops.matmul, torch.matmul, [(3,), (2, 3, 5)]),
    "matmul, large": (ops.matmul, torch.matmul, [(130, 140), (140, 150)]),
    "dense": (ops.dense, lambda x, w, b: F.linear(x, w.T, b), [(5, 3), (3, 2), (2,)]),
    "dense, one row": (ops.dense, lambda x, w, b: F.linear(x, w.T, b), [(3,), (3, 2), (2,)]),
    "dense, stack": (ops.dense, lambda x, w, b: F.linear(x, w.T, b), [(2, 4, 3), (3, 2), (2,)]),
    "dense, large": (ops.dense, lambda x, w, b: F.linear(x, w.T, b), [(200, 130), (130, 140), (140,)]),
    "prelu, one for each feature": (ops.prelu, F.prelu, [(5, 3), (3,)]),
    "prelu, one for all": (ops.prelu, F.prelu, [(5, 3), (1,)]),
    "broadcast_to": (lambda x: ops.broadcast_to(x, shape=(2, 3, 4)), lambda x: x.broadcast_to(2, 3, 4), [(3, 1)]),
    "broadcast_to, number": (lambda x: ops.broadcast_to(x, shape=(2, 3)), lambda x: x.broadcast_to(2, 3), [()]),
    "reshape": (lambda x: ops.reshape(x, shape=(2, -1)), lambda x: x.reshape(2, -1), [(3, 4)]),
    "transpose, axes": (lambda x: ops.transpose(x, axes=(2, 0, 1)), lambda x: x.permute(2, 0, 1), [(2, 3, 4)]),
    "transpose, from the end": (
        lambda x: ops.transpose(x, axes=(-1, 0, -2)),
        lambda x: x.permute(-1, 0, -2),
        [(2, 3, 4)],
    ),
    "concatenate": (
        lambda *xs: ops.concatenate(xs),
        lambda *xs: torch.concatenate(xs),
        [(2, 3), (1, 3), (0, 3), (4, 3)],
    ),
    "concatenate, last axis": (
        lambda *xs: ops.concatenate(xs, axis=-1),
        lambda *xs: torch.concatenate(xs, -1),
        [(2, 3, 1), (2, 3, 4)],
    ),
    "getitem, number": (lambda x: ops.getitem(x, 1), lambda x: x[1], [(3, 4)]),
    "getitem, slices": (
        lambda x: ops.getitem(x, (slice(1, None), None, slice(None, None, 2))),
        lambda x: x[1:, None, ::2],
        [(3, 4)],
    ),
    "getitem, ellipsis": (lambda x: ops.getitem(x, (..., 1)), lambda x: x[..., 1], [(2, 3, 4)]),
    "getitem, repeated": (lambda x: ops.getitem(x, [2, 0, 2]), lambda x: x[[2, 0, 2]], [(3, 4)]),
    "getitem, pairs": (
        lambda x: ops.getitem(x, ([0, 2, 0], [-1, 1, -1])),
        lambda x: x[[0, 2, 0], [-1, 1, -1]],
        [(3, 4)],
    ),
    "getitem, mask": (
        lambda x: ops.getitem(x, np.array([True, False, True])),
        lambda x: x[torch.tensor([True, False, True])],
        [(3, 4)],
    ),
    "standardize, rows": (ops.standardize, lambda x: F.layer_norm(x, x.shape[-1:]), [(5, 4)]),
    "standardize, two axes": (
        lambda x: ops.standardize(x, axis=(1, 2), epsilon=0.01),
        lambda x: F.layer_norm(x, x.shape[1:], eps=0.01),
        [(3, 4, 5)],
    ),
    "standardize, columns": (
        lambda x: ops.standardize(x, axis=0),
        lambda x: F.batch_norm(x, None, None, training=True),
        [(6, 4)],
    ),
}
# In test_losses.py.
LOSSES = {
    "softmax_cross_entropy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "hinge",
}
BY_THEMSELVES = {"dropout", "sign", "where"}


def test_no_operation_is_left_out() -> None:
    more = numpy_functions
    tables = (UNARY, BINARY, AXIS, REDUCTIONS, SHAPED, more.UNARY, more.BINARY, more.SHAPED)
    compared = {name.partition(",")[0] for table in tables for name in table}
    assert compared | LOSSES | BY_THEMSELVES | more.NOT_IN_PYTORCH == set(ops.__all__)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_array(name: str, shape: tuple[int, ...]) -> None:
    ours, theirs, sample = UNARY[name]
    assert_alike(ours, theirs, sample(shape))


@pytest.mark.parametrize("shapes", PAIRS, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arrays_broadcast_both_ways(name: str, shapes: Any) -> None:
    ours, theirs, sample = BINARY[name]
    assert_alike(ours, theirs, sample(shapes[0], 1), sample(shapes[1], 2))


@pytest.mark.parametrize("name", BINARY)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=4), seed=st.integers(0, 99))
def test_functions_of_two_arrays_broadcast_in_any_way(name: str, shapes: BroadcastableShapes, seed: int) -> None:
    ours, theirs, sample = BINARY[name]
    a, b = shapes.input_shapes
    assert_alike(ours, theirs, sample(a, seed), sample(b, seed + 1))


@pytest.mark.parametrize("shapes", PAIRS, ids=str)
def test_where_broadcasts_all_of_its_inputs(shapes: Any) -> None:
    condition = real(shapes[0]) > 0
    assert_alike(ops.where, torch.where, condition, real(shapes[0], 1), real(shapes[1], 2))
    assert_alike(ops.where, torch.where, condition, real(shapes[1], 1), real((), 2))


@pytest.mark.parametrize(("shape", "axis"), [((4,), 0), ((3, 4), -1), ((3, 4), 0), ((3, 20), 1), ((2, 3, 4), 1)])
@pytest.mark.parametrize("name", AXIS)
def test_functions_along_an_axis(name: str, shape: tuple[int, ...], axis: int) -> None:
    ours, theirs = AXIS[name]
    assert_alike(lambda x: ours(x, axis=axis), lambda x: theirs(x, dim=axis), real(shape))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (-1, 0), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name: str, axis: int | tuple[int, ...], keepdims: bool) -> None:
    ours, theirs = REDUCTIONS[name]
    assert_alike(
        lambda x: ours(x, axis=axis, keepdims=keepdims),
        lambda x: theirs(x, dim=axis, keepdim=keepdims),
        real((3, 4, 2)),
    )


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (40, 30)], ids=str)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_everything(name: str, shape: tuple[int, ...]) -> None:
    ours, theirs = REDUCTIONS[name]
    assert_alike(ours, lambda x: theirs(x, dim=tuple(range(x.ndim))), real(shape))


@pytest.mark.parametrize("name", SHAPED)
def test_functions_with_shapes_of_their_own(name: str) -> None:
    ours, theirs, shapes = SHAPED[name]
    assert_alike(ours, theirs, *(real(shape, seed) for seed, shape in enumerate(shapes)))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sign_has_a_slope_of_zero(shape: tuple[int, ...]) -> None:
    assert_alike(ops.sign, torch.sign, real(shape))


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
def test_dropout_with_the_mask_that_pytorch_drew(p: float) -> None:
    torch.manual_seed(0)
    x = real((50, 4))
    _, mask = torch.native_dropout(torch.from_numpy(x), p, True)
    torch.manual_seed(0)  # it draws the same one again
    assert_alike(lambda x: ops.dropout(x, mask.numpy(), p=p), lambda x: torch.native_dropout(x, p, True)[0], x)


AT_THE_KINK: dict[str, tuple[Function, Function]] = {
    "relu": (ops.relu, F.relu),
    "leaky_relu": (ops.leaky_relu, F.leaky_relu),
    "elu": (lambda x: ops.elu(x, alpha=0.7), lambda x: F.elu(x, 0.7)),
    "abs": (ops.abs, torch.abs),
    "clip": (lambda x: ops.clip(x, -1, 1), lambda x: torch.clamp(x, -1, 1)),
    "max": (lambda x: ops.max(x, axis=1), lambda x: torch.amax(x, 1)),
    "min": (lambda x: ops.min(x, axis=1), lambda x: torch.amin(x, 1)),
    "maximum": (lambda x: ops.maximum(x, 0), lambda x: torch.maximum(x, torch.zeros_like(x))),
    "minimum": (lambda x: ops.minimum(x, 0), lambda x: torch.minimum(x, torch.zeros_like(x))),
    "prelu": (lambda x: ops.prelu(x, 0.2), lambda x: F.prelu(x, torch.tensor([0.2]))),
    "square": (lambda x: ops.power(x, 2), lambda x: x**2),
    "power of 1": (lambda x: ops.power(x, 1), lambda x: x**1),
}


@pytest.mark.parametrize("name", AT_THE_KINK)
def test_slopes_at_kinks_and_ties(name: str) -> None:
    assert_alike(*AT_THE_KINK[name], np.array([[0.0, 0.0, -1.0], [1.0, 1.0, 1.0], [-1.0, -1.0, 0.0]]))


# PyTorch's softplus is cut off at 20, where it is still 2e-9 away from a straight line.
FAR_OUT: dict[str, tuple[Function, Function]] = {
    **{name: UNARY[name][:2] for name in ("tanh", "erf", "sigmoid", "elu", "silu", "gelu", "gelu, tanh")},
    "softplus": (ops.softplus, lambda x: F.softplus(x, threshold=40)),
    **{name: (ours, lambda x, theirs=theirs: theirs(x, dim=-1)) for name, (ours, theirs) in AXIS.items()},
    "logsumexp": (ops.logsumexp, lambda x: torch.logsumexp(x, 0)),
}


@pytest.mark.parametrize("name", FAR_OUT)
def test_tiny_and_huge_numbers(name: str) -> None:
    """Where e^x is 0 or too large, and where 1 + x is 1; a warning would fail the test too."""
    ours, theirs = FAR_OUT[name]
    sizes = np.array([1e-300, 1e-20, 1e-9, 1e-4, 5.9, 6.1, 19.0, 40.0, 300.0, 800.0, 1e5])
    assert_alike(ours, theirs, np.concatenate([sizes, -sizes, [0.0]]))


@pytest.mark.parametrize("name", ["erf", "gelu"])
def test_the_error_function_from_end_to_end(name: str) -> None:
    """Ours is made of four pieces, PyTorch's is the C library's; both are exact to the last digit or two."""
    ours, theirs, _ = UNARY[name]
    assert_alike(ours, theirs, np.linspace(-9, 9, 3601), tolerance=2e-15)
