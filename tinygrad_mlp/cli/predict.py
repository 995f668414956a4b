"""Predict the classes or numbers of a CSV file with a saved model; if the file has labels, score the predictions.

Of two classes, precision, recall and F1 are of the positive one: the second in sorted order, so M of B and M, 1 of 0
and 1, yes of no and yes; or the one that --positive names.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.cli.console import styled
from tinygrad_mlp.cli.parser import UsageError, first_of
from tinygrad_mlp.cli.paths import check_inputs, check_outputs
from tinygrad_mlp.cli.predictions import ClassPredictions, NumberPredictions, Predictions
from tinygrad_mlp.cli.scores import ClassScores, NumberScores
from tinygrad_mlp.cli.seen_rows import warn_of_seen_rows
from tinygrad_mlp.cli.tables import add_column_options, summary
from tinygrad_mlp.cli.values import number
from tinygrad_mlp.data import Table, read_csv
from tinygrad_mlp.errors import ModelFileError, NonFiniteError
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.spelling import instead
from tinygrad_mlp.training.rows import dtype_of

SUMMARY = "predict classes or numbers with a saved model, and score them"
USAGE = "MODEL DATA.csv [options]"
EXAMPLES = """examples:
  tinygrad-mlp predict model.safetensors data_valid.csv
  tinygrad-mlp predict model.safetensors new.csv --output predicted.csv"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `predict`."""
    files = "the model and the table, or as options:"
    parser.add_argument("files", nargs="*", type=Path, metavar="MODEL DATA.csv", help=files)
    parser.add_argument("--model", type=Path, metavar="MODEL", help="the model, as train saved it")
    parser.add_argument("--dataset", type=Path, metavar="DATA.csv", help="the table")
    parser.add_argument("--positive", metavar="CLASS", help="of two classes, the one to score (the second, sorted)")
    parser.add_argument(
        "--threshold",
        type=number(0, 1, above=True),
        metavar="X",
        help="of two classes: call a row positive from this probability on (the more probable class)",
    )
    output = parser.add_argument_group("output")
    rows = "write a line for each row: class, probabilities; or number"
    output.add_argument("--output", type=Path, metavar="FILE.csv", help=rows)
    output.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    add_column_options(parser, task=False)


def run(arguments: argparse.Namespace) -> int:
    """Predict; print the scores, or the predictions of a table without labels."""
    files = first_of(arguments.files, {"MODEL": arguments.model, "DATA.csv": arguments.dataset})
    check_inputs(files.values())
    check_outputs({"--output": arguments.output}, files.values())
    trained = load(files["MODEL"])
    check_options(trained, arguments)
    table = read_for(trained, files["DATA.csv"], arguments)
    predictions: Predictions
    scores: ClassScores | NumberScores | None
    if trained.classes:
        predictions, scores = classes_of(trained, table, arguments)
    else:
        predictions, scores = numbers_of(trained, table)
    if scores:
        warn_of_seen_rows(trained, table)
    if arguments.output:
        atomic_write(arguments.output, predictions.csv().encode())
    if arguments.json:
        result = {"model": str(files["MODEL"]), "dataset": str(files["DATA.csv"]), **predictions.summary()}
        result |= {"predictions": list(predictions.records())} if scores is None else scores.json()
        print(json.dumps(result, ensure_ascii=False, allow_nan=False))
        return 0
    print(f"{summary(table)}\npredicted: {predictions.in_words()}\n")
    if scores:
        print(scores.text())
    elif not arguments.output:
        print(predictions.text())
    if arguments.output:
        print(f"{'' if scores is None else chr(10)}predictions  {styled(arguments.output, 'cyan')}")
    return 0


