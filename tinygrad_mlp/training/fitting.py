"""Fitting: epochs of mini-batches, each with a forward pass, a backward pass and a step of the optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np

from tinygrad_mlp.compiling import Backend
from tinygrad_mlp.errors import NonFiniteError, OptionError, ShapeError
from tinygrad_mlp.nn import Module, Parameter
from tinygrad_mlp.nn.arguments import at_least_1
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.randomness import generator, set_state, state_of
from tinygrad_mlp.training.callbacks import Callback, Epoch, Run
from tinygrad_mlp.training.clipping import Clipping
from tinygrad_mlp.training.diagnosis import HINT, bad_parameter
from tinygrad_mlp.training.evaluating import Judge, Loss, in_mode, measure
from tinygrad_mlp.training.history import History
from tinygrad_mlp.training.measures import Metric
from tinygrad_mlp.training.rows import Batch, checked_batch, dtype_of
from tinygrad_mlp.training.steps import CompiledSteps, Step, eager_steps, refuse_gradients, step_by_step
from tinygrad_mlp.training.traps import warn_of_first_batch, warn_of_shared_rows


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
    metrics: Sequence[Metric] | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    history: History | None = None,
    compiled: bool | Backend = False,
    guard: bool | float = False,
) -> History:
    """Train a model on mini-batches, shuffled anew for each epoch; the last one is smaller if need be.

    The model is in training mode for the epochs, in evaluation mode for the validation, and afterwards in the mode it
    was in.

    Args:
        model: the network.
        loss: from outputs and labels to the mean over the batch, such as `tg.softmax_cross_entropy`.
        optimizer: made for the model's parameters.
        train: X (N, n_in), cast once to the dtype of the parameters, and y (N, …): class indices (N,), or numbers of
            the outputs' shape. For `tg.mean_squared_error`, `tg.mean_absolute_error` and `tg.huber`, numbers (N,) are
            taken as (N, 1) if such are the outputs.
        valid: the same for validation, after each epoch.
        epochs: how often to go through the training rows, at least 1; with a `history`, how often more.
        batch_size: rows in a batch, at least 1.
        rng: a generator or a seed for the shuffling; the package's own (`tg.seed`) if None.
        callbacks: called between the epochs and around each step, in this order.
        metrics: names, such as "macro_f1", "roc_auc" or "rmse", or functions: those of `tg.metrics`, or your own, from
            targets (N, …) and outputs (N, …) as they are to one number. None: the accuracy for class indices, R² and
            the mean absolute error for the three losses above, else nothing.
        clip_norm: before each step, the gradients of all the optimizer's parameters together are scaled to at most this
            norm: see `optim.clip_gradients`.
        clip_value: each element of a gradient is held between −clip_value and clip_value, first if both are given.
        history: of the run that this one continues: epochs are counted on from it, and what is returned begins with a
            copy of it. Two calls with 10 epochs each are one with 20, bit for bit, if the second gets the same model,
            optimizer (it has its moments and counts its steps), `Scheduled` (its schedule knows its place), and a
            generator as `rng`, which goes on (a seed shuffles as in the first call). An `EarlyStopping` goes on:
            at the end of the first call it has put the best weights back, unless `restore_best=False`.
        compiled: make the steps with `tg.compile_step`, several times as fast on small networks: True, or the name of a
            backend, "numpy" or "numba". The results are the same but for rounding; gradients are nowhere to be seen,
            so callbacks that look at them are refused.
        guard: with `compiled`, make each step eagerly too and compare: see `tg.compile_step`.

    Returns:
        The history: `loss` and the metrics of the epoch's batches (so from weights that were still changing, with
        dropout on), and `val_loss` and `val_…` from its last weights.

    Raises:
        OptionError: epochs or batch_size below 1; a limit that is not above 0; an optimizer that trains none of the
            model's parameters, or frozen ones only; a metric that is unknown or does not suit the outputs and targets;
            a callback that looks at gradients, with `compiled`;
            or `guard` without it.
        TraceError: with `compiled`, a model or a loss that cannot be compiled.
        GuardError: with `guard`, a compiled step that is not the eager one.
        DataError: numbers of an epoch that do not go with the history.
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

    Numbers are learnt alike:

    >>> line = nn.Dense(1, 1, rng=0)
    >>> data = [[0], [1], [2]], [1.0, 3.0, 5.0]
    >>> history = tg.fit(line, tg.mean_squared_error, optim.SGD(line, 0.2), data, epochs=60, rng=1)
    >>> history.names, round(history["r2"][-1], 3)
    (['loss', 'r2', 'mae'], 1.0)
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
    own = [p for p in parameters.values() if id(p) in trained]
    if not own:
        raise OptionError("the optimizer has none of the model's parameters: make it for this model")
    if not any(p.requires_grad for p in own):
        raise OptionError("the model's parameters that the optimizer has are all frozen: unfreeze() what is to learn")
    clipping = [] if clip_norm is None and clip_value is None else [Clipping(clip_norm, clip_value)]
    around_steps = [*callbacks, *clipping]
    judge = Judge.of(loss, metrics)
    y = judge.targets(model, X, y)
    if held_out:
        held_out = held_out[0], judge.targets(model, *held_out)
    rng = generator(rng)
    history = continued(history, validated=held_out is not None)
    first = len(history) + 1
    look = partial(warn_of_first_batch, train=(X, y), valid=held_out)
    if held_out:
        warn_of_shared_rows((X, y), held_out)
    run = Run(model, optimizer, first + epochs - 1, held_out is not None, history, epoch=first - 1)
    run.batches, run.batch_size = -(-len(X) // batch_size), batch_size
    run.rng, run.callbacks, run.data = rng, callbacks, (X, y, *(held_out or ()))
    if compiled:
        refuse_gradients(callbacks)
    elif guard:
        raise OptionError(f"guard is {guard!r}, but guard compares compiled steps: with compiled=True")
    started: list[Callback] = []
    try:
        with in_mode(model, training=True):
            for callback in callbacks:
                callback.start(run)
                started.append(callback)
            for callback in callbacks:
                callback.pause(run)
            step: Step
            gone_on = bool(run.under_way or run.epoch >= first)  # from a checkpoint
            if compiled:
                backend: Backend = "auto" if compiled is True else compiled
                step = CompiledSteps(run, judge, clip_norm, clip_value, backend, guard)
            else:
                step = eager_steps(run, judge, parameters, around_steps, None if gone_on else look)
            while not run.stop and (run.under_way or run.epoch < run.epochs):
                numbers = train_epoch(run, judge, X, y, parameters, callbacks, step)
                if held_out:
                    numbers |= {f"val_{name}": number for name, number in measure(model, judge, *held_out).items()}
                for callback in callbacks:
                    numbers |= columns(callback, run, numbers)
                run.history.append(numbers)
                run.under_way = None
                for callback in callbacks:
                    callback.epoch(run)
                for callback in callbacks:
                    callback.pause(run)
    finally:
        with ExitStack() as ends:  # each of them is called, though one may fail
            for callback in reversed(started):
                ends.callback(callback.end, run)
    return run.history


def train_epoch(
    run: Run,
    judge: Judge,
    X: np.ndarray,
    y: np.ndarray,
    parameters: Mapping[str, Parameter],
    callbacks: Sequence[Callback],
    step: Step,
) -> dict[str, float]:
    """One epoch, or what is left of the one that is under way; its loss and metrics."""
    done, order = (run.batch, resumed(run, len(X))) if run.under_way else (0, begun(run, len(X), parameters))
    epoch = run.under_way
    assert epoch is not None
    starts = range(0, len(X), run.batch_size)
    # An overflow ends in an error that says where it came from; NumPy's warning beside it would not.
    with restored_if_not_finite(run), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if isinstance(step, CompiledSteps) and not done and not step_by_step(callbacks):
            numbers, z = step.epoch(X, y, order)
            epoch.outputs.append(z)
            for start, number in zip(starts, numbers, strict=True):
                epoch.total += number * min(run.batch_size, len(X) - start)
        else:
            for start in starts[done:]:
                rows = order[start : start + run.batch_size]
                run.batch += 1
                number, z = step(X.take(rows, axis=0), y.take(rows, axis=0))
                for callback in callbacks:
                    callback.step(run)
                epoch.total += number * len(rows)
                epoch.outputs.append(z)
                for callback in callbacks:
                    callback.pause(run)
        if bad := bad_parameter(parameters):
            raise NonFiniteError(f"epoch {run.epoch}, after its last batch: {bad}; {HINT}")
    return {"loss": epoch.total / len(X), **judge.scores(epoch.outputs, [y.take(order, axis=0)])}


def begun(run: Run, rows: int, parameters: Mapping[str, Parameter]) -> np.ndarray:
    """Begin an epoch: the order of its rows."""
    run.epoch, run.batch = run.epoch + 1, 0
    weights = {name: p.numpy() for name, p in parameters.items()}
    run.under_way = Epoch(weights, state_of(run.rng), 0.0, [])
    return run.rng.permutation(rows)


def resumed(run: Run, rows: int) -> np.ndarray:
    """The order in which the epoch that is under way was begun; the generator stays."""
    assert run.under_way is not None
    now = state_of(run.rng)
    try:
        set_state(run.rng, run.under_way.order)
        return run.rng.permutation(rows)
    finally:
        set_state(run.rng, now)


@contextmanager
def restored_if_not_finite(run: Run) -> Iterator[None]:
    """After a `NonFiniteError` the model has the weights that the epoch began with."""
    try:
        yield
    except NonFiniteError:
        assert run.under_way is not None
        run.model.load_state_dict(run.under_way.weights)
        raise


def continued(history: History | None, validated: bool) -> History:
    """The history to go on with: a new one, or a copy. Raises `OptionError` for one with other validation columns."""
    if history is None:
        return History()
    if not isinstance(history, History):
        raise OptionError(f"the history is {history!r:.80}; the History that an earlier fit returned is expected")
    if len(history) and any(name.startswith("val_") for name in history.names) != validated:
        has, seen = ("", "no validation data") if not validated else ("no ", "validation data")
        raise OptionError(f"the history has {has}columns val_…, but fit has {seen}: continue it as it was begun")
    return history.copy()


def columns(callback: Callback, run: Run, others: Mapping[str, float]) -> Mapping[str, float]:
    """What a callback adds to the numbers of an epoch. Raises `OptionError` for a column that is there already."""
    added = callback.numbers(run)
    if twice := sorted(added.keys() & others.keys()):
        raise OptionError(f"{type(callback).__name__} adds the column {twice[0]}, which this run has already")
    return added
