"""Answer what a corrector asks about a saved model: feed-forward, loss, backpropagation, gradient descent, training.

Each answer is worked out with the model's own numbers: one row through the network, the gradient of one weight by hand
beside the engine's and a finite difference, one step of gradient descent.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tinygrad_mlp.cli.console import fields, styled
from tinygrad_mlp.cli.labelled import labelled_rows
from tinygrad_mlp.cli.optimizer import RATES
from tinygrad_mlp.cli.parser import PROGRAM, UsageError, first_of
from tinygrad_mlp.cli.paths import check_inputs, check_outputs
from tinygrad_mlp.cli.predict import finite_logits, load, read_for
from tinygrad_mlp.cli.tables import add_column_options, counted, summary
from tinygrad_mlp.cli.values import number, whole
from tinygrad_mlp.data import Table
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.views.defence import SUFFIXES, Defence, defend

NOTE = (
    "`{}` wrote this page. With your own model and table it has your own numbers: the file that `tinygrad-mlp train` "
    "saved, and a CSV file that it can read. Without `--output` the answers are printed; `--row N` follows another "
    "row, and `--question N` prints one answer alone."
)
"""What stands at the beginning of a written page."""
SUMMARY = "answer a corrector's questions with a model's own numbers"
USAGE = "MODEL DATA.csv [options]"
EXAMPLES = """examples:
  tinygrad-mlp defend model.safetensors data_train.csv
  tinygrad-mlp defend model.safetensors data_train.csv --output defence.html
  tinygrad-mlp defend model.safetensors data.csv --row 17 --question 9"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `defend`."""
    files = "the model and a table with its labels, or as options:"
    parser.add_argument("files", nargs="*", type=Path, metavar="MODEL DATA.csv", help=files)
    parser.add_argument("--model", type=Path, metavar="MODEL", help="the model, as train saved it")
    parser.add_argument("--dataset", type=Path, metavar="DATA.csv", help="the table")
    what = parser.add_argument_group("what to work out")
    rows = "how many rows, taken evenly from the table, are the batch (32)"
    what.add_argument("--rows", type=whole(1), default=32, metavar="N", help=rows)
    row = "the row to follow through the network (the one with the largest loss in the batch)"
    what.add_argument("--row", type=whole(1), metavar="N", help=row)
    rate = f"of the steps that are made (the model's own if it was trained with sgd, else {RATES['sgd']:g})"
    what.add_argument("--learning-rate", type=number(above=True), metavar="X", help=rate)
    question = "answer this one alone"
    what.add_argument("--question", type=whole(1), metavar="N", help=question)
    output = parser.add_argument_group("output")
    file = "write the answers to a page (.html), as Markdown (.md) or as text (.txt), instead of printing them"
    output.add_argument("--output", type=Path, metavar="FILE", help=file)
    add_column_options(parser, task=False)


def run(arguments: argparse.Namespace) -> int:
    """Work out the answers, and print or write them. The exit code is 1 if something in them does not agree."""
    files = first_of(arguments.files, {"MODEL": arguments.model, "DATA.csv": arguments.dataset})
    check_inputs(files.values())
    if arguments.output is not None and arguments.output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--output {arguments.output}: a file that ends in .html, .md or .txt is expected")
    check_outputs({"--output": arguments.output}, files.values())
    if arguments.output is not None and arguments.question is not None:
        raise UsageError("--question does not go with --output, which writes all answers")
    trained = load(files["MODEL"])
    table = read_for(trained, files["DATA.csv"], arguments)
    if arguments.row is not None and arguments.row > len(table):
        raise UsageError(f"--row {arguments.row}: {table.source} has {counted(len(table), 'row')}")
    finite_logits(trained, table)
    answers = answered(trained, table, arguments, files)
    if arguments.question is not None:
        count = len(answers.questions)
        if arguments.question > count:
            raise UsageError(f"--question {arguments.question}: there are {count} questions")
        print(answers.text(only=arguments.question))
    elif arguments.output is None:
        print(f"{summary(table)}\n\n{answers}")
    else:
        print(f"{summary(table)}\n\n{fields({'answers': styled(answers.save(arguments.output), 'cyan')})}")
    return 0 if answers.holds else 1


def answered(trained: TrainedModel, table: Table, arguments: argparse.Namespace, files: dict[str, Path]) -> Defence:
    """The answers for a model and a table."""
    X, y, loss = labelled_rows(trained, table, len(table))
    own = trained.facts.get("learning_rate") if trained.facts.get("optimizer") == "sgd" else None
    rate = arguments.learning_rate or (own if isinstance(own, float) and own > 0 else RATES["sgd"])
    words = [PROGRAM, "defend", *map(str, files.values()), "--output", str(arguments.output)]
    command = shlex.join(words)
    return defend(
        trained.model,
        X,
        y,
        loss,
        rows=arguments.rows,
        row=arguments.row,
        learning_rate=rate,
        scaler=trained.scaler,
        target_scaler=trained.target_scaler,
        classes=trained.classes,
        feature_names=trained.feature_names,
        label_name=trained.label_name,
        facts=trained.facts,
        note="" if arguments.output is None else NOTE.format(command.replace("`", "")),
    )
