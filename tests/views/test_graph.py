"""The drawing of the backward pass: which boxes and arrows there are, and that any graph and any name can be drawn."""

import html
import re
import shutil
import subprocess
import sys
import time
import unicodedata
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from views import guide_network

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DataError, GradientError, OptionError
from tinygrad_mlp.views import draw, graph, render, rendering
from tinygrad_mlp.views.wording import shown

pytestmark = pytest.mark.filterwarnings("error")
GOLDEN = Path(__file__).parent / "golden"


def lines(label):
    """The rows of a label as text, with one blank between pieces."""
    rows = re.findall(r"<tr>(.*?)</tr>", label)
    texts = [html.unescape(re.sub(r"<[^>]*>", "", row.replace("</td>", " "))).replace("\xa0", " ") for row in rows]
    return [" ".join(text.split()) for text in texts if text.strip()]


def boxes(drawing):
    """The boxes of a drawing by their ids, as the lines of their labels; and their attributes."""
    found = re.findall(r"^\t+(\w+) \[label=<(.*?</table>)> (.*)\]$", drawing.source, re.MULTILINE)
    return {name: (lines(text), attributes) for name, text, attributes in found}


def texts(drawing):
    return [text for text, _ in boxes(drawing).values()]


def box(drawing, first):
    """The lines of the only box that begins so."""
    (found,) = [text for text in texts(drawing) if text[0].startswith(first)]
    return found


def arrows(drawing):
    """The arrows as (from, to, label), with the first lines of the boxes; a line without an arrow has no label."""
    names = {name: text[0] for name, (text, _) in boxes(drawing).items()}
    found = re.findall(r"^\t(\w+) -> (\w+) \[(.*)\]$", drawing.source, re.MULTILINE)
    labels = [re.search(r"label=<(.*?</table>)>", attributes) for _, _, attributes in found]
    return [
        (names[a], names[b], lines(label[1])[0] if label else "")
        for (a, b, _), label in zip(found, labels, strict=True)
    ]


def arrow_to(drawing, end):
    """The attributes of the only arrow to a box."""
    (key,) = [name for name, (text, _) in boxes(drawing).items() if text[0].startswith(end)]
    (found,) = re.findall(rf"^\t\w+ -> {key} \[(.*)\]$", drawing.source, re.MULTILINE)
    return found


@pytest.fixture
def loss():
    return guide_network.loss()


class Tied(nn.Module):
    """A layer used twice, and a weight that the loss sees twice."""

    def __init__(self):
        self.inner = nn.Dense(3, 3, rng=0)
        self.out = nn.Dense(3, 2, rng=1)

    def forward(self, x):
        for _ in range(2):
            x = tg.tanh(self.inner(x)) + x
        return self.out(x)


def tied():
    model = Tied()
    model.named_parameters()
    x = np.array([[0.1, 0.2, -0.3], [0.5, -0.4, 0.6]], np.float32)
    return tg.softmax_cross_entropy(model(x), [0, 1]) + 0.01 * (model.out.W**2).sum()


def chain(n, size=1):
    x = tg.Tensor(np.ones(size), requires_grad=True, name="x")
    for _ in range(n):
        x = -x
    return x.sum()


def deep(n):
    """A network with n layers of a Dense and a tanh each, within a Sequential within another."""
    blocks = [nn.Sequential(nn.Dense(2, 2, rng=i), nn.Tanh()) for i in range(n)]
    model = nn.Sequential(*blocks, nn.Dense(2, 2, rng=0))
    model.named_parameters()
    return tg.softmax_cross_entropy(model(np.ones((1, 2))), [0])


def test_the_guides_network_in_the_order_of_its_backward_pass(loss):
    drawing = draw(loss)
    assert tg.draw is draw
    by_hand = guide_network.by_hand()
    dz, dh = (f"{np.linalg.norm(by_hand[key]):.3g}" for key in ("dz2", "dh"))
    dw, db = (f"{np.linalg.norm(by_hand[key]):.3g}" for key in ("dW2", "db2"))
    assert arrows(drawing)[:6] == [
        ("1 softmax_cross_entropy ()", "2 dense (2, 2)", f"dZ {dz}"),
        ("1 softmax_cross_entropy ()", "labels (2,)", ""),
        ("2 dense (2, 2)", "layers.2", f"dX {dh}"),
        ("2 dense (2, 2)", "layers.3.W (3, 2)", f"dW {dw}"),
        ("2 dense (2, 2)", "layers.3.b (2,)", f"db {db}"),
        ("layers.2", "4 dense (2, 3)", f"dX {np.linalg.norm(by_hand['dz1']):.3g}"),
    ]
    assert ["2 dense (2, 2)", "dW = Xᵀ·dY", "db = Σ over the batch of dY", "dX = dY·Wᵀ", f"‖dY‖ = {dz}"] in texts(
        drawing
    )
    assert box(drawing, "layers.2")[:2] == ["layers.2", "3 relu (2, 3)"]


