"""The backward pass as an animated SVG: `tg.draw`'s own picture, lit up step by step, with the numbers beside it.

An `<img>` plays it without a script: only CSS moves. Who has asked for less motion sees the last frame.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp.views import BackwardPass, wording
from tinygrad_mlp.views.graph import OPERATION, STRONG, WEAK
from tinygrad_mlp.views.measures import Gradient
from tinygrad_mlp.views.steps import Leaf, Step

SVG = "http://www.w3.org/2000/svg"
STEP, LAST = 3.5, 5.0
"""Seconds that a step takes, and that the last frame stands still."""
ARROW, ARRIVAL = 0.5, 1.3
"""Seconds after the beginning of a step when its arrows begin to grow, and when they arrive."""
CELL = (52, 21)
"""Width and height of an element of a gradient, in pixels."""
PANEL, GAP = 310, 24
"""Width of the panel of numbers, and its distance from the drawing."""
FONT = "Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Palette:
    """The colours of one scheme: those of the drawing are replaced by `colours`, arrows run from `weak` to `strong`."""

    paper: str
    text: str
    quiet: str
    lit: str
    weak: tuple[int, int, int]
    strong: tuple[int, int, int]
    negative: tuple[int, int, int]
    positive: tuple[int, int, int]
    zero: tuple[int, int, int]
    colours: dict[str, str]


LIGHT = Palette(
    "#ffffff", "#1f2328", "#5d6c84", "#d9730d", WEAK, STRONG, (146, 197, 222), (244, 165, 130), (247, 247, 247), {}
)
DARK = Palette(
    "#0d1117",
    "#e6edf3",
    "#9aa7b8",
    "#ffa657",
    (58, 88, 128),
    (158, 203, 255),
    (32, 92, 140),
    (140, 62, 38),
    (33, 38, 45),
    {
        "#e3ecf8": "#1b2a41",
        "#4a6fa5": "#6f9bd8",
        "#fdf0d5": "#3a2f16",
        "#b98a2f": "#d6a84a",
        "#f6f8fb": "#141b25",
        "#c9d4e6": "#34455e",
        "#5d6c84": "#9aa7b8",
        "#333333": "#d5dde6",
        "#2f5591": "#8fbcff",
        "#a05a00": "#f0b45a",
    },
)


def guide_pass() -> BackwardPass:
    """The backward pass of the guide's network, 4 → 3 → 2, for two rows: that of the README's code."""
    tg.seed(1)
    model = tg.nn.Dense(4, 3) >> tg.nn.ReLU() >> tg.nn.Dense(3, 2)
    model.named_parameters()  # gives each parameter its name
    X = [[0.2, 0.9, -0.4, 1.0], [1.1, -0.3, 0.5, -0.8]]
    return BackwardPass.of(tg.softmax_cross_entropy(model(X), [0, 1]))


def animation(seen: BackwardPass, palette: Palette) -> str:
    """The backward pass as an SVG that plays by itself, again and again.

    Args:
        seen: a backward pass with numbers, of few and small arrays: all their elements are shown.
        palette: `LIGHT` or `DARK`.
    """
    ET.register_namespace("", SVG)
    drawn = ET.fromstring(
        tg.draw(seen, show=("formulas", "norms", "shapes", "parameters")).pipe("svg", encoding="utf-8")
    )
    width, height = (float(drawn.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    graph = next(iter(drawn))
    reach = {step.key: i * STEP for i, step in enumerate(seen.steps)}
    total = len(seen.steps) * STEP + LAST
    times: set[tuple[str, float]] = set()
    for part in list(graph):
        kind = part.get("class")
        if kind in ("node", "edge"):
            times.update(put_in_time(part, kind, reach, seen))
        elif kind != "cluster":  # the paper, and the caption: the panel has a better place for it
            graph.remove(part)
    recolour(graph, palette)
    panels = [panel(i, rows) for i, rows in enumerate(texts_of(seen, palette))]
    whole = ET.Element(
        f"{{{SVG}}}svg",
        {
            "width": f"{width + PANEL + GAP:.0f}",
            "height": f"{height:.0f}",
            "viewBox": f"0 0 {width + PANEL + GAP:.0f} {height:.0f}",
            "font-family": FONT,
            "fill": palette.text,
            "role": "img",
        },
    )
    ET.SubElement(whole, f"{{{SVG}}}title").text = "The gradient flows from the loss back to the weights, step by step"
    ET.SubElement(whole, f"{{{SVG}}}style").text = css(times, len(seen.steps), total, palette)
    paper = {"width": "100%", "height": "100%", "rx": "8", "fill": palette.paper}
    ET.SubElement(whole, f"{{{SVG}}}rect", paper)
    whole.append(graph)
    place = {"transform": f"translate({width + GAP / 2:.0f}, 34)"}
    ET.SubElement(whole, f"{{{SVG}}}g", place).extend(panels)
    ET.indent(whole)
    return ET.tostring(whole, encoding="unicode") + "\n"


def put_in_time(
    part: ET.Element, kind: str, reach: dict[str, float], seen: BackwardPass
) -> Iterator[tuple[str, float]]:
    """Give a box or an arrow the name of the animation that lets it appear, and say which one that is."""
    name = part.findtext(f"{{{SVG}}}title", "")
    if kind == "edge":
        start = reach[name.split("->")[0]] + ARROW
        line, *others = (child for child in part if child.tag != f"{{{SVG}}}title")
        line.set("pathLength", "1")
        line.set("class", class_of("grow", start))
        yield "grow", start
        start += ARRIVAL - ARROW
        for other in others:
            other.set("class", class_of("appear", start))
        yield "appear", start
        return
    at = reach.get(name)
    if at is not None:
        part.set("class", class_of("lit", at))
        part.find(f"{{{SVG}}}path").set("class", class_of("edge", at))
        yield from (("lit", at), ("edge", at))
        return
    arrivals = [reach[edge.step.key] for edge in seen.edges() if edge.target.key == name]
    part.set("class", class_of("appear", max(arrivals) + ARRIVAL))
    yield "appear", max(arrivals) + ARRIVAL


def class_of(motion: str, start: float) -> str:
    """The name of an animation: `grow-35` begins after 3.5 s."""
    return f"{motion}-{start * 10:.0f}"


def css(times: set[tuple[str, float]], steps: int, total: float, palette: Palette) -> str:
    """The style sheet: at rest it is the last frame, and the animations lead there."""
    lit = f"stroke: {palette.lit}; stroke-width: 3"
    plain = f"stroke: {palette.colours.get(OPERATION['color'], OPERATION['color'])}; stroke-width: 1"
    frames = []
    for motion, start in sorted(times):
        looks = {
            "appear": [(start, "opacity: 0.2"), (start + 0.4, "opacity: 1"), (total - 0.3, "opacity: 1")],
            "lit": [(start, "opacity: 0.35"), (start + 0.3, "opacity: 1"), (total - 0.3, "opacity: 1")],
            "edge": [(start, plain), (start + 0.3, lit), (start + STEP, lit), (start + STEP + 0.3, plain)],
            "grow": [(start, "stroke-dashoffset: 1"), (start + ARRIVAL - ARROW, "stroke-dashoffset: 0")],
        }
        frames.append(keyframes(class_of(motion, start), looks[motion], total))
    for i in range(steps + 1):
        start, end = i * STEP, (i + 1) * STEP - 0.2 if i < steps else total - 0.3
        look = [(start, "opacity: 0"), (start + 0.3, "opacity: 1"), (end, "opacity: 1"), (end + 0.2, "opacity: 0")]
        frames.append(keyframes(f"panel-{i}", look, total))
    names = re.findall(r"@keyframes (\S+)", "\n".join(frames))
    moving = f"animation-duration: {total:.1f}s; animation-iteration-count: infinite"
    rules = [
        *(f".panel-{i} {{ opacity: 0 }}" for i in range(steps)),
        "@media (prefers-reduced-motion: no-preference) {",
        f"  [class] {{ {moving} }}",
        '  [class^="grow"] { stroke-dasharray: 1 }',
        *(f"  .{name} {{ animation-name: {name} }}" for name in names),
        "}",
    ]
    return "\n".join(["", *rules, *frames, ""])


def keyframes(name: str, looks: list[tuple[float, str]], total: float) -> str:
    """An animation that passes through these looks at these seconds, and then begins again."""
    times = [(0.0, looks[0][1])] if looks[0][0] > 0 else []
    frames = " ".join(f"{100 * t / total:.2f}% {{ {look} }}" for t, look in [*times, *looks])
    return f"@keyframes {name} {{ {frames} }}"


def recolour(graph: ET.Element, palette: Palette) -> None:
    """Give a drawing the colours of a scheme."""
    for part in graph.iter():
        for role in ("fill", "stroke"):
            if (colour := part.get(role)) and re.fullmatch("#[0-9a-f]{6}", colour):
                part.set(role, palette.colours.get(colour) or between_weak_and_strong(colour, palette))


def between_weak_and_strong(colour: str, palette: Palette) -> str:
    """The colour of an arrow in a scheme; any other one stays as it is."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    at = (red - WEAK[0]) / (STRONG[0] - WEAK[0])
    meant = [a + (b - a) * at for a, b in zip(WEAK, STRONG, strict=True)]
    if not np.allclose((red, green, blue), meant, atol=2):
        return colour
    return mixed(palette.weak, palette.strong, at)


