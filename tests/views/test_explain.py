"""The explanation of a backward pass: a table for a terminal, in the order of the pass."""

from __future__ import annotations

import io
import re
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from views import guide_network

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DataError, GradientError, OptionError
from tinygrad_mlp.views.backward_pass import BackwardPass

GOLDEN = Path(__file__).parent / "golden"


def guide() -> Any:
    model = guide_network.model()
    loss = guide_network.loss(of_inputs=True, network=model)
    return tg.explain(loss, optimizer=tg.optim.SGD(model, 0.1))


def chain(n: int) -> tg.Tensor:
    x: Any = tg.Tensor([1.0], requires_grad=True, name="x")
    for _ in range(n):
        x = -x
    return x.sum()


def norm_of(line: str) -> float:
    """The number in the column of norms."""
    return float(line[64:72])


def test_the_guides_steps_formulas_and_norms_line_by_line() -> None:
    lines = guide().text(ascii=False, colour=False).splitlines()
    by_hand = guide_network.by_hand()
    assert lines[0] == f"backward pass: 5 steps from softmax_cross_entropy = {by_hand['loss']:.3g} to 5 parameters"
    start = lines.index("layers.3")
    assert lines[start + 1].startswith("  2 dense ")
    for line, key, formula, target in zip(
        lines[start + 1 : start + 5],
        ["dz2", "dW2", "db2", "dh"],
        ["", "dW = Xᵀ·dY", "db = Σ over the batch of dY", "dX = dY·Wᵀ"],
        ["", "→ layers.3.W", "→ layers.3.b", "→ step 3"],
        strict=True,
    ):
        assert formula in line
        assert target in line
        assert norm_of(line) == pytest.approx(np.linalg.norm(by_hand[key]), rel=5e-3)
    assert [line for line in lines if line.startswith("layers.")] == ["layers.3", "layers.2", "layers.1", "layers.0"]


def test_names_in_formulas_are_explained_once() -> None:
    text = guide().text()
    assert text.count("Y_pred = softmax(Z), Y_true = probabilities(labels), n = 2") == 1


def test_parameters_tell_how_far_the_next_step_moves_them() -> None:
    by_hand = guide_network.by_hand()
    ratio = 100 * 0.1 * np.linalg.norm(by_hand["dW2"]) / np.linalg.norm(guide_network.W2)
    (line,) = [line for line in guide().text().splitlines() if line.startswith("    layers.3.W")]
    assert f"moves {ratio:.2g} %" in line
    assert "moves" not in tg.explain(guide_network.loss()).text()


@pytest.mark.parametrize("ascii", [True, False])
def test_no_line_is_wider_than_80_columns(ascii: bool) -> None:
    long = "a_name_of_a_tensor_that_is_much_too_long_for_any_table_of_this_width_" * 3
    w = tg.Tensor(np.ones((1000, 1000)), requires_grad=True, name=long)
    v = tg.Tensor([1.0], requires_grad=True, name="名前" * 30)
    loss = tg.gelu(w).mean() + (v * np.nan).sum() + tg.gelu(w.reshape(-1), approximate="tanh").mean()
    for text in (tg.explain(loss).text(ascii=ascii), guide().text(ascii=ascii)):
        for line in text.splitlines():
            assert sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) <= 80, line
        assert text.isascii() == ascii


def test_ascii_has_a_word_for_every_sign_of_the_package() -> None:
    text = guide().text(ascii=True)
    assert "?" not in text
    assert "dW = X^T.dY" in text
    assert "db = sum over the batch of dY" in text
    assert "dX = dY * sign(Y)" in text
    assert "-> step 3" in text


