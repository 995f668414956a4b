"""Answers as an HTML page of one file, which needs no network and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from tinygrad_mlp.views.defence.parts import Part, Prose, Question, Table, Verdict, Working
from tinygrad_mlp.views.defence.writing import CODE, left_columns, numbered

SHORT = 24
"""The longest code in which no line is broken, so that it fits on a telephone."""
POLICY = "default-src 'none'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{about}
</header>
<nav aria-label="Questions">
{contents}
</nav>
<main>
{answers}
</main>
</body>
</html>
"""


def as_html(title: str, about: Iterable[str], questions: Sequence[Question]) -> str:
    """The page."""
    style = stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return PAGE.format(
        policy=POLICY.format(f"sha256-{digest}"),
        title=html.escape(title),
        style=style,
        about="\n".join(f"<p>{inline(paragraph)}</p>" for paragraph in about),
        contents="\n".join(contents(questions)),
        answers="\n".join(answers(questions)),
    )


def contents(questions: Sequence[Question]) -> Iterator[str]:
    """The list of questions, by topic."""
    is_open = False
    for topic, number, question in numbered(questions):
        if topic:
            yield f'{"</ol></section>" if is_open else ""}<section><h2>{html.escape(topic)}</h2><ol start="{number}">'
            is_open = True
        yield f'<li><a href="#q{number}">{html.escape(question.title)}</a></li>'
    yield "</ol></section>"


def answers(questions: Sequence[Question]) -> Iterator[str]:
    """The questions with their answers."""
    for topic, number, question in numbered(questions):
        if topic:
            yield f'<h2 class="topic">{html.escape(topic)}</h2>'
        yield f'<article id="q{number}"><h3><span>{number}</span> {html.escape(question.title)}</h3>'
        yield from map(part_of_page, question.parts)
        yield "</article>"


def part_of_page(part: Part) -> str:
    """A part as HTML."""
    match part:
        case Prose(text):
            return f"<p>{inline(text)}</p>"
        case Working(lines):
            text = html.escape("\n".join(lines))
            return f'<pre tabindex="0">{text}</pre>'
        case Table(head, rows):
            left = left_columns(part)
            parts = [row_of(head, "th", left), *(row_of(row, "td", left) for row in rows)]
            body = "\n".join(parts[1:])
            return (
                f'<div class="scroll" tabindex="0"><table><thead>{parts[0]}</thead><tbody>{body}</tbody></table></div>'
            )
        case Verdict(text, holds):
            return f'<p class="verdict {"yes" if holds else "no"}">{"✓" if holds else "✗"} {html.escape(text)}</p>'


def row_of(cells: Sequence[str], tag: str, left: set[int]) -> str:
    """A row of a table."""
    kinds = ("" if i in left else ' class="n"' for i in range(len(cells)))
    marked = (f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
    return f"<tr>{''.join(marked)}</tr>"


def inline(text: str) -> str:
    """A paragraph with what stands between backticks as code; in short code no line is broken."""

    def code(found: re.Match[str]) -> str:
        kind = ' class="short"' if len(found[1]) <= SHORT else ""
        return f"<code{kind}>{found[1]}</code>"

    return CODE.sub(code, html.escape(text))


@cache
def stylesheet() -> str:
    """How the page looks."""
    return (files("tinygrad_mlp.views.defence") / "page.css").read_text("utf-8")
