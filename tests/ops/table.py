"""The systematic table: one row for each operation and each composition, several cases a row.

    row(subject, reference, case, case, …)

`reference` is NumPy's function of the same arguments, or a formula that owes nothing to the package. A case is
`of(*inputs, **options)`: floating-point inputs are differentiated; integers, booleans and `fixed(...)` are labels,
indices, masks. The tests in `test_table.py` run over every case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.ops import activations, arithmetic, elementwise, indexing, losses, regression, shapes


@dataclass(frozen=True)
class Case:
    """One call: inputs in float64, which of them are differentiated, options, and what the row adds."""

    inputs: tuple[np.ndarray, ...]
    differentiable: tuple[int, ...]
    options: dict[str, Any]
    call: Callable[..., Any]
    reference: Callable[..., Any]
    subject: Any = None
    traceable: bool = True
    keeps_dtype: bool = True

    @property
    def name(self) -> str:
        return str(getattr(self.subject, "name", self.subject.__name__))

    @property
    def size(self) -> int:
        return sum(self.inputs[i].size for i in self.differentiable)

    def __call__(self, *inputs: Any) -> Any:
        return self.call(*inputs, **self.options)

    def expected(self, *inputs: np.ndarray) -> Any:
        return self.reference(*inputs, **self.options)


TABLE: list[tuple[Any, list[Case]]] = []
numbers = count()


class Fixed:
    """A floating-point input that is not differentiated: rows of label probabilities, an exponent."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, np.float64)


fixed = Fixed


def of(*inputs: Any, call: Any = None, reference: Any = None, **options: Any) -> Case:
    arrays = tuple(x.array if isinstance(x, Fixed) else np.asarray(x) for x in inputs)
    floats = tuple(i for i, x in enumerate(inputs) if not isinstance(x, Fixed) and arrays[i].dtype.kind == "f")
    return Case(arrays, floats, options, call, reference)


def row(subject: Any, reference: Callable[..., Any], *cases: Case, **facts: Any) -> None:
    filled = [
        replace(case, call=case.call or subject, reference=case.reference or reference, subject=subject, **facts)
        for case in cases
    ]
    TABLE.append((subject, filled))


def cases() -> Iterator[tuple[str, Case]]:
    """Every case with a name for pytest: the operation, a number, shapes and options."""
    for subject, found in TABLE:
        for number, case in enumerate(found):
            sizes = " ".join("x".join(map(str, x.shape)) or "0d" for x in case.inputs)
            shown = " ".join(f"{k}={getattr(v, '__name__', v)}" for k, v in case.options.items() if k != "pattern")
            kind = (
                "_"
                if isinstance(subject, ops.add.__class__) and getattr(ops, subject.name, None) is not subject
                else ""
            )
            yield (
                " ".join(filter(None, [f"{case.name}{kind}.{number}", sizes, shown])).replace("[", "").replace("]", ""),
                case,
            )


# Sample inputs: each call draws other numbers, always the same ones, and far enough from every kink.


def draw() -> np.random.Generator:
    return np.random.default_rng(next(numbers))


def real(*shape: int) -> np.ndarray:
    """Numbers from ±0.4 to ±1.4: no zeros."""
    rng = draw()
    return np.asarray(rng.uniform(0.4, 1.4, shape) * rng.choice([-1, 1], shape))


def positive(*shape: int) -> np.ndarray:
    return np.asarray(draw().uniform(0.5, 1.8, shape))


def between(low: float, high: float, *shape: int) -> np.ndarray:
    return np.asarray(draw().uniform(low, high, shape))


def distinct(*shape: int, shift: float = 0.0) -> np.ndarray:
    """Numbers 0.2 apart in random order, so that a maximum is far from a tie."""
    n = int(np.prod(shape))
    return (draw().permutation(n) * 0.2 - 0.1 * n + shift + 0.05).reshape(shape)


def below(n: int, *shape: int) -> np.ndarray:
    """Whole numbers from 0 to n − 1, as labels and indices."""
    return np.asarray(draw().integers(0, n, shape))


