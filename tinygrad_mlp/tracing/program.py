"""A straight-line program: NumPy calls in the order in which they were made, which can be run again on other inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mlp.errors import ShapeError


@dataclass(frozen=True)
class Ref:
    """The place of a value in a program: an input, or the result of an instruction."""

    index: int

    def __repr__(self) -> str:
        return f"v{self.index}"


@dataclass(frozen=True)
class Instruction:
    """One call: its arguments hold a Ref wherever a value of the program goes in, and constants elsewhere."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    result: Ref
    scope: str = ""
    """Of the layer, and in a training step the part of it: `forward layers.0`."""

    @cached_property
    def reads(self) -> tuple[Ref, ...]:
        """The values that go in, as often as they do."""
        return tuple(x for x in leaves((self.inputs, self.options)) if type(x) is Ref)

    def __str__(self) -> str:
        arguments = [shown(x) for x in self.inputs] + [f"{k}={shown(v)}" for k, v in self.options.items()]
        return f"{self.result} = {self.function.__name__}({', '.join(arguments)})"


@dataclass
class Program:
    """Instructions from inputs to outputs; `program(*inputs)` runs them on arrays of the same shapes and dtypes.

    Attributes:
        inputs: shape and dtype of each input.
        places: their Refs, in the same order.
        instructions: in order of execution.
        outputs: the structure that the traced function returned, with a Ref for each value.
        types: shape and dtype of every value, by the index of its Ref.
        kernels: what is recorded instead of a call of a kernel, by the kernel: plain NumPy calls.
        part: which part of a training step is being recorded.
    """

    inputs: list[tuple[tuple[int, ...], np.dtype[Any]]] = field(default_factory=list)
    places: list[Ref] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    outputs: Any = None
    types: list[tuple[tuple[int, ...], np.dtype[Any]]] = field(default_factory=list)
    kernels: Mapping[Callable[..., Any], Callable[..., Any]] = field(default_factory=dict)
    part: str = ""

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.types)

    def new_ref(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Ref:
        """A place for one more value."""
        self.types.append((shape, dtype))
        return Ref(self.size - 1)

    def __call__(self, *inputs: Any) -> Any:
        """Run the program.

        Raises:
            ShapeError: the inputs are not of the shapes and dtypes that the program was traced with.
        """
        arrays = [np.asarray(x) for x in inputs]
        seen = [(x.shape, x.dtype) for x in arrays]
        if seen != self.inputs:
            raise ShapeError(f"this program was traced for inputs {described(self.inputs)}, not {described(seen)}")
        values: list[Any] = [None] * self.size
        for ref, array in zip(self.places, arrays, strict=True):
            values[ref.index] = array
        for step in self.instructions:
            options = {name: resolved(x, values) for name, x in step.options.items()} if step.options else {}
            values[step.result.index] = step.function(*(resolved(x, values) for x in step.inputs), **options)
        return resolved(self.outputs, values)

    def __str__(self) -> str:
        lines = [f"{ref}: input {shape} {dtype}" for ref, (shape, dtype) in zip(self.places, self.inputs, strict=True)]
        return "\n".join([*lines, *map(str, self.instructions), f"return {shown(self.outputs)}"])


def mapped(x: Any, change: Callable[[Any], Any]) -> Any:
    """A structure of tuples, lists, dicts and slices with its leaves changed."""
    if isinstance(x, tuple | list):
        return type(x)([mapped(item, change) for item in x])
    if isinstance(x, dict):
        return {key: mapped(item, change) for key, item in x.items()}
    if isinstance(x, slice):
        return slice(mapped(x.start, change), mapped(x.stop, change), mapped(x.step, change))
    return change(x)


def leaves(x: Any) -> list[Any]:
    """The leaves of a structure of tuples, lists, dicts and slices, in order."""
    found: list[Any] = []
    mapped(x, found.append)
    return found


def resolved(x: Any, values: Sequence[Any]) -> Any:
    """A structure with its Refs replaced by values."""
    return mapped(x, lambda leaf: values[leaf.index] if type(leaf) is Ref else leaf)


def shown(x: Any) -> str:
    """A structure as a listing shows it: constant arrays by their shape."""
    return repr(mapped(x, lambda leaf: Constant(leaf) if isinstance(leaf, np.ndarray) else leaf))


class Constant:
    """A constant array in a listing."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __repr__(self) -> str:
        return repr(self.array.item()) if self.array.ndim == 0 else f"<constant {self.array.shape} {self.array.dtype}>"


def described(inputs: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]) -> str:
    """Shapes and dtypes as a message shows them."""
    return ", ".join(f"{shape} {dtype}" for shape, dtype in inputs) or "none"