def test_parameters_are_filled_and_data_are_dashed_without_a_gradient(loss):
    found = {text[0]: (text, attributes) for text, attributes in boxes(draw(loss)).values()}
    assert graph.PARAMETER["fillcolor"] in found["layers.1.W (4, 3)"][1]
    assert graph.OPERATION["fillcolor"] in found["1 softmax_cross_entropy ()"][1]
    for data in ("x (2, 4)", "labels (2,)"):
        assert found[data][0][1] == "no gradient"
        assert "dashed" in found[data][1]
        assert "fillcolor" not in found[data][1]


def frames(drawing):
    """The frames by their titles, as what is in them."""
    found = re.findall(
        r"subgraph cluster\w* \{\n\s*graph \[.*?label=<(.*?</table>)>(.*?)\n\t+\}", drawing.source, re.DOTALL
    )
    return {lines(title)[0]: inside for title, inside in found}


def test_a_layer_with_parameters_is_a_frame_around_them(loss):
    found = frames(draw(loss))
    assert list(found) == ["layers.3", "layers.1"]
    for layer, inside in found.items():
        assert f"{layer}.W" in inside
        assert f"{layer}.b" in inside
        assert "dense" in inside
        assert "relu" not in inside


def test_layers_within_layers_are_frames_within_frames():
    inner = nn.Sequential(nn.Dense(2, 2, rng=0), nn.Tanh())

    class Outer(nn.Module):
        def __init__(self):
            self.encoder = inner
            self.head = nn.Dense(2, 2, rng=1)

        def forward(self, x):
            return self.head(self.encoder(x) * 2.0)

    model = Outer()
    model.named_parameters()
    source = draw(tg.softmax_cross_entropy(model(np.ones((1, 2))), [0])).source
    outside, inside = source.index(">encoder<"), source.index(">encoder.layers.0<")
    assert source[outside:inside].count("subgraph") == 1
    assert source.count("subgraph") == 3


def test_drawing_touches_no_gradient(loss):
    source = draw(loss).source
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    draw((w * w).sum())
    assert w.grad is None
    assert draw(loss).source == source


def test_a_tensor_used_twice_is_one_box_that_says_so():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    drawing = draw((w * w + w).sum())
    assert box(drawing, "w") == ["w (2,)", f"‖grad‖ = {np.hypot(3, 5):.3g}, sum of 3 paths"]
    assert [end for _, end, _ in arrows(drawing)].count("w (2,)") == 3


def test_a_layer_that_is_used_twice_is_drawn_twice_and_its_parameters_once():
    drawing = draw(tied())
    assert box(drawing, "inner (use 1 of 2)")[1].startswith("9 dense")
    assert box(drawing, "inner (use 2 of 2)")[1].startswith("12 dense")
    assert box(drawing, "inner.W")[1].endswith("sum of 2 paths")
    assert "inner.W" not in "".join(frames(drawing).values())
    assert "out.b" in frames(drawing)["out"]
    assert "out.W" not in frames(drawing)["out"]  # the penalty uses it too


def test_a_constant_takes_no_gradient():
    x = tg.Tensor([1.0], requires_grad=True, name="x")
    frozen = tg.Tensor([2.0], name="frozen")
    drawing = draw((x * frozen).sum() * 0.5)
    assert [arrow[1:] for arrow in arrows(drawing) if arrow[1].startswith("frozen")] == [("frozen (1,)", "")]
    assert ["0.5"] in texts(drawing)


def test_inputs_of_an_operation_with_any_number_of_them():
    parts = [tg.Tensor([float(i)], requires_grad=True, name=f"part{i}") for i in range(3)]
    drawing = draw(tg.concatenate(parts).sum())
    assert [(end, label) for _, end, label in arrows(drawing)][1:] == [
        ("part0 (1,)", "dxs[0] 1"),
        ("part1 (1,)", "dxs[1] 1"),
        ("part2 (1,)", "dxs[2] 1"),
    ]


