"""Layers: the dense one of the guide, the activations between, and dropout."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.nn.arguments import at_least_1, cast_rows, finite_number
from tinygrad_mlp.nn.initialisers import Initialiser, initialiser
from tinygrad_mlp.nn.module import Module, Parameter, Shape
from tinygrad_mlp.randomness import drawn, generator


class Dense(Module):
    """Y = X·W + b: every output is a weighted sum of all inputs.

    Args:
        n_in: length of an input row.
        n_out: length of an output row.
        bias: whether there is a b.
        weights: an initialiser or its name ("he", "xavier_uniform", …); b starts at 0.
        rng: a generator or a seed; the package's own (`tg.seed`) if None.

    Raises:
        OptionError: a length below 1, or an unknown initialiser.
        ShapeError: the initialiser gives another shape than (n_in, n_out).

    Attributes:
        W: (n_in, n_out).
        b: (n_out,), or None.

    >>> import tinygrad_mlp as tg
    >>> layer = tg.nn.Dense(2, 3, rng=0)
    >>> layer.b.data = [1, 2, 3]
    >>> layer([[0.0, 0.0]]).data
    array([[1., 2., 3.]], dtype=float32)
    """

    options: ClassVar = ("n_in", "n_out", "bias")

    def __init__(
        self,
        n_in: int,
        n_out: int,
        bias: bool = True,
        weights: str | Initialiser = "he",
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.n_in, self.n_out = at_least_1("Dense: n_in", n_in), at_least_1("Dense: n_out", n_out)
        self.bias = bool(bias)
        values = initialiser(weights)((self.n_in, self.n_out), generator(rng))
        if np.shape(values) != (self.n_in, self.n_out):
            raise ShapeError(f"Dense: the initialiser gave {np.shape(values)} for W {(self.n_in, self.n_out)}")
        self.W = Parameter(np.asarray(values, default_dtype()))
        self.b = Parameter(np.zeros(self.n_out, default_dtype())) if bias else None

    def forward(self, x: Any) -> Any:
        """X·W + b for rows X (N, n_in); a plain array is cast to the dtype of W."""
        x = cast_rows("Dense", x, self.W._data.dtype)
        return ops.matmul(x, self.W) if self.b is None else ops.dense(x, self.W, self.b)

    def input_shape(self, shape: Shape) -> Shape:
        """Rows of length n_in, whatever comes after."""
        return ("N", self.n_in)

    def output_shape(self, shape: Shape) -> Shape:
        """The last length becomes n_out."""
        return (*(shape[:-1] or ("N",)), self.n_out)


class Elementwise(Module):
    """A layer whose output has the shape of its input."""

    def input_shape(self, shape: Shape) -> Shape:
        """The shape that the layer after it takes."""
        return shape

    def output_shape(self, shape: Shape) -> Shape:
        """The input's shape."""
        return shape


class ReLU(Elementwise):
    """max(0, x).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.ReLU()(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """

    def forward(self, x: Any) -> Any:
        """max(0, x), element by element."""
        return ops.relu(x)


class LeakyReLU(Elementwise):
    """X where x > 0, else α·x.

    Args:
        alpha: the slope for negative x (Maas et al. 2013 take 0.01).

    Raises:
        OptionError: alpha is no finite number.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.LeakyReLU(alpha=0.1)(np.array([-2.0, 0.0, 3.0]))
    array([-0.2,  0. ,  3. ])
    """

    options: ClassVar = ("alpha",)

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = finite_number("LeakyReLU: alpha", alpha)

    def forward(self, x: Any) -> Any:
        """X where x > 0, else α·x."""
        return ops.leaky_relu(x, alpha=self.alpha)


class Sigmoid(Elementwise):
    """1 / (1 + e^−x).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.Sigmoid()(np.log([1.0, 3.0]))  # of the logarithm of odds of 3 to 1, the probability 3/4
    array([0.5 , 0.75])
    """

    def forward(self, x: Any) -> Any:
        """1 / (1 + e^−x), element by element."""
        return ops.sigmoid(x)


class Tanh(Elementwise):
    """tanh x.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.Tanh()(np.log([0.5, 1.0, 2.0])).round(6)  # (2 − 1/2) / (2 + 1/2) is 0.6
    array([-0.6,  0. ,  0.6])
    """

    def forward(self, x: Any) -> Any:
        """Tanh x, element by element."""
        return ops.tanh(x)


class Softplus(Elementwise):
    """ln(1 + e^x), a smooth ReLU.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> np.exp(tg.nn.Softplus()(np.log([1.0, 3.0]))).round(6)  # 1 + 1 and 1 + 3
    array([2., 4.])
    """

    def forward(self, x: Any) -> Any:
        """ln(1 + e^x), element by element."""
        return ops.softplus(x)


class Softmax(Elementwise):
    """Probabilities along an axis. For a picture of probabilities; a loss takes the logits before it.

    Args:
        axis: the axis whose elements add up to 1.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.Softmax()(np.log([[1.0, 2.0, 5.0]])).round(6)
    array([[0.125, 0.25 , 0.625]])
    """

    options: ClassVar = ("axis",)

    def __init__(self, axis: int = -1) -> None:
        self.axis = operator.index(axis)

    def forward(self, x: Any) -> Any:
        """e^x / Σ e^x along the axis."""
        return ops.softmax(x, axis=self.axis)


class Dropout(Elementwise):
    """In training, drops each element with probability p and scales the rest by 1 / (1 − p); otherwise does nothing.

    So the mean of an output is its input (Srivastava et al. 2014, in the form that is called inverted).

    Args:
        p: the probability, 0 ≤ p < 1.
        rng: a generator or a seed; the package's own (`tg.seed`) if None.

    Raises:
        OptionError: p is no such probability.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> layer = tg.nn.Dropout(0.5, rng=0)
    >>> layer(np.ones(6))
    array([2., 2., 2., 0., 0., 0.])
    >>> layer.eval()(np.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    options: ClassVar = ("p",)

    def __init__(self, p: float = 0.5, rng: np.random.Generator | int | None = None) -> None:
        self.p = finite_number("Dropout: p", p)
        if not 0 <= self.p < 1:
            raise OptionError(f"Dropout: p is {p!r}; a probability of dropping with 0 ≤ p < 1 is expected")
        self.rng = None if rng is None else generator(rng)

    def forward(self, x: Any) -> Any:
        """X with elements dropped, in training; X itself otherwise."""
        if not self.training or self.p == 0:
            return x
        shape = np.shape(x)
        mask = drawn(self.rng, lambda rng: rng.random(shape, np.float32) >= self.p)
        return ops.dropout(x, mask, p=self.p)
