"""Files of a command: looked at before the work begins, so that none of it is lost, and no input is overwritten."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tinygrad_mlp.cli.parser import UsageError

CURVES = (".png", ".svg")


def check_inputs(paths: Iterable[Path | None]) -> None:
    """Raise `UsageError` for a file that is not there, with the file that was probably meant. None is passed over."""
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            raise UsageError(f"{path}: that is a folder, a file is expected")
        if not path.exists():
            raise UsageError(f"{path}: there is no such {'file' if path.parent.is_dir() else 'folder'}{near(path)}")


def near(path: Path) -> str:
    """`; did you mean FILE?` for the file beside a path whose name is most alike; nothing if none is."""
    try:
        names = [file.name for file in path.parent.iterdir() if file.is_file()]
    except OSError:
        return ""
    by_folded = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(path.name.casefold(), by_folded, n=1)
    return f"; did you mean {path.with_name(by_folded[found[0]])}?" if found else ""


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None]) -> None:
    """Raise `UsageError` for an output that cannot be a file, or would replace an input or another output.

    Args:
        outputs: the files to be written by their options; None for those that were not asked for.
        inputs: the files that are read.
    """
    taken = {path.resolve(): "which is read from" for path in inputs if path is not None}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.is_dir():
            raise UsageError(f"{option} {path}: that is a folder, the name of a file is expected")
        if not path.parent.is_dir():
            raise UsageError(f"{option} {path}: there is no folder {path.parent}")
        if not os.access(path.parent, os.W_OK):
            raise UsageError(f"{option} {path}: files cannot be written in the folder {path.parent}")
        place = path.resolve()
        if place in taken:
            raise UsageError(f"{option} {path}: cannot be the file {taken[place]}")
        taken[place] = f"of {option}"


def check_curves(path: Path | None) -> None:
    """Raise `UsageError` for a drawing of a kind that there is not."""
    if path is not None and path.suffix.lower() not in CURVES:
        raise UsageError(f"--curves {path}: a file that ends in {' or '.join(CURVES)} is expected")
