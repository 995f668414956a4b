"""What is defended: a model, rows with their labels, and all that the answers look up about them.

Everything is computed in float64 on a copy of the model, so that two ways to a number can agree to ten digits.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mlp import nn, ops
from tinygrad_mlp.autograd import Variable, grad, no_grad
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.errors import NonFiniteError, OptionError
from tinygrad_mlp.optim import SGD, Optimizer
from tinygrad_mlp.training.evaluating import Loss
from tinygrad_mlp.training.rows import checked_batch
from tinygrad_mlp.views import wording
from tinygrad_mlp.views.defence.criterion import BY_LOSS, Criterion
from tinygrad_mlp.views.defence.formulas_by_hand import Array
from tinygrad_mlp.views.defence.formulas_by_hand import forward as by_hand
from tinygrad_mlp.views.defence.stages import Stage, as_array, flat, named, title_of

MOST = 500
"""Rows of a table up to which all are used for what takes more than a batch."""
SMALL = 20_000
"""Weights up to which a model is trained anew for a few hundred steps without making anyone wait."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and a batch. Build it with `Subject.of`, which checks and copies.

    Attributes:
        model: a copy in float64 and evaluation mode, nothing of it frozen.
        X: the rows (N, n) of a batch, scaled as the model takes them.
        y: class indices (N,), or targets (N, m).
        loss: what the model was trained with.
        row: the index of the row that is followed.
        places: where the rows of the batch stand in the table (N,), from 1 on.
        more: rows and labels of the table, those of the batch among them, for what takes more than a batch to see.
        learning_rate: η of the steps that are made.
        scaler, target_scaler, classes, feature_names, label_name, facts: as a `TrainedModel` has them.
    """

    model: nn.Module
    X: Array
    y: Array
    loss: Loss
    row: int
    places: Array
    more: tuple[Array, Array]
    learning_rate: float
    scaler: StandardScaler | None = None
    target_scaler: StandardScaler | None = None
    classes: Sequence[str] = ()
    feature_names: Sequence[str] = ()
    label_name: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: nn.Module,
        X: Any,
        y: Any,
        loss: Loss,
        rows: int,
        row: int | None,
        learning_rate: float,
        **known: Any,
    ) -> Subject:
        """A subject; the batch is taken evenly from the table, which may be sorted by its classes.

        Args:
            model: the network.
            X: the rows of a whole table.
            y: their labels.
            loss: see above.
            rows: of the batch.
            row: the number of the row that is followed, from 1 on; None for the one with the largest loss in the batch.
            learning_rate: see above.
            known: see above, from `scaler` on.

        Raises:
            OptionError: a loss, a model or a row that cannot be worked out by hand.
            ShapeError, DtypeError, NonFiniteError: X and y are no batch, or the model's outputs are not finite.
        """
        if loss not in BY_LOSS:
            names = ", ".join(known_loss.__name__ for known_loss in BY_LOSS)
            raise OptionError(f"defend: the loss is {getattr(loss, '__name__', loss)!r}; one of {names} is expected")
        X, y = checked_batch("defend", (X, y), np.float64)
        if X.ndim != 2:
            raise OptionError(f"defend: X {X.shape}; rows (N, n) are expected")
        if not any(isinstance(layer, nn.Dense) for layer in flat(model)):
            found = ", ".join(type(layer).__name__ for layer in flat(model))
            raise OptionError(f"defend: {found} has no dense layer; a Sequential with one at least is expected")
        twin = copy.deepcopy(model)
        for p in twin.named_parameters().values():
            if p.dtype.kind == "f":
                p._data = np.array(p._data, np.float64)  # assigning .data would cast to what p has
        twin.unfreeze().eval()
        if rows < 1:
            raise OptionError(f"defend: rows is {rows!r}; at least 1 is expected")
        if row is not None and not 1 <= row <= len(X):
            raise OptionError(f"defend: there is no row {row}; 1 to {len(X)} are expected")
        if y.ndim == 1 and loss is not ops.softmax_cross_entropy:
            y = y[:, None]
        if y.ndim != (1 if loss is ops.softmax_cross_entropy else 2):
            raise OptionError(f"defend: y {y.shape}; the index of a class for each row is expected")
        chosen, most = evenly(len(X), rows, row), evenly(len(X), fewer(twin, MOST, 64), None)
        each = losses_of(twin, X, y, loss, np.union1d(chosen, most))[chosen]
        at = int(each.argmax()) if row is None else int(np.flatnonzero(chosen == row - 1)[0])
        batch = (X[chosen], y[chosen], loss, at, chosen + 1, (X[most], y[most]), learning_rate)
        return cls(twin, *batch, **known)

    # Words

    @property
    def of_classes(self) -> bool:
        """Whether the model tells classes; else it gives numbers."""
        return self.loss is ops.softmax_cross_entropy

    def row_name(self, i: int) -> str:
        """`row 17`: a row of the batch, by its place in the table."""
        return f"row {self.places[i]}"

    @property
    def criterion(self) -> Criterion:
        """The loss by hand."""
        return BY_LOSS[self.loss]

    @property
    def true(self) -> int:
        """The class of the row that is followed; of numbers, the first output."""
        return int(self.y[self.row]) if self.of_classes else 0

    def class_name(self, k: int) -> str:
        """The name of a class, `class 0` if it has none."""
        return spoken(self.classes[k], 20) if k < len(self.classes) else f"class {k}"

    def column(self, j: int) -> str:
        """The name of a column."""
        return spoken(self.feature_names[j]) if j < len(self.feature_names) else f"column {j + 1}"

    # Numbers

    @cached_property
    def layers(self) -> list[Any]:
        """The layers in the order in which a row goes through them."""
        return flat(self.model)

    @cached_property
    def stages(self) -> list[Stage]:
        """The way forward, layer by layer, and the gradients that come back."""
        self.model.named_parameters()
        x: Any = self.X
        passed: list[tuple[Any, Any, Any]] = []
        for layer in self.layers:
            y = layer(x)
            passed.append((layer, x, y))
            x = y
        recorded = [y for _, _, y in passed if isinstance(y, Variable) and y.requires_grad]
        slopes = dict(zip(map(id, recorded), grad(self.loss(x, self.y), recorded), strict=True))
        return named(passed, slopes)

    @cached_property
    def dense(self) -> list[Stage]:
        """The stages of dense layers."""
        return [stage for stage in self.stages if stage.dense is not None]

    @property
    def last(self) -> Stage:
        """The last dense layer."""
        return self.dense[-1]

    @property
    def outputs(self) -> Array:
        """The model's outputs (N, m): logits or numbers."""
        return self.stages[-1].after

    @cached_property
    def d_outputs(self) -> Array:
        """The gradient (N, m) at the outputs, by hand."""
        return self.criterion.d_outputs(self.outputs, self.y)

    @cached_property
    def outputs_by_hand(self) -> Array | None:
        """The outputs by the formulas of the textbook; None if a layer has none here."""
        x: Array | None = self.X
        for layer in self.layers:
            x = None if x is None else by_hand(layer, x)
        return x

    @cached_property
    def error(self) -> float:
        """The loss of the batch, by the engine."""
        return self.loss_of(self.model)

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """The gradients of the parameters, by the engine."""
        return self.gradients_of(self.model)

    def parameter_path(self, values: nn.Parameter) -> str:
        """The path of a parameter of the model, `layers.0.W`."""
        return next(path for path, p in self.model.named_parameters().items() if p is values)

    def fewer(self, count: int, least: int) -> int:
        """A count of steps or elements, or fewer for a large model, so that an answer takes seconds at most."""
        return fewer(self.model, count, least)

    def loss_of(self, model: nn.Module, X: Array | None = None, y: Array | None = None) -> float:
        """The loss of a model of this kind on rows; on the batch if none are given."""
        with no_grad(), np.errstate(all="ignore"):
            return float(self.loss(model(self.X if X is None else X), self.y if y is None else y).item())

    def gradients_of(self, model: nn.Module, X: Array | None = None, y: Array | None = None) -> dict[str, Array]:
        """The gradients of a model's parameters on rows, by path."""
        parameters = {path: p for path, p in model.named_parameters().items() if p.requires_grad}
        with np.errstate(all="ignore"):
            error = self.loss(model(self.X if X is None else X), self.y if y is None else y)
            return dict(zip(parameters, grad(error, [*parameters.values()]), strict=True))

    def fresh(self, weights: Callable[[int, Array], Array] | None = None) -> nn.Module:
        """The same network with weights that it could have begun with, always the same ones.

        Args:
            weights: makes of the number of a dense layer (from 1 on) and of the W that was drawn for it another one.
        """
        rng = np.random.default_rng(0)
        variance = 2.0 if any("relu" in title_of(layer).lower() for layer in self.layers) else 1.0
        model = copy.deepcopy(self.model)
        number = 0
        for module in model.named_modules().values():
            match module:
                case nn.Dense():
                    number += 1
                    drawn = rng.normal(0.0, np.sqrt(variance / module.n_in), (module.n_in, module.n_out))
                    module.W.data = drawn if weights is None else weights(number, drawn)
                    if module.b is not None:
                        module.b.data = np.zeros(module.n_out)
                case nn.BatchNorm():
                    module.gamma.data, module.beta.data = np.ones(module.n), np.zeros(module.n)
                    module.running_mean.data, module.running_variance.data = np.zeros(module.n), np.ones(module.n)
                case nn.LayerNorm():
                    module.gamma.data, module.beta.data = np.ones(module.n), np.zeros(module.n)
                case nn.PReLU():
                    module.alpha.data = np.full(module.n, 0.25)
        return model

    def trained(self, model: nn.Module, rule: Callable[[nn.Module], Optimizer], steps: int) -> float:
        """The loss of the batch after a model has made steps with all its rows."""
        optimizer = rule(model)
        with np.errstate(all="ignore"):
            for _ in range(steps):
                step(self, model, optimizer)
        return self.loss_of(model)

    def descended(self, model: nn.Module, rate: float, steps: int = 1) -> nn.Module:
        """The model after steps of plain gradient descent."""
        self.trained(model, lambda m: SGD(m, rate), steps)
        return model


