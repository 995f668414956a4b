"""Questions about the loss: worked out for a row, why it has a logarithm, and the exercise's binary cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.autograd import grad
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.views import wording
from tinygrad_mlp.views.defence.criterion import one_hot
from tinygrad_mlp.views.defence.formulas_by_hand import softmax
from tinygrad_mlp.views.defence.forward import same
from tinygrad_mlp.views.defence.parts import (
    Part,
    Question,
    Verdict,
    exact,
    numbers,
    prose,
    signed,
    small,
    table,
    working,
)
from tinygrad_mlp.views.defence.subject import Subject

TOPIC = "The loss"


def questions(s: Subject) -> Iterator[Question]:
    """All of them."""
    yield Question(TOPIC, "What is the loss of that row, and of the batch?", tuple(of_row(s)))
    if s.of_classes:
        yield Question(TOPIC, "Why a logarithm?", tuple(logarithm(s)))
    else:
        yield Question(TOPIC, "Why this measure of the difference?", tuple(differences(s)))
    yield Question(TOPIC, "What is the binary cross-entropy that the exercise asks for?", tuple(binary(s)))


def of_row(s: Subject) -> Iterator[Part]:
    """The loss by hand."""
    i = s.row
    each = s.criterion.each(s.outputs, s.y)
    mean = float(each.mean())
    if s.of_classes:
        p = softmax(s.outputs)[i, s.true]
        yield prose(
            f"The {s.criterion.name}, `E = −Σ y_true·ln y_pred`. y_true is 1 for the true class and 0 for all others, "
            "so one term is left: minus the logarithm of the probability that the network gives to what is true. It "
            "is 0 if the network is sure and right, and grows without end the surer it is of something wrong."
        )
        y_true = " ".join(f"{v:.0f}" for v in one_hot(s.y[i : i + 1], s.outputs.shape[1])[0][:12])
        yield working(
            f"y_true = {y_true}{' …' * (s.outputs.shape[1] > 12)}   ({s.class_name(s.true)})",
            f"y_pred = {numbers(softmax(s.outputs)[i], 8)}",
            f"E = −ln {exact(p)} = {exact(each[i])}",
        )
    else:
        yield prose(
            f"The {s.criterion.name}, `{s.criterion.formula}`: how far the output is from the truth"
            + (", in standard deviations of the target, since it was standardised." if s.target_scaler else "."),
            "It is 0 only where both are the same.",
        )
        lines = []
        for k, (z, y) in enumerate(zip(s.outputs[i], s.y[i], strict=True)):
            d = z - y
            lines.append(f"d{k + 1 if s.y.shape[1] > 1 else ''} = {small(z)} − {signed(y)} = {exact(d)}")
        yield working(*lines[:8], f"E = {exact(each[i])}")
    share = wording.percent(each[i] / each.sum()) if each.sum() > 0 else ""
    yield prose(
        f"The loss of a batch is the mean of its rows' losses, here of {len(each)} rows: {exact(mean)}. "
        + (
            f"{s.row_name(i).capitalize()} is the one with the largest share in it, {share}."
            if share and i == each.argmax()
            else ""
        )
    )
    yield Verdict(f"the package's {s.loss.__name__} gives {exact(s.error)}", same(np.array(mean), np.array(s.error)))


def logarithm(s: Subject) -> Iterator[Part]:
    """What the logarithm does to products and to gradients."""
    p = softmax(s.outputs)
    each = s.criterion.each(s.outputs, s.y)
    yield prose(
        "For two reasons. The probability that the network is right with all rows of the batch is the product of "
        "their probabilities, a number that soon is too small for a computer. Its logarithm is a sum, and the loss is "
        "minus that sum, divided by the number of rows: to make the loss small is to make the whole table probable "
        "(maximum likelihood)."
    )
    n = len(each)
    yield working(f"p(all {n} rows right) = e^(−{n}·{small(each.mean())}) = {small(np.exp(-each.sum()))}")
    yield prose(
        "And it undoes the exponential in softmax, which leaves the gradient `Y_pred − Y_true`: the more wrong, the "
        "stronger. With the squared error of the probabilities instead, the gradient has a factor p·(1 − p), which is "
        "nearly 0 just where the network is sure. Here are both for this row, and for a network that is as sure as "
        "can be of something wrong:"
    )
    C = s.outputs.shape[1]
    wrong = np.where(np.arange(C) == s.true, -10.0, 0.0)
    y_true = one_hot(np.array([s.true]), C)[0]
    rows = []
    for name, z in ((s.row_name(s.row), s.outputs[s.row]), ("sure and wrong", wrong)):
        logits = Tensor(z[None], requires_grad=True)
        squared = grad(((ops.softmax(logits) - y_true) ** 2).sum(), logits)
        cross = grad(ops.softmax_cross_entropy(logits, [s.true]), logits)
        rows.append((name, small(ops.softmax(z)[s.true]), small(cross[0, s.true]), small(squared[0, s.true])))
    yield table(("", f"p({s.class_name(s.true)})", "dz, cross-entropy", "dz, squared error"), rows)
    logits = Tensor(s.outputs, requires_grad=True)
    engine = grad(ops.softmax_cross_entropy(logits, s.y, reduction="sum"), logits)
    yield Verdict(
        "the engine's gradient at the logits is Y_pred − Y_true, in every row of the batch",
        same(p - one_hot(s.y, C), engine),
    )


def differences(s: Subject) -> Iterator[Part]:
    """What squares, absolute values and their mixture do."""
    d = np.abs(s.outputs - s.y).ravel()
    yield prose(
        "There is no probability here, and so no logarithm. A square counts a large difference more than many small "
        "ones, and its gradient shrinks near the truth, so that the steps do too. The absolute value counts each unit "
        "alike, so that outliers pull less. Huber's loss is the square for small differences and the absolute value "
        f"for large ones. This model was judged by the {s.criterion.name}. Over the batch, d = |y_pred − y_true| is:"
    )
    pull = {"d² (squared)": d**2, "d (absolute)": d, "Huber": np.where(d <= 1, d**2 / 2, d - 0.5)}
    rows = [
        (name, small(v.mean()), small(v.max()), wording.percent(v.max() / v.sum()) if v.sum() > 0 else "0 %")
        for name, v in pull.items()
    ]
    yield table(("measure", "mean", "largest", "share of the largest"), rows)


def binary(s: Subject) -> Iterator[Part]:
    """The exercise's formula on the batch, where it applies."""
    formula = "`E = −1/N Σ [y·ln p + (1 − y)·ln(1 − p)]`"
    if not s.of_classes:
        yield prose(
            f"{formula} scores a probability p of two classes. This model predicts a number, so the question does not "
            f"apply: it is scored with its {s.criterion.name}, and with R² in `tinygrad-mlp predict`."
        )
        return
    p = softmax(s.outputs)
    C = p.shape[1]
    if C > 2:
        yield prose(
            f"{formula} is for two classes, y = 0 or 1. This model has {C}, so it does not apply as it is written; the "
            "cross-entropy above is its form for any number of classes: again −ln of the probability of what is true."
        )
        y, q = s.y == s.true, p[:, s.true]
        one_against_all = float(-np.log(np.where(y, q, 1 - q)).mean())
        yield working(
            f"cross-entropy of the batch                    {exact(s.error)}",
            f"of '{s.class_name(s.true)}' against all others, binary: {exact(one_against_all)}",
        )
        return
    q, y, i = p[:, 1], s.y, s.row
    terms = -np.log(np.where(y == 1, q, p[:, 0]))  # p[:, 0] is 1 − q, and not 0 where q rounds to 1
    yield prose(
        f"{formula}, with p the probability of one of the two classes, here {s.class_name(1)}, and y = 1 for its rows. "
        "Of the two terms one is always 0: y chooses `ln p` for rows of that class and `ln(1 − p)` for the others, "
        "which is the logarithm of the probability of what is true either way. So for two classes it is the same "
        "number as the softmax cross-entropy that the network was trained with."
    )
    t = int(y[i])
    yield working(
        f"{s.row_name(i)}: y = {t}, p = {exact(q[i])}",
        f"−[{t}·ln {small(q[i])} + {1 - t}·ln {small(p[i, 0])}] = {exact(terms[i])}",
        f"mean of the {len(y)} rows = {exact(terms.mean())}",
    )
    if not np.isfinite(terms).all():
        yield prose("A p so small that a computer makes it 0 has no logarithm: hence the loss is computed from logits.")
        return
    yield Verdict(
        f"the softmax cross-entropy of the batch is {exact(s.error)}", same(np.array(terms.mean()), np.array(s.error))
    )
