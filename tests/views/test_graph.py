"""The drawing of the backward graph: which boxes and arrows there are, and that any graph can be drawn."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DataError, GradientError, OptionError
from tinygrad_mlp.views import draw, graph, render

pytestmark = pytest.mark.filterwarnings("error")


def boxes(drawing):
    """The boxes of a drawing by their ids, as the lines of their labels; and their attributes."""
    found = re.findall(r'^\t+(n\d+) \[label="?(.*?)"? (color=.*)\]$', drawing.source, re.MULTILINE)
    return {name: (text.split("\\n"), attributes) for name, text, attributes in found}


def arrows(drawing):
    """The arrows as (from, to, label), with the first lines of the boxes; a line without an arrow has no label."""
    names = {name: text[0] for name, (text, _) in boxes(drawing).items()}
    found = re.findall(r"^\t(n\d+) -> (n\d+) \[(.*)\]$", drawing.source, re.MULTILINE)
    labels = [re.search(r'label="? ?(.*?) ?"?( |$)', attributes) for _, _, attributes in found]
    return [(names[a], names[b], label[1] if label else "") for (a, b, _), label in zip(found, labels, strict=True)]


@pytest.fixture
def loss(rng):
    """The loss of the guide's network, 4 → ReLU → 3 → ReLU → 2, on five rows."""
    model = nn.Sequential(nn.ReLU(), nn.Dense(4, 3, rng=rng), nn.ReLU(), nn.Dense(3, 2, rng=rng))
    model.named_parameters()
    return tg.softmax_cross_entropy(model(rng.normal(size=(5, 4)).astype(np.float32)), np.array([0, 1, 1, 0, 1]))


def test_the_guides_network_in_the_order_of_its_backward_pass(loss):
    drawing = draw(loss)
    assert tg.draw is draw
    texts = [text for text, _ in boxes(drawing).values()]
    operations = ["softmax_cross_entropy", "dense", "relu"]
    named = [text for text in texts if set(text) & set(operations)]
    assert ["layers.2", "relu", "(5, 3)"] in named
    assert arrows(drawing) == [
        ("softmax_cross_entropy", "dense", "∂logits"),
        ("softmax_cross_entropy", "labels", ""),
        ("dense", "layers.2", "∂x"),
        ("dense", "layers.3.W", "∂w"),
        ("dense", "layers.3.b", "∂b"),
        ("layers.2", "dense", "∂x"),
        ("dense", "x", ""),
        ("dense", "layers.1.W", "∂w"),
        ("dense", "layers.1.b", "∂b"),
    ]


def test_boxes_have_shapes_and_parameters_differ_from_data(loss):
    found = {tuple(text): attributes for text, attributes in boxes(draw(loss)).values()}
    assert graph.PARAMETER["fillcolor"] in found["layers.1.W", "(4, 3)"]
    assert graph.PARAMETER["fillcolor"] in found["layers.3.b", "(2,)"]
    assert graph.OPERATION["fillcolor"] in found["softmax_cross_entropy", "()"]
    for data in (("x", "(5, 4)"), ("labels", "(5,)")):
        assert "dashed" in found[data]
        assert "fillcolor" not in found[data]


def test_a_layer_with_parameters_is_a_frame_around_them(loss):
    frames = re.findall(r"subgraph cluster_\d+ \{\n(.*?)\n\t\}", draw(loss).source, re.DOTALL)
    assert [re.search(r'label="?([\w.]+)', frame)[1] for frame in frames] == ["layers.3", "layers.1"]
    for frame, layer in zip(frames, ("layers.3", "layers.1"), strict=True):
        assert f"{layer}.W" in frame
        assert f"{layer}.b" in frame
        assert "dense" in frame
        assert "relu" not in frame


def test_drawing_runs_no_backward_pass(loss):
    source = draw(loss).source
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    draw((w * w).sum())
    assert w.grad is None
    assert draw(loss).source == source


def test_a_tensor_used_twice_is_one_box():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    drawing = draw((w * w + w).sum())
    assert [text for text, _ in boxes(drawing).values()].count(["w", "(2,)"]) == 1
    assert [end for _, end, _ in arrows(drawing)].count("w") == 3


def test_a_parameter_of_two_layers_stands_in_neither(rng):
    first, second = nn.Dense(2, 2, rng=rng), nn.Dense(2, 2, rng=rng)
    second.W = first.W
    model = nn.Sequential(first, second)
    model.named_parameters()
    drawing = draw(model(np.ones((1, 2), np.float32)).sum())
    frames = re.findall(r"subgraph cluster_\d+ \{\n(.*?)\n\t\}", drawing.source, re.DOTALL)
    assert len(frames) == 2
    assert not any("layers.0.W" in frame for frame in frames)
    assert sum(text == ["layers.0.W", "(2, 2)"] for text, _ in boxes(drawing).values()) == 1


