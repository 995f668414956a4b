"""A disk that is full after so many bytes, and files that end after so many."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import tinygrad_mlp as tg
from stress.figures import Figure
from stress.run import train
from tinygrad_mlp.errors import CheckpointError, ModelFileError
from tinygrad_mlp.files import TrainedModel, read_checkpoint


def fails_cleanly(path: Path, limit: int) -> bool:
    """Whether a run that cannot write more than so many bytes into a file ends with the one error."""
    if number := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 3
    try:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that the call fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        train(path)
        os._exit(0)
    except CheckpointError as error:
        os._exit(3 if str(error).startswith(f"{path}: the checkpoint cannot be written: ") else 4)
    except BaseException:  # whatever it is: the parent sees the exit code
        os._exit(5)


def accepted(path: Path, content: bytes, every: int) -> tuple[int, int]:
    """Of the beginnings of a file, how many there are and how many were read without the one error."""
    ends, good = range(0, len(content), every), 0
    for end in ends:
        path.write_bytes(content[:end])
        try:
            (TrainedModel.load if path.name == "model" else read_checkpoint)(path)
            good += 1
        except (ModelFileError, CheckpointError):
            pass
    return len(ends), good


def figures(short: bool, seed: int) -> Iterator[Figure]:
    offsets = 5 if short else 50
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        train(path, width=4)
        whole = path.read_bytes()  # a finished run: the next one makes a larger file
        train(Path(folder) / "larger")
        size = (Path(folder) / "larger").stat().st_size
        (Path(folder) / "larger").unlink()
        intact = strays = failed = 0
        for limit in np.linspace(0, size // 2, offsets).astype(int).tolist():
            first = Path(folder) / "first"
            failed += fails_cleanly(first, limit)
            strays += first.exists()
            strays += len([p for p in Path(folder).iterdir() if p != path])
        # A checkpoint that is there is replaced by a larger one, or not at all.
        for limit in np.linspace(0, len(whole) - 1, offsets).astype(int).tolist():
            failed += replaced_by_nothing(path, limit)
            intact += path.read_bytes() == whole
            strays += len([p for p in Path(folder).iterdir() if p != path])
        yield Figure(
            f"disk full at {offsets} offsets, without and with an old file: one clear error", failed, 2 * offsets, True
        )
        yield Figure("    the old file is intact", intact, offsets, True)
        yield Figure("    strays, and files that are not whole", strays, 0)
        every = 97 if short else 1
        checkpoints, good = accepted(Path(folder) / "part", whole, every)
        model = tg.nn.Dense(2, 3, rng=1) >> tg.nn.BatchNorm(3) >> tg.nn.ReLU() >> tg.nn.Dense(3, 2, rng=2)
        tg.save(model, Path(folder) / "model", classes=["a", "b"])
        models, more = accepted(Path(folder) / "model", (Path(folder) / "model").read_bytes(), every)
        yield Figure(f"files cut off after each of {checkpoints + models:,} lengths: accepted", good + more, 0)


def replaced_by_nothing(path: Path, limit: int) -> bool:
    """Whether a new run that shall replace a checkpoint cannot, and says so."""
    if number := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 3
    try:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        model = tg.nn.Dense(3, 64, rng=0) >> tg.nn.Dense(64, 64, rng=0) >> tg.nn.Dense(64, 2, rng=0)
        data = np.eye(3), np.array([0, 1, 0])
        kept = tg.Checkpoint(path)
        tg.fit(model, tg.softmax_cross_entropy, tg.optim.Adam(model), data, epochs=1, rng=0, callbacks=[kept])
        os._exit(0)
    except CheckpointError:
        os._exit(3)
    except BaseException:  # whatever it is: the parent sees the exit code
        os._exit(5)
