"""`tinygrad-mlp gradcheck`: a saved model on rows of a table, and all operations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.cli import main


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A small trained model, and the table that it was trained on."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = ["a,b,kind", *(f"{a:.3f},{b:.3f},{'yes' if a + b > 0 else 'no'}" for a, b in rng.normal(size=(40, 2)))]
    Path("data.csv").write_text("\n".join(rows) + "\n", "utf-8")
    words = "train --dataset data.csv --layer 5 --epochs 3 --seed 1 --no-curves --label kind --valid-ratio 0.5"
    assert main(words.split()) == 0
    return "model.safetensors", "data.csv"


def test_a_right_model_passes(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["gradcheck", *files]) == 0
    out = capsys.readouterr().out
    assert "PASS, order 1, 27 of 27 elements compared" in out
    assert "layers.2.b" in out
    assert main(["gradcheck", *files, "--only", "layers.0.*", "--order", "2", "--rows", "7"]) == 0
    out = capsys.readouterr().out
    assert "order 1 and 2, 15 of 15 elements" in out
    assert "layers.2" not in out


def test_a_wrong_operation_fails_and_is_named(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(x: Any) -> Any:
        return np.maximum(x, 0), lambda g: g * 0.5 * (x > 0)

    monkeypatch.setattr(tg.relu, "body", wrong)
    capsys.readouterr()
    assert main(["gradcheck", *files]) == 1
    out = capsys.readouterr().out
    assert "FAIL" in out
    assert "`relu` in layers.1" in out
    assert "factor: 0.5 times" in out
    assert main(["gradcheck", *files, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "fail"
    assert found["guilty"][0]["operation"] == "relu"


def test_a_regression_is_checked_with_its_own_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = ["a,b,y", *(f"{a:.3f},{b:.3f},{100 * a - b:.4f}" for a, b in rng.normal(size=(40, 2)))]
    Path("data.csv").write_text("\n".join(rows) + "\n", "utf-8")
    words = "train --dataset data.csv --layer 4 --epochs 2 --seed 1 --no-curves --label y --loss huber"
    assert main(words.split()) == 0
    capsys.readouterr()
    assert main(["gradcheck", "model.safetensors", "data.csv"]) == 0
    assert "17 of 17 elements compared" in capsys.readouterr().out


def test_all_operations_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck", "--all-ops"]) == 0
    out = capsys.readouterr().out
    assert "arithmetic.matmul_" in out
    assert " fail" not in out
    assert main(["gradcheck", "--all-ops", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("gradcheck --all-ops model.safetensors", "--all-ops checks the package's operations"),
        ("gradcheck model.safetensors", "DATA.csv is expected"),
        ("gradcheck model.safetensors data.csv --order 3", "--order is 3; 1 or 2"),
        ("gradcheck model.safetensors data.csv --only layer.0", "leaves nothing to check; there is layers.0.W"),
        ("gradcheck model.safetensors unlabelled.csv", "there is no column 'kind'; the loss needs it"),
    ],
)
def test_bad_use_is_one_line(
    words: str, message: str, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("unlabelled.csv").write_text("a,b\n1.5,2.5\n", "utf-8")
    capsys.readouterr()
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_model_with_dropout_is_checked_in_evaluation_mode(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "train --dataset data.csv --layer 5 --epochs 2 --seed 1 --no-curves --label kind --dropout 0.5"
    assert main([*words.split(), "--model", "d.safetensors"]) == 0
    assert isinstance(tg.load("d.safetensors"), nn.Sequential)
    assert main(["gradcheck", "d.safetensors", "data.csv"]) == 0