def coins(*shape: int) -> np.ndarray:
    """Booleans, of both kinds where there are at least two."""
    n = int(np.prod(shape))
    return (draw().permutation(n) % 2 == 0).reshape(shape)


def rows_of_probabilities(*shape: int) -> Fixed:
    p = positive(*shape)
    return Fixed(p / p.sum(axis=-1, keepdims=True))


def one_hot(n: int, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=int)[below(classes, n)]


def elementwise_shapes(sample: Callable[..., np.ndarray]) -> list[Case]:
    return [of(sample()), of(sample(3)), of(sample(2, 3)), of(sample(2, 1, 2)), of(sample(0, 2))]


PAIRS = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((1, 3), (2, 3)),
    ((), (2, 2)),
    ((2, 2), ()),
    ((), ()),
    ((1,), ()),
    ((2, 1, 2), (3, 1)),
    ((0, 3), (1, 3)),
]


def broadcast_pairs(first: Callable[..., np.ndarray], second: Callable[..., np.ndarray]) -> list[Case]:
    return [of(first(*a), second(*b)) for a, b in PAIRS]


AXES: list[dict[str, Any]] = [
    {},
    {"axis": 0},
    {"axis": 1, "keepdims": True},
    {"axis": -1},
    {"axis": (0, 2)},
    {"axis": (-1, 0), "keepdims": True},
    {"axis": (0, 1, 2)},
    {"keepdims": True},
]


def reductions(sample: Callable[..., np.ndarray]) -> list[Case]:
    return [of(sample(2, 3, 2), **options) for options in AXES] + [
        of(sample()),
        of(sample(4)),
        of(sample(1, 3), axis=0),
    ]


# arithmetic

row(ops.add, np.add, *broadcast_pairs(real, real))
row(ops.subtract, np.subtract, *broadcast_pairs(real, real))
row(ops.multiply, np.multiply, *broadcast_pairs(real, real))
row(ops.divide, np.divide, *broadcast_pairs(real, real))
row(ops.over, np.divide, *broadcast_pairs(real, real))
row(ops.times, np.multiply, *broadcast_pairs(real, real))
row(
    ops.power,
    np.power,
    *broadcast_pairs(positive, real),
    of(real(2, 3), fixed(2.0)),
    of(real(3), fixed([3.0, -1.0, 4.0])),
    of(positive(2, 2), fixed(0.5)),
    of(fixed(2.0), real(3)),
)
row(ops.negative, np.negative, *elementwise_shapes(real))
row(
    arithmetic.matmul_,
    np.matmul,
    of(real(2, 3), real(3, 2)),
    of(real(1, 2), real(2, 1)),
    of(real(2, 2, 3), real(2, 3, 2)),
    of(real(2, 2, 3), real(3, 2)),
    of(real(2, 3), real(2, 3, 1)),
    of(real(2, 1, 1, 2), real(3, 2, 2)),
    of(real(0, 2), real(2, 3)),
    of(real(2, 0), real(0, 3)),
)
row(
    ops.matmul,
    np.matmul,
    of(real(3), real(3)),
    of(real(3), real(3, 2)),
    of(real(2, 3), real(3)),
    of(real(2, 2, 3), real(3)),
    of(real(2), real(3, 2, 2)),
    of(real(2, 3), real(3, 2)),
)
row(
    arithmetic.dense_,
    lambda x, w, b: x @ w + b,
    of(real(3, 2), real(2, 4), real(4)),
    of(real(1, 3), real(3, 1), real(1)),
    of(real(0, 2), real(2, 3), real(3)),
    of(fixed(real(3, 2)), real(2, 2), real(2)),
    of(fixed(real(3, 2)), fixed(real(2, 2)), real(2)),
)
row(
    ops.dense,
    lambda x, w, b: x @ w + b,
    of(real(2), real(2, 3), real(3)),
    of(real(2, 2, 3), real(3, 2), real(2)),
    of(real(3, 2), real(2, 2), real(2)),
)

