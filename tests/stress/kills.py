"""SIGKILL at random times in a run that writes a checkpoint after every step."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stress.figures import Figure
from stress.run import Hashes, hashed, place, train
from tinygrad_mlp.errors import CheckpointError
from tinygrad_mlp.files import read_checkpoint

LONGEST = 0.25
"""Seconds that a process lives."""


def child(path: Path) -> int:
    """Start a process that trains, or goes on to train; its number."""
    if number := os.fork():
        return number
    try:
        train(path)
        os._exit(0)
    except BaseException:  # whatever it is: the parent sees the exit code
        os._exit(1)


def figures(short: bool, seed: int) -> Iterator[Figure]:
    kills, rng = 20 if short else 500, random.Random(seed)
    reference = Hashes()
    expected = train(None, reference)
    killed = unreadable = mixed = failed = strays = finished = different = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        while killed < kills:
            number = child(path)
            time.sleep(rng.uniform(0.0, LONGEST))
            os.kill(number, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
            killed += status == -signal.SIGKILL
            failed += status == 1
            strays = max(strays, len([p for p in path.parent.iterdir() if p != path]))
            if not path.exists():  # killed before the first one was whole
                continue
            try:
                run = read_checkpoint(path)["run"]
            except CheckpointError:
                unreadable += 1
                continue
            mixed += hashed(run) != reference.found.get(place(run))
            if status == 0 or place(run) == (12, 0):
                finished += 1
                different += train(path) != expected
                path.unlink()
    yield Figure(f"SIGKILL at {killed} random times: unreadable checkpoints", unreadable, 0)
    yield Figure("    checkpoints that are not the run at one place, bit for bit", mixed, 0)
    yield Figure("    most stray files at any time", strays, 1)
    yield Figure("    processes that could not go on", failed, 0)
    yield Figure(f"    of {finished} runs that came to their end, those with other weights", different, 0)