def test_what_the_output_can_take_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = guide()
    for encoding, ascii in (("ascii", True), ("latin-1", True), ("utf-8", False)):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        assert str(explanation).isascii() == ascii
        print(explanation)  # raises nothing


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = guide()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" not in str(explanation)
    monkeypatch.setattr(sys, "stdout", Terminal())
    coloured = str(explanation)
    assert "\x1b[1m" in coloured
    assert re.sub(r"\x1b\[\d*m", "", coloured) == explanation.text(colour=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in str(explanation)


def test_bars_are_long_on_a_logarithmic_scale() -> None:
    a, b, c = (tg.Tensor([1.0], requires_grad=True, name=name) for name in "abc")
    lines = tg.explain((a * 0.01 + b + c * 100.0).sum()).text(ascii=True).splitlines()
    bars = {line.split()[0]: line.count("#") for line in lines if re.match(r"    [abc] ", line)}
    assert bars == {"a": 1, "b": 4, "c": 8}


def test_zero_nan_and_infinity_are_words() -> None:
    a, b, c = (tg.Tensor([-1.0], requires_grad=True, name=name) for name in "abc")
    text = tg.explain((tg.relu(a) + b * np.nan + c * np.inf).sum()).text()
    ends = {line.split()[0]: line.split()[-2:] for line in text.splitlines() if re.match(r"    [abc] ", line)}
    assert ends["a"] == ["all", "zero"]
    assert ends["b"] == ["NaN", "<<<<<<<<"]
    assert ends["c"] == ["∞", "<<<<<<<<"]
    assert "100 % of the units dead" in text


def test_sums_of_paths_are_told() -> None:
    w = tg.Tensor([1.0], requires_grad=True, name="w")
    h = w * 2.0
    text = tg.explain((h * h).sum()).text()
    assert re.search(r"\n  3 multiply .*\n    sum of 2 paths\n", text)


def test_after_a_step_there_are_formulas_and_the_reason_why_there_are_no_numbers() -> None:
    model = guide_network.model()
    loss = guide_network.loss(network=model)
    model.layers[3].b.data = guide_network.B2
    text = tg.explain(loss).text()
    assert "no numbers: 'layers.3.b' was changed after dense in layers.3 had used it" in text
    assert "dW = Xᵀ·dY" in text
    assert not re.search(r"0\.\d", text.split("───")[2])


def test_one_step_with_its_elements() -> None:
    by_hand = guide_network.by_hand()
    lines = guide().step(2, ascii=False, colour=False).splitlines()
    assert lines[0] == "step 2 of 5: dense in layers.3, result (2, 2)"
    at = lines.index("dW = Xᵀ·dY")
    assert lines[at + 1] == f"goes to layers.3.W (3, 2), norm {np.linalg.norm(by_hand['dW2']):.3g}"
    numbers = [[float(x) for x in re.findall(r"-?\d+\.\d*", line)] for line in lines[at + 2 : at + 5]]
    np.testing.assert_allclose(numbers, by_hand["dW2"], atol=6e-4)


@pytest.mark.parametrize("number", [0, 6, -1])
def test_a_step_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(OptionError, match=f"there is no step {number}; 1 to 5 are expected"):
        guide().step(number)


def test_150_steps_are_all_told_and_of_more_there_is_a_line_for_each_layer(tmp_path: Path) -> None:
    assert len(tg.explain(chain(149)).text().splitlines()) > 300
    model = nn.Sequential(*[nn.Sequential(nn.Dense(2, 2, rng=i), nn.Tanh()) for i in range(90)])
    model.named_parameters()
    explanation = tg.explain(model(np.ones((1, 2))).sum())
    lines = explanation.text().splitlines()
    assert len(lines) < 100
    assert any(re.match(r"    layers\.89 +all of 2–3 +\d", line) for line in lines)
    assert any("… and 140 more parameters, norm" in line for line in lines)
    assert "    every step: tg.explain(loss).save('steps.txt'), 181 of them" in lines
    assert any(re.match(r"    52 more +all of 78–181 ", line) for line in lines)
    path = explanation.save(tmp_path / "steps.txt")
    assert path.read_text("utf-8").count("dW = Xᵀ·dY") == 90
    with pytest.raises(DataError, match=r"no/steps\.txt: the explanation cannot be written: No such file"):
        explanation.save(tmp_path / "no" / "steps.txt")


def test_a_hundred_thousand_operations_are_told_in_seconds() -> None:
    y = chain(100_000)
    start = time.perf_counter()
    text = str(tg.explain(y))
    assert time.perf_counter() - start < 30
    assert "all of 2–100,001" in text
    assert len(text.splitlines()) < 20


def test_a_backward_pass_that_was_watched_before_is_not_watched_again() -> None:
    seen = BackwardPass.of(guide_network.loss())
    assert tg.explain(seen).seen is seen
    assert tg.draw(seen).source == tg.draw(guide_network.loss()).source


def test_what_has_no_graph_is_refused() -> None:
    with pytest.raises(GradientError, match="'leaf' has no graph"):
        tg.explain(tg.Tensor([1.0], requires_grad=True, name="leaf"))


@given(st.text(st.characters(codec=None, exclude_categories=()), min_size=1))
def test_any_name_stays_on_its_line(name: str) -> None:
    w = tg.Tensor([1.0], requires_grad=True, name=name)
    text = tg.explain(w.sum()).text(ascii=False)
    plain = tg.explain(tg.Tensor([1.0], requires_grad=True, name="w").sum()).text(ascii=False)
    assert text.count("\n") == plain.count("\n")
    text.encode()


def test_the_demo_network_is_drawn_and_explained_in_less_than_half_of_the_time_that_there_is() -> None:
    model = nn.Dense(30, 24, rng=0) >> nn.ReLU() >> nn.Dense(24, 24, rng=1) >> nn.ReLU() >> nn.Dense(24, 2, rng=2)
    model.named_parameters()
    rows = np.random.default_rng(0).normal(size=(32, 30))
    loss = tg.softmax_cross_entropy(model(rows), np.arange(32) % 2)
    optimizer = tg.optim.Adam(model)

    def seconds() -> float:
        start = time.perf_counter()
        seen = BackwardPass.of(loss, optimizer)
        assert tg.draw(seen).source
        assert str(tg.explain(seen))
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 0.25


def test_the_look_changes_only_on_purpose() -> None:
    assert f"{guide().text(ascii=False, colour=False)}\n" == (GOLDEN / "guide.txt").read_text("utf-8")
