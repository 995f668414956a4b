"""Labels that are numbers: the table that is read for a regression, and a split without classes."""

import numpy as np
import pytest

from tinygrad_mlp.data import read_csv, split_csv
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.tasks import MOST_CLASSES, find_task
from tinygrad_mlp.errors import DataError, OptionError


@pytest.fixture
def path(tmp_path):
    lines = [f"{i},{i % 3},{i / 4}" for i in range(40)]
    (tmp_path / "t.csv").write_text("key,u,y\n" + "\n".join(lines) + "\n")
    return tmp_path / "t.csv"


def task_of(*cells):
    data = "u,y\n" + "".join(f"1,{cell}\n" for cell in cells)
    return find_task(CsvText.parse(data.encode(), "t.csv"), 1).task


def test_targets_are_the_numbers_of_the_label_column(path):
    table = read_csv(path, task="regression")
    np.testing.assert_array_equal(table.targets, np.arange(40) / 4)
    assert (table.labels, table.classes, table.label_name, table.ids[:2]) == (None, (), "y", ("0", "1"))
    assert "label 'y': 0 to 9.75" in repr(table)
    part = table.select([3, 1])
    assert part.targets.tolist() == [0.75, 0.25]
    assert part.strata.tolist() == [0, 0]


def test_a_file_without_the_label_has_no_targets(path):
    table = read_csv(path, "price", task="regression", columns=["u"], ids=["key", "y"], require_label=False)
    assert (table.targets, table.labels) == (None, None)


def test_a_cell_that_is_no_number_is_named(path):
    path.write_text(path.read_text().replace("5,2,1.25\n", "5,2,abc\n", 1))
    with pytest.raises(DataError, match=r"t\.csv, line 7, column 3 \('y'\): 'abc' is not a number; the label of a"):
        read_csv(path, task="regression")
    with pytest.raises(OptionError, match=r"read_csv: task is 'regresion'; did you mean regression\?"):
        read_csv(path, task="regresion")


def test_more_values_than_classes_can_have_are_numbers():
    most = [str(i % MOST_CLASSES) for i in range(4 * MOST_CLASSES)]
    assert task_of(*most) == "classification"
    assert task_of(*most, str(MOST_CLASSES)) == "regression"
    assert task_of("1", "2", "3", "1", "2", "3") == "classification"
    assert task_of("1", "2", "3", "1", "2") == "regression"  # more different ones than half of the rows


def test_one_number_in_two_spellings_is_one_value():
    assert task_of(*["1", "1.0", "01", "2", "3"] * 2) == "classification"


def test_a_few_cells_of_text_among_numbers_do_not_make_classes():
    numbers = [f"{i}.5" for i in range(90)]
    assert task_of(*numbers, *["NA"] * 10) == "regression"
    assert task_of(*numbers, *["NA"] * 11) == "classification"
    assert task_of(*["0", "1"] * 10, "?") == "classification"


def test_numbers_are_split_by_the_ratio_alone_and_each_row_once(path):
    result = split_csv(path, ratio=0.75, seed=1)
    assert (result.train_rows, result.valid_rows) == (30, 10)
    parts = [read_csv(part, task="regression").targets for part in (result.train_path, result.valid_path)]
    assert sorted([*parts[0], *parts[1]]) == [i / 4 for i in range(40)]


def test_a_task_that_is_asked_for_decides_how_a_file_is_split(path):
    with pytest.raises(DataError, match="class '0' has 1 row"):
        split_csv(path, task="classification")
    lines = [f"{i},{i % 2}" for i in range(20)]
    path.write_text("u,y\n" + "\n".join(lines) + "\n")
    of_classes, of_numbers = (
        split_csv(path, seed=3, ratio=0.5, task=task) for task in ("classification", "regression")
    )
    assert of_numbers.train_rows == 10
    assert read_csv(split_csv(path, seed=3, ratio=0.5).train_path).labels.sum() == 5
    assert of_classes.train_rows == 10
