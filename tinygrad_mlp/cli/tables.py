"""Tables on the command line: which file, and what its columns are."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from tinygrad_mlp.cli.progress import reading_line
from tinygrad_mlp.cli.tasks import add_task_option, asked_task, settle_task, task_of
from tinygrad_mlp.data import Table, read_csv
from tinygrad_mlp.data.column_roles import assign_roles
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.reading import table_of
from tinygrad_mlp.errors import DataError


def add_column_options(parser: argparse.ArgumentParser, ids: bool = True, task: bool = True) -> None:
    """`--label`, `--task`, `--ids`, `--header` and `--no-header`."""
    group = parser.add_argument_group("columns")
    found = "found by its name (diagnosis, label, class, target, …), or because it is the only one with text"
    label = f"the column of the classes or numbers to predict, by name or position (1, 2, …); {found}"
    group.add_argument("--label", metavar="NAME", help=label)
    if task:
        add_task_option(group)
    if ids:
        group.add_argument(
            "--ids",
            nargs="+",
            metavar="NAME",
            help="columns that are left out, by name or position; a first column with identifiers is found",
        )
    group.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line holds the names of the columns; it does if no cell of it is a number",
    )


def read_for_training(arguments: argparse.Namespace) -> tuple[Table, Table | None, str]:
    """The table to learn from, the one to validate with if it is a file of its own (`--valid`), and why which task.

    Settles the task of the arguments. Raises `DataError` as `read_csv`, and for classes that are too few or have too
    few rows, or numbers that are all the same.
    """
    path: Path = arguments.dataset
    text = CsvText.load(path, arguments.header)
    roles = assign_roles(text, label=arguments.label, ids=arguments.ids)
    assert roles.label is not None  # a label is required
    task, why, _ = task_of(text, roles.label, asked_task(arguments))
    with reading_line(path) as progress:
        table = table_of(text, roles, task=task, progress=progress)
    settle_task(arguments, task, table)
    if table.targets is not None:
        if table.targets.min() == table.targets.max():
            held = f"{table.label_name!r} holds one number only, {table.targets[0]:g}"
            raise DataError(f"{path}: {held}; different ones are expected")
    elif len(table.classes) < 2:
        raise DataError(
            f"{path}: {table.label_name!r} has one class only, {table.classes[0]!r}; at least 2 classes are expected"
        )
    if arguments.valid is None:
        for name, count in class_counts(table).items():
            if count == 1:
                problem = f"class {name!r} has 1 row; at least 2 are expected, one of them to validate with"
                raise DataError(f"{path}: {problem}")
        return table, None, why
    with reading_line(arguments.valid) as progress:
        valid = read_csv(
            arguments.valid,
            table.label_name,
            header=arguments.header,
            ids=arguments.ids,
            classes=table.classes,
            columns=table.feature_names,
            task=task,
            progress=progress,
        )
    return table, valid, why


def summary(table: Table) -> str:
    """`data.csv: 569 rows, 30 columns; label diagnosis: B 357, M 212; left out: id`: what was made of a file."""
    rows, columns = table.features.shape
    parts = [f"{counted(rows, 'row')}, {counted(columns, 'column')}"]
    if table.labels is not None:
        parts.append(f"label {table.label_name}: {in_words(class_counts(table))}")
    if table.targets is not None:
        parts.append(f"label {table.label_name}: {spread(table.targets)}")
    if table.left_out:
        parts.append(f"left out: {', '.join(table.left_out)}")
    return f"{table.source}: {'; '.join(parts)}"


def spread(numbers: np.ndarray) -> str:
    """`25 to 346, mean 152.1`: what numbers (N,) a column holds."""
    return f"{numbers.min():.4g} to {numbers.max():.4g}, mean {numbers.mean():.4g}"


def counted(n: int, what: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{n} {what}{'s' * (n != 1)}"


def class_counts(table: Table) -> dict[str, int]:
    """How many rows each class has; none if the table has no labels."""
    counts = [] if table.labels is None else np.bincount(table.labels, minlength=len(table.classes)).tolist()
    return dict(zip(table.classes, counts, strict=False))


def in_words(counts: Mapping[str, int]) -> str:
    """`B 286, M 169`; of many classes the first ones."""
    shown = [f"{name} {count}" for name, count in islice(counts.items(), 8)]
    return ", ".join(shown) + f", … ({len(counts)} classes)" * (len(counts) > len(shown))
