"""Spelling: names that may be written in several ways, and for a misspelt one, what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def instead(word: str, known: Iterable[str], listed: bool = True) -> str:
    """`did you mean …?` if a known word is near; else all of them, or nothing if they are not to be `listed`.

    >>> instead("acuracy", ["accuracy", "f1"])
    'did you mean accuracy?'
    """
    known = list(known)
    folded = {plain(name): name for name in known}
    near = [name for name in folded if len(plain(word)) > 1 and name.startswith(plain(word))]
    near += difflib.get_close_matches(plain(word), folded, n=1)
    if near:
        return f"did you mean {folded[near[0]]}?"
    return f"expected {', '.join(known)}" if listed else ""


def plain(name: str) -> str:
    """A name without what may be written in several ways: case, dashes, underscores and blanks."""
    return re.sub(r"[-_ ]", "", name).casefold()
