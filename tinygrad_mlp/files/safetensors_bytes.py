"""The safetensors format: named arrays and a dictionary of texts, in bytes that run no code when they are read.

https://github.com/huggingface/safetensors#format: the length of the header (8 bytes, little-endian), the header in
JSON, the arrays one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy

from tinygrad_mlp.errors import ModelFileError
from tinygrad_mlp.files.strict_json import read_json

_METADATA = "__metadata__"
LONGEST_HEADER = 100_000_000
"""In bytes: the library reads no longer one."""


def pack(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file; the same arrays and metadata give the same bytes.

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
    header = {_METADATA: dict(sorted(metadata.items())), **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise ModelFileError(f"what is stored beside the weights takes {len(text):,} bytes, above {LONGEST_HEADER:,}")
    return len(text).to_bytes(8, "little") + text + data


def unpack(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays (copies that can be written to) and the metadata of a file.

    Raises:
        ModelFileError: the bytes are not a whole safetensors file, or have arrays of a dtype that NumPy lacks.
    """
    try:
        arrays = safetensors.numpy.load(content)
        header, _ = split_header(content)
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise ModelFileError(f"not a whole safetensors file: {error}") from error
    except KeyError as error:
        raise ModelFileError(f"an array has the dtype {error}, which NumPy lacks") from error
    return {name: np.array(array) for name, array in arrays.items()}, header.get(_METADATA) or {}


def split_header(content: bytes) -> tuple[dict[str, dict[str, str]], bytes]:
    """The header of a file, and the data after it."""
    end = 8 + int.from_bytes(content[:8], "little")
    return read_json(content[8:end]), content[end:]
