"""Questions about the training: the first weights, standardised columns, overfitting, early stopping.

Each is shown on the same architecture and the same table, trained anew for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from tinygrad_mlp.optim import Adam
from tinygrad_mlp.views import wording
from tinygrad_mlp.views.defence.formulas_by_hand import Array
from tinygrad_mlp.views.defence.parts import Part, Question, Verdict, prose, small, table
from tinygrad_mlp.views.defence.subject import Subject, step

TOPIC = "The training"
BY_HEART = 300
"""Steps in which a network learns half of a table by heart."""
STEPS = 100
RATE = 0.01
PATIENCE = 10
FEWEST = 8
"""Rows that it takes to learn from half of them and to validate with the others."""


def questions(s: Subject) -> Iterator[Question]:
    """All of them."""
    yield Question(TOPIC, "Why do the weights not begin at 0?", tuple(zeros(s)))
    yield Question(TOPIC, "Why are the columns standardised?", tuple(standardised(s)))
    run = ByHeart(s)
    yield Question(TOPIC, "What is overfitting, and what are validation rows for?", tuple(overfitting(s, run)))
    yield Question(TOPIC, "What is early stopping?", tuple(early_stopping(s, run)))


def zeros(s: Subject) -> Iterator[Part]:
    """Units that begin alike get the same gradient."""
    first = s.dense[0].dense
    assert first is not None
    if len(s.dense) < 2:
        yield prose(
            "In this network they could: it has one dense layer, whose outputs get gradients of their own from the "
            "labels. Only units of a hidden layer that begin alike stay alike."
        )
        return
    path, steps = s.parameter_path(first.W), s.fewer(STEPS, 10)
    kinds = {
        "all 0": s.fresh(lambda _, drawn: np.zeros(drawn.shape)),
        "units alike": s.fresh(partial(alike, len(s.dense))),
        "drawn": s.fresh(),
    }
    rows, counts = [], {}
    for name, model in kinds.items():
        gradient = s.gradients_of(model)[path]
        counts[name] = different_columns(gradient)
        size = small(np.linalg.norm(gradient))
        s.trained(model, lambda m: Adam(m, learning_rate=RATE), steps)
        later = different_columns(model.named_parameters()[path]._data)
        of = f"of {first.n_out}"
        rows.append((name, size, f"{counts[name]} {of}", f"{later} {of}", small(s.loss_of(model))))
    yield prose(
        "Because all units of a layer would then be one. Two units with the same weights compute the same number, so "
        "they get the same gradient, make the same step, and stay the same forever. With zeros it is worse: what a "
        "layer hands back is `dY·Wᵀ`, which is 0 at first, so that nothing arrives at the layers before. Random "
        "weights make units different, and drawn with a variance of about 2 / n_in (He, for ReLU) or 1 / n_in, they "
        "keep numbers and gradients from growing or vanishing from layer to layer. The same architecture on this batch:"
    )
    yield table(("first weights", "size of dW₁", "different units", f"after {steps} steps", "loss then"), rows)
    if s.outputs_by_hand is not None:  # a layer of one's own may treat each unit in another way
        yield Verdict("units that begin alike get the same gradient", counts["all 0"] == counts["units alike"] == 1)


def alike(layers: int, number: int, drawn: Array) -> Array:
    """Weights with which all units of each hidden layer have the same connections, to either side."""
    columns = drawn[:, :1] if number == 1 else np.abs(drawn[:1, :1])
    return np.broadcast_to(columns if number < layers else drawn[:1], drawn.shape).copy()


def different_columns(W: Array) -> int:
    """How many columns of a matrix differ by more than rounding."""
    scale = float(np.abs(W).max(initial=0)) or 1.0
    return int(np.unique(np.round(W / scale, 9) + 0.0, axis=1).shape[1])


def standardised(s: Subject) -> Iterator[Part]:
    """What raw columns do to the gradient of the first layer."""
    if s.scaler is None:
        spread = s.X.std(axis=0)
        yield prose(
            "Because a column with large numbers would drown the others. The model file holds no scaler, so this "
            "model takes the columns as they are. In this batch their standard deviations go from "
            f"{small(spread.min())} to {small(spread.max())}; about 1 for each is what the first weights are made for."
        )
        return
    raw = s.scaler.inverse_transform(s.X)
    scale, mean = s.scaler.scale, s.scaler.mean
    order = np.argsort(scale)
    chosen = list(dict.fromkeys(int(j) for j in (order[-1], order[len(order) // 2], order[0])))
    yield prose(
        "Because a column with large numbers would drown the others. `dW = Xᵀ·dY` has x as a factor, so weights of "
        "large columns get large gradients, and one learning rate cannot suit all. So each column gets mean 0 and "
        "deviation 1: `(x − mean) / sd`. Mean and sd are those of the training rows alone and are kept in the model "
        "file: taken from all rows, they would tell the training something about the rows that it is judged by."
    )
    units = [(s.column(j), small(mean[j]), small(scale[j]), small(raw[s.row, j]), small(s.X[s.row, j])) for j in chosen]
    yield table((s.row_name(s.row), "mean", "sd", "raw", "standardised"), units)
    first = s.dense[0].dense
    assert first is not None
    path, steps = s.parameter_path(first.W), s.fewer(STEPS, 10)
    at_first_layer = s.stages[0].dense is not None
    rows = []
    for name, X in (("raw", raw), ("standardised", s.X)):
        model = s.fresh()
        sizes = np.linalg.norm(s.gradients_of(model, X)[path], axis=1)
        optimizer = Adam(model, learning_rate=RATE)
        with np.errstate(all="ignore"):
            for _ in range(steps):
                step(s, model, optimizer, X, s.y)
        ratio = small(sizes.max() / sizes.min()) if sizes.min() > 0 else "∞"
        rows.append((name, small(sizes.max()), ratio, small(s.loss_of(model, X))))
    yield prose(
        "The same network from the same first weights, with these rows raw and standardised; the ratio is that of the "
        "largest to the smallest gradient of a column's weights:"
        if at_first_layer
        else "The same network from the same first weights, with these rows raw and standardised:"
    )
    yield table(("columns", "largest gradient", "ratio", f"loss after {steps} steps"), rows)


@dataclass(frozen=True, eq=False)
class ByHeart:
    """A new network of the same architecture that learns half of the table's rows, with the other half to validate.

    Attributes:
        subject: whose architecture and rows.
    """

    subject: Subject

    @property
    def steps(self) -> int:
        """How many steps it makes."""
        return self.subject.fewer(BY_HEART, 30)

    @property
    def possible(self) -> bool:
        """Whether there are rows enough."""
        return len(self.subject.more[0]) >= FEWEST

    @cached_property
    def losses(self) -> tuple[Array, Array]:
        """Training and validation loss before each step, and after the last."""
        s = self.subject
        X, y = s.more
        order = np.random.default_rng(0).permutation(len(X))
        learn, check = np.split(order, [len(order) // 2])
        model = s.fresh()
        optimizer = Adam(model, learning_rate=RATE)
        seen = []
        with np.errstate(all="ignore"):
            for number in range(self.steps + 1):
                seen.append([s.loss_of(model, X[rows], y[rows]) for rows in (learn, check)])
                if number < self.steps:
                    step(s, model, optimizer, X[learn], y[learn])
        train, valid = np.array(seen).T
        return train, valid

    @property
    def best(self) -> int:
        """The step with the smallest validation loss."""
        valid = self.losses[1]
        return int(np.where(np.isfinite(valid), valid, np.inf).argmin())

    @cached_property
    def stopped(self) -> int | None:
        """The step at which a patience would have ended it; None if it would not."""
        best, since = np.inf, 0
        for number, loss in enumerate(self.losses[1]):
            best, since = (loss, 0) if loss < best else (best, since + 1)
            if since >= PATIENCE:
                return number
        return None


def overfitting(s: Subject, run: ByHeart) -> Iterator[Part]:
    """Half of the batch learned by heart."""
    rows = s.facts.get("rows")
    split = ""
    if isinstance(rows, dict) and isinstance(rows.get("training"), int) and isinstance(rows.get("validation"), int):
        split = f"This model learned from {rows['training']:,} rows, and {rows['validation']:,} others validated it."
    yield prose(
        "A network has weights enough to learn its rows by heart, with their noise and their chances. Its loss on them "
        "then says nothing about new rows, and new rows are what it is for. So some are held back from the training: "
        "as long as their loss falls too, what is learned is general; where it turns round while the training loss "
        "falls on, overfitting begins. What was chosen by the validation rows (when to stop, how many layers) flatters "
        "them a little, so a last score is taken from rows that nothing was chosen by.",
        split,
    )
    if not run.possible:
        yield prose(f"To show it takes {FEWEST} rows or more; here are {len(s.more[0])}.")
        return
    train, valid = run.losses
    count = len(s.more[0])
    half = count // 2
    yield prose(
        f"The same architecture with new weights, {run.steps} steps of Adam with η = {RATE} on {half} rows of the "
        f"table; {count - half} others validate:"
    )
    points = sorted({0, run.best, run.steps // 10, run.steps // 3, run.steps})
    yield table(
        ("after step", "training loss", "validation loss", ""),
        [(str(n), small(train[n]), small(valid[n]), "the best" if n == run.best else "") for n in points],
    )
    if run.best == run.steps or not valid[-1] > 1.01 * valid[run.best]:
        yield prose("On these rows it has not begun within so many steps: the validation loss has not turned round.")
    else:
        yield prose(
            f"From step {run.best} on the network gets worse at new rows while it gets better at its own: at the end "
            f"the validation loss is {small(valid[-1] / valid[run.best])} times its best. More rows, a smaller "
            "network, weight decay or dropout delay that."
        )


def early_stopping(s: Subject, run: ByHeart) -> Iterator[Part]:
    """What a patience would have kept, and what it kept in this model's own training."""
    yield prose(
        "To stop where the validation loss has turned round. After each epoch it is computed; if it was not the best "
        "so far, a counter goes up, else back to 0; when the counter reaches the patience, the training ends, and "
        "the weights of the best epoch are put back. A single worse epoch may be chance: that is what the patience is "
        "for.",
        own_stopping(s),
    )
    if not run.possible:
        return
    _, valid = run.losses
    if run.stopped is None:
        yield prose(f"In the run above, a patience of {PATIENCE} would not have ended anything.")
        return
    kept = int(np.argmin(valid[: run.stopped + 1]))
    yield prose(
        f"In the run above, with a patience of {PATIENCE} steps, it would have ended after step {run.stopped} and gone "
        f"back to step {kept}:"
    )
    yield table(
        ("", "steps", "validation loss"),
        [("stopped early", str(run.stopped), small(valid[kept])), ("to the end", str(run.steps), small(valid[-1]))],
    )


def own_stopping(s: Subject) -> str:
    """What the model file says of its own training."""
    patience, run, kept = (s.facts.get(name) for name in ("patience", "epochs_run", "kept_epoch"))
    if not isinstance(run, int) or not isinstance(kept, int):
        return ""
    if not isinstance(patience, int):
        return f"This model was trained for {wording.counted(run, 'epoch')}, without a patience."
    return f"This model was trained with a patience of {patience}: {run} epochs, of which epoch {kept} was kept."