# elementwise

row(ops.exp, np.exp, *elementwise_shapes(real))
row(ops.log, np.log, *elementwise_shapes(positive))
row(ops.log1p, np.log1p, *elementwise_shapes(lambda *shape: between(-0.5, 2, *shape)))
row(ops.expm1, np.expm1, *elementwise_shapes(real))
row(ops.sqrt, np.sqrt, *elementwise_shapes(positive))
row(ops.tanh, np.tanh, *elementwise_shapes(real))
row(ops.abs, np.abs, *elementwise_shapes(real))
row(ops.sign, np.sign, *elementwise_shapes(real))
row(ops.maximum, np.maximum, *broadcast_pairs(distinct, lambda *shape: distinct(*shape, shift=0.05)))
row(ops.minimum, np.minimum, *broadcast_pairs(distinct, lambda *shape: distinct(*shape, shift=0.05)))
row(
    ops.where,
    np.where,
    of(coins(2, 3), real(2, 3), real(2, 3)),
    of(coins(3), real(2, 3), real(3)),
    of(coins(2, 1), real(3), real(1, 3)),
    of(coins(2, 2), real(), real(2, 2)),
    of(np.array(True), real(3), real()),
    of(coins(4), fixed(0.0), real(4)),
)
row(
    elementwise.clip_,
    lambda x, low, high: np.clip(x, low, high),
    of(distinct(7), low=-0.6, high=0.4),
    of(distinct(2, 4), low=-np.inf, high=0.2),
    of(real(), low=-0.1, high=0.1),
)
row(
    ops.clip,
    lambda x, **bounds: np.clip(x, bounds.get("min", -np.inf), bounds.get("max", np.inf)),
    of(distinct(7), min=-0.6, max=0.4),
    of(distinct(2, 4), max=0.2),
    of(distinct(2, 3), min=0.0),
    of(real(2)),
)
row(
    ops.astype,
    lambda x, dtype: x.astype(dtype),
    of(real(2, 3), dtype=np.float64),
    of(real(), dtype=np.dtype(np.float64)),
    keeps_dtype=False,
)

# indexing


class ByGetitem:
    """`x[index]` written as for an array, carried out by `ops.getitem` on whatever x is."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Any:
        return ops.getitem(self.x, index)


def at(read: Callable[..., Any], *inputs: Any, **facts: Any) -> Case:
    """A case of getitem, whose index is written once, as a function of x and the index arrays."""
    case = of(*inputs, call=lambda x, *indices: read(ByGetitem(x), *indices), reference=read)
    return replace(case, **facts)


row(
    ops.getitem,
    None,
    at(lambda x: x[1], real(3)),
    at(lambda x: x[-1], real(3, 2)),
    at(lambda x: x[1, -2], real(2, 3)),
    at(lambda x: x[np.int64(1)], real(2, 3)),
    at(lambda x: x[1:], real(3, 2)),
    at(lambda x: x[::-1], real(4)),
    at(lambda x: x[-1:0:-2, 1], real(5, 2)),
    at(lambda x: x[None], real(2)),
    at(lambda x: x[..., 0], real(2, 3)),
    at(lambda x: x[0, ..., None, 1], real(2, 2, 3)),
    at(lambda x: x[...], real(2, 2)),
    at(lambda x: x[()], real()),
    at(lambda x: x[None, ...], real()),
    at(lambda x: x[3:3], real(4)),
    at(lambda x: x[[0, 2, 0]], real(3, 2)),
    at(lambda x: x[:, [1, 1, -1]], real(2, 3)),
    at(lambda x: x[[]], real(3)),
    at(lambda x, i: x[i], real(4), [0, 0, -1, 2]),
    at(lambda x, i: x[i], real(3, 2), [[0, 1], [-1, 1]]),
    at(lambda x, i: x[:, i], real(2, 3), [2, 2, 0]),
    at(lambda x, i: x[i, 1], real(3, 2), [2, 2, 0]),
    at(lambda x, i, j: x[i, j], real(3, 3), [0, 2, 0], [1, -1, 1]),
    at(lambda x, i, j: x[i, :, j], real(2, 2, 3), [1, 1], [0, 0]),
    at(lambda x, i, j: x[i, None, j], real(2, 3), [[0], [1]], [2, -3]),
    at(lambda x, i: x[i], real(3), np.array(-1)),
    at(lambda x, i: x[i], real(3), np.array([1, 1, 0], np.uint8)),
    at(lambda x, i: x[i], real(4), [True, False, True, True], traceable=False),
    at(lambda x, i: x[:, i], real(2, 3), [True, False, True], traceable=False),
    at(lambda x, i: x[i], real(2, 2), [[True, False], [True, True]], traceable=False),
    at(lambda x, i, j: x[i, j], real(3, 2), [True, False, True], [1, 0], traceable=False),
)

SLOT = indexing.SLOT


def index_of(pattern: tuple[Any, ...], indices: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    left = list(indices)
    return tuple(left.pop(0) if item is SLOT else item for item in pattern)


def scattered(g: np.ndarray, *indices: np.ndarray, pattern: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Added up by counting: where each element of g comes from in an array of that shape."""
    places = np.arange(np.prod(shape)).reshape(shape)[index_of(pattern, indices)]
    totals = np.bincount(places.ravel(), np.asarray(g, np.float64).ravel(), int(np.prod(shape)))
    return totals.reshape(shape).astype(g.dtype)


