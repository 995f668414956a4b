"""Numbers to predict, through all commands: the task that is found, and what split, train and predict make of it."""

import csv
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.data import read_csv
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training import History

SHORT = "train --dataset houses.csv --seed 1 --no-curves"


def houses(rows=120, name="houses.csv", seed=0):
    """A table area,rooms,price whose price is nearly linear, in large units: 1000·area + 20000·rooms + noise."""
    rng = np.random.default_rng(seed)
    area, rooms = rng.uniform(40, 200, rows).round(1), rng.integers(1, 7, rows)
    price = 1000 * area + 20000 * rooms + rng.normal(0, 2000, rows)
    lines = [f"{a},{r},{p:.2f}" for a, r, p in zip(area, rooms, price, strict=True)]
    Path(name).write_text("area,rooms,price\n" + "\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def table(folder):
    houses()


def test_from_the_table_to_the_scores(good):
    """R², MAE and RMSE are those of the predictions that are written, beside the column of the file."""
    out = good("split houses.csv --label price --seed 2")
    assert re.match(r"houses_train.csv  96 rows: \S+ to \S+, mean \S+\nhouses_valid.csv  24 rows: ", out)
    out = good("train --dataset houses_train.csv --valid houses_valid.csv --label price --seed 1 --history h.csv")
    assert "task: regression, label price holds numbers that are not whole, such as " in out
    assert "loss: meanSquaredError, of numbers that are standardised for the training" in out
    assert "Dense(24, 1)" in out
    assert "epoch 84/84 - loss: " in out
    history = History.from_csv("h.csv")
    assert history.names == ["loss", "r2", "mae", "val_loss", "val_r2", "val_mae"]
    assert history["val_r2"][-1] > 0.97
    out = good("predict model.safetensors houses_valid.csv --output p.csv")
    truth = read_csv("houses_valid.csv", "price", task="regression").targets
    with Path("p.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["row", "predicted"]
    assert [row[0] for row in rows[1:]] == [str(i) for i in range(1, 25)]
    d = np.array([float(row[1]) for row in rows[1:]]) - truth
    r2, mae, rmse = 1 - (d**2).sum() / ((truth - truth.mean()) ** 2).sum(), np.abs(d).mean(), np.sqrt((d**2).mean())
    shown = dict(re.findall(r"^(R²|MAE|RMSE) +(\S+) ", out, re.MULTILINE))
    assert shown == {"R²": f"{r2:.4f}", "MAE": f"{mae:.5g}", "RMSE": f"{rmse:.5g}"}
    assert history["val_mae"][-1] == pytest.approx(mae, rel=1e-4)
    found = json.loads(good("predict model.safetensors houses_valid.csv --json"))
    assert {name: found[name] for name in ("r2", "mae", "rmse")} == pytest.approx({"r2": r2, "mae": mae, "rmse": rmse})
    assert found["predicted"]["lowest"] == min(float(row[1]) for row in rows[1:])


def test_rows_without_a_label_get_numbers(good):
    good(f"{SHORT} --label price")
    Path("new.csv").write_text("rooms,area\n3,100\n5,150.5\n")
    out = good("predict model.safetensors new.csv")
    assert out.startswith("new.csv: 2 rows, 2 columns\npredicted: ")
    assert "row  predicted\n" in out
    records = json.loads(good("predict model.safetensors new.csv --json"))["predictions"]
    assert [record["row"] for record in records] == [1, 2]
    for record, price in zip(records, (160_000, 250_500), strict=True):
        assert record["predicted"] == pytest.approx(price, rel=0.1)


def test_one_row_has_no_r2(good):
    good(f"{SHORT} --label price --epochs 2")
    Path("one.csv").write_text("area,rooms,price\n100,3,160000\n")
    assert json.loads(good("predict model.safetensors one.csv --json"))["r2"] is None
    assert re.search(r"^R²    nan", good("predict model.safetensors one.csv"), re.MULTILINE)


def test_the_model_file_has_both_scalers_and_gives_the_units_of_the_data(good):
    houses(30, "other.csv", seed=1)
    good(f"{SHORT} --label price --valid other.csv --epochs 3")
    trained, table = TrainedModel.load("model.safetensors"), read_csv("houses.csv", "price", task="regression")
    np.testing.assert_allclose(trained.target_scaler.mean, [table.targets.mean()])
    np.testing.assert_allclose(trained.target_scaler.scale, [table.targets.std()])
    scaled = tg.predict(trained.model, trained.scaler.transform(table.features)).astype(float)
    np.testing.assert_allclose(trained.numbers(table.features), scaled * table.targets.std() + table.targets.mean())
    assert (trained.classes, trained.facts["task"], trained.label_name) == ((), "regression", "price")


@pytest.mark.parametrize(
    ("cells", "task", "why"),
    [
        (["0", "1"] * 15, "classification", "whole numbers of 2 different values"),
        (["0.5", "1.5"] * 15, "classification", "numbers of 2 different values"),
        (["a", "b", "c"] * 10, "classification", "label y holds text"),
        ([str(i % 10) for i in range(60)], "classification", "whole numbers of 10 different values"),
        ([f"{i % 10}.0" for i in range(60)], "classification", "whole numbers of 10 different values"),
        ([str(i % 21) for i in range(84)], "regression", "21 different numbers in 84 rows"),
        ([str(i) for i in range(10)], "regression", "10 different numbers in 10 rows"),
        (["1", "2", "2.5"] * 10, "regression", "numbers that are not whole, such as 2.5"),
    ],
)
def test_the_task_is_found_in_the_label_column(good, cells, task, why):
    rows = [f"{i},{i * i},{cell}" for i, cell in enumerate(cells)]
    Path("t.csv").write_text("u,v,y\n" + "\n".join(rows) + "\n")
    out = good("train --dataset t.csv --ids u --epochs 1 --seed 1 --no-curves")
    assert re.search(rf"^task: {task}, .*{re.escape(why)}", out, re.MULTILINE)
    assert TrainedModel.load("model.safetensors").facts["task"] == task
    other = {"classification": "regression", "regression": "classification"}[task]
    assert (f"--task {other}" in out) == ("text" not in why and "2.5" not in why)
    split = good("split t.csv")
    assert ("task: regression" in split) == (task == "regression")


def test_a_task_or_a_loss_that_is_given_decides(good):
    rows = [f"{i},{i * i},{i % 3}" for i in range(30)]
    Path("t.csv").write_text("u,v,y\n" + "\n".join(rows) + "\n")
    words = "train --dataset t.csv --ids u --epochs 1 --seed 1 --no-curves"
    assert "task: classification, label y holds" in good(words)
    assert "task: regression, as --task says" in good(f"{words} --task Regression")
    assert "task: regression, as --loss huber says" in good(f"{words} --loss HUBER")
    assert "task: classification, as --loss categoricalCrossentropy says" in good(
        f"{words} --loss categoricalCrossentropy"
    )
    assert "task: regression, as --task says" in good("split t.csv --task regression")


@pytest.mark.parametrize(
    ("word", "loss"),
    [
        ("mse", "meanSquaredError"),
        ("MEAN_SQUARED_ERROR", "meanSquaredError"),
        ("Mae", "meanAbsoluteError"),
        ("mean-absolute-error", "meanAbsoluteError"),
        ("huber", "huber"),
    ],
)
def test_each_loss_of_numbers_learns(good, word, loss):
    good(f"{SHORT} --label price --loss {word} --history h.csv")
    assert TrainedModel.load("model.safetensors").facts["loss"] == loss
    assert History.from_csv("h.csv")["val_r2"][-1] > 0.95


def test_losses_of_numbers_are_different_ones(good):
    seen = set()
    for loss in ("mse", "mae", "huber"):
        good(f"{SHORT} --label price --epochs 2 --loss {loss} --history h.csv")
        seen.add(tuple(History.from_csv("h.csv")["loss"]))
    assert len(seen) == 3


def test_early_stopping_and_the_replay_command_work_for_numbers(real, environment):
    first = real("train --dataset houses.csv --label price --patience 2 --learning-rate 0.05 --history h.csv")
    assert (first.code, first.err) == (0, "")
    assert "; kept epoch " in first.out
    names = ("model.safetensors", "h.csv", "model_curves.png")
    made = {name: Path(name).read_bytes() for name in names}
    replay = first.out.splitlines()[-1]
    subprocess.run(replay, shell=True, capture_output=True, env=environment, timeout=60, check=True)
    assert {name: Path(name).read_bytes() for name in names} == made


def test_folds_tell_r2_and_errors_in_the_units_of_the_data(good):
    out = good(f"{SHORT.replace(' --no-curves', '')} --label price --folds 3 --patience 3")
    lines = re.findall(r"^fold \d/3 - R²: (\S+) - MAE: (\S+)$", out, re.MULTILINE)
    assert np.mean([float(r2) for r2, _ in lines]) > 0.97
    assert all(1000 < float(mae) < 10000 for _, mae in lines)
    means = dict(re.findall(r"^(R²|MAE|RMSE) +(\S+) ± ", out, re.MULTILINE))
    assert means.keys() == {"R²", "MAE", "RMSE"}
    assert float(means["MAE"]) == pytest.approx(np.mean([float(mae) for _, mae in lines]), rel=1e-3)


@pytest.mark.parametrize("option", ["--threshold 0.3", "--positive a"])
def test_options_of_classes_are_refused_for_a_model_of_numbers(good, bad, option):
    good(f"{SHORT} --label price --epochs 1")
    line = bad(f"predict model.safetensors houses.csv {option}")
    assert f"{option.split()[0]} is for models of two classes, this one predicts numbers (price)" in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--task regresion", "did you mean regression?"),
        (
            "--task classification --loss mse",
            "--loss meanSquaredError is for regression, not for --task classification",
        ),
        ("--task regression --class-weights balanced", "--class-weights is for classification"),
        ("--class-weights balanced", "--class-weights is for classification, the task is regression"),
        (
            "--metrics accuracy",
            "--metrics accuracy is for classification, the task is regression: that has r2, mae, rmse",
        ),
        ("--metrics rmsee", "unknown name 'rmsee'; did you mean rmse?"),
        ("--metrics r2 R2", "--metrics: r2 is asked for twice"),
    ],
)
def test_options_that_do_not_fit_numbers_are_refused(bad, folder, options, expected):
    assert expected in bad(f"{SHORT} --label price {options}")
    assert [path.name for path in folder.iterdir()] == ["houses.csv"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u,y\n1,2.5\n2,x\n", "t.csv, line 3, column 2 ('y'): 'x' is not a number; the label of a regression is"),
        ("u,y\n1,2.5\n2,\n", "t.csv, line 3, column 2 ('y'): the cell is empty, expected a number"),
        ("u,y\n1,2.5\n2,2.5\n", "t.csv: 'y' holds one number only, 2.5; different ones are expected"),
    ],
)
def test_labels_that_are_no_numbers_are_named(bad, text, expected):
    Path("t.csv").write_text(text)
    assert expected in bad("train --dataset t.csv --loss mse --no-curves")


def test_a_missing_number_among_many_is_refused_with_its_place(bad):
    lines = Path("houses.csv").read_text().splitlines()
    lines[50] = "100,3,NA"
    Path("houses.csv").write_text("\n".join(lines) + "\n")
    assert "houses.csv, line 51, column 3 ('price'): 'NA' is not a number" in bad(f"{SHORT} --label price")
