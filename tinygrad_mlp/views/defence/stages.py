"""The way of a batch through the layers, with the names that a textbook gives to what comes out of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.views.defence.formulas_by_hand import Array, elementwise

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer on the way forward, with what it takes and gives for the batch.

    Attributes:
        layer: a Module, or a function.
        number: how many dense layers there have been, this one included.
        name: of its output: z₁, a₁, …
        of: the name of its input.
        before, after: its input (N, …) and output (N, …).
        arrived: the gradient of the loss at its output, by the engine.
    """

    layer: Any
    number: int
    name: str
    of: str
    before: Array
    after: Array
    arrived: Array

    @property
    def dense(self) -> nn.Dense | None:
        """The layer, if it is a dense one."""
        return self.layer if isinstance(self.layer, nn.Dense) else None

    @property
    def title(self) -> str:
        """`ReLU`, `tanh`."""
        return title_of(self.layer)

    @property
    def sign(self) -> str:
        """`₁`: the number of the dense layer that it belongs to."""
        return subscript(self.number)

    @property
    def formula(self) -> str:
        """`z₁ = x·W₁ + b₁`, `a₁ = ReLU(z₁)`."""
        if self.dense is not None:
            bias = "" if self.dense.b is None else f" + b{self.sign}"
            return f"{self.name} = {self.of}·W{self.sign}{bias}"
        return f"{self.name} = {self.title}({self.of})"


def flat(layer: Any) -> list[Any]:
    """The layers of a sequence, and of the sequences in it."""
    if type(layer) is nn.Sequential:
        return [inner for each in layer.layers for inner in flat(each)]
    return [layer]


def named(passed: Sequence[tuple[Any, Any, Any]], slopes: Mapping[int, Array]) -> list[Stage]:
    """Stages with the names that a textbook gives to their outputs."""
    stages: list[Stage] = []
    number, of = 0, "x"
    for layer, before, after in passed:
        number += isinstance(layer, nn.Dense)
        if after is before:  # dropout, which does nothing in evaluation
            continue
        name = f"{letter(layer)}{subscript(number)}"
        while any(stage.name == name for stage in stages):
            name += "′"
        data, arrived = as_array(after), slopes.get(id(after))
        none = np.zeros(data.shape)
        stages.append(Stage(layer, number, name, of, as_array(before), data, none if arrived is None else arrived))
        of = name
    return stages


def title_of(layer: Any) -> str:
    """`ReLU`, `tanh`."""
    own = type(layer).__name__
    return own if isinstance(layer, nn.Module) else str(getattr(layer, "__name__", own))


def letter(layer: Any) -> str:
    """z for a dense layer, a for an activation, n for what normalises, h for the others."""
    if isinstance(layer, nn.Dense):
        return "z"
    if isinstance(layer, nn.BatchNorm | nn.LayerNorm):
        return "n"
    return "a" if elementwise(layer) or isinstance(layer, nn.PReLU | nn.GELU | nn.Softmax) else "h"


def subscript(n: int) -> str:
    """`₁₂`."""
    return str(n).translate(SUBSCRIPTS)


def as_array(x: Any) -> Array:
    """The values of a Tensor, or an array as it is."""
    return np.asarray(getattr(x, "_data", x))
