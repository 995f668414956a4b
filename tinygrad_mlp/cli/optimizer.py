"""The optimizer that a command trains with, and the loss that it makes smaller."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np

from tinygrad_mlp import nn, ops, optim
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.cli.values import number, one_of, whole
from tinygrad_mlp.training import Loss, Scheduled

LOSSES = ("categoricalCrossentropy", "binaryCrossentropy")
"""Two names for the cross-entropy of the softmax: with two classes they are the same."""

RATES = {"sgd": 0.03, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001, "adagrad": 0.03}
"""The optimizers, and the learning rates that they work well with on standardised columns."""

OPTIMIZER_CLASSES: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adagrad": optim.AdaGrad,
}

SCHEDULES: dict[str, Callable[[optim.Optimizer, int], optim.Schedule]] = {
    "constant": lambda optimizer, epochs: optim.Constant(optimizer),
    "step": lambda optimizer, epochs: optim.StepDecay(optimizer, every=max(1, epochs // 3), gamma=0.1),
    "exponential": lambda optimizer, epochs: optim.Exponential(optimizer, gamma=0.01 ** (1 / epochs)),
    "cosine": lambda optimizer, epochs: optim.Cosine(optimizer, over=epochs),
    "plateau": lambda optimizer, epochs: optim.ReduceOnPlateau(optimizer, gamma=0.5, patience=5),
}
"""The schedules by name, for a number of epochs."""


def add_optimizer_options(parser: argparse.ArgumentParser) -> None:
    """`--loss`, `--optimizer`, and what belongs to them: rates, schedules, clipping, weights of classes."""
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
    group.add_argument(
        "--schedule",
        type=one_of(SCHEDULES),
        default="constant",
        metavar="NAME",
        help="the learning rate over the epochs: constant; step, a tenth after each third; exponential, down to a "
        "hundredth; cosine, down to 0; plateau, half after 6 epochs without a better val_loss (constant)",
    )
    group.add_argument(
        "--warm-up", type=whole(0), default=0, metavar="N", help="climb to the learning rate over N epochs first (0)"
    )
    group.add_argument(
        "--class-weights",
        type=one_of(["balanced"]),
        metavar="balanced",
        help="let rare classes count as much as frequent ones: rows / (classes · rows of the class)",
    )
    group.add_argument(
        "--clip-norm", type=number(above=True), metavar="X", help="scale the gradients of a step to at most this norm"
    )
    group.add_argument(
        "--clip-value", type=number(above=True), metavar="X", help="hold each element of a gradient between -X and X"
    )
    group.add_argument("--weight-decay", type=number(), default=0.0, metavar="X", help="pull weights towards 0 (0)")


def settle_optimizer(arguments: argparse.Namespace) -> None:
    """Fill in the learning rate, and refuse options of another optimizer with `UsageError`."""
    if arguments.optimizer != "sgd":
        for option, given in (("--momentum", arguments.momentum is not None), ("--nesterov", arguments.nesterov)):
            if given:
                raise UsageError(f"{option} belongs to --optimizer sgd, not to {arguments.optimizer}")
    if arguments.nesterov and not arguments.momentum:
        raise UsageError("--nesterov needs a --momentum above 0, such as 0.9")
    if arguments.warm_up and arguments.schedule == "plateau":
        raise UsageError("--warm-up does not go with --schedule plateau, which waits for the loss instead")
    if arguments.warm_up >= arguments.epochs:
        raise UsageError(f"--warm-up {arguments.warm_up} leaves none of the {arguments.epochs} epochs")
    arguments.learning_rate = arguments.learning_rate or RATES[arguments.optimizer]
    arguments.momentum = arguments.momentum or 0.0


def check_loss(loss: str, classes: int) -> None:
    """Refuse the loss of two classes for more of them, with `UsageError`."""
    if loss == "binaryCrossentropy" and classes != 2:
        raise UsageError(f"--loss binaryCrossentropy is for 2 classes, the data have {classes}: use {LOSSES[0]}")


def build_optimizer(model: nn.Module, arguments: argparse.Namespace) -> optim.Optimizer:
    """The optimizer that the settled arguments ask for."""
    rate, decay = arguments.learning_rate, arguments.weight_decay
    if arguments.optimizer == "sgd":
        return optim.SGD(model, rate, arguments.momentum, arguments.nesterov, weight_decay=decay)
    return OPTIMIZER_CLASSES[arguments.optimizer](model, rate, weight_decay=decay)


def build_schedule(optimizer: optim.Optimizer, arguments: argparse.Namespace) -> Scheduled:
    """The schedule that the settled arguments ask for, as a callback."""
    schedule = SCHEDULES[arguments.schedule](optimizer, arguments.epochs - arguments.warm_up)
    if arguments.warm_up:
        schedule = optim.WarmUp(optimizer, arguments.warm_up, start=1 / (arguments.warm_up + 1), then=schedule)
    return Scheduled(schedule)


def build_loss(labels: np.ndarray, classes: int, arguments: argparse.Namespace) -> Loss:
    """The cross-entropy, with the weights of the classes that training labels (N,) ask for."""
    if arguments.class_weights is None:
        return ops.softmax_cross_entropy
    weights = len(labels) / (classes * np.bincount(labels, minlength=classes))
    return partial(ops.softmax_cross_entropy, class_weights=weights)
