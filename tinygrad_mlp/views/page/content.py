"""What a page is told about a backward pass: `BackwardPass.to_dict()`, with arrays, layers and finite differences."""

from __future__ import annotations

import inspect
from typing import Any

from tinygrad_mlp.views import wording
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.layers import Layer, close_to_fit, layers_of, paths_to
from tinygrad_mlp.views.measures import Gradient, norm
from tinygrad_mlp.views.overview import FULL, MOST, headline, overview
from tinygrad_mlp.views.page.arrays import Arrays
from tinygrad_mlp.views.page.checks import Checks, Place
from tinygrad_mlp.views.page.rationing import fair_limit
from tinygrad_mlp.views.steps import Edge, Leaf, Step

ELEMENTS = 15_000
"""How many elements of arrays a page holds together, more or less: they take 11 bytes each at most."""
FEWEST = 16
"""Elements that it holds of each array all the same."""
LONGEST = 200
"""Characters of a name; of a longer one, the middle is left out."""


def content(seen: BackwardPass, checks: int | None) -> dict[str, Any]:
    """All that the page knows, for JSON: it alone says what it means to be drawn."""
    about = {"title": headline(seen), "notes": [name(note, 400) for note in seen.notes]}
    if len(seen.steps) > MOST:
        parts = [[part.title, part.numbers, part.norms, part.remarks] for part in overview(seen)]
        note = f"{len(seen.steps):,} steps are too many to be shown one by one, so here is a table of them"
        return {**about, "notes": [*about["notes"], note], "overview": parts, "steps": [], "leaves": []}
    arrays = Arrays(max(FEWEST, fair_limit(sizes(seen), ELEMENTS)))
    done = Checks(seen, arrays.most, checks)
    written = seen.to_dict(most=0)
    for step, told in zip(seen.steps, written["steps"], strict=True):
        add_to_step(step, told, arrays, done)
    for leaf, told in zip(seen.leaves, written["leaves"], strict=True):
        told["title"] = name(wording.title(leaf))
        told["layer"] = name(leaf.layer) if leaf.layer else ""
        told["name"] = name(leaf.name)
        told["values"] = arrays.add(leaf.array)
        told["norm"] = number(norm(leaf.array))
        told["gradient"] = gradient(leaf.gradient, leaf, arrays, done)
    whole = layers_of(seen)
    close_to_fit(whole, FULL)
    return {
        **about,
        "notes": [*about["notes"], *filter(None, [name(done.note, 400) if done.note else ""])],
        "overview": None,
        "steps": written["steps"],
        "leaves": written["leaves"],
        "layers": [frame(layer) for layer in whole.walk() if layer.path],
        "arrays": arrays.written,
    }


def sizes(seen: BackwardPass) -> list[int]:
    """The sizes of the arrays that a page would show in full."""
    gradients = [step.arrived for step in seen.steps] + [leaf.gradient for leaf in seen.parameters]
    found = [g.array.size for g in gradients if g is not None and g.array is not None]
    return found + [step.result.size for step in seen.steps] + [leaf.array.size for leaf in seen.leaves]


def add_to_step(step: Step, told: dict[str, Any], arrays: Arrays, done: Checks) -> None:
    """Add to a step's data the arrays, finite differences, and what the view alone needs."""
    told["operation"] = name(step.operation)
    told["layer"] = name(step.layer) if step.layer else ""
    told["name"] = name(step.result.name) if step.result.name else None
    told["options"] = {key: name(value) for key, value in told["options"].items()}
    told["activity"] = wording.activity(step)
    told["forward"] = first_line(step)
    told["norm"] = number(norm(step.result._data))
    told["values"] = arrays.add(step.result._data)
    told["gradient"] = gradient(step.arrived, step, arrays, done)
    for edge, one in zip(step.edges, told["edges"], strict=True):
        one["letter"] = edge.formula.gradient[1:]
        one["where"] = [name(text) for text in one["where"]]
        place: Place = edge if edge.target.uses > 1 else edge.target
        one["gradient"] = gradient(edge.gradient, place, arrays, done)


def gradient(g: Gradient | None, place: Step | Leaf | Edge, arrays: Arrays, done: Checks) -> dict[str, Any] | None:
    """A gradient with its array, and the finite differences that belong to it."""
    if g is None:
        return None
    array = None if g.array is None else arrays.add(g.array)
    return {"norm": number(g.norm), "mark": g.mark, "array": array, "check": done.found.get(place)}


def frame(layer: Layer) -> dict[str, Any]:
    """A layer: the first and the last of its steps, and how many layers it is within."""
    steps = layer.all_steps()
    return {
        "title": name(layer.title),
        "first": steps[0].number,
        "last": steps[-1].number,
        "depth": len(paths_to(layer.path)) - 1,
        "closed": layer.is_closed,
    }


def name(text: object, longest: int = LONGEST) -> str:
    """Any text as one line that a page can show."""
    return wording.shown(text, longest)


def number(value: float) -> float | str:
    """Four digits of a number for JSON, which has neither NaN nor infinities."""
    return float(f"{value:.4g}") if abs(value) < float("inf") else str(float(value))


def first_line(step: Step) -> str:
    """What an operation says that it does: the first line of its docstring."""
    text = inspect.getdoc(step.node.operation.body) or ""
    return name(text.splitlines()[0]) if text.strip() else ""
