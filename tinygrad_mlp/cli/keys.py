"""Single key presses, without Enter, where a terminal can tell them; lines elsewhere."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

NEXT, BACK, QUIT = "next", "back", "quit"
MEANINGS = {
    " ": NEXT, "\r": NEXT, "\n": NEXT, "n": NEXT, "l": NEXT, "\x1b[C": NEXT, "\x1bOC": NEXT, "\x1b[B": NEXT,
    "\x1bOB": NEXT, "\xe0M": NEXT, "\xe0P": NEXT, "b": BACK, "p": BACK, "h": BACK, "\x7f": BACK, "\x08": BACK,
    "\x1b[D": BACK, "\x1bOD": BACK, "\x1b[A": BACK, "\x1bOA": BACK, "\xe0K": BACK, "\xe0H": BACK, "q": QUIT,
    "\x1b": QUIT, "\x04": QUIT, "": QUIT,
}  # fmt: skip
"""What a key asks for: blank, Enter and the arrows, letters as in other pagers; no key at all is the end of input."""


@contextmanager
def keyboard() -> Iterator[Callable[[], str]]:
    """A function that waits for a key press and gives NEXT, BACK or QUIT; other keys are passed over.

    The terminal tells each key at once while inside, and is as it was afterwards.
    """
    termios, msvcrt = optional("termios"), optional("msvcrt")
    if termios is not None and sys.stdin.isatty():
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        # Not the default of setcbreak, which throws away what was typed already. Ctrl-C still interrupts.
        importlib.import_module("tty").setcbreak(descriptor, termios.TCSADRAIN)
        keys = typed(lambda: os.read(descriptor, 64).decode(errors="replace"))
        try:
            yield lambda: meaning(lambda: next(keys))
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
    elif msvcrt is not None and sys.stdin.isatty():
        yield lambda: meaning(lambda: windows_key(msvcrt))
    else:
        yield lambda: meaning(lambda: sys.stdin.readline()[:1])


def typed(read: Callable[[], str]) -> Iterator[str]:
    """Single keys out of what a terminal gives, which may be several that were typed ahead; "" at its end."""
    while True:
        yield from re.findall(r"\x1b[\[O].|.", read(), re.DOTALL) or [""]


def meaning(read: Callable[[], str]) -> str:
    """What the first key that means something asks for; an arrow key is several characters."""
    while True:
        key = read()
        if found := MEANINGS.get(key.lower() if len(key) == 1 else key):
            return found


def optional(name: str) -> Any:
    """A module that only some systems have, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def windows_key(msvcrt: Any) -> str:
    """A key of a Windows console; an arrow key is two characters there."""
    key: str = msvcrt.getwch()
    if key == "\x03":
        raise KeyboardInterrupt
    return f"\xe0{msvcrt.getwch()}" if key in "\x00\xe0" else key
