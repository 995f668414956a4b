"""JSON as the standard has it: Python's own reader also takes a key twice, of which the last one counts, and NaN."""

from __future__ import annotations

import json
from typing import Any


def read_json(text: str | bytes) -> Any:
    """The value that a JSON text is of; bytes are UTF-8, where Python's own reader would guess.

    Raises:
        ValueError: it is not JSON, has a key twice in one object, or a number that is not finite.
        RecursionError: it is nested too deeply.

    >>> read_json('{"epochs": 70}')
    {'epochs': 70}
    >>> read_json('{"epochs": 70, "epochs": 7}')
    Traceback (most recent call last):
    ValueError: the key 'epochs' is there twice
    """
    if isinstance(text, bytes):
        text = text.decode()
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r:.80} is there twice")
        result[key] = value
    return result


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):  # 1e999
        raise ValueError(f"{digits:.80} is too large a number")
    return number
