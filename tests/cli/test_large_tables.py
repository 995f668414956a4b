"""A large table: how much memory `train` and `split` take for it, beside what they take for a small one.

Stated: `train` at most twice the float64 size of its tables, `split` at most half of the file's size.
"""

from pathlib import Path

import numpy as np
import pytest

ROWS, COLUMNS = 30_000, 100


@pytest.fixture
def tables(folder):
    """large.csv and small.csv, with a label in the last column."""
    numbers = np.random.default_rng(0).normal(size=(600, COLUMNS))
    rows = [",".join(f"{x:.6f}" for x in row) + f",{'ab'[i % 2]}\n" for i, row in enumerate(numbers)]
    (folder / "small.csv").write_text("".join(rows[:20]))
    with (folder / "large.csv").open("w") as file:
        for _ in range(ROWS // len(rows)):
            file.writelines(rows)


def test_training_takes_at_most_twice_the_memory_of_the_numbers(tables, peak):
    words = "train --dataset {}.csv --epochs 1 --batch-size 256 --layer 8 --seed 1 --no-curves"
    used = peak(words.format("large")) - peak(words.format("small"))
    numbers = 8 * ROWS * COLUMNS
    assert numbers < used < 2 * numbers


def test_a_split_never_holds_the_file(tables, peak):
    used = peak("split large.csv") - peak("split small.csv")
    assert used < 0.5 * Path("large.csv").stat().st_size
