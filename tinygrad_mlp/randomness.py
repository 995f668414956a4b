"""Where random numbers come from: a generator that is passed in, or the package's own, set by `seed(n)`."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp.errors import OptionError

_generator = np.random.default_rng()


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
