"""The optimizer that a command trains with, and the loss that it makes smaller."""

from __future__ import annotations

import argparse

from tinygrad_mlp import nn, optim
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.cli.values import number, one_of

LOSSES = ("categoricalCrossentropy", "binaryCrossentropy")
"""Two names for the cross-entropy of the softmax: with two classes they are the same."""

RATES = {"sgd": 0.03, "rmsprop": 0.001, "adam": 0.001}
"""The optimizers, and the learning rates that they work well with on standardised columns."""


def add_optimizer_options(parser: argparse.ArgumentParser) -> None:
    """`--loss`, `--optimizer`, `--learning-rate`, `--momentum`, `--nesterov`, `--weight-decay`."""
    group = parser.add_argument_group("optimizer")
    group.add_argument(
        "--loss",
        type=one_of(LOSSES),
        default=LOSSES[0],
        metavar="NAME",
        help=f"{LOSSES[0]}, or with two classes {LOSSES[1]}, which is then the same",
    )
    names = ", ".join(RATES)
    group.add_argument("--optimizer", type=one_of(RATES), default="sgd", metavar="NAME", help=f"{names} (sgd)")
    rates = ", ".join(f"{rate:g} for {name}" for name, rate in RATES.items())
    group.add_argument("--learning-rate", type=number(above=True), metavar="X", help=f"the size of a step ({rates})")
    group.add_argument("--momentum", type=number(0, 1), metavar="X", help="of sgd: how much of its speed it keeps (0)")
    group.add_argument("--nesterov", action="store_true", help="of sgd with momentum: look ahead")
    group.add_argument("--weight-decay", type=number(), default=0.0, metavar="X", help="pull weights towards 0 (0)")


def settle_optimizer(arguments: argparse.Namespace) -> None:
    """Fill in the learning rate, and refuse options of another optimizer with `UsageError`."""
    if arguments.optimizer != "sgd":
        for option, given in (("--momentum", arguments.momentum is not None), ("--nesterov", arguments.nesterov)):
            if given:
                raise UsageError(f"{option} belongs to --optimizer sgd, not to {arguments.optimizer}")
    if arguments.nesterov and not arguments.momentum:
        raise UsageError("--nesterov needs a --momentum above 0, such as 0.9")
    arguments.learning_rate = arguments.learning_rate or RATES[arguments.optimizer]
    arguments.momentum = arguments.momentum or 0.0


def check_loss(loss: str, classes: int) -> None:
    """Refuse the loss of two classes for more of them, with `UsageError`."""
    if loss == "binaryCrossentropy" and classes != 2:
        raise UsageError(f"--loss binaryCrossentropy is for 2 classes, the data have {classes}: use {LOSSES[0]}")


def build_optimizer(model: nn.Module, arguments: argparse.Namespace) -> optim.Optimizer:
    """The optimizer that the settled arguments ask for."""
    rate, decay = arguments.learning_rate, arguments.weight_decay
    if arguments.optimizer == "adam":
        return optim.Adam(model, rate, weight_decay=decay)
    if arguments.optimizer == "rmsprop":
        return optim.RMSprop(model, rate, weight_decay=decay)
    return optim.SGD(model, rate, arguments.momentum, arguments.nesterov, weight_decay=decay)
