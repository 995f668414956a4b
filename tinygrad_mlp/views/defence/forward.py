"""Questions about the way forward: what a row becomes in the network, unit by unit, and why there are activations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_mlp.views.defence.formulas_by_hand import Array, elementwise, sigmoid, softmax
from tinygrad_mlp.views.defence.parts import (
    Part,
    Question,
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
from tinygrad_mlp.views.defence.subject import Subject, spoken

TOPIC = "Feed-forward"
CLOSE = 1e-9
"""Two ways to a number agree if they differ by no more, relative to the largest."""


def questions(s: Subject) -> Iterator[Question]:
    """All of them."""
    yield Question(TOPIC, "What is feed-forward? Follow one row through your network.", tuple(through(s)))
    yield Question(TOPIC, "How does a single unit get its number?", tuple(units(s)))
    yield Question(TOPIC, "Why is there an activation between two layers?", tuple(linear(s)))
    if s.of_classes:
        yield Question(TOPIC, "What does softmax do, and why not a sigmoid?", tuple(softmax_of(s)))
    else:
        yield Question(TOPIC, "Why is there no softmax at the end?", tuple(number_of(s)))


def same(one: Array, other: Array) -> bool:
    """Whether two arrays agree but for rounding."""
    return bool(np.abs(one - other).max(initial=0) <= CLOSE * max(1.0, float(np.abs(other).max(initial=0))))


def through(s: Subject) -> Iterator[Part]:
    """The whole way of one row."""
    yield prose(
        f"The numbers of a row go in at one end, each layer computes new ones from those of the layer before, and the "
        f"last ones are the answer; nothing flows back. Here it is {s.row_name(s.row)} of the table"
        + (f", which is really {s.class_name(s.true)}." if s.of_classes else f", whose {what(s)} is {target(s)}."),
        "A dense layer is `z = x·W + b`, weighted sums; what stands between works on each number by itself."
        if any(elementwise(stage.layer) for stage in s.stages)
        else "A dense layer is `z = x·W + b`, weighted sums.",
    )
    rows = [("x", str(s.X.shape[1]), numbers(s.X[s.row]))]
    rows += [(stage.formula, str(stage.after.shape[-1]), numbers(stage.after[s.row].ravel())) for stage in s.stages]
    if s.of_classes:
        rows.append((f"p = softmax({s.stages[-1].name})", str(s.outputs.shape[1]), numbers(softmax(s.outputs)[s.row])))
    yield table(("step", "numbers", "the first of them"), rows)
    if s.of_classes:
        p = softmax(s.outputs)[s.row]
        guess = int(p.argmax())
        right = "which is right" if guess == s.true else f"which is wrong: it is {s.class_name(s.true)}"
        yield prose(f"The network says {s.class_name(guess)} with p = {small(p[guess])}, {right}.")
    hand = s.outputs_by_hand
    if hand is None:
        yield prose("One of the layers has no formula here, so that its outputs are the engine's.")
    else:
        yield Verdict(
            f"the whole batch by hand, in NumPy, is what the model gives ({len(s.X)} rows)", same(hand, s.outputs)
        )


def what(s: Subject) -> str:
    """What numbers are predicted."""
    return spoken(s.label_name or "target")


def target(s: Subject) -> str:
    """The true number of the row, in the units of the data if they are known."""
    value = s.y[s.row : s.row + 1]
    return small((value if s.target_scaler is None else s.target_scaler.inverse_transform(value))[0, 0])


def units(s: Subject) -> Iterator[Part]:
    """A unit of the first dense layer, and one of the last, term by term."""
    yield prose(
        "It multiplies each number that comes in with the weight of that connection, adds all up, and adds its bias: "
        "`z = x₁·w₁ + x₂·w₂ + … + b`. Then comes the activation. The numbers below are rounded for the eye."
    )
    first = s.dense[0]
    chosen = [(first, int(first.after[s.row].argmax()))]
    if s.last is not first:
        chosen.append((s.last, s.true))
    for stage, unit in chosen:
        yield from unit_of(s, stage, unit)


def unit_of(s: Subject, stage: Stage, unit: int) -> Iterator[Part]:
    """One unit of a dense layer."""
    layer = stage.dense
    assert layer is not None
    x, w = stage.before[s.row], layer.W._data[:, unit]
    b = 0.0 if layer.b is None else float(layer.b._data[unit])
    total = sum(float(a) * float(c) for a, c in zip(x, w, strict=True)) + b  # one by one, as on paper
    name = f"{stage.name}[{unit + 1}]"
    lines = summed(name, [f"{signed(a)}·{signed(c)}" for a, c in zip(x, w, strict=True)])
    lines.append(f"{'':{len(name)}} + {signed(b)}" if layer.b is not None else f"{'':{len(name)}} (no bias)")
    lines.append(f"{'':{len(name)}} = {exact(total)}")
    after = s.stages[s.stages.index(stage) + 1 :][:1]
    if after and (formula := elementwise(after[0].layer)):
        value = float(after[0].after[s.row, unit])
        out = f"{after[0].name}[{unit + 1}]"
        lines.append(f"{out} = {after[0].title}({small(total)}) = {exact(value)}   ({formula.forward})")
    which = f"unit {unit + 1} of {layer.n_out} in dense layer {stage.number}"
    if stage is s.last:
        which += f": the output for {s.class_name(unit)}" if s.of_classes else f": output {unit + 1}"
    elif stage is s.dense[0]:
        which += ", the most active one"
    yield working(f"{which}, {stage.formula}", "", *lines)
    yield Verdict(
        f"the model has {exact(stage.after[s.row, unit])} there", same(np.array(total), stage.after[s.row, unit])
    )


def linear(s: Subject) -> Iterator[Part]:
    """The product of all matrices stands for a network without activations."""
    if len(s.dense) < 2:
        yield prose(
            "This network has one dense layer only, so there is nothing between two. It can draw one straight "
            "boundary and no other; with a second layer, it needs an activation between, or both are worth one."
        )
        return
    W: Array = np.eye(s.dense[0].before.shape[1])
    b: Array = np.zeros(s.dense[0].before.shape[1])
    for stage in s.dense:
        layer = stage.dense
        assert layer is not None
        W, b = W @ layer.W._data, b @ layer.W._data + (0 if layer.b is None else layer.b._data)
    x = s.dense[0].before[s.row : s.row + 1]
    h = x
    for stage in s.dense:
        layer = stage.dense
        assert layer is not None
        h = h @ layer.W._data + (0 if layer.b is None else layer.b._data)
    product = "·".join(f"W{stage.sign}" for stage in s.dense)
    count = sum(p.size for stage in s.dense for p in (stage.dense.parameters() if stage.dense else ()))
    yield prose(
        "Because without it, all layers together are one. A weighted sum of weighted sums is a weighted sum: "
        f"`(x·W₁ + b₁)·W₂ + b₂ = x·(W₁·W₂) + (b₁·W₂ + b₂)`. The matrices of this model multiply to a single one, "
        f"{W.shape[0]}×{W.shape[1]}: {W.size + b.size:,} numbers would do what its {count:,} do, and the boundary "
        "between two classes would be flat: a straight line, a plane."
        if s.of_classes
        else "Because without it, all layers together are one. A weighted sum of weighted sums is a weighted sum: "
        f"`(x·W₁ + b₁)·W₂ + b₂ = x·(W₁·W₂) + (b₁·W₂ + b₂)`. The matrices of this model multiply to a single one, "
        f"{W.shape[0]}×{W.shape[1]}: {W.size + b.size:,} numbers would do what its {count:,} do, a linear regression."
    )
    rows = [
        ("layer by layer, all but the dense ones left out", numbers(h[0], 4)),
        (f"x·({product}) + b, one layer", numbers((x @ W + b)[0], 4)),
        ("the model as it is", numbers(s.outputs[s.row], 4)),
    ]
    yield table((s.row_name(s.row), "outputs"), rows)
    yield Verdict("without activations, all its layers are worth one", same(x @ W + b, h))


def softmax_of(s: Subject) -> Iterator[Part]:
    """Softmax by hand, beside sigmoids."""
    z = s.outputs[s.row]
    p = softmax(s.outputs)[s.row]
    C = len(z)
    yield prose(
        "The logits may be any numbers. Softmax makes probabilities of them: `p = e^z / Σ e^z`, all above 0, together "
        "1, and the largest logit gets the largest share."
    )
    shown = sorted(range(C), key=lambda k: -z[k])[:6] if C > 6 else list(range(C))
    shown = sorted({*shown, s.true})
    top = float(z.max())
    e = np.exp(z - top)
    rows: list[tuple[str, ...]] = [
        (s.class_name(k), small(z[k]), small(e[k]), small(p[k]), small(sigmoid(z[k : k + 1])[0])) for k in shown
    ]
    if len(shown) < C:
        rows.append((f"{C - len(shown)} others", "", *(small(v.sum() - v[shown].sum()) for v in (e, p, sigmoid(z)))))
    rows.append(("together", "", small(e.sum()), small(p.sum()), small(sigmoid(z).sum())))
    yield table(("class", "z", "e^(z − max z)", "softmax", "sigmoid(z)"), rows)
    yield prose("(The largest z is subtracted first: that cancels in the quotient, and e^z cannot overflow.)")
    if C == 2:
        one = float(sigmoid(np.array([z[1] - z[0]]))[0])
        yield prose(
            "Sigmoids of the two logits need not add up to 1: each looks at its own logit and at no other. For two "
            "classes one can have one output and one sigmoid instead, and that is the same thing: softmax depends on "
            f"the difference alone, `p({s.class_name(1)}) = sigmoid(z₂ − z₁)`. Sigmoids of one output each are for "
            "labels that do not exclude each other."
        )
        yield working(
            f"sigmoid({small(z[1])} − {signed(z[0])}) = sigmoid({small(z[1] - z[0])}) = {exact(one)}",
            f"softmax(z)[2] = {exact(p[1])}",
        )
        yield Verdict("softmax of two logits is the sigmoid of their difference", same(np.array(one), p[1]))
    else:
        yield prose(
            f"Sigmoids of {C} logits need not add up to 1: each looks at its own logit and at no other. They are for "
            "labels that do not exclude each other; here each row has one class, so the classes have to share."
        )


def number_of(s: Subject) -> Iterator[Part]:
    """A regression's output is the answer as it is."""
    z, y = s.outputs[s.row : s.row + 1], s.y[s.row : s.row + 1]
    yield prose(
        f"Because the model predicts a number ({what(s)}) and no class. Softmax or a sigmoid would hold the output "
        "between 0 and 1; the last dense layer gives any number, so its output is the answer as it is."
    )
    if s.target_scaler is not None:
        mean, scale = float(s.target_scaler.mean[0]), float(s.target_scaler.scale[0])
        yield prose(
            "The targets were standardised for the training, so the output is brought back into their units: "
            f"{what(s)} = output·sd + mean. That changes no gradient but for its size."
        )
        yield working(
            f"{small(z[0, 0])}·{small(scale)} + {small(mean)} = {exact(z[0, 0] * scale + mean)}",
            f"true: {exact(y[0, 0] * scale + mean)}",
        )
        back = s.target_scaler.inverse_transform(z)[0, 0]
        yield Verdict(f"the model's prediction is {exact(back)}", same(np.array(z[0, 0] * scale + mean), back))
    else:
        yield working(f"output {exact(z[0, 0])}, true {exact(y[0, 0])}")
