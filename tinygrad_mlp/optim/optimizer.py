"""An optimizer: it owns the state of an update rule, and applies the rule to packed parameters.

The rule itself is a pure function on arrays that reads like its formula: from the gradient, the state and the number
of the step to what is subtracted from the weights, and the new state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp.errors import DtypeError, GradientError, OptionError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.optim.packed import Packed, blocks
from tinygrad_mlp.tensor import Tensor


class Optimizer:
    """Base of the optimizers.

    Args:
        parameters: a Module, or leaf Tensors that require a gradient, float32 or float64.
        learning_rate: η.
        weight_decay: λ; λ·W is added to the gradient before the rule (L2, as in PyTorch's optimizers of these names).

    Raises:
        OptionError: no parameters, one given twice, or a number out of its range.
        DtypeError: a parameter is float16, which is for storage only, or is not a Tensor.
        GradientError: a parameter is the result of an operation.

    Attributes:
        state_names: the rule's state, one array for each parameter, by name.
    """

    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Module | Iterable[Tensor], learning_rate: float, weight_decay: float = 0.0) -> None:
        self.learning_rate = number_in_range("learning_rate", learning_rate)
        self.weight_decay = number_in_range("weight_decay", weight_decay)
        self.parameters: list[Tensor] = checked_parameters(parameters)
        dtypes = sorted({p.dtype for p in self.parameters}, key=str)
        self.packs = [Packed([p for p in self.parameters if p.dtype == d], self.state_names) for d in dtypes]

    def rule(self, g: Any, *state: Any, t: int) -> tuple[Any, ...]:
        """The update: what is subtracted from W, then the new state.

        Args:
            g: the gradient, an array.
            state: arrays like g, in the order of `state_names`; 0 at first.
            t: the number of this step, from 1.
        """
        raise TypeError(f"{type(self).__name__} has no rule")

    def step(self) -> None:
        """Update the parameters with the gradients that `backward()` left; those without one are skipped."""
        for pack in self.packs:
            arrays = list(pack.state.values())
            for where, t in pack.runs():
                for block in blocks(where):
                    w, g = pack.values[block], pack.gradients[block]
                    if self.weight_decay:
                        g = g + self.weight_decay * w
                    update, *state = self.rule(g, *[array[block] for array in arrays], t=t)
                    w -= update
                    for array, new in zip(arrays, state, strict=True):
                        array[block] = new

    def zero_grad(self) -> None:
        """Forget the gradients: `.grad` becomes None."""
        for p in self.parameters:
            p._grad = None


def number_in_range(name: str, value: float, low: float = 0.0, high: float = np.inf) -> float:
    """A finite number from low to below high, or an error that names it."""
    if not low <= value < high or not np.isfinite(value):
        upper = f" and < {high}" if np.isfinite(high) else ""
        raise OptionError(f"{name} is {value!r}; a finite number ≥ {low:g}{upper} is expected")
    return float(value)


def checked_parameters(parameters: Module | Iterable[Tensor]) -> list[Tensor]:
    """The parameters as a list, each of which can be trained and stands there once."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    found: list[Tensor] = [*(parameters.parameters() if isinstance(parameters, Module) else parameters)]
    if not found:
        raise OptionError("an optimizer needs at least one parameter; none was given")
    seen: set[int] = set()
    for position, p in enumerate(found):
        if not isinstance(p, Tensor):
            raise DtypeError(f"parameter {position} is a {type(p).__name__}; a Tensor is expected")
        if p._node is not None:
            raise GradientError(f"parameter {position}, {p.title}, is not a leaf: its values come from other tensors")
        if p.dtype not in (np.float32, np.float64):
            raise DtypeError(f"parameter {position}, {p.title}, is {p.dtype}; optimizers train float32 and float64")
        if id(p) in seen:
            raise OptionError(f"parameter {position}, {p.title}, is given twice")
        seen.add(id(p))
    return found
