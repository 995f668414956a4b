"""Clipping: gradients that are held back before an optimizer takes its step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from tinygrad_mlp.errors import NonFiniteError, OptionError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.optim.optimizer import number_in_range
from tinygrad_mlp.tensor import Tensor


def check_limits(limits: Mapping[str, float | None]) -> None:
    """Refuse a limit that holds back everything, or is no number; None is no limit. Raises `OptionError`."""
    for name, limit in limits.items():
        if limit is not None and number_in_range(name, limit) == 0:
            raise OptionError(f"{name} is 0; a number above 0 is expected")


def norm_of(arrays: Iterable[np.ndarray]) -> float:
    """The Euclidean norm of all elements together, summed up in float64."""
    wide = (array.reshape(-1).astype(np.float64, copy=False) for array in arrays)
    return math.sqrt(sum(float(np.dot(x, x)) for x in wide))


def clip_gradients(
    parameters: Module | Iterable[Tensor], *, norm: float | None = None, value: float | None = None
) -> float:
    """Hold the gradients back, in place, between `loss.backward()` and `optimizer.step()`.

    Args:
        parameters: a Module or Tensors; those without a gradient are left out.
        norm: all gradients together are scaled to at most this Euclidean norm (Pascanu et al. 2013, arXiv:1211.5063).
            PyTorch's clip_grad_norm_ divides by the norm + 1e-6, this by the norm; Keras calls it global_clipnorm.
        value: each element is held between −value and value, first if both are given.

    Returns:
        The norm of all gradients together before they were scaled.

    Raises:
        OptionError: neither is given, or one that is not above 0.
        NonFiniteError: a gradient has a NaN or an infinity, which scaling would spread to all of them.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> tg.optim.clip_gradients([w], norm=1.0), w.grad
    (10.0, array([0.6, 0.8], dtype=float32))
    """
    if norm is None and value is None:
        raise OptionError("clip_gradients: norm= or value= is expected")
    check_limits({"clip_gradients: norm": norm, "clip_gradients: value": value})
    members = parameters.parameters() if isinstance(parameters, Module) else parameters
    gradients = [(p, p._grad) for p in members if p._grad is not None]
    total = norm_of(g for _, g in gradients)
    if not math.isfinite(total):  # only then is each of them looked at
        for p, g in gradients:
            if not np.isfinite(g).all():
                raise NonFiniteError(f"clip_gradients: the gradient of {p.title} is not finite")
    if value is not None:
        for _, g in gradients:
            np.clip(g, -value, value, out=g)
        total = norm_of(g for _, g in gradients)
    if norm is not None and total > norm:
        for _, g in gradients:
            np.multiply(g, norm / total, out=g)
    return total
