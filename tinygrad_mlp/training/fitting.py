"""Fitting: epochs of mini-batches, each with a forward pass, a backward pass and a step of the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_mlp.data import batches
from tinygrad_mlp.errors import DtypeError, NonFiniteError, OptionError, ShapeError
from tinygrad_mlp.nn import Module, Parameter
from tinygrad_mlp.nn.arguments import at_least_1
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.randomness import generator
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training.callbacks import Callback, Run
from tinygrad_mlp.training.diagnosis import bad_parameter, origin
from tinygrad_mlp.training.evaluating import Loss, class_metrics, in_mode, measure, number_of
from tinygrad_mlp.training.history import History
from tinygrad_mlp.training.rows import Batch, checked_batch, dtype_of

HINT = "a smaller learning rate often helps"


def fit(
    model: Module,
    loss: Loss,
    optimizer: Optimizer,
    train: Batch,
    valid: Batch | None = None,
    *,
    epochs: int,
    batch_size: int = 32,
    rng: np.random.Generator | int | None = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train a model on mini-batches, shuffled anew for each epoch; the last one is smaller if need be.

    The model is in training mode for the epochs, in evaluation mode for the validation, and afterwards in the mode it
    was in.

    Args:
        model: the network.
        loss: from outputs and labels to the mean over the batch, such as `tg.softmax_cross_entropy`.
        optimizer: made for the model's parameters.
        train: X (N, n_in), cast once to the dtype of the parameters, and y (N, …).
        valid: the same for validation, after each epoch.
        epochs: how often to go through the training rows, at least 1.
        batch_size: rows in a batch, at least 1.
        rng: a generator or a seed for the shuffling; the package's own (`tg.seed`) if None.
        callbacks: called between the epochs, in this order.

    Returns:
        The history: `loss` and, for class indices, `accuracy`, which are means over the batches of the epoch (so from
        weights that were still changing, with dropout on), and `val_loss` and `val_accuracy` from its last weights.

    Raises:
        OptionError: epochs or batch_size below 1, or an optimizer that trains none of the model's parameters.
        ShapeError, DtypeError: data that are not such a pair, have no rows, or differ in columns.
        NonFiniteError: NaN or infinity in the data; or in the loss or a parameter during training, then the message
            names epoch, batch, and the parameter or the operation where it came from, and the model has the weights
            that this epoch began with, or those that an `EarlyStopping` kept.

    >>> import tinygrad_mlp as tg
    >>> from tinygrad_mlp import nn, optim
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]  # exclusive or
    >>> model = nn.Dense(2, 8, rng=0) >> nn.Tanh() >> nn.Dense(8, 2, rng=1)
    >>> history = tg.fit(
    ...     model, tg.softmax_cross_entropy, optim.Adam(model, 0.1), (X, y), epochs=50, batch_size=2, rng=2
    ... )
    >>> history.names, history["accuracy"][-1]
    (['loss', 'accuracy'], 1.0)
    >>> tg.predict(model, X).argmax(axis=1)
    array([0, 1, 1, 0])
    """
    dtype = dtype_of(model)
    epochs, batch_size = at_least_1("epochs", epochs), at_least_1("batch_size", batch_size)
    X, y = checked_batch("training data", train, dtype)
    held_out = None if valid is None else checked_batch("validation data", valid, dtype)
    if held_out and held_out[0].shape[1:] != X.shape[1:]:
        raise ShapeError(f"training data X {X.shape}, validation data X {held_out[0].shape}: as many columns expected")
    parameters = model.named_parameters()
    if not isinstance(optimizer, Optimizer):
        raise OptionError(f"the optimizer is {optimizer!r}; an Optimizer is expected, such as optim.Adam(model)")
    trained = set(map(id, optimizer.parameters))
    if not any(id(p) in trained for p in parameters.values()):
        raise OptionError("the optimizer has none of the model's parameters: make it for this model")
    rng = generator(rng)
    run = Run(model, optimizer, epochs, validated=held_out is not None, history=History())
    run.batches = -(-len(X) // batch_size)
    after_batch = [callback.batch for callback in callbacks if type(callback).batch is not Callback.batch]
    started: list[Callback] = []
    try:
        with in_mode(model, training=True):
            for callback in callbacks:
                callback.start(run)
                started.append(callback)
            for run.epoch in range(1, epochs + 1):
                before = model.state_dict()
                try:
                    numbers = train_epoch(run, loss, X, y, batch_size, rng, parameters, after_batch)
                except NonFiniteError:
                    model.load_state_dict(before)
                    raise
                if held_out:
                    numbers |= {f"val_{name}": number for name, number in measure(model, loss, *held_out).items()}
                run.history.append(numbers)
                for callback in callbacks:
                    callback.epoch(run)
                if run.stop:
                    break
    finally:
        with ExitStack() as ends:  # each of them is called, though one may fail
            for callback in reversed(started):
                ends.callback(callback.end, run)
    return run.history


def train_epoch(
    run: Run,
    loss: Loss,
    X: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    rng: np.random.Generator,
    parameters: Mapping[str, Parameter],
    after_batch: Sequence[Callable[[Run], None]] = (),
) -> dict[str, float]:
    """One epoch; its loss and metrics."""
    model, optimizer = run.model, run.optimizer
    total = 0.0
    outputs: list[Any] = []
    labels: list[np.ndarray] = []
    # An overflow ends in an error that says where it came from; NumPy's warning beside it would not.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for xb, yb in batches(X, y, batch_size, rng=rng):
            optimizer.zero_grad()
            z = model(xb)
            value: Any = loss(z, yb)  # whatever a user's function gives
            if not isinstance(value, Tensor):
                kind = type(value).__name__
                raise DtypeError(f"the loss is a {kind}; a Tensor is expected, made from the outputs by operations")
            number = number_of(value)
            if not isfinite(number):
                where = f"epoch {run.epoch}, batch {len(outputs) + 1}"
                raise NonFiniteError(f"{where}: the loss is {number}: {origin(value, parameters)}; {HINT}")
            value.backward()
            optimizer.step()
            total += number * len(xb)
            outputs.append(getattr(z, "_data", z))
            labels.append(yb)
            run.batch = len(outputs)
            for call in after_batch:
                call(run)
    if bad := bad_parameter(parameters):
        raise NonFiniteError(f"epoch {run.epoch}, after its last batch: {bad}; {HINT}")
    return {"loss": total / len(X), **class_metrics(outputs, labels)}
