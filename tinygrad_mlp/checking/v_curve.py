"""The V of numeric differentiation: the error of a plain difference against its step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_mlp.checking.numeric import BASES, Measure, Slope, best_slope, step_for
from tinygrad_mlp.checking.problem import Problem, Recorded
from tinygrad_mlp.errors import MissingMatplotlibError, OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = np.geomspace(1.0, 1e-13, 53)
SUFFIXES = (".png", ".svg")


@dataclass(frozen=True)
class VCurve:
    """Differences at one element, for many steps.

    Attributes:
        steps: h, (k,).
        forward, central: (f(h) − f(0)) / h and (f(h) − f(−h)) / 2h, (k,).
        analytic: the gradient of the engine.
        numeric: the extrapolated slope with its uncertainty.
    """

    steps: np.ndarray
    forward: np.ndarray
    central: np.ndarray
    analytic: float
    numeric: Slope


def measure_v_curve(recorded: Recorded, name: str, place: int) -> VCurve:
    """The differences of the sum of a function's outputs, at one element of a leaf."""
    arrays = {key: leaf.data for key, leaf in recorded.leaves.items()}
    middle = recorded.value()
    weights = 1.0 if type(middle) is float else np.ones(np.shape(middle))
    measure = Measure(weights)
    problem = Problem(arrays, recorded.value, lambda: recorded.gradients(weights), measure)
    along = problem.along(name, place)
    with np.errstate(all="ignore"):
        up = [measure.difference(along(h), middle) for h in STEPS]
        down = [measure.difference(middle, along(-h)) for h in STEPS]
        numeric = best_slope(along, middle, measure, [step_for(1.0, power) for power in BASES])
        analytic = float(problem.gradients()[name].reshape(-1)[place])
    forward, backward = np.array(up) / STEPS, np.array(down) / STEPS
    return VCurve(STEPS, forward, (forward + backward) / 2, analytic, numeric)


def draw_v_curve(curve: VCurve, title: str, path: str | os.PathLike[str] | None) -> Figure:
    """Draw the curve against the extrapolated slope, and where the gradient of the engine is."""
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise OptionError(f"{os.fspath(path)}: the plot is drawn as {' or '.join(SUFFIXES)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingMatplotlibError("the plot needs matplotlib: pip install 'tinygrad_mlp[cli]'") from error
    best = curve.numeric
    size = abs(best.value) or 1.0
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for differences, label, color in (
        (curve.forward, "forward difference", "#b98a2f"),
        (curve.central, "central difference", "#4a6fa5"),
    ):
        errors = np.maximum(np.abs(differences - best.value) / size, 1e-17)
        axes.loglog(curve.steps, errors, ".-", color=color, label=label, linewidth=1)
    uncertainty = max(best.uncertainty / size, 1e-17)
    axes.axhspan(1e-17, uncertainty, color="#1a7f37", alpha=0.15, label="uncertainty of the extrapolated slope")
    off = abs(curve.analytic - best.value) / size
    right = off <= max(4 * uncertainty, 1e-7)
    axes.axhline(
        max(off, 1e-17), color="#1a7f37" if right else "#cf222e", linestyle="--", label="gradient of the engine"
    )
    axes.set(xlabel="step h", ylabel="relative error", ylim=(1e-17, None), title=f"{title}: slope {best.value:.6g}")
    axes.invert_xaxis()
    axes.grid(alpha=0.25)
    axes.legend(fontsize="small")
    if path is not None:
        figure.savefig(path, dpi=150, metadata={"Software": None} if Path(path).suffix == ".png" else {"Date": None})
    return figure
