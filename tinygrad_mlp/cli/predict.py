"""Predict the classes of a CSV file with a saved model; if the file has labels, score the predictions.

Of two classes, precision, recall and F1 are of the positive one: the second in sorted order, so M of B and M, 1 of 0
and 1, yes of no and yes; or the one that --positive names.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.cli.console import styled
from tinygrad_mlp.cli.parser import UsageError, first_of, instead
from tinygrad_mlp.cli.paths import check_inputs, check_outputs
from tinygrad_mlp.cli.scores import Scores
from tinygrad_mlp.cli.tables import add_column_options, in_words, summary
from tinygrad_mlp.cli.values import number
from tinygrad_mlp.data import Table, read_csv
from tinygrad_mlp.errors import ModelFileError, NonFiniteError
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training.rows import dtype_of

SUMMARY = "predict the classes of a CSV file with a saved model"
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
    rows = "write a line for each row: class, probabilities"
    output.add_argument("--output", type=Path, metavar="FILE.csv", help=rows)
    output.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    add_column_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict; print the scores, or the predictions of a table without labels."""
    files = first_of(arguments.files, {"MODEL": arguments.model, "DATA.csv": arguments.dataset})
    check_inputs(files.values())
    check_outputs({"--output": arguments.output}, files.values())
    trained = load(files["MODEL"])
    positive = positive_class(trained.classes, arguments.positive)
    if arguments.threshold is not None and len(trained.classes) != 2:
        raise UsageError(f"--threshold is for models of two classes, this one has {len(trained.classes)}")
    table = read_for(trained, files["DATA.csv"], arguments)
    logits = finite_logits(trained, table)
    probabilities = np.asarray(ops.softmax(logits.astype(np.float64)))
    indices = decided(probabilities, positive, arguments.threshold)
    predictions = Predictions(trained.classes, table, probabilities, indices)
    scores = None if table.labels is None else Scores.of(logits, table.labels, trained.classes, positive, indices)
    if arguments.output:
        atomic_write(arguments.output, predictions.csv().encode())
    if arguments.json:
        result = {"model": str(files["MODEL"]), "dataset": str(files["DATA.csv"]), **predictions.summary()}
        result |= {"predictions": list(predictions.records())} if scores is None else scores.json()
        print(json.dumps(result, ensure_ascii=False, allow_nan=False))
        return 0
    print(f"{summary(table)}\npredicted: {in_words(predictions.counts())}\n")
    if scores:
        print(scores.text())
    elif not arguments.output:
        print(predictions.text())
    if arguments.output:
        print(f"{'' if scores is None else chr(10)}predictions  {styled(arguments.output, 'cyan')}")
    return 0


def load(path: Path) -> TrainedModel:
    """A model that knows the names of its classes. Raises `ModelFileError` for any other file."""
    trained = TrainedModel.load(path)
    if not trained.classes:
        raise ModelFileError(f"{path}: the model has no names of classes, expected a model that `train` saved")
    return trained


def positive_class(classes: tuple[str, ...], asked: str | None) -> int:
    """The index of the positive one of two classes. Raises `UsageError` for a name that is not one of the two."""
    if asked is None:
        return 1
    if len(classes) != 2:
        raise UsageError(f"--positive is for models of two classes, this one has {len(classes)}: all are scored")
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


class Predictions:
    """What a model says of the rows of a table.

    Attributes:
        classes: the names of the C classes.
        table: the N rows.
        probabilities: (N, C).
        indices: (N,) the classes that they are given.
        predicted: their N names.
    """

    def __init__(self, classes: tuple[str, ...], table: Table, probabilities: np.ndarray, indices: np.ndarray) -> None:
        self.classes, self.table, self.probabilities, self.indices = classes, table, probabilities, indices
        self.predicted = [classes[i] for i in indices]

    def counts(self) -> dict[str, int]:
        """How many rows were given each class."""
        counts = np.bincount(self.indices, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, counts, strict=True))

    def summary(self) -> dict[str, Any]:
        """How many rows there are, and how many were given each class."""
        return {"rows": len(self.table), "classes": self.classes, "predicted": self.counts()}

    def names(self) -> list[str]:
        """What identifies a row: the column of ids if there is one; else its number, from 1."""
        return list(self.table.ids or map(str, range(1, len(self.table) + 1)))

    def heads(self) -> list[str]:
        """The names of the columns in which the predictions are shown."""
        return ["id" if self.table.ids else "row", "predicted", *(f"P({name})" for name in self.classes)]

    def records(self) -> Iterator[dict[str, Any]]:
        """A dictionary for each row."""
        rows = zip(self.names(), self.predicted, self.probabilities.tolist(), strict=True)
        for i, (name, predicted, row) in enumerate(rows, 1):
            ids = {"id": name} if self.table.ids else {}
            probabilities = dict(zip(self.classes, row, strict=True))
            yield {"row": i, **ids, "predicted": predicted, "probabilities": probabilities}

    def csv(self) -> str:
        """A line for each row: its id or number, its class, and the probability of each class."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.heads())
        rows = zip(self.names(), self.predicted, self.probabilities.tolist(), strict=True)
        writer.writerows([name, predicted, *map(repr, row)] for name, predicted, row in rows)
        return text.getvalue()

    def text(self) -> str:
        """The same as columns, with four decimals."""
        heads, names = self.heads(), self.names()
        rows = zip(names, self.predicted, self.probabilities, strict=True)
        widths = [max(len(heads[0]), *map(len, names)), max(len(heads[1]), *map(len, self.predicted))]
        widths += [max(len("0.0000"), len(head)) for head in heads[2:]]

        def line(first: str, *others: str) -> str:
            cells = [other.ljust(width) for other, width in zip(others, widths[1:], strict=True)]
            return "  ".join([first.rjust(widths[0]), *cells]).rstrip()

        body = [line(name, predicted, *(f"{p:.4f}" for p in row)) for name, predicted, row in rows]
        return "\n".join([styled(line(*heads), "dim"), *body])
