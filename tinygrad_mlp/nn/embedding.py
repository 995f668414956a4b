"""Layers that change what a row is: indices into vectors, several axes into one."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.nn.arguments import at_least_1, here
from tinygrad_mlp.nn.module import Module, Parameter, Shape
from tinygrad_mlp.ops.reducing import as_array
from tinygrad_mlp.ops.selection import checked_places
from tinygrad_mlp.randomness import generator


class Embedding(Module):
    """A vector for each of n things, such as characters: the rows of a table that is learned.

    Args:
        n: how many things there are.
        size: the length of a vector.
        rng: a generator or a seed; the package's own (`tg.seed`) if None.

    Raises:
        OptionError: n or size is below 1.

    Attributes:
        W: (n, size), normal with variance 1, as PyTorch draws it.

    >>> import tinygrad_mlp as tg
    >>> layer = tg.nn.Embedding(3, 2, rng=0)
    >>> layer.W.data = [[0, 1], [2, 3], [4, 5]]
    >>> y = layer([2, 0, 2])
    >>> y.numpy()
    array([[4., 5.],
           [0., 1.],
           [4., 5.]], dtype=float32)
    >>> y.sum().backward()
    >>> layer.W.grad  # how often each row was used
    array([[1., 1.],
           [0., 0.],
           [2., 2.]], dtype=float32)
    """

    options: ClassVar = ("n", "size")

    def __init__(self, n: int, size: int, rng: np.random.Generator | int | None = None) -> None:
        self.n, self.size = at_least_1("Embedding: n", n), at_least_1("Embedding: size", size)
        self.W = Parameter(generator(rng).standard_normal((self.n, self.size)).astype(default_dtype()))

    def forward(self, x: Any) -> Any:
        """Indices (…) from 0 to n − 1 become vectors (…, size). Whole floating-point numbers count as indices.

        Raises:
            LabelError: a number that is not such an index.
        """
        places = checked_places(as_array(x), name=here("Embedding"), n=self.n, kinds="fiub")
        return ops.getitem(self.W, places)

    def output_shape(self, shape: Shape) -> Shape:
        """The input's, and the length of a vector."""
        return (*shape, self.size)


class Flatten(Module):
    """Rows (N, a, b, …) become rows (N, a·b·…).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def forward(self, x: Any) -> Any:
        """X with all axes but the first one in one."""
        return x.reshape((x.shape[0], int(np.prod(x.shape[1:])))) if x.ndim != 2 else x

    def output_shape(self, shape: Shape) -> Shape:
        """The product of the lengths, if they are known."""
        lengths = shape[1:]
        return (*shape[:1], int(np.prod(lengths)) if all(isinstance(n, int) for n in lengths) else "?")