row(
    indexing.get,
    lambda x, *indices, pattern: x[index_of(pattern, indices)],
    of(real(3, 2), pattern=(-1,)),
    of(real(3, 2), pattern=(None, Ellipsis, slice(None, None, -1))),
    of(real(3, 2), [2, 0, 2], pattern=(SLOT,)),
    of(real(3, 2), [2, 0, 2], [-1, 0, -1], pattern=(SLOT, SLOT)),
    of(real(3, 2), [1, 1], pattern=(slice(1, None), SLOT)),
)
row(
    indexing.scatter,
    scattered,
    of(real(2), pattern=(-1,), shape=(3, 2)),
    of(real(2, 1, 3), pattern=(slice(None), None, slice(None, None, -1)), shape=(2, 3)),
    of(real(3, 2), [2, 0, 2], pattern=(SLOT,), shape=(4, 2)),
    of(real(3), [2, 0, 2], [-1, 0, -1], pattern=(SLOT, SLOT), shape=(3, 2)),
    of(real(3, 2), [[1], [1], [0]], [0, 0], pattern=(SLOT, SLOT), shape=(2, 2)),
)

# reductions and broadcasting

row(ops.sum, np.sum, *reductions(real), of(real(0, 3), axis=0), of(real(2, 0)))
row(ops.mean, np.mean, *reductions(real), of(real(0, 3), axis=1))
row(ops.max, np.max, *reductions(distinct))
row(ops.min, np.min, *reductions(distinct))
row(
    ops.logsumexp,
    lambda x, axis=None, keepdims=False: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
    *reductions(real),
)
row(
    ops.broadcast_to,
    lambda x, shape: np.broadcast_to(x, shape),
    of(real(), shape=(2, 2)),
    of(real(3), shape=(2, 3)),
    of(real(2, 1), shape=(2, 3)),
    of(real(1, 2), shape=(2, 3, 2)),
    of(real(2, 3), shape=(2, 3)),
    of(real(1), shape=(0, 1)),
)

# shapes

