"""Formulas as MathML, which browsers show without a script: LaTeX is translated when the site is built."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

SPACE = '<mspace width="0.167em"/>'
NAME = r"<mi>(?:arcosh|exp|ln|log|max|min|sinh?|cosh?|tanh?)</mi>"
BEHIND = re.compile(rf"({NAME})(?!<mo)")
BEFORE = re.compile(rf"(</(?:mi|mn|mfrac|msub|msup|msubsup)>)(?={NAME})")


def mathml(latex: str, display: str) -> str:
    """One formula. A function's name gets the thin spaces around it that TeX would leave."""
    apart = BEHIND.sub(rf"\1{SPACE}", convert(latex.strip(), display=display))
    return BEFORE.sub(rf"\1{SPACE}", apart)


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line of text."""
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """A formula in a line of its own, which scrolls where the page is too narrow for it."""
    translator.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer as `mathml`."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
