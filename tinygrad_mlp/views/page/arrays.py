"""Arrays as the page receives them: each once, as bytes in base64, and of large ones a corner."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from tinygrad_mlp.views.page.rationing import corner


class Arrays:
    """The arrays of a page; a page's other data refer to them by number.

    What is written of one is exact: float32 and smaller as float32, everything else as float64.

    >>> arrays = Arrays(100)
    >>> arrays.add(np.array([1.0, 2.0])), arrays.add(np.array([1.0, 2.0])), arrays.add(np.eye(50))
    (0, 0, 1)
    >>> arrays.written[1]["shape"], arrays.written[1]["rows"], arrays.written[1]["columns"]
    ([50, 50], 10, 10)
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.written: list[dict[str, Any]] = []
        self.places: dict[Any, int] = {}

    def add(self, array: Any) -> int:
        """The number of an array, which is written if an equal one is not there yet."""
        values = np.asarray(array)
        rows, columns = corner(values.shape, self.most)
        # Not -1 for the rows: an array without elements has none.
        flat = values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1] if values.ndim else 1)
        text, kind = encoded(flat[:rows, :columns])
        key = (values.shape, kind, text, None if values.size == rows * columns else id(array))
        if key not in self.places:
            self.places[key] = len(self.written)
            entry = {"shape": list(values.shape), "rows": rows, "columns": columns, "type": kind, "data": text}
            self.written.append(entry)
        return self.places[key]


def encoded(values: Any) -> tuple[str, str]:
    """Numbers as little-endian bytes in base64, and their type: f4 or f8."""
    array = np.asarray(values)
    kind = "f4" if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else "f8"
    return base64.b64encode(array.astype(f"<{kind}").tobytes()).decode(), kind
