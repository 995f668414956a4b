"""The block `{commands}` of a page: what `tinygrad-mlp` and each of its commands say with --help."""

from __future__ import annotations

from sphinx.application import Sphinx

from tinygrad_mlp.cli import COMMANDS, build_parsers
from tinygrad_mlp.cli.parser import PROGRAM

BLOCK = "```{commands}\n```\n"


def sections() -> str:
    """Markdown: the program, then a section for each command, with the text that a terminal shows."""
    parser, commands = build_parsers()
    texts = [f"```text\n{parser.format_help()}```"]
    for name, command in commands.items():
        summary = COMMANDS[name].SUMMARY
        texts.append(
            f"## {PROGRAM} {name}\n\n{summary[0].upper()}{summary[1:]}.\n\n```text\n{command.format_help()}```"
        )
    return "\n\n".join(texts) + "\n"


def on_source(_app: Sphinx, _docname: str, source: list[str]) -> None:
    """The sections in the place of the block, as headings of that page."""
    if BLOCK in source[0]:
        source[0] = source[0].replace(BLOCK, sections())


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect it."""
    app.connect("source-read", on_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
