"""Rows that a network has seen in its training: in the validation file, or in the table that it is scored on.

Scores on them are better than on new rows. A model file has the fingerprints of its training and validation rows, by
which `predict` knows them again when it gets all of them, in any order and whatever the file is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from tinygrad_mlp.cli.tables import counted
from tinygrad_mlp.data import Fingerprint, Table, shared_rows
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.errors import DataError, SharedRowsWarning, warn
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training.traps import SHARED_ROWS_ADVICE

SHOWN = 3
"""How many pairs of lines are shown."""


def warn_of_shared_lines(train: Table, valid: Table, dealt: Sequence[np.ndarray] | None = None) -> None:
    """Warn about rows to validate with that are also among those to train with: how many, and their lines.

    Args:
        train: the rows to train with.
        valid: the rows to validate with.
        dealt: where the rows of both stood in the one table that they were dealt from; None for two files.
    """
    pairs = shared_rows(answered(train), answered(valid))
    if not pairs:
        return
    rows = np.array(pairs[:SHOWN])
    if dealt is not None:
        rows = np.stack([dealt[0][rows[:, 0]], dealt[1][rows[:, 1]]], axis=1)
    lines = list(zip(lines_of(train, rows[:, 0]), lines_of(valid, rows[:, 1]), strict=True))
    more = ", …" * (len(pairs) > SHOWN)
    these = f"{counted(len(pairs), 'row')} {'is' if len(pairs) == 1 else 'are'}"
    if dealt is None:
        shown = ", ".join(f"line {j} is line {i} there" for i, j in lines)
        seen = f"{these} also in {train.source} ({shown}{more})"
    else:
        shown = ", ".join(f"line {j} is also line {i}" for i, j in lines)
        seen = f"{these} in both parts, to train and to validate with ({shown}{more})"
    warn(f"{valid.source}: {seen}: {SHARED_ROWS_ADVICE}", SharedRowsWarning)


def lines_of(table: Table, rows: np.ndarray) -> list[int]:
    """The lines of its file on which rows of a table begin."""
    text = CsvText.load(table.source, table.has_header)
    lines = list(chain.from_iterable(block.lines for block in text.blocks()))
    return [lines[row] for row in rows]


def fingerprints(train: Table, valid: Table) -> dict[str, str]:
    """What a model file keeps of the rows, as text."""
    return {name: str(print_of(table)) for name, table in (("training", train), ("validation", valid))}


def print_of(table: Table) -> Fingerprint:
    """The fingerprint of a table's rows, and of what was to be predicted for them."""
    return Fingerprint.of(*answered(table))


def answered(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """The features (N, n) and the classes or numbers (N,) of a table that was read with them."""
    assert table.answers is not None
    return table.features, table.answers


def warn_of_seen_rows(trained: TrainedModel, table: Table) -> None:
    """Warn if a table that a model is scored on has the rows that it was trained on, or stopped early by."""
    kept = trained.facts.get("fingerprints")
    if not isinstance(kept, dict):
        return
    try:
        training, validation = (Fingerprint.parse(kept.get(name)) for name in ("training", "validation"))
    except DataError:  # the file may come from anywhere
        return
    here = print_of(table)
    if here == training:
        seen = "the rows that the network was trained on"
    elif here == training + validation:
        seen = "the rows that the network was trained on, and those that it was validated on"
    elif here == validation and trained.facts.get("patience"):
        seen = "the rows by which early stopping chose the weights"
    else:
        return
    warn(
        f"{table.source}: these are {seen}: the scores are better than on new rows; score others, left out of training"
    )
