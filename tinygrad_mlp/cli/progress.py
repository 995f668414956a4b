"""Progress: a line for every epoch; and on a terminal, below them, a live line that says how far the training is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_mlp.cli.console import has_colour, is_terminal, shown
from tinygrad_mlp.training import Callback, Run
from tinygrad_mlp.views.curves import best_epoch

if TYPE_CHECKING:
    from rich.progress import Progress

PAUSE = 0.05
"""Seconds between two writes to a terminal: epochs may be a hundred times faster than an eye."""


def epoch_line(run: Run, metrics: Sequence[str] = ()) -> str:
    """`epoch 01/84 - loss: 0.6882 - val_loss: 0.6788`, the epoch as wide as the total; after it any metrics."""
    epoch = str(run.epoch).zfill(len(str(run.epochs)))
    columns = [column for name in ("loss", *metrics) for column in (name, f"val_{name}") if column in run.history.names]
    numbers = [
        f"{name}: {shown(run.history[name][-1]) if name in metrics else f'{run.history[name][-1]:.4f}'}"
        for name in columns
    ]
    return " - ".join([f"epoch {epoch}/{run.epochs}", *numbers])


class EpochLines(Callback):
    """Print the line of each epoch; without rich, or in a pipe, nothing but these lines.

    Args:
        metrics: what the lines tell beside the loss.
    """

    def __init__(self, metrics: Sequence[str] = ()) -> None:
        self._metrics = metrics
        self._live: Progress | None = None
        self._waiting: list[str] = []
        self._written = 0.0

    def start(self, run: Run) -> None:
        """Show the live line, if there is a terminal for it."""
        if is_terminal():
            self._live = live_line()
        if self._live:
            self._live.add_task("training", total=run.epochs, best="")
            self._live.start()

    def epoch(self, run: Run) -> None:
        """Print the epoch's line."""
        if not self._live:
            print(epoch_line(run, self._metrics), flush=True)
            return
        self._waiting.append(epoch_line(run, self._metrics))
        if time.monotonic() - self._written > PAUSE:
            self._write(run)

    def end(self, run: Run) -> None:
        """Print what waits, and take the live line away: the epochs stay."""
        if self._live:
            self._write(run)
            self._live.stop()
            self._live = None

    def _write(self, run: Run) -> None:
        assert self._live is not None
        if self._waiting:
            lines = "\n".join(self._waiting)
            self._live.console.print(lines, markup=False, highlight=False, emoji=False, soft_wrap=True)
        best = ""
        if run.validated and (epoch := best_epoch(run.history)):
            best = f"best val_loss {run.history['val_loss'][epoch - 1]:.4f} in epoch {epoch}"
        self._live.update(self._live.task_ids[0], completed=len(run.history), best=best, refresh=True)
        self._waiting, self._written = [], time.monotonic()


def live_line() -> Progress | None:
    """A bar with the count of epochs, the best one so far and the time that is left; None if rich is not there."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        return None
    console = Console(file=sys.stdout, color_system="auto" if has_colour() else None)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[best]}"),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=console, transient=True)
