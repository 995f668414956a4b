"""What the gradients did in a training run: norms, update ratios and dead units of each layer beside the loss."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import hypot, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.training import History
from tinygrad_mlp.views.curves import METADATA, TRAINING, VALIDATION, draw_panel, new_figure, write
from tinygrad_mlp.views.wording import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

USUAL_RATIO = 1e-3
"""The update ratio that is often a good one (Karpathy, CS231n, "Ratio of weights:updates")."""
LEARNING = ("loss", "accuracy")
IN_A_ROW = 3
SHOWN = 12
"""Layers that the legend names; of more, it names every k-th."""

Lines = Mapping[str, list[float]]


@dataclass(frozen=True)
class Panel:
    """A panel of the drawing: a line for each layer, from the input side on.

    Attributes:
        title: what it shows.
        lines: numbers by epoch, for each layer.
        logarithmic: whether the axis is; a share is drawn in percent instead.
        usual: a value that is marked, or None.
    """

    title: str
    lines: Lines
    logarithmic: bool
    usual: float | None = None


def draw_gradients(history: History, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw how the gradients of each layer developed, beside the loss.

    The panels are those for which the history has columns: `gradient_norm/…` and `update_ratio/…`, as
    `tg.GradientNorms` writes them, `dead/…` and `saturated/…` of `tg.DeadUnits`. Norms of a layer's parameters are
    taken together; update ratios are those of its weights, because biases begin at 0. Colours go from the first layer
    (dark) to the last.

    Args:
        history: of one run.
        path: where to write the drawing, a .png or .svg; the file appears whole or not at all.

    Returns:
        The drawing, a matplotlib Figure.

    Raises:
        DataError: the history has no epochs or no such columns, or the file cannot be written.
        OptionError: the file's suffix is another one.
        MissingMatplotlibError: matplotlib is not installed.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(1, 4, rng=0) >> tg.nn.ReLU() >> tg.nn.Dense(4, 1, rng=1)
    >>> sgd, data = tg.optim.SGD(model), ([[0.0], [1.0]], [1.0, 3.0])
    >>> watching = [tg.GradientNorms(), tg.DeadUnits()]
    >>> history = tg.fit(model, tg.mean_squared_error, sgd, data, epochs=3, callbacks=watching)
    >>> figure = tg.views.draw_gradients(history)
    >>> [axes.get_title() for axes in figure.axes]
    ['loss', 'gradient norm', 'update ratio of the weights', 'dead units of relu']
    """
    suffix = "" if path is None else Path(path).suffix.lower()
    if path is not None and suffix not in METADATA:
        raise OptionError(
            f"{os.fspath(path)}: curves are drawn as {' or '.join(METADATA)}, not as {suffix or 'that'!r}"
        )
    panels = panels_of(history)
    if not panels or not len(history):
        raise DataError(
            f"{history!r} has no columns gradient_norm/…, update_ratio/…, dead/… or saturated/…: train with "
            "callbacks=[tg.GradientNorms(), tg.DeadUnits()]"
        )
    learning = [metric for metric in LEARNING if metric in history.names]
    layers = in_order(layer for panel in panels for layer in panel.lines)
    figure = new_figure(in_a_window=False)
    count = len(learning) + len(panels)
    across = min(count, IN_A_ROW)
    down = -(-count // across)
    figure.set_size_inches(5 * across, 3.8 * down + 0.6)
    places = list(figure.subplots(down, across, squeeze=False).flat)
    for metric, axes in zip(learning, places, strict=False):
        draw_panel(axes, metric, {"": history})
    for panel, axes in zip(panels, places[len(learning) :], strict=False):
        draw_lines(axes, panel, colours(layers))
    for axes in places[count:]:
        axes.remove()
    entries = [*legend(layers), *learning_styles(history)]
    figure.legend(handles=entries, loc="outside lower center", ncols=7, frameon=False)
    if path is not None:
        write(figure, path, suffix)
    return figure


def panels_of(history: History) -> list[Panel]:
    """The panels for which a history has columns."""
    norms = by_layer(columns(history, "gradient_norm"))
    ratios = columns(history, "update_ratio")
    weights = {name: column for name, column in ratios.items() if not name.rpartition(".")[2].startswith("b")}
    found = [
        Panel("gradient norm", norms, logarithmic=True),
        Panel("update ratio of the weights", largest(weights or ratios), logarithmic=True, usual=USUAL_RATIO),
        Panel("dead units of relu", columns(history, "dead"), logarithmic=False),
        Panel("saturated values", columns(history, "saturated"), logarithmic=False),
    ]
    return [panel for panel in found if panel.lines]


def columns(history: History, kind: str) -> dict[str, list[float]]:
    """The columns `kind/name`, by name."""
    return {name.partition("/")[2]: history[name] for name in history.names if name.startswith(f"{kind}/")}


def layer_of(parameter: str) -> str:
    """The path of the layer that a parameter belongs to."""
    return parameter.rpartition(".")[0] or parameter


def in_order(layers: Iterable[str]) -> list[str]:
    """Layers as they come, but `layers.1` between `layers.0` and `layers.2`."""
    found: list[str] = []
    for layer in dict.fromkeys(layers):
        group, _, number = layer.rpartition(".")
        before = [i for i, (g, _, n) in enumerate(x.rpartition(".") for x in found)
                  if g == group and n.isdigit() and number.isdigit() and int(n) < int(number)]  # fmt: skip
        found.insert(before[-1] + 1 if before else len(found), layer)
    return found


def by_layer(parameters: Lines) -> dict[str, list[float]]:
    """The norms of parameters as norms of layers."""
    found: dict[str, list[list[float]]] = {}
    for name, column in parameters.items():
        found.setdefault(layer_of(name), []).append(column)
    return {layer: [hypot(*row) for row in zip(*group, strict=True)] for layer, group in found.items()}


def largest(parameters: Lines) -> dict[str, list[float]]:
    """The largest number of each layer's parameters."""
    found: dict[str, list[list[float]]] = {}
    for name, column in parameters.items():
        found.setdefault(layer_of(name), []).append(column)
    return {layer: [max(row) for row in zip(*group, strict=True)] for layer, group in found.items()}


def draw_lines(axes: Axes, panel: Panel, colour: Mapping[str, Any]) -> None:
    """One panel: epochs along, a line for each layer."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for layer, column in panel.lines.items():
        # What is 0 or not finite has no place on a logarithmic axis.
        values = [y if isfinite(y) and (y > 0 or not panel.logarithmic) else float("nan") for y in column]
        alone = "." if len(values) == 1 else ""  # a line needs two points
        axes.plot(range(1, len(values) + 1), values, color=colour[layer], marker=alone)
    if panel.usual is not None:
        axes.axhline(panel.usual, color="gray", linestyle=":", linewidth=1)
        where = axes.get_yaxis_transform()  # along in shares of the width, up in numbers
        text = f"often good: {panel.usual:g}"
        axes.text(0.99, panel.usual, text, transform=where, ha="right", va="bottom", color="gray", fontsize="small")
    if panel.logarithmic:
        axes.set_yscale("log")
    else:
        top = max(0.1, *(max(column) for column in panel.lines.values()))
        axes.set_ylim(-0.03 * top, 1.05 * top)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_title(panel.title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def colours(layers: list[str]) -> dict[str, Any]:
    """A colour for each layer, from the input side on."""
    from matplotlib import colormaps

    scale = colormaps["viridis"]
    return {layer: scale(0.9 * i / max(1, len(layers) - 1)) for i, layer in enumerate(layers)}


def legend(layers: list[str]) -> list[Any]:
    """Which colour is which layer."""
    from matplotlib.lines import Line2D

    colour = colours(layers)
    every = -(-len(layers) // SHOWN)
    # Text between dollar signs would be set as a formula, and a name that begins with _ would be left out.
    names = {layer: shown(layer, 30).replace("$", r"\$").lstrip("_") or "·" for layer in layers[::every]}
    return [Line2D([], [], color=colour[layer], label=name) for layer, name in names.items()]


def learning_styles(history: History) -> list[Any]:
    """What the styles of the learning curves mean, if there are two."""
    from matplotlib.lines import Line2D

    if "val_loss" not in history.names:
        return []
    styles = (("training", TRAINING), ("validation", VALIDATION))
    return [Line2D([], [], color="gray", linestyle=style, label=name) for name, style in styles]
