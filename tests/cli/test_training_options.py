"""`train`: optimizers, schedules, dropout and class weights do what they say."""

import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import optim
from tinygrad_mlp.cli.optimizer import OPTIMIZER_CLASSES, SCHEDULES, build_loss, build_optimizer, build_schedule
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training import History, Run

SHORT = "train --dataset raw.csv --layer 6 --epochs 6 --seed 1 --no-curves --history h.csv"


@pytest.fixture
def table(raw, good):
    Path("raw.csv").write_bytes(Path(raw).read_bytes())


def rates(name, epochs, warm_up=0, losses=()):
    """The learning rate in each epoch."""
    optimizer = optim.SGD([tg.Tensor([1.0], requires_grad=True)], 1.0)
    callback = build_schedule(optimizer, Namespace(schedule=name, epochs=epochs, warm_up=warm_up))
    run = Run(tg.nn.Sequential(), optimizer, epochs, validated=True, history=History())
    callback.start(run)
    seen = []
    for epoch in range(epochs):
        seen.append(optimizer.learning_rate)
        run.history.append({"val_loss": losses[epoch] if losses else 1.0})
        callback.epoch(run)
    return seen


def test_constant_stays():
    assert rates("constant", 3) == [1, 1, 1]


def test_step_drops_after_each_third():
    np.testing.assert_allclose(rates("step", 6), [1, 1, 0.1, 0.1, 0.01, 0.01])


def test_exponential_ends_near_a_hundredth():
    np.testing.assert_allclose(rates("exponential", 4), 0.01 ** np.array([0, 0.25, 0.5, 0.75]))


def test_cosine_goes_down_to_0_after_the_last_epoch():
    np.testing.assert_allclose(rates("cosine", 2), [1, 0.5])


def test_plateau_halves_when_the_loss_stays():
    assert rates("plateau", 9) == [1] * 7 + [0.5] * 2
    assert rates("plateau", 9, losses=[1 / n for n in range(1, 10)]) == [1] * 9


def test_warm_up_climbs_before_the_schedule():
    np.testing.assert_allclose(rates("cosine", 5, warm_up=3), [0.25, 0.5, 0.75, 1, 0.5])


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_trains(table, good, name):
    out = good(f"{SHORT} --schedule {name}")
    assert "epoch 6/6" in out


@pytest.mark.parametrize("name", OPTIMIZER_CLASSES)
def test_every_optimizer_is_made_with_its_class_and_learns(table, good, name):
    model = tg.nn.Dense(2, 2, rng=0)
    settled = Namespace(
        optimizer=name, learning_rate=0.25, momentum=0.5, nesterov=False, weight_decay=0.125, epochs=1, warm_up=0
    )
    made = build_optimizer(model, settled)
    assert type(made) is OPTIMIZER_CLASSES[name]
    assert (made.learning_rate, made.weight_decay) == (0.25, 0.125)
    good(f"{SHORT} --optimizer {name}")
    losses = History.from_csv("h.csv")["loss"]
    assert losses[-1] < losses[0]


def test_dropout_stands_behind_each_activation_and_not_behind_the_last_layer(table, good):
    out = good(f"{SHORT} --layer 6 4 --dropout 0.25 --activation gelu")
    layers = re.findall(r"^\d  (\S+)\(", out, re.MULTILINE)
    assert layers == ["Dense", "GELU", "Dropout", "Dense", "GELU", "Dropout", "Dense"]
    assert TrainedModel.load("model.safetensors").model.layers[2].p == 0.25


def test_balanced_classes_weigh_the_same_together():
    labels = np.array([0, 0, 0, 1])
    loss = build_loss(labels, 2, Namespace(loss="categoricalCrossentropy", class_weights="balanced"))
    z = tg.Tensor(np.array([[1.0, 0.0]] * 4), requires_grad=True)
    value = loss(z, labels)
    right, wrong = np.log(1 + np.exp(-1)), np.log(1 + np.exp(1))
    np.testing.assert_allclose(value.item(), (right + wrong) / 2)


def test_balanced_weights_change_the_training(table, good):
    good(SHORT)
    plain = History.from_csv("h.csv")["loss"]
    good(f"{SHORT} --class-weights balanced")
    assert History.from_csv("h.csv")["loss"] != plain


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--schedule cosin", "did you mean cosine?"),
        ("--optimizer adagard", "did you mean adagrad?"),
        ("--dropout 1", "'1' given, a number of at least 0 and below 1"),
        ("--class-weights equal", "balanced"),
        ("--warm-up 2 --schedule plateau", "--warm-up does not go with --schedule plateau"),
        ("--warm-up 6", "--warm-up 6 leaves none of the 6 epochs"),
    ],
)
def test_options_that_cannot_be_used_are_refused(table, bad, options, expected):
    assert expected in bad(f"{SHORT} {options}")


@pytest.mark.parametrize(("option", "name"), [("--clip-norm", "clip_norm"), ("--clip-value", "clip_value")])
def test_clipping_changes_the_training_and_a_limit_that_is_never_reached_does_not(table, good, option, name):
    sgd = f"{SHORT} --optimizer sgd"  # a step of Adam has its size whatever the gradients' is
    good(sgd)
    plain = History.from_csv("h.csv")["loss"]
    good(f"{sgd} {option} 1e6")
    assert History.from_csv("h.csv")["loss"] == plain
    good(f"{sgd} {option} 0.001")
    clipped = History.from_csv("h.csv")["loss"]
    assert 0 < clipped[0] - clipped[-1] < 0.3 * (plain[0] - plain[-1])
    assert TrainedModel.load("model.safetensors").facts[name] == 0.001


@pytest.mark.parametrize("option", ["--clip-norm", "--clip-value"])
@pytest.mark.parametrize("limit", ["0", "-1", "inf", "nan", "one"])
def test_a_limit_that_is_not_above_0_is_refused(table, bad, option, limit):
    assert f"{option}: {limit!r} given, a number above 0 is expected" in bad(f"{SHORT} {option} {limit}")


def test_gradient_norms_go_into_the_history(table, good, bad):
    good(SHORT)
    plain = History.from_csv("h.csv")
    good(f"{SHORT} --gradient-norms")
    history = History.from_csv("h.csv")
    paths = [f"layers.{i}.{name}" for i in (0, 2) for name in "Wb"]
    assert history.names == [
        *plain.names,
        *(f"gradient_norm/{p}" for p in paths),
        *(f"update_ratio/{p}" for p in paths),
    ]
    assert history["loss"] == plain["loss"]
    assert all(min(history[name]) > 0 for name in history.names)
    line = bad("train --dataset raw.csv --gradient-norms")
    assert "--gradient-norms needs --history FILE.csv: that is where they are written" in line


def test_folds_are_trained_with_clipped_gradients(table, good):
    words = "train --dataset raw.csv --layer 6 --epochs 2 --seed 1 --folds 2 --optimizer sgd --metrics log_loss"
    loss = re.compile(r"^fold 1/2 - cross-entropy: (\S+)$", re.MULTILINE)
    plain, clipped = (float(loss.search(good(f"{words}{more}"))[1]) for more in ("", " --clip-norm 1e-6"))
    assert plain < clipped - 0.1
