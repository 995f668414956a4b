"""The dtype that is taken where none is said, and where whole numbers give others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_mlp.errors import DtypeError

_default: np.dtype[Any] = np.dtype(np.float32)


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the dtype that numbers and lists take when they become Tensors, and that layers give their parameters.

    Args:
        dtype: a floating-point dtype, such as `np.float64`.

    Raises:
        DtypeError: it is not a floating-point dtype.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.set_default_dtype(np.float64)
    >>> tg.Tensor([1.0]).dtype, tg.nn.Dense(2, 1).W.dtype
    (dtype('float64'), dtype('float64'))
    >>> tg.set_default_dtype(np.float32)
    """
    global _default
    if np.dtype(dtype).kind != "f":
        raise DtypeError(f"the default dtype must be a floating-point one, not {np.dtype(dtype)}")
    _default = np.dtype(dtype)


def default_dtype() -> np.dtype[Any]:
    """The dtype that numbers and lists take: float32 unless `set_default_dtype` was called.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.default_dtype(), tg.Tensor([1.0]).dtype, tg.Tensor(np.array([1.0])).dtype  # arrays keep theirs
    (dtype('float32'), dtype('float32'), dtype('float64'))
    """
    return _default


def floating(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A floating-point dtype as it is; float64 in place of integers and booleans, as in NumPy."""
    return dtype if dtype.kind == "f" else np.dtype(np.float64)
