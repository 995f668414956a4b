"""Care: gradients that add up over the steps, or are not there, though a step is to be made with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygrad_mlp.errors import MissingGradientWarning, StaleGradientWarning, warn
from tinygrad_mlp.tensor import Tensor

SHOWN = 3
"""How many parameters are named."""


class Used(np.ndarray):
    """A gradient that a step has used. What is added to it is still one: only a new array is new."""


def take_care(parameters: Sequence[Tensor]) -> None:
    """Before a step: warn of gradients that were used, and of those that are missing."""
    if used := [p for p in parameters if isinstance(p._grad, Used)]:
        warn(
            f"{listed(used)}: the gradients of an earlier step are still in these: call optimizer.zero_grad() before "
            "backward(), unless they are meant to add up",
            StaleGradientWarning,
        )
    warn_of_missing(parameters)


def warn_of_missing(parameters: Sequence[Tensor]) -> None:
    """Warn of parameters that are trained, but have no gradient."""
    if missing := [p for p in parameters if p.requires_grad and p._grad is None]:
        warn(
            f"{listed(missing)}: no gradient: the loss does not depend on it, or backward() was not called; it is not "
            "trained so: use it in forward, leave it out of the optimizer, or freeze it",
            MissingGradientWarning,
        )


def mark_used(parameters: Sequence[Tensor]) -> None:
    """After a step: mark the gradients."""
    for p in parameters:
        if p._grad is not None:
            p._grad = p._grad.view(Used)


def listed(parameters: Sequence[Tensor]) -> str:
    """The first parameters, by their names."""
    return ", ".join(p.title for p in parameters[:SHOWN]) + ", …" * (len(parameters) > SHOWN)
