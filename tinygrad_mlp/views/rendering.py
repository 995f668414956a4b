"""Drawings as files and in notebooks: by the system's `dot`, or by the renderer that pip installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import graphviz

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.errors import DataError, OptionError

FORMATS = (".svg", ".png", ".dot")
NO_RENDERER = "to see the drawing, install Graphviz or: pip install 'tinygrad_mlp[cli]'"
DOTS_PER_INCH = 150


class Drawing(graphviz.Digraph):  # type: ignore[misc] # graphviz has no type hints
    """A `graphviz.Digraph` that the system's `dot` or the pip-installed renderer draws, whichever is there.

    A notebook shows it; `.source` is its DOT text; `.render(outfile="x.svg")` writes it (.svg, .png or .dot).
    """

    def render(self, *words: Any, outfile: str | os.PathLike[str] | None = None, **options: Any) -> str:
        """Write the drawing to a file, and return its path.

        With `outfile` alone, the file appears whole or not at all, and where nothing can render, the .dot file is
        written and a warning says what to install. Anything else is `graphviz.Digraph.render`, which needs `dot`.

        Raises:
            OptionError: a suffix other than .svg, .png and .dot.
            DataError: the renderer failed, or the file cannot be written.
        """
        if outfile is None or words or options:
            return str(super().render(*words, outfile=outfile, **options))
        path = render(self, outfile)
        if path.suffix != Path(outfile).suffix:
            warnings.warn(f"{path} was written instead of {os.fspath(outfile)}: {NO_RENDERER}", stacklevel=2)
        return str(path)

    def pipe(self, format: str | None = None, *words: Any, encoding: str | None = None, **options: Any) -> Any:
        """The drawing as bytes, or as text if an encoding is given; what a notebook calls."""
        program = renderer()
        if program is None or words or options:
            return super().pipe(format, *words, encoding=encoding, **options)
        content = piped(program, self.source, f".{format or self.format}", "the drawing")
        return content if encoding is None else content.decode(encoding)

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **options: Any
    ) -> dict[str, bytes | str]:
        """What a notebook shows: the picture, or a sentence that says what to install."""
        if renderer() is None:
            return {"text/plain": f"{NO_RENDERER}\n(.source is its DOT text)"}
        bundle: dict[str, bytes | str] = super()._repr_mimebundle_(include, exclude, **options)
        return bundle


def render(graph: graphviz.Digraph, path: str | os.PathLike[str]) -> Path:
    """Write a drawing to a .svg, .png or .dot file, which appears whole or not at all.

    Returns:
        The file that was written: with the suffix .dot, the source of the drawing, where nothing can render it.

    Raises:
        OptionError: another suffix.
        DataError: the renderer failed, or the file cannot be written.

    >>> import tempfile
    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tg.views.render(tg.draw((w * w).sum()), f"{folder}/backward.dot")
    ...     path.name, path.read_text("utf-8").partition(" ")[0]
    ('backward.dot', 'digraph')
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in FORMATS:
        raise OptionError(f"{target}: drawings are written as {', '.join(FORMATS)}")
    program = None if kind == ".dot" else renderer()
    try:
        if program is None:
            target = target.with_suffix(".dot")
            content = graph.source.encode()
        else:
            content = piped(program, graph.source, kind, str(target))
        atomic_write(target, content)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{target}: the drawing cannot be written: {reason}") from error
    return target


def piped(program: str, source: str, kind: str, what: str) -> bytes:
    """What a renderer makes of DOT text."""
    if kind == ".png" and Path(program).stem != "dot":
        source = source.replace("⊙", "×")  # the fonts in it have no ⊙
    dots = [f"-Gdpi={DOTS_PER_INCH}"] if kind == ".png" else []
    done = subprocess.run([program, f"-T{kind[1:]}", *dots], input=source.encode(), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise DataError(f"{what}: {program} failed: {reason}")
    return done.stdout


def renderer() -> str | None:
    """The system's `dot`, else the renderer that pip installed beside Python; None if there is neither."""
    here = sysconfig.get_path("scripts")
    return shutil.which("dot") or shutil.which("graphviz-pure", path=here) or shutil.which("graphviz-pure")