row(
    ops.reshape,
    lambda x, shape: x.reshape(shape),
    of(real(2, 3), shape=(3, 2)),
    of(real(2, 3), shape=-1),
    of(real(4), shape=(2, -1)),
    of(real(1, 1), shape=()),
    of(real(), shape=(1, 1)),
    of(real(2, 3), shape=(2, 3)),
)
row(
    ops.transpose,
    np.transpose,
    of(real(2, 3)),
    of(real(2, 3, 1)),
    of(real(2, 3, 2), axes=(2, 0, 1)),
    of(real(2, 3, 2), axes=(-2, -1, 0)),
    of(real(3)),
    of(real()),
)
row(
    shapes.concatenate_,
    lambda *xs, axis: np.concatenate(xs, axis=axis),
    of(real(2), real(3), axis=0),
    of(real(2, 2), real(2, 1), real(2, 3), axis=-1),
    of(real(1, 2), real(3, 2), axis=-2),
    of(real(2, 1, 2), axis=1),
    of(real(2), real(0), fixed(real(2)), axis=0),
)


def joined(*xs: Any, axis: int | None = 0) -> Any:
    return ops.concatenate(xs, axis)


def joined_by_numpy(*xs: np.ndarray, axis: int | None = 0) -> np.ndarray:
    return np.concatenate(xs, axis)


row(
    ops.concatenate,
    None,
    of(real(2), real(3), call=joined, reference=joined_by_numpy),
    of(real(2, 2), real(2, 1), axis=1, call=joined, reference=joined_by_numpy),
    of(real(2, 2), real(3), real(), axis=None, call=joined, reference=joined_by_numpy),
)

# activations

row(ops.relu, lambda x: np.where(x > 0, x, 0), *elementwise_shapes(real))
row(
    ops.leaky_relu,
    lambda x, alpha=0.01: np.where(x > 0, x, alpha * x),
    *elementwise_shapes(real),
    of(real(6), alpha=0.3),
    of(real(6), alpha=0.0),
    of(real(6), alpha=1.5),
)
row(ops.sigmoid, lambda x: 1 / (1 + np.exp(-x)), *elementwise_shapes(real), of(np.zeros(2)))
row(
    ops.elu,
    lambda x, alpha=1.0: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
    *elementwise_shapes(distinct),
    of(distinct(6), alpha=0.3),
)
row(ops.silu, lambda x: x / (1 + np.exp(-x)), *elementwise_shapes(real))
row(ops.prelu, lambda x, alpha: np.where(x > 0, x, alpha * x), *broadcast_pairs(distinct, positive))
row(ops.erf, np.vectorize(math.erf, otypes=[float]), *elementwise_shapes(lambda *shape: between(-3, 3, *shape)))


def gelu(x: np.ndarray, approximate: str = "none") -> np.ndarray:
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * np.vectorize(lambda t: (1 + math.erf(t / math.sqrt(2))) / 2, otypes=[float])(x)


row(activations.gelu_, gelu, *elementwise_shapes(real))
row(activations.gelu_tanh, lambda x: gelu(x, "tanh"), *elementwise_shapes(real))
row(ops.gelu, gelu, of(real(2, 3)), of(real(3), approximate="tanh"))


def standardized(x: np.ndarray, axis: Any = -1, epsilon: float = 1e-5) -> np.ndarray:
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + epsilon)


row(
    ops.standardize,
    standardized,
    of(real(4, 3)),
    of(real(4, 3), axis=0),
    of(real(2, 3, 2), axis=(0, 2), epsilon=0.1),
    of(real(1, 3), axis=0),
)
row(ops.softplus, lambda x: np.log(1 + np.exp(x)), *elementwise_shapes(real))


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


ALONG = [of(real(3)), of(real(2, 3)), of(real(3, 2), axis=0), of(real(2, 3, 2), axis=1), of(real(2, 2, 2), axis=-3)]
row(ops.softmax, softmax, *ALONG)
row(ops.log_softmax, lambda x, axis=-1: np.log(softmax(x, axis)), *ALONG)
row(
    ops.dropout,
    lambda x, mask, p: x * mask / (1 - p),
    of(real(2, 3), coins(2, 3), p=0.25),
    of(real(4), coins(4), p=0.0),
    of(real(3), np.zeros(3, bool), p=0.5),
)

# losses


def reduced(losses: np.ndarray, reduction: str) -> Any:
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


