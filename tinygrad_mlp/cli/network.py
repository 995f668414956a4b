"""The network that a command trains: its layers, from options or from a network file."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.cli.values import number, one_of, whole
from tinygrad_mlp.nn.initialisers import BY_NAME
from tinygrad_mlp.spelling import instead, plain

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}
HIDDEN = [24, 24]
WIDEST = 10_000

width = whole(1, WIDEST)
activation = one_of(ACTIVATIONS)
initialiser = one_of(BY_NAME)


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """`--layer`, `--activation`, `--weights-initializer`, `--dropout`, or `--network` with all of them in a file."""
    group = parser.add_argument_group("network")
    sizes = " ".join(map(str, HIDDEN))
    group.add_argument("--layer", nargs="+", type=width, metavar="N", help=f"sizes of the hidden layers ({sizes})")
    group.add_argument("--activation", type=activation, metavar="NAME", help=f"{', '.join(ACTIVATIONS)} (relu)")
    group.add_argument(
        "--weights-initializer",
        type=initialiser,
        metavar="NAME",
        help=f"{', '.join(BY_NAME)} (xavier for sigmoid and tanh, else he)",
    )
    group.add_argument(
        "--dropout", type=number(0, 1), metavar="X", help="the share of hidden values that is dropped in training (0)"
    )
    group.add_argument(
        "--network",
        type=Path,
        metavar="FILE.toml",
        help="a TOML file with lines such as: layer = [24, 24, 24] and activation = 'tanh'; options go before it",
    )


def settle_network(arguments: argparse.Namespace) -> None:
    """Fill in what was not given as an option: from the network file, else the defaults.

    Raises `UsageError` for a file that is not TOML, or has another key or value than the options.
    """
    given = {} if arguments.network is None else read_network(arguments.network)
    for name, value in given.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    arguments.layer = arguments.layer or HIDDEN
    arguments.activation = arguments.activation or "relu"
    arguments.dropout = arguments.dropout or 0.0
    default = "xavier" if arguments.activation in ("sigmoid", "tanh") else "he"
    arguments.weights_initializer = arguments.weights_initializer or default


def read_network(path: Path) -> dict[str, Any]:
    """What a network file says, by the names of the options."""
    readers: dict[str, Callable[[str], Any]] = {
        "layer": width,
        "activation": activation,
        "weights_initializer": initialiser,
        "dropout": number(0, 1),
    }
    known = {plain(name): name for name in readers}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        given = {}
        for key, value in found.items():
            name = known.get(plain(key))
            if name is None:
                raise UsageError(f"{key!r} is unknown; {instead(key, readers)}")
            if name == "layer" and (not isinstance(value, list) or not value):
                raise UsageError(f"layer is {value!r}, a list of sizes such as [24, 24] is expected")
            try:
                read = readers[name]
                given[name] = [read(str(size)) for size in value] if name == "layer" else read(str(value))
            except argparse.ArgumentTypeError as error:
                raise UsageError(f"{key}: {error}") from error
    except ValueError as error:  # UsageError, and the errors of TOML and UTF-8
        raise UsageError(f"{path}: {error}") from error
    return given


def build_network(
    n_in: int,
    hidden: Sequence[int],
    n_out: int,
    activation: str,
    initialiser: str,
    rng: np.random.Generator,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Dense layers with an activation after each but the last, which gives the logits of `n_out` classes."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Dense(n_in, size, weights=initialiser, rng=rng), ACTIVATIONS[activation]()]
        layers += [nn.Dropout(dropout, rng=rng)] * (dropout > 0)
        n_in = size
    return nn.Sequential(*layers, nn.Dense(n_in, n_out, weights=initialiser, rng=rng))
