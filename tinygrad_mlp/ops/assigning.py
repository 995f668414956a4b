"""Assignment that gives a new array: `x.at[index].set(value)` is what `x[index] = value` would have made of x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, kernel
from tinygrad_mlp.errors import ShapeError, TraceError
from tinygrad_mlp.ops.arranging import expand_dims, operand, ravel
from tinygrad_mlp.ops.elementwise import astype, where
from tinygrad_mlp.ops.indexing import SLOT, getitem, index_parts, scatter, taken
from tinygrad_mlp.ops.reducing import as_array
from tinygrad_mlp.ops.reductions import broadcast_to
from tinygrad_mlp.ops.rounding import positive
from tinygrad_mlp.ops.shapes import concatenate, reshape


class At:
    """`x.at`, which asks for an index."""

    def __init__(self, x: Array) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Place:
        """The elements of x at any index that `x[index]` takes."""
        return Place(self.x, index)


class Place:
    """`x.at[index]`, some elements of x. Each method gives a new array of x's shape and dtype.

    The value broadcasts against `x[index]`. Where the index names an element several times, `set` takes the last value
    for it, as NumPy does, and the other methods all of them.

    Raises:
        ShapeError: the value does not broadcast against `x[index]`.
        IndexError: there is no such element.

    >>> import tinygrad_mlp as tg
    >>> x = tg.Tensor([1.0, 2.0, 3.0])
    >>> print(x.at[1:].set(0.0))
    Tensor([1., 0., 0.], dtype=float32)
    >>> print(x.at[[0, 0]].add(1.0))
    Tensor([3., 2., 3.], dtype=float32)
    """

    def __init__(self, x: Array, index: Any) -> None:
        self.x = operand(x)
        pattern, arrays = index_parts(index)
        numbered = np.arange(self.x.size).reshape(self.x.shape)
        # Which elements, counted through all of x: every kind of index becomes an array of whole numbers.
        self.places = taken(numbered, *map(as_array, arrays), pattern=pattern)

    def set(self, value: Array) -> Any:
        """X with the value at the place. The gradient goes to the value there, and to X elsewhere."""
        values = self.values("set", value)
        if self.places.size == 0:
            return positive(self.x)
        source = sources(self.places, shape=self.x.shape).max(axis=0)
        return where(source >= 0, getitem(values, np.maximum(source, 0)), self.x)

    def add(self, value: Array) -> Any:
        """X with the value added at the place."""
        values = self.values("add", value)
        added = scatter(values, self.places.reshape(-1), pattern=(SLOT,), shape=(self.x.size,))
        return self.x + reshape(added, shape=self.x.shape)

    def multiply(self, value: Array) -> Any:
        """X multiplied with the value at the place."""
        return self.reduced("multiply", np.prod, 1.0, value)

    def max(self, value: Array) -> Any:
        """The larger of X and the value at the place; ties share the gradient equally."""
        return self.reduced("max", np.max, -np.inf, value)

    def min(self, value: Array) -> Any:
        """The smaller of X and the value at the place; ties share the gradient equally."""
        return self.reduced("min", np.min, np.inf, value)

    def values(self, name: str, value: Array) -> Any:
        """The value for each place, in X's dtype, in one axis."""
        value = operand(value, self.x)
        if value.dtype != self.x.dtype:
            value = astype(value, dtype=self.x.dtype)
        try:
            return ravel(broadcast_to(value, shape=self.places.shape))
        except ValueError as error:
            raise ShapeError(
                f"x.at[index].{name}: a value {value.shape} does not fit x[index] {self.places.shape}"
            ) from error

    def reduced(self, name: str, f: Callable[..., Any], neutral: float, value: Array) -> Any:
        """X and the values for each of its elements, reduced to one number by f."""
        values = self.values(name, value)
        if self.places.size == 0:
            return positive(self.x)
        source = sources(self.places, shape=self.x.shape)
        if not isinstance(source, np.ndarray):
            raise TraceError(
                f"x.at[index].{name} makes as many arrays as an element is named times, so an index that is an input "
                "cannot be traced"
            )
        layers = where(source >= 0, getitem(values, np.maximum(source, 0)), neutral)
        found = f(concatenate([expand_dims(self.x, 0), layers], 0), axis=0)
        return where((source >= 0).any(axis=0), found, self.x)


@kernel
def sources(places: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    """For each element the positions among `places` where it is named, in ascending order along a first axis; or −1."""
    flat = places.ravel()
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    turn = np.empty_like(flat)  # how many times its element has been named before
    turn[order] = np.arange(flat.size) - np.searchsorted(ordered, ordered)
    found = np.full((turn.max(initial=0) + 1, int(np.prod(shape))), -1)
    found[turn, flat] = np.arange(flat.size)
    return found.reshape((-1, *shape))
