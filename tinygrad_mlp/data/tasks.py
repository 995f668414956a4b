"""The task that a label column sets: to tell classes apart, or to come close to numbers."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

from tinygrad_mlp.data.class_labels import class_name
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.number_cells import is_number

Task = Literal["classification", "regression"]
TASKS: tuple[Task, ...] = ("classification", "regression")

MOST_CLASSES = 20
"""Whole numbers of more different values than this, or than half of the rows, count something and name no class."""

STRAY = 0.1
"""The share of cells that may be no numbers in a column of numbers: empty ones, NA, …, which are refused by name."""


class FoundTask(NamedTuple):
    """A task, why it is that one, in words that go on from `label NAME holds …`, and whether it can be no other."""

    task: Task
    why: str
    certain: bool = True


def find_task(text: CsvText, column: int) -> FoundTask:
    """The task of a label column.

    Text names classes, and so do numbers of two values. Numbers that are not whole are to be predicted as numbers, and
    so are whole ones of more than `MOST_CLASSES` different values, or of more than half as many as there are rows.
    """
    cells = Counter(cell for rows in text.blocks() for cell in rows.column(column))
    values = Counter[str]()
    for cell, count in cells.items():
        values[class_name(cell)] += count
    total = values.total()
    numbers = [name for name in values if is_number(name)]
    if sum(values[name] for name in numbers) < (1 - STRAY) * total:
        return FoundTask("classification", "text")
    if len(numbers) > 2:
        fraction = next((name for name in numbers if not float(name).is_integer()), None)
        if fraction is not None:
            return FoundTask("regression", f"numbers that are not whole, such as {fraction}")
        if len(numbers) > min(MOST_CLASSES, total / 2):
            return FoundTask("regression", f"{len(numbers)} different numbers in {total} rows", certain=False)
    kind = "whole numbers" if all(float(name).is_integer() for name in numbers) else "numbers"
    return FoundTask("classification", f"{kind} of {len(numbers)} different values", certain=False)
