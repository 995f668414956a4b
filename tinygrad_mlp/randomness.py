"""Where random numbers come from: a generator that is passed in, or the package's own, set by `seed(n)`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.errors import OptionError

_generator = np.random.default_rng()


Make = Callable[[np.random.Generator], np.ndarray]


class Draw(NamedTuple):
    """Random numbers for a forward pass: the generator, or None for the package's, and what it makes."""

    rng: np.random.Generator | None
    make: Make

    def __call__(self) -> np.ndarray:
        """Draw."""
        return self.make(generator(self.rng))

    def example(self) -> np.ndarray:
        """What would be drawn, without drawing it."""
        return self.make(copy.deepcopy(generator(self.rng)))


DRAWING: ContextVar[Callable[[Draw], Any] | None] = ContextVar("drawing", default=None)
"""What takes over the draws: a trace, for which they are inputs of its program, drawn anew for each run."""


def drawn(rng: np.random.Generator | None, make: Make) -> Any:
    """Random numbers for a forward pass: `make` gets the generator."""
    draw, taken_over = Draw(rng, make), DRAWING.get()
    return draw() if taken_over is None else taken_over(draw)


def seed(n: int) -> None:
    """Start the package's generator anew: the same seed gives the same weights, masks and batches, byte for byte.

    Args:
        n: a whole number of at least 0.

    Raises:
        OptionError: n is no such number.

    >>> import tinygrad_mlp as tg
    >>> tg.seed(3)
    >>> first = tg.nn.Dense(4, 2).state_dict()
    >>> tg.seed(3)
    >>> (tg.nn.Dense(4, 2).W.data == first["W"]).all()
    np.True_
    """
    global _generator
    _generator = new_generator(n)


def generator(rng: np.random.Generator | int | None = None) -> np.random.Generator:
    """The generator to draw from: the one given, a new one from a seed, or the package's own.

    Raises:
        OptionError: rng is none of these.
    """
    return _generator if rng is None else new_generator(rng)


def new_generator(source: np.random.Generator | int) -> np.random.Generator:
    """The generator itself, or a new one from a seed. `OptionError` for what is neither."""
    try:
        return np.random.default_rng(source)
    except (TypeError, ValueError) as error:
        expected = "a whole number of at least 0, or a numpy.random.Generator, is expected"
        raise OptionError(f"the seed is {source!r}; {expected}") from error
