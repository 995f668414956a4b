"""Checkpoints on the command line: `--checkpoint FILE` keeps a run, `--resume FILE` goes on with it."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinygrad_mlp.cli.parser import UsageError, spelled
from tinygrad_mlp.cli.paths import check_inputs
from tinygrad_mlp.cli.values import whole
from tinygrad_mlp.errors import CheckpointError
from tinygrad_mlp.files import Checkpoint, read_checkpoint
from tinygrad_mlp.interrupting import Terminated
from tinygrad_mlp.training import Callback, Run

BY_EPOCHS = ("step", "exponential", "cosine")
"""Schedules that depend on how many epochs there are."""
OWN = ("--checkpoint", "--resume")
"""The options that say which file it is."""


def add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """`--checkpoint`, `--resume` and `--checkpoint-steps`."""
    group = parser.add_argument_group("interruptions")
    which = group.add_mutually_exclusive_group()
    kept = "keep the run in a file, after each epoch and when it is interrupted"
    which.add_argument("--checkpoint", type=Path, metavar="FILE", help=kept)
    resumed = "go on with a run that was kept, to the same bytes; all other options are those of the run"
    which.add_argument("--resume", type=Path, metavar="FILE", help=resumed)
    within = "keep it after every N steps too, for epochs that take long"
    group.add_argument("--checkpoint-steps", type=whole(1), metavar="N", help=within)


def settle_checkpoint(arguments: argparse.Namespace) -> None:
    """Look at the file: one to resume gives the seed; one that has an unfinished run is not replaced.

    Raises:
        UsageError, CheckpointError: it cannot be resumed or replaced.
    """
    path: Path | None = arguments.checkpoint
    if arguments.checkpoint_steps and not (path or arguments.resume):
        raise UsageError("--checkpoint-steps needs --checkpoint FILE: that is what is written")
    if arguments.resume:
        check_inputs([arguments.resume])
        seed = read_checkpoint(arguments.resume)["facts"].get("seed")
        if arguments.seed is None and type(seed) is int and seed >= 0:
            arguments.seed = seed
    elif path and path.exists():
        try:
            finished = read_checkpoint(path)["finished"]
        except CheckpointError as error:
            raise UsageError(f"--checkpoint {path} is another file, which stays as it is ({error})") from error
        if not finished:
            seen = f"--checkpoint {path} has a run that is not finished"
            raise UsageError(f"{seen}: go on with --resume {path}, or remove the file")


def checkpoint_callbacks(arguments: argparse.Namespace, settings: Mapping[str, Any]) -> list[Callback]:
    """What keeps the run, and says where it goes on; nothing if that is not asked for."""
    path = arguments.resume or arguments.checkpoint
    if path is None:
        return []
    facts = {**settings, **({"epochs": arguments.epochs} if arguments.schedule in BY_EPOCHS else {})}
    resume = arguments.resume is not None
    kept = Checkpoint(path, steps=arguments.checkpoint_steps, resume=resume, facts=facts)
    return [kept, *([ResumedLine(path)] if resume else [])]


class ResumedLine(Callback):
    """Says where a run goes on, before its first step."""

    def __init__(self, path: Path) -> None:
        self._path: Path | None = path

    def pause(self, run: Run) -> None:
        """Print the line."""
        if self._path is not None:
            where = run.place if run.under_way else f"epoch {run.epoch}" if run.epoch else "nothing"
            print(f"resumed from {self._path}, after {where}", flush=True)
            self._path = None


@contextmanager
def saying_how_to_go_on(arguments: argparse.Namespace, program: Sequence[str]) -> Iterator[None]:
    """Let the message of an interruption end with the command that goes on, if the run is kept.

    Args:
        arguments: of the command.
        program: what starts it.
    """
    path = arguments.resume or arguments.checkpoint
    try:
        yield
    except (KeyboardInterrupt, Terminated) as error:
        if path is None or not os.path.lexists(path):
            raise
        words = [*program, "train", *without_options(arguments.words, OWN)]
        how = f"to go on: {shlex.join([*words, '--resume', str(path)])}"
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(f"{error or 'interrupted'}; {how}") from error
        error.message += f"; {how}"
        raise


def without_options(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """Words without these options and their values."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, _ = spelled(word).partition("=")
        if name not in names:
            kept.append(word)
        elif not equals:
            next(rest, None)
    return kept