def load(path: Path) -> TrainedModel:
    """A model that knows the names of its classes, or gives one number. Raises `ModelFileError` for any other file."""
    trained = TrainedModel.load(path)
    if not trained.classes and not trained.target_scaler:
        raise ModelFileError(f"{path}: the model has no names of classes, expected a model that `train` saved")
    if trained.target_scaler and len(trained.target_scaler.mean) != 1:
        count = len(trained.target_scaler.mean)
        raise ModelFileError(f"{path}: the model gives {count} numbers for a row, expected a model that `train` saved")
    return trained


def check_options(trained: TrainedModel, arguments: argparse.Namespace) -> None:
    """Refuse options of two classes for a model of others, or of numbers, with `UsageError`."""
    for option, given in (("--positive", arguments.positive), ("--threshold", arguments.threshold)):
        if given is None or len(trained.classes) == 2:
            continue
        if not trained.classes:
            raise UsageError(f"{option} is for models of two classes, this one predicts numbers ({trained.label_name})")
        end = ": all are scored" if option == "--positive" else ""
        raise UsageError(f"{option} is for models of two classes, this one has {len(trained.classes)}{end}")


def classes_of(
    trained: TrainedModel, table: Table, arguments: argparse.Namespace
) -> tuple[Predictions, ClassScores | None]:
    """The classes that a model gives rows, and their scores if the classes are known."""
    positive = positive_class(trained.classes, arguments.positive)
    logits = finite_logits(trained, table)
    probabilities = np.asarray(ops.softmax(logits.astype(np.float64)))
    indices = decided(probabilities, positive, arguments.threshold)
    predictions = ClassPredictions(trained.classes, table, probabilities, indices)
    if table.labels is None:
        return predictions, None
    return predictions, ClassScores.of(logits, table.labels, trained.classes, positive, indices)


def numbers_of(trained: TrainedModel, table: Table) -> tuple[Predictions, NumberScores | None]:
    """The numbers that a model gives rows, and their scores if the true numbers are known."""
    finite_logits(trained, table)
    numbers = trained.numbers(table.features)[:, 0]
    return NumberPredictions(table, numbers), None if table.targets is None else NumberScores.of(numbers, table.targets)


def positive_class(classes: tuple[str, ...], asked: str | None) -> int:
    """The index of the positive one of two classes. Raises `UsageError` for a name that is not one of the two."""
    if asked is None:
        return 1
    if asked not in classes:
        raise UsageError(f"--positive: the model has no class {asked!r}; {instead(asked, classes)}")
    return classes.index(asked)


def decided(probabilities: np.ndarray, positive: int, threshold: float | None) -> np.ndarray:
    """The classes (N,) that rows are given: the most probable ones, or as a threshold of the positive one says."""
    if threshold is None:
        return np.asarray(probabilities.argmax(axis=1))
    return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive)


def read_for(trained: TrainedModel, path: Path, arguments: argparse.Namespace) -> Table:
    """The table with the columns of a model; its label column may be absent, unless it was asked for."""
    left_out = trained.facts.get("ids")
    if not isinstance(left_out, list) or not all(isinstance(name, str) for name in left_out):
        left_out = None  # the file may come from anywhere
    return read_csv(
        path,
        arguments.label or trained.label_name,
        header=arguments.header,
        ids=arguments.ids or left_out,
        classes=trained.classes,
        columns=trained.feature_names or None,
        require_label=arguments.label is not None,
        task="classification" if trained.classes else "regression",
    )


def finite_logits(trained: TrainedModel, table: Table) -> np.ndarray:
    """The logits (N, C). Raises `NonFiniteError` for a row whose numbers are too large for the model."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = table.features if trained.scaler is None else trained.scaler.transform(table.features)
        check_rows(table, scaled.astype(dtype_of(trained.model)))
        logits = trained.logits(table.features)
        check_rows(table, logits)
    return logits


def check_rows(table: Table, values: np.ndarray) -> None:
    """Raise `NonFiniteError` for the first row of a table where values (N, …) are not finite."""
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise NonFiniteError(f"{table.source}: row {wrong[0] + 1} has numbers that are too large for the model")
