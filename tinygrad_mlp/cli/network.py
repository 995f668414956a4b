"""The network that a command trains: its layers, from options or from a network file."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinygrad_mlp.cli.layers import (
    KINDS,
    SQUASHING,
    LayerSpec,
    hidden_layers,
    initialiser,
    parameter_count,
    width,
    with_output,
)
from tinygrad_mlp.cli.memory import check_memory
from tinygrad_mlp.cli.network_file import LAYERS, SHORT, read_network_file
from tinygrad_mlp.cli.parser import Parser, UsageError
from tinygrad_mlp.cli.paths import check_inputs
from tinygrad_mlp.cli.values import number, one_of
from tinygrad_mlp.nn.initialisers import BY_NAME
from tinygrad_mlp.spelling import plain

ACTIVATIONS = ("relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh")
KIND_OF = {name: next(kind for kind in KINDS if plain(kind) == plain(name)) for name in ACTIVATIONS}
"""The kind of layer that each name of `--activation` stands for."""
HIDDEN = [24, 24]

SETTINGS = (
    *("layer", "activation", "weights_initializer", "dropout"),
    *("task", "loss", "metrics", "optimizer", "learning_rate", "momentum", "nesterov", "schedule", "warm_up"),
    *("class_weights", "weight_decay", "clip_norm", "clip_value"),
    *("epochs", "batch_size", "patience", "min_delta", "seed"),
)
"""The options that a network file may give values for."""


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """`--layer`, `--activation`, `--weights-initializer`, `--dropout`, or `--network` with all of them in a file."""
    group = parser.add_argument_group("network")
    sizes = " ".join(map(str, HIDDEN))
    group.add_argument("--layer", nargs="+", type=width, metavar="N", help=f"sizes of the hidden layers ({sizes})")
    group.add_argument(
        "--activation", type=one_of(ACTIVATIONS), metavar="NAME", help=f"{', '.join(ACTIVATIONS)} (relu)"
    )
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
        metavar="FILE",
        help="a JSON or TOML file with the layers one by one, and with any other options that describe the network and "
        "its training; options that are typed count more",
    )
    parser.set_defaults(layers=None)


def apply_network_file(arguments: argparse.Namespace, parser: Parser) -> None:
    """Take from the network file what was not typed.

    Args:
        arguments: of the command.
        parser: one for its options; its defaults are changed.

    Raises:
        UsageError: the file cannot be used, or does not go with what was typed.
    """
    check_inputs([arguments.network])
    given = read_network_file(arguments.network, {name: parser.reader(name) or bool for name in SETTINGS})
    if LAYERS in given and arguments.layer is not None:
        del given[LAYERS]
    if LAYERS in given:
        for name in SHORT:
            if getattr(arguments, name) is not None:
                raise UsageError(f"--{name} does not go with the layers in {arguments.network}, which say it")
    vars(arguments).update(vars(parser.again(arguments.words, given)) | {"words": arguments.words})


def settle_network(arguments: argparse.Namespace) -> None:
    """Fill in what was left open: by options, the hidden layers; what `layers` describe is complete but the output."""
    if arguments.layers is not None:
        return
    arguments.layer = arguments.layer or HIDDEN
    arguments.activation = arguments.activation or "relu"
    arguments.dropout = arguments.dropout or 0.0
    default = "xavier" if KIND_OF[arguments.activation] in SQUASHING else "he"
    arguments.weights_initializer = arguments.weights_initializer or default


def layers_for(arguments: argparse.Namespace, n_in: int, n_out: int) -> list[LayerSpec]:
    """The layers that settled arguments ask for, on data with so many columns and outputs.

    Raises:
        UsageError: the output layer does not fit, or there is not enough memory to train them.
    """
    specs = arguments.layers
    if specs is None:
        kind = KIND_OF[arguments.activation]
        specs = hidden_layers(arguments.layer, kind, arguments.weights_initializer, arguments.dropout)
    specs = with_output(specs, n_out, arguments.weights_initializer)
    check_memory(parameter_count(specs, n_in), kept=bool(arguments.checkpoint or arguments.resume))
    return specs
