"""A long function in parts: what the compiler needs for one function grows with the square of its length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LONG = 400
"""Lines from which on a function is cut: networks of more than a dozen layers."""
PART = 60
"""Lines of a part, about."""
NAME = re.compile(r"\b(?:[acvt]\d+(?:_\w+)?|w_\w+)\b")
"""Arrays, constants, numbers, and the working memory."""
ASSIGNED = re.compile(r"^\s*([acvt]\d+(?:_\w+)?) (?:[+*]?=) ", re.MULTILINE)
INDENT = "    "


def in_parts(decorator: str, lines: Sequence[str], returned: str) -> tuple[str, list[str]]:
    """Functions for the parts of a function's lines, and the lines that call them.

    Args:
        decorator: of the functions.
        lines: indented by 4; each statement at that depth belongs with the deeper lines after it.
        returned: the expression that follows them.

    >>> lines = ["    a1 = a0 + 1", "    for i in range(3):", "        a1[i] = a0[i]", "    v2 = a1[0]"] * 200
    >>> functions, calls = in_parts("@njit", lines, "v2")
    >>> functions.count("def part"), calls[0]
    (14, '    (a1, v2,) = part0(a0)')
    """
    if len(lines) <= LONG:
        return "", list(lines)
    pieces = [*cut(lines)]
    needed = [set(NAME.findall(returned))]
    for piece in reversed(pieces):
        needed.append(needed[-1] | set(NAME.findall("\n".join(piece))))
    functions: list[str] = []
    calls: list[str] = []
    for piece, later in zip(pieces, needed[-2::-1], strict=True):
        text = "\n".join(piece)
        if "return WRONG" in text:  # it leaves the whole function
            calls += piece
            continue
        made = set(ASSIGNED.findall(text))
        results = sorted(made & later)
        arguments = ", ".join(sorted(set(NAME.findall(text)) - made_first(piece, made)))
        given = f"({', '.join(results)},)" if results else "None"
        name = f"part{len(functions)}"
        functions.append(f"{decorator}\ndef {name}({arguments}):\n{text}\n{INDENT}return {given}\n\n\n")
        calls.append(f"{INDENT}{f'{given} = ' if results else ''}{name}({arguments})")
    return "".join(functions), calls


def cut(lines: Sequence[str]) -> Iterator[list[str]]:
    """Whole statements together, about as many lines as a part has; one that leaves the function by itself."""
    part: list[str] = []
    for statement in statements(lines):
        leaves = any("return WRONG" in line for line in statement)
        if part and (leaves or len(part) >= PART):
            yield part
            part = []
        part += statement
        if leaves:
            yield part
            part = []
    if part:
        yield part


def statements(lines: Sequence[str]) -> Iterator[list[str]]:
    """A line at the depth of the function with the deeper ones after it."""
    statement: list[str] = []
    for line in lines:
        if statement and not line.startswith(INDENT * 2):
            yield statement
            statement = []
        statement.append(line)
    if statement:
        yield statement


def made_first(piece: Sequence[str], made: set[str]) -> set[str]:
    """The names that a part sets before it reads them."""
    known: set[str] = set()
    read: set[str] = set()
    for line in piece:
        found = ASSIGNED.match(line)
        value = line[found.end() :] if found else line
        read |= set(NAME.findall(value)) - known
        if found:
            if found[0].rstrip().endswith(("+=", "*=")) and found[1] not in known:
                read.add(found[1])
            known.add(found[1])
    return made - read
