"""Rows that a network has seen: `train` tells of those in both files, `predict` of a table that the training had."""

import json
import random
import warnings
from pathlib import Path

import pytest

from tinygrad_mlp.files import TrainedModel

SHORT = "--epochs 2 --seed 1 --no-curves"
OPTIMISTIC = "the scores are better than on new rows; score others, left out of training"


@pytest.fixture
def tables(good, header):
    good("split header.csv --seed 2")
    return "--dataset header_train.csv --valid header_valid.csv"


def warned(result):
    """The one warning of a command that succeeds."""
    assert result.code == 0, result
    assert result.err.count("\n") == 1, result
    return result.err.rstrip("\n")


# In both files.


def appended(path, source, lines):
    """Add lines of another file, counted from 1, to a file; say at which lines they now stand."""
    rows, others = Path(path).read_text().splitlines(), Path(source).read_text().splitlines()
    Path(path).write_text("\n".join([*rows, *(others[i - 1] for i in lines)]) + "\n")
    return [len(rows) + 1 + i for i in range(len(lines))]


def test_rows_in_both_files_are_counted_and_the_first_lines_shown(run, tables):
    at = appended("header_valid.csv", "header_train.csv", [9, 2, 77, 300])
    line = warned(run(f"train {tables} {SHORT}"))
    assert line == (
        "tinygrad-mlp train: warning: header_valid.csv: 4 rows are also in header_train.csv "
        f"(line {at[0]} is line 9 there, line {at[1]} is line 2 there, line {at[2]} is line 77 there, …): "
        "validation numbers say little of new rows there; leave such rows out of one of the two"
    )


def test_a_row_that_is_twice_in_a_table_that_is_dealt_shows_its_lines_there(run, raw):
    """Without --valid: the seed decides whether both lie on one side; the lines are those of the whole file."""
    appended("raw.csv", "raw.csv", [12])
    lines = {
        warned(result) for seed in range(12) if (result := run(f"train --dataset raw.csv {SHORT} --seed {seed}")).err
    }
    start = "tinygrad-mlp train: warning: raw.csv: 1 row is in both parts, to train and to validate with "
    ends = ("(line 570 is also line 12)", "(line 12 is also line 570)")
    assert {line.partition(": validation numbers")[0] for line in lines} <= {start + end for end in ends}
    assert lines


def test_lines_are_counted_as_an_editor_does(run):
    """A cell with a line break makes a row of two lines; numbers are the same however they are written."""
    head = "id,width,height,kind\n"
    Path("train.csv").write_text(head + 'x,1,2,a\n"y\nz",4,5,b\nx,7,8,a\nx,3,3,b\n')
    Path("valid.csv").write_text(head + "x,0,0,a\nw,7.0,8e0,a\nx,1,1,b\n")
    line = warned(run(f"train --dataset train.csv --valid valid.csv --ids id {SHORT}"))
    assert "valid.csv: 1 row is also in train.csv (line 3 is line 5 there): " in line


def test_equal_numbers_with_another_label_are_another_row(good, points):
    points(each=8)
    rows = Path("points.csv").read_text().splitlines()
    swapped = [row[:-1] + {"a": "b", "b": "a"}[row[-1]] for row in rows[1:]]
    Path("valid.csv").write_text("\n".join([rows[0], *swapped]) + "\n")
    good(f"train --dataset points.csv --valid valid.csv {SHORT}")


def test_cross_validation_says_nothing_of_rows_that_are_twice_in_a_table(good, points):
    appended(points(each=20), "points.csv", [3, 4, 5])
    good(f"train --dataset points.csv --folds 3 --patience 2 {SHORT}")


# In the table that is scored.


@pytest.mark.parametrize("json_too", ["", " --json"])
def test_scores_on_the_rows_that_early_stopping_chose_by_are_called_optimistic(run, tables, json_too):
    trained = run(f"train {tables} {SHORT} --patience 2")
    assert trained.err == ""
    result = run(f"predict model.safetensors header_valid.csv{json_too}")
    seen = "header_valid.csv: these are the rows by which early stopping chose the weights"
    assert warned(result) == f"tinygrad-mlp predict: warning: {seen}: {OPTIMISTIC}"
    if json_too:
        json.loads(result.out)


def test_without_early_stopping_the_validation_rows_chose_nothing(good, tables):
    good(f"train {tables} {SHORT}")
    good("predict model.safetensors header_valid.csv")


def test_scores_on_the_training_rows_are_called_optimistic(run, tables):
    run(f"train {tables} {SHORT}")
    assert "header_train.csv: these are the rows that the network was trained on: " + OPTIMISTIC in warned(
        run("predict model.safetensors header_train.csv")
    )
    assert "these are the rows that the network was trained on, and those that it was validated on" in warned(
        run("predict model.safetensors header.csv")
    )


def test_a_table_that_was_dealt_by_train_itself_is_known_again(run, raw):
    run(f"train --dataset raw.csv {SHORT}")
    assert "the rows that the network was trained on, and those that it was validated on" in warned(
        run("predict model.safetensors raw.csv")
    )


