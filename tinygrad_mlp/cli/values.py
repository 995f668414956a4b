"""The values of options: whole numbers, numbers in a range, and names out of a list."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping
from math import inf, isfinite

from tinygrad_mlp.data.number_cells import is_number
from tinygrad_mlp.spelling import instead, plain


def whole(low: int, high: float = inf) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`."""
    expected = f"of at least {low}" if high == inf else f"from {low} to {int(high):,}"

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,4000}", text) or not low <= int(text) <= high:
            raise ArgumentTypeError(f"{text!r} given, a whole number {expected} is expected")
        return int(text)

    return read


def number(low: float = 0.0, high: float = inf, above: bool = False) -> Callable[[str], float]:
    """A reader of finite numbers from `low` (or only `above` it) to below `high`."""
    expected = f"{'above' if above else 'of at least'} {low:g}" + (f" and below {high:g}" if high < inf else "")

    def read(text: str) -> float:
        value = float(text) if is_number(text) else inf
        if not isfinite(value) or not low <= value < high or (above and value == low):
            raise ArgumentTypeError(f"{text!r} given, a number {expected} is expected")
        return value

    return read


def one_of(names: Iterable[str], short: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """A reader of names in any case, with or without dashes and underscores: `leakyReLU` is `leaky_relu`.

    `short` has other words for some of the names.
    """
    known = {plain(name): name for name in names} | (dict(short) if short else {})

    def read(text: str) -> str:
        if plain(text) not in known:
            raise ArgumentTypeError(f"unknown name {text!r}; {instead(text, dict.fromkeys(known.values()))}")
        return known[plain(text)]

    return read
