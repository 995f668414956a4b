"""`draw`: the backward pass of a saved model as a drawing, a text, and step by step."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.cli import keys
from tinygrad_mlp.data import read_csv
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.views import rendering


@pytest.fixture
def model(good, points):
    points()
    good("train --dataset points.csv --layer 4 3 --epochs 2 --seed 1 --no-curves")
    return "model.safetensors"


def gradient_norm(model: str, rows: int, name: str) -> float:
    """The norm of a parameter's gradient, by backward()."""
    trained = TrainedModel.load(model)
    table = read_csv("points.csv").select(slice(rows))
    tg.softmax_cross_entropy(trained.model(trained.scaler.transform(table.features)), table.labels).backward()
    return float(np.linalg.norm(trained.model.named_parameters()[name].grad))


def test_it_prints_the_table_and_writes_a_drawing_and_a_text(good, model, folder):
    out = good(f"draw {model} points.csv")
    assert "points.csv: 24 rows, 2 columns; label kind: a 12, b 12\nthe loss of the first 24 rows:\n" in out
    assert "dW = Xᵀ·dY" in out
    assert out.endswith("drawing  model_backward.svg\ntext     model_backward.txt\npage     model_backward.html\n")
    assert "Step" in (folder / "model_backward.html").read_text("utf-8")
    assert ">layers.0.W</text>" in (folder / "model_backward.svg").read_text()
    text = (folder / "model_backward.txt").read_text()
    assert text in out
    (line,) = [line for line in text.splitlines() if line.startswith("    layers.0.W ")]
    assert f" {gradient_norm(model, 24, 'layers.0.W'):.3g} " in line


def test_rows_say_how_large_the_batch_is(good, model):
    out = good(f"draw {model} points.csv --rows 5")
    assert "the loss of the first 5 rows" in out
    assert "n = 5" in out
    assert "(5, 3)" in out
    (line,) = [line for line in out.splitlines() if line.startswith("    layers.2.W ")]
    assert f" {gradient_norm(model, 5, 'layers.2.W'):.3g} " in line


def test_files_kind_and_direction_can_be_chosen(good, model, folder):
    good(f"draw --dataset points.csv --model {model} --drawing a.dot --text b.txt --direction right --depth 0")
    source = (folder / "a.dot").read_text()
    assert "rankdir=LR" in source
    assert "cluster" not in source
    assert (folder / "b.txt").read_text().startswith("backward pass: 6 steps")
    assert not (folder / "model_backward.svg").exists()
    good(f"draw {model} points.csv --drawing a.png")
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_history_with_gradient_norms_is_drawn_too(good, bad, model, folder):
    Path("h.csv").write_text("epoch,loss,gradient_norm/layers.0.W\n1,0.5,2.0\n2,0.4,1.0\n")
    out = good(f"draw {model} points.csv --history h.csv")
    assert out.endswith("gradients  model_gradients.png\n")
    assert (folder / "model_gradients.png").read_bytes().startswith(b"\x89PNG")
    Path("plain.csv").write_text("epoch,loss\n1,0.5\n")
    assert "has no columns gradient_norm/…" in bad(f"draw {model} points.csv --history plain.csv")
    assert "h2.csv: there is no such file; did you mean h.csv?" in bad(f"draw {model} points.csv --history h2.csv")


def test_nothing_is_changed_but_what_is_written(good, model, folder):
    before = (folder / model).read_bytes()
    good(f"draw {model} points.csv")
    first = (folder / "model_backward.svg").read_bytes()
    good(f"draw {model} points.csv")
    assert (folder / "model_backward.svg").read_bytes() == first
    assert (folder / model).read_bytes() == before


def test_without_a_renderer_the_drawing_is_dot_and_a_sentence_says_how_to_see_it(good, model, monkeypatch):
    monkeypatch.setattr(rendering, "renderer", lambda: None)
    assert f"drawing  model_backward.dot  ({rendering.NO_RENDERER})" in good(f"draw {model} points.csv")


def test_where_nobody_watches_step_tells_all_steps(good, model, folder):
    out = good(f"draw {model} points.csv --step")
    assert [f"step {i} of 6: " in out for i in range(1, 7)] == [True] * 6
    assert "goes to layers.0.W (2, 4)" in out
    assert not (folder / "model_backward.svg").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("draw", "a file is missing: MODEL is expected"),
        ("draw model.safetensors", "a file is missing: DATA.csv is expected"),
        ("draw model.safetensors pionts.csv", "pionts.csv: there is no such file; did you mean points.csv?"),
        ("draw model.safetensors points.csv --rows 0", "--rows: '0' given, a whole number of at least 1"),
        ("draw model.safetensors points.csv --depth -1", "--depth: '-1' given"),
        ("draw model.safetensors points.csv --direction north", "--direction: unknown name 'north'; expected down, up"),
        ("draw model.safetensors points.csv --drawing a.pdf", "--drawing a.pdf: a file that ends in .svg, .png, .dot"),
        ("draw model.safetensors points.csv --drawing no/a.svg", "--drawing no/a.svg: there is no folder no"),
        ("draw model.safetensors points.csv --text points.csv", "cannot be the file which is read from"),
        ("draw model.safetensors points.csv --step --text a.txt", "--text does not go with --step, which writes no"),
        ("draw points.csv points.csv", "points.csv"),
    ],
)
def test_what_cannot_be_drawn_is_refused(bad, model, words, message):
    assert message in bad(words)