def mixed(a: tuple[int, int, int], b: tuple[int, int, int], share: float) -> str:
    """A colour between two."""
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(a, b, strict=True))


Row = tuple[str, list[ET.Element], int]
"""A part of a panel: "result" if it appears when the arrows of its step arrive, its elements, and its height."""


def texts_of(seen: BackwardPass, palette: Palette) -> Iterator[list[Row]]:
    """The panels: one a step, and the gradients of all parameters at the end."""
    for step in seen.steps:
        yield [
            title(f"Step {step.number} of {len(seen.steps)}: {step.operation}", step.layer or "the loss", palette),
            *matrix("dY arrives", "", step.arrived, palette),
            *chain.from_iterable(
                matrix(str(edge.formula), f"→ {target_of(edge.target)}", edge.gradient, palette, "result")
                for edge in step.outgoing
            ),
        ]
    about = f"loss = {wording.number(float(seen.loss.numpy()))}"
    yield [
        title("Every parameter has its gradient", about, palette),
        *chain.from_iterable(matrix(leaf.name, "", leaf.gradient, palette) for leaf in seen.parameters),
    ]


def target_of(x: Step | Leaf) -> str:
    """Where a gradient goes, in words."""
    return f"step {x.number}" if isinstance(x, Step) else x.name


def title(text: str, below: str, palette: Palette) -> Row:
    """The first two lines of a panel."""
    lines = [element("text", text, {"y": "14", "font-size": "16", "font-weight": "bold"})]
    lines.append(element("text", below, {"y": "32", "font-size": "12", "fill": palette.quiet}))
    return "", lines, 44