def cross_entropy(z: np.ndarray, labels: np.ndarray, reduction: str = "mean") -> Any:
    p = softmax(z)
    y = labels if labels.shape == z.shape else np.eye(z.shape[-1])[labels.astype(int)]
    return reduced(-(y * np.log(p)).sum(axis=-1), reduction)


def binary(p: np.ndarray, y: np.ndarray, reduction: str = "mean") -> Any:
    return reduced(-(y * np.log(p) + (1 - y) * np.log(1 - p)), reduction)


REDUCTIONS: list[dict[str, Any]] = [{}, {"reduction": "mean"}, {"reduction": "sum"}, {"reduction": "none"}]

row(
    losses.softmax_cross_entropy_,
    cross_entropy,
    *[of(real(3, 3), below(3, 3), **how) for how in REDUCTIONS],
    *[of(real(3, 2), one_hot(3, 2), **how) for how in REDUCTIONS],
    *[of(real(2, 3), rows_of_probabilities(2, 3), **how) for how in REDUCTIONS],
    *[of(real(2, 2, 3), below(3, 2, 2), **how) for how in REDUCTIONS],
    of(real(1, 2), np.array([1], np.uint8)),
    of(real(3, 2), np.array([True, False, True])),
)
BINARY_SHAPES = [(3,), (2, 1), (2, 2), ()]
row(
    ops.binary_cross_entropy,
    binary,
    *[of(between(0.2, 0.8, *s), below(2, *s), **how) for s in BINARY_SHAPES for how in REDUCTIONS],
    *[of(between(0.2, 0.8, 3), fixed(between(0, 1, 3)), **how) for how in REDUCTIONS],
    of(between(0.2, 0.8, 4), coins(4)),
)
row(
    losses.binary_cross_entropy_with_logits_,
    lambda z, y, reduction="mean": binary(1 / (1 + np.exp(-z)), y, reduction),
    *[of(real(*s), below(2, *s), **how) for s in BINARY_SHAPES for how in REDUCTIONS],
    *[of(real(3), fixed(between(0, 1, 3)), **how) for how in REDUCTIONS],
    of(real(4), coins(4)),
)
row(
    regression.mean_squared_error_,
    lambda y, t, reduction="mean": reduced((y - t) ** 2, reduction),
    *[of(real(*s), real(*s), **how) for s in [(3,), (2, 1), (2, 2), ()] for how in REDUCTIONS],
    of(real(2, 2), fixed(real(2, 2))),
    of(real(3), below(5, 3)),
)
row(
    regression.mean_absolute_error_,
    lambda y, t, reduction="mean": reduced(np.abs(y - t), reduction),
    *[of(distinct(*s), distinct(*s, shift=0.05), **how) for s in [(3,), (2, 2), ()] for how in REDUCTIONS],
)


def huber(y: np.ndarray, t: np.ndarray, delta: float = 1.0, reduction: str = "mean") -> Any:
    d = np.abs(y - t)
    return reduced(np.where(d <= delta, d * d / 2, delta * (d - delta / 2)), reduction)


row(
    regression.huber_,
    huber,
    *[of(distinct(*s), distinct(*s, shift=0.05), **how) for s in [(3,), (2, 2), ()] for how in REDUCTIONS],
    of(distinct(7), distinct(7, shift=2.0), delta=0.3),
)

# the same losses with weights, and compositions of losses

WEIGHTS = {"class_weights": [0.5, 2.0, 1.0], "sample_weights": [1.0, 0.0, 3.0], "label_smoothing": 0.2}


