"""Comparing a problem's gradients with numeric ones, element by element: pass, fail, kink or inconclusive."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tinygrad_mlp.checking.numeric import (
    BASES,
    EPSILON,
    Along,
    Measure,
    Slope,
    best_slope,
    noise_of,
    slope,
    step_for,
)
from tinygrad_mlp.checking.problem import Problem, Switches

Verdict = Literal["pass", "fail", "kink", "inconclusive"]
Place = int | None
"""A flat index; None is a random direction through all elements."""

RELATIVE = 1e-9
"""What an analytic gradient may be off by rounding, relative to the element."""
BEYOND = 4
"""How many uncertainties are too many."""
RESOLVED = 1e-3
"""An uncertainty of this part of the value is small enough to tell right from wrong by a constant factor."""
ROUNDING = 1e-14
"""What a gradient that should be zero may come out as, relative to the largest effect."""
SHARP = 1e-9
"""With an uncertainty of this part of the value, the first slope is enough."""
NEGLIGIBLE = 1e-9
"""An uncertainty of this part of the largest effect that any element has is small enough as well."""


@dataclass(frozen=True, slots=True)
class Element:
    """One comparison.

    Attributes:
        place: the element's flat index, or None for a random direction.
        analytic: the gradient of the engine.
        numeric: the measured one, and its uncertainty.
    """

    place: Place
    analytic: float
    numeric: float
    uncertainty: float
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """All that was compared of one array.

    Attributes:
        name: the array's.
        shape: the array's.
        elements: in the order of their places.
    """

    name: str
    shape: tuple[int, ...]
    elements: list[Element]

    def of(self, verdict: Verdict) -> list[Element]:
        """The elements with a verdict."""
        return [e for e in self.elements if e.verdict == verdict]

    @property
    def verdict(self) -> Verdict:
        """That of the array: the worst of its elements."""
        return worst(e.verdict for e in self.elements)

    @property
    def worst(self) -> Element | None:
        """The element with the largest error beyond its uncertainty."""
        order = {"pass": 0, "kink": 0, "inconclusive": 1, "fail": 2}
        return max(self.elements, key=lambda e: (order[e.verdict], abs(e.analytic - e.numeric)), default=None)


def worst(verdicts: Any) -> Verdict:
    """Of several verdicts the one that counts."""
    found = set(verdicts)
    for verdict in ("fail", "inconclusive", "kink"):
        if verdict in found:
            return verdict
    return "pass"


def compare(problem: Problem, places: Mapping[str, Sequence[Place]], rng: np.random.Generator) -> list[Comparison]:
    """Compare the gradients of a problem at some places of its arrays.

    Args:
        problem: the function at its point, where its outputs are finite.
        places: which elements, by the name of the array.
        rng: for random directions, and for looking beside a kink.
    """
    with np.errstate(all="ignore"):
        return Comparing(problem, rng).results(places)


class Comparing:
    """The comparison of one problem: everything that its elements share."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem = problem
        self.rng = rng
        self.analytic = problem.gradients()  # first: a new run could repair what the closures rely on
        self.middle = problem.value()
        self.scales = {name: scales_of(array) for name, array in problem.arrays.items()}
        self.measure = self.measured()
        self.size = max(problem.size, float(np.linalg.norm(np.ravel(self.middle * problem.measure.weights))))
        self.largest = 0.0

    def measured(self) -> Measure:
        """The measure of the problem, with the noise of its outputs."""
        noise = EPSILON
        for name, array in self.problem.arrays.items():
            if array.size:
                along = self.problem.along(name, self.direction(name))
                noise = max(noise, noise_of(along, self.middle, self.problem.measure.weights, 1.0))
        return Measure(self.problem.measure.weights, noise)

    def direction(self, name: str) -> np.ndarray:
        """A random direction: every element moves, in proportion to its scale."""
        scale = self.scales[name]
        return np.asarray(self.rng.uniform(0.5, 1, scale.shape) * self.rng.choice([-1.0, 1.0], scale.shape) * scale)

    def results(self, places: Mapping[str, Sequence[Place]]) -> list[Comparison]:
        """A first slope for every place; then the verdicts, and more slopes where the first does not tell."""
        lines = {name: [self.line(name, place) for place in chosen] for name, chosen in places.items()}
        for found in lines.values():
            for line in found:
                line.slope = slope(line.along, self.middle, self.measure, step_for(line.scale))
                if BEYOND * line.slope.uncertainty < abs(line.slope.value):
                    self.largest = max(self.largest, abs(line.slope.value) * line.scale)
        if not self.largest:  # where all cancels, as in logsumexp(log_softmax(x)), so did what is left of the gradient
            self.size = max(self.size, self.problem.inside())
        return [
            Comparison(name, self.problem.arrays[name].shape, [self.judged(line) for line in found])
            for name, found in lines.items()
        ]

    def line(self, name: str, place: Place) -> Line:
        """A line through the point."""
        if place is None:
            direction = self.direction(name)
            analytic = float(np.vdot(self.analytic[name], direction))
            return Line(name, None, direction, analytic, 1.0, self.problem.along(name, direction))
        analytic = float(self.analytic[name].reshape(-1)[place])
        scale = float(self.scales[name].reshape(-1)[place])
        return Line(name, place, place, analytic, scale, self.problem.along(name, place))

    def judged(self, line: Line) -> Element:
        """The verdict on one line."""
        s = line.slope
        a = line.analytic
        if not (self.agrees(a, s, line.scale) and self.resolved(a, s, line.scale, SHARP)):
            steps = {step_for(scale, power) for scale in (line.scale, 1.0) for power in BASES}
            s = best_slope(line.along, self.middle, self.measure, [step_for(line.scale), *sorted(steps)])
        agrees, resolved = self.agrees(a, s, line.scale), self.resolved(a, s, line.scale)
        if agrees and resolved:
            verdict: Verdict = "kink" if s.is_kink else "pass"
        elif math.isfinite(a) and s.is_kink and between(a, s):
            verdict = "kink"
        elif math.isfinite(a) and (kinks := self.kinks_near(line, step_for(line.scale) if agrees else s.step)):
            # Of a single kink both slopes are known, and the gradient is outside of them.
            verdict = "fail" if kinks == 1 and s.is_kink and not self.problem.size else self.beside(line)
        elif agrees or not (s.uncertainty < math.inf or math.isnan(a)):
            verdict = "inconclusive"
        else:
            verdict = "fail"
        return Element(line.place, a, s.value, s.uncertainty, verdict)

    def agrees(self, analytic: float, s: Slope, scale: float) -> bool:
        """Whether the two do not differ by more than the uncertainty and rounding."""
        size = max(abs(analytic), abs(s.value))
        difference = abs(analytic - s.value)
        if difference <= BEYOND * s.uncertainty + RELATIVE * size:
            return True
        # What should be zero comes out as the rounding of what cancelled; outputs that are gradients have residues.
        if difference * scale <= ROUNDING * self.problem.size:
            return True
        return abs(s.value) <= BEYOND * s.uncertainty and difference * scale <= ROUNDING * max(self.size, self.largest)

    def resolved(self, analytic: float, s: Slope, scale: float, part: float = RESOLVED) -> bool:
        """Whether the uncertainty is small enough for the agreement to mean something."""
        size = max(abs(analytic), abs(s.value))
        if not (analytic or self.largest):
            return True  # nothing changes anything, and the gradient says so
        return s.uncertainty <= part * size or s.uncertainty * scale <= NEGLIGIBLE * self.largest

    def kinks_near(self, line: Line, step: float) -> int:
        """How many elements inside the function are on both sides of a kink within a step."""
        moved = Problem(self.problem.arrays, self.problem.switches, self.problem.gradients, self.measure)
        return crosses(moved.along(line.name, line.way), step if math.isfinite(step) else step_for(line.scale))

    def beside(self, line: Line) -> Verdict:
        """The verdict at points beside the kink: there the gradient has to be right."""
        arrays = self.problem.arrays
        kept = {name: array.copy() for name, array in arrays.items()}
        verdict: Verdict = "inconclusive"
        try:
            for _ in range(4):
                for name, array in arrays.items():
                    array[...] = kept[name] + 0.01 * self.direction(name)
                gradient = self.problem.gradients()[line.name]
                a = float(np.vdot(gradient, line.way) if line.place is None else gradient.reshape(-1)[line.place])
                along = self.problem.along(line.name, line.way)
                middle = self.problem.value()
                s = best_slope(along, middle, self.measure, [step_for(line.scale, power) for power in BASES])
                if self.agrees(a, s, line.scale):
                    verdict = "kink"
                elif s.uncertainty < RESOLVED * abs(s.value - a) and not s.is_kink:
                    return "fail"
        finally:
            for name, array in arrays.items():
                array[...] = kept[name]
        return verdict


