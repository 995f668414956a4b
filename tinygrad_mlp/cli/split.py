"""Deal the rows of a CSV file into two: one to train with, one to validate with.

The rows are shuffled, and each class is shared out in the same ratio; numbers to predict are dealt as they come. Rows
are copied as they stand.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from tinygrad_mlp.cli.console import styled
from tinygrad_mlp.cli.parser import UsageError, first_of
from tinygrad_mlp.cli.paths import check_inputs
from tinygrad_mlp.cli.tables import add_column_options, in_words, spread
from tinygrad_mlp.cli.tasks import task_of
from tinygrad_mlp.cli.values import number, whole
from tinygrad_mlp.data import split_csv
from tinygrad_mlp.data.class_labels import class_name, sort_classes
from tinygrad_mlp.data.column_roles import find_label
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.number_cells import parse_numbers
from tinygrad_mlp.data.tasks import FoundTask

SUMMARY = "deal the rows of a CSV file into a training and a validation file"
USAGE = "DATA.csv [options]"
EXAMPLES = "example:\n  tinygrad-mlp split data.csv --ratio 0.8 --seed 1"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `split`."""
    parser.add_argument("files", nargs="*", type=Path, metavar="DATA.csv", help="the table, also as --dataset DATA.csv")
    parser.add_argument("--dataset", type=Path, metavar="DATA.csv", help=argparse.SUPPRESS)
    ratio = number(0, 1, above=True)
    parser.add_argument("--ratio", type=ratio, default=0.8, metavar="X", help="share of training rows (0.8)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the same seed deals the same rows (0)")
    parser.add_argument("--out-dir", type=Path, metavar="FOLDER", help="where to write them (beside the table)")
    add_column_options(parser, ids=False)


def run(arguments: argparse.Namespace) -> int:
    """Write DATA_train.csv and DATA_valid.csv, and say what is in them."""
    source = first_of(arguments.files, {"DATA.csv": arguments.dataset})["DATA.csv"]
    check_inputs([source])
    folder = arguments.out_dir or source.parent
    if arguments.out_dir and not folder.is_dir():
        raise UsageError(f"--out-dir {folder}: there is no such folder")
    train, valid = (folder / f"{source.stem}_{part}{source.suffix or '.csv'}" for part in ("train", "valid"))
    text = CsvText.load(source, arguments.header)
    column = find_label(text, arguments.label, range(len(text.names)))
    assert column is not None  # a label is required
    task, why, _ = task_of(text, column, FoundTask(arguments.task, "as --task says") if arguments.task else None)
    files = split_csv(
        source,
        ratio=arguments.ratio,
        seed=arguments.seed,
        label=arguments.label,
        header=arguments.header,
        train_path=train,
        valid_path=valid,
        task=task,
    )
    width = max(len(str(path)) for path in (train, valid))
    digits = len(str(max(files.train_rows, files.valid_rows)))
    for path, rows in ((train, files.train_rows), (valid, files.valid_rows)):
        word = "row" if rows == 1 else "rows"
        part = CsvText.load(path, text.has_header)
        held = in_words(label_counts(part, column)) if task == "classification" else numbers_in_words(part, column)
        print(f"{styled(str(path).ljust(width), 'cyan')}  {rows:>{digits}} {word}: {held}")
    if task == "regression":
        print(f"task: regression, {why}")
    return 0


def label_counts(text: CsvText, column: int) -> dict[str, int]:
    """How many rows each class has, in the order of the classes."""
    counts = Counter(class_name(cell) for rows in text.blocks() for cell in rows.column(column))
    return {name: counts[name] for name in sort_classes(counts)}


def numbers_in_words(text: CsvText, column: int) -> str:
    """`25 to 346, mean 152.1`; or a word if not all of them are numbers, which is for `train` to say with its place."""
    numbers = parse_numbers([row[column] for rows in text.blocks() for row in rows.cells])
    return "not all of them with a number" if numbers is None else spread(numbers)
