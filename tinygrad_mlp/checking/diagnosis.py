"""What is wrong with a gradient: patterns that a known mistake leaves in the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.checking.bisection import Guilty, Local, plain_sweep
from tinygrad_mlp.checking.comparing import Comparison
from tinygrad_mlp.checking.numeric import step_for
from tinygrad_mlp.checking.problem import Recorded

CLOSE = 1e-5
"""How exactly a pattern has to fit, relative to the largest element."""


class Cause(NamedTuple):
    """A mistake by its kind, and in words.

    The kinds: factor, sign, transposed, axis, lost contribution, detached, boundary, offset, precision, swapped, stale,
    ignores g, nondeterministic, mutates inputs, unknown.
    """

    kind: str
    words: str


UNKNOWN = Cause("unknown", "no known pattern")
CUT_OFF = Cause("detached", "the closure's result does not depend on what it was computed from: it used plain arrays")
IMPRECISE = Cause("precision", "right to a few digits only: something is computed in float32 or less")


@dataclass(frozen=True)
class Numbers:
    """Gradients of one array side by side, at the places that were compared.

    Attributes:
        analytic, numeric, uncertainty: (k,).
        wrong: (k,), whether the place fails.
        shape: that of the array, if all of its places are there, in order; otherwise None.
    """

    analytic: np.ndarray
    numeric: np.ndarray
    uncertainty: np.ndarray
    wrong: np.ndarray
    places: np.ndarray
    shape: tuple[int, ...] | None
    of: tuple[int, ...]

    @classmethod
    def from_comparison(cls, comparison: Comparison) -> Numbers:
        """The elements of a comparison; random directions, and what could not be measured, are left out."""
        found = [e for e in comparison.elements if e.place is not None]
        a, n, u = np.array([[e.analytic, e.numeric, e.uncertainty] for e in found]).reshape(-1, 3).T
        places = np.array([e.place for e in found], np.intp)
        wrong = np.array([e.verdict == "fail" for e in found], bool)
        whole = len(found) == int(np.prod(comparison.shape))
        return cls(a, n, u, wrong, places, comparison.shape if whole else None, comparison.shape)

    @property
    def size(self) -> float:
        """The largest numeric gradient."""
        return float(np.abs(self.numeric[np.isfinite(self.numeric)]).max(initial=0))

    def fits(self, pattern: np.ndarray) -> bool:
        """Whether the analytic gradient is this pattern, within the uncertainty of what it was made of."""
        if pattern.size != self.analytic.size or not self.analytic.size:
            return False
        margin = CLOSE * max(self.size, float(np.abs(pattern).max(initial=0))) + 8 * self.uncertainty
        ok = np.isfinite(self.uncertainty)
        return bool(ok.any() and (np.abs(self.analytic - pattern.reshape(-1)) <= margin)[ok].all())


def diagnose(
    comparison: Comparison,
    recorded: Recorded,
    weights: Any,
    guilty: Sequence[Guilty],
) -> Cause:
    """The likely cause for one input whose gradient is wrong.

    Args:
        comparison: of the input.
        recorded: the function.
        weights: the gradient that the backward pass started with.
        guilty: the operations that are wrong by themselves; their numbers tell more than the input's.
    """
    if comparison.name in recorded.trouble:
        return Cause(*recorded.trouble[comparison.name])
    seen = Numbers.from_comparison(comparison)
    for suspect in guilty:
        cause = of_operation(suspect, all_zero=not seen.analytic.any())
        if cause is not UNKNOWN:
            return cause
    lost = of_sweep(seen, recorded, weights, comparison.name) if not guilty else None
    if lost:
        return lost
    return of_numbers(seen)


def of_operation(suspect: Guilty, all_zero: bool) -> Cause:
    """The cause, from the operation by itself."""
    numbers = Numbers.from_comparison(suspect.comparison)
    local = suspect.local
    if suspect.order == 2:
        return CUT_OFF if local.is_cut_off(suspect.position) else of_numbers(numbers)
    if not numbers.analytic.size or local.node.closures[suspect.position] is None:
        return UNKNOWN
    closure: Any = local.node.closures[suspect.position]
    weights = np.asarray(local.weights)
    with np.errstate(all="ignore"):
        g = weights.copy()
        once = np.array(closure(g), np.float64)
        if not np.array_equal(g, weights):
            return Cause("mutates inputs", "the closure writes into the gradient that it is given")
        if np.isnan(numbers.analytic).all():
            return Cause("axis", f"the closure returns {once.shape} for an input {numbers.of}")
        if not numbers.analytic.any():
            if all_zero:
                return Cause("detached", "no gradient comes through: the closure returns zeros")
            return Cause("lost contribution", "this closure returns zeros; what the input gets comes another way")
        twice = np.array(closure(2 * weights), np.float64)
        small = np.array(closure(weights / 1024), np.float64)
    if numbers.fits(numbers.numeric):
        return IMPRECISE
    found: Cause | None = of_scale(numbers) or of_neighbours(numbers, suspect)
    if found is None and once.any() and np.array_equal(once, twice) and np.array_equal(once, small):
        found = Cause("ignores g", "the closure does not use the gradient that arrives")
    if found is None and is_stale(suspect, numbers):
        found = Cause("stale", "the closure uses the values of another call: run anew, it is right")
    return found or of_broadcasting(numbers, suspect) or of_axes(numbers, suspect) or of_numbers(numbers)


def of_axes(numbers: Numbers, suspect: Guilty) -> Cause | None:
    """Whether it is the right gradient for another axis, or of one row of the result only."""
    local = suspect.local
    axis, weights = local.node.options.get("axis"), local.weights
    if numbers.of and isinstance(axis, int | None) and "axis" in local.node.operation.names:
        for other in range(len(numbers.of)):
            if other != axis:
                right = other_gradient(local, suspect.input, weights, {"axis": other})
                if right is not None and numbers.fits(right.reshape(-1)[numbers.places]):
                    return Cause("axis", f"it is the gradient along axis {other}; the axis is {axis}")
    if weights.ndim and len(weights) > 1:
        for row in (0, -1):
            one = np.zeros(weights.shape)
            one[row] = weights[row]
            right = other_gradient(local, suspect.input, one, {})
            if right is not None and numbers.fits(right.reshape(-1)[numbers.places]):
                return Cause("axis", f"only the {'last' if row else 'first'} row of what arrives counts")
    return None


def other_gradient(local: Local, name: str, weights: np.ndarray, options: dict[str, Any]) -> np.ndarray | None:
    """The numeric gradient for other weights or options; None where the operation cannot have them."""
    kept = local.weights, local.options
    local.options = {**local.options, **options}
    try:
        shape = np.shape(local.outputs())
        if int(np.prod(shape)) != weights.size:
            return None
        local.weights = weights.reshape(shape)
        return numeric_gradient(local, name)
    except (ValueError, IndexError):
        return None
    finally:
        local.weights, local.options = kept


def is_stale(suspect: Guilty, numbers: Numbers) -> bool:
    """Whether closures of a new run are right."""
    with np.errstate(all="ignore"):
        fresh = suspect.local.gradients()[suspect.input].reshape(-1)[numbers.places]
    margin = CLOSE * numbers.size + 8 * numbers.uncertainty
    return bool((np.abs(fresh - numbers.numeric) <= margin).all())


def of_neighbours(numbers: Numbers, suspect: Guilty) -> Cause | None:
    """Whether it is the right gradient of another input."""
    local = suspect.local
    with np.errstate(all="ignore"):
        others = local.gradients()
    for name, array in local.arrays.items():
        if name != suspect.input and array.shape == numbers.of:
            right = numeric_gradient(local, name)
            if numbers.fits(right.reshape(-1)[numbers.places]):
                return Cause("swapped", f"it is the gradient of the other input, {name}")
            if numbers.fits(others[name].reshape(-1)[numbers.places]):
                return Cause("swapped", f"it is what the closure of the other input, {name}, returns")
    return None


def numeric_gradient(local: Local, name: str) -> np.ndarray:
    """A quick numeric gradient of one input of an operation."""
    problem = local.problem(local.gradients)
    found = np.zeros(local.arrays[name].size)
    with np.errstate(all="ignore"):
        for i in range(found.size):
            along = problem.along(name, i)
            h = step_for(1.0, -16)
            found[i] = problem.measure.difference(along(h), along(-h)) / (2 * h)
    return found.reshape(local.arrays[name].shape)


def of_broadcasting(numbers: Numbers, suspect: Guilty) -> Cause | None:
    """Whether the gradient of a broadcast input was summed over something else than the axes it was broadcast along."""
    local = suspect.local
    shape = np.shape(local.weights)
    if not local.node.operation.broadcasts or numbers.of == shape or numbers.shape is None:
        return None
    try:
        together = np.broadcast_shapes(*(np.shape(x) for x in local.inputs))
    except ValueError:
        return None  # not element by element: a product of stacked matrices
    if together != shape:
        return None
    if any(n == 0 for n in shape):
        return None
    kept = local.inputs[suspect.position]
    name = suspect.input
    wide = np.array(np.broadcast_to(kept, shape), order="C")
    local.inputs[suspect.position] = local.arrays[name] = wide
    try:
        full = numeric_gradient(local, name)
    finally:
        local.inputs[suspect.position] = local.arrays[name] = kept
    lead = len(shape) - len(numbers.of)
    aligned = (1,) * lead + numbers.of
    axes = tuple(i for i, n in enumerate(aligned) if n == 1 and shape[i] != 1)
    reductions: dict[str, Callable[..., Any]] = {
        "the mean": np.mean,
        "only the first": lambda x, axis, keepdims: x[
            tuple(slice(0, 1) if i in axis else slice(None) for i in range(x.ndim))
        ],
        "only the last": lambda x, axis, keepdims: x[
            tuple(slice(-1, None) if i in axis else slice(None) for i in range(x.ndim))
        ],
        "the largest": np.max,
    }
    for what, reduce in reductions.items():
        if numbers.fits(np.asarray(reduce(full, axis=axes, keepdims=True))):
            return Cause("axis", f"{what} of the gradients along the broadcast axis {axes}; their sum is expected")
    size = int(np.prod(numbers.of))
    every = range(full.ndim)
    for some in chain.from_iterable(combinations(every, k) for k in range(1, full.ndim + 1)):
        other = full.sum(axis=some)
        if set(some) != set(axes) and other.size == size and numbers.fits(other):
            return Cause("axis", f"summed over the axes {some}; the input was broadcast along {axes}")
    return None


def of_sweep(seen: Numbers, recorded: Recorded, weights: Any, name: str) -> Cause | None:
    """The cause, if every operation is right by itself: what the sweep did with the contributions of several uses."""
    uses = plain_sweep(recorded.run(), weights).contributions.get(recorded.leaves[name], [])
    if len(uses) < 2:
        return None
    parts = [part.reshape(-1)[seen.places] for part in uses]
    for k in range(1, len(parts)):
        for some in combinations(parts, k) if len(parts) <= 8 else ():
            if seen.fits(np.sum(some, axis=0)):
                words = f"the tensor is used {len(parts)} times; only {k} of the contributions arrived"
                return Cause("lost contribution", words)
    return None


def of_numbers(numbers: Numbers) -> Cause:
    """The cause, from nothing but the numbers."""
    if not numbers.analytic.size:
        return UNKNOWN
    if not numbers.analytic.any():
        return Cause("detached", "the gradient is zero everywhere, and should not be")
    if numbers.fits(numbers.numeric):
        return IMPRECISE
    patterns = of_scale(numbers) or of_arrangement(numbers) or of_digits(numbers)
    return patterns or of_offset(numbers) or of_some(numbers) or UNKNOWN


def of_digits(numbers: Numbers) -> Cause | None:
    """Whether every element is nearly right, and no two are wrong in the same way."""
    a, n = numbers.analytic, numbers.numeric
    error = np.abs(a - n)
    if not np.isfinite(error).all():
        return None
    near = error <= 2e-3 * numbers.size
    closer = error <= np.maximum(0.02 * np.abs(n), 2e-4 * numbers.size)
    return IMPRECISE if (near & closer).all() else None


def of_scale(numbers: Numbers) -> Cause | None:
    """Whether it is the right gradient times a number."""
    a, n = numbers.analytic, numbers.numeric
    clear = np.isfinite(n) & (np.abs(n) > 1e-3 * numbers.size) & (np.abs(n) > 1e3 * numbers.uncertainty)
    if not clear.any() or not np.isfinite(a).all():
        return None
    ratio = float(np.median(a[clear] / n[clear]))
    if not ratio or abs(ratio - 1) < 3 * CLOSE or not numbers.fits(ratio * n):
        return None
    if abs(ratio + 1) < 10 * CLOSE:
        return Cause("sign", "the gradient has the wrong sign")
    return Cause("factor", f"{ratio:.6g} times what it should be{known_ratio(ratio, numbers.of)}")


def known_ratio(ratio: float, shape: tuple[int, ...]) -> str:
    """Where a factor may come from."""
    size = int(np.prod(shape))
    sizes = {f"the length {n} of axis {i}": n for i, n in enumerate(shape) if n > 1}
    if size > 1:
        sizes |= {f"the number of elements, {size}": size}
    for what, n in sizes.items():
        if abs(ratio * n - 1) < 1e-4:
            return f": divided by {what} (a mean where a sum is expected?)"
        if abs(ratio / n - 1) < 1e-4:
            return f": multiplied by {what} (a sum where a mean is expected?)"
    for n in range(2, 1025):
        if abs(ratio * n - 1) < 1e-6:
            return f": 1/{n}"
    return ""


def arrangements(n: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """An array with its elements in the wrong places, or wrongly summed."""
    shape = n.shape
    for i, j in combinations(range(n.ndim), 2):
        swapped = np.swapaxes(n, i, j)
        if shape[i] > 1 and shape[j] > 1:
            yield "transposed", f"axes {i} and {j} are exchanged", swapped
            if shape[i] != shape[j]:
                yield (
                    "transposed",
                    f"axes {i} and {j} are exchanged before a reshape",
                    n.reshape(swapped.shape).swapaxes(i, j),
                )
    for axis, length in enumerate(shape):
        if length < 2:
            continue
        ones = np.ones_like(n)
        yield "axis", f"summed over axis {axis} and spread out again", ones * n.sum(axis=axis, keepdims=True)
        yield "axis", f"averaged over axis {axis}", ones * n.mean(axis=axis, keepdims=True)
        for i in (0, -1):
            yield "axis", f"one slice of axis {axis}, repeated", ones * np.take(n, [i], axis=axis)
        yield "axis", f"in reverse along axis {axis}", np.flip(n, axis)
        yield "axis", f"moved by one along axis {axis}", np.roll(n, 1, axis)
        yield "axis", f"moved by one along axis {axis}", np.roll(n, -1, axis)
        yield "axis", f"summed up along axis {axis}", np.cumsum(n, axis)
    if n.size > 1:
        yield "axis", "summed over everything and spread out again", np.full(shape, n.sum())
        yield "axis", "averaged over everything", np.full(shape, n.mean())


def of_arrangement(numbers: Numbers) -> Cause | None:
    """Whether the right numbers stand in the wrong places."""
    if numbers.shape is None or not np.isfinite(numbers.numeric).all():
        return None
    for kind, words, pattern in arrangements(numbers.numeric.reshape(numbers.shape)):
        if numbers.fits(pattern):
            return Cause(kind, words)
    return None


def of_offset(numbers: Numbers) -> Cause | None:
    """Whether the same number was added everywhere."""
    difference = numbers.analytic - numbers.numeric
    if difference.size < 2 or not np.isfinite(difference).all():
        return None
    offset = float(np.median(difference))
    if offset and numbers.fits(numbers.numeric + offset):
        return Cause("offset", f"{offset:+.6g} everywhere")
    return None


def of_some(numbers: Numbers) -> Cause | None:
    """Whether only some elements are wrong."""
    wrong = numbers.wrong
    if not wrong.any() or wrong.all():
        return None
    where = region(np.unravel_index(numbers.places[wrong], numbers.of), numbers.of, int(wrong.sum()))
    return Cause("boundary", f"wrong in {wrong.sum()} of {wrong.size} elements only{where}")


def region(indices: tuple[Any, ...], shape: tuple[int, ...], count: int) -> str:
    """What the indices of wrong elements have in common, in words."""
    for axis, index in enumerate(indices):
        if len(set(index.tolist())) == 1 and shape[axis] > 1:
            last = int(index[0]) == shape[axis] - 1
            here = "the last" if last else "the first" if index[0] == 0 else f"number {int(index[0])}"
            return f", all of them {here} along axis {axis}"
    if count <= 3:
        return ", at " + ", ".join(str(tuple(int(i) for i in place)) for place in zip(*indices, strict=True))
    return ""
