"""How the cost of a training step grows with the number of layers: eager, and compiled by both backends.

    python benchmarks/growth.py [--short] [--plot FILE.svg]

Networks of 2, 8, 32 and 128 layers Dense(16, 16) with ReLU, batch 16, Adam. Measured are the first step, which for a
compiled one is trace and compilation, the trace alone, and a step, in processor time on one thread. Each exponent is
that of the power law between the two largest networks: 1 is linear.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before NumPy is imported
os.environ["TINYGRAD_MLP_CACHE"] = tempfile.mkdtemp()  # compiled anew, not found on disk

import numpy as np  # noqa: E402 - the threads are set first

import tinygrad_mlp as tg  # noqa: E402 - the threads are set first
from tinygrad_mlp import nn, optim  # noqa: E402 - the threads are set first
from tinygrad_mlp.compiling.kernels import KERNELS  # noqa: E402 - the threads are set first
from tinygrad_mlp.compiling.tracing_step import Limits, trace_step  # noqa: E402 - the threads are set first

WIDTH, ROWS = 16, 16
LAYERS = (2, 8, 32, 128)
Row = dict[int, float]


def network(layers: int) -> tuple[nn.Module, optim.Optimizer]:
    """A network of so many layers, with its optimizer."""
    tg.seed(0)
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts += [nn.Dense(WIDTH, WIDTH), nn.ReLU()]
    model = nn.Sequential(*parts[:-1])
    return model, optim.Adam(model, 1e-3)


def best(function, seconds: float) -> float:
    """The least time of a call, over at least three calls."""
    found, end = [], time.process_time() + seconds
    while len(found) < 3 or time.process_time() < end:
        start = time.process_time()
        function()
        found.append(time.process_time() - start)
    return min(found)


def eager_step(layers: int, X: np.ndarray, y: np.ndarray):
    """One step with a graph."""
    model, optimizer = network(layers)

    def step() -> None:
        optimizer.zero_grad()
        tg.softmax_cross_entropy(model(X), y).backward()
        optimizer.step()

    return step


def measured(sizes: tuple[int, ...], seconds: float) -> dict[str, Row]:
    """The times in seconds, by what is measured and the number of layers."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((ROWS, WIDTH)).astype(np.float32), rng.integers(0, WIDTH, ROWS)
    found: dict[str, Row] = {}
    for n in sizes:
        found.setdefault("step, eager", {})[n] = best(eager_step(n, X, y), seconds)
        model, optimizer = network(n)

        def trace(model=model, optimizer=optimizer) -> None:
            trace_step(model, tg.softmax_cross_entropy, optimizer, X, y, KERNELS, Limits())

        found.setdefault("trace", {})[n] = best(trace, 0)
        for backend in ("numpy", "numba"):
            if backend == "numba" and not importlib.util.find_spec("numba"):
                continue
            name = "NumPy" if backend == "numpy" else "Numba"
            model, optimizer = network(n)
            step = tg.compile_step(model, tg.softmax_cross_entropy, optimizer, backend=backend)
            start = time.process_time()
            step(X, y)
            found.setdefault(f"first step, {name}", {})[n] = time.process_time() - start
            found.setdefault(f"step, {name}", {})[n] = best(lambda step=step: step(X, y), seconds)
        print(f"{n} layers measured", flush=True)
    return found


def exponent(row: Row) -> float:
    """Of the power law between the two largest networks."""
    (a, x), (b, y) = sorted(row.items())[-2:]
    return float(np.log(y / x) / np.log(b / a))


def table(found: dict[str, Row], sizes: tuple[int, ...]):
    """The lines of the report."""
    yield f"{'milliseconds':<20}" + "".join(f"{f'{n} layers':>12}" for n in sizes) + f"{'exponent':>11}"
    for name, row in found.items():
        numbers = "".join(f"{row[n] * 1e3:>12,.3f}" if n in row else f"{'':>12}" for n in sizes)
        yield f"{name:<20}{numbers}{exponent(row):>11.2f}"


def draw(found: dict[str, Row], path: Path) -> None:
    """The lines as a plot with two logarithmic axes, for a light and a dark page."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    grey = "#808080"
    colours = ["#d1495b", "#8a63d2", "#2a8fbd", "#2a8fbd", "#d98e04", "#d98e04"]
    style = {"svg.fonttype": "none", "text.color": grey, "axes.labelcolor": grey, "axes.edgecolor": grey}
    with mpl.rc_context({**style, "xtick.color": grey, "ytick.color": grey, "font.size": 10}):
        figure = Figure((7, 4.2), layout="constrained")
        axes = figure.subplots()
        for (name, row), colour in zip(found.items(), colours, strict=False):
            line = "--" if name.startswith(("first", "trace")) else "-"
            x, y = list(row), [v * 1e3 for v in row.values()]
            axes.loglog(x, y, line, marker="o", color=colour, linewidth=2)
            text, end = f"{name}, exponent {exponent(row):.2f}", (x[-1], y[-1])
            place = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(text, end, color=colour, fontsize=9, **place)
        axes.set_xticks(list(LAYERS), [str(n) for n in LAYERS])
        axes.minorticks_off()
        axes.set_xlim(1.7, 1500)
        axes.set(xlabel="layers", ylabel="milliseconds", title="What a training step costs, by the number of layers")
        axes.grid(alpha=0.25, color=grey)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, transparent=True)


def main() -> None:
    """Measure, print, and draw if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="2 and 8 layers, to see that everything runs")
    parser.add_argument("--plot", type=Path, help="also draw it to a file, such as docs/growth.svg")
    options = parser.parse_args()
    sizes = LAYERS[:2] if options.short else LAYERS
    found = measured(sizes, 0.02 if options.short else 1.0)
    print("\n".join(table(found, sizes)))
    if options.plot:
        draw(found, options.plot)


if __name__ == "__main__":
    main()