def test_shuffled_rows_and_columns_under_another_name_are_known_again(run, tables):
    run(f"train {tables} {SHORT} --patience 2")
    rows = [line.split(",") for line in Path("header_valid.csv").read_text().splitlines()]
    order = list(range(1, len(rows[0])))  # the ids stay in front, where they are found
    random.Random(0).shuffle(order)
    body = rows[1:]
    random.Random(1).shuffle(body)
    lines = [",".join(row[j] for j in (0, *order)) for row in (rows[0], *body)]
    Path("test.csv").write_text("\n".join(lines) + "\n")
    assert "test.csv: these are the rows by which early stopping" in warned(run("predict model.safetensors test.csv"))


def test_other_rows_are_not_called_seen(good, tables):
    good(f"train {tables} {SHORT} --patience 2")
    head, *rows = Path("header_valid.csv").read_text().splitlines()
    for name, kept in (
        ("fewer", rows[1:]),
        ("twice", [*rows, rows[0]]),
        ("changed", [*rows[1:], rows[0].replace("1", "2")]),
    ):
        Path(f"{name}.csv").write_text("\n".join([head, *kept]) + "\n")
        good(f"predict model.safetensors {name}.csv")


def test_a_table_without_labels_has_no_scores_to_warn_of(good, tables):
    good(f"train {tables} {SHORT}")
    lines = [line.split(",") for line in Path("header_train.csv").read_text().splitlines()]
    Path("new.csv").write_text("\n".join(",".join([row[0], *row[2:]]) for row in lines) + "\n")
    good("predict model.safetensors new.csv")


@pytest.mark.parametrize(
    "kept", [None, 3, {}, {"training": 1}, {"training": "12:xyz", "validation": "1:0"}, {"training": "1" * 99}]
)
def test_a_model_with_no_or_with_odd_fingerprints_predicts_all_the_same(good, tables, kept):
    """Earlier versions wrote none, and a file may come from anywhere."""
    good(f"train {tables} {SHORT}")
    trained = TrainedModel.load("model.safetensors")
    assert set(trained.facts["fingerprints"]) == {"training", "validation"}
    if kept is None:
        del trained.facts["fingerprints"]
    else:
        trained.facts["fingerprints"] = kept
    trained.save("model.safetensors")
    good("predict model.safetensors header_train.csv")


def test_the_demo_and_the_steps_that_it_shows_warn_of_nothing(good):
    good("demo")
    good("train --dataset demo/breast_cancer_train.csv --epochs 3 --patience 1")
    good("predict model.safetensors demo/breast_cancer_valid.csv")


def test_a_class_that_only_the_validation_file_has_is_refused_by_name(bad, points):
    points("train.csv", classes=("a", "b"))
    points("valid.csv", classes=("a", "b", "cat"))
    line = bad(f"train --dataset train.csv --valid valid.csv {SHORT}")
    assert "valid.csv, line 4, column 3 ('kind')" in line
    assert "'cat'" in line


def test_warnings_of_others_are_shown_as_python_shows_them(good, run, monkeypatch, tables):
    def noisy(arguments):
        warnings.warn("of another library", UserWarning, stacklevel=2)
        return 0

    monkeypatch.setattr("tinygrad_mlp.cli.train.run", noisy)
    with pytest.warns(UserWarning, match="of another library"):
        result = run(f"train {tables}")
    assert result.code == 0


# Numbers to predict.


def prices(name, rows, first=0):
    """A table whose rows are all different."""
    lines = [f"{i / 7:.4f},{i * i % 11},{3 * i + 0.5}" for i in range(first, first + rows)]
    Path(name).write_text("\n".join(["u,v,price", *lines]) + "\n")


def test_rows_with_numbers_to_predict_are_found_in_both_files_and_known_again(run, good, folder):
    prices("train.csv", 30)
    prices("valid.csv", 9, first=25)
    learn = "train --dataset train.csv --valid valid.csv --label price"
    line = warned(run(f"{learn} {SHORT} --patience 1"))
    assert "valid.csv: 5 rows are also in train.csv (line 2 is line 27 there, line 3 is line 28 there, " in line
    seen = "valid.csv: these are the rows by which early stopping chose the weights"
    assert warned(run("predict model.safetensors valid.csv")) == f"tinygrad-mlp predict: warning: {seen}: {OPTIMISTIC}"
    prices("valid.csv", 9, first=50)
    good("predict model.safetensors valid.csv")


def test_equal_rows_with_another_number_are_other_rows(good, folder):
    prices("train.csv", 30)
    head, *rows = Path("train.csv").read_text().splitlines()
    Path("valid.csv").write_text("\n".join([head, *(f"{row}1" for row in rows)]) + "\n")
    good(f"train --dataset train.csv --valid valid.csv --label price {SHORT}")
    good("predict model.safetensors valid.csv")
