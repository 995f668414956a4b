"""Extremes of data and options: a clear error or the right result, and never a model with NaN in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.setting import N, fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import cli, nn, optim
from tinygrad_mlp.errors import ModelFileError, NonFiniteError, OptionError, ShapeError


def by_hand(size: int) -> dict[str, np.ndarray]:
    """Two epochs of plain gradient steps, written out."""
    model, (X, y), rng = network(), rows(), np.random.default_rng(5)
    for _ in range(2):
        order = rng.permutation(N)
        for start in range(0, N, size):
            chosen = order[start : start + size]
            gradients = tg.grad(
                tg.softmax_cross_entropy(model(X[chosen].astype(np.float32)), y[chosen]), model.parameters()
            )
            for p, g in zip(model.parameters(), gradients, strict=True):
                p.data -= np.float32(0.1) * g
    return model.state_dict()


@pytest.mark.parametrize("size", [1, N - 1, N, N + 1, 10**9])
def test_batches_of_one_row_of_all_rows_and_of_more(size: int) -> None:
    model = network()
    fitted(model, optimizer=optim.SGD(model, 0.1), batch_size=size, epochs=2)
    for name, expected in by_hand(size).items():
        np.testing.assert_allclose(model.state_dict()[name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_a_batch_size_that_is_none_is_refused(size: Any) -> None:
    with pytest.raises(OptionError, match="batch_size"):
        fitted(network(), batch_size=size)


def test_no_rows_are_refused_and_one_row_is_learnt() -> None:
    with pytest.raises(ShapeError, match=r"X \(0, 3\) has no rows"):
        fitted(network(), train=(np.empty((0, 3)), np.empty(0, int)))
    model = network()
    history = fitted(model, train=rows(0, 1), optimizer=optim.Adam(model, 0.1), epochs=50)
    assert history["accuracy"][-1] == 1


def test_one_class_only_is_learnt_as_such() -> None:
    model = network()
    fitted(model, train=(rows()[0], np.ones(N, int)), optimizer=optim.Adam(model, 0.1), epochs=50)
    assert (tg.predict(model, rows(3)[0]).argmax(axis=1) == 1).all()


def test_a_constant_column_is_nothing_after_scaling() -> None:
    X, y = rows()
    scaled = tg.data.StandardScaler().fit_transform(np.c_[X, np.full(N, 1e9)])
    assert (scaled[:, 3] == 0).all()
    model = nn.Dense(4, 8, rng=1) >> nn.BatchNorm(8) >> nn.ReLU() >> nn.Dense(8, 2, rng=2)
    assert fitted(model, train=(scaled, y), epochs=30)["accuracy"][-1] > 0.9


@pytest.mark.parametrize("rule", [optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW, optim.AdaGrad])
def test_a_learning_rate_of_a_million_is_an_error_that_says_so_or_finite(rule: Any, tmp_path: Path) -> None:
    model = network()
    before = model.state_dict()
    said = "epoch 1: a smaller learning rate often helps"
    try:
        fitted(model, optimizer=rule(model, 1e6), epochs=20)
        assert not same_weights(model.state_dict(), before)
    except NonFiniteError as error:
        said = str(error)
    assert said.startswith("epoch ")
    assert said.endswith("a smaller learning rate often helps")
    assert all(np.isfinite(values).all() for values in model.state_dict().values())
    tg.save(model, tmp_path / "m")
    assert same_weights(tg.load(tmp_path / "m").state_dict(), model.state_dict())


def test_a_model_with_nan_is_never_written(tmp_path: Path) -> None:
    model = network()
    tg.save(model, tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    model.parameters()[0].data = np.full((3, 8), np.nan)
    with pytest.raises(ModelFileError, match="not finite"):
        tg.save(model, tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words", "code", "reason"),
    [
        ("x,label\n" + "1,a\n" * 9, "", 2, "'label' has one class only, 'a'; at least 2 classes are expected"),
        ("x,c,label\n" + "1,5,a\n2,5,b\n3,5,a\n" * 9, "", 0, ""),
        ("x,label\n" + "1,a\n2,b\n" * 9, "--batch-size 0", 2, "a whole number of at least 1 is expected"),
        ("x,label\n" + "1,a\n2,b\n" * 9, "--batch-size 1000", 0, ""),
        ("x,label\n" + "1,a\n2,b\n" * 9, "--batch-size 1", 0, ""),
        ("x,label\n1,a\n2,b\n", "", 2, "class 'a' has 1 row"),
        (
            "x,label\n" + "1,a\n2,b\n" * 9,
            "--optimizer sgd --learning-rate 1e38",
            2,
            "a smaller learning rate often helps",
        ),
    ],
)
def test_the_command_says_so_or_saves_a_finite_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str, code: int, reason: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    base = f"train --dataset {tmp_path}/t.csv --model {tmp_path}/m --no-curves --seed 1 --epochs 5 --layer 4"
    assert cli.main([*base.split(), *words.split()]) == code
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if "warning" not in line]
    assert len(lines) == (code == 2)
    assert reason in err
    assert (tmp_path / "m").exists() == (code == 0)
    if code == 0:
        assert all(np.isfinite(values).all() for values in tg.load(tmp_path / "m").state_dict().values())
