"""Parameters side by side in one buffer, so that an update rule is a handful of NumPy calls however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.errors import StateError
from tinygrad_mlp.tensor import Tensor

COPIED = ("state", "steps", "alike")
"""What a copy takes over; the buffers and the views of them are made anew."""


class Run(NamedTuple):
    """Neighbours in a buffer that make the same step: the elements `start:stop`, and its number t, from 1."""

    start: int
    stop: int
    t: int


class Packed:
    """Parameters of one dtype in a contiguous buffer, with gradients and optimizer state laid out alike.

    Attributes:
        parameters: k Tensors; their data are views of `values`, and their gradients are gathered in `gradients`.
        values: (n,), all their elements.
        gradients: (n,).
        state: arrays (n,) by name, such as Adam's m and v.
        steps: (k,), how many updates each parameter has had.
    """

    def __init__(self, parameters: Sequence[Tensor], state: Sequence[str]) -> None:
        self.parameters = list(parameters)
        self.dtype = parameters[0].dtype
        ends = np.cumsum([p.size for p in parameters]).tolist()
        self.bounds = list(zip([0, *ends[:-1]], ends, strict=True))
        self.values, self.gradients, *arrays = (np.zeros(ends[-1], self.dtype) for _ in range(2 + len(state)))
        self.state = dict(zip(state, arrays, strict=True))
        self.steps = [0] * len(ends)
        self.alike = True
        shapes = [p.shape for p in parameters]
        self.value_views = self.views(self.values, shapes)
        self.gradient_views = self.views(self.gradients, shapes)
        for i in range(len(ends)):
            self.settle(i)

    def views(self, buffer: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        """The part of each parameter, in its shape."""
        return [buffer[start:stop].reshape(shape) for (start, stop), shape in zip(self.bounds, shapes, strict=True)]

    def settle(self, i: int) -> None:
        """Make a parameter live in the buffers; another optimizer may have moved it into its own."""
        p, values, gradient = self.parameters[i], self.value_views[i], self.gradient_views[i]
        values[...] = p._data
        if p._grad is not None and p._grad is p._home:  # left behind, it would be handed out, and written over
            gradient[...] = p._grad
            p._grad = gradient
        p._data, p._home = values, gradient

    def __reduce__(self) -> Any:
        """A copy has buffers of its own, in which the copied parameters live."""
        return Packed, (self.parameters, [*self.state]), {name: getattr(self, name) for name in COPIED}

    def state_dict(self) -> dict[str, Any]:
        """Copies of the state, and the counts of steps."""
        return {"steps": list(self.steps), "state": {name: array.copy() for name, array in self.state.items()}}

    def check_state(self, given: Any) -> None:
        """Raise `StateError` for what is not the state of such a pack."""
        if not isinstance(given, Mapping) or given.keys() != {"steps", "state"}:
            raise StateError(f"the state of an optimizer has {given!r:.80}; steps and state are expected")
        steps, state = given["steps"], given["state"]
        whole = isinstance(steps, list) and all(type(n) is int and n >= 0 for n in steps)
        if not whole or len(steps) != len(self.steps):
            raise StateError(f"the optimizer's steps are {steps!r:.80}; {len(self.steps)} counts are expected")
        if not isinstance(state, Mapping) or state.keys() != self.state.keys():
            seen, expected = (", ".join(map(str, names)) or "none" for names in (state, self.state))
            raise StateError(f"the optimizer's state has {seen:.80}; {expected} is expected")
        for name, own in self.state.items():
            array = state[name]
            if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != (own.shape, own.dtype):
                seen = f"{getattr(array, 'dtype', type(array).__name__)} {np.shape(array)}"
                raise StateError(f"the optimizer's {name} is {seen}; {own.dtype} {own.shape} is expected")

    def load_state_dict(self, given: Mapping[str, Any]) -> None:
        """Take over a state that has been checked, into the memory that is there: the rule's calls are bound to it."""
        for name, own in self.state.items():
            own[...] = given["state"][name]
        self.steps = list(given["steps"])
        self.alike = len(set(self.steps)) == 1

    def gather(self, changed: int) -> list[Run]:
        """Collect the gradients, count the steps, and date the change of every parameter that has a gradient.

        A parameter without a gradient is in no run: its value, its state and its count stay as they are.
        """
        if self.alike and all(map(is_, [p._grad for p in self.parameters], self.gradient_views)):
            # The usual case. The values are at home too: where they are settled, a gradient comes along.
            t = self.steps[0] + 1
            self.steps = [t] * len(self.steps)
            for p in self.parameters:
                p._changed = changed
            return [Run(0, self.bounds[-1][1], t)]
        runs: list[Run] = []
        last = Run(0, -1, 0)
        for i, p in enumerate(self.parameters):
            if p._grad is None:
                continue
            if p._data is not self.value_views[i]:
                self.settle(i)
            if p._grad is not self.gradient_views[i]:
                self.gradient_views[i][...] = p._grad
            p._changed = changed
            t = self.steps[i] = self.steps[i] + 1
            start, stop = self.bounds[i]
            if last.stop == start and last.t == t:
                last = runs[-1] = Run(last.start, stop, t)
            else:
                last = Run(start, stop, t)
                runs.append(last)
        self.alike = len(set(self.steps)) == 1
        return runs
