"""Checkpoints: a training run on the disk, so that nothing is lost if it is interrupted, and it goes on bit for bit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from tinygrad_mlp.atomic import atomic_write, remove_abandoned
from tinygrad_mlp.errors import CheckpointError, StateError
from tinygrad_mlp.files.safetensors_bytes import check_checksum, pack, read_bytes, unpack
from tinygrad_mlp.files.strict_json import read_json
from tinygrad_mlp.files.telling import telling
from tinygrad_mlp.files.trees import put_together, taken_apart
from tinygrad_mlp.nn.arguments import at_least_1
from tinygrad_mlp.training import Callback, Interruptions, Run, restore, snapshot

FORMAT, VERSION = "tinygrad_mlp checkpoint", "1"
KEYS = ("run", "data", "facts", "finished")


class Checkpoint(Callback):
    """Keeps a run in a file, from which it goes on bit for bit, also from the middle of an epoch.

    The file has the weights, the optimizer's moments and counts, the states of the callbacks (a schedule, early
    stopping with its best weights), the random generators, the history and the place in the epoch. It is replaced
    when the next one is whole and on the disk, has a checksum, and holds nothing that could be run. The first one is
    written before the first step, so that a place that cannot be written to is told at once.

    Ctrl-C and SIGTERM let the run end after the step in hand, with a checkpoint of it. `KeyboardInterrupt`, or for
    SIGTERM `SystemExit(143)`, is raised then. (In the main thread, and unless the program has handlers of its own.)

    To resume, a program makes everything again as it was made (model, optimizer, callbacks, data, batch size), and
    calls `fit` with the same arguments. What is not known to the run (random numbers of your own, callbacks without
    `state_dict`) begins anew.

    Args:
        path: the file.
        every: how many epochs lie between two checkpoints.
        steps: how many steps lie between two within an epoch; None: there are none within.
        resume: go on from the file if there is one. Otherwise it is replaced.
        facts: what else the run depends on, for the file (what JSON can hold). Resumed with others, it is refused.

    Raises:
        OptionError: every or steps below 1.
        CheckpointError: in `fit`, a file that cannot be written or read, is no whole checkpoint, or is one of another
            run: other data, another model, optimizer or batch size, other callbacks or facts.

    >>> import tempfile
    >>> import tinygrad_mlp as tg
    >>> data = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> def train(path, epochs):
    ...     model = tg.nn.Dense(2, 2, rng=0)
    ...     how = {"callbacks": [tg.Checkpoint(path, resume=True)], "rng": 1}
    ...     history = tg.fit(model, tg.softmax_cross_entropy, tg.optim.Adam(model), data, epochs=epochs, **how)
    ...     return history["loss"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first, all = train(f"{folder}/run", 3), train(f"{folder}/run", 5)
    ...     at_once = train(f"{folder}/other", 5)
    >>> len(first), all == at_once
    (3, True)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        *,
        steps: int | None = None,
        resume: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.every = at_least_1("Checkpoint: every", every)
        self.steps = None if steps is None else at_least_1("Checkpoint: steps", steps)
        self.resume = bool(resume)
        self.facts = dict(facts or {})
        self._interruptions = Interruptions()
        self._data = ""
        self._saved: tuple[int, int] | None = None
        self._found: Mapping[str, Any] | None = None

    def start(self, run: Run) -> None:
        """Look for a run to go on with, and hold signals back until a step is over."""
        remove_abandoned(self.path)
        self._data, self._saved, self._found = fingerprint(run.data), None, None
        if self.resume and os.path.lexists(self.path):
            found = read_checkpoint(self.path)
            with telling(self.path, "the run cannot be resumed", CheckpointError):
                self._check(found)
            self._found = found["run"]
        self._interruptions.begin()

    def _check(self, found: Mapping[str, Any]) -> None:
        """Refuse a checkpoint of other data or facts."""
        for name in dict.fromkeys([*found["facts"], *self.facts]):
            old, new = (json.loads(json.dumps(facts.get(name))) for facts in (found["facts"], self.facts))
            if old != new:
                raise StateError(f"it has {name} {old!r:.80}, this run {new!r:.80}: a run goes on as it was begun")
        if found["data"] != self._data:
            raise StateError("its rows are other ones than those of this run")

    def pause(self, run: Run) -> None:
        """Before the first step, go on from the file; else write it if it is time, or if the run is to end here."""
        if self._found is not None:
            with telling(self.path, "the run cannot be resumed", CheckpointError):
                restore(run, self._found)
            self._found, self._saved = None, place_of(run)
        place = place_of(run)
        received = self._interruptions.received
        if self._saved != place and (received or self._is_due(run)):
            with self._interruptions.held():
                self.save(run)
            self._saved = place
        where = run.place if run.under_way else f"epoch {run.epoch}" if run.epoch else "nothing"
        self._interruptions.check(f"interrupted after {where}")

    def _is_due(self, run: Run) -> bool:
        if self._saved is None:
            return True
        if run.under_way:
            return self.steps is not None and ((run.epoch - 1) * run.batches + run.batch) % self.steps == 0
        return run.epoch % self.every == 0 or is_finished(run)

    def save(self, run: Run) -> None:
        """Write the file, whole or not at all. Raises `CheckpointError` if that cannot be done."""
        tree = {"run": snapshot(run), "data": self._data, "facts": self.facts, "finished": is_finished(run)}
        with telling(self.path, "the checkpoint cannot be written", CheckpointError):
            atomic_write(self.path, to_bytes(tree))

    def end(self, run: Run) -> None:
        """Let signals do again what they did before."""
        self._interruptions.end()


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint holds: the snapshot of a `run`, a fingerprint of its `data`, `facts`, whether it is `finished`.

    Raises:
        CheckpointError: the file cannot be read, or is not a whole checkpoint of this version.

    >>> import tempfile
    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(1, 1, rng=0)
    >>> sgd, data = tg.optim.SGD(model), ([[0.0], [1.0]], [1.0, 3.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/run.checkpoint"
    ...     _ = tg.fit(model, tg.mean_squared_error, sgd, data, epochs=3, callbacks=[tg.Checkpoint(path)])
    ...     found = tg.files.read_checkpoint(path)
    >>> found["finished"], found["run"]["epoch"], len(found["run"]["history"]["loss"])
    (True, 3, 3)
    """
    with telling(path, "the checkpoint cannot be read", CheckpointError):
        return from_bytes(read_bytes(path))


def to_bytes(tree: Mapping[str, Any]) -> bytes:
    """The content of a checkpoint."""
    plain, arrays = taken_apart(tree)
    return pack(arrays, {"format": FORMAT, "version": VERSION, "state": json.dumps(plain, allow_nan=False)})


def from_bytes(content: bytes) -> dict[str, Any]:
    """What `to_bytes` made the content of."""
    arrays, metadata = unpack(content)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"a safetensors file of format {metadata.get('format')!r:.80}; {FORMAT!r} is expected")
    if metadata.get("version") != VERSION:
        raise CheckpointError(f"version {metadata.get('version')!r:.80} of the format; this program reads {VERSION!r}")
    check_checksum(metadata)
    tree = put_together(read_json(metadata.get("state", "null")), arrays)
    if not isinstance(tree, dict) or tree.keys() != set(KEYS) or not isinstance(tree["facts"], dict):
        raise CheckpointError(f"its state is {tree!r:.80}; {', '.join(KEYS)} are expected")
    return tree


def place_of(run: Run) -> tuple[int, int]:
    """The epoch that is under way or has ended, and its batches so far, or 0 after its end."""
    return run.epoch, run.batch if run.under_way else 0


def is_finished(run: Run) -> bool:
    """Whether nothing of a run is left to do."""
    return not run.under_way and (run.stop or run.epoch >= run.epochs)


def fingerprint(data: tuple[np.ndarray, ...]) -> str:
    """A text that other rows, or the same ones in another order, do not have."""
    digest = sha256()
    for array in data:
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
