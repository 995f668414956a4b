"""Parameters side by side in one buffer, so that an update rule is a handful of NumPy calls however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_mlp.autograd.variable import clock
from tinygrad_mlp.tensor import Tensor

BLOCK = 1 << 15
"""Elements that a rule handles at once: its temporaries then stay in the processor's cache (128 KB each)."""


class Packed:
    """Parameters of one dtype in a contiguous buffer, with gradients and optimizer state laid out alike.

    Attributes:
        parameters: k Tensors; their data are views of `values`.
        values: (n,), all their elements.
        gradients: (n,), filled by `gather`.
        state: arrays (n,) by name, such as Adam's m and v.
        steps: (k,), how many updates each parameter has had.
    """

    def __init__(self, parameters: Sequence[Tensor], state: Sequence[str]) -> None:
        self.parameters = list(parameters)
        sizes = [p.size for p in parameters]
        self.ends = np.cumsum(sizes).tolist()
        self.starts = [0, *self.ends[:-1]]
        dtype = parameters[0].dtype
        self.values, self.gradients, *arrays = (np.zeros(self.ends[-1], dtype) for _ in range(2 + len(state)))
        self.state = dict(zip(state, arrays, strict=True))
        self.steps = [0] * len(sizes)
        self.views = [
            self.values[a:b].reshape(p.shape) for a, b, p in zip(self.starts, self.ends, parameters, strict=True)
        ]
        for i in range(len(sizes)):
            self.settle(i)

    def settle(self, i: int) -> None:
        """Make a parameter live in the buffer; another optimizer may have moved it into its own."""
        self.views[i][...] = self.parameters[i]._data
        self.parameters[i]._data = self.views[i]

    def runs(self) -> Iterator[tuple[slice, int]]:
        """Runs of neighbours that have a gradient and had equally many updates: their elements, and the step to make.

        Their gradients are collected, their steps counted, and the parameters are marked as changed. A parameter
        without a gradient is in no run: its value, its state and its count stay as they are.
        """
        gradients = [p._grad for p in self.parameters]
        kinds = [(g is not None, step) for g, step in zip(gradients, self.steps, strict=True)]
        first, changed = 0, clock.change()
        while first < len(kinds):
            last = first + 1
            while last < len(kinds) and kinds[last] == kinds[first]:
                last += 1
            if kinds[first][0]:
                where = slice(self.starts[first], self.ends[last - 1])
                np.concatenate(list(map(np.ndarray.ravel, gradients[first:last])), out=self.gradients[where])
                for i in range(first, last):
                    p = self.parameters[i]
                    if p._data is not self.views[i]:
                        self.settle(i)
                    p._changed = changed
                    self.steps[i] += 1
                yield where, self.steps[first]
            first = last


def blocks(where: slice) -> Iterator[slice]:
    """A range of elements in pieces of at most BLOCK."""
    for start in range(where.start, where.stop, BLOCK):
        yield slice(start, min(start + BLOCK, where.stop))
