"""`compare`: the best run first, every metric of every run in the table, and all the curves on one graph."""

import json
from pathlib import Path

import pytest

from tinygrad_mlp.cli import drawing
from tinygrad_mlp.training import History

LATE = "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.9,0.5,0.8,0.6\n2,0.2,0.9,0.3,0.75\n3,0.1,1.0,0.4,0.7\n"
EARLY = "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.5,0.5,0.35,0.875\n"
NUMBERS = "epoch,loss,r2\n1,7.0,0.25\n2,123456.0,-1.5\n"


@pytest.fixture(autouse=True)
def runs(folder):
    for name, text in (("late.csv", LATE), ("early.csv", EARLY), ("numbers.csv", NUMBERS)):
        Path(name).write_text(text)


def rows(out):
    """The cells of the table below its two heads, and those of the second head."""
    lines = out.split("\n\n")[0].splitlines()
    return lines[1].split(), [line.split() for line in lines[2:]]


def test_the_run_with_the_lowest_val_loss_comes_first_with_the_metrics_of_its_best_epoch(good):
    heads, [first, second] = rows(good("compare early.csv late.csv"))
    assert heads == ["run", "epochs", "best", "val_loss", "val_accuracy", "loss", "accuracy", "val_loss", "loss"]
    assert first == ["late.csv", "3", "2", "0.3000", "0.7500", "0.2000", "0.9000", "0.4000", "0.1000"]
    assert second == ["early.csv", "1", "1", "0.3500", "0.8750", "0.5000", "0.5000", "0.3500", "0.5000"]


def test_runs_with_other_columns_stand_beside_each_other(good):
    heads, [first, second] = rows(good("compare numbers.csv early.csv"))
    assert heads == ["run", "epochs", "best", "val_loss", "val_accuracy", "loss", "accuracy", "r2", "val_loss", "loss"]
    assert first == ["early.csv", "1", "1", "0.3500", "0.8750", "0.5000", "0.5000", "–", "0.3500", "0.5000"]
    assert second == ["numbers.csv", "2", "1", "–", "–", "7.0000", "–", "0.2500", "–", "1.235e+05"]


def test_a_run_whose_losses_are_no_numbers_comes_last_of_its_kind(good):
    Path("lost.csv").write_text("epoch,loss,val_loss\n1,0.1,nan\n2,inf,nan\n")
    heads, found = rows(good("compare lost.csv numbers.csv late.csv"))
    assert [row[0] for row in found] == ["late.csv", "lost.csv", "numbers.csv"]
    assert dict(zip(heads, found[1], strict=True))["best"] == "–"
    shown = json.loads(good("compare lost.csv --json --no-curves"))
    assert shown["runs"] == [
        {"run": "lost.csv", "epochs": 2, "best_epoch": None, "best": {}, "last": {"loss": None, "val_loss": None}}
    ]


def test_json_has_exact_numbers_and_nothing_else(good):
    shown = json.loads(good("compare early.csv late.csv --json --curves both.svg"))
    assert shown["curves"] == "both.svg"
    assert [run["run"] for run in shown["runs"]] == ["late.csv", "early.csv"]
    best = {"loss": 0.2, "accuracy": 0.9, "val_loss": 0.3, "val_accuracy": 0.75}
    last = {"loss": 0.1, "accuracy": 1.0, "val_loss": 0.4, "val_accuracy": 0.7}
    assert shown["runs"][0] == {"run": "late.csv", "epochs": 3, "best_epoch": 2, "best": best, "last": last}
    assert Path("both.svg").read_bytes().startswith(b"<?xml")


