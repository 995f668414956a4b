"""The task of a command: to tell classes apart, or to come close to numbers; and the options that fit it."""

from __future__ import annotations

import argparse

from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.cli.values import one_of
from tinygrad_mlp.data import Table
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.tasks import TASKS, FoundTask, Task, find_task
from tinygrad_mlp.training.measures import MEASURES, OF_NUMBERS

LOSSES: dict[str, Task] = {
    "categoricalCrossentropy": "classification",
    "binaryCrossentropy": "classification",
    "meanSquaredError": "regression",
    "meanAbsoluteError": "regression",
    "huber": "regression",
}
"""The losses and what they are for. Both cross-entropies are the softmax's: with two classes they are the same."""

SHORT_LOSSES = {"mse": "meanSquaredError", "mae": "meanAbsoluteError"}
DEFAULT_LOSSES: dict[Task, str] = {"classification": "categoricalCrossentropy", "regression": "meanSquaredError"}

OTHERWISE: dict[Task, str] = {
    "classification": "--task regression if they are amounts",
    "regression": "--task classification if each of them is a class",
}
"""What to say if numbers mean something else than what was found."""


def add_task_option(group: argparse._ArgumentGroup) -> None:
    """`--task`."""
    group.add_argument(
        "--task",
        type=one_of(TASKS),
        metavar="NAME",
        help="classification, or regression: to predict numbers (found: text, and whole numbers of few different "
        "values, are classes)",
    )


def add_loss_options(group: argparse._ArgumentGroup) -> None:
    """`--loss` and `--metrics`."""
    group.add_argument(
        "--loss",
        type=one_of(LOSSES, SHORT_LOSSES),
        metavar="NAME",
        help="of classes categoricalCrossentropy, or with two of them binaryCrossentropy, which is then the same; "
        "of numbers meanSquaredError (mse), meanAbsoluteError (mae) or huber",
    )
    group.add_argument(
        "--metrics",
        nargs="+",
        type=one_of(MEASURES),
        metavar="NAME",
        help=f"what to measure beside the loss: {', '.join(MEASURES)} (accuracy; of numbers {' '.join(OF_NUMBERS)})",
    )


def asked_task(arguments: argparse.Namespace) -> FoundTask | None:
    """The task that `--task` or `--loss` asks for, if one does. Raises `UsageError` if they contradict each other."""
    of_loss = LOSSES[arguments.loss] if arguments.loss else None
    if arguments.task and of_loss not in (None, arguments.task):
        raise UsageError(f"--loss {arguments.loss} is for {of_loss}, not for --task {arguments.task}")
    if arguments.task:
        return FoundTask(arguments.task, "as --task says")
    return FoundTask(of_loss, f"as --loss {arguments.loss} says") if of_loss else None


def task_of(text: CsvText, column: int, asked: FoundTask | None) -> FoundTask:
    """The task that is asked for, else the one that the label column sets."""
    if asked:
        return asked
    task, held, certain = find_task(text, column)
    otherwise = "" if certain else f" ({OTHERWISE[task]})"
    return FoundTask(task, f"label {text.names[column]} holds {held}{otherwise}")


def check_options(arguments: argparse.Namespace, task: Task, classes: int | None = None) -> None:
    """Refuse with `UsageError` options of the other task, or for another number of classes if that is known."""
    if task == "regression" and arguments.class_weights:
        raise UsageError("--class-weights is for classification, the task is regression")
    if arguments.loss == "binaryCrossentropy" and classes not in (None, 2):
        instead = DEFAULT_LOSSES["classification"]
        raise UsageError(f"--loss binaryCrossentropy is for 2 classes, the data have {classes}: use {instead}")
    for name in arguments.metrics or ():
        measure = MEASURES[name]
        if arguments.metrics.count(name) > 1:
            raise UsageError(f"--metrics: {name} is asked for twice")
        of = "regression" if measure.kind == "numbers" else "classification"
        if of != task:
            fitting = [known.name for known in MEASURES.values() if (known.kind == "numbers") == (task == "regression")]
            raise UsageError(f"--metrics {name} is for {of}, the task is {task}: that has {', '.join(fitting)}")
        if measure.binary and classes not in (None, 2):
            raise UsageError(f"--metrics {name} is for 2 classes, the data have {classes}")


def settle_task(arguments: argparse.Namespace, task: Task, table: Table) -> None:
    """Fill in the task and the loss, once the table is known, and refuse options that do not fit them."""
    arguments.task = task
    arguments.loss = arguments.loss or DEFAULT_LOSSES[task]
    check_options(arguments, task, len(table.classes))
