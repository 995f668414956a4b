"""Ctrl-C and SIGTERM: how they end a program.

While the command is still being imported they end it at once, with one line instead of a traceback. Importing this
module is enough for that, until `main` takes over; in any program that is not the command it does nothing. What it
cannot reach is Python's own start, before the first line of the package.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
"""The exit code of a program that Ctrl-C ended: 130."""


class Terminated(SystemExit):
    """SIGTERM came: it ends the program with exit code 143, unless it is caught.

    Args:
        number: of the signal.
        message: what was going on.
    """

    def __init__(self, number: int = signal.SIGTERM, message: str = "terminated") -> None:
        super().__init__(128 + number)
        self.message = message


def is_command() -> bool:
    """Whether this process is `tinygrad-mlp` or `python -m tinygrad_mlp`."""
    script = sys.argv[0].replace("\\", "/").rpartition("/")[2].removesuffix(".exe") if sys.argv else ""
    return script == "tinygrad-mlp" or ("-m", "tinygrad_mlp") in zip(sys.orig_argv, sys.orig_argv[1:], strict=False)


def leave(number: int, _: object) -> None:
    """End the process as the handler of a signal: nothing has been begun that would have to be ended."""
    os.write(2, b"tinygrad-mlp: " + (b"interrupted\n" if number == signal.SIGINT else b"terminated\n"))
    os._exit(128 + number)


def terminate(number: int, _: object) -> None:
    """Raise `Terminated` as the handler of a signal."""
    raise Terminated(number)


DEFAULTS: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""What the signals do if nobody has said otherwise."""


def guard() -> None:
    """Let Ctrl-C and SIGTERM end the command from now on, unless they are ignored, or this is no command."""
    if is_command():
        for number, default in DEFAULTS.items():
            if signal.getsignal(number) is default:
                signal.signal(number, leave)


@contextmanager
def raising() -> Iterator[None]:
    """Inside, Ctrl-C raises `KeyboardInterrupt` again, and SIGTERM `Terminated`.

    Afterwards they do what they did before. A command that has been guarded ends then, and they are ignored: a signal
    while Python takes itself down would still change the exit code.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number, default in DEFAULTS.items():
            if signal.getsignal(number) in (leave, default):
                handler = terminate if number == signal.SIGTERM else default
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if handler is leave else handler)


guard()
