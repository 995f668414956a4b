"""`--metrics`: in the history, in the lines of the epochs, among the curves, and in the table of the folds."""

import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.cli import drawing
from tinygrad_mlp.data import read_csv
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training import History
from tinygrad_mlp.views.curves import draw_curves

SHORT = "train --dataset header.csv --layer 4 --epochs 3 --seed 1"


@pytest.fixture(autouse=True)
def table(header):
    pass


def test_history_lines_and_curves_have_the_metrics(good, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        drawing, "draw_curves", lambda *args, **how: drawn.append(draw_curves(*args, **how)) or drawn[-1]
    )
    good("split header.csv --seed 2")
    learnt = SHORT.replace("header.csv", "header_train.csv")
    out = good(f"{learnt} --valid header_valid.csv --metrics F1 roc-auc --history h.csv")
    history = History.from_csv("h.csv")
    assert history.names == ["loss", "f1", "roc_auc", "val_loss", "val_f1", "val_roc_auc"]
    last = [
        f"{name}: {history[name][-1]:.4f}" for name in ("loss", "val_loss", "f1", "val_f1", "roc_auc", "val_roc_auc")
    ]
    assert f"epoch 3/3 - {' - '.join(last)}" in out.splitlines()
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes] == ["loss", "f1", "roc_auc"]
    trained, read = TrainedModel.load("model.safetensors"), read_csv("header_valid.csv")
    z = trained.logits(read.features)
    assert history["val_f1"][-1] == tg.metrics.f1(read.labels, z.argmax(axis=1))
    assert history["val_roc_auc"][-1] == pytest.approx(tg.metrics.roc_auc(read.labels, z[:, 1] - z[:, 0]), abs=1e-4)
    assert trained.facts["metrics"] == ["f1", "roc_auc"]


def test_without_metrics_the_lines_tell_the_loss_alone(good):
    out = good(f"{SHORT} --history h.csv --no-curves")
    assert re.search(r"^epoch 3/3 - loss: \S+ - val_loss: \S+$", out, re.MULTILINE)
    assert History.from_csv("h.csv").names == ["loss", "accuracy", "val_loss", "val_accuracy"]


def test_folds_tell_the_metrics_that_are_asked_for(good):
    out = good(f"{SHORT} --folds 2 --metrics f1 brier recall")
    lines = np.array(re.findall(r"^fold \d/2 - F1: (\S+) - Brier score: (\S+)$", out, re.MULTILINE), float)
    found = {title: float(mean) for title, mean in re.findall(r"^(\S.*?) +([0-9.]+) ± ", out, re.MULTILINE)}
    assert list(found) == ["F1", "Brier score", "recall"]
    assert [found["F1"], found["Brier score"]] == pytest.approx(lines.mean(axis=0), abs=1e-4)


def test_metrics_of_two_classes_are_refused_for_three_before_training(bad, points, folder):
    points(classes=("a", "b", "c"))
    line = bad("train --dataset points.csv --metrics accuracy roc_auc")
    assert "--metrics roc_auc is for 2 classes, the data have 3" in line
    assert not Path("model.safetensors").exists()


@pytest.mark.parametrize(
    ("names", "titles", "across"),
    [
        (["rmse", "loss", "r2", "accuracy", "f1"], ["loss", "rmse", "r2", "accuracy", "f1"], 3),
        (["loss", "r2", "mae", "rmse"], ["loss", "r2", "mae", "rmse"], 2),
    ],
)
def test_many_metrics_are_drawn_in_rows_of_three_at_most(names, titles, across):
    history = History()
    for i in range(2):
        row = {name: float(i) for name in names}
        history.append(row | {f"val_{name}": value for name, value in row.items()})
    figure = draw_curves({"m": history})
    assert [axes.get_title() for axes in figure.axes] == titles
    assert [axes.get_subplotspec().colspan.start for axes in figure.axes] == [i % across for i in range(len(titles))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ("adam", 0.001, 0.02, 0.0)),
        ("--optimizer adam", ("adam", 0.001, 0.02, 0.0)),
        ("--optimizer adam --learning-rate 0.1 --weight-decay 0", ("adam", 0.1, 0.0, 0.0)),
        ("--learning-rate 0.1", ("sgd", 0.1, 0.0, 0.0)),
        ("--momentum 0.9", ("sgd", 0.03, 0.0, 0.9)),
        ("--weight-decay 0.5", ("adam", 0.001, 0.5, 0.0)),
        ("--optimizer sgd", ("sgd", 0.03, 0.0, 0.0)),
        ("--optimizer adamw", ("adamw", 0.001, 0.0, 0.0)),
    ],
)
def test_the_optimizer_that_is_taken_is_told(good, options, expected):
    out = good(f"train --dataset header.csv --epochs 1 --seed 1 --no-curves {options}")
    facts = TrainedModel.load("model.safetensors").facts
    names = ("optimizer", "learning_rate", "weight_decay", "momentum")
    assert tuple(facts[name] for name in names) == expected
    optimizer, rate, decay, momentum = expected
    told = f"optimizer: {optimizer}, learning rate {rate:g}"
    told += f", momentum {momentum:g}" * (momentum > 0) + f", weight decay {decay:g}" * (decay > 0)
    assert told in out.splitlines()