def weighted_cross_entropy(
    z: np.ndarray,
    y: np.ndarray,
    reduction: str = "mean",
    class_weights: Any = (1, 1, 1),
    sample_weights: Any = (1, 1, 1),
    label_smoothing: float = 0.0,
) -> Any:
    """Row by row."""
    found, share = [], 0.0
    for row_z, row_y, s in zip(z, y, sample_weights, strict=True):
        p = softmax(row_z)
        truth = np.eye(3)[row_y] if np.ndim(row_y) == 0 else row_y
        wanted = (1 - label_smoothing) * truth + label_smoothing / 3
        found.append(s * -sum(w * t * math.log(q) for w, t, q in zip(class_weights, wanted, p, strict=True)))
        share += s * (class_weights[row_y] if np.ndim(row_y) == 0 else 1)
    return {"none": np.array(found), "sum": sum(found), "mean": sum(found) / share}[reduction]


row(
    ops.softmax_cross_entropy,
    weighted_cross_entropy,
    of(real(3, 3), below(3, 3)),
    *[of(real(3, 3), below(3, 3), **how, **WEIGHTS) for how in REDUCTIONS],
    *[of(real(3, 3), below(3, 3), **{key: WEIGHTS[key]}) for key in WEIGHTS],
    of(real(3, 3), rows_of_probabilities(3, 3), **WEIGHTS),
)


def weighted_binary(
    z: np.ndarray,
    y: np.ndarray,
    reduction: str = "mean",
    class_weights: Any = (1, 1),
    sample_weights: Any = (1, 1, 1),
    label_smoothing: float = 0.0,
) -> Any:
    p = 1 / (1 + np.exp(-z))
    w = np.array(sample_weights) * np.where(y == 1, class_weights[1], class_weights[0])
    found = w * binary(p, (1 - label_smoothing) * y + label_smoothing / 2, "none")
    return {"none": found, "sum": found.sum(), "mean": found.sum() / w.sum()}[reduction]


row(
    ops.binary_cross_entropy_with_logits,
    weighted_binary,
    of(real(3), np.array([0, 1, 1])),
    *[of(real(3), np.array([0, 1, 1]), **how, **(WEIGHTS | {"class_weights": [0.5, 3.0]})) for how in REDUCTIONS],
)


def by_row(loss: Any) -> Any:
    """A loss (N, m) with weighted rows, from the loss of each element."""

    def reference(
        y: np.ndarray, t: np.ndarray, reduction: str = "mean", sample_weights: Any = (1, 1), **how: Any
    ) -> Any:
        found = np.array(sample_weights)[:, None] * loss(y, t, reduction="none", **how)
        share = sum(sample_weights) * y.shape[1]
        return {"none": found, "sum": found.sum(), "mean": found.sum() / share}[reduction]

    return reference


def row_cases(**options: Any) -> Any:
    pairs = (distinct(2, 3), distinct(2, 3, shift=0.05))
    return [of(*pairs, **options), *[of(*pairs, sample_weights=[0.5, 2.0], **how, **options) for how in REDUCTIONS]]


row(ops.mean_squared_error, by_row(lambda y, t, reduction: (y - t) ** 2), *row_cases())
row(ops.mean_absolute_error, by_row(lambda y, t, reduction: np.abs(y - t)), *row_cases())
row(ops.huber, by_row(huber), *row_cases(), *row_cases(delta=0.2))


def hinge(z: np.ndarray, y: np.ndarray, reduction: str = "mean", sample_weights: Any = None) -> Any:
    if z.ndim == 1:
        found = np.maximum(0, 1 - z * (2 * y - 1))
    else:
        right = z[np.arange(len(z)), y][:, None]
        margins = np.maximum(0, 1 - right + z)
        margins[np.arange(len(z)), y] = 0
        found = margins.sum(axis=1) / z.shape[1]
    w = np.ones(len(z)) if sample_weights is None else np.array(sample_weights)
    return {"none": w * found, "sum": (w * found).sum(), "mean": (w * found).sum() / w.sum()}[reduction]


row(
    ops.hinge,
    hinge,
    *[of(real(3, 3), below(3, 3), **how) for how in REDUCTIONS],
    *[of(real(4), np.array([0, 1, 1, 0]), **how) for how in REDUCTIONS],
    of(real(3, 2), below(2, 3), sample_weights=[1.0, 0.0, 2.0]),
)
