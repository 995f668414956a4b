"""Ctrl-C while the command is still being imported: it ends at once, with one line instead of a traceback.

Importing this module is enough, until `main` takes over with `unguard`; in any program that is not the command it does
nothing. What it cannot reach is Python's own start, before the first line of the package.
"""

import os
import signal
import sys

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""


def is_command() -> bool:
    """Whether this process is `tinygrad-mlp` or `python -m tinygrad_mlp`."""
    script = sys.argv[0].replace("\\", "/").rpartition("/")[2].removesuffix(".exe") if sys.argv else ""
    return script == "tinygrad-mlp" or ("-m", "tinygrad_mlp") in zip(sys.orig_argv, sys.orig_argv[1:], strict=False)


def leave(*_: object) -> None:
    """End the process as the handler of a signal: nothing has been begun that would have to be ended."""
    os.write(2, b"tinygrad-mlp: interrupted\n")
    os._exit(INTERRUPTED)


def guard() -> None:
    """Let Ctrl-C end the command from now on, unless it is ignored, or this is no command."""
    if is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)


def unguard() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


guard()
