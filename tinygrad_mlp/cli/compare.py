"""Compare training runs by their histories: one graph of all curves, and a table with the best run first.

A run is as good as its best epoch, the one with the lowest val_loss (without validation, the lowest loss).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

from tinygrad_mlp.cli.console import fields, styled
from tinygrad_mlp.cli.drawing import check_drawing, drawn, read_histories
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.cli.paths import check_curves, check_inputs, check_outputs
from tinygrad_mlp.training import History
from tinygrad_mlp.training.history import PART
from tinygrad_mlp.views.curves import best_epoch

SUMMARY = "compare training runs: their curves on one graph, and a table"
USAGE = "RUN.csv ... [options]"
EXAMPLES = """examples:
  tinygrad-mlp compare small.csv large.csv
  tinygrad-mlp compare runs/*.csv --curves runs.svg --show"""

NONE = "–"
"""What stands in the table for a metric that a run does not have."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `compare`."""
    histories = "histories, as train --history writes them"
    parser.add_argument("files", nargs="*", type=Path, metavar="RUN.csv", help=histories)
    output = parser.add_argument_group("output")
    curves = "the graph, .png or .svg (compare.png)"
    output.add_argument("--curves", type=Path, metavar="FILE.png", help=curves)
    output.add_argument("--no-curves", action="store_true", help="draw none")
    output.add_argument("--show", action="store_true", help="show the graph in a window too")
    output.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Draw the runs, and print the table."""
    if not arguments.files:
        raise UsageError("a file is missing: RUN.csv is expected, a history that train --history has written")
    if arguments.no_curves and arguments.curves is not None:
        raise UsageError("--curves and --no-curves contradict each other")
    check_inputs(arguments.files)
    if arguments.curves is not None or arguments.show:
        check_drawing()
    path = None if arguments.no_curves else arguments.curves or Path("compare.png")
    check_curves(path)
    check_outputs({"--curves": path}, arguments.files)
    histories = read_histories(arguments.files)
    place = drawn(histories, path, arguments.show) if path or arguments.show else NONE
    runs = sorted((RunScores.of(name, history) for name, history in histories.items()), key=RunScores.rank)
    if arguments.json:
        result = {"curves": path and str(path), "runs": [scores.json() for scores in runs]}
        print(json.dumps(result, ensure_ascii=False, allow_nan=False))
        return 0
    print(table(runs))
    if place != NONE:
        print(f"\n{fields({'curves': place})}")
    return 0


@dataclass(frozen=True)
class RunScores:
    """What the history of a run comes to.

    Attributes:
        name: the file.
        epochs: how many there were.
        best_epoch: the one with the lowest val_loss, without validation the lowest loss; None if all are NaN.
        best: the metrics of that epoch.
        last: the metrics of the last epoch.
    """

    name: str
    epochs: int
    best_epoch: int | None
    best: dict[str, float]
    last: dict[str, float]

    @classmethod
    def of(cls, name: str, history: History) -> RunScores:
        """The scores of a run."""
        epoch = best_epoch(history)
        best = {} if epoch is None else {metric: history[metric][epoch - 1] for metric in history.names}
        return cls(name, len(history), epoch, best, {metric: history[metric][-1] for metric in history.names})

    def rank(self) -> tuple[bool, float]:
        """Runs with validation first, the lowest val_loss first; then those without, the lowest loss first."""
        return "val_loss" not in self.last, self.best.get("val_loss", self.best.get("loss", inf))

    def json(self) -> dict[str, Any]:
        """The scores for a program; a number that is not finite is null."""
        return {
            "run": self.name,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "best": {metric: value if isfinite(value) else None for metric, value in self.best.items()},
            "last": {metric: value if isfinite(value) else None for metric, value in self.last.items()},
        }


def table(runs: Sequence[RunScores]) -> str:
    """A line for each run: its epochs, the metrics of its best epoch, and the losses of its last one.

    What was measured of each part of a network, such as gradient norms, is among the curves and in the JSON only.
    """
    names = dict.fromkeys(name for run in runs for name in run.last if PART not in name)
    metrics = sorted(names, key=lambda name: (not name.startswith("val_"), not name.endswith("loss")))
    final = [name for name in ("val_loss", "loss") if name in names]
    heads = ["run", "epochs", "best", *metrics, *final]
    rows = [
        [run.name, str(run.epochs), NONE if run.best_epoch is None else str(run.best_epoch)]
        + [number(run.best.get(name)) for name in metrics]
        + [number(run.last.get(name)) for name in final]
        for run in runs
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    left = sum(widths[:2]) + 2 * 2
    middle = sum(widths[2 : 3 + len(metrics)]) + 2 * len(metrics)
    over = " " * left + "in the best epoch".ljust(middle + 2) + "in the last"

    def line(cells: Sequence[str]) -> str:
        return "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])

    return "\n".join([styled(over, "dim"), styled(line(heads), "dim"), *map(line, rows)])


def number(value: float | None) -> str:
    """Four decimals, of a large number four digits; or – where there is none."""
    return NONE if value is None else f"{value:.4f}" if abs(value) < 1e4 else f"{value:.4g}"