def test_wide_and_dark_is_large_dotted_is_zero_and_red_is_not_finite():
    a, b, c, d, e = (tg.Tensor([-1.0], requires_grad=True, name=name) for name in "abcde")
    drawing = draw((a * 100.0 + b * 1.0 + tg.relu(c) + d * np.nan + e * np.inf).sum())

    def width(name):
        return float(re.search(r"penwidth=([\d.]+)", arrow_to(drawing, name))[1])

    assert width("a") == 4.5
    assert width("a") > width("b") >= 1
    assert "#08306b" in arrow_to(drawing, "a")
    assert "style=dotted" in arrow_to(drawing, "c")
    assert lines(arrow_to(drawing, "c"))[0] == "dX 0"
    for name, word in (("d", "NaN"), ("e", "∞")):
        assert graph.BROKEN["color"] in arrow_to(drawing, name)
        assert lines(arrow_to(drawing, name))[0] == f"dA {word}"
        assert box(drawing, name)[1] == f"‖grad‖ = {word}"


def test_dead_units_and_update_ratios_are_told():
    model = guide_network.model()
    drawing = draw(guide_network.loss(network=model), optimizer=tg.optim.SGD(model, 1.0))
    assert box(drawing, "layers.2")[-1] == "33 % of the units dead"  # the third one, for these two rows
    ratio = np.linalg.norm(guide_network.by_hand()["dW2"]) / np.linalg.norm(guide_network.W2)
    assert box(drawing, "layers.3.W")[-1] == f"next step moves it by {100 * ratio:.0f} %"


def test_after_a_step_the_drawing_has_no_numbers_and_says_why():
    model = guide_network.model()
    loss = guide_network.loss(network=model)
    model.layers[1].W.data = guide_network.W1
    drawing = draw(loss)
    assert "no numbers: 'layers.1.W' was changed after dense in layers.1 had used it" in drawing.source
    assert "‖" not in drawing.source
    assert {label for _, _, label in arrows(drawing)} == {"", "dZ", "dW", "db", "dX"}
    assert "dW = Xᵀ·dY" in drawing.source


@pytest.mark.parametrize(
    ("show", "there", "gone"),
    [
        (["parameters"], ["layers.1.W"], ["Xᵀ", "‖", "(4, 3)", "labels"]),
        (["formulas"], ["Xᵀ"], ["layers.1.W", "‖", "(2, 3)", "labels"]),
        (["norms", "data"], ["‖dY‖", "labels"], ["Xᵀ", "layers.1.W", "(2, 3)"]),
        (["shapes"], ["(2, 3)"], ["Xᵀ", "‖", "layers.1.W", "labels"]),
        ([], ["dense"], ["Xᵀ", "‖", "layers.1.W", "(2, 3)", "labels"]),
    ],
)
def test_what_is_shown_can_be_chosen(loss, show, there, gone):
    source = draw(loss, show=show).source
    for text in there:
        assert text in source
    for text in gone:
        assert text not in source


@pytest.mark.parametrize(("direction", "rank"), [("down", "TB"), ("up", "BT"), ("right", "LR"), ("left", "RL")])
def test_the_gradient_flows_in_the_direction_that_is_asked_for(loss, direction, rank):
    assert f"rankdir={rank}" in draw(loss, direction=direction).source


def test_layers_can_be_drawn_as_one_box(loss):
    drawing = draw(loss, collapse=["layers.3"])
    norms = {key: np.linalg.norm(value) for key, value in guide_network.by_hand().items()}
    assert box(drawing, "layers.3") == [
        "layers.3 (2, 2)",
        "step 2: dense",
        f"‖dY‖ = {norms['dz2']:.3g}",
        f"2 parameters, ‖grad‖ = {np.hypot(norms['dW2'], norms['db2']):.3g}",
    ]
    assert list(frames(drawing)) == ["layers.1"]
    assert ("layers.3 (2, 2)", "layers.2", f"dX {norms['dh']:.3g}") in arrows(drawing)
    assert draw(loss, collapse=True).source == draw(loss, depth=0).source
    assert frames(draw(loss, depth=0)) == {}
    assert draw(loss, depth=1).source == draw(loss).source


