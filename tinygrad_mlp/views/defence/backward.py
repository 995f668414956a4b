"""Questions about backpropagation: the whole way back, one weight by hand, and how one knows that it is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.checking import gradcheck
from tinygrad_mlp.views import wording
from tinygrad_mlp.views.defence.criterion import one_hot
from tinygrad_mlp.views.defence.formulas_by_hand import Array, elementwise
from tinygrad_mlp.views.defence.formulas_by_hand import backward as back_by_hand
from tinygrad_mlp.views.defence.forward import same
from tinygrad_mlp.views.defence.parts import (
    Part,
    Question,
    Table,
    Verdict,
    exact,
    numbers,
    prose,
    signed,
    small,
    summed,
    table,
    working,
)
from tinygrad_mlp.views.defence.stages import Stage
from tinygrad_mlp.views.defence.subject import Subject

TOPIC = "Backpropagation"
H = 1e-5
"""The step of a finite difference, for weights around 1 in float64: its error is about 1e-10."""
MOST_LINES = 24
"""Gradients that are listed."""
ELEMENTS = 200
"""How many elements of the gradients the checker looks at."""


def questions(s: Subject) -> Iterator[Question]:
    """All of them."""
    yield Question(TOPIC, "What is backpropagation?", tuple(way_back(s)))
    yield Question(TOPIC, "Compute the gradient of one weight by hand.", tuple(one_weight(s)))
    yield Question(TOPIC, "How does the gradient get to the first layer?", tuple(first_layer(s)))
    yield Question(TOPIC, "How do you know that the gradients are right?", tuple(checked(s)))


def way_back(s: Subject) -> Iterator[Part]:
    """The gradient on its way, step by step, by hand beside the engine's."""
    where = "Y_pred − Y_true" if s.of_classes else s.criterion.slope
    yield prose(
        "The chain rule, from the loss back to the first layer. Each layer is told by how much the loss changes with "
        "its outputs (`dY`), and computes from that, by how much it changes with its weights, and with its inputs; "
        "the latter it hands on to the layer before. One pass gives the gradients of all weights at once, for about "
        "twice the price of the way forward."
    )
    yield prose(
        f"It begins with `{where}`, divided by "
        + (f"the {len(s.X)} rows" if s.of_classes or s.y.shape[1] == 1 else f"the {s.y.size} numbers")
        + " because the loss is a mean. Of the first rows:"
    )
    yield first_rows(s)
    yield prose("From there on, each line takes what the line above hands on:")
    rows, agree, known = [], True, True
    arrived: Array = s.d_outputs
    for stage in reversed(s.stages):
        agree = agree and same(arrived, stage.arrived)
        if stage.dense is not None:
            dW = stage.before.reshape(-1, stage.before.shape[-1]).T @ arrived.reshape(-1, arrived.shape[-1])
            rows.append(
                (f"dW{stage.sign} = {stage.of}ᵀ·d{stage.name}", wording.shape(dW.shape), small(np.linalg.norm(dW)))
            )
            agree = agree and same(dW, s.gradients[s.parameter_path(stage.dense.W)])
            if stage.dense.b is not None:
                db = arrived.reshape(-1, arrived.shape[-1]).sum(axis=0)
                rows.append(
                    (f"db{stage.sign} = Σ rows of d{stage.name}", wording.shape(db.shape), small(np.linalg.norm(db)))
                )
                agree = agree and same(db, s.gradients[s.parameter_path(stage.dense.b)])
        if stage is s.stages[0]:
            break
        handed = back_by_hand(stage.layer, stage.before, arrived)
        if handed is None:
            known = False
            handed = s.stages[s.stages.index(stage) - 1].arrived
        rows.append((f"d{stage.of} = {slope_of(stage)}", wording.shape(handed.shape), small(np.linalg.norm(handed))))
        arrived = handed
    if len(rows) > MOST_LINES:
        rows = [*rows[: MOST_LINES // 2], (f"… {len(rows) - MOST_LINES} more …", "", ""), *rows[-MOST_LINES // 2 :]]
    yield table(("gradient", "shape", "size"), rows)
    yield prose(
        "`⊙` multiplies element by element, and the size is the root of the sum of squares. A dense layer multiplies "
        "with its weights once more, transposed: what it spread on the way forward it collects on the way back."
    )
    if not known:
        yield prose("(What stands without a formula is taken from the engine.)")
    yield Verdict("each of these arrays by hand, in NumPy, is the engine's", agree)


def first_rows(s: Subject, rows: int = 4) -> Table:
    """Outputs and truths of some rows, and their difference."""
    outputs = s.outputs.shape[1]
    most = outputs if outputs <= 3 else 2
    begin = s.d_outputs * (len(s.X) if s.of_classes else s.y.size)
    y_true = one_hot(s.y, outputs) if s.of_classes else s.y
    y_pred = y_true + begin if s.of_classes else s.outputs
    chosen = sorted({*range(min(rows, len(s.X))), s.row})
    head = ("", "Y_pred", "Y_true", s.criterion.slope.split(",")[0])
    return table(head, [(s.row_name(i), *(numbers(v[i], most) for v in (y_pred, y_true, begin))) for i in chosen])


def slope_of(stage: Stage) -> str:
    """The formula of what a stage hands on."""
    if stage.dense is not None:
        return f"d{stage.name}·W{stage.sign}ᵀ"
    if formula := elementwise(stage.layer):
        return f"d{stage.name} ⊙ ({formula.slope.format(z=stage.of, a=stage.name)})"
    if isinstance(stage.layer, nn.PReLU):
        return f"d{stage.name} ⊙ (1 where {stage.of} > 0, else α)"
    return f"back through {stage.title}"


@dataclass(frozen=True)
class Difference:
    """What becomes of the loss when one weight is moved by h, to either side.

    Attributes:
        below, here, above: the loss at w − h, w and w + h.
    """

    below: float
    here: float
    above: float

    @classmethod
    def of(cls, s: Subject, values: nn.Parameter, index: tuple[int, ...]) -> Difference:
        """Move a weight of the model, and put it back."""
        array, kept = values._data, values._data[index]
        losses = []
        try:
            for way in (-H, 0.0, H):
                array[index] = kept + way
                losses.append(s.loss_of(s.model))
        finally:
            array[index] = kept
        return cls(*losses)

    @property
    def slope(self) -> float:
        """(E(w + h) − E(w − h)) / 2h."""
        return (self.above - self.below) / (2 * H)

    def verdict(self, gradient: float) -> Verdict:
        """Whether a gradient is the slope, or at a kink lies between the slopes of its two sides."""
        # The rounding of E, of some 1e-16, divided by h, and the next term of the series, in h².
        tolerance = 1e-6 * abs(gradient) + 1e-15 * max(1.0, abs(self.here)) / H + 10 * H * H
        claim = "moving the weight a little changes the loss as the gradient says"
        if abs(self.slope - gradient) <= tolerance:
            return Verdict(claim, True)
        low, high = sorted([(self.here - self.below) / H, (self.above - self.here) / H])
        jump = high - low
        margin = 0.01 * jump  # a slope of one side has an error in h
        kink = jump > 1e-3 * (abs(low) + abs(high)) and low - margin <= gradient <= high + margin
        return Verdict(f"{claim} on one side of a kink, which is nearer than h" if kink else claim, kink)


def strongest(gradient: Array, unit: int | None = None) -> tuple[int, int]:
    """Where a gradient (n_in, n_out) is largest, or where in one of its columns."""
    if unit is not None:
        return int(np.abs(gradient[:, unit]).argmax()), unit
    k, j = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)
    return int(k), int(j)


def compared(s: Subject, stage: Stage, index: tuple[int, int], hand: float) -> Iterator[Part]:
    """A derivative by hand, by the engine and by finite differences."""
    assert stage.dense is not None
    engine = float(s.gradients[s.parameter_path(stage.dense.W)][index])
    found = Difference.of(s, stage.dense.W, index)
    rows = [
        ("by hand", exact(hand)),
        ("the engine's backward()", exact(engine)),
        ("(E(w + h) − E(w − h)) / 2h, h = 0.00001", exact(found.slope)),
    ]
    yield table(("dE/dw", "value"), rows)
    yield Verdict("by hand, it is the engine's", same(np.array(hand), np.array(engine)))
    yield found.verdict(engine)


def one_weight(s: Subject) -> Iterator[Part]:
    """A weight of the last dense layer, term by term over the batch."""
    stage = s.last
    assert stage.dense is not None
    k, j = strongest(s.gradients[s.parameter_path(stage.dense.W)], s.true if stage is s.stages[-1] else None)
    terms = stage.before[:, k] * stage.arrived[:, j]
    name = f"W{stage.sign}[{k + 1},{j + 1}]"
    yield prose(
        f"`{name}` is the weight from number {k + 1} of `{stage.of}` to number {j + 1} of `{stage.name}`"
        + (f", the output for {s.class_name(j)}" if s.of_classes and stage is s.stages[-1] else "")
        + ". `dW = Xᵀ·dY` says: for each row of the batch, what came in along this connection times what "
        f"`{stage.name}` is worth, all added up. One weight serves all {len(terms)} rows, so each has its say."
    )
    order = np.argsort(-np.abs(terms), kind="stable")
    most = [int(i) for i in order[:8] if terms[i] != 0]
    rows = [
        (s.row_name(i), small(stage.before[i, k]), small(stage.arrived[i, j]), small(terms[i])) for i in sorted(most)
    ]
    rest = len(terms) - len(most)
    if rest:
        others = terms.sum() - terms[most].sum()
        rows.append((f"the {rest} other{'s' * (rest != 1)}", "", "", small(others) if abs(others) > 1e-15 else "0"))
    rows.append(("together", "", "", small(terms.sum())))
    yield table(("", stage.of, f"d{stage.name}", f"{stage.of}·d{stage.name}"), rows)
    yield from compared(s, stage, (k, j), float(sum(terms)))


def first_layer(s: Subject) -> Iterator[Part]:
    """A weight of the first dense layer: through all that stands between."""
    stage = s.dense[0]
    if stage is s.last:
        yield prose("The first dense layer of this network is its last one, and its gradient is the one above.")
        return
    assert stage.dense is not None
    i = s.row
    awake = bool(stage.arrived[i].any())
    gradient = s.gradients[s.parameter_path(stage.dense.W)]
    k, j = strongest(gradient, int(np.abs(stage.arrived[i]).argmax()) if awake else None)
    at = s.stages.index(stage)
    yield prose(
        f"Through the layers between, and by every path there is. Unit {j + 1} of layer 1 feeds all units of the next "
        f"layer, so what it is worth is the sum over them of what they are worth times the weight between: "
        "`dX = dY·Wᵀ`. Then comes the slope of its activation: where that is 0, nothing gets through. Followed for "
        f"{s.row_name(i)}:"
    )
    lines: list[str] = []
    following = next((later for later in s.stages[at + 1 :] if later.dense is not None), None)
    assert following is not None
    assert following.dense is not None
    between = s.stages[at + 1 : s.stages.index(following)]
    W = following.dense.W._data
    if W.shape[0] == stage.dense.n_out:
        terms = [f"{signed(d)}·{signed(w)}" for d, w in zip(following.arrived[i], W[j], strict=True)]
        name = f"d{following.of}[{j + 1}]"
        lines += [f"d{following.of} = d{following.name}·W{following.sign}ᵀ, its number {j + 1}:"]
        lines += summed(name, terms, 24)
        lines.append(f"{'':{len(name)}} = {exact(following.arrived[i] @ W[j])}")
    for inner in reversed(between):
        before, after = f"d{inner.of}[{j + 1}]", f"d{inner.name}[{j + 1}]"
        out, back = inner.arrived[i].ravel(), s.stages[s.stages.index(inner) - 1].arrived[i].ravel()
        if j >= len(out) or j >= len(back):
            continue
        if formula := elementwise(inner.layer):
            slope = float(formula.df(inner.layer, inner.before[i])[j])
            product = f"{small(out[j])}·{signed(slope)} = {exact(back[j])}"
            lines.append(f"{before} = {after}·{inner.title}'({small(inner.before[i, j])}) = {product}")
        else:
            lines.append(f"{before} = {exact(back[j])}   (back through {inner.title})")
    column = s.column(k) if stage is s.stages[0] else f"{stage.of}[{k + 1}]"
    x, d = float(stage.before[i, k]), float(stage.arrived[i, j])
    name = f"{stage.of}[{k + 1}]"
    lines.append(f"{name} = {small(x)}" + (f", {column}" if column != name else ""))
    lines.append(
        f"its part in dW₁[{k + 1},{j + 1}] = {name}·d{stage.name}[{j + 1}] = {small(x)}·{signed(d)} = {exact(x * d)}"
    )
    yield working(*lines)
    terms_of_rows = stage.before[:, k] * stage.arrived[:, j]
    zero = int((stage.arrived[:, j] == 0).sum())
    yield prose(
        f"That is one row. All {len(terms_of_rows)} rows added up are the gradient of `W₁[{k + 1},{j + 1}]`, "
        f"the weight from {column} to unit {j + 1}."
        + (f" In {zero} of them the unit was off, and they add nothing." if zero else "")
    )
    yield from compared(s, stage, (k, j), float(sum(terms_of_rows)))


def checked(s: Subject) -> Iterator[Part]:
    """What the gradient checker says of the whole model."""
    elements = s.fewer(ELEMENTS, 20)
    rows = s.fewer(len(s.X), min(4, len(s.X)))
    report = gradcheck(s.model, s.X[:rows], s.y[:rows], loss=s.loss, elements=elements)
    compared_of = report.to_dict()
    yield prose(
        "By something that knows no formula: move one weight a little up and down, and see by how much the loss "
        "changes. That is far too slow to train with, two ways forward for each weight, but there is nothing in it "
        "that one could derive wrongly. `tinygrad-mlp gradcheck` does so for a model file; here for "
        + (
            f"all {report.total:,} weights"
            if compared_of["compared"] >= report.total
            else f"{elements} of the {report.total:,} weights, chosen at random, and some directions in which all move"
        )
        + "."
    )
    found = [*per_input(compared_of)]
    yield table(("parameter", "shape", "verdict"), found)
    if any(verdict == "kink" for *_, verdict in found):
        yield prose("(On a kink, the two sides have slopes of their own, and the gradient is one of them or between.)")
    yield Verdict(f"{len(found)} parameters checked in float64: {report.verdict}", report.passed)


def per_input(report: dict[str, object]) -> Iterator[tuple[str, str, str]]:
    """Name, shape and verdict of what was checked."""
    inputs = report["inputs"]
    assert isinstance(inputs, list)
    for found in inputs:
        yield wording.shown(found["name"], 30), wording.shape(found["shape"]), str(found["verdict"])