def test_all_runs_are_drawn_into_compare_png_unless_another_file_or_none_is_asked_for(good, monkeypatch):
    assert good("compare late.csv early.csv").endswith("\n\ncurves  compare.png\n")
    assert Path("compare.png").read_bytes().startswith(b"\x89PNG")
    calls = []
    monkeypatch.setattr(drawing, "draw_curves", lambda histories, path, show: calls.append((histories, path, show)))
    good("compare late.csv numbers.csv --curves x.svg")
    assert "curves" not in good("compare late.csv --no-curves")
    [(histories, path, show)] = calls
    assert {name: history.names for name, history in histories.items()} == {
        "late.csv": ["loss", "accuracy", "val_loss", "val_accuracy"],
        "numbers.csv": ["loss", "r2"],
    }
    assert (path, show) == (Path("x.svg"), False)


def test_histories_of_train_can_be_compared(good, points):
    points()
    for name, size in (("a.csv", 3), ("b.csv", 8)):
        good(f"train --dataset points.csv --epochs 4 --seed 1 --layer {size} --no-curves --history {name}")
    _, found = rows(good("compare a.csv b.csv"))
    best = {name: min(History.from_csv(name)["val_loss"]) for name in ("a.csv", "b.csv")}
    assert [row[0] for row in found] == sorted(best, key=best.__getitem__)
    assert [row[3] for row in found] == [f"{value:.4f}" for value in sorted(best.values())]


def test_without_matplotlib_there_is_the_table_alone(good, bad, monkeypatch):
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    assert "curves  not drawn: that needs matplotlib" in good("compare late.csv")
    assert "the curves are not drawn: that needs matplotlib" in bad("compare late.csv --curves x.png")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "a file is missing: RUN.csv is expected, a history that train --history has written"),
        ("lat.csv", "lat.csv: there is no such file; did you mean late.csv?"),
        ("late.csv late.csv", "late.csv is given twice"),
        ("late.csv table.csv", "table.csv, line 1: 'width,height,kind', expected epoch,loss,… as to_csv writes it"),
        ("wide.csv", "wide.csv, line 1: 'column 0,column 1,column 2,column 3,c...', expected epoch,loss,…"),
        ("cut.csv", "cut.csv, line 3: '2,0.5', expected epoch 2 and 2 numbers"),
        ("empty.csv", "empty.csv: History(0 epochs) cannot be drawn: at least one epoch with a loss is expected"),
        ("scores.csv", "scores.csv: History(1 epochs, accuracy 0.5 → 0.5) cannot be drawn"),
        ("bytes.csv", "bytes.csv, line 1: the history is not UTF-8 text"),
        ("late.csv --curves a.pdf", "--curves a.pdf: a file that ends in .png or .svg is expected"),
        ("late.csv --curves no/a.png", "--curves no/a.png: there is no folder no"),
        ("late.csv --no-curves --curves a.png", "--curves and --no-curves contradict each other"),
    ],
)
def test_what_is_no_history_is_refused_by_name(bad, folder, words, expected):
    Path("table.csv").write_text("width,height,kind\n1,2,a\n")
    Path("wide.csv").write_text(",".join(f"column {i}" for i in range(1000)) + "\n")
    Path("cut.csv").write_text("epoch,loss,val_loss\n1,0.7,0.8\n2,0.5\n")
    Path("empty.csv").write_text("epoch,loss\n")
    Path("scores.csv").write_text("epoch,accuracy\n1,0.5\n")
    Path("bytes.csv").write_bytes(b"\xff\xfe\x00")
    line = bad(*f"compare {words}".split())
    assert expected in line
    assert len(line) < 200
    assert not Path("compare.png").exists()


def test_gradient_norms_are_drawn_and_in_the_json_but_no_columns_of_the_table(good):
    Path("norms.csv").write_text("epoch,loss,gradient_norm/0.W,gradient_norm/1.W\n1,0.5,0.25,0.125\n")
    heads, _ = rows(good("compare norms.csv"))
    assert heads == ["run", "epochs", "best", "loss", "loss"]
    [shown] = json.loads(good("compare norms.csv --json --no-curves"))["runs"]
    assert shown["best"] == {"loss": 0.5, "gradient_norm/0.W": 0.25, "gradient_norm/1.W": 0.125}
