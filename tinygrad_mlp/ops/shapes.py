"""The same elements in another arrangement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.errors import ShapeError


@implements(np.reshape)
@op
def reshape(x: Array, *, shape: int | tuple[int, ...]) -> Rule:
    """X with the same elements in another shape; one length may be −1, for what is left.

    Raises:
        ShapeError: a shape with another number of elements.

    >>> import tinygrad_mlp as tg
    >>> tg.reshape([1.0, 2.0, 3.0, 4.0], shape=(2, -1))
    array([[1., 2.],
           [3., 4.]])
    """
    return x.reshape(shape), lambda g: g.reshape(x.shape)


@implements(np.transpose)
@op
def transpose(x: Array, *, axes: tuple[int, ...] | None = None) -> Rule:
    """X with its axes in another order, reversed by default: `axes[i]` is the axis that comes to place i.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.transpose(np.ones((2, 3, 4))).shape, tg.transpose(np.ones((2, 3, 4)), axes=(1, 0, 2)).shape)
    (4, 3, 2) (3, 2, 4)
    """
    back = None if axes is None else tuple(int(i) for i in np.argsort([a % x.ndim for a in axes]))
    return np.transpose(x, axes), lambda g: np.transpose(g, back)


def joined(xs: Sequence[Array], axis: int) -> Any:
    """The arrays along an axis, one behind another, or an error that says which shapes they have."""
    if not xs:
        raise ShapeError("concatenate: no arrays; at least one is expected")
    try:
        return np.concatenate(xs, axis=axis)
    except ValueError as error:
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ShapeError(
            f"concatenate: axis {axis} of {shapes}: arrays that have it, and differ in length along no other, expected"
        ) from error


@op
def concatenate_(*xs: Array, axis: int) -> Rule:
    """Arrays joined along an axis they have; each gets its part of the gradient."""
    y = joined(xs, axis)
    ends = np.cumsum([x.shape[axis] for x in xs]).tolist()
    return y, *map(part, [0, *ends], ends, [axis % xs[0].ndim] * len(xs))


def part(start: int, stop: int, axis: int) -> Any:
    """The closure that cuts a range out along an axis."""
    return lambda g: g[(slice(None),) * axis + (slice(start, stop),)]


@implements(np.concatenate)
def concatenate(arrays: Sequence[Array], axis: int | None = 0) -> Any:
    """Arrays joined along an axis they have, or flattened and joined with `axis=None`.

    Raises:
        ShapeError: there is no array, one has not this axis, or they differ in length along another one.

    >>> import tinygrad_mlp as tg
    >>> print(tg.concatenate([tg.Tensor([1.0]), tg.Tensor([2.0, 3.0])]))
    Tensor([1., 2., 3.], dtype=float32)
    """
    if axis is None:
        return concatenate_(*[reshape(x, shape=-1) for x in arrays], axis=0)
    return concatenate_(*arrays, axis=axis)


def one_tuple(axes: tuple[Any, ...]) -> tuple[int, ...] | None:
    """Axes given one by one, as a tuple, or not at all."""
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], tuple | list)):
        return None if axes[0] is None else tuple(axes[0])
    return axes or None
