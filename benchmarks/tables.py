"""The tables of docs/measured/benchmarks.md, from what the benchmarks measured: `make tables`.

    python benchmarks/tables.py [--measure [--short]]

With `--measure`, runs the benchmarks and keeps what they say in benchmarks/measured.json: a quarter of an hour, or with
`--short` a minute or two, of which the page then says so. Without, only writes the page anew from that file.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
PAGE = HERE.parent / "docs" / "measured" / "benchmarks.md"
BENCHMARKS = ("training_step", "whole_training", "cross_validation", "gradient_checkers")
PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "torch", "jax", "autograd", "mygrad")
US = "tinygrad_mlp"

HEAD = """\
# Benchmark tables

<!-- Written by `make tables` from benchmarks/measured.json; a test checks that they agree. -->

The same work done by tinygrad_mlp and by its peers, in turns, in one process, with one thread of BLAS. A ratio below 1
means that what stands first takes less time. `make tables` measures all of it on your machine and writes this page.

{machine}, Python {python}, {date}: {versions}.
{short}"""
SHORT = """
```{warning}
This was a short run, with a few turns of each: enough to see that everything runs, not enough for the last digit.
```
"""
STEP = """\
## A training step

Forward, backward and Adam in float32, on one batch. `plain` is the step written by hand in NumPy, `buffered` the same
with every array preallocated ([`training_step.py`](../../benchmarks/training_step.py),
[`baselines.py`](../../benchmarks/baselines.py)); `products alone` are its matrix products. `compiled, epoch` stays in
machine code for 100 steps, as JAX's `scan` does. The last columns say how long ours take beside each.
"""
TRAINING = """\
## A whole training

30-24-24-2 with Adam on the 569 rows of the packaged table, {epochs} epochs of batches of 32
([`whole_training.py`](../../benchmarks/whole_training.py)).
"""
QUALITY = """\
## How good the networks are

Stratified 5-fold cross-validation on the packaged table, {folds} networks each on the same splits, mean ± standard
deviation ([`cross_validation.py`](../../benchmarks/cross_validation.py)).
"""
CHECKERS = """\
## Gradient checkers

The same wrong gradients, planted in each framework's own way of defining them: which are caught, whether the function
is named and the mistake explained, and how many right gradients are called wrong
([`gradient_checkers.py`](../../benchmarks/gradient_checkers.py)). [More of them](../detection.md), in every operation.
"""


def measure(short: bool) -> dict[str, Any]:
    """What all benchmarks say, and where and when they said it."""
    results: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "short": short,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in BENCHMARKS:
            report = Path(folder, f"{name}.json")
            print(f"{name}.py", flush=True)
            command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(report), *["--short"] * short]
            subprocess.run(command, check=True)
            results[name] = json.loads(report.read_text("utf-8"))
    return results


def machine() -> str:
    """The name of the processor."""
    about = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)", about.read_text("utf-8"), re.MULTILINE) if about.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """A table in Markdown, whose columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def training_step(report: dict[str, Any]) -> str:
    """For each network, the times of a step, and ours as ratios of it."""
    parts = [STEP]
    for network, times in report.items():
        own = next(iter(times.values()))["ratios"]
        rows = ([name, f"{t['microseconds']:,.1f}", *map(ratio, t["ratios"].values())] for name, t in times.items())
        parts.append(f"### {network}\n\n{table(['', 'µs a step', *own], rows)}")
    return "\n".join(parts)


def ratio(value: float) -> str:
    """A ratio of times."""
    return f"{value:.2f} ×" if value >= 0.1 else f"{value:.3f} ×"


def whole_training(report: dict[str, Any]) -> str:
    """The times of a whole `fit`."""
    epochs = next(iter(report.values()))["epochs"]
    rows = ([name, f"{t['seconds']:.3f}", ratio(t["ratio"])] for name, t in report.items())
    return f"{TRAINING.format(epochs=epochs)}\n{table(['', 'seconds', 'beside scikit-learn'], rows)}"


def cross_validation(report: dict[str, Any]) -> str:
    """Means and deviations over the folds, and the time."""
    rows = (
        [name, deviating(said["accuracy"]), deviating(said["log loss"]), f"{statistics.fmean(said['seconds']):.3f}"]
        for name, said in report.items()
    )
    head = ["", "accuracy", "log loss", "seconds a network"]
    return f"{QUALITY.format(folds=len(report[US]['accuracy']))}\n{table(head, rows)}"


def deviating(values: Sequence[float]) -> str:
    """A mean, and the standard deviation around it."""
    return f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}"


def gradient_checkers(report: dict[str, Any]) -> str:
    """What each checker found of the same bugs."""
    found = ("caught", "located", "explained", "false alarms")
    rows = ([name, *(str(len(said[key])) for key in found), f"{said['seconds']:.1f}"] for name, said in report.items())
    return f"{CHECKERS}\n{table(['', *found, 'seconds'], rows)}"


def page(results: dict[str, Any]) -> str:
    """The page in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    head = HEAD.format(**{**results, "versions": versions, "short": SHORT if results["short"] else ""})
    sections = (training_step, whole_training, cross_validation, gradient_checkers)
    return "\n".join([head, *(section(results[section.__name__]) for section in sections)])


def main() -> None:
    """Measure if asked, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run the benchmarks first")
    parser.add_argument("--short", action="store_true", help="their short forms")
    options = parser.parse_args()
    if options.short and not options.measure:
        parser.error("--short is how to --measure; without that, nothing is measured")
    if options.measure:
        MEASURED.write_text(json.dumps(measure(options.short), indent=1) + "\n", "utf-8")
    PAGE.write_text(page(json.loads(MEASURED.read_text("utf-8"))), "utf-8")
    print(f"wrote {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
