"""The optimizer that a command trains with, and the loss that it makes smaller."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np

from tinygrad_mlp import nn, ops, optim
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.cli.tasks import add_loss_options
from tinygrad_mlp.cli.values import number, one_of, whole
from tinygrad_mlp.training import Loss, Scheduled

RATES = {"sgd": 0.03, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001, "adagrad": 0.03}
"""The optimizers, and the learning rates that they work well with on standardised columns."""

DECAYS = {"adam": 0.02}
"""The weight decay of an optimizer, where it is not 0: with it, small tables are not learnt by heart."""

OPTIMIZER_CLASSES: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adagrad": optim.AdaGrad,
}

NUMBER_LOSSES: dict[str, Loss] = {
    "meanSquaredError": ops.mean_squared_error,
    "meanAbsoluteError": ops.mean_absolute_error,
    "huber": ops.huber,
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
    """`--loss`, `--metrics`, `--optimizer`, and what belongs to them: rates, schedules, clipping, class weights."""
    group = parser.add_argument_group("optimizer")
    add_loss_options(group)
    names = ", ".join(RATES)
    found = "adam; sgd where --learning-rate, --momentum or --nesterov is given and this is not"
    group.add_argument("--optimizer", type=one_of(RATES), metavar="NAME", help=f"{names} ({found})")
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
    decays = ", ".join(f"{decay:g} for {name}" for name, decay in DECAYS.items())
    help_ = f"pull weights towards 0 ({decays}, else 0)"
    group.add_argument("--weight-decay", type=number(), metavar="X", help=help_)


def settle_optimizer(arguments: argparse.Namespace) -> None:
    """Fill in the optimizer and its numbers, and refuse options of another one with `UsageError`."""
    if arguments.optimizer is None:
        of_sgd = arguments.learning_rate is not None or arguments.momentum is not None or arguments.nesterov
        arguments.optimizer = "sgd" if of_sgd else "adam"
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
    if arguments.weight_decay is None:
        arguments.weight_decay = DECAYS.get(arguments.optimizer, 0.0)


def in_words(arguments: argparse.Namespace) -> str:
    """`adam, learning rate 0.001, weight decay 0.01`."""
    parts = [arguments.optimizer, f"learning rate {arguments.learning_rate:g}"]
    parts += [f"momentum {arguments.momentum:g}"] * bool(arguments.momentum)
    parts += [f"weight decay {arguments.weight_decay:g}"] * bool(arguments.weight_decay)
    return ", ".join(parts)


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
    """The loss of the settled arguments; the cross-entropy with the weights that training labels (N,) ask for."""
    if arguments.loss in NUMBER_LOSSES:
        return NUMBER_LOSSES[arguments.loss]
    if arguments.class_weights is None:
        return ops.softmax_cross_entropy
    weights = len(labels) / (classes * np.bincount(labels, minlength=classes))
    return partial(ops.softmax_cross_entropy, class_weights=weights)
