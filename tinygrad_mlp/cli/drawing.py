"""Learning curves on the command line: histories are read, and drawn if matplotlib is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from tinygrad_mlp.cli.console import styled
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.training import History
from tinygrad_mlp.views.curves import check_history, draw_curves, has_window

NO_MATPLOTLIB = "not drawn: that needs matplotlib, pip install 'tinygrad_mlp[cli]'"


def check_drawing() -> None:
    """Raise `UsageError` if curves that were asked for cannot be drawn."""
    if find_spec("matplotlib") is None:
        raise UsageError(f"the curves are {NO_MATPLOTLIB}")


def read_histories(paths: Sequence[Path]) -> dict[str, History]:
    """The histories in files, by the names of the files as they were typed.

    Raises `UsageError` for a file that is there twice, and `DataError` for one that is no history with a loss.
    """
    histories: dict[str, History] = {}
    for path in paths:
        if str(path) in histories:
            raise UsageError(f"{path} is given twice")
        histories[str(path)] = history = History.from_csv(path)
        check_history(str(path), history)
    return histories


def drawn(histories: Mapping[str, History], path: Path | None, show: bool) -> str:
    """Draw the learning curves; returns where they are, or why there are none."""
    if find_spec("matplotlib") is None:
        return NO_MATPLOTLIB
    figure = draw_curves(histories, path, show=show)
    unseen = show and not has_window(figure)
    place = "not saved" if path is None else styled(path, "cyan")
    return f"{place}{' (no window: there is no display)' if unseen else ''}"
