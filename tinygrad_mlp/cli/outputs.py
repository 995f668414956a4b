"""Output files: looked at before the work begins, so that none of it is lost, and no input is overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tinygrad_mlp.cli.parser import UsageError

CURVES = (".png", ".svg")


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
        place = path.resolve()
        if place in taken:
            raise UsageError(f"{option} {path}: cannot be the file {taken[place]}")
        taken[place] = f"of {option}"


def check_curves(path: Path | None) -> None:
    """Raise `UsageError` for a drawing of a kind that there is not."""
    if path is not None and path.suffix.lower() not in CURVES:
        raise UsageError(f"--curves {path}: a file that ends in {' or '.join(CURVES)} is expected")
