"""Where random numbers come from: a generator that is passed in, or the package's own, set by `seed(n)`."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def seed(n: int) -> None:
    """Start the package's generator anew: the same seed gives the same weights, masks and batches, byte for byte."""
    global _generator
    _generator = np.random.default_rng(n)


def generator(rng: np.random.Generator | int | None = None) -> np.random.Generator:
    """The generator to draw from: the one given, a new one from a seed, or the package's own."""
    return _generator if rng is None else np.random.default_rng(rng)
