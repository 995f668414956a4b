"""Where random numbers come from: a generator that is passed in, or the package's own, set by `seed(n)`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.errors import OptionError, StateError

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


PLACES = {"pos": 624, "buffer_pos": 4}
"""Where a generator stands in a buffer, and the greatest number of it: NumPy takes any, and would read behind it."""


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """Where a generator is: whole numbers, texts and arrays, in dicts."""
    return dict(rng.bit_generator.state)


def set_state(rng: np.random.Generator, state: Any) -> None:
    """Put a generator where another one of its kind was. Raises `StateError` for a state that it cannot have.

    >>> ours, other = np.random.default_rng(1), np.random.default_rng(2)
    >>> set_state(ours, state_of(other))
    >>> ours.random() == other.random()
    True
    """
    check_state(state_of(rng), state)
    try:
        rng.bit_generator.state = state
    except (TypeError, ValueError, OverflowError) as error:
        raise StateError(f"the state of a random generator does not fit: {error}") from error


def check_state(own: Any, given: Any, name: str = "") -> None:
    """Refuse a state that is built otherwise than a generator's own, or has a number out of its range."""
    where = f"the state of a random generator: {name}" if name else "the state of a random generator"
    if type(given) is not type(own):
        raise StateError(f"{where} is a {type(given).__name__}; a {type(own).__name__} is expected")
    if isinstance(own, dict):
        if own.keys() != given.keys():
            raise StateError(f"{where} has {', '.join(map(repr, given)):.200}; {', '.join(own)} expected")
        for key in own:
            check_state(own[key], given[key], key)
    elif isinstance(own, np.ndarray):
        if (own.shape, own.dtype) != (given.shape, given.dtype):
            raise StateError(f"{where} is {given.dtype} {given.shape}; {own.dtype} {own.shape} is expected")
    elif isinstance(own, str):
        if own != given:
            raise StateError(f"{where} is {given!r:.80}; {own!r} is expected")
    elif not 0 <= given <= PLACES.get(name, 2**128 - 1):
        raise StateError(f"{where} is {given:.80g}, which is out of its range")
