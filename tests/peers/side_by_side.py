"""One function of Tensors beside one of torch.Tensors: their values and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import tinygrad_mlp as tg

Function = Callable[..., Any]


def assert_alike(ours: Function, theirs: Function, *inputs: np.ndarray | np.generic, tolerance: float = 1e-12) -> None:
    """Compare the values, and the gradients for all floating-point inputs.

    Args:
        ours: takes Tensors where an input has floating-point numbers, and the other inputs as they are.
        theirs: likewise, with torch.Tensors everywhere.
        inputs: arrays, or NumPy's numbers for 0-d ones.
        tolerance: relative, and absolute below 1.
    """
    a = [tg.Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in inputs]
    b = [torch.from_numpy(np.array(x)).requires_grad_(x.dtype.kind == "f") for x in inputs]
    y, y_torch = ours(*a), theirs(*b)
    near(y.data, y_torch, tolerance)
    # Unlike ones, uneven gradients of the result show an error that cancels out in a sum, as softmax's would.
    g = np.random.default_rng(y.size).uniform(0.5, 1.5, y.shape)
    variables = [x for x in a if isinstance(x, tg.Tensor)], [x for x in b if x.requires_grad]
    pairs = zip(
        tg.grad(y, variables[0], gradient=g),
        torch.autograd.grad(y_torch, variables[1], torch.from_numpy(np.asarray(g, y.dtype))),
        strict=True,
    )
    for gradient, gradient_torch in pairs:
        near(gradient, gradient_torch, tolerance)


def near(ours: Any, theirs: torch.Tensor, tolerance: float) -> None:
    """The same shape and dtype, and the same numbers."""
    expected = theirs.detach().numpy()
    assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)
