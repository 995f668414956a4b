"""Learning curves: loss and metrics over the epochs, of one run or of several on one graph."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.errors import DataError, MissingMatplotlibError, OptionError
from tinygrad_mlp.training import History
from tinygrad_mlp.training.history import PART

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PANELS_IN_A_ROW = 3
TRAINING: Literal["-"] = "-"
VALIDATION: Literal["--"] = "--"
COLUMNS = 4
"""Entries in a row of the legend."""
# No dates and no versions: the same histories give the same bytes.
METADATA: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}


def draw_curves(
    histories: Mapping[str, History], path: str | os.PathLike[str] | None = None, show: bool = False
) -> Figure:
    """Draw the learning curves of runs, each in its own colour.

    Training is solid, validation dashed; a dot marks the epoch with the lowest validation loss (training loss where
    there is no validation). There is a panel for each metric that a run has, the loss first. What is measured of each
    part of the network, as by `GradientNorms`, is one panel with a line for each part, from the first one in violet to
    the last one in yellow; where several runs are drawn, in the colour of the run.

    Args:
        histories: the runs by name.
        path: where to write the drawing, a .png or .svg; the file appears whole or not at all.
        show: whether to open a window, if there is a display, and wait until it is closed.

    Returns:
        The drawing, a matplotlib Figure.

    Raises:
        DataError: there is no run, a run has no epochs or no loss, or the file cannot be written.
        OptionError: the file's suffix is another one.
        MissingMatplotlibError: matplotlib is not installed.

    >>> import tinygrad_mlp as tg
    >>> history = tg.History()
    >>> for loss in [0.7, 0.5, 0.4]:
    ...     history.append({"loss": loss, "val_loss": loss + 0.1, "accuracy": 1 - loss})
    >>> figure = tg.views.draw_curves({"first run": history})
    >>> [axes.get_title() for axes in figure.axes]
    ['loss', 'accuracy']
    """
    suffix = "" if path is None else Path(path).suffix.lower()
    if path is not None and suffix not in METADATA:
        raise OptionError(
            f"{os.fspath(path)}: curves are drawn as {' or '.join(METADATA)}, not as {suffix or 'that'!r}"
        )
    if not histories:
        raise DataError("there are no histories to draw")
    for name, history in histories.items():
        check_history(name, history)
    figure = new_figure(in_a_window=show)
    metrics, entries = metrics_of(histories.values()), legend_entries(histories)
    down, rows = -(-len(metrics) // PANELS_IN_A_ROW), -(-len(entries) // COLUMNS)
    across = -(-len(metrics) // down)
    figure.set_size_inches(5 * across, 3.8 * down + 0.25 * rows)
    for axes, metric in zip_longest(figure.subplots(down, across, squeeze=False).flat, metrics):
        if metric is None:
            axes.remove()
        else:
            draw_panel(axes, metric, histories)
            draw_parts(axes, metric, histories)
    figure.legend(handles=entries, loc="outside lower center", ncols=COLUMNS, frameon=False)
    if path is not None:
        write(figure, path, suffix)
    if show:
        import matplotlib.pyplot as plt

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*is non-interactive", category=UserWarning)
            plt.show(block=True)
        plt.close(figure)
    return figure


def check_history(name: str, history: History) -> None:
    """Raise `DataError` for a run without epochs or without a loss."""
    if not len(history) or "loss" not in history.names:
        raise DataError(f"{name}: {history!r} cannot be drawn: at least one epoch with a loss is expected")


def metrics_of(histories: Iterable[History]) -> list[str]:
    """What runs have, without the `val_` of validation or the part that is measured: the loss first, parts last."""
    names = ["loss", *(name for history in histories for name in history.names)]
    names.sort(key=lambda name: PART in name)
    return list(dict.fromkeys(name.removeprefix("val_").partition(PART)[0] for name in names))


def has_window(figure: Figure) -> bool:
    """Whether a figure that was to be shown could be: not where there is no display."""
    return getattr(type(figure.canvas), "required_interactive_framework", None) is not None


def new_figure(in_a_window: bool) -> Figure:
    """An empty figure; only one for a window is known to pyplot, which keeps figures until they are closed."""
    try:
        if in_a_window:
            from matplotlib.pyplot import figure

            return figure(layout="constrained")
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingMatplotlibError("curves need matplotlib: pip install 'tinygrad_mlp[cli]'") from error
    return Figure(layout="constrained")


def draw_panel(axes: Axes, metric: str, histories: Mapping[str, History]) -> None:
    """One metric of all the runs."""
    from matplotlib.ticker import MaxNLocator

    for history, color in zip(histories.values(), colors(len(histories)), strict=True):
        for column, style in ((metric, TRAINING), (f"val_{metric}", VALIDATION)):
            if column in history.names:
                alone = "." if len(history) == 1 else ""  # a line needs two points
                axes.plot(range(1, len(history) + 1), history[column], linestyle=style, marker=alone, color=color)
        best, marked = best_epoch(history), marked_column(history, metric)
        if best and marked in history.names:
            point = (best, history[marked][best - 1])
            axes.plot(*point, "o", color=color)
            axes.annotate(str(best), point, (0, 6), textcoords="offset points", ha="center", color=color)
    axes.set_title(metric)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def draw_parts(axes: Axes, metric: str, histories: Mapping[str, History]) -> None:
    """A metric of the parts of the network, such as gradient norms: a line for each part of each run."""
    from matplotlib import colormaps

    for history, color in zip(histories.values(), colors(len(histories)), strict=True):
        columns = [name for name in history.names if name.startswith(f"{metric}{PART}")]
        for i, name in enumerate(columns):
            of_part = colormaps["viridis"](i / max(1, len(columns) - 1)) if len(histories) == 1 else color
            (line,) = axes.plot(range(1, len(history) + 1), history[name], color=of_part, label=name.partition(PART)[2])
            line.set(linewidth=1, marker="." if len(history) == 1 else "")
        if columns:
            axes.set_yscale("log", nonpositive="mask")
            if len(histories) == 1:
                axes.legend(fontsize="x-small", ncols=-(-len(columns) // 8))


def legend_entries(histories: Mapping[str, History]) -> list[Line2D]:
    """What the colours and the styles mean."""
    from matplotlib.lines import Line2D

    # Text between dollar signs would be set as a formula, and a name that begins with _ would be left out.
    names = [name.replace("$", r"\$").lstrip("_") for name in histories]
    runs = [Line2D([], [], color=color, label=name) for name, color in zip(names, colors(len(names)), strict=True)]
    if len(runs) == 1:
        runs, shared = [], colors(1)[0]  # its colour needs no name
    else:
        shared = "gray"
    styles = [Line2D([], [], color=shared, linestyle=TRAINING, label="training")]
    if any("val_loss" in history.names for history in histories.values()):
        styles.append(Line2D([], [], color=shared, linestyle=VALIDATION, label="validation"))
    return [*runs, *styles, Line2D([], [], color=shared, linestyle="", marker="o", label="lowest loss, with its epoch")]


def colors(n: int) -> list[Any]:
    """A colour for each of n runs."""
    from matplotlib import colormaps

    few, many = colormaps["tab10"], colormaps["turbo"]
    return [few(i) if n <= few.N else many(i / (n - 1)) for i in range(n)]


def marked_column(history: History, metric: str) -> str:
    """The column on which the best epoch is marked: the validation's if there is one."""
    return f"val_{metric}" if f"val_{metric}" in history.names else metric


def best_epoch(history: History) -> int | None:
    """The epoch, from 1, with the lowest loss, or None if every loss is NaN."""
    numbered = [(value, e) for e, value in enumerate(history[marked_column(history, "loss")], 1) if not isnan(value)]
    return min(numbered)[1] if numbered else None


def write(figure: Figure, path: str | os.PathLike[str], suffix: str) -> None:
    """Write a figure to a file."""
    from matplotlib import rc_context

    content = io.BytesIO()
    with rc_context({"svg.hashsalt": "tinygrad_mlp"}):
        figure.savefig(content, format=suffix[1:], dpi=150, metadata=METADATA[suffix])
    try:
        atomic_write(path, content.getvalue())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{os.fspath(path)}: the curves cannot be written: {reason}") from error
