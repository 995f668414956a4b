"""Finite differences beside the gradients of a page: as many as there is time for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.page.arrays import encoded
from tinygrad_mlp.views.page.rationing import corner, fair_limit
from tinygrad_mlp.views.page.replay import NotRepeatableError, Replay
from tinygrad_mlp.views.steps import Edge, Leaf, Step

FOR_PARAMETERS, FOR_THE_REST = 130_000, 60_000
"""About how many microseconds the finite differences of a page take, if nobody says how many there are to be."""
TOLERANCE = {2: 3e-2, 4: 1e-3, 8: 1e-6}
"""How near a gradient and its finite difference have to be, relative to their size, by the bytes of the dtype."""

Place = Step | Leaf | Edge
"""What has a gradient to check: a result, a parameter, or one path alone of several to the same place."""


class Checks:
    """The finite differences of a page.

    Attributes:
        found: for each place what the page needs to know: which elements (`at`; None for all that are shown), the
            finite differences, and the slopes on either side where the loss has a corner.
        note: why there are none, or "".
    """

    def __init__(self, seen: BackwardPass, shown: int, most: int | None) -> None:
        self.found: dict[Place, dict[str, Any]] = {}
        self.note = ""
        if not seen.has_numbers or most == 0:
            return
        try:
            replay = Replay(seen)
        except NotRepeatableError as reason:
            self.note = f"no finite differences: {reason}"
            return
        parameters, rest = places_of(seen)
        for places, budget in ((parameters, FOR_PARAMETERS), (rest, FOR_THE_REST)):
            sizes = [int(np.prod(corner(replay.base(edges[0]).shape, shown))) for edges in places.values()]
            costs = [replay.cost(edges) for edges in places.values()]
            limit = fair_limit(sizes, budget, costs) if most is None else most
            if sizes and limit == 0 and not self.note:
                self.note = (
                    "some gradients have no finite difference beside them, which would take long; "
                    "checks=5 makes five of each"
                )
            for (place, edges), size in zip(places.items(), sizes, strict=True):
                if limit and size:
                    self.found[place] = checked(replay, edges, shown, size, limit)


def places_of(seen: BackwardPass) -> tuple[dict[Place, list[Edge]], dict[Place, list[Edge]]]:
    """The edges by which a gradient comes to each place: to parameters, and to all else but the loss."""
    arriving: dict[Step | Leaf, list[Edge]] = {}
    for edge in seen.edges():
        if edge.flows:
            arriving.setdefault(edge.target, []).append(edge)
    parameters: dict[Place, list[Edge]] = {p: edges for p, edges in arriving.items() if isinstance(p, Leaf)}
    rest: dict[Place, list[Edge]] = {p: edges for p, edges in arriving.items() if isinstance(p, Step)}
    rest |= {edge: [edge] for edges in arriving.values() if len(edges) > 1 for edge in edges}
    return parameters, rest


def checked(replay: Replay, edges: Sequence[Edge], shown: int, size: int, limit: int) -> dict[str, Any]:
    """Finite differences of elements that are spread evenly over those of an array that the page shows."""
    shape = replay.base(edges[0]).shape
    columns = corner(shape, shown)[1]
    chosen = np.arange(size) if size <= limit else np.unique(np.linspace(0, size - 1, limit).round().astype(int))
    across = shape[-1] if shape else 1
    found = replay.differences(edges, [int(i // columns * across + i % columns) for i in chosen])
    dtype = np.dtype(edges[0].step.result.dtype)
    numbers = np.array([d.value for d in found], np.float64 if dtype.itemsize == 8 else np.float32)
    data, kind = encoded(numbers)
    loss = float(np.abs(np.vdot(replay.seed, replay.values[replay.root])))
    return {
        "at": None if len(chosen) == size else chosen.tolist(),
        "type": kind,
        "data": data,
        "corners": {
            int(i): [f"{d.left:.6g}", f"{d.right:.6g}"] for i, d in zip(chosen, found, strict=True) if d.is_kink
        },
        "tolerance": TOLERANCE[dtype.itemsize],
        # What neither 16 digits of the loss nor the gradient's own dtype can tell from zero.
        "rounding": float(f"{1e-10 * max(loss, 1.0) + np.finfo(dtype).eps * 0.1:.3g}"),
    }