def matrix(name: str, goes: str, gradient: Gradient | None, palette: Palette, motion: str = "") -> Iterator[Row]:
    """A gradient: its formula, where it goes, and its elements, orange above and blue below zero, as on the page."""
    assert gradient is not None
    assert gradient.array is not None
    line = [element("text", name, {"y": "14", "font-size": "13", "font-weight": "bold"})]
    if goes:
        right = {"y": "14", "x": f"{PANEL - 10}", "text-anchor": "end", "font-size": "12", "fill": palette.quiet}
        line.append(element("text", goes, right))
    yield motion, line, 20
    array = np.atleast_2d(gradient.array)
    largest = np.abs(array).max() or 1.0
    cells = []
    for (i, j), value in np.ndenumerate(array):
        x, y = j * (CELL[0] + 2), i * (CELL[1] + 2)
        colour = mixed(palette.zero, palette.positive if value > 0 else palette.negative, abs(value) / largest)
        place = {"x": f"{x}", "y": f"{y}", "width": f"{CELL[0]}", "height": f"{CELL[1]}", "rx": "3", "fill": colour}
        cells.append(element("rect", "", place))
        middle = {"x": f"{x + CELL[0] / 2:.0f}", "y": f"{y + 15}", "text-anchor": "middle", "font-size": "12"}
        cells.append(element("text", f"{value:.3f}".replace("-", "−"), middle))
    yield motion, cells, len(array) * (CELL[1] + 2) + 12


def element(tag: str, text: str, attributes: dict[str, str]) -> ET.Element:
    """An SVG element."""
    made = ET.Element(f"{{{SVG}}}{tag}", attributes)
    made.text = text or None
    return made


def panel(i: int, rows: list[Row]) -> ET.Element:
    """Rows one below the other; what is computed in a step appears when its arrows arrive."""
    whole, y = element("g", "", {"class": f"panel-{i}"}), 0
    for motion, parts, height in rows:
        row = element("g", "", {"transform": f"translate(0, {y})"})
        if motion == "result":
            row.set("class", class_of("appear", i * STEP + ARRIVAL))
        row.extend(parts)
        whole.append(row)
        y += height
    return whole
