"""Steps by the layers that made them, frames within frames; and which of these are drawn as one box."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.nn import Parameter
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.steps import Leaf, Step


@dataclass(eq=False)
class Layer:
    """One call of a layer, with the steps of it and of the layers within it; the outermost one is the whole pass.

    Attributes:
        path: that of the layer, such as `encoder.layers.2`; "" for the whole pass.
        call: which of the layer's calls this is, from 1, in backward order.
        calls: how many there are: more than one if the layer is used several times.
        steps: those that belong to this layer, but to no layer within it.
        parameters: those (`nn.Parameter`) used within this call alone, but not within one of the inner layers alone.
        inner: the layers within it.
        is_closed: whether it is shown as one.
    """

    path: str
    call: int = 1
    calls: int = 1
    steps: list[Step] = field(default_factory=list)
    parameters: list[Leaf] = field(default_factory=list)
    inner: list[Layer] = field(default_factory=list)
    is_closed: bool = False

    @property
    def title(self) -> str:
        """The path, and which call it is if there are several."""
        return f"{self.path} (use {self.call} of {self.calls})" if self.calls > 1 else self.path

    def all_steps(self) -> list[Step]:
        """The steps within, also those of inner layers, in backward order."""
        return sorted((s for layer in self.walk() for s in layer.steps), key=lambda step: step.number)

    def all_parameters(self) -> list[Leaf]:
        """The parameters within, also those of inner layers."""
        return [p for layer in self.walk() for p in layer.parameters]

    def walk(self) -> Iterator[Layer]:
        """This layer and those within it, outer ones first."""
        stack = [self]
        while stack:
            layer = stack.pop()
            yield layer
            stack.extend(reversed(layer.inner))

    def boxes(self) -> int:
        """How many boxes its steps take."""
        return 1 if self.is_closed else len(self.steps) + sum(layer.boxes() for layer in self.inner)


def layers_of(seen: BackwardPass) -> Layer:
    """The layers of a backward pass. A layer begins anew where another one's steps stood between."""
    whole = Layer("")
    stack = [whole]
    homes: dict[Step, tuple[Layer, ...]] = {}
    by_path: dict[str, list[Layer]] = {}
    for step in seen.steps:
        paths = paths_to(step.layer)
        depth = 0
        while depth < len(paths) and depth + 1 < len(stack) and stack[depth + 1].path == paths[depth]:
            depth += 1
        del stack[depth + 1 :]
        for path in paths[depth:]:
            layer = Layer(path)
            by_path.setdefault(path, []).append(layer)
            stack[-1].inner.append(layer)
            stack.append(layer)
        stack[-1].steps.append(step)
        homes[step] = tuple(stack)
    for calls in by_path.values():
        for i, layer in enumerate(calls, 1):
            layer.call, layer.calls = i, len(calls)
    users: dict[Leaf, tuple[Layer, ...]] = {}
    for edge in seen.edges():
        if isinstance(edge.target, Leaf) and isinstance(edge.target.value, Parameter) and edge.target.is_parameter:
            home = homes[edge.step]
            users[edge.target] = common(users.get(edge.target, home), home)
    for leaf, home in users.items():
        home[-1].parameters.append(leaf)
    return whole


def common(a: tuple[Layer, ...], b: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers that both are within."""
    n = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x is not y), min(len(a), len(b)))
    return a[:n]


def paths_to(path: str) -> list[str]:
    """The paths of the layers around a layer, and its own: `encoder`, `encoder.layers.2`; no number stands alone."""
    ends = [match.end() for match in re.finditer(r"[^.]+(\.\d+)*", path)]
    return [path[:end] for end in ends]


def close(whole: Layer, depth: int | None, collapse: bool | Collection[str]) -> None:
    """Close layers, so that each is shown as one box.

    Args:
        whole: all layers.
        depth: how many levels of layers stay open; None for all of them.
        collapse: paths of layers that are closed; True closes all, False none.

    Raises:
        OptionError: a path that no layer has, or a depth below 0.
    """
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise OptionError(f"depth is {depth!r}; a whole number of at least 0 is expected, or None")
    wanted = {collapse} if isinstance(collapse, str) else set() if isinstance(collapse, bool) else set(collapse)
    known = {layer.path for layer in whole.walk()} - {""}
    for path in sorted(wanted - known):
        raise OptionError(f"collapse: there is no layer {path!r}; there are {', '.join(sorted(known)) or 'none'}")
    deepest = 0 if collapse is True else depth
    for layer in whole.walk():
        level = len(paths_to(layer.path))
        layer.is_closed = bool(layer.path) and (layer.path in wanted or (deepest is not None and level > deepest))


def close_to_fit(whole: Layer, most: int) -> bool:
    """Close inner layers, then outer ones, until there are few enough boxes; whether any had to be closed."""
    if whole.boxes() <= most:
        return False
    deepest = max(len(paths_to(layer.path)) for layer in whole.walk())
    for depth in range(deepest - 1, -1, -1):
        close(whole, depth, False)
        if whole.boxes() <= most:
            break
    return deepest > 0
