"""Questions about gradient descent: one step, the learning rate, other optimizers, batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.optim import SGD, Adam, Optimizer, RMSprop
from tinygrad_mlp.views.defence.backward import strongest
from tinygrad_mlp.views.defence.formulas_by_hand import Array
from tinygrad_mlp.views.defence.forward import same
from tinygrad_mlp.views.defence.parts import (
    Part,
    Question,
    Verdict,
    exact,
    prose,
    signed,
    small,
    table,
    working,
    written,
)
from tinygrad_mlp.views.defence.subject import Subject, step

TOPIC = "Gradient descent"
STEPS = 30


def questions(s: Subject) -> Iterator[Question]:
    """All of them."""
    yield Question(TOPIC, "What is gradient descent? Make one step.", tuple(one_step(s)))
    yield Question(TOPIC, "What if the learning rate were ten times as large?", tuple(rates(s)))
    yield Question(TOPIC, "What do momentum, RMSprop and Adam do differently?", tuple(optimizers(s)))
    yield Question(TOPIC, "Why mini-batches, and what is an epoch?", tuple(batches(s)))


def weight_of(model: nn.Module, path: str, index: tuple[int, int]) -> float:
    """One weight of a model."""
    return float(model.named_parameters()[path]._data[index])


def one_step(s: Subject) -> Iterator[Part]:
    """W ← W − η·dW for one weight and for all, and what the loss becomes."""
    path, index, w, g = followed(s, s.model)
    name = f"W{s.last.sign}[{index[0] + 1},{index[1] + 1}]"
    rate = s.learning_rate
    after = s.descended(copy.deepcopy(s.model), rate)
    moved = weight_of(after, path, index)
    error = s.loss_of(after)
    squares = float(sum((g**2).sum() for g in s.gradients.values()))
    yield prose(
        "The gradient points to where the loss grows fastest, so each weight goes a little the other way: "
        "`W ← W − η·dW`, with the learning rate η, over and over. The weight from above, in one step with this batch:"
    )
    yield working(
        f"{name} ← {small(w)} − {rate:g}·{signed(g)} = {exact(w - rate * g)}",
        f"loss: {exact(s.error)} before, {exact(error)} after all weights have moved",
    )
    yield Verdict(f"the optimizer's step makes it {exact(moved)}", same(np.array(w - rate * g), np.array(moved)))
    change = error - s.error
    foretold = -rate * squares
    yield prose(
        f"For a small η the loss changes by −η·|gradient|², here {written(foretold, 4)}; it was {written(change, 4)}. "
        + (
            "It grew: this η is too large here, and the step went past the valley."
            if not change <= 0
            else "The two differ because the loss is curved, and the gradient knows its slope at one point only."
            if abs(change - foretold) > 0.02 * abs(foretold)
            else "So short a step hardly notices that the loss is curved."
        )
    )


def rates(s: Subject) -> Iterator[Part]:
    """Several learning rates from the same weights."""
    *_, w, g = followed(s, s.model)
    steps = s.fewer(STEPS, 5)
    yield prose(
        "The step would be ten times as long. Too small an η takes forever; too large a one steps over the valley and "
        "up on the other side, further each time. Here are a step from where the weights are now, with the weight from "
        f"above and the loss of the batch, which is {small(s.error)} before; and the loss of the same network with new "
        f"weights after 1 step and after {steps}, which is {small(s.loss_of(s.fresh()))} before:"
    )
    rows, ends = [], []
    for factor in (0.1, 1, 10, 100):
        rate = s.learning_rate * factor
        error = s.loss_of(s.descended(copy.deepcopy(s.model), rate))
        start = s.fresh()
        one = s.loss_of(s.descended(start, rate))
        many = s.loss_of(s.descended(start, rate, steps - 1))
        ends.append(many)
        rows.append((f"{rate:g}", small(w - rate * g), small(error), small(one), small(many)))
    yield table(("η", "weight, 1 step", "loss then", "new: 1 step", f"{steps} steps"), rows)
    finite = [e if np.isfinite(e) else np.inf for e in ends]
    best = int(np.argmin(finite))
    yield prose(
        f"With η = {rows[best][0]} the new network comes furthest in {steps} steps.",
        "Beyond that, more is worse." if best < len(finite) - 1 and finite[best] < finite[-1] else "",
    )


def followed(s: Subject, model: nn.Module) -> tuple[str, tuple[int, int], float, float]:
    """The weight that is followed: its path and place, its value and its gradient in a model."""
    assert s.last.dense is not None
    path = s.parameter_path(s.last.dense.W)
    index = strongest(s.gradients[path], s.true if s.last is s.stages[-1] else None)
    return path, index, weight_of(model, path, index), float(s.gradients_of(model)[path][index])


def optimizers(s: Subject) -> Iterator[Part]:
    """The first two steps of one weight, and the loss after some more."""
    rate = s.learning_rate
    path, index, w, g = followed(s, s.fresh())
    steps = s.fewer(STEPS, 5)
    rules: dict[str, Callable[[nn.Module], Optimizer]] = {
        f"gradient descent, η {rate:g}": partial(SGD, learning_rate=rate),
        f"momentum 0.9, η {rate:g}": partial(SGD, learning_rate=rate, momentum=0.9),
        "RMSprop, η 0.001": partial(RMSprop, learning_rate=0.001),
        "Adam, η 0.001": partial(Adam, learning_rate=0.001),
    }
    yield prose(
        "Plain gradient descent forgets; these remember. Momentum keeps a part of its last step, "
        "`v ← μ·v + η·g, W ← W − v`: where gradients agree it gathers speed, where they change sign they cancel. "
        "RMSprop divides each weight's step by the root of its mean squared gradient, "
        "`v ← β·v + (1 − β)·g², W ← W − η·g / √(v + ε)`: weights with small gradients move as far as the others. Adam "
        "does both, and corrects that its memories began at 0, so its first step is η whatever the gradient is."
    )
    rows = []
    for name, rule in rules.items():
        model = s.fresh()
        optimizer = rule(model)
        places = [w]
        for _ in range(2):
            step(s, model, optimizer)
            places.append(weight_of(model, path, index))
        moves = [places[1] - places[0], places[2] - places[1]]
        rows.append((name, small(moves[0]), small(moves[1]), small(s.trained(s.fresh(), rule, steps))))
    yield table(("rule", "first step", "second step", f"loss after {steps}"), rows)
    yield prose(
        f"The weight is the one from above, in the network with its first weights, where its gradient is {small(g)}. "
        "The first step of momentum is that of gradient descent, since there is nothing yet to remember. (With other "
        "learning rates the last column would have another order: each rule wants its own.)"
    )
    adam = s.fresh()
    step(s, adam, Adam(adam, learning_rate=0.001))
    move = weight_of(adam, path, index) - w
    if abs(g) > 1e-6:
        yield Verdict("Adam's first step is −0.001·sign(gradient), to 1 %", abs(move + 0.001 * np.sign(g)) < 0.00001)


def batches(s: Subject) -> Iterator[Part]:
    """How much the gradients of parts of the batch agree with its own."""
    N = len(s.X)
    trained = s.facts.get("rows")
    rows_of = trained.get("training") if isinstance(trained, dict) else None
    size = s.facts.get("batch_size")
    known = isinstance(rows_of, int) and isinstance(size, int) and size > 0 and rows_of > 0
    yield prose(
        "The gradient of all rows is exact but takes a way through all of them for one step. That of a few rows points "
        "roughly the same way, so many rough steps get further in the same time; and being rough shakes the weights "
        "out of narrow places. The rows are shuffled, so that no batch is of one kind. An epoch is over when each row "
        "had its turn.",
        f"This model was trained on {rows_of:,} rows in batches of {size}: {-(-rows_of // size)} steps in an epoch"
        + (", the last one with fewer rows." if rows_of % size else ".")
        if known and isinstance(rows_of, int) and isinstance(size, int)
        else "",
    )
    if N < 4:
        yield prose(f"With {N} {'row' if N == 1 else 'rows'} there are no parts to compare; use more rows.")
        return
    model = s.fresh()
    whole = joined(s.gradients_of(model))
    order = np.random.default_rng(0).permutation(N)
    rows = []
    for n in sorted({1, max(2, N // 8), N // 2, N}):
        cosines = []
        for start in range(0, N - n + 1, n):
            part = order[start : start + n]
            g = joined(s.gradients_of(model, s.X[part], s.y[part]))
            norms = float(np.linalg.norm(g) * np.linalg.norm(whole))
            cosines.append(float(g @ whole) / norms if norms else 0.0)
        rows.append((f"{n} row{'s' * (n != 1)}", str(len(cosines)), small(np.mean(cosines)), small(min(cosines))))
    yield prose(f"How well do gradients of a part of these {N} rows agree with that of all? (1 is the same direction.)")
    yield table(("gradient of", "parts", "mean cosine", "lowest"), rows)


def joined(gradients: dict[str, Array]) -> Array:
    """All gradients as one vector."""
    return np.concatenate([g.ravel() for g in gradients.values()])