def test_arrows_between_closed_layers_are_one_with_all_of_the_gradient():
    drawing = draw(tied(), collapse=["inner"])
    assert box(drawing, "inner (use 1 of 2)")[1] == "step 9: dense"
    both = draw(tied())
    assert len(arrows(both)) == len(arrows(drawing))
    w = tg.Tensor([3.0], requires_grad=True, name="w")

    class Twice(nn.Module):
        def __init__(self):
            self.square = Square()

        def forward(self, x):
            return self.square(x)

    class Square(nn.Module):
        def forward(self, x):
            return x * x

    found = arrows(draw(Twice()(w).sum(), depth=0))
    assert found[-1] == ("square (1,)", "w (1,)", f"2 gradients {np.hypot(3, 3):.3g}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "north"}, "direction is 'north'; one of down, up, right, left is expected"),
        ({"show": ["colours"]}, "show: 'colours' is not known; any of formulas, norms, shapes, parameters, data"),
        ({"depth": -1}, "depth is -1; a whole number of at least 0 is expected"),
        ({"depth": 1.5}, "depth is 1.5"),
        ({"collapse": ["layers.7"]}, r"collapse: there is no layer 'layers.7'; there are layers.0, layers.1, layers.2"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message):
    with pytest.raises(OptionError, match=message):
        draw(guide_network.loss(of_inputs=True), **options)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (tg.Tensor([1.0], requires_grad=True, name="leaf"), "'leaf' has no graph; the result of operations"),
        (np.ones(2), "ndarray has no graph"),
        (tg.exp(tg.Tensor([1.0])), "has no graph"),
    ],
)
def test_what_has_no_graph_is_refused(thing, message):
    with pytest.raises(GradientError, match=message):
        draw(thing)


def test_up_to_150_steps_are_drawn_in_full_and_of_more_layers_are_collapsed():
    assert len(texts(draw(chain(149)))) == 151  # 150 steps and x
    assert "collapsed" not in draw(deep(74)).source  # 150 steps
    drawing = draw(deep(100))
    assert "layers are collapsed" in drawing.source
    assert box(drawing, "layers.57 ")[1] == "steps 87–88: tanh, dense"
    assert len(drawing.source) < 150_000


def test_of_more_than_1500_steps_there_is_a_table():
    drawing = draw(chain(2_000))
    assert arrows(drawing) == []
    assert texts(drawing) == [["where steps ‖dY‖", "sum 1 1", "negative all of 2–2,001 1"]]
    assert "too many steps to draw" in drawing.source


def test_two_thousand_operations_take_under_two_seconds():
    y = chain(2_000)
    start = time.perf_counter()
    draw(y)
    assert time.perf_counter() - start < 2


def test_a_graph_deeper_than_the_recursion_limit_is_drawn():
    y = chain(100_000)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(250)
    try:
        assert "all of 2–100,001" in draw(y).source
        assert len(draw(chain(1_400)).source) > 1_400 * 50
    finally:
        sys.setrecursionlimit(limit)


NAMES = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


def written(svg):
    """The pieces of text in an SVG, with plain blanks."""
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return [(t.text or "").replace("\xa0", " ") for t in texts]


def programs():
    """The renderers that are here, by name."""
    found = {"dot": shutil.which("dot"), "graphviz-pure": None}
    with pytest.MonkeyPatch.context() as patch:
        which = shutil.which
        patch.setattr(shutil, "which", lambda name, path=None: None if name == "dot" else which(name, path=path))
        found["graphviz-pure"] = rendering.renderer()
    return found


@pytest.mark.parametrize("name", ["dot", "graphviz-pure"])
@given(names=st.lists(NAMES, min_size=1, max_size=8))
@settings(max_examples=40)
def test_any_text_as_a_name_comes_back_from_the_drawing(name, names):
    program = programs()[name]
    if program is None:
        pytest.skip(f"{name} is not installed")
    leaves = [tg.Tensor([1.0], requires_grad=True, name=text) for text in names]
    drawing = draw(tg.concatenate(leaves).sum(), show=["parameters"])
    found = written(rendering.piped(program, drawing.source, ".svg", "g"))
    for i, text in enumerate(names):
        expected = shown(text).replace("\xa0", " ") if text else f"xs[{i}]"  # what the operation calls it
        assert expected in found, (expected, found)


@given(NAMES)
def test_a_name_is_shown_as_one_line_of_what_xml_allows(text):
    line = shown(text)
    assert len(line) <= 48
    assert not re.search(r"[\t\n\r]", line)
    ET.fromstring(f"<a>{html.escape(line)}</a>")
    if 0 < len(text) <= 48 and not any(unicodedata.category(c).startswith(("C", "Z")) for c in text):
        assert line == text


