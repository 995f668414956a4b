"""Hostile CSV files: each is read as a plain reader of a few lines reads it, or refused with its place."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from data.test_bad_files import CASES

from stress import guarded
from stress.figures import Figure
from tinygrad_mlp.data import Table, read_csv
from tinygrad_mlp.errors import DataError

NUMBERS = ("0", "1", "-2.5", "1e3", ".5", "5.", "+7", "-0", "1e-400", "123456789012345678901", " 4 ", '"6"')
CELLS = (
    *(
        "1_000",
        "٣",
        "１２",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1e400",
        "-1e999",
        "0x10",
        "1,5",
        "1 2",
        "−5",
        "1e",
        "e5",
        "--1",
    ),
    *(
        "",
        " ",
        '""',
        '"',
        "'1'",
        "\0",
        "a\0b",
        '"a\nb"',
        '"a""b"',
        '"1"x',
        "\ufeff1",
        "\u00a07",
        "1\u200b",
        "\x85",
        "\u2028",
    ),
    *("TRUE", "?", "NA", "1e5e5", "1.2.3", "0b1", "1j", "١٫٥", "½", "²", "9" * 400, "a" * 300, "\x1c", "\x0b", "=1+1"),
)
"""What may stand where a number should: most of it is none, though Python's `float` reads some of it."""


def table_text(rng: random.Random) -> bytes:
    """A file that is a table, but for a few things."""
    columns, rows = rng.randrange(2, 6), rng.choice((0, 1, *range(2, 12)))
    line, comma = rng.choice(("\n",) * 6 + ("\r\n",) * 3 + ("\r", "\n\r")), rng.choice((",",) * 30 + (";",))
    words = ("x", "y", "area", " x", '"a,b"', "höhe", "id")
    names = [rng.choice(words) + str(j) for j in range(columns)]
    lines = [[rng.choice(NUMBERS) for _ in range(columns)] for _ in range(rows)]
    at = rng.randrange(columns)
    if rng.random() < 0.9:
        names[at] = rng.choice(("label", "diagnosis", "class"))
        kinds = rng.choice((("M", "B", '"M"', " B"), ("1", "2"), ("1.5", "2.5", "7")))
        for cells in lines:
            cells[at] = rng.choice(kinds)
    if rng.random() < 0.8:
        lines.insert(0, names)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 3))):
        if lines:
            spoil(lines, rng)
    text = line.join(comma.join(cells) for cells in lines) + rng.choice(("", line, line, line * 3, " "))
    content = text.encode(rng.choice(("utf-8",) * 20 + ("utf-8-sig", "utf-8-sig", "utf-16", "utf-32")), "surrogatepass")
    return mutated(content, rng) if rng.random() < 0.25 else content


def spoil(lines: list[list[str]], rng: random.Random) -> None:
    """Do something to a line, or to a cell."""
    cells = rng.choice(lines)
    match rng.randrange(9):
        case 0 if cells:
            cells.pop()
        case 1:
            cells.append(rng.choice(NUMBERS))
        case 2:
            lines.insert(rng.randrange(len(lines) + 1), [])
        case 3 if len(cells) > 1:
            cells[0] = cells[1]
        case _ if cells:
            cells[rng.randrange(len(cells))] = rng.choice(CELLS)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, put in, taken out, or the end cut off."""
    for _ in range(rng.choice((1, 1, 2, 6))):
        at, put = (
            rng.randrange(len(content) + 1),
            rng.choice((b"\0", b'"', b",", b"\n", b"\r", b"\xff", b"\xc3", b"1", b" ")),
        )
        content = (
            content[:at] + rng.choice((put, b"", put * 2, content[at : at + 5] * 2)) + content[at + rng.randrange(3) :]
        )
    return content


def plainly_read(content: bytes) -> list[list[str]]:
    """The rows of a file, by Python's own reader; blank lines at the end are none."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    while rows and not "".join(rows[-1]).strip():
        rows.pop()
    return rows


