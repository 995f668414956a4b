"""An architecture: which layers a network has, with their options, as JSON that a model file can hold.

Layers are rebuilt from the tables below and from nothing else: a file names what it wants, and never what to import
or to call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_mlp import nn, ops
from tinygrad_mlp.errors import ModelFileError, ShapeError

LAYERS: dict[str, type[nn.Module]] = {
    layer.__name__: layer
    for layer in (
        nn.BatchNorm,
        nn.Dense,
        nn.Dropout,
        nn.ELU,
        nn.Embedding,
        nn.Flatten,
        nn.GELU,
        nn.LayerNorm,
        nn.LeakyReLU,
        nn.PReLU,
        nn.ReLU,
        nn.SiLU,
        nn.Sigmoid,
        nn.Softmax,
        nn.Softplus,
        nn.Tanh,
    )
}
OPTIONS: dict[str, type] = {
    "alpha": float,
    "approximate": str,
    "axis": int,
    "bias": bool,
    "epsilon": float,
    "momentum": float,
    "n": int,
    "n_in": int,
    "n_out": int,
    "p": float,
    "size": int,
}
"""The type of each option, which is the same in all layers."""
LONGEST = 10_000
"""How many layers a row may have."""
SIZED = {
    "BatchNorm": ("gamma", ("n",)),
    "Dense": ("W", ("n_in", "n_out")),
    "Embedding": ("W", ("n", "size")),
    "LayerNorm": ("gamma", ("n",)),
    "PReLU": ("alpha", ("n",)),
}
"""Layers whose options say how large a parameter is: which one, and which options are its shape."""
UNDRAWN: dict[str, dict[str, Any]] = {"Dense": {"weights": "zeros"}, "Embedding": {"rng": 0}}
"""Arguments with which a layer takes nothing from the package's generator: its weights are replaced anyway."""
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    function.__name__: function
    for function in (
        ops.elu,
        ops.gelu,
        ops.leaky_relu,
        ops.log_softmax,
        ops.relu,
        ops.sigmoid,
        ops.silu,
        ops.softmax,
        ops.softplus,
        ops.tanh,
    )
}


def describe(layer: Any) -> dict[str, Any] | None:
    """A layer as JSON: `{"layer": "Dense", "n_in": 30, …}`, `{"function": "relu"}`; None if it is not in the tables."""
    if type(layer) is nn.Sequential:
        layers = [describe(inner) for inner in layer.layers]
        return None if None in layers else {"layer": "Sequential", "layers": layers}
    name = type(layer).__name__
    if LAYERS.get(name) is type(layer):
        return {"layer": name, **{option: getattr(layer, option) for option in layer.options}}
    return next(({"function": name} for name, function in FUNCTIONS.items() if layer is function), None)


def architecture(model: nn.Module) -> dict[str, Any] | None:
    """A network as JSON from which `build` makes one with the same parameters; None if that cannot be done.

    It cannot for layers that are not in the tables, for one layer in two places, whose weights would become two, and
    for parameters that were put into a layer by hand.
    """
    description, weights = describe(model), model.state_dict()
    if description is None:
        return None
    try:
        rebuilt = build(description, weights).state_dict()
    except ModelFileError:
        return None
    same = rebuilt.keys() == weights.keys() and all(rebuilt[name].shape == weights[name].shape for name in weights)
    return description if same else None


def widths(model: nn.Module) -> tuple[int | None, int | None]:
    """How many columns a network takes and gives; None where its layers do not say.

    Raises:
        ShapeError: a layer takes another number of columns than the one before it gives.
    """
    if describe(model) is None:
        return None, None
    n_in = nn.Sequential(model).input_shape()[-1]
    # Before a Flatten rows may have more axes, and the last of them is not all that a row has.
    certain = isinstance(n_in, int) and not any(isinstance(m, nn.Flatten) for m in model.named_modules().values())
    return n_in if certain else None, width_after(model, None, "")


def width_after(layer: Any, width: int | None, path: str) -> int | None:
    """The length of the last axis after a layer of the tables, given the one before it; None if it is not known."""
    match layer:
        case nn.Sequential():
            for i, inner in enumerate(layer.layers):
                width = width_after(inner, width, f"{path}.layers.{i}" if path else f"layers.{i}")
            return width
        case nn.Dense():
            takes, gives = layer.n_in, layer.n_out
        case nn.BatchNorm() | nn.LayerNorm():
            takes = gives = layer.n
        case nn.PReLU() if layer.n > 1:
            takes = gives = layer.n
        case nn.Embedding():
            return layer.size
        case nn.Flatten():
            return None
        case _:  # elementwise
            return width
    if width not in (None, takes):
        raise ShapeError(f"layer {path}: {layer!r} takes {takes} columns, but the layer before it gives {width}")
    return gives


def build(description: Any, weights: Mapping[str, np.ndarray], path: str = "") -> Any:
    """The layer that a description is of, with its weights.

    Args:
        description: what `describe` made, or what a file has in its place.
        weights: the arrays of the whole network by path. A layer is made only for weights that are there, so that it
            takes no more memory than they do.
        path: where the layer stands in the network.

    Raises:
        ModelFileError: an unknown layer or function, options that it does not have, or weights of another shape.
    """
    here = f"layer {path}" if path else "the network"
    if not isinstance(description, dict):
        raise ModelFileError(f"{here} is {description!r:.80}; an object with its name and options is expected")
    options = dict(description)
    if "function" in options:
        function = known(FUNCTIONS, options.pop("function"), f"{here}: function")
        check_options(here, options, ())
        return function
    name = options.pop("layer", None)
    if name == "Sequential":
        inner = options.get("layers")
        check_options(f"{here}: Sequential", options, ("layers",))
        if not isinstance(inner, list):
            raise ModelFileError(f"{here}: Sequential: layers is {inner!r:.80}; a list is expected")
        if len(inner) > LONGEST:
            raise ModelFileError(f"{here}: Sequential: {len(inner):,} layers; at most {LONGEST:,} are expected")
        prefix = f"{path}.layers" if path else "layers"
        return nn.Sequential(*[build(layer, weights, f"{prefix}.{i}") for i, layer in enumerate(inner)])
    layer = known(LAYERS, name, f"{here}: layer")
    check_options(f"{here}: {name}", options, layer.options)
    if name in SIZED:
        parameter, sizes = SIZED[name]
        expected = tuple(options[size] for size in sizes)
        found = weights.get(f"{path}.{parameter}" if path else parameter)
        if found is None or found.shape != expected:
            seen = "none" if found is None else found.shape
            raise ModelFileError(f"{here}: {name}: {parameter} {expected!s:.80} expected, {seen} found")
    try:
        return layer(**options, **UNDRAWN.get(name, {}))
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ModelFileError(f"{here}: {error}") from error


def known(table: Mapping[str, Any], name: Any, what: str) -> Any:
    """What a table has under a name."""
    if not isinstance(name, str) or name not in table:
        raise ModelFileError(f"{what} {name!r:.80} is unknown: one of {', '.join(table)} is expected")
    return table[name]


def check_options(what: str, options: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    """Refuse options that are not the expected ones, or of another type: layers would take "no" as a true `bias`."""
    if options.keys() != set(expected):
        seen = ", ".join(options) or "no options"
        raise ModelFileError(f"{what} with {seen:.200}; {', '.join(expected) or 'no options'} expected")
    for option, value in options.items():
        kind = OPTIONS.get(option)
        if kind and type(value) is not kind and not (kind is float and type(value) is int):
            raise ModelFileError(f"{what}: {option} is {value!r:.80}; {kind.__name__} is expected")
