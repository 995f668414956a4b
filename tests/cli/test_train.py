"""`train`: the exercise's lines and options, the same bytes for the same seed, and what a model file then holds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp.cli import drawing, train
from tinygrad_mlp.data import load_breast_cancer, read_csv
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training import History

EXERCISE = "--layer 24 24 24 --epochs 84 --loss categoricalCrossentropy --batch_size 8 --learning_rate 0.0314"
FILES = ("model.safetensors", "history.csv", "model_curves.png")


def epochs(out):
    return [line for line in out.splitlines() if line.startswith("epoch ")]


def test_the_lines_of_the_exercise(good, raw):
    rows = Path(raw).read_text().splitlines()
    Path("raw.csv").write_text("\n".join(rows[:427]) + "\n")
    good("split raw.csv --seed 2")
    out = good(f"train --dataset raw_train.csv --valid raw_valid.csv {EXERCISE} --seed 1 --history history.csv")
    lines = out.splitlines()
    at = lines.index("x_train shape : (342, 30)")
    assert lines[at + 1] == "x_valid shape : (85, 30)"
    history = History.from_csv("history.csv")
    assert len(history) == 84
    expected = [
        f"epoch {e:02}/84 - loss: {loss:.4f} - val_loss: {val:.4f}"
        for e, (loss, val) in enumerate(zip(history["loss"], history["val_loss"], strict=True), 1)
    ]
    assert lines[at + 2 : at + 86] == expected
    assert history["val_accuracy"][-1] > 0.9
    assert "Dense(30, 24)" in out
    assert all(Path(name).stat().st_size for name in FILES)


def test_the_real_command_shows_the_same_in_a_pipe(good, real, header):
    words = f"train --dataset header.csv {EXERCISE} --epochs 5 --seed 1"
    result = real(words)
    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out
    here = good(words).splitlines()
    assert result.out.splitlines()[:-1] == here[:-1]  # the last line tells how the program was started
    assert here[0] == "header.csv: 569 rows, 30 columns; label Diagnosis: B 357, M 212; left out: ID"


def test_with_and_without_a_header_the_same_is_learned(good, raw, header):
    for table in (raw, header):
        good(f"train --dataset {table} --epochs 3 --seed 5 --history {table}.history --no-curves")
    assert Path("raw.csv.history").read_bytes() == Path("header.csv.history").read_bytes()


@pytest.mark.parametrize(
    "loss", ["categoricalCrossentropy", "binaryCrossentropy", "BINARY_CROSSENTROPY", "Categorical-CrossEntropy"]
)
def test_either_loss_in_any_case_is_the_same_on_two_classes(good, points, loss):
    points()
    outs = [
        epochs(good(f"train --dataset points.csv --epochs 4 --seed 1 --no-curves --loss {name}"))
        for name in ("categoricalCrossentropy", loss)
    ]
    assert len(outs[0]) == 4
    assert outs[0] == outs[1]


def test_binary_cross_entropy_is_refused_for_three_classes(bad, points):
    points(classes=("a", "b", "c"))
    line = bad("train --dataset points.csv --loss binaryCrossentropy")
    assert "is for 2 classes, the data have 3: use categoricalCrossentropy" in line


@pytest.mark.parametrize(
    "words",
    ["--batch_size 4 --learning_rate 0.1", "--batch-size=4 --learning-rate=0.1", "--batch_size=4 --learning-rate 0.1"],
)
def test_dashes_and_underscores_are_the_same(good, points, words):
    points()
    out = good(f"train --dataset points.csv --epochs 2 --seed 1 --no-curves {words}")
    facts = TrainedModel.load("model.safetensors").facts
    assert (facts["batch_size"], facts["learning_rate"]) == (4, 0.1)
    assert len(epochs(out)) == 2


def test_without_options_there_are_two_hidden_layers(good, points):
    points()
    good("train --dataset points.csv --seed 1 --no-curves")
    assert repr(TrainedModel.load("model.safetensors").model).count("ReLU()") == 2


def test_the_same_seed_gives_the_same_bytes_in_five_processes(real, raw, folder):
    found = set()
    for _ in range(5):
        result = real(f"train --dataset raw.csv {EXERCISE} --epochs 4 --seed 7 --history history.csv")
        assert (result.code, result.err) == (0, "")
        found.add(tuple((folder / name).read_bytes() for name in FILES))
    assert len(found) == 1
    good = real(f"train --dataset raw.csv {EXERCISE} --epochs 4 --seed 8 --history history.csv")
    assert good.code == 0
    assert (folder / "model.safetensors").read_bytes() not in {model for model, _, _ in found}


@pytest.mark.parametrize("module", [False, True])
def test_the_replay_command_at_the_end_gives_the_same_bytes(real, program, environment, points, folder, module):
    points("my points.csv")
    start = [sys.executable, "-m", "tinygrad_mlp"] if module else program
    words = [
        *start,
        "train",
        "--epochs",
        "6",
        "--patience",
        "2",
        "--history",
        "history.csv",
        "--dataset",
        "my points.csv",
    ]
    first = real("", start=words)
    assert (first.code, first.err) == (0, "")
    made = {name: (folder / name).read_bytes() for name in FILES}
    for name in FILES:
        (folder / name).unlink()
    *_, heading, replay = first.out.splitlines()
    assert heading == "the same again, byte for byte:"
    again = subprocess.run(replay, shell=True, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert {name: (folder / name).read_bytes() for name in FILES} == made
    assert epochs(again.stdout) == epochs(first.out)
    assert ", drawn for this run" in first.out
    assert ", drawn for this run" not in again.stdout


def test_the_curves_are_of_the_kind_that_is_asked_for(good, points):
    points()
    good("train --dataset points.csv --epochs 2 --seed 1 --curves here.svg")
    assert Path("here.svg").read_bytes().startswith(b"<?xml")
    assert not Path("model_curves.png").exists()
    good("train --dataset points.csv --epochs 2 --seed 1 --model other.safetensors")
    assert Path("other_curves.png").read_bytes().startswith(b"\x89PNG")
    good("train --dataset points.csv --epochs 2 --seed 1 --model third.safetensors --no-curves")
    assert not Path("third_curves.png").exists()


def test_earlier_runs_are_drawn_into_the_same_curves(good, points, monkeypatch):
    points()
    drawn = []
    monkeypatch.setattr(drawing, "draw_curves", lambda histories, path, show: drawn.append((histories, path, show)))
    good("train --dataset points.csv --epochs 2 --seed 1 --history first.csv --no-curves")
    good("train --dataset points.csv --epochs 3 --seed 2 --model second --compare first.csv")
    [(histories, path, show)] = drawn
    assert {name: len(history) for name, history in histories.items()} == {"first.csv": 2, "second": 3}
    assert (path, show) == (Path("second_curves.png"), False)


def test_a_window_opens_only_when_asked_for(good, points, monkeypatch):
    import matplotlib.pyplot as plt

    points()
    opened = []
    monkeypatch.setattr(plt, "show", lambda block: opened.append(block))
    good("train --dataset points.csv --epochs 2 --seed 1")
    assert opened == []
    out = good("train --dataset points.csv --epochs 2 --seed 1 --show")
    assert opened == [True]
    assert "model_curves.png (no window: there is no display)" in out
    assert "not saved (no window: there is no display)" in good(
        "train --dataset points.csv --epochs 2 --seed 1 --show --no-curves"
    )


def test_without_matplotlib_the_model_is_trained_and_a_line_says_what_is_missing(good, bad, points, monkeypatch):
    points()
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    out = good("train --dataset points.csv --epochs 2 --seed 1")
    assert "curves  not drawn: that needs matplotlib, pip install 'tinygrad_mlp[cli]'" in out
    assert Path("model.safetensors").exists()
    line = bad("train --dataset points.csv --epochs 2 --curves a.png")
    assert "the curves are not drawn: that needs matplotlib" in line


def test_early_stopping_keeps_the_best_weights_and_says_so(good, raw):
    out = good("train --dataset raw.csv --optimizer adam --learning-rate 0.02 --patience 3 --seed 1 --history h.csv")
    val = History.from_csv("h.csv")["val_loss"]
    best = int(np.argmin(val)) + 1
    assert len(val) == best + 3 < 84
    sentence = f"stopped after epoch {best + 3}: no better one in 3 epochs; kept epoch {best} (val_loss {min(val):.4f})"
    assert sentence in out.splitlines()
    facts = TrainedModel.load("model.safetensors").facts
    assert (facts["epochs_run"], facts["kept_epoch"]) == (best + 3, best)


def test_patience_that_is_never_used_up_keeps_the_best_weights_too(good, points):
    points()
    out = good("train --dataset points.csv --epochs 3 --patience 50 --seed 1 --no-curves")
    assert "\nkept the weights of epoch 3 (val_loss " in out


def test_rows_are_held_back_for_validation_as_split_deals_them(good, raw):
    good("split raw.csv --seed 9 --ratio 0.75")
    good("train --dataset raw.csv --valid-ratio 0.25 --epochs 2 --seed 9 --history one.csv --no-curves")
    good("train --dataset raw_train.csv --valid raw_valid.csv --epochs 2 --seed 9 --history two.csv --no-curves")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_the_scaler_is_fitted_on_the_training_rows_alone(good, raw):
    good("split raw.csv")
    good("train --dataset raw_train.csv --valid raw_valid.csv --epochs 1 --seed 1 --no-curves")
    trained = TrainedModel.load("model.safetensors")
    rows = read_csv("raw_train.csv").features
    np.testing.assert_allclose(trained.scaler.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(trained.scaler.scale, rows.std(axis=0), rtol=1e-12)
    assert trained.classes == ("B", "M")
    assert len(trained.feature_names) == 30


def test_the_model_file_tells_how_it_was_trained_but_no_path(good, points, folder):
    points()
    good("train --dataset points.csv --epochs 2 --optimizer sgd --momentum 0.9 --nesterov --weight-decay 0.01 --seed 3")
    content = (folder / "model.safetensors").read_bytes()
    assert str(folder).encode() not in content
    assert b"points.csv" not in content
    facts = TrainedModel.load("model.safetensors").facts
    expected = {
        "layer": [24, 24],
        "activation": "relu",
        "weights_initializer": "he",
        "optimizer": "sgd",
        "learning_rate": 0.03,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "epochs": 2,
        "seed": 3,
        "rows": {"training": 19, "validation": 5},
    }
    assert {name: facts[name] for name in expected} == expected


@pytest.mark.parametrize("optimizer", ["sgd", "RMSprop", "ADAM"])
def test_each_optimizer_learns(good, points, optimizer):
    points(classes=("a", "b", "c"), each=20)
    rate = {"sgd": 0.05}.get(optimizer, 0.01)
    words = f"--optimizer {optimizer} --learning-rate {rate} --seed 1"
    good(f"train --dataset points.csv {words} --history h.csv --no-curves")
    history = History.from_csv("h.csv")
    assert history["val_accuracy"][-1] == 1
    assert history["val_loss"][-1] < 0.1 * history["val_loss"][0]


@pytest.mark.parametrize("activation", ["relu", "leakyReLU", "sigmoid", "Tanh"])
def test_each_activation_is_saved_with_the_model(good, points, activation):
    points()
    good(f"train --dataset points.csv --epochs 1 --seed 1 --layer 5 --activation {activation} --no-curves")
    layer = TrainedModel.load("model.safetensors").model[1]
    assert type(layer).__name__.lower() == activation.lower()


def test_any_number_of_classes_and_columns_of_a_library_table(good):
    table = load_breast_cancer()
    sizes = np.digitize(table.features[:, 0], [12, 15, 20])
    lines = [",".join([*(f"f{i}" for i in range(1, 30)), "size"])]
    lines += [",".join([*map(str, row[1:].tolist()), str(c)]) for row, c in zip(table.features, sizes, strict=True)]
    Path("sizes.csv").write_text("\n".join(lines) + "\n")
    out = good("train --dataset sizes.csv --label size --epochs 20 --seed 1 --history h.csv --no-curves")
    assert out.startswith("sizes.csv: 569 rows, 29 columns; label size: 0 ")
    assert "Dense(24, 4)" in out
    largest = np.bincount(sizes).max() / len(table)
    assert History.from_csv("h.csv")["val_accuracy"][-1] > largest + 0.3


def test_a_loss_that_is_no_number_ends_the_training_and_leaves_no_model(bad, raw, folder):
    line = bad("train --dataset raw.csv --learning-rate 1e30 --seed 1")
    assert "epoch 1, batch 2: the loss is " in line
    assert line.endswith("a smaller learning rate often helps")
    assert [path.name for path in folder.iterdir()] == ["raw.csv"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("width,height,kind\n1,2,a\n2,3,a\n", "'kind' has one class only, 'a'; at least 2 classes are expected"),
        ("width,height,kind\n1,2,a\n2,3,a\n3,4,b\n", "class 'b' has 1 row; at least 2 are expected"),
        ("width,height,kind\n1,2,a\n2,,a\n3,4,b\n", "t.csv, line 3, column 2 ('height'): the cell is empty"),
        ("width,height,kind\n", "t.csv, line 1: a header and no row after it"),
    ],
)
def test_a_table_that_nothing_can_be_learned_from_is_refused(bad, folder, text, expected):
    Path("t.csv").write_text(text)
    assert expected in bad("train --dataset t.csv")
    assert [path.name for path in folder.iterdir()] == ["t.csv"]


def test_a_validation_file_with_other_columns_or_classes_is_refused(bad, points):
    points()
    Path("other.csv").write_text("width,depth,kind\n1,2,a\n")
    assert "no column is named 'height'" in bad("train --dataset points.csv --valid other.csv")
    points("classes.csv", classes=("a", "b", "c"))
    assert "'c' is an unknown class, expected one of 'a', 'b'" in bad("train --dataset points.csv --valid classes.csv")


def test_how_to_start_the_program_again(monkeypatch):
    for script, found, expected in [
        ("/bin/tinygrad-mlp", "/bin/tinygrad-mlp", ["tinygrad-mlp"]),
        (".venv/bin/tinygrad-mlp", "/bin/tinygrad-mlp", [".venv/bin/tinygrad-mlp"]),
        ("/x/tinygrad_mlp/__main__.py", sys.executable, ["python", "-m", "tinygrad_mlp"]),
        ("/x/tinygrad_mlp/__main__.py", None, [sys.executable, "-m", "tinygrad_mlp"]),
    ]:
        monkeypatch.setattr(sys, "argv", [script])
        monkeypatch.setattr(train.shutil, "which", lambda name, found=found: found)
        assert train.program() == expected
