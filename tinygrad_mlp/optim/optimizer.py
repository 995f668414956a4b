"""An optimizer: it owns the state of an update rule, and applies the rule to packed parameters.

The rule itself is a pure function on arrays that reads like its formula: from the gradient, the state and some numbers
to what is subtracted from the weights, and the new state. It is traced once and then run in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp.autograd.variable import clock
from tinygrad_mlp.errors import DtypeError, GradientError, OptionError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.optim.packed import Packed
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.tracing import InPlace, run
from tinygrad_mlp.tracing.in_place import Call


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
        self.updates = [Update(pack, self.rule) for pack in self.packs]

    def numbers(self, t: int) -> tuple[float, ...]:
        """The numbers in the rule's formula at step t, from 1, computed in Python's arithmetic."""
        return (self.learning_rate,)

    def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
        """The update: what is subtracted from W, then the new state.

        Args:
            g: the gradient, an array of any shape. The rule is elementwise: ufuncs and `np.where`, no sums.
            state_and_numbers: arrays like g, in the order of `state_names`, which are 0 at first; then the `numbers`
                of the step, as 0-d arrays. Options that the rule looks at are fixed at its first run.
        """
        raise TypeError(f"{type(self).__name__} has no rule")

    def step(self) -> None:
        """Update the parameters with the gradients that `backward()` left; those without one are skipped."""
        changed = clock.change()
        for pack, update in zip(self.packs, self.updates, strict=True):
            for start, stop, t in pack.gather(changed):
                update(start, stop, self.weight_decay, self.numbers(t))

    def zero_grad(self) -> None:
        """Forget the gradients: `.grad` becomes None."""
        for p in self.parameters:
            p._grad = None


class Update:
    """A rule, ready to be run on the elements of a pack."""

    def __init__(self, pack: Packed, rule: Callable[..., tuple[Any, ...]]) -> None:
        self.rule = rule
        self.arrays = [pack.values, pack.gradients, *pack.state.values()]
        self.dtype = pack.dtype
        self.numbers = np.empty(0, self.dtype)
        self.calls: dict[tuple[int, int, bool], list[Call]] = {}

    def __call__(self, start: int, stop: int, weight_decay: float, numbers: tuple[float, ...]) -> None:
        """Make one step with the elements `start:stop`."""
        key = (start, stop, weight_decay != 0)
        calls = self.calls.get(key)
        if calls is None:
            calls = self.calls[key] = self.bound(start, stop, weight_decay != 0, len(numbers))
        self.numbers[...] = weight_decay, *numbers
        run(calls)

    def bound(self, start: int, stop: int, decays: bool, numbers: int) -> list[Call]:
        """The NumPy calls of a step with these elements."""
        n = len(self.arrays)

        def update(w: Any, g: Any, *others: Any) -> tuple[Any, ...]:
            state, (decay, *given) = others[: n - 2], others[n - 2 :]
            change, *new = self.rule(g + decay * w if decays else g, *state, *given)
            return (w - change, *new)

        if not self.numbers.size:
            self.numbers = np.zeros(1 + numbers, self.dtype)
        places = [self.numbers[i : i + 1].reshape(()) for i in range(1 + numbers)]
        in_place = InPlace(update, n, 1 + numbers, [0, *range(2, n)], self.dtype)
        return in_place.bind([array[start:stop] for array in self.arrays], places)


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
