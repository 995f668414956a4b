"""Products of vectors, matrices and arrays of any number of axes: matrix products and sums of elementwise ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_mlp.autograd import Array, implements
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.ops.arithmetic import matmul, multiply
from tinygrad_mlp.ops.arranging import Axes, axes_of, moveaxis, operand, ravel
from tinygrad_mlp.ops.repeating import diagonal
from tinygrad_mlp.ops.shapes import reshape, transpose
from tinygrad_mlp.ops.stacking import stack


@implements(np.dot)
def dot(a: Array, b: Array) -> Any:
    """Σ over the last axis of A and the last but one of B (the last of a vector); numbers are multiplied.

    Raises:
        ShapeError: those axes have other lengths.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.dot([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    array([12., 34.])
    >>> tg.dot(np.ones((2, 3, 4)), np.ones((5, 4, 6))).shape
    (2, 3, 5, 6)
    """
    a, b = operand(a), operand(b)
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, ([-1], [-2 if b.ndim > 1 else -1]))


@implements(np.vdot)
def vdot(a: Array, b: Array) -> Any:
    """Σ A ⊙ B over all elements, whatever their shapes.

    Raises:
        ShapeError: the numbers of elements differ.

    >>> import tinygrad_mlp as tg
    >>> print(tg.vdot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 2.0]]))
    14.0
    """
    return matmul(ravel(a), ravel(b))


@implements(np.linalg.vecdot)
@implements(np.vecdot)
def vecdot(x1: Array, x2: Array, *, axis: int = -1) -> Any:
    """Σ A ⊙ B along an axis, vectors (…, k) each: (…); the other axes broadcast.

    >>> import tinygrad_mlp as tg
    >>> tg.vecdot([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    array([12., 34.])
    """
    x1, x2 = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    return matmul(x1[..., None, :], x2[..., :, None])[..., 0, 0]


@implements(np.matvec)
def matvec(x1: Array, x2: Array) -> Any:
    """Matrices (…, n, k) times vectors (…, k): (…, n).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.matvec(np.ones((5, 2, 3)), np.ones((5, 3))).shape
    (5, 2)
    """
    return matmul(x1, operand(x2)[..., None])[..., 0]


@implements(np.vecmat)
def vecmat(x1: Array, x2: Array) -> Any:
    """Vectors (…, k) times matrices (…, k, n): (…, n).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.vecmat(np.ones((5, 2)), np.ones((5, 2, 3))).shape
    (5, 3)
    """
    return matmul(operand(x1)[..., None, :], x2)[..., 0, :]


@implements(np.inner)
def inner(a: Array, b: Array) -> Any:
    """Σ over the last axes of A and B; numbers are multiplied.

    Raises:
        ShapeError: those axes have other lengths.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.inner([1.0, 2.0], [3.0, 4.0]), tg.inner(np.ones((2, 4)), np.ones((3, 4))).shape)
    11.0 (2, 3)
    """
    a, b = operand(a), operand(b)
    return multiply(a, b) if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, ([-1], [-1]))


@implements(np.linalg.outer)
@implements(np.outer)
def outer(a: Array, b: Array) -> Any:
    """Each element of A times each of B: (a.size, b.size).

    >>> import tinygrad_mlp as tg
    >>> tg.outer([1.0, 2.0], [3.0, 4.0, 5.0])
    array([[ 3.,  4.,  5.],
           [ 6.,  8., 10.]])
    """
    return multiply(reshape(operand(a), shape=(-1, 1)), reshape(operand(b), shape=(1, -1)))


@implements(np.linalg.tensordot)
@implements(np.tensordot)
def tensordot(a: Array, b: Array, axes: int | tuple[Axes, Axes] = 2) -> Any:
    """Σ over pairs of axes, one of A and one of B; the others of A and then those of B stay.

    Args:
        a: any shape.
        b: any shape.
        axes: how many of the last of A and the first of B, or which of A and which of B.

    Raises:
        ShapeError: a pair of axes has two lengths.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.tensordot(np.ones((2, 3, 4)), np.ones((4, 3, 5)), axes=([1, 2], [1, 0])).shape
    (2, 5)
    """
    a, b = operand(a), operand(b)
    if isinstance(axes, int | np.integer):
        of_a, of_b = tuple(range(a.ndim - int(axes), a.ndim)), tuple(range(int(axes)))
    else:
        of_a, of_b = axes_of("tensordot, A", axes[0], a.ndim), axes_of("tensordot, B", axes[1], b.ndim)
    lengths = [a.shape[i] for i in of_a if i >= 0], [b.shape[i] for i in of_b if i < b.ndim]
    if lengths[0] != lengths[1]:
        raise ShapeError(
            f"tensordot: A {a.shape} and B {b.shape}: lengths {lengths[0]} and {lengths[1]} of axes {axes}"
        )
    n = int(np.prod(lengths[0]))
    rest_a, rest_b = [i for i in range(a.ndim) if i not in of_a], [i for i in range(b.ndim) if i not in of_b]
    rows, columns = [a.shape[i] for i in rest_a], [b.shape[i] for i in rest_b]
    left = reshape(transpose(a, axes=(*rest_a, *of_a)), shape=(int(np.prod(rows)), n))
    right = reshape(transpose(b, axes=(*of_b, *rest_b)), shape=(n, int(np.prod(columns))))
    return reshape(matmul(left, right), shape=(*rows, *columns))


@implements(np.kron)
def kron(a: Array, b: Array) -> Any:
    """Blocks: B times each element of A, in the places of A's elements.

    >>> import tinygrad_mlp as tg
    >>> tg.kron([1.0, 10.0], [1.0, 2.0, 3.0])
    array([ 1.,  2.,  3., 10., 20., 30.])
    """
    a, b = operand(a), operand(b)
    ndim = max(a.ndim, b.ndim)
    m, n = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    apart = [length for pair in zip(m, (1,) * ndim, strict=True) for length in pair]
    beside = [length for pair in zip((1,) * ndim, n, strict=True) for length in pair]
    blocks = multiply(reshape(a, shape=tuple(apart)), reshape(b, shape=tuple(beside)))
    return reshape(blocks, shape=tuple(i * j for i, j in zip(m, n, strict=True)))


@implements(np.trace)
def trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal of the plane of two axes. The arguments are those of `diagonal`.

    >>> import tinygrad_mlp as tg
    >>> A = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> print(tg.trace(A).item(), tg.grad(tg.trace(A), A).tolist())
    5.0 [[1.0, 0.0], [0.0, 1.0]]
    """
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


@implements(np.linalg.cross)
@implements(np.cross)
def cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector at right angles to two vectors of three numbers.

    Args:
        a: vectors along `axisa`; the other axes broadcast.
        b: vectors along `axisb`.
        axisa: the axis of A.
        axisb: the axis of B.
        axisc: the axis of the result.
        axis: all three at once.

    Raises:
        ShapeError: the vectors have not three numbers.

    >>> import tinygrad_mlp as tg
    >>> tg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ShapeError(f"cross: vectors of {a.shape[-1]} and {b.shape[-1]} numbers; 3 and 3 expected")
    (a1, a2, a3), (b1, b2, b3) = ([x[..., i] for i in range(3)] for x in (a, b))
    found = stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], -1)
    return moveaxis(found, -1, normalize_axis_index(axisc, found.ndim, "cross"))


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Array]) -> Any:
    """The matrix product of several, from the left.

    Raises:
        ShapeError: inner sizes differ, or there is no array.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 5))]).shape
    (2, 5)
    """
    if not len(arrays):
        raise ShapeError("multi_dot: no arrays; at least one is expected")
    product = arrays[0]
    for factor in arrays[1:]:
        product = matmul(product, factor)
    return product
