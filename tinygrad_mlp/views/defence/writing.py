"""Answers as text for a terminal of 80 columns, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from tinygrad_mlp.views.defence.parts import Part, Prose, Question, Table, Verdict, Working
from tinygrad_mlp.views.plain_text import WIDTH, Paper, columns

INDENT = " " * 4
MARKDOWN_WIDTH = 120
CODE = re.compile(r"`([^`]*)`")
UNBROKEN = "\u00a0"
"""A blank at which `textwrap` breaks no line."""


def numbered(questions: Sequence[Question]) -> Iterator[tuple[str | None, int, Question]]:
    """Questions from 1 on, each with its topic if it is the first one of that."""
    before = ""
    for number, question in enumerate(questions, 1):
        yield (question.topic if question.topic != before else None), number, question
        before = question.topic


def as_text(title: str, about: Iterable[str], questions: Sequence[Question], paper: Paper) -> Iterator[str]:
    """The lines for a terminal."""
    yield paper.styled(paper.text(title), "bold")
    for paragraph in about:
        yield from paragraph_lines(paragraph, paper)
    for topic, number, question in numbered(questions):
        yield ""
        if topic:
            yield paper.styled(paper.text("─") * WIDTH, "dim")
            yield paper.styled(paper.text(topic), "dim")
            yield ""
        yield from answer_lines(number, question, paper)


def answer_lines(number: int, question: Question, paper: Paper) -> Iterator[str]:
    """A question and its answer; a verdict stands directly below what it is about."""
    head = f"{number}. "
    for i, line in enumerate(wrap(paper.text(question.title), WIDTH - len(head))):
        yield paper.styled(f"{head if i == 0 else ' ' * len(head)}{line}", "bold")
    for i, part in enumerate(question.parts):
        if not (isinstance(part, Verdict) and i and not isinstance(question.parts[i - 1], Prose)):
            yield ""
        yield from part_lines(part, paper)


def part_lines(part: Part, paper: Paper) -> Iterator[str]:
    """The lines of a part."""
    match part:
        case Prose(text):
            yield from paragraph_lines(text, paper)
        case Working(lines):
            yield from (f"{INDENT}{paper.text(line)}".rstrip() for line in lines)
        case Table():
            yield from (f"{INDENT}{line}" for line in table_lines(part, paper))
        case Verdict(text, holds):
            sign = "✓" if holds else "✗"
            for i, line in enumerate(wrap(paper.text(text), WIDTH - 6)):
                yield paper.styled(f"{INDENT}{paper.text(sign) if i == 0 else ' '} {line}", "green" if holds else "red")


def paragraph_lines(text: str, paper: Paper) -> Iterator[str]:
    """A paragraph without the backticks around its formulas, of which short ones stand in one line."""
    joined = CODE.sub(lambda found: whole(paper.text(found[1]), 40), text)
    yield from broken("".join(c if c == UNBROKEN else paper.text(c) for c in joined), WIDTH)


def whole(text: str, longest: int) -> str:
    """Text in which no line is to be broken, unless it is too long for that."""
    return text.replace(" ", UNBROKEN) if len(text) <= longest else text


def broken(text: str, width: int) -> Iterator[str]:
    """A paragraph in lines."""
    for line in wrap(text, width, break_long_words=False, break_on_hyphens=False):
        yield line.replace(UNBROKEN, " ")


def table_lines(found: Table, paper: Paper) -> Iterator[str]:
    """The head, a rule, and the rows; numbers stand at the right."""
    rows = [[paper.text(cell) for cell in row] for row in (found.head, *found.rows)]
    widths = [max(columns(row[i]) for row in rows) for i in range(len(found.head))]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH - len(INDENT):
        widths[widths.index(max(widths))] -= 1
    left = left_columns(found)

    def line(row: Sequence[str]) -> str:
        cells = [
            paper.cell(cell, width, right=i not in left)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    yield paper.styled(line(rows[0]), "dim")
    yield paper.styled(paper.text("─") * (sum(widths) + 2 * (len(widths) - 1)), "dim")
    yield from (line(row) for row in rows[1:])


def left_columns(found: Table) -> set[int]:
    """The columns that begin at the left: the first one, and those that hold words or several numbers."""
    texts = {i for i in range(1, len(found.head)) for row in found.rows if re.search(r"[^\W\d_]{3}|\S \S", row[i])}
    return {0, *texts}


def as_markdown(title: str, about: Iterable[str], questions: Sequence[Question]) -> Iterator[str]:
    """The lines of a Markdown file."""
    yield f"# {title}"
    for paragraph in about:
        yield ""
        yield from markdown_part(Prose(paragraph))
    for topic, number, question in numbered(questions):
        if topic:
            yield f"\n## {topic}"
        yield f"\n### {number}. {plain(question.title)}"
        for part in question.parts:
            yield ""
            yield from markdown_part(part)


def markdown_part(part: Part) -> Iterator[str]:
    """The lines of a part in Markdown."""
    match part:
        case Prose(text):
            yield from broken(outside_code(text), MARKDOWN_WIDTH)
        case Working(lines):
            yield from ("```text", *lines, "```")
        case Table(head, rows):
            left = left_columns(part)
            yield f"| {' | '.join(plain(cell) for cell in head)} |"
            yield f"|{'|'.join('---' if i in left else '--:' for i in range(len(head)))}|"
            yield from (f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows)
        case Verdict(text, holds):
            yield f"{'✓' if holds else '✗'} {plain(text)}"


def plain(text: str) -> str:
    """Text in which nothing is Markdown's, nor HTML's."""
    return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", text)


def outside_code(text: str) -> str:
    """A paragraph with what stands between backticks as it is, in one line each, and the rest plain.

    (A line that begins with a formula's + or - would be an item of a list.)
    """
    pieces = text.split("`")
    return "`".join(plain(piece) if i % 2 == 0 else whole(piece, MARKDOWN_WIDTH - 2) for i, piece in enumerate(pieces))
