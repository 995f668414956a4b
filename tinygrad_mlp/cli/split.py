"""Deal the rows of a CSV file into two: one to train with, one to validate with.

The rows are shuffled, and each class is shared out in the same ratio. They are copied as they stand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tinygrad_mlp.cli.console import styled
from tinygrad_mlp.cli.outputs import check_outputs
from tinygrad_mlp.cli.parser import UsageError, first_of
from tinygrad_mlp.cli.tables import add_column_options, class_counts
from tinygrad_mlp.cli.values import number, whole
from tinygrad_mlp.data import read_csv, split_csv

SUMMARY = "deal the rows of a CSV file into a training and a validation file"
EXAMPLES = "example:\n  tinygrad-mlp split data.csv --ratio 0.8 --seed 1"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `split`."""
    parser.add_argument("files", nargs="*", type=Path, metavar="DATA.csv", help="the table, also as --dataset DATA.csv")
    parser.add_argument("--dataset", type=Path, metavar="DATA.csv", help=argparse.SUPPRESS)
    parser.add_argument("--ratio", type=number(0, 1, above=True), default=0.8, metavar="X", help="share of training rows (0.8)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the same seed deals the same rows (0)")
    parser.add_argument("--out-dir", type=Path, metavar="FOLDER", help="where to write them, instead of beside the table")
    add_column_options(parser, ids=False)


def run(arguments: argparse.Namespace) -> int:
    """Write DATA_train.csv and DATA_valid.csv, and say what is in them."""
    source = first_of(arguments.files, {"DATA.csv": arguments.dataset})["DATA.csv"]
    folder = arguments.out_dir or source.parent
    if not folder.is_dir():
        raise UsageError(f"--out-dir {folder}: there is no such folder") if arguments.out_dir else OSError(
            f"{source}: there is no folder {folder}"
        )
    train, valid = (folder / f"{source.stem}_{part}{source.suffix or '.csv'}" for part in ("train", "valid"))
    check_outputs({"the training file": train, "the validation file": valid}, [source])
    files = split_csv(
        source,
        ratio=arguments.ratio,
        seed=arguments.seed,
        label=arguments.label,
        header=arguments.header,
        train_path=train,
        valid_path=valid,
    )
    width = max(len(str(path)) for path in (train, valid))
    for path, rows in ((files.train_path, files.train_rows), (files.valid_path, files.valid_rows)):
        print(f"{styled(str(path).ljust(width), 'cyan')}  {rows:>{len(str(files.train_rows))}} rows: {counts(path)}")
    return 0
