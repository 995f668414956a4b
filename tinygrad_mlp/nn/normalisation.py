"""Normalisation layers: their outputs have mean 0 and variance 1, and then a gain and a shift that are learned."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.nn.arguments import at_least_1, cast_rows, finite_number, here
from tinygrad_mlp.nn.layers import Elementwise
from tinygrad_mlp.nn.module import Buffer, Parameter


class Normalisation(Elementwise):
    """What both layers have: γ and β, one for each of n features.

    Args:
        n: the number of features, the last axis.
        epsilon: ε, added to the variance.
    """

    options: ClassVar[tuple[str, ...]] = ("n", "epsilon")

    def __init__(self, n: int, epsilon: float = 1e-5) -> None:
        own = type(self).__name__
        self.n, self.epsilon = at_least_1(f"{own}: n", n), finite_number(f"{own}: epsilon", epsilon)
        if not self.epsilon > 0:
            raise OptionError(f"{own}: epsilon is {epsilon!r}; a number above 0 is expected")
        self.gamma = Parameter(np.ones(self.n, default_dtype()))
        self.beta = Parameter(np.zeros(self.n, default_dtype()))

    def checked(self, x: Any) -> Any:
        """The input, if its last axis has n features; a plain array in the parameters' dtype."""
        own = type(self).__name__
        x = cast_rows(own, x, self.gamma.dtype)
        if x.ndim < 2 or x.shape[-1] != self.n:
            raise ShapeError(f"{here(own)}: X {x.shape}; (N, …, {self.n}) is expected")
        return x


class LayerNorm(Normalisation):
    """Each row by itself: Y = γ·(x − μ) / √(σ² + ε) + β (Ba et al. 2016, arXiv:1607.06450). The same in evaluation.

    Args:
        n: the number of features, the last axis.
        epsilon: ε. PyTorch's default is this one, Keras's 1e-3.

    Raises:
        OptionError: n is below 1, or epsilon not above 0.

    Attributes:
        gamma, beta: (n,).

    >>> import tinygrad_mlp as tg
    >>> tg.nn.LayerNorm(2)([[1.0, 3.0], [0.0, 100.0]]).numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """Rows (N, …, n) with mean 0 and variance 1, times γ, plus β."""
        return ops.standardize(self.checked(x), axis=-1, epsilon=self.epsilon) * self.gamma + self.beta


class BatchNorm(Normalisation):
    """Each feature over the batch: Y = γ·(x − μ) / √(σ² + ε) + β (Ioffe & Szegedy 2015, arXiv:1502.03167).

    In training μ and σ² are the batch's, and running means of them are kept; in evaluation those are used instead.
    So they are while the layer is frozen, that is, while neither γ nor β requires a gradient: nothing in it changes
    then, as in Keras. (PyTorch goes on with the batch's numbers, and moves the running ones.)
    A batch of one row says nothing of a variance: its outputs are β, and the running numbers stay.

    Args:
        n: the number of features, the last axis.
        epsilon: ε.
        momentum: the weight of the new batch in the running means, as in PyTorch; Keras's `momentum` is 1 − this one.

    Raises:
        OptionError: n is below 1, epsilon not above 0, or momentum not above 0 and at most 1.

    Attributes:
        gamma, beta: (n,), learned.
        running_mean, running_variance: (n,), stored with the weights but not trained. The variance is the unbiased one,
            as in PyTorch.

    >>> import tinygrad_mlp as tg
    >>> layer, X = tg.nn.BatchNorm(1), [[1.0], [3.0]]
    >>> layer(X).numpy().round(3).tolist()  # in training, with the mean 2 and the deviation 1 of this batch
    [[-1.0], [1.0]]
    >>> layer.running_mean.data, layer.running_variance.data  # a tenth of the way: from 0 to 2, and from 1 to 2
    (array([0.2], dtype=float32), array([1.1], dtype=float32))
    >>> layer.eval()(X).numpy().round(3)  # (1 − 0.2) / √1.1, and (3 − 0.2) / √1.1
    array([[0.763],
           [2.67 ]], dtype=float32)
    """

    options: ClassVar = ("n", "epsilon", "momentum")

    def __init__(self, n: int, epsilon: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(n, epsilon)
        self.momentum = finite_number("BatchNorm: momentum", momentum)
        if not 0 < self.momentum <= 1:
            raise OptionError(f"BatchNorm: momentum is {momentum!r}; above 0 and at most 1 is expected")
        self.running_mean = Buffer(np.zeros(self.n, default_dtype()))
        self.running_variance = Buffer(np.ones(self.n, default_dtype()))

    def forward(self, x: Any) -> Any:
        """Features (N, …, n) with mean 0 and variance 1 over all other axes, times γ, plus β."""
        x = self.checked(x)
        axes = tuple(range(x.ndim - 1))
        if self.training and (self.gamma.requires_grad or self.beta.requires_grad):
            self.observe(getattr(x, "_data", x), axes)
            return ops.standardize(x, axis=axes, epsilon=self.epsilon) * self.gamma + self.beta
        scale = self.gamma / np.sqrt(self.running_variance.data + self.epsilon)
        return (x - self.running_mean.data) * scale + self.beta

    def observe(self, x: Any, axes: tuple[int, ...]) -> None:
        """Let a batch into the running means."""
        rows = x.size // self.n
        if rows < 2:
            return
        mean = np.sum(x, axis=axes, dtype=np.float64) / rows
        centred = x - mean
        variance = np.sum(centred * centred, axis=axes) / (rows - 1)
        for running, new in ((self.running_mean, mean), (self.running_variance, variance)):
            running.data = (1 - self.momentum) * running.data + self.momentum * new
