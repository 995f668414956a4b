"""A snapshot of a run: all that it takes to go on from there, bit for bit, with a model and callbacks made alike.

Dicts and lists of texts, numbers and arrays: nothing that could be run. The arrays are copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from tinygrad_mlp.errors import StateError, TinygradMlpError
from tinygrad_mlp.randomness import check_state, generator, set_state, state_of
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training.callbacks import Callback, Epoch, Run
from tinygrad_mlp.training.history import History

KEYS = (
    *("model", "others", "frozen", "optimizer", "generators", "callbacks", "history"),
    *("epoch", "batch", "batch_size", "stop", "under_way"),
)


def snapshot(run: Run) -> dict[str, Any]:
    """All that a run at rest depends on: it can be taken in `Callback.pause`.

    The values and the frozen names of the parameters; the optimizer; the random generators of the shuffling, the layers
    and the package; the states of the callbacks; the history; and the place in the epoch, with the outputs so far, of
    which its metrics are made.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(1, 1, weights="zeros")
    >>> run = tg.training.Run(model, tg.optim.SGD(model), epochs=3, validated=False, history=tg.History())
    >>> tg.training.snapshot(run)["model"]
    {'W': array([[0.]], dtype=float32), 'b': array([0.], dtype=float32)}
    """
    under_way = None
    if epoch := run.under_way:
        outputs = np.concatenate(epoch.outputs) if epoch.outputs else None
        under_way = {"weights": epoch.weights, "order": epoch.order, "total": epoch.total, "outputs": outputs}
    return {
        "model": run.model.state_dict(),
        "others": [p.numpy() for p in others(run)],
        "frozen": [path for path, p in run.model.named_parameters().items() if not p.requires_grad],
        "optimizer": run.optimizer.state_dict(),
        "generators": {name: state_of(rng) for name, rng in generators(run).items()},
        "callbacks": [{"name": type(c).__name__, "state": state} for c, state in stateful(run)],
        "history": {name: np.array(run.history[name]) for name in run.history.names},
        "epoch": run.epoch,
        "batch": run.batch,
        "batch_size": run.batch_size,
        "stop": run.stop,
        "under_way": under_way,
    }


def restore(run: Run, state: Mapping[str, Any]) -> None:
    """Bring a run that has been started where a snapshot was taken; after an error, it is as it was before.

    Raises:
        StateError: the snapshot is of another run: another model, optimizer or other callbacks, another batch size; or
            it is none.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(1, 1, weights="zeros")
    >>> run = tg.training.Run(model, tg.optim.SGD(model), epochs=3, validated=False, history=tg.History())
    >>> before = tg.training.snapshot(run)
    >>> model.W.data = [[5.0]]
    >>> tg.training.restore(run, before)
    >>> model.W.data
    array([[0.]], dtype=float32)
    """
    before = snapshot(run)
    try:
        take_over(run, state)
    except (TinygradMlpError, AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        with suppress(TinygradMlpError):
            take_over(run, before)
        raise StateError(f"the run cannot go on from there: {error}") from error


def take_over(run: Run, state: Mapping[str, Any]) -> None:
    """Put everything that a snapshot has into a run, or fail halfway."""
    if not isinstance(state, Mapping) or state.keys() != set(KEYS):
        raise StateError(f"{state!r:.80}; a snapshot with {', '.join(KEYS)} is expected")
    if state["batch_size"] != run.batch_size:
        raise StateError(f"its batches have {state['batch_size']!r:.40} rows, those of this run {run.batch_size}")
    if state["under_way"] is not None:
        run.model.load_state_dict(state["under_way"]["weights"])  # only to see that they fit
    run.model.load_state_dict(state["model"])
    for path, p in run.model.named_parameters().items():
        p.requires_grad = path not in state["frozen"]
        p.grad = None
    for other, values in zip(others(run), state["others"], strict=True):
        other.data = values
    run.optimizer.load_state_dict(state["optimizer"])
    restore_callbacks(run, state["callbacks"])
    restore_place(run, state)
    restore_generators(run, state["generators"])


def restore_callbacks(run: Run, states: Any) -> None:
    """Give the callbacks that have a state those of the snapshot, in their order."""
    own = [callback for callback, _ in stateful(run)]
    seen, expected = [entry["name"] for entry in states], [type(callback).__name__ for callback in own]
    if seen != expected:
        lists = [", ".join(names) or "none" for names in (seen, expected)]
        raise StateError(f"its callbacks are {lists[0]:.200}, those of this run {lists[1]}")
    for callback, entry in zip(own, states, strict=True):
        callback.load_state_dict(entry["state"])


def restore_place(run: Run, state: Mapping[str, Any]) -> None:
    """Give the run its history and its place in the epochs."""
    columns, epoch, batch = state["history"], state["epoch"], state["batch"]
    history = History()
    for row in zip(*(columns[name].tolist() for name in columns), strict=True):
        history.append(dict(zip(columns, row, strict=True)))
    begun = state["under_way"]
    possible = type(epoch) is int and type(batch) is int and epoch == len(history) + (begun is not None)
    if not possible or not 0 <= batch <= run.batches or (begun is not None and not batch):
        raise StateError(f"epoch {epoch!r:.40}, batch {batch!r:.40}, {len(history)} epochs in the history")
    if epoch > run.epochs:
        raise StateError(f"it is in epoch {epoch}, but this run ends after epoch {run.epochs}")
    if type(state["stop"]) is not bool:
        raise StateError(f"stop is {state['stop']!r:.40}; True or False is expected")
    run.under_way = None
    if begun is not None:
        check_state(state_of(run.rng), begun["order"])
        rows = min(batch * run.batch_size, len(run.data[0]))
        outputs = [] if begun["outputs"] is None else [begun["outputs"]]
        if any(len(piece) != rows for piece in outputs) or type(begun["total"]) is not float:
            raise StateError(f"the epoch that is under way has not the outputs of {rows} rows")
        run.under_way = Epoch(dict(begun["weights"]), dict(begun["order"]), begun["total"], outputs)
    run.history, run.epoch, run.batch, run.stop = history, epoch, batch, state["stop"]


def restore_generators(run: Run, states: Mapping[str, Any]) -> None:
    """Put the random generators where they were."""
    own = generators(run)
    if own.keys() != states.keys():
        raise StateError(f"its random generators are {', '.join(states):.200}, those of this run {', '.join(own)}")
    for name, rng in own.items():
        set_state(rng, states[name])


def generators(run: Run) -> dict[str, np.random.Generator]:
    """The random generators that a run draws from, by name. One may be there under several names."""
    layers = {f"model.{path}": rng for path, rng in run.model.named_generators().items()}
    return {"shuffling": run.rng, "package": generator(), **layers}


def others(run: Run) -> list[Tensor]:
    """The parameters that the optimizer trains and that are not the model's, such as those of a loss."""
    own = set(map(id, run.model.parameters()))
    return [p for p in run.optimizer.parameters if id(p) not in own]


def stateful(run: Run) -> Iterator[tuple[Callback, dict[str, Any]]]:
    """The callbacks that have a state, with it."""
    for callback in run.callbacks:
        if state := callback.state_dict():
            yield callback, state
