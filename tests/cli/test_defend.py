"""`defend`: a corrector's questions about a saved model, answered with its own numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp import nn
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.files import TrainedModel


@pytest.fixture
def model(good, points):
    points()
    good("train --dataset points.csv --layer 4 3 --epochs 2 --seed 1 --no-curves")
    return "model.safetensors"


def test_it_prints_the_answers_with_the_models_own_numbers(good, model):
    out = good(f"defend {model} points.csv")
    assert out.startswith("points.csv: 24 rows, 2 columns; label kind: a 12, b 12\n\nThe defence: ")
    assert "A network 2-4-3-2 with ReLU, 35 weights, and a batch of 24 rows" in out
    assert re.findall(r"^(\d+)\. ", out, re.MULTILINE) == [str(n) for n in range(1, 20)]
    assert "✗" not in out
    trained = TrainedModel.load(model)
    lines = Path("points.csv").read_text().splitlines()[1:]
    X = np.array([[float(cell) for cell in line.split(",")[:2]] for line in lines])
    labels = np.array([line.endswith("b") for line in lines]).astype(int)
    p = trained.probabilities(X)
    losses = -np.log(p[np.arange(24), labels])
    found = re.search(r"here of 24 rows:\s+(\S+)\. Row (\d+)", " ".join(out.split()))
    assert float(found[1]) == pytest.approx(losses.mean(), rel=1e-4)
    assert losses[int(found[2]) - 1] == pytest.approx(losses.max(), rel=1e-4)


def test_a_row_a_batch_and_a_rate_can_be_chosen(good, model):
    out = " ".join(good(f"defend {model} points.csv --row 5 --rows 6 --learning-rate 0.5").split())
    assert "a batch of 6 rows" in out
    assert "Here it is row 5 of the table" in out
    assert " − 0.5·" in out


def test_a_model_trained_with_sgd_makes_steps_of_its_own_rate(good, points):
    points()
    good("train --dataset points.csv --layer 4 3 --epochs 2 --seed 1 --no-curves --learning-rate 0.0314")
    assert " − 0.0314·" in good("defend model.safetensors points.csv --question 12")


def test_a_question_can_be_answered_alone(good, model):
    out = good(f"defend {model} points.csv --question 8")
    assert out.startswith("8. What is backpropagation?\n")
    assert "Feed-forward" not in out
    assert out.count("?\n") == 1


@pytest.mark.parametrize(
    ("name", "start"), [("a.html", "<!doctype html>"), ("a.md", "# The defence"), ("a.txt", "The d")]
)
def test_the_answers_are_written_to_one_file(good, model, folder, name, start):
    before = (folder / model).read_bytes()
    files = {*folder.iterdir()}
    out = good(f"defend --dataset points.csv --model {model} --output {name}")
    assert out.endswith(f"answers  {name}\n")
    text = (folder / name).read_text("utf-8")
    assert text.startswith(start)
    assert f"tinygrad-mlp defend {model} points.csv --output {name}" in text
    assert {*folder.iterdir()} == {*files, folder / name}
    assert (folder / model).read_bytes() == before
    good(f"defend {model} points.csv --output {name}")
    assert (folder / name).read_text("utf-8") == text


def test_three_classes_numbers_and_a_network_file_are_defended(good, points):
    points("three.csv", ("a", "b", "c"))
    good("train --dataset three.csv --layer 5 5 --activation tanh --epochs 2 --seed 1 --no-curves")
    assert "This model has 3, so it does not apply as it is written" in " ".join(
        good("defend model.safetensors three.csv").split()
    )
    rows = "\n".join(f"{i},{i % 7},{1.5 * i + 0.25}" for i in range(30))
    Path("n.csv").write_text(f"a,b,price\n{rows}\n")
    good("train --dataset n.csv --label price --loss mae --epochs 2 --seed 1 --no-curves")
    out = good("defend model.safetensors n.csv")
    assert "whose price is" in " ".join(out.split())
    assert "mean absolute error" in out
    layers = (
        '[{"type": "Dense", "units": 4}, {"type": "BatchNorm"}, {"type": "GELU"}, {"type": "Dropout", "rate": 0.2}]'
    )
    Path("net.json").write_text(f'{{"layers": {layers}}}')
    good("train --dataset three.csv --network net.json --epochs 2 --seed 1 --no-curves")
    assert "n₁ = BatchNorm(z₁)" in good("defend model.safetensors three.csv --question 1")


def test_a_claim_that_does_not_hold_is_the_exit_code(run, model, monkeypatch):
    from tinygrad_mlp.views.defence import forward

    monkeypatch.setattr(forward, "same", lambda one, other: False)
    result = run(f"defend {model} points.csv")
    assert (result.code, result.err) == (1, "")
    assert "✗ the whole batch by hand" in result.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("defend", "a file is missing: MODEL is expected"),
        ("defend model.safetensors", "a file is missing: DATA.csv is expected"),
        ("defend model.safetensors pionts.csv", "pionts.csv: there is no such file; did you mean points.csv?"),
        ("defend model.safetensors points.csv --row 25", "--row 25: points.csv has 24 rows"),
        ("defend model.safetensors points.csv --row 0", "--row: '0' given, a whole number of at least 1"),
        ("defend model.safetensors points.csv --question 20", "--question 20: there are 19 questions"),
        ("defend model.safetensors points.csv --output a.pdf", "--output a.pdf: a file that ends in .html, .md"),
        ("defend model.safetensors points.csv --output no/a.md", "--output no/a.md: there is no folder no"),
        ("defend model.safetensors points.csv --question 1 --output a.md", "--question does not go with --output"),
        ("defend model.safetensors points.csv --learning-rate 0", "--learning-rate: '0' given, a number above 0"),
        ("defend points.csv points.csv", "points.csv"),
    ],
)  # fmt: skip
def test_what_cannot_be_defended_is_refused(bad, model, words, message):
    assert message in bad(words)


def test_a_table_without_labels_and_a_model_without_dense_layers_are_refused(bad, model):
    Path("new.csv").write_text("width,height\n1,2\n3,4\n")
    assert "there is no column 'kind'; the loss needs it" in bad(f"defend {model} new.csv")
    scaler = StandardScaler().fit([[0.0, 1.0], [1.0, 3.0]])
    TrainedModel(nn.Sequential(nn.Tanh()), scaler, ("a", "b"), ("width", "height"), "kind").save("none.safetensors")
    assert "defend: Tanh has no dense layer; a Sequential" in bad("defend none.safetensors points.csv")
