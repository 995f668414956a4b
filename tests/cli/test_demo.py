"""`demo`: the three commands on the packaged table, in seconds, with everything that they make."""

import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from tinygrad_mlp.cli import demo, train
from tinygrad_mlp.data import load_breast_cancer, read_csv
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training import History
from tinygrad_mlp.views import rendering

MADE = ["backward.svg", "breast_cancer.csv", "breast_cancer_train.csv", "breast_cancer_valid.csv"]
MADE += ["history.csv", "model.safetensors", "model_curves.png"]


def own_seconds(out):
    return float(re.findall(r"^([0-9.]+) seconds$", out, re.MULTILINE)[-1])


def test_the_real_command_makes_everything_in_under_3_seconds(real, folder):
    start = time.perf_counter()
    result = real("demo")
    wall = time.perf_counter() - start
    assert (result.code, result.err) == (0, "")
    assert own_seconds(result.out) <= wall
    assert own_seconds(result.out) < 3
    assert sorted(path.name for path in (folder / "demo").iterdir()) == MADE
    assert all(path.stat().st_size for path in (folder / "demo").iterdir())


def test_it_ends_with_the_confusion_matrix_the_scores_and_the_paths(good):
    out = good("demo")
    ends = [
        "truth",
        "binary cross-entropy",
        "accuracy",
        "precision",
        "recall",
        "F1",
        "model ",
        "history ",
        "curves ",
        "graph ",
    ]
    places = [out.rindex(f"\n{start}") for start in ends]
    assert places == sorted(places)
    for name in ("model.safetensors", "history.csv", "model_curves.png", "backward.svg"):
        assert f"demo/{name}\n" in out[places[-4] :]
    assert float(re.findall(r"accuracy +([0-9.]+)", out)[-1]) > 0.9


def test_the_network_is_30_24_24_2_and_stopped_early(good):
    out = good("demo")
    layers = [layer for layer in TrainedModel.load("demo/model.safetensors").model if hasattr(layer, "n_in")]
    assert [(layer.n_in, layer.n_out) for layer in layers] == [(30, 24), (24, 24), (24, 2)]
    assert len(History.from_csv("demo/history.csv")) < 84
    assert "\nstopped after epoch " in out


def test_the_scores_are_of_rows_that_no_training_has_seen(good):
    assert re.search(r"^accuracy .* of 114 rows are right$", good("demo"), re.MULTILINE)
    parts = [read_csv(f"demo/breast_cancer_{part}.csv").features.tolist() for part in ("train", "valid")]
    assert not {tuple(row) for row in parts[0]} & {tuple(row) for row in parts[1]}
    assert sorted(parts[0] + parts[1]) == sorted(load_breast_cancer().features.tolist())
    rows = TrainedModel.load("demo/model.safetensors").facts["rows"]
    assert (rows["training"] + rows["validation"], len(parts[1])) == (455, 114)


def test_each_step_is_a_command_that_does_the_same(good, real, folder, environment):
    out = good("demo")
    made = {name: (folder / "demo" / name).read_bytes() for name in MADE}
    commands = re.findall(r"^\$ tinygrad-mlp (.*)$", out, re.MULTILINE)
    assert [shlex.split(command)[0] for command in commands] == ["split", "train", "predict"]
    for name in set(MADE) - {"breast_cancer.csv", "backward.svg"}:
        (folder / "demo" / name).unlink()
    outs = [real(command) for command in commands]
    assert [(result.code, result.err) for result in outs] == [(0, "")] * 3
    assert {name: (folder / "demo" / name).read_bytes() for name in MADE} == made
    assert outs[2].out in out


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(good, folder):
    models = []
    for words in ("demo --out-dir one --seed 3", "demo --out_dir two --seed 3", "demo --out-dir three --seed 4"):
        good(words)
        models.append((folder / words.split()[2] / "model.safetensors").read_bytes())
    assert models[0] == models[1] != models[2]


def test_where_nothing_renders_the_drawing_is_dot_and_a_sentence_says_how_to_see_it(good, monkeypatch, folder):
    monkeypatch.setattr(rendering, "renderer", lambda: None)
    out = good("demo")
    assert f"demo/backward.dot  ({rendering.NO_RENDERER})" in out
    assert (folder / "demo/backward.dot").read_text().startswith("digraph")
    assert not (folder / "demo/backward.svg").exists()


def test_without_the_cli_extra_it_still_works(good, monkeypatch):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    out = good("demo")
    assert "curves   not drawn: that needs matplotlib" in out
    assert "rows are right" in out


def test_the_drawing_is_of_the_trained_network(good):
    good("demo")
    text = Path("demo/backward.svg").read_text()
    for word in (
        "softmax_cross_entropy",
        "layers.0.W",
        "(30, 24)",
        "layers.4.b",
        "(2,)",
        "relu",
        "layers.1",
        "(32, 24)",
    ):
        assert f">{word}</text>" in text
    loss = demo.loss_of(Path("demo/model.safetensors"), Path("demo/breast_cancer_train.csv"))
    assert loss.item() == pytest.approx(History.from_csv("demo/history.csv")["loss"][-1], abs=0.2)


@pytest.mark.parametrize("place", ["file", "file/inside"])
def test_a_place_that_cannot_be_a_folder_is_refused(bad, place):
    Path("file").write_text("")
    assert "file" in bad(f"demo --out-dir {place}")


def test_a_folder_that_is_not_there_is_made(good):
    good("demo --out-dir a/b")
    assert Path("a/b/model.safetensors").exists()
    assert subprocess.run(["ls", "a/b"], capture_output=True, text=True, check=True).stdout.split() == MADE
