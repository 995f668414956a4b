"""The safetensors format: named arrays and a dictionary of texts, in bytes that run no code when they are read.

https://github.com/huggingface/safetensors#format: the length of the header (8 bytes, little-endian), the header in
JSON, the arrays one after the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from tinygrad_mlp.errors import ModelFileError
from tinygrad_mlp.files.strict_json import read_json

_METADATA = "__metadata__"
CHECKSUM, BLANK = "checksum", "0" * 64
"""The SHA-256, in hexadecimal, of all bytes of the file with zeros in its place."""
LONGEST_HEADER = 8_000_000
"""In bytes: enough for the names of 100,000 columns, and parsed by no means more than half a gigabyte."""


def pack(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file, with a checksum among its metadata; the same arrays and metadata give the same bytes.

    Raises:
        ModelFileError: an array whose dtype or name the format does not have, or too much metadata.
    """
    if _METADATA in arrays:
        raise ModelFileError(f"an array cannot be named {_METADATA}")
    # The library reads an array's memory in order, whatever its strides.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    try:
        plain = safetensors.numpy.save(contiguous)
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"the arrays cannot be stored: {error}") from error
    # The library writes the metadata in an order that changes from run to run: they are put in here, sorted.
    header, data = split_header(plain)
    header = {_METADATA: {CHECKSUM: BLANK, **dict(sorted(metadata.items()))}, **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise ModelFileError(f"what is stored beside the weights takes {len(text):,} bytes, above {LONGEST_HEADER:,}")
    begin = len(text).to_bytes(8, "little") + text
    return b"".join((begin.replace(written(BLANK), written(checksum_of(begin, data)), 1), data))


def unpack(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays (copies that can be written to) and the metadata of a file, without its checksum.

    Raises:
        ModelFileError: the bytes are not a whole safetensors file, have arrays of a dtype that NumPy lacks, or differ
            from those that `pack` made. A file without a checksum is not refused: `check_checksum` does that.
    """
    if (size := int.from_bytes(content[:8], "little")) > LONGEST_HEADER:
        raise ModelFileError(f"not a whole safetensors file: a header of {size:,} bytes, above {LONGEST_HEADER:,}")
    try:
        arrays = safetensors.numpy.load(content)
        header, _ = split_header(content)
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise ModelFileError(f"not a whole safetensors file: {error}") from error
    except KeyError as error:
        raise ModelFileError(f"an array has the dtype {error}, which NumPy lacks") from error
    metadata: dict[str, str] = header.get(_METADATA) or {}
    if (checksum := metadata.get(CHECKSUM)) is not None:
        begin = content[: 8 + size].replace(written(checksum), written(BLANK), 1)
        if checksum_of(begin, memoryview(content)[8 + size :]) != checksum:
            raise ModelFileError("its checksum is not that of its contents: the file was changed or damaged")
    return {name: np.array(array) for name, array in arrays.items()}, metadata


def check_checksum(metadata: Mapping[str, str]) -> None:
    """Refuse a file without a checksum."""
    if CHECKSUM not in metadata:
        raise ModelFileError("it has no checksum: the file was changed or damaged")


def checksum_of(begin: bytes, data: memoryview) -> str:
    """The checksum of a file, given what stands before its data, with zeros in its place."""
    digest = sha256(begin)
    digest.update(data)
    return digest.hexdigest()


def written(checksum: str) -> bytes:
    """A checksum as it stands in a header; in a text within the header, the quotes would have backslashes."""
    return f'"{CHECKSUM}":"{checksum}"'.encode()


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, of which no more is read than its header if the sizes there are not the file's.

    Raises:
        ModelFileError: it is not a regular file, or not a whole safetensors file.
        OSError, ValueError, MemoryError, RecursionError: it cannot be read.
    """
    path = Path(path)
    if not S_ISREG(path.stat().st_mode):  # a device never ends, a pipe waits for its writer
        raise ModelFileError("is a folder" if path.is_dir() else "not a regular file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, LONGEST_HEADER):
            raise ModelFileError(
                f"not a whole safetensors file: a header of {length:,} bytes in a file of {size:,}; at most "
                f"{LONGEST_HEADER:,} are read"
            )
        try:
            header = read_json(file.read(length))
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"not a whole safetensors file: {error}") from error
        if not isinstance(header, dict):
            raise ModelFileError(f"not a whole safetensors file: its header is {header!r:.80}")
        ends = [end_of(entry) for name, entry in header.items() if name != _METADATA]
        if 8 + length + max(ends, default=0) != size:
            raise ModelFileError(f"not a whole safetensors file: its arrays do not fill its {size:,} bytes")
        file.seek(0)
        return file.read()


def end_of(entry: Any) -> int:
    """Where the bytes of an array end, as an entry of a header says it; the library looks closer."""
    match entry:
        case {"data_offsets": [_, int(end)]}:
            return end
    raise ModelFileError(f"not a whole safetensors file: an array is {entry!r:.80}")


def split_header(content: bytes) -> tuple[dict[str, dict[str, str]], memoryview]:
    """The header of a file, and the data after it, not copied."""
    end = 8 + int.from_bytes(content[:8], "little")
    return read_json(content[8:end]), memoryview(content)[end:]