def is_silent_error(table: Table, content: bytes) -> str | None:
    """What a table has that its file does not; None if all is there, as it stands."""
    rows = plainly_read(content)[table.has_header :]
    if len(rows) != len(table.features):
        return f"{len(rows)} rows in the file, {len(table.features)} in the table"
    if not np.isfinite(table.features).all():
        return "a number that is not finite"
    names = table.feature_names
    head = (
        [name.strip() for name in plainly_read(content)[0]]
        if table.has_header
        else [f"column {j + 1}" for j in range(len(rows[0]))]
    )
    for i, row in enumerate(rows):
        for j, name in enumerate(names):
            cell = row[head.index(name)].strip(" \t")
            if (
                not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell, re.ASCII)
                or float(cell) != table.features[i, j]
            ):
                return f"row {i}: {cell!r} became {table.features[i, j]}"
        if table.labels is not None and table.label_name is not None:
            cell = row[head.index(table.label_name)].strip()
            if table.classes[table.labels[i]] != cell and not same_number(table.classes[table.labels[i]], cell):
                return f"row {i}: label {cell!r} became {table.classes[table.labels[i]]!r}"
    return None


def same_number(a: str, b: str) -> bool:
    """Whether two labels are the same number, written in two ways."""
    try:
        return float(a) == float(b)
    except ValueError:
        return False


def read(path: Path, content: bytes, count: Counter[str], **options: Any) -> None:
    """Let `read_csv` have a file, and count what it makes of it."""
    path.write_bytes(content)
    try:
        table = guarded.watched(lambda: read_csv(path, **options))
    except DataError as error:
        count["refused"] += 1
        count["nameless"] += not str(error).startswith(str(path)) or "\n" in str(error)
    except Exception as other:  # what may not be
        count["others"] += 1
        print(type(other), other, content[:500], file=sys.stderr)
    else:
        count["read"] += 1
        if wrong := is_silent_error(table, content):
            count["silent"] += 1
            print(wrong, content[:500], file=sys.stderr)


def main(seed: int, many: int) -> None:
    """Read all cases by hand and so many by chance, and print the counts."""
    guarded.guard()
    by_hand: Counter[str] = Counter()
    by_chance: Counter[str] = Counter()
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        read(path, "id,label,x\n1,a,2\n2,b,ü\n".encode(), Counter())  # what is imported late is imported here
        guarded.seen.clear()
        for text, _, _, options in CASES.values():
            read(path, text.encode() if isinstance(text, str) else text, by_hand, **options)
        for _ in range(many):
            options = {"require_label": rng.random() < 0.5, "task": rng.choice(("classification", "regression"))}
            read(path, table_text(rng), by_chance, **options)
    print(json.dumps({"hand": by_hand, "chance": by_chance, "run": guarded.seen, "cases": len(CASES)}))


def large() -> int:
    """Of a million rows, and of 10,000 columns, the numbers that are not as they were written."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        for rows, columns in ((1_000_000, 2), (200, 10_000)):
            numbers = np.arange(rows * columns, dtype=np.float64).reshape(rows, columns) / 8
            with path.open("w") as file:
                file.writelines(f"{'ab'[i % 2]},{','.join(map(repr, row))}\n" for i, row in enumerate(numbers.tolist()))
            table = read_csv(path, label=1)
            wrong += int((table.features != numbers).sum()) if table.features.shape == numbers.shape else numbers.size
    return wrong


def figures(short: bool, seed: int) -> Iterator[Figure]:
    many = 1_000 if short else 10_000
    counts = guarded.in_process("tables", str(seed), str(many))
    yield Figure("hostile CSV files under 1 GiB and an audit hook: crashes", counts["crashes"], 0)
    if counts["crashes"]:
        return
    yield Figure(f"    {counts['cases']} made by hand: read", counts["hand"].get("read", 0), 0)
    share = counts["chance"]["read"] / many
    for title, count in (
        ("made by hand", counts["hand"]),
        (f"{many:,} by chance, {share:.0%} of them read", counts["chance"]),
    ):
        yield Figure(f"    {title}: exceptions of another class", count.get("others", 0), 0)
        yield Figure("        refusals that do not name the file, or not in one line", count.get("nameless", 0), 0)
        yield Figure("        silent: a row lost, a number that is another one or none", count.get("silent", 0), 0)
    yield Figure("    code run, files written: events of the audit hook", len(counts["run"]), 0)
    if not short:
        yield Figure("    10⁶ rows, and 10⁴ columns: numbers that are other ones", large(), 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
