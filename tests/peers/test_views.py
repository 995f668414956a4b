"""Every operation beside PyTorch's on views: transposed, with steps, repeated without a copy, of lengths 1 and 0."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peers import test_numpy_functions as numpys
from peers import test_operations as operations
from peers.side_by_side import Function, assert_alike

from tinygrad_mlp import ops

pytestmark = pytest.mark.bench

UNARY = operations.UNARY | numpys.UNARY
BINARY = operations.BINARY | numpys.BINARY
SHAPED = {name: row for name, row in (operations.SHAPED | numpys.SHAPED).items() if () not in row[2]}
VIEWS: dict[str, tuple[Function, Function, Any]] = {
    "transposed": (ops.transpose, lambda x: x.permute(*range(x.ndim)[::-1]), lambda shape: shape[::-1]),
    "every second": (lambda x: x[::2], lambda x: x[::2], lambda shape: (2 * shape[0], *shape[1:])),
    "last columns": (lambda x: x[..., 1:], lambda x: x[..., 1:], lambda shape: (*shape[:-1], shape[-1] + 1)),
    "backwards": (lambda x: ops.flip(x, 0), lambda x: torch.flip(x, (0,)), lambda shape: shape),
}
REPEATED = (lambda x: ops.broadcast_to(x, shape=(3, 4)), lambda x: x.expand(3, 4))
"""One row for all: strides of 0."""


def alike(
    pair: tuple[Function, Function], view: str, shapes: list[Any], samples: Any, tolerance: float = 1e-11
) -> None:
    """The functions of views of all inputs, which are made of arrays of other shapes."""
    ours, theirs = pair
    mine, torchs, before = VIEWS[view]
    inputs = [samples(before(shape), seed) for seed, shape in enumerate(shapes)]
    assert_alike(lambda *xs: ours(*map(mine, xs)), lambda *xs: theirs(*map(torchs, xs)), *inputs, tolerance=tolerance)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_view(name: str, view: str) -> None:
    ours, theirs, sample = UNARY[name]
    for shape in [(3, 4), (1, 4), (3, 1), (0, 4), (4,)]:
        alike((ours, theirs), view, [shape], sample)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_a_row_that_is_repeated_without_a_copy(name: str) -> None:
    ours, theirs, sample = UNARY[name]
    assert_alike(lambda x: ours(REPEATED[0](x)), lambda x: theirs(REPEATED[1](x)), sample((1, 4)), tolerance=1e-11)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (1, 1), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_nothing_and_of_one(name: str, shape: tuple[int, ...]) -> None:
    ours, theirs, sample = UNARY[name]
    assert_alike(ours, theirs, sample(shape))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_views_broadcast_both_ways(name: str, view: str) -> None:
    ours, theirs, sample = BINARY[name]
    for shapes in [
        [(3, 4), (3, 4)],
        [(3, 1), (1, 4)],
        [(1, 4), (3, 1)],
        [(4,), (3, 4)],
        [(3, 4), (4,)],
        [(0, 4), (4,)],
    ]:
        alike((ours, theirs), view, shapes, sample)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", SHAPED)
def test_functions_with_shapes_of_their_own(name: str, view: str) -> None:
    ours, theirs, shapes = SHAPED[name]
    alike((ours, theirs), view, shapes, numpys.real, 1e-9)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", [*operations.AXIS, *operations.REDUCTIONS])
def test_functions_along_an_axis_of_a_view(name: str, axis: int, view: str) -> None:
    ours, theirs = (operations.AXIS | operations.REDUCTIONS)[name]
    for shape in [(3, 4), (1, 4), (3, 1)]:
        alike((lambda x: ours(x, axis=axis), lambda x: theirs(x, dim=axis)), view, [shape], numpys.real)