def step(
    subject: Subject, model: nn.Module, optimizer: Optimizer, X: Array | None = None, y: Array | None = None
) -> None:
    """One step of an optimizer on rows; on the batch if none are given."""
    optimizer.zero_grad()
    error = subject.loss(model(subject.X if X is None else X), subject.y if y is None else y)
    error.backward()
    optimizer.step()


def fewer(model: nn.Module, count: int, least: int) -> int:
    """A count, in proportion fewer for a model of more than `SMALL` weights."""
    weights = sum(int(p.size) for p in model.parameters())
    return max(least, count * SMALL // max(SMALL, weights))


def losses_of(model: nn.Module, X: Array, y: Array, loss: Loss, at: Array) -> Array:
    """The losses (N,) of the rows at some places of a table; of the others, 0.

    Raises:
        NonFiniteError: an output or a loss is not finite.
        OptionError: outputs that are not (N, m).
        ShapeError, LabelError: outputs and labels that the loss does not take.
    """
    with no_grad(), np.errstate(all="ignore"):
        outputs = as_array(model(X[at]))
        if outputs.ndim != 2:
            raise OptionError(f"defend: the model gives {outputs.shape}; outputs (N, m) are expected")
        loss(outputs, y[at])  # refuses labels that are none, in better words
        each = BY_LOSS[loss].each(outputs, y[at])
    for what, found in (("output", outputs.sum(axis=1)), ("loss", each)):
        if not np.isfinite(found).all():
            row = int(at[np.flatnonzero(~np.isfinite(found))[0]]) + 1
            raise NonFiniteError(f"defend: the model's {what} for row {row} is not finite")
    losses = np.zeros(len(X))
    losses[at] = each
    return losses


def spoken(name: str, longest: int = 24) -> str:
    """A name as it can stand in a sentence, where backticks begin and end formulas."""
    return wording.shown(name, longest).replace("`", "'")


def evenly(count: int, rows: int, wanted: int | None) -> Array:
    """Indices of rows that are spread evenly over a table, the wanted one among them (from 1 on)."""
    chosen = np.arange(min(rows, count)) * count // min(rows, count)
    if wanted is not None and wanted - 1 not in chosen:
        chosen[np.abs(chosen - (wanted - 1)).argmin()] = wanted - 1
    return chosen
