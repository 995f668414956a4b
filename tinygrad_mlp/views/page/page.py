"""`tg.show_backward`: the page itself, which holds its data, its drawing and its program, and needs no network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.autograd import Variable
from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.page.content import content

SCRIPTS = ("numbers.js", "graph.js", "heat.js", "panel.js", "main.js")
"""The parts of the page's program, in the order in which they stand in it."""
POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'"
)
FRAME = (
    '<iframe title="{title}" sandbox="allow-scripts" srcdoc="{page}" width="100%" height="{height}" '
    'style="border: 1px solid #8886; border-radius: 8px; min-width: 100%"></iframe>'
)


class Page:
    """The backward pass from a loss as an HTML page.

    A notebook shows it in a frame. `.html` is its text, `.save("backward.html")` writes it.

    Attributes:
        content: what it shows, as dicts, lists, texts and numbers.
        height: of the frame, in pixels.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> page = tg.show_backward((w * w).sum())
    >>> page
    <page: The backward pass: 2 steps from sum = 5 to 1 parameter>
    >>> page.html.startswith("<!doctype html>")
    True
    """

    def __init__(self, seen: BackwardPass, checks: int | None, height: int) -> None:
        self.content = content(seen, checks)
        self.height = height

    @property
    def title(self) -> str:
        """What the page shows, in a line."""
        return f"The backward pass: {self.content['title']}"

    @cached_property
    def html(self) -> str:
        """The page, which holds all it needs: no network, and nothing in it that comes from names can run."""
        style, script = asset("page.css"), program()
        policy = POLICY.format(script=fingerprint(script), style=fingerprint(style))
        parts = {
            "policy": policy,
            "title": html.escape(self.title),
            "what": html.escape(self.content["title"]),
            "style": style,
            "script": script,
            "data": as_json(self.content),
        }
        # All in one go: a tensor may be called {{style}}.
        return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], asset("page.html"))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, which appears whole or not at all.

        Returns:
            The file's path.

        Raises:
            OptionError: a suffix other than .html and .htm.
            DataError: the file cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise OptionError(f"{target}: pages are written as .html")
        try:
            atomic_write(target, self.html.encode())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{target}: the page cannot be written: {reason}") from error
        return target

    def _repr_html_(self) -> str:
        """What a notebook shows, and keeps when it is converted: the page in a frame that can reach nothing else."""
        return FRAME.format(title=html.escape(self.title), page=html.escape(self.html), height=self.height)

    def __repr__(self) -> str:
        return f"<page: {self.title}>"


def show_backward(
    loss: Variable | BackwardPass,
    *,
    optimizer: Optimizer | None = None,
    gradient: Any = None,
    checks: int | None = None,
    height: int = 720,
) -> Page:
    """The backward pass from a loss as a page to step through, with every gradient as numbers and as a heat map.

    It is one HTML file for any browser, without a network. Each step shows the gradient that arrives, the formula of
    every gradient that leaves, read from the operation's source, and these gradients; beside an element that you
    choose stands its finite difference (E(x + h) − E(x − h)) / 2h, for which the recorded operations were run again in
    float64. Of large arrays a corner is shown, and of many elements some have a finite difference; the page says so.

    The gradients come from a sweep of the page's own, which touches no `.grad`. If a parameter was changed since the
    forward pass, there are none, and the page says so. Of more than 150 operations, layers are closed at first; of
    more than 1,500, there is a table.

    Args:
        loss: the result of operations on what requires a gradient.
        optimizer: what trains the parameters: they then tell by how much the next step will move them.
        gradient: ∂E/∂loss, for a loss that is not a scalar.
        checks: how many elements of each gradient get a finite difference; None for as many as take about a tenth of
            a second, those of parameters first.
        height: of the frame in a notebook, in pixels.

    Raises:
        GradientError: `loss` is not the result of recorded operations.
        OptionError: `checks` is below 0, or `height` below 1.

    >>> import tempfile
    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> page = tg.show_backward((w * w).sum())
    >>> page.title
    'The backward pass: 2 steps from sum = 5 to 1 parameter'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page.save(f"{folder}/backward.html").name
    'backward.html'
    """
    for option, value, least in (("checks", checks, 0), ("height", height, 1)):
        if value is None and option == "checks":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise OptionError(f"{option} is {value!r}; a whole number of at least {least} is expected")
    seen = loss if isinstance(loss, BackwardPass) else BackwardPass.of(loss, optimizer, gradient)
    return Page(seen, checks, height)


def as_json(data: Any) -> str:
    """JSON in which nothing can end the HTML element around it, or begin another one."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def program() -> str:
    """The page's program, of its parts."""
    parts = "\n".join(asset(part) for part in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


@cache
def asset(file: str) -> str:
    """The text of a file beside this one."""
    return (files("tinygrad_mlp.views.page") / file).read_text("utf-8")


def fingerprint(text: str) -> str:
    """What a page's policy calls the one style or script that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
