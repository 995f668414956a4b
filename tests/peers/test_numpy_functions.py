"""NumPy's functions beside PyTorch's of the same name, or of another: values and gradients in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
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
    ((), (3, 4)),
    ((3, 4), ()),
    ((0, 4), (1, 4)),
]


def real(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers of both signs, at least 0.3 away from 0, where many slopes break."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(0.3, 2.0, shape) * rng.choice([-1, 1], shape))


def same(name: str, sample: Any = real, theirs: Function | None = None) -> tuple[Function, Function, Any]:
    return getattr(ops, name), theirs or getattr(torch, name), sample


def positive(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(np.abs(real(shape, seed)))


def inside(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return real(shape, seed) / 2.2


def above_1(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(1 + positive(shape, seed))


UNARY: dict[str, tuple[Function, Function, Any]] = {
    **{
        name: same(name)
        for name in ["exp2", "square", "reciprocal", "sin", "cos", "tan", "arctan", "sinh", "cosh", "arcsinh", "sinc"]
    },
    **{name: same(name) for name in ["deg2rad", "rad2deg", "floor", "ceil", "trunc", "round", "positive", "ravel"]},
    **{name: same(name, positive) for name in ("log2", "log10")},
    **{name: same(name, inside) for name in ("arcsin", "arccos", "arctanh")},
    "arccosh": same("arccosh", above_1),
    "cbrt": same("cbrt", positive, lambda x: x ** (1 / 3)),
    "rint": same("rint", real, torch.round),
    "nan_to_num": same("nan_to_num"),
    "relu6": same("relu6", real, F.relu6),
    "hard_tanh": same("hard_tanh", real, F.hardtanh),
    "hard_sigmoid": same("hard_sigmoid", real, lambda x: F.relu6(x + 3) / 6),
    # (PyTorch's hardsigmoid has 1/6 in float32 as its slope.)
    "hard_silu": same("hard_silu", real, F.hardswish),
    "celu": (lambda x: ops.celu(x, alpha=0.5), lambda x: F.celu(x, 0.5), real),
    "selu": same("selu", real, F.selu),
    "mish": same("mish", real, F.mish),
    "softsign": same("softsign", real, F.softsign),
    "log_sigmoid": same("log_sigmoid", real, F.logsigmoid),
    "atleast_1d": same("atleast_1d"),
    "atleast_2d": same("atleast_2d"),
    "atleast_3d": same("atleast_3d"),
    "flip": same("flip", real, lambda x: torch.flip(x, tuple(range(x.ndim)))),
    "cumsum": same("cumsum", real, lambda x: torch.cumsum(x.reshape(-1), 0)),
    "cumprod": same("cumprod", real, lambda x: torch.cumprod(x.reshape(-1), 0)),
    "diagflat": same("diagflat", real, lambda x: torch.diagflat(x.reshape(-1))),
    "nansum": same("nansum"),
    "squeeze": same("squeeze"),
}
BINARY: dict[str, tuple[Function, Function, Any]] = {
    **{name: same(name) for name in ("logaddexp", "logaddexp2", "hypot", "arctan2", "fmod", "remainder")},
    **{name: same(name) for name in ("copysign", "fmax", "fmin")},
    "float_power": same("float_power", positive, torch.pow),
    "floor_divide": (
        lambda a, b: ops.floor_divide(a, b) + a + b,
        lambda a, b: torch.floor((a / b).detach()) + a + b,
        real,
    ),
}
X, Y, M, S = (3, 4), (4, 3), (3, 3), (2, 3, 3)


def well(x: Any) -> Any:
    """A matrix that is far from singular."""
    return x + 4 * (np.eye(3) if not isinstance(x, torch.Tensor) else torch.eye(3, dtype=torch.float64))


def definite(x: Any) -> Any:
    return well(x @ x.mT)


SHAPED: dict[str, tuple[Function, Function, list[tuple[int, ...]]]] = {
    "prod": (ops.prod, torch.prod, [(6,)]),
    "prod, axis": (lambda x: ops.prod(x, 1), lambda x: torch.prod(x, 1), [X]),
    "var": (lambda x: ops.var(x, 1, ddof=1), lambda x: torch.var(x, 1), [X]),
    "std": (lambda x: ops.std(x, 0), lambda x: torch.std(x, 0, correction=0), [X]),
    "nanmean": (lambda x: ops.nanmean(x, 1), lambda x: torch.nanmean(x, 1), [X]),
    "median": (ops.median, torch.median, [(7,)]),
    "quantile": (lambda x: ops.quantile(x, [0.3, 0.9], 1), lambda x: torch.quantile(x, q_of(0.3, 0.9), 1), [X]),
    "percentile": (lambda x: ops.percentile(x, 30), lambda x: torch.quantile(x, 0.3), [(7,)]),
    "sort": (lambda x: ops.sort(x, 0), lambda x: torch.sort(x, 0).values, [X]),
    "trapezoid": (ops.trapezoid, torch.trapezoid, [X, X]),
    "norm": (ops.norm, torch.linalg.norm, [X]),
    "norm, of rows": (lambda x: ops.norm(x, 3, 1), lambda x: torch.linalg.norm(x, 3, 1), [X]),
    "norm, of a matrix": (lambda x: ops.norm(x, np.inf), lambda x: torch.linalg.norm(x, torch.inf), [X]),
    "dot": (ops.dot, torch.dot, [(4,), (4,)]),
    "vdot": (ops.vdot, torch.vdot, [(4,), (4,)]),
    "vecdot": (ops.vecdot, torch.linalg.vecdot, [X, X]),
    "inner": (ops.inner, torch.inner, [X, (2, 4)]),
    "outer": (ops.outer, torch.outer, [(3,), (4,)]),
    "tensordot": (
        lambda a, b: ops.tensordot(a, b, ([0, 2], [1, 0])),
        lambda a, b: torch.tensordot(a, b, ([0, 2], [1, 0])),
        [(2, 3, 4), (4, 2, 3)],
    ),
    "einsum": (
        lambda a, b: ops.einsum("bij,kj->bik", a, b),
        lambda a, b: torch.einsum("bij,kj->bik", a, b),
        [(2, 3, 4), X],
    ),
    "kron": (ops.kron, torch.kron, [X, (2, 1)]),
    "trace": (ops.trace, torch.trace, [X]),
    "cross": (ops.cross, torch.linalg.cross, [(4, 3), (4, 3)]),
    "multi_dot": (lambda a, b: ops.multi_dot([a, b, a]), lambda a, b: torch.linalg.multi_dot([a, b, a]), [X, Y]),
    "matvec": (ops.matvec, torch.mv, [X, (4,)]),
    "vecmat": (ops.vecmat, lambda x, a: x @ a, [(3,), X]),
    "inv": (lambda x: ops.inv(well(x)), lambda x: torch.linalg.inv(well(x)), [S]),
    "solve": (lambda x, b: ops.solve(well(x), b), lambda x, b: torch.linalg.solve(well(x), b), [S, (2, 3, 1)]),
    "det": (lambda x: ops.det(well(x)), lambda x: torch.linalg.det(well(x)), [S]),
    "slogdet": (lambda x: ops.slogdet(well(x))[1], lambda x: torch.linalg.slogdet(well(x))[1], [S]),
    "cholesky": (lambda x: ops.cholesky(definite(x)), lambda x: torch.linalg.cholesky(definite(x)), [S]),
    "pinv": (ops.pinv, torch.linalg.pinv, [X]),
    "matrix_power": (lambda x: ops.matrix_power(x, 3), lambda x: torch.linalg.matrix_power(x, 3), [M]),
    "swapaxes": (lambda x: ops.swapaxes(x, 0, 1), lambda x: torch.swapaxes(x, 0, 1), [X]),
    "matrix_transpose": (ops.matrix_transpose, lambda x: x.mT, [S]),
    "moveaxis": (lambda x: ops.moveaxis(x, 0, 2), lambda x: torch.moveaxis(x, 0, 2), [(2, 3, 4)]),
    "expand_dims": (lambda x: ops.expand_dims(x, 1), lambda x: torch.unsqueeze(x, 1), [X]),
    "stack": (lambda a, b: ops.stack([a, b], 1), lambda a, b: torch.stack([a, b], 1), [X, X]),
    **{
        name: (
            lambda a, b, name=name: getattr(ops, name)([a, b]),
            lambda a, b, name=name: getattr(torch, name)([a, b]),
            [X, X],
        )
        for name in ("vstack", "hstack", "dstack", "column_stack")
    },
    "array_split": (lambda x: ops.array_split(x, 3)[1], lambda x: torch.tensor_split(x, 3)[1], [(7,)]),
    "hsplit": (lambda x: ops.hsplit(x, 2)[1], lambda x: torch.hsplit(x, 2)[1], [X]),
    "vsplit": (lambda x: ops.vsplit(x, 3)[1], lambda x: torch.vsplit(x, 3)[1], [X]),
    "dsplit": (lambda x: ops.dsplit(x, 2)[1], lambda x: torch.dsplit(x, 2)[1], [(2, 3, 4)]),
    "split": (lambda x: ops.split(x, 2, 1)[0], lambda x: torch.tensor_split(x, 2, 1)[0], [X]),
    "meshgrid": (
        lambda a, b: ops.multiply(*ops.meshgrid(a, b)),
        lambda a, b: torch.mul(*torch.meshgrid(a, b, indexing="xy")),
        [(3,), (4,)],
    ),
    "broadcast_arrays": (
        lambda a, b: ops.broadcast_arrays(a, b)[1] * a,
        lambda a, b: torch.broadcast_tensors(a, b)[1] * a,
        [X, (4,)],
    ),
    "diff": (lambda x: ops.diff(x, n=2), lambda x: torch.diff(x, n=2), [X]),
    "flipud": (ops.flipud, torch.flipud, [X]),
    "fliplr": (ops.fliplr, torch.fliplr, [X]),
    "rot90": (lambda x: ops.rot90(x, 3), lambda x: torch.rot90(x, 3), [X]),
    "roll": (lambda x: ops.roll(x, (1, -2), (0, 1)), lambda x: torch.roll(x, (1, -2), (0, 1)), [X]),
    "tile": (lambda x: ops.tile(x, (2, 3)), lambda x: torch.tile(x, (2, 3)), [X]),
    "repeat": (lambda x: ops.repeat(x, 3, 1), lambda x: torch.repeat_interleave(x, 3, 1), [X]),
    "pad": (lambda x: ops.pad(x, ((0, 0), (2, 1)), "reflect"), lambda x: F.pad(x, (2, 1), "reflect"), [X]),
    "pad, zeros": (lambda x: ops.pad(x, ((0, 0), (2, 1))), lambda x: F.pad(x, (2, 1)), [X]),
    "diagonal": (lambda x: ops.diagonal(x, 1, 1, 2), lambda x: torch.diagonal(x, 1, 1, 2), [S]),
    "diag": (lambda x: ops.diag(x, -1), lambda x: torch.diag(x, -1), [(3,)]),
    "tril": (ops.tril, torch.tril, [X]),
    "triu": (lambda x: ops.triu(x, 1), lambda x: torch.triu(x, 1), [S]),
    "take": (lambda x: ops.take(x, [5, 0, 5]), lambda x: torch.take(x, torch.tensor([5, 0, 5])), [X]),
    "take_along_axis": (
        lambda x: ops.take_along_axis(x, np.array([[1, 1], [0, 3], [2, 2]]), 1),
        lambda x: torch.take_along_dim(x, torch.tensor([[1, 1], [0, 3], [2, 2]]), 1),
        [X],
    ),
    "embedding": (
        lambda x: ops.embedding(x, np.array([[1, 1], [0, 2]])),
        lambda x: F.embedding(torch.tensor([[1, 1], [0, 2]]), x),
        [X],
    ),
    "heaviside": (
        lambda x, h: ops.heaviside(x, h) * x + h,
        lambda x, h: torch.heaviside(x.detach(), h.detach()) * x + h,
        [X, X],
    ),
    "glu": (ops.glu, F.glu, [X]),
    "layer_norm": (ops.layer_norm, lambda x, g, b: F.layer_norm(x, (4,), g, b), [X, (4,), (4,)]),
    "batch_norm": (ops.batch_norm, lambda x, g, b: F.batch_norm(x, None, None, g, b, True), [X, (4,), (4,)]),
    "rms_norm": (ops.rms_norm, lambda x, g: F.rms_norm(x, (4,), g, 1e-5), [X, (4,)]),
    "cosine_similarity": (ops.cosine_similarity, lambda a, b: F.cosine_similarity(a, b, -1), [X, X]),
    "smooth_l1": (
        lambda a, b: ops.smooth_l1(a, b, beta=0.7),
        lambda a, b: F.smooth_l1_loss(a, b, beta=0.7),
        [X, X],
    ),
    "negative_log_likelihood": (
        lambda x: ops.negative_log_likelihood(x, np.array([0, 3, 1])),
        lambda x: F.nll_loss(x, torch.tensor([0, 3, 1])),
        [X],
    ),
    "kl_divergence": (
        lambda p, q: ops.kl_divergence(p, ops.softmax(q)),
        lambda p, q: F.kl_div(p, F.softmax(q, -1), reduction="batchmean"),
        [X, X],
    ),
}
NOT_IN_PYTORCH = {"append", "average", "nanmax", "nanmin", "nanprod", "one_hot", "ptp", "select"}
"""Compositions that it lacks, and what has no gradient: the table compares them with NumPy."""


def q_of(*parts: float) -> torch.Tensor:
    return torch.tensor(parts, dtype=torch.float64)


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


@pytest.mark.parametrize("name", SHAPED)
def test_functions_with_shapes_of_their_own(name: str) -> None:
    ours, theirs, shapes = SHAPED[name]
    assert_alike(ours, theirs, *(real(shape, seed) for seed, shape in enumerate(shapes)), tolerance=1e-11)


@pytest.mark.parametrize("zeros", [1, 2, 3])
@pytest.mark.parametrize("name", ["prod", "cumprod"])
def test_products_with_zeros(name: str, zeros: int) -> None:
    x = real((6,))
    x[1 : 2 * zeros : 2] = 0
    theirs = torch.prod if name == "prod" else lambda x: torch.cumprod(x, 0)
    assert_alike(getattr(ops, name), theirs, x)
