"""The layers that a network can be asked for: their names, their options, and how they are made.

A layer is described as a network file has it, `{"type": "Dense", "units": 24}`. How wide its input is follows from the
layers before it, and the last layer gives the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.cli.values import number, one_of, whole
from tinygrad_mlp.nn.initialisers import BY_NAME

WIDEST = 10_000

width = whole(1, WIDEST)
initialiser = one_of(BY_NAME)

Reader = Callable[[str], Any]
Make = Callable[..., nn.Module]


@dataclass(frozen=True)
class Kind:
    """A kind of layer.

    Attributes:
        make: from the width of its input, a generator, and its options, to the layer.
        options: readers of the options by name, from text; `bool` for true and false.
        parameters: from the width and the options to the count of its parameters, running means included.
        activation: whether it can stand for `--activation`.
    """

    make: Make
    options: Mapping[str, Reader] = field(default_factory=dict)
    parameters: Callable[[int, Mapping[str, Any]], int] = lambda n, options: 0
    activation: bool = False


def activation(layer: Callable[..., nn.Module], **options: Reader) -> Kind:
    """An activation without parameters, whose options have the names that they have in `nn`."""
    return Kind(lambda n, rng, **given: layer(**given), options, activation=True)


KINDS: dict[str, Kind] = {
    "Dense": Kind(
        lambda n, rng, units, **given: nn.Dense(n, units, rng=rng, **given),
        {"units": width, "weights": initialiser, "bias": bool},
        lambda n, options: (n + bool(options.get("bias", True))) * options["units"],
    ),
    "ReLU": activation(nn.ReLU),
    "LeakyReLU": activation(nn.LeakyReLU, alpha=number()),
    "PReLU": Kind(
        lambda n, rng, per_feature=False, **given: nn.PReLU(n if per_feature else 1, **given),
        {"alpha": number(), "per_feature": bool},
        lambda n, options: n if options.get("per_feature") else 1,
        activation=True,
    ),
    "ELU": activation(nn.ELU, alpha=number()),
    "GELU": activation(nn.GELU, approximate=one_of(["none", "tanh"])),
    "SiLU": activation(nn.SiLU),
    "Softplus": activation(nn.Softplus),
    "Sigmoid": activation(nn.Sigmoid),
    "Tanh": activation(nn.Tanh),
    "Dropout": Kind(lambda n, rng, rate=0.5: nn.Dropout(rate, rng=rng), {"rate": number(0, 1)}),
    "BatchNorm": Kind(
        lambda n, rng, **given: nn.BatchNorm(n, **given),
        {"epsilon": number(above=True), "momentum": number(0, 1, above=True)},
        lambda n, options: 4 * n,
    ),
    "LayerNorm": Kind(
        lambda n, rng, **given: nn.LayerNorm(n, **given),
        {"epsilon": number(above=True)},
        lambda n, options: 2 * n,
    ),
}
"""The layers of `nn` that make sense on the rows of a table, by name."""

SQUASHING = ("Sigmoid", "Tanh")
"""Activations before which weights start smaller: with `xavier`, not `he`."""


@dataclass(frozen=True)
class LayerSpec:
    """A layer that is asked for.

    Attributes:
        kind: its name in `KINDS`.
        options: those that were given, read.
        place: where it was asked for, as in `net.json: layers[2]`; empty for options of the command.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""

    def json(self) -> dict[str, Any]:
        """The layer as a network file has it."""
        return {"type": self.kind, **self.options}


def hidden_layers(sizes: Sequence[int], activation: str, weights: str, dropout: float) -> list[LayerSpec]:
    """Dense layers with an activation after each, and dropout after that unless it is 0."""
    block = [LayerSpec(activation), *([LayerSpec("Dropout", {"rate": dropout})] if dropout else [])]
    return [spec for size in sizes for spec in (LayerSpec("Dense", {"units": size, "weights": weights}), *block)]


def with_output(specs: Sequence[LayerSpec], n_out: int, weights: str | None = None) -> list[LayerSpec]:
    """The layers with the dense one at the end that gives `n_out` logits, and with weights for all dense ones.

    Args:
        specs: the layers. A dense one at the end is the output layer; its `units` may be left out.
        n_out: how many outputs the data need.
        weights: the initialiser of dense layers that name none; if None, xavier next to sigmoid and tanh, else he.

    Raises:
        UsageError: the output layer that is there has other units.
    """
    *before, last = specs if specs and specs[-1].kind == "Dense" else [*specs, LayerSpec("Dense")]
    units = last.options.get("units", n_out)
    if units != n_out:
        problem = f"units: {units} given, but it is the last layer, and these data need {n_out} outputs"
        raise UsageError(f"{last.place}.{problem}; {n_out} is expected, or an activation behind it")
    complete = [*before, LayerSpec("Dense", {"units": n_out, **last.options}, last.place)]
    return [
        LayerSpec(spec.kind, {"weights": weights or suited_weights(complete, at), **spec.options}, spec.place)
        if spec.kind == "Dense"
        else spec
        for at, spec in enumerate(complete)
    ]


def suited_weights(specs: Sequence[LayerSpec], at: int) -> str:
    """The initialiser for a dense layer: it follows the next activation, for the output layer the last one."""
    around = [*specs[at:], *reversed(specs[:at])]
    nearest = next((spec.kind for spec in around if KINDS[spec.kind].activation), None)
    return "xavier" if nearest in SQUASHING else "he"


def widths(specs: Sequence[LayerSpec], n_in: int) -> Iterator[tuple[LayerSpec, int]]:
    """Each layer with the width of its input."""
    for spec in specs:
        yield spec, n_in
        n_in = spec.options.get("units", n_in)


def parameter_count(specs: Sequence[LayerSpec], n_in: int) -> int:
    """How many parameters the layers have on rows of `n_in` columns."""
    return sum(KINDS[spec.kind].parameters(n, spec.options) for spec, n in widths(specs, n_in))


def build_network(specs: Sequence[LayerSpec], n_in: int, rng: np.random.Generator) -> nn.Sequential:
    """The network for rows of `n_in` columns, its weights drawn from the generator."""
    return nn.Sequential(*[KINDS[spec.kind].make(n, rng, **spec.options) for spec, n in widths(specs, n_in)])