def test_a_table_without_labels_is_refused(bad, model):
    Path("new.csv").write_text("width,height\n1,2\n3,4\n")
    assert "new.csv: there is no column 'kind'; the loss needs it" in bad(f"draw {model} new.csv")


def test_weights_that_overflow_are_drawn_as_what_they_are(good, model):
    trained = TrainedModel.load(model)
    parameters = trained.model.named_parameters()
    parameters["layers.0.W"].data = [[3e38] * 4, [0.0] * 4]
    parameters["layers.2.W"].data = np.full((4, 3), 3e38, np.float32)
    trained.save("huge.safetensors")
    assert "NaN" in good("draw huge.safetensors points.csv")


def test_a_network_of_many_layers_is_told_in_lines_and_written_whole(good, points, folder):
    points()
    layers = [layer for i in range(80) for layer in (nn.Dense(2, 2, rng=i), nn.ReLU())]
    TrainedModel(nn.Sequential(*layers), None, ("a", "b"), ("width", "height"), "kind").save("deep.safetensors")
    out = good("draw deep.safetensors points.csv")
    assert "every step: tg.explain(loss).save('steps.txt'), 161 of them" in out
    assert (folder / "deep_backward.txt").read_text().count("dW = Xᵀ·dY") == 80
    assert "layers are collapsed" in (folder / "deep_backward.svg").read_text()


def seen_with_keys(program, environment, pressed, words, at_once=False) -> tuple[str, int]:
    """What a terminal shows, with each key pressed when the one before was answered, or before the program asks."""
    terminal, inside = pty.openpty()
    streams = {"stdin": inside, "stdout": inside, "stderr": inside, "env": environment | {"TERM": "xterm"}}
    child = subprocess.Popen([*program, *words.split()], **streams)
    os.close(inside)
    shown = b""

    def read_until_quiet(expected: bytes) -> bytes:
        found = b""
        end = time.monotonic() + 30
        while expected not in found and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    part = os.read(terminal, 65536)
                except OSError:  # the program has ended
                    break
                found += part
        return found

    for key in pressed:
        if not at_once:
            shown += read_until_quiet(b"q end")
        os.write(terminal, key.encode())
    shown += read_until_quiet(b"never")
    code = child.wait(30)
    os.close(terminal)
    return re.sub(r"\x1b\[\d*m", "", shown.decode().replace("\r\n", "\n")), code


def titles(shown: str) -> list[str]:
    return [
        line.split(":")[0].split()[1] for line in shown.splitlines() if line.startswith("step") and "result" in line
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("pressed", "expected"),
    [
        (["\x1b[C", " ", "b", "\x1b[D", "\x1b[C", "q"], "1 2 3 2 1 2"),
        (["b", " ", " ", " ", " ", "\r", " "], "1 1 2 3 4 5 6"),
    ],
)
def test_a_step_for_each_key_press(model, program, environment, pressed, expected):
    shown, code = seen_with_keys(program, environment, pressed, f"draw {model} points.csv --step")
    assert code == 0
    assert " ".join(titles(shown)) == expected


@pytest.mark.parametrize(
    ("text", "meaning"), [("\n", keys.NEXT), ("zz\nb\n", keys.BACK), ("q\n", keys.QUIT), ("", keys.QUIT)]
)
def test_without_a_terminal_a_line_stands_for_a_key(monkeypatch, text, meaning):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    with keys.keyboard() as pressed:
        assert pressed() == meaning


def test_keys_that_are_typed_ahead_are_taken_one_by_one(model, program, environment):
    shown, code = seen_with_keys(program, environment, ["nn\x1b[Dq"], f"draw {model} points.csv --step", at_once=True)
    assert (code, titles(shown)) == (0, ["1", "2", "3", "2"])
    keys_seen = keys.typed(iter(["b\x1b[C\x1bOA", "\x1b", ""]).__next__)
    assert [next(keys_seen) for _ in range(5)] == ["b", "\x1b[C", "\x1bOA", "\x1b", ""]


def test_arrows_of_a_windows_console_are_two_characters():
    class Console:
        typed = iter("\xe0Kx\x00M")

        def getwch(self):
            return next(self.typed)

    console = Console()
    assert [keys.meaning(lambda: keys.windows_key(console)) for _ in range(2)] == [keys.BACK, keys.NEXT]
