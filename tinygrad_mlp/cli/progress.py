"""Progress: a line for every epoch; and on a terminal, a live line that says how far reading or training is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_mlp.cli.console import has_colour, is_terminal, shown
from tinygrad_mlp.training import Callback, Run
from tinygrad_mlp.views.curves import best_epoch

if TYPE_CHECKING:
    from rich.progress import Progress

PAUSE = 0.05
"""Seconds between two writes to a terminal: epochs may be a hundred times faster than an eye."""
PATIENCE = 0.3
"""Seconds of reading that nobody needs to be told of."""


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
            self._live = live_line(counted=True)
        if self._live:
            self._live.add_task("training", total=run.epochs, best="")
            self._live.start()

    def step(self, run: Run) -> None:
        """Move the live line on."""
        if self._live and time.monotonic() - self._written > PAUSE:
            self._write(run, len(run.history) + run.batch / run.batches)

    def epoch(self, run: Run) -> None:
        """Print the epoch's line."""
        if not self._live:
            print(epoch_line(run, self._metrics), flush=True)
            return
        self._waiting.append(epoch_line(run, self._metrics))
        if time.monotonic() - self._written > PAUSE:
            self._write(run, len(run.history))

    def end(self, run: Run) -> None:
        """Print what waits, and take the live line away: the epochs stay."""
        if self._live:
            self._write(run, len(run.history))
            self._live.stop()
            self._live = None

    def _write(self, run: Run, epochs: float) -> None:
        assert self._live is not None
        if self._waiting:
            lines = "\n".join(self._waiting)
            self._live.console.print(lines, markup=False, highlight=False, emoji=False, soft_wrap=True)
        best = ""
        if run.validated and len(run.history) and (epoch := best_epoch(run.history)):
            best = f"best val_loss {run.history['val_loss'][epoch - 1]:.4f} in epoch {epoch}"
        self._live.update(self._live.task_ids[0], completed=epochs, best=best, refresh=True)
        self._waiting, self._written = [], time.monotonic()


@contextmanager
def reading_line(path: Path) -> Iterator[Callable[[float], None]]:
    """On a terminal, a live line while a large file is read; what is given takes the share that has been read."""
    begun = written = time.monotonic()
    live: Progress | None = None

    def progress(share: float) -> None:
        nonlocal live, written
        now = time.monotonic()
        if now - begun < PATIENCE or now - written < PAUSE or not is_terminal():
            return
        written = now
        if live is None:
            live = live_line(counted=False)
            if live is None:
                return
            live.add_task(f"reading {path.name}", total=1.0, best="")
            live.start()
        live.update(live.task_ids[0], completed=share, refresh=True)

    try:
        yield progress
    finally:
        if live:
            live.stop()


def live_line(counted: bool) -> Progress | None:
    """A bar with the count, or else the percentage, of what is done, and the time that is left; None without rich."""
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        return None
    console = Console(file=sys.stdout, color_system="auto" if has_colour() else None)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(24),
        MofNCompleteColumn() if counted else TaskProgressColumn(),
        TextColumn("{task.fields[best]}"),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=console, transient=True)