@dataclass(slots=True)
class Line:
    """A line through the point, with what is known of the function on it."""

    name: str
    place: Place
    way: Any
    analytic: float
    scale: float
    along: Along
    slope: Slope = None  # type: ignore[assignment]  # set before it is read


def crosses(switches: Callable[[float], Switches], step: float) -> int:
    """How many elements change sides within a step; operations that are only there on one side count too."""
    before, at, after = (switches(t) for t in (-step, 0.0, step))
    changed = 2 * (len({len(before), len(at), len(after)}) - 1)
    for a, b, c in zip(before, at, after, strict=False):
        same = a.shape == b.shape == c.shape
        changed += int(np.count_nonzero((a != b) | (b != c))) if same else 2
    return changed


def between(analytic: float, s: Slope) -> bool:
    """Whether a gradient lies between the slopes of the two sides."""
    low, high = sorted((s.left, s.right))
    margin = BEYOND * s.sides + RELATIVE * max(abs(low), abs(high))
    return low - margin <= analytic <= high + margin


def scales_of(array: np.ndarray) -> np.ndarray:
    """A large change of each element: its size, or a tenth of the array's usual size, or 1 beside nothing but zeros."""
    sizes = np.abs(array)
    usual = float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0
    return np.asarray(np.maximum(sizes, 0.1 * usual if usual and math.isfinite(usual) else 1.0))
