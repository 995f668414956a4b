"""An optimizer: it owns the state of an update rule, and applies the rule to packed parameters.

The rule itself is a pure function on arrays that reads like its formula: from the gradient, the state and some numbers
to what is subtracted from the weights, and the new state. It is traced once and then run in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp.autograd.variable import clock
from tinygrad_mlp.errors import DtypeError, GradientError, OptionError, StateError, TraceError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.optim.care import mark_used, take_care
from tinygrad_mlp.optim.packed import Packed
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.tracing import InPlace, run
from tinygrad_mlp.tracing.in_place import Call


@dataclass
class Group:
    """Parameters with a learning rate or a weight decay of their own; None means the optimizer's.

    Attributes:
        parameters: a Module, or Tensors.
        learning_rate: η at the start. When the optimizer's is changed (by a schedule), it changes in proportion.
        weight_decay: λ.

    >>> import tinygrad_mlp as tg
    >>> slow, fast = tg.Tensor([1.0], requires_grad=True), tg.Tensor([1.0], requires_grad=True)
    >>> sgd = tg.optim.SGD([tg.optim.Group([slow], learning_rate=0.01), tg.optim.Group([fast])], learning_rate=0.1)
    >>> slow.grad = fast.grad = [1.0]
    >>> sgd.step()
    >>> slow.data, fast.data
    (array([0.99], dtype=float32), array([0.9], dtype=float32))
    """

    parameters: Module | Iterable[Tensor]
    learning_rate: float | None = None
    weight_decay: float | None = None


Parameters = Module | Group | Iterable[Tensor] | Iterable[Group]
"""What an optimizer trains."""


def without_decay_on_biases(model: Module) -> list[Group]:
    """Two groups: weights (two or more axes), which decay as the optimizer says, and biases and gains, which do not.

    `AdamW(without_decay_on_biases(model), weight_decay=0.01)`: a bias makes no model more complex.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(3, 2, rng=0) >> tg.nn.ReLU() >> tg.nn.Dense(2, 1, rng=1)
    >>> for group in tg.optim.without_decay_on_biases(model):
    ...     print(group.weight_decay, [p.name for p in group.parameters])
    None ['layers.0.W', 'layers.2.W']
    0.0 ['layers.0.b', 'layers.2.b']
    """
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [Group(weights)] * bool(weights) + [Group(others, weight_decay=0.0)] * bool(others)


class Optimizer:
    """Base of the optimizers.

    Args:
        parameters: a Module, leaf Tensors that require a gradient, float32 or float64, or `Group`s of those.
        learning_rate: η.
        weight_decay: λ; λ·W is added to the gradient before the rule (L2, as in PyTorch's optimizers of these names).

    Raises:
        OptionError: no parameters, one given twice, or a number out of its range.
        DtypeError: a parameter is float16, which is for storage only, or is not a Tensor.
        GradientError: a parameter is the result of an operation.

    Attributes:
        learning_rate, weight_decay: may be changed between steps; what is no such number is refused then too.
        parameters: all of them, in the order given.
        state_names: the rule's state, one array for each parameter, by name.
        decoupled: whether the weights decay by themselves, W ← W − η·λ·W, instead of through the gradient.
        updates: the rule made ready for the parameters of each group and dtype, which are packed into one array.
        careful: set it to True to be warned, once each, of gradients that a step has used before (`zero_grad()` was
            forgotten, and they add up) and of parameters that a step finds without one (the loss does not depend on
            them). It is False, since both may be meant.

    A rule of one's own is what is subtracted from W, and the new state if there is any:

    >>> import numpy as np, tinygrad_mlp as tg
    >>> class SignDescent(tg.optim.Optimizer):
    ...     def rule(self, g, rate):
    ...         return (rate * np.sign(g),)
    >>> w = tg.Tensor([1.0, 1.0], requires_grad=True)
    >>> (w * [100.0, -0.01]).sum().backward()
    >>> SignDescent([w], learning_rate=0.1).step()
    >>> w.data
    array([0.9, 1.1], dtype=float32)
    """

    careful: bool = False

    state_names: ClassVar[tuple[str, ...]] = ()
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float,
        weight_decay: float = 0.0,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        groups = as_groups(parameters)
        self.parameters: list[Tensor] = checked_parameters([p for members, _ in groups for p in members])
        self.updates: list[Update] = []
        for members, group in groups:
            factor = 1.0 if group.learning_rate is None else self.factor(group.learning_rate)
            for dtype in sorted({p.dtype for p in members}, key=str):
                pack = Packed([p for p in members if p.dtype == dtype], self.state_names)
                self.updates.append(Update(pack, self.rule, self.decoupled, factor, group.weight_decay))

    @property
    def learning_rate(self) -> float:
        """η, a finite number of at least 0."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._learning_rate = number_in_range("learning_rate", rate)

    @property
    def weight_decay(self) -> float:
        """λ, a finite number of at least 0."""
        return self._weight_decay

    @weight_decay.setter
    def weight_decay(self, decay: float) -> None:
        self._weight_decay = number_in_range("weight_decay", decay)

    def factor(self, learning_rate: float) -> float:
        """A group's learning rate as a multiple of the optimizer's."""
        if not self.learning_rate:
            raise OptionError("a group has a learning rate of its own, so the optimizer's must be above 0")
        return number_in_range("a group's learning_rate", learning_rate) / self.learning_rate

    def numbers(self, t: int) -> tuple[float, ...]:
        """The numbers in the rule's formula at step t, from 1, computed in Python's arithmetic."""
        return (self.learning_rate,)

    def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
        """The update: what is subtracted from W, in proportion to η; then the new state.

        Args:
            g: the gradient, an array of any shape. The rule is elementwise: ufuncs, `np.where`
                and `np.clip`, no sums.
            state_and_numbers: arrays like g, in the order of `state_names`, which are 0 at first; then the `numbers`
                of the step, as 0-d arrays. Options that the rule looks at are fixed at its first run.
        """
        raise TypeError(f"{type(self).__name__} has no rule")

    def step(self) -> None:
        """Update the parameters with the gradients that `backward()` left; those without one are skipped.

        A skipped parameter keeps its value, its state and its count of steps: no momentum moves it and no weight decay.
        So do frozen ones (`module.freeze()`), which get no gradient. A number that overflows becomes an infinity or a
        NaN without NumPy's warning, whatever `np.errstate` and the warning filters say: stopped halfway, the step would
        have been made for some of the parameters.
        """
        if self.careful:
            take_care(self.parameters)
        changed = clock.change()
        with np.errstate(all="ignore"):
            for update in self.updates:
                for start, stop, t in update.pack.gather(changed):
                    update(start, stop, self.learning_rate, self.weight_decay, self.numbers(t))
        if self.careful:
            mark_used(self.parameters)

    def zero_grad(self) -> None:
        """Forget the gradients: `.grad` becomes None."""
        for p in self.parameters:
            p._grad = None

    def state_dict(self) -> dict[str, Any]:
        """What the optimizer has gathered: moments, counts of steps, and the rates as they are now.

        `{"learning_rate": …, "weight_decay": …, "packs": [{"steps": […], "state": {"m": (n,), "v": (n,)}}]}`, a pack
        for the parameters of each group and dtype, in which they stand one after the other. The arrays are copies.

        >>> from tinygrad_mlp import nn, optim
        >>> optim.Adam(nn.Dense(2, 3)).state_dict()["packs"][0]["steps"]
        [0, 0]
        """
        packs = [update.pack.state_dict() for update in self.updates]
        return {"learning_rate": self.learning_rate, "weight_decay": self.weight_decay, "packs": packs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another optimizer was that was made alike; all of it or, after an error, none.

        Raises:
            StateError: it is the state of an optimizer with another rule or other parameters.
            OptionError: a rate out of its range.
        """
        expected = ["learning_rate", "weight_decay", "packs"]
        if not isinstance(state, Mapping) or state.keys() != set(expected):
            raise StateError(f"the state of an optimizer is {state!r:.80}; {', '.join(expected)} are expected")
        rates = [number_in_range(name, state[name]) for name in expected[:2]]
        packs = state["packs"]
        if not isinstance(packs, list) or len(packs) != len(self.updates):
            raise StateError(f"the optimizer's packs are {packs!r:.80}; {len(self.updates)} are expected")
        for update, given in zip(self.updates, packs, strict=True):
            update.pack.check_state(given)
        self.learning_rate, self.weight_decay = rates
        for update, given in zip(self.updates, packs, strict=True):
            update.pack.load_state_dict(given)


class Update:
    """A rule, ready to be run on the elements of a pack.

    Args:
        pack: the parameters.
        rule: the optimizer's.
        decoupled: see `Optimizer`.
        factor: what the learning rate is multiplied with.
        weight_decay: λ, or None for the optimizer's.
    """

    def __init__(
        self,
        pack: Packed,
        rule: Callable[..., tuple[Any, ...]],
        decoupled: bool,
        factor: float,
        weight_decay: float | None,
    ) -> None:
        self.pack = pack
        self.rule = rule
        self.decoupled = decoupled
        self.factor = factor
        self.weight_decay = None if weight_decay is None else number_in_range("a group's weight_decay", weight_decay)
        self.arrays = [pack.values, pack.gradients, *pack.state.values()]
        self.numbers = np.empty(0, pack.dtype)
        self.calls: dict[tuple[int, int, bool], list[Call]] = {}

    def __reduce__(self) -> Any:
        """A copy binds its calls anew, to the arrays of the copied pack."""
        return Update, (self.pack, self.rule, self.decoupled, self.factor, self.weight_decay)

    def __call__(
        self, start: int, stop: int, learning_rate: float, weight_decay: float, numbers: tuple[float, ...]
    ) -> None:
        """Make one step with the elements `start:stop`."""
        decay = self.decay(learning_rate, weight_decay)
        key = (start, stop, decay != 0)
        calls = self.calls.get(key)
        if calls is None:
            calls = self.calls[key] = self.bound(start, stop, decay != 0, len(numbers))
        self.numbers[...] = decay, self.factor, *numbers
        run(calls)

    def decay(self, learning_rate: float, weight_decay: float) -> float:
        """λ of these parameters; if they decay by themselves, times η."""
        decay = weight_decay if self.weight_decay is None else self.weight_decay
        return decay * learning_rate * self.factor if self.decoupled else decay

    def bound(self, start: int, stop: int, decays: bool, numbers: int) -> list[Call]:
        """The NumPy calls of a step with these elements."""
        n = len(self.arrays)

        def update(w: Any, g: Any, *others: Any) -> tuple[Any, ...]:
            return self.formula(w, g, others[: n - 2], others[n - 2 :], decays)

        if not self.numbers.size:
            self.numbers = np.zeros(2 + numbers, self.pack.dtype)
        places = [self.numbers[i : i + 1].reshape(()) for i in range(2 + numbers)]
        in_place = InPlace(update, n, 2 + numbers, [0, *range(2, n)], self.pack.dtype)
        return in_place.bind([array[start:stop] for array in self.arrays], places)

    def formula(self, w: Any, g: Any, state: Sequence[Any], numbers: Sequence[Any], decays: bool) -> tuple[Any, ...]:
        """New weights and new state, from the old ones, the gradient, and λ, the factor and the rule's numbers."""
        decay, factor, *given = numbers
        if decays and not self.decoupled:
            g = g + decay * w
        change, *new = self.checked(self.rule(g, *state, *given))
        if self.factor != 1:
            change = factor * change
        if decays and self.decoupled:
            w = w - decay * w
        return (w - change, *new)

    def checked(self, returned: Any) -> Any:
        """What the rule returned, if it is as many values as it must be."""
        expected = ["the change of W", *self.pack.state]
        count = len(expected)
        if not isinstance(returned, tuple | list) or len(returned) != count:
            many = f"{len(returned)} values" if isinstance(returned, tuple | list) else f"a {type(returned).__name__}"
            raise TraceError(
                f"{self.rule.__qualname__} returns {many}; a tuple of {count} is expected: {', '.join(expected)}"
            )
        return returned


def as_groups(parameters: Any) -> list[tuple[list[Tensor], Group]]:
    """What an optimizer was given, as groups with their parameters."""
    given = listed(parameters)
    if not any(isinstance(x, Group) for x in given):
        return [(given, Group(given))]
    for position, group in enumerate(given):
        if not isinstance(group, Group):
            raise DtypeError(f"group {position} is a {type(group).__name__}; a Group is expected, as the others are")
    return [(listed(group.parameters), group) for group in given]


def listed(parameters: Any) -> list[Any]:
    """The parameters of a Module, a Tensor or Group alone, or what an iterable holds."""
    if isinstance(parameters, Module):
        return [*parameters.parameters()]
    if isinstance(parameters, Tensor | Group):
        return [parameters]
    if not isinstance(parameters, Iterable):
        raise DtypeError(f"parameters is a {type(parameters).__name__}; a Module, Tensors or Groups are expected")
    return [*parameters]


def number_in_range(name: str, value: float, low: float = 0.0, high: float = np.inf) -> float:
    """A finite number from low to below high, or an error that names it."""
    try:
        fits = low <= value < high and math.isfinite(value)
    except (TypeError, ValueError):  # text, or an array
        fits = False
    if not fits:
        upper = f" and < {high}" if np.isfinite(high) else ""
        raise OptionError(f"{name} is {value!r}; a finite number ≥ {low:g}{upper} is expected")
    return float(value)


def checked_parameters(found: list[Tensor]) -> list[Tensor]:
    """The parameters, each of which can be trained and stands there once."""
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
