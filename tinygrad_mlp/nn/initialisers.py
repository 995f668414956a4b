"""Initialisers: the weights that a network starts with, drawn so that signals keep their size from layer to layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from tinygrad_mlp.errors import OptionError

__all__ = ["Initialiser", "he", "initialiser", "lecun", "normal", "uniform", "xavier", "zeros"]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


Initialiser = Callable[[tuple[int, int], np.random.Generator], np.ndarray]
"""From the shape (n_in, n_out) and a generator to weights, float64."""
Form = Literal["normal", "uniform"]


def scaled(variance: Callable[[int, int], float], form: Form) -> Initialiser:
    """Weights around 0 with a variance that depends on the sizes."""
    if form not in ("normal", "uniform"):
        raise OptionError(f"the form of an initialiser is 'normal' or 'uniform', not {form!r}")

    def draw(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        std = np.sqrt(variance(*shape))
        if form == "normal":
            return rng.normal(0.0, std, shape)
        return rng.uniform(-np.sqrt(3) * std, np.sqrt(3) * std, shape)

    return draw


def he(form: Form = "normal") -> Initialiser:
    """Variance 2 / n_in, for ReLU (He et al. 2015, arXiv:1502.01852). Also called Kaiming."""
    return scaled(lambda n_in, n_out: 2 / max(1, n_in), form)


def xavier(form: Form = "normal") -> Initialiser:
    """Variance 2 / (n_in + n_out), for tanh and sigmoid (Glorot & Bengio 2010). Also called Glorot."""
    return scaled(lambda n_in, n_out: 2 / max(1, n_in + n_out), form)


def lecun(form: Form = "normal") -> Initialiser:
    """Variance 1 / n_in (LeCun et al. 1998, Efficient BackProp)."""
    return scaled(lambda n_in, n_out: 1 / max(1, n_in), form)


def zeros() -> Initialiser:
    """All 0. Neurons that start alike stay alike: for biases, and to show why weights are drawn."""
    return lambda shape, rng: np.zeros(shape)


def normal(std: float = 0.01) -> Initialiser:
    """Normal with a standard deviation of your own."""
    return lambda shape, rng: rng.normal(0.0, std, shape)


def uniform(limit: float = 0.05) -> Initialiser:
    """Uniform from −limit to limit."""
    return lambda shape, rng: rng.uniform(-limit, limit, shape)


BY_NAME: dict[str, Callable[[], Initialiser]] = {
    "he": he,
    "he_normal": he,
    "he_uniform": lambda: he("uniform"),
    "xavier": xavier,
    "xavier_normal": xavier,
    "xavier_uniform": lambda: xavier("uniform"),
    "lecun": lecun,
    "lecun_normal": lecun,
    "lecun_uniform": lambda: lecun("uniform"),
    "zeros": zeros,
    "normal": normal,
    "uniform": uniform,
}


def initialiser(which: str | Initialiser) -> Initialiser:
    """An initialiser by name ("he", "xavier_uniform", …), or the one given.

    >>> weights = initialiser("he_uniform")((600, 10), np.random.default_rng(0))
    >>> bool(abs(weights).max() <= 0.1), round(weights.var() * 600, 1)  # the limit is √(6/600), the variance 2/600
    (True, np.float64(2.0))
    """
    if callable(which):
        return which
    name = which.lower().replace("-", "_")
    if name not in BY_NAME:
        raise OptionError(f"there is no initialiser {which!r}: one of {', '.join(BY_NAME)}, or a function, is expected")
    return BY_NAME[name]()
