"""The kinds of wrong closures, each as a change of a right one. Most were seen in the issue trackers of real projects.

A kind is a function of one call of an operation and of the gradient that arrives; what it returns takes the place of
the right gradient of one input. `causes` are the diagnoses that are right for it; `consistent_causes` in `plants.py`
adds those that happen to describe the numbers as well (half of everything is a factor, wherever the half comes from).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Operation, Variable


@dataclass(eq=False)
class Call:
    """One call of an operation whose closure for one input is going to be wrong.

    Attributes:
        body: the right one, of `operation`.
        inputs: the arrays that the body got; `y` and `closures` what it returned.
        position: of the input whose gradient will be wrong.
        memory: what the bug remembers from call to call.
    """

    operation: Operation
    body: Callable[..., Any]
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    y: Any
    closures: list[Any]
    position: int
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def x(self) -> np.ndarray:
        """The input whose gradient will be wrong."""
        return np.asarray(plain(self.inputs[self.position]))

    @property
    def y_shape(self) -> tuple[int, ...]:
        """That of the result."""
        return np.shape(plain(self.y))

    @property
    def shapes(self) -> tuple[Any, ...]:
        """Calls that could be taken for each other have the same shapes."""
        return tuple(np.shape(plain(a)) for a in self.inputs), tuple(self.options)

    def raw(self, g: Any, position: int | None = None) -> np.ndarray:
        """What the right closure returns: for a broadcast input, of the shape of the result."""
        return np.asarray(plain(self.closures[self.position if position is None else position](g)))

    def gradient(self, g: Any, position: int | None = None) -> np.ndarray:
        """The right gradient, a new array in the shape of the input."""
        return unbroadcast(self.raw(g, position), np.sum, self.x.shape)


Wrong = Callable[[Call, Any], Any]
Applies = Callable[[Call], bool]


@dataclass(frozen=True)
class Kind:
    """A kind of bug.

    Attributes:
        name: for tables.
        does: a sentence.
        causes: the diagnoses that are right.
        wrong: from a call and the arriving gradient to the wrong gradient.
        applies: whether it makes sense for a call.
        calls: how the composition calls the operation: "once"; "twice" with the same operands; "again" with others.
        order: of the derivative that is wrong.
        begin: what the bug does when the operation is called.
    """

    name: str
    does: str
    causes: frozenset[str]
    wrong: Wrong
    applies: Applies
    calls: str = "once"
    order: int = 1
    begin: Callable[[Call], None] = lambda call: None


KINDS: dict[str, Kind] = {}


def kind(name: str, *causes: str, applies: Applies = lambda call: True, **facts: Any) -> Callable[[Wrong], Wrong]:
    """Put a kind into the catalogue; its docstring is what it does."""

    def put(wrong: Wrong) -> Wrong:
        KINDS[name] = Kind(name, str(wrong.__doc__), frozenset(causes), wrong, applies, **facts)
        return wrong

    return put


def plain(x: Any) -> Any:
    return getattr(x, "_data", x)


def unbroadcast(d: np.ndarray, reduce: Callable[..., Any], shape: tuple[int, ...]) -> np.ndarray:
    """A gradient reduced over the axes along which an input of this shape was broadcast."""
    lead = d.ndim - len(shape)
    axes = tuple(i for i in range(d.ndim) if i < lead or (shape[i - lead] == 1 and d.shape[i] != 1))
    return np.array(reduce(d, axis=axes, keepdims=True) if axes else d, np.float64).reshape(shape)


def several(call: Call) -> bool:
    return call.x.size > 1


def rows(call: Call) -> bool:
    """Whether there is more than one row to sum over or to mix up."""
    return call.x.ndim > 0 and len(call.x) > 1


def matrix(call: Call) -> bool:
    return sum(n > 1 for n in call.x.shape) > 1


def stretched(call: Call) -> bool:
    """Whether the input was broadcast."""
    return bool(call.operation.broadcasts and call.x.shape != call.y_shape and call.x.size < np.prod(call.y_shape))


def reduced_rows(call: Call) -> bool:
    """Whether the gradient is a sum over the rows of the result: that of a bias, or of a matrix of weights."""
    y = call.y_shape
    return len(y) > 0 and y[0] > 1 and (call.x.ndim, call.x.shape[:1]) != (len(y), y[:1]) and not call.options


def same_shape(call: Call) -> bool:
    return call.x.shape == call.y_shape


# Wrong by a number.


@kind("sign", "sign")
def sign(call: Call, g: Any) -> Any:
    """the wrong sign"""
    return -call.gradient(g)


@kind("factor 2", "factor")
def double(call: Call, g: Any) -> Any:
    """twice the gradient"""
    return 2 * call.gradient(g)


@kind("1/N", "factor", applies=rows)
def mean_for_sum(call: Call, g: Any) -> Any:
    """divided by the number of rows: a mean where a sum is differentiated"""
    return call.gradient(g) / len(call.x)


@kind("N", "factor", applies=rows)
def sum_for_mean(call: Call, g: Any) -> Any:
    """multiplied by the number of rows: a sum where a mean is differentiated"""
    return call.gradient(g) * len(call.x)


@kind("factor 1.00001", "factor", "precision")
def nearly(call: Call, g: Any) -> Any:
    """a constant with too few digits: wrong by 1 in 100,000"""
    return 1.00001 * call.gradient(g)


@kind("offset", "offset")
def offset(call: Call, g: Any) -> Any:
    """a constant is added"""
    return call.gradient(g) + 0.25


@kind("zero", "detached", "lost contribution")
def zero(call: Call, g: Any) -> Any:
    """zeros: the input is detached"""
    return np.zeros(call.x.shape)


# Wrong axes and places.


@kind("summed", "axis", applies=matrix)
def summed(call: Call, g: Any) -> Any:
    """summed over an axis that is not to be summed over, and spread out again"""
    axis = next(i for i, n in enumerate(call.x.shape) if n > 1)
    return np.broadcast_to(call.gradient(g).sum(axis=axis, keepdims=True), call.x.shape).copy()


@kind("averaged", "axis", applies=rows)
def averaged(call: Call, g: Any) -> Any:
    """each row gets the mean of the rows"""
    return np.broadcast_to(call.gradient(g).mean(axis=0), call.x.shape).copy()


def other_axis(call: Call) -> int | None:
    """An axis that the closure could be written for by mistake."""
    ndim, axis = call.x.ndim, call.options.get("axis", -1)
    if "axis" not in call.operation.names or ndim < 2 or not isinstance(axis, int):
        return None
    return (axis + 1) % ndim


def with_other_axis(call: Call) -> bool:
    axis = other_axis(call)
    if axis is None or (isinstance(call.options.get("axis", -1), int) and len(call.inputs) > 1):
        return False
    y = call.body(*call.inputs, **{**call.options, "axis": axis})[0]
    return bool(np.size(y) == np.size(plain(call.y)))


@kind("other axis", "axis", applies=with_other_axis)
def along_another(call: Call, g: Any) -> Any:
    """the closure of the next axis"""
    y, *closures = call.body(*call.inputs, **{**call.options, "axis": other_axis(call)})
    return np.asarray(closures[call.position](np.reshape(g, np.shape(y))))


@kind("one slice", "axis", applies=stretched)
def one_slice(call: Call, g: Any) -> Any:
    """not un-broadcast: one slice along the broadcast axes instead of the sum over them"""

    def first(d: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return d[tuple(slice(0, 1) if i in axis else slice(None) for i in range(d.ndim))]

    return unbroadcast(call.raw(g), first, call.x.shape)


@kind("mean of slices", "axis", "factor", applies=stretched)
def mean_of_slices(call: Call, g: Any) -> Any:
    """un-broadcast by the mean over the broadcast axes"""
    return unbroadcast(call.raw(g), np.mean, call.x.shape)


@kind("first row only", "axis", "lost contribution", applies=reduced_rows)
def first_row_only(call: Call, g: Any) -> Any:
    """of the rows of the batch, only the first one counts"""
    kept = np.zeros(call.y_shape)
    kept[0] = 1
    return call.gradient(g * kept)


@kind("transposed", "transposed", applies=matrix)
def transposed(call: Call, g: Any) -> Any:
    """the last two axes are exchanged (and the elements reshaped to fit)"""
    d = call.gradient(g)
    i, j = [i for i, n in enumerate(d.shape) if n > 1][-2:]
    return np.swapaxes(d, i, j).reshape(d.shape).copy()


@kind("reversed", "axis", "transposed", applies=several)
def backwards(call: Call, g: Any) -> Any:
    """the last axis in reverse"""
    axis = max(i for i, n in enumerate(call.x.shape) if n > 1)
    return np.flip(call.gradient(g), axis).copy()


@kind("off by one", "axis", "transposed", applies=rows)
def off_by_one(call: Call, g: Any) -> Any:
    """each row gets the gradient of the row before it"""
    return np.roll(call.gradient(g), 1, axis=0)


@kind("swapped", "swapped", applies=lambda call: swapped_with(call) is not None)
def swapped(call: Call, g: Any) -> Any:
    """the closure of another input"""
    return call.gradient(g, swapped_with(call))


def swapped_with(call: Call) -> int | None:
    """Another input of the same shape that has a closure."""
    for i, x in enumerate(call.inputs):
        if i != call.position and call.closures[i] is not None and np.shape(plain(x)) == call.x.shape:
            return i
    return None


# Wrong at some points.


@kind("first element", "boundary", applies=several)
def first_element(call: Call, g: Any) -> Any:
    """nothing arrives at the first element"""
    d = call.gradient(g)
    d.flat[0] = 0
    return d


@kind("last element", "boundary", applies=several)
def last_element(call: Call, g: Any) -> Any:
    """the last element gets half"""
    d = call.gradient(g)
    d.flat[d.size - 1] /= 2
    return d


@kind("where negative", "boundary", applies=several)
def where_negative(call: Call, g: Any) -> Any:
    """wrong where the input is negative"""
    return np.where(call.x < 0, 0.5, 1) * call.gradient(g)


@kind("where largest", "boundary", applies=several)
def where_largest(call: Call, g: Any) -> Any:
    """wrong where the input is largest"""
    return np.where(call.x == call.x.max(), 1.5, 1) * call.gradient(g)


@kind("magnitude", "boundary", "sign", "unknown")
def magnitude(call: Call, g: Any) -> Any:
    """the sign is lost where the gradient is negative"""
    return np.abs(call.gradient(g))


@kind("held", "boundary", "unknown")
def held(call: Call, g: Any) -> Any:
    """held between −0.4 and 0.4, as by gradient clipping that was left in"""
    return np.clip(call.gradient(g), -0.4, 0.4)


# Wrong use of what is known.


@kind("swallowed g", "ignores g")
def swallowed(call: Call, g: Any) -> Any:
    """the arriving gradient is ignored: ones take its place"""
    return call.gradient(np.ones_like(g))


@kind("forgotten slope", "unknown", applies=same_shape)
def forgotten_slope(call: Call, g: Any) -> Any:
    """the arriving gradient is passed on as it is"""
    return np.array(g)


@kind("slope twice", "unknown", applies=same_shape)
def slope_twice(call: Call, g: Any) -> Any:
    """the chain rule is applied twice"""
    return call.gradient(call.gradient(g))


def remember(call: Call) -> None:
    """Keep the closures of the call before this one, and those of this one for the next."""
    call.memory["before", call] = call.memory.get(("last", call.shapes), call)
    call.memory["last", call.shapes] = call


@kind("stale", "stale", calls="again", begin=remember)
def stale(call: Call, g: Any) -> Any:
    """the values of the call before this one are used"""
    return call.memory["before", call].gradient(g)


def overwrite(call: Call) -> None:
    call.memory["last", call.shapes] = call


@kind("overwritten", "stale", calls="again", begin=overwrite)
def overwritten(call: Call, g: Any) -> Any:
    """values are kept in one place, which a later call overwrites"""
    return call.memory["last", call.shapes].gradient(g)


def count_use(call: Call) -> None:
    """Note whether an earlier call that is still part of a graph got the same array."""
    x = call.inputs[call.position]
    earlier = call.memory.get(("used", id(x)))
    first = earlier() if earlier is not None else None
    if first is None:
        call.memory["used", id(x)] = weakref.ref(call)
    call.memory["again", id(call)] = first is not None


@kind("counted once", "lost contribution", "detached", calls="twice", begin=count_use)
def counted_once(call: Call, g: Any) -> Any:
    """a tensor that is used twice gets the gradient of its first use only"""
    return np.zeros(call.x.shape) if call.memory["again", id(call)] else call.gradient(g)


@kind("writes into g", "mutates inputs")
def writes_into_g(call: Call, g: Any) -> Any:
    """the arriving gradient is changed in place, and others get it too"""
    d = call.gradient(g)
    if isinstance(g, np.ndarray) and g.flags.writeable:
        g *= 2
    return d


@kind("random", "nondeterministic")
def at_random(call: Call, g: Any) -> Any:
    """a random mask is drawn anew in the backward pass"""
    rng = call.memory.setdefault("rng", np.random.default_rng(0))
    return call.gradient(g) * rng.uniform(0.5, 1.5, call.x.shape)


@kind("float16", "precision")
def float16(call: Call, g: Any) -> Any:
    """computed in half precision"""
    return call.gradient(g).astype(np.float16).astype(np.float64)


@kind("float32", "precision")
def float32(call: Call, g: Any) -> Any:
    """computed in float32 as the difference of two numbers near 1,000"""
    return ((call.gradient(g) + 1000).astype(np.float32) - np.float32(1000)).astype(np.float64)


@kind("second order", "detached", "lost contribution", order=2)
def second_order(call: Call, g: Any) -> Any:
    """right, but cut off from the graph: the derivative of the gradient is lost"""
    d = call.closures[call.position](g)
    return np.array(d._data) if isinstance(d, Variable) else d
