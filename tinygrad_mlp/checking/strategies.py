"""Hypothesis strategies for tests of gradients: arrays, shapes, networks and functions. `tg.testing` gives them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from hypothesis.strategies import SearchStrategy

from tinygrad_mlp import nn, ops
from tinygrad_mlp.checking.random_graphs import RandomGraph, random_graph
from tinygrad_mlp.errors import OptionError

Shape = tuple[int, ...]
Shapes = Shape | SearchStrategy[Shape]
At = Literal["away", "on", "anywhere"]

SEEDS = st.integers(0, 2**32 - 1)


def shapes(max_dims: int = 3, max_side: int = 4) -> SearchStrategy[Shape]:
    """Shapes without empty axes: from () to three axes of up to 4."""
    return nps.array_shapes(min_dims=0, max_dims=max_dims, min_side=1, max_side=max_side)


def arrays(
    shape: Shapes | None = None,
    *,
    dtype: Any = np.float64,
    low: float = -2.0,
    high: float = 2.0,
    kinks: Sequence[float] = (0.0,),
    at: At = "away",
    margin: float = 0.1,
    distinct: bool = False,
) -> SearchStrategy[np.ndarray]:
    """Arrays at which a gradient can be checked: of moderate size, and away from kinks, or on them.

    Args:
        shape: a shape or a strategy for one; by default up to three axes of 1 to 4.
        dtype: float64 or float32.
        low: the least element.
        high: the largest one.
        kinks: the numbers at which the function has kinks: 0 for relu and abs, its bounds for clip.
        at: "away" keeps every element `margin` away from the kinks; "on" puts elements exactly on them, each with an
            even chance, the first always; "anywhere" lets elements come as near as they like.
        margin: how far away; also, with `distinct`, how far apart.
        distinct: no two elements are equal or nearly so, which keeps `max` and `maximum` away from ties.

    Raises:
        OptionError: no number is left between low and high, or not as many distinct ones as a shape needs.

    >>> from hypothesis import given
    >>> import numpy as np, tinygrad_mlp as tg
    >>> @given(tg.testing.arrays((2, 3), kinks=[0.0, 1.0]))
    ... def relu1_is_right(x):
    ...     t = tg.Tensor(x, requires_grad=True)
    ...     t.clip(0, 1).sum().backward()
    ...     assert (t.grad == ((0 < x) & (x < 1))).all()
    >>> relu1_is_right()
    """
    kinks = sorted(float(k) for k in kinks if low <= k <= high)
    if at not in ("away", "on", "anywhere"):
        raise OptionError(f"arrays: at is {at!r}; 'away', 'on' or 'anywhere' is expected")
    if at == "on" and not kinks:
        raise OptionError(f"arrays: at='on', but no kink lies between low={low:g} and high={high:g}")
    ranges = [(low, high)] if at == "anywhere" else clear_of(kinks, low, high, margin)
    if not ranges:
        raise OptionError(f"arrays: no number from low={low:g} to high={high:g} is margin={margin:g} away from {kinks}")
    if isinstance(shape, tuple):
        shape = st.just(shape)
    shape = shapes() if shape is None else shape
    if distinct:
        slots = [float(x) for a, b in ranges for x in np.arange(a, b + 1e-9, margin)]
        slots += [k for k in kinks if at == "on"]
        filled: Any = shape.flatmap(lambda s: distinct_elements(s, sorted(set(slots)), margin))
    else:
        element = st.one_of([st.floats(a, b, allow_subnormal=False) for a, b in ranges])
        if at == "on":
            element = st.one_of(st.sampled_from(kinks), element)
        filled = nps.arrays(np.float64, shape, elements=element, fill=st.nothing())
    if at == "on":
        filled = st.builds(with_first, filled, st.sampled_from(kinks)) if not distinct else filled
    return filled.map(lambda x: x.astype(dtype))  # type: ignore[no-any-return]  # of a strategy made of either kind


def clear_of(kinks: Sequence[float], low: float, high: float, margin: float) -> list[tuple[float, float]]:
    """The intervals from low to high that stay a margin away from the kinks."""
    starts = [low, *(k + margin for k in kinks)]
    ends = [*(k - margin for k in kinks), high]
    return [(a, b) for a, b in zip(starts, ends, strict=True) if a <= b]


def distinct_elements(shape: Shape, slots: list[float], margin: float) -> SearchStrategy[np.ndarray]:
    """Different ones of the slots, as an array."""
    n = int(np.prod(shape))
    if n > len(slots):
        raise OptionError(
            f"arrays: {shape} needs {n} distinct elements; margin={margin:g} leaves room for {len(slots)}"
        )
    return st.permutations(slots).map(lambda order: np.array(order[:n]).reshape(shape))


def with_first(x: np.ndarray, value: float) -> np.ndarray:
    """The array with another first element."""
    x = x.copy()
    x[(0,) * x.ndim] = value
    return x


def broadcastable_shapes(n: int, *, max_dims: int = 3, max_side: int = 4) -> SearchStrategy[tuple[Shape, ...]]:
    """Shapes of n arrays that broadcast against each other, missing axes and axes of length 1 among them.

    >>> from hypothesis import given
    >>> import numpy as np, tinygrad_mlp as tg
    >>> @given(tg.testing.broadcastable_shapes(2))
    ... def a_gradient_has_the_shape_of_its_input(pair):
    ...     a, b = (tg.Tensor(np.ones(shape), requires_grad=True) for shape in pair)
    ...     (a * b).sum().backward()
    ...     assert (a.grad.shape, b.grad.shape) == pair
    >>> a_gradient_has_the_shape_of_its_input()
    """
    if n < 1:
        raise OptionError(f"broadcastable_shapes: n is {n}; at least 1 is expected")
    found = nps.mutually_broadcastable_shapes(num_shapes=n, max_dims=max_dims, min_side=1, max_side=max_side)
    return found.map(lambda both: both.input_shapes)


class Network(NamedTuple):
    """A model with data that fits it.

    Attributes:
        model: a Sequential that ends in a Dense.
        X: rows, float32 (N, n_in).
        y: class indices (N,), or numbers (N, n_out).
        loss: of the model's outputs and y.

    >>> from hypothesis import given
    >>> import tinygrad_mlp as tg
    >>> @given(tg.testing.networks(max_layers=2))
    ... def a_network_takes_its_rows(network):
    ...     assert len(network.model(network.X)) == len(network.y)
    >>> a_network_takes_its_rows()
    """

    model: nn.Sequential
    X: np.ndarray
    y: np.ndarray
    loss: Callable[..., Any]


SMOOTH: list[Callable[[], nn.Module]] = [nn.Tanh, nn.Sigmoid, nn.Softplus, nn.SiLU, nn.GELU, nn.ELU]
KINKED: list[Callable[[], nn.Module]] = [nn.ReLU, nn.LeakyReLU]


def networks(
    *, max_layers: int = 3, max_width: int = 5, max_rows: int = 6, smooth: bool = False
) -> SearchStrategy[Network]:
    """Small networks with rows and labels: Dense layers, activations, at times a LayerNorm; no dropout.

    Args:
        max_layers: the most Dense layers.
        max_width: the most features of a layer.
        max_rows: the most rows of X.
        smooth: whether activations with kinks are left out.

    >>> from hypothesis import given
    >>> import tinygrad_mlp as tg
    >>> @given(tg.testing.networks())
    ... def a_small_step_downhill_helps(network):
    ...     model, X, y, loss = network
    ...     before = loss(model(X), y)
    ...     before.backward()
    ...     tg.optim.SGD(model, learning_rate=1e-4).step()
    ...     assert loss(model(X), y).item() <= before.item() + 1e-5
    >>> a_small_step_downhill_helps()
    """
    return network(max_layers, max_width, max_rows, smooth)


@st.composite
def network(draw: st.DrawFn, max_layers: int, max_width: int, max_rows: int, smooth: bool) -> Network:
    """One of `networks`."""
    widths = draw(st.lists(st.integers(1, max_width), min_size=2, max_size=max_layers + 1))
    classes = draw(st.booleans())
    widths[-1] = max(widths[-1], 2) if classes else widths[-1]
    rng = np.random.default_rng(draw(SEEDS))
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        if layers:
            layers.append(draw(st.sampled_from(SMOOTH if smooth else SMOOTH + KINKED))())
            if n_in > 1 and draw(st.booleans()):
                layers.append(nn.LayerNorm(n_in, epsilon=0.1))
        layer = nn.Dense(n_in, n_out, bias=draw(st.booleans()), rng=rng)
        if layer.b is not None:
            layer.b.data = rng.uniform(-0.5, 0.5, n_out)
        layers.append(layer)
    rows = draw(st.integers(1, max_rows))
    X = rng.uniform(-1.5, 1.5, (rows, widths[0])).astype(np.float32)
    if classes:
        return Network(nn.Sequential(*layers), X, rng.integers(0, widths[-1], rows), ops.softmax_cross_entropy)
    y = rng.uniform(-1.5, 1.5, (rows, widths[-1])).astype(np.float32)
    return Network(nn.Sequential(*layers), X, y, ops.mean_squared_error)


def graphs(min_operations: int = 5, max_operations: int = 40, *, kinks: float = 0.3) -> SearchStrategy[RandomGraph]:
    """Random scalar functions with a point: see `random_graph`. They shrink to fewer operations.

    >>> from hypothesis import given
    >>> import tinygrad_mlp as tg
    >>> @given(tg.testing.graphs())
    ... def a_second_backward_adds_the_same(f):
    ...     x = [tg.Tensor(a, requires_grad=True) for a in f.inputs]
    ...     y = f(*x)
    ...     y.backward()
    ...     once = [t.grad.copy() for t in x]
    ...     y.backward()
    ...     assert all((t.grad == 2 * g).all() for t, g in zip(x, once))
    >>> a_second_backward_adds_the_same()
    """
    if not 1 <= min_operations <= max_operations:
        raise OptionError(f"graphs: {min_operations} to {max_operations} operations; at least 1, and a range, expected")
    numbers = st.integers(min_operations, max_operations)
    return st.builds(random_graph, SEEDS, numbers, kinks=st.just(kinks))
