"""Ctrl-C and SIGTERM in a run that shall end at a step: they are noted, and raised when the run is at rest."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tinygrad_mlp.interrupting import Terminated, terminate

PATIENCE = 2.0
"""Seconds for a step to end: after them, a further signal ends the run at once."""
REPLACED = (signal.default_int_handler, signal.SIG_DFL, terminate)
"""What signals do without a program's own handlers."""


class Interruptions:
    """Holds SIGINT and SIGTERM back between `begin` and `end`, in the main thread.

    Attributes:
        received: the signal that came first, or None.

    >>> import signal
    >>> import tinygrad_mlp as tg
    >>> interruptions = tg.training.Interruptions()
    >>> interruptions.begin()
    >>> signal.raise_signal(signal.SIGTERM)  # a step goes on
    >>> interruptions.end()
    >>> interruptions.received == signal.SIGTERM
    True
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._since = 0.0
        self._held = False
        self._before: dict[int, Any] = {}

    def begin(self) -> None:
        """Note signals from now on; those that are ignored, or have handlers of the program's own, are left alone."""
        self.received = None
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) in REPLACED:
                    self._before[number] = signal.signal(number, self._note)

    def end(self) -> None:
        """Let signals do what they did before."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received, self._since = number, time.monotonic()
        elif not self._held and time.monotonic() - self._since > PATIENCE:
            self.check("interrupted")

    def check(self, message: str) -> None:
        """Raise what has been noted: `KeyboardInterrupt`, or for SIGTERM `Terminated`, a `SystemExit`."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt(message)
        if self.received is not None:
            raise Terminated(self.received, message)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is raised inside, however many signals come: a file is being written."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
