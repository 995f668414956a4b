"""One error for whatever goes wrong with a file: it names the file and the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tinygrad_mlp.errors import CheckpointError, ModelFileError, TinygradMlpError


@contextmanager
def telling(
    path: str | os.PathLike[str], problem: str, kind: type[ModelFileError | CheckpointError] = ModelFileError
) -> Iterator[None]:
    """Let every failure be an error of one kind: `model.safetensors: the model cannot be read: …`."""
    try:
        yield
    except (TinygradMlpError, OSError, ValueError, MemoryError, RecursionError) as error:
        deep = "nested too deeply" if isinstance(error, RecursionError) else None
        reason = deep or getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise kind(f"{os.fspath(path)}: {problem}: {reason}") from error