def test_a_constant_takes_no_gradient():
    x = tg.Tensor([1.0], requires_grad=True, name="x")
    frozen = tg.Tensor([2.0], name="frozen")
    assert [arrow for arrow in arrows(draw(x * frozen)) if arrow[1] == "frozen"] == [("multiply", "frozen", "")]


def test_inputs_of_an_operation_with_any_number_of_them():
    parts = [tg.Tensor([float(i)], requires_grad=True, name=f"part{i}") for i in range(3)]
    drawing = draw(tg.concatenate(parts))
    assert [end for _, end, _ in arrows(drawing)] == ["part0", "part1", "part2"]


@pytest.mark.parametrize("name", ['a "quoted" one', "<b>bold</b>", "back\\slash \\N", "ends with \\", "Σ β", "a{b|c}"])
def test_a_name_means_no_more_than_it_says(tmp_path, name):
    w = tg.Tensor([1.0], requires_grad=True, name=name)
    path = render(draw(w.exp()), tmp_path / "w.svg")
    text = path.read_text("utf-8")
    for sign, entity in (
        ("&quot;", '"'),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#45;", "-"),
        ("&#160;", " "),
        ("&amp;", "&"),
    ):
        text = text.replace(sign, entity)
    assert f">{name}</text>" in text


def test_a_graph_deeper_than_the_recursion_limit_is_drawn():
    x = tg.Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(5000):
        y = y + 1.0
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        source = draw(y).source
    finally:
        sys.setrecursionlimit(limit)
    assert len(re.findall(r"label=\"? ?∂", source)) == 5000


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (tg.Tensor([1.0], requires_grad=True, name="leaf"), "draw: 'leaf' has no graph; the result of operations"),
        (np.ones(2), "draw: ndarray has no graph"),
        (tg.exp(tg.Tensor([1.0])), "has no graph"),
    ],
)
def test_what_has_no_graph_is_refused(thing, message):
    with pytest.raises(GradientError, match=message):
        draw(thing)


@pytest.mark.parametrize(
    ("name", "start"), [("g.svg", b"<?xml"), ("g.PNG", b"\x89PNG"), ("g.dot", b"digraph backward")]
)
def test_rendered_files(loss, tmp_path, name, start):
    path = render(draw(loss), tmp_path / name)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    again = render(draw(loss), tmp_path / f"again{path.suffix}")
    assert again.read_bytes() == path.read_bytes()


def test_another_suffix_is_refused(loss, tmp_path):
    with pytest.raises(OptionError, match=r"g\.pdf: drawings are written as \.svg, \.png, \.dot"):
        render(draw(loss), tmp_path / "g.pdf")
    assert not list(tmp_path.iterdir())


def test_where_nothing_renders_the_source_is_written(loss, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    path = render(draw(loss), tmp_path / "g.svg")
    assert path == tmp_path / "g.dot"
    assert path.read_text("utf-8") == draw(loss).source


def test_the_systems_dot_goes_before_the_one_of_pip(monkeypatch):
    there = {"dot": "/usr/bin/dot", "graphviz-pure": "/bin/graphviz-pure"}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: there.get(name))
    assert graph.renderer() == "/usr/bin/dot"
    del there["dot"]
    assert graph.renderer() == "/bin/graphviz-pure"


@pytest.mark.parametrize(("code", "out"), [(3, b""), (0, b"")])
def test_a_renderer_that_fails_leaves_no_file(loss, tmp_path, monkeypatch, code, out):
    monkeypatch.setattr(
        subprocess, "run", lambda *words, **options: subprocess.CompletedProcess(words, code, out, b"broken\n")
    )
    with pytest.raises(DataError, match=r"g\.svg: .* failed: broken"):
        render(draw(loss), tmp_path / "g.svg")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named(loss, tmp_path):
    with pytest.raises(DataError, match=r"no/g\.dot: the drawing cannot be written: No such file"):
        render(draw(loss), tmp_path / "no" / "g.dot")


def test_the_drawing_can_be_seen_by_another_graphviz(loss):
    """DOT that the library itself renders, as a notebook does."""
    program = graph.renderer()
    if program is None:
        pytest.skip("no renderer is installed")
    done = subprocess.run([program, "-Tplain"], input=draw(loss).source.encode(), capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert sum(line.startswith("node ") for line in lines) == 10
    heights = {
        line.split()[6].strip('"').split("\\n")[0]: float(line.split()[3]) for line in lines if line[:5] == "node "
    }
    assert heights["softmax_cross_entropy"] == max(heights.values())  # the gradient flows downwards
    assert Path(program).name in ("dot", "graphviz-pure")
