"""What must hold of products and linear functions for any subscripts and shapes: values are NumPy's, and exact laws.

A function that is linear in an input has a gradient that needs no finite differences: gradient · d = g · f(d).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mlp as tg

LENGTHS = {"a": 1, "b": 2, "c": 3, "d": 2, "e": 0}


@st.composite
def sums(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    """Subscripts of one to four arrays, with repeated letters, broadcasting lengths, `...`, with and without `->`."""
    names = [draw(st.text("abcd", max_size=3)) for _ in range(draw(st.integers(1, 4)))]
    hidden = [draw(st.sampled_from(["", "...", "..."])) if draw(st.booleans()) else "" for _ in names]
    batch = draw(st.lists(st.sampled_from([1, 2, 3]), max_size=2))
    terms, shapes = [], []
    for own, dots in zip(names, hidden, strict=True):
        place = draw(st.integers(0, len(own)))
        terms.append(own[:place] + dots + own[place:])
        shown = draw(st.integers(0, len(batch))) if dots else 0
        some = tuple(draw(st.sampled_from([n, 1])) for n in batch[len(batch) - shown :])
        sizes = [LENGTHS[c] for c in own]
        shapes.append((*sizes[:place], *some, *sizes[place:]))
    subscripts = ",".join(terms)
    if draw(st.booleans()):
        output = "".join(draw(st.permutations(sorted(set("".join(names))))))
        output = output[: draw(st.integers(0, len(output)))]
        place = draw(st.integers(0, len(output)))
        subscripts += f"->{output[:place]}{'...' if any(hidden) else ''}{output[place:]}"
    return subscripts, shapes


@given(sums(), st.integers(0, 100))
def test_any_einstein_sum_is_numpys_and_linear_in_each_array(sum_: Any, seed: int) -> None:
    subscripts, shapes = sum_
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in shapes]
    xs = [tg.Tensor(x, requires_grad=True) for x in arrays]
    y = tg.einsum(subscripts, *xs)
    np.testing.assert_allclose(y.data, np.einsum(subscripts, *arrays), rtol=1e-12, atol=1e-12)
    g = rng.normal(size=y.shape)
    first = tg.grad(y, xs, gradient=g, create_graph=True)
    for i, slope in enumerate(first):
        d = rng.normal(size=shapes[i])
        changed = np.einsum(subscripts, *arrays[:i], d, *arrays[i + 1 :])
        np.testing.assert_allclose((slope.data * d).sum(), (g * changed).sum(), rtol=1e-10, atol=1e-10)
        if len(xs) > 1:  # the second order: linear in the next array as well
            j = (i + 1) % len(xs)
            e = rng.normal(size=shapes[j])
            twice = [d if k == i else e if k == j else x for k, x in enumerate(arrays)]
            second = tg.grad((slope * d).sum(), xs[j])
            np.testing.assert_allclose(
                (second * e).sum(), (g * np.einsum(subscripts, *twice)).sum(), rtol=1e-10, atol=1e-10
            )


LINEAR: dict[str, Callable[[Any], Any]] = {
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "flip": lambda x: np.flip(x, 0),
    "roll": lambda x: np.roll(x, (2, -1), (1, 0)),
    "rot90": lambda x: np.rot90(x, 3),
    "tile": lambda x: np.tile(x, (2, 3)),
    "repeat": lambda x: np.repeat(x, [2, 0, 1, 3], axis=1),
    "pad": lambda x: np.pad(x, ((4, 1), (0, 5)), "reflect"),
    "diff": lambda x: np.diff(x, n=2, axis=1),
    "tril": lambda x: np.tril(x, -1),
    "trace": lambda x: np.trace(x, 1),
    "kron": lambda x: np.kron(x, np.arange(4.0).reshape(2, 2)),
    "trapezoid": lambda x: np.trapezoid(x, [0.0, 1.0, 4.0], axis=0),
    "take": lambda x: np.take(x, [[1, 1], [3, 0]], axis=1),
    "meshgrid": lambda x: np.meshgrid(x[0], x[1])[1],
    "array_split": lambda x: np.array_split(x, 3, axis=1)[0],
    "column_stack": lambda x: np.column_stack([x, x[:, 0], x]),
    "average": lambda x: np.average(x, axis=0, weights=[1.0, 2.0, 5.0]),
}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "every second", "backwards", "broadcast"])
def test_linear_functions_have_their_transpose_as_gradient_for_any_layout_in_memory(name: str, layout: str) -> None:
    f = LINEAR[name]
    rng = np.random.default_rng(3)
    x = {
        "contiguous": rng.normal(size=(3, 4)),
        "transposed": rng.normal(size=(4, 3)).T,
        "every second": rng.normal(size=(6, 8))[::2, ::2],
        "backwards": rng.normal(size=(3, 4))[::-1, ::-1],
        "broadcast": np.broadcast_to(rng.normal(size=4), (3, 4)),
    }[layout]
    t = tg.Tensor(np.zeros((3, 4)), requires_grad=True)
    y = f(t + x)
    np.testing.assert_allclose(y.data, f(x), rtol=1e-12, atol=1e-14)
    g = np.broadcast_to(rng.normal(size=y.shape[-1:]), y.shape)
    slope = tg.grad(y, t, gradient=g)
    d = rng.normal(size=(3, 4))
    np.testing.assert_allclose((slope * d).sum(), (g * f(d)).sum(), rtol=1e-12, atol=1e-12)