@pytest.mark.parametrize(
    "name", ["<lambda>", 'a "quoted" one', "<b>bold</b>", "back\\slash \\N", "ends with \\", "&amp;", "]]>"]
)
def test_a_name_means_no_more_than_it_says(tmp_path, name):
    w = tg.Tensor([1.0], requires_grad=True, name=name)
    path = render(draw(w.exp()), tmp_path / "w.svg")
    assert name in written(path.read_bytes())


def test_characters_that_xml_forbids_are_replaced():
    assert shown("a\x00b\x1fc\ud800d\ufffee\x7f") == "a�b�c�d�e\x7f"
    assert shown("one\ntwo\tthree") == "one two three"
    assert shown("x" * 60) == "x" * 24 + "…" + "x" * 23


@pytest.mark.parametrize(
    ("name", "start"), [("g.svg", b"<?xml"), ("g.PNG", b"\x89PNG"), ("g.dot", b"digraph backward")]
)
def test_rendered_files(loss, tmp_path, name, start):
    path = render(draw(loss), tmp_path / name)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    again = draw(loss).render(outfile=tmp_path / f"again{path.suffix}")
    assert Path(again).read_bytes() == path.read_bytes()


def test_a_notebook_shows_the_picture(loss):
    bundle = draw(loss)._repr_mimebundle_()
    assert "dW = Xᵀ·dY" in written(bundle["image/svg+xml"])


def test_where_nothing_renders_a_notebook_says_what_to_install(loss, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    assert rendering.NO_RENDERER in draw(loss)._repr_mimebundle_()["text/plain"]


def test_another_suffix_is_refused(loss, tmp_path):
    with pytest.raises(OptionError, match=r"g\.pdf: drawings are written as \.svg, \.png, \.dot"):
        render(draw(loss), tmp_path / "g.pdf")
    assert not list(tmp_path.iterdir())


def test_where_nothing_renders_the_source_is_written(loss, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    path = render(draw(loss), tmp_path / "g.svg")
    assert path == tmp_path / "g.dot"
    assert path.read_text("utf-8") == draw(loss).source
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert draw(loss).render(outfile=tmp_path / "h.svg") == str(tmp_path / "h.dot")
    (warning,) = caught
    assert rendering.NO_RENDERER in str(warning.message)
    assert warning.filename == __file__


def test_the_systems_dot_goes_before_the_one_of_pip(monkeypatch):
    there = {"dot": "/usr/bin/dot", "graphviz-pure": "/bin/graphviz-pure"}
    monkeypatch.setattr(shutil, "which", lambda name, path=None: there.get(name))
    assert rendering.renderer() == "/usr/bin/dot"
    del there["dot"]
    assert rendering.renderer() == "/bin/graphviz-pure"


@pytest.mark.parametrize(("code", "out"), [(3, b""), (0, b"")])
def test_a_renderer_that_fails_leaves_no_file(loss, tmp_path, monkeypatch, code, out):
    monkeypatch.setattr(
        subprocess, "run", lambda *words, **options: subprocess.CompletedProcess(words, code, out, b"broken\n")
    )
    with pytest.raises(DataError, match=r"g\.svg: .* failed: broken"):
        render(draw(loss), tmp_path / "g.svg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "reason"), [("no/g.dot", "No such file"), ("n\0.dot", "null")])
def test_a_file_that_cannot_be_written_is_named(loss, tmp_path, name, reason):
    with pytest.raises(DataError, match=f"the drawing cannot be written: .*{reason}"):
        render(draw(loss), tmp_path / name)


def test_the_gradient_flows_downwards(loss):
    program = rendering.renderer()
    if program is None:
        pytest.skip("no renderer is installed")
    done = subprocess.run([program, "-Tplain"], input=draw(loss).source.encode(), capture_output=True, check=True)
    found = re.findall(r"^node (\w+) \S+ (\S+)", done.stdout.decode(), re.MULTILINE)
    heights = {name: float(y) for name, y in found}
    assert len(heights) == 10
    assert sorted((f"step{i}" for i in range(1, 5)), key=lambda name: -heights[name]) == [
        f"step{i}" for i in range(1, 5)
    ]


@pytest.mark.parametrize("name", ["guide", "tied"])
def test_the_look_changes_only_on_purpose(name):
    drawing = draw(guide_network.loss(of_inputs=True)) if name == "guide" else draw(tied())
    golden = GOLDEN / f"{name}.dot"
    assert drawing.source == golden.read_text("utf-8"), f"if that is meant, write it to {golden.name} anew"
