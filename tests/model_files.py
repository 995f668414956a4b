"""Model files with something changed in them, for tests of what is refused."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import ModelFileError


def small() -> nn.Sequential:
    return nn.Dense(2, 3, rng=1) >> nn.ReLU() >> nn.Dense(3, 2, rng=2)


def saved(path: Path, model: nn.Module, **beside: Any) -> bytes:
    tg.save(model, path, **beside)
    return path.read_bytes()


class Own(nn.Module):
    def __init__(self) -> None:
        self.inner = [nn.Dense(2, 3, rng=1), nn.Dense(3, 2, rng=2)]

    def forward(self, x: Any) -> Any:
        return self.inner[1](tg.relu(self.inner[0](x)))


def with_header(content: bytes, change: Any) -> bytes:
    """The file with a changed header."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return sealed(len(text).to_bytes(8, "little") + text + content[8 + size :])


def sealed(content: bytes) -> bytes:
    """The file with the checksum that it has to have: changed on purpose, not by accident."""
    blank = re.sub(rb'"checksum":"[0-9a-f]{64}"', b'"checksum":"' + b"0" * 64 + b'"', content, count=1)
    return blank.replace(b'"checksum":"' + b"0" * 64, b'"checksum":"' + sha256(blank).hexdigest().encode(), 1)


def with_architecture(content: bytes, change: Any) -> bytes:
    """The file with a changed architecture."""

    def edit(header: Any) -> None:
        architecture = json.loads(header["__metadata__"]["architecture"])
        header["__metadata__"]["architecture"] = json.dumps(
            architecture if (new := change(architecture)) is None else new
        )

    return with_header(content, edit)


def with_text(content: bytes, old: str, new: str) -> bytes:
    """The file with a changed text in its header, which need not be JSON."""
    size = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + size].decode()
    assert text.count(old) == 1
    changed = text.replace(old, new).encode()
    return sealed(len(changed).to_bytes(8, "little") + changed + content[8 + size :])


def refused(path: Path, content: bytes, reason: str = "cannot be read") -> None:
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason) as caught:
        tg.load(path)
    assert str(caught.value).startswith(str(path))
