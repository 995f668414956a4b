"""Tables on the command line: which file, and what its columns are."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from tinygrad_mlp.cli.progress import reading_line
from tinygrad_mlp.data import Table, read_csv
from tinygrad_mlp.errors import DataError


def add_column_options(parser: argparse.ArgumentParser, ids: bool = True) -> None:
    """`--label`, `--ids`, `--header` and `--no-header`."""
    group = parser.add_argument_group("columns")
    found = "found by its name (diagnosis, label, class, target, …), or because it is the only one with text"
    label = f"the column of the classes, by name or position (1, 2, …); {found}"
    group.add_argument("--label", metavar="NAME", help=label)
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


def read_for_training(arguments: argparse.Namespace) -> tuple[Table, Table | None]:
    """The table to learn from, and the one to validate with if it is a file of its own (`--valid`).

    Raises `DataError` as `read_csv`, and for classes that are too few or have too few rows.
    """
    path: Path = arguments.dataset
    with reading_line(path) as progress:
        table = read_csv(path, arguments.label, header=arguments.header, ids=arguments.ids, progress=progress)
    if len(table.classes) < 2:
        raise DataError(
            f"{path}: {table.label_name!r} has one class only, {table.classes[0]!r}; at least 2 classes are expected"
        )
    if arguments.valid is None:
        for name, count in class_counts(table).items():
            if count == 1:
                problem = f"class {name!r} has 1 row; at least 2 are expected, one of them to validate with"
                raise DataError(f"{path}: {problem}")
        return table, None
    with reading_line(arguments.valid) as progress:
        valid = read_csv(
            arguments.valid,
            table.label_name,
            header=arguments.header,
            ids=arguments.ids,
            classes=table.classes,
            columns=table.feature_names,
            progress=progress,
        )
    return table, valid


def summary(table: Table) -> str:
    """`data.csv: 569 rows, 30 columns; label diagnosis: B 357, M 212; left out: id`: what was made of a file."""
    rows, columns = table.features.shape
    parts = [f"{counted(rows, 'row')}, {counted(columns, 'column')}"]
    if table.labels is not None:
        parts.append(f"label {table.label_name}: {in_words(class_counts(table))}")
    if table.left_out:
        parts.append(f"left out: {', '.join(table.left_out)}")
    return f"{table.source}: {'; '.join(parts)}"


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
