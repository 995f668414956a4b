"""Trees: dicts and lists of texts, numbers and arrays, as a file holds them. The arrays stand apart from the rest.

In the JSON, `{"array": "model/layers.0.W"}` stands for an array, by its name, and `{"float": "nan"}` for a number that
JSON does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_mlp.errors import DataError

ARRAY, FLOAT = "array", "float"
NOT_FINITE = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


def taken_apart(tree: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """What JSON can hold of a tree, and its arrays by their paths.

    Raises:
        DataError: something is neither a dict with texts as keys, a list, a text, a number, an array, nor None.

    >>> taken_apart({"steps": [1, 2], "best": float("inf"), "m": np.zeros(2)})
    ({'steps': [1, 2], 'best': {'float': 'inf'}, 'm': {'array': 'm'}}, {'m': array([0., 0.])})
    """
    arrays: dict[str, np.ndarray] = {}

    def plain(x: Any, path: str) -> Any:
        if isinstance(x, Mapping):
            if not all(isinstance(key, str) for key in x) or x.keys() in ({ARRAY}, {FLOAT}):
                raise DataError(f"{path or 'the tree'} has the keys {list(x)!r:.80}; other texts are expected")
            return {key: plain(value, f"{path}/{key}" if path else key) for key, value in x.items()}
        if isinstance(x, list | tuple):
            return [plain(value, f"{path}/{i}") for i, value in enumerate(x)]
        if isinstance(x, np.ndarray):
            if path in arrays:
                raise DataError(f"two arrays have the path {path}")
            arrays[path] = x
            return {ARRAY: path}
        if isinstance(x, float | np.floating):
            return float(x) if isfinite(x) else {FLOAT: str(float(x))}
        if isinstance(x, np.integer):
            return int(x)
        if isinstance(x, bool | int | str) or x is None:
            return x
        raise DataError(f"{path or 'the tree'} is a {type(x).__name__}, which a file cannot hold")

    return plain(tree, ""), arrays


def put_together(plain: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The tree that was taken apart. Raises `DataError` for an array or a number that there is not."""
    if isinstance(plain, list):
        return [put_together(value, arrays) for value in plain]
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {ARRAY}:
        name = plain[ARRAY]
        if not isinstance(name, str) or name not in arrays:
            raise DataError(f"the array {name!r:.80} is not there")
        return arrays[name]
    if plain.keys() == {FLOAT}:
        text = plain[FLOAT]
        if not isinstance(text, str) or text not in NOT_FINITE:
            raise DataError(f"the number {text!r:.80} is none of {', '.join(NOT_FINITE)}")
        return NOT_FINITE[text]
    return {key: put_together(value, arrays) for key, value in plain.items()}
