"""Model files and checkpoints that somebody made to do harm, by hand and by chance."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from model_files import sealed, with_architecture, with_header, with_text

GOLDEN = Path(__file__).parent.parent / "golden"
SEEDS = tuple(
    (GOLDEN / name).read_bytes() for name in ("model-1", "model-2", "checkpoint-1") for name in [f"{name}.safetensors"]
)
"""What is changed: a model file of each version, and a checkpoint."""
MODEL, CHECKPOINT = SEEDS[1:]
WORDS = (
    *(
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        "NaN",
        "Infinity",
        "9" * 30,
        "1e308",
        "[]",
        "{}",
        '""',
        "[" * 2000,
        "{" * 500,
    ),
    *('"os.system"', '"__import__"', '"../../etc/passwd"', '"\\u0000"', '"\\ud800"', "18446744073709551616", "-0.0"),
)
"""What stands in the place of a value."""


def metadata(**values: Any) -> Callable[[], bytes]:
    """The model with other metadata; None takes an entry out."""

    def change(header: Any) -> None:
        for name, value in values.items():
            header["__metadata__"].pop(name, None)
            if value is not None:
                header["__metadata__"][name] = value

    return lambda: with_header(MODEL, change)


def entry(name: str = "layers.0.W", **values: Any) -> Callable[[], bytes]:
    """The model with another entry of an array."""
    return lambda: with_header(MODEL, lambda h: h[name].update(values))


def layers(change: Callable[[Any], Any]) -> Callable[[], bytes]:
    """The model with another architecture."""
    return lambda: with_architecture(MODEL, change)


def state(change: Callable[[Any], Any]) -> Callable[[], bytes]:
    """The checkpoint with another state."""

    def edit(header: Any) -> None:
        tree = json.loads(header["__metadata__"]["state"])
        change(tree)
        header["__metadata__"]["state"] = json.dumps(tree)

    return lambda: with_header(CHECKPOINT, edit)


def plain(header: bytes, data: bytes = b"", length: int | None = None) -> Callable[[], bytes]:
    """A file with this header, and perhaps another length before it."""
    return lambda: struct.pack("<Q", len(header) if length is None else length) + header + data


def nested(n: int, left: str = "[", right: str = "]") -> str:
    return left * n + right * n


def first(**values: Any) -> Callable[[Any], None]:
    return lambda a: a["layers"][0].update(values)


CASES: dict[str, Callable[[], bytes]] = {
    # The file.
    "nothing": lambda: b"",
    "7 bytes": lambda: b"\1" * 7,
    "a length and no header": plain(b"", length=8),
    "the greatest length": plain(b"{}", length=2**64 - 1),
    "a length of 100 MB": plain(b"{}", length=100_000_000),
    "a length that overflows with 8": plain(b"{}", length=2**63 - 4),
    "an empty header": plain(b""),
    "a header of blanks": plain(b" " * 64),
    "a header that is no JSON": plain(b"import os"),
    "a header that is a list": plain(b"[]"),
    "a header that is a text": plain(b'"a"'),
    "a header that is no UTF-8": plain(b'{"\xff": 1}'),
    "a header in UTF-16": plain("{}".encode("utf-16")),
    "a header with a byte order mark": plain(b"\xef\xbb\xbf{}"),
    "a header that is nested deeply": plain(nested(100_000).encode()),
    "objects that are nested deeply": plain(nested(100_000, '{"a":', "}").encode()),
    "an empty file of the format": plain(b"{}"),
    "a pickle": lambda: b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
    "a zip, as PyTorch writes": lambda: b"PK\3\4" + bytes(64),
    "a NumPy file with objects": lambda: (
        b"\x93NUMPY\1\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}" + b" " * 60
    ),
    "a megabyte of zeros": lambda: bytes(1_000_000),
    "data behind the end": lambda: MODEL + b"\0",
    "data twice": lambda: MODEL + MODEL,
    "without the last byte": lambda: MODEL[:-1],
    # The arrays.
    "a shape of 10¹² numbers": entry(shape=[10**6, 10**6]),
    "a shape that overflows to what is there": entry(shape=[2**32, 2**32, 6]),
    "a shape with a negative length": entry(shape=[-2, -3]),
    "a shape with a fraction": entry(shape=[2.0, 3]),
    "a shape with a text": entry(shape=["2", 3]),
    "a shape that is nested": entry(shape=[[2], 3]),
    "a shape of a million ones": entry(shape=[1] * 1_000_000 + [2, 3]),
    "a shape of 65 lengths": entry(shape=[1] * 63 + [2, 3]),
    "another shape of as many numbers": entry(shape=[3, 2]),
    "no shape": entry(shape=None),
    "offsets the other way round": entry(data_offsets=[24, 0]),
    "offsets behind the end": entry(data_offsets=[0, 2**40]),
    "negative offsets": entry(data_offsets=[-24, 0]),
    "offsets that overlap": entry("layers.0.b", data_offsets=[0, 12]),
    "offsets that are huge": entry(data_offsets=[2**64, 2**64 + 24]),
    "three offsets": entry(data_offsets=[0, 24, 48]),
    "an unknown dtype": entry(dtype="O"),
    "a dtype that NumPy lacks": entry(dtype="BF16", shape=[2, 6]),
    "integers for weights": entry(dtype="I32"),
    "half as precise weights": entry(dtype="F16", shape=[2, 6]),
    "complex weights": entry(dtype="C64", shape=[3]),
    "a dtype that is a list": entry(dtype=["F32"]),
    "an array whose name is a path": lambda: with_text(MODEL, '"layers.0.W":', '"../../../etc/passwd":'),
    "an array whose name is an attribute": lambda: with_text(MODEL, '"layers.0.W":', '"__class__":'),
    "an array without a name": lambda: with_text(MODEL, '"layers.0.W":', '"":'),
    "an array twice": lambda: with_text(MODEL, '"layers.0.W":', '"layers.0.b":'),
    "an array too many": lambda: with_header(
        MODEL, lambda h: h.update(more={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})
    ),
    "weights that are NaN": lambda: sealed(MODEL[:-24] + np.full(6, np.nan, np.float32).tobytes()),
    # The metadata.
    "no metadata": lambda: with_header(MODEL, lambda h: h.pop("__metadata__")),
    "metadata that are a list": lambda: with_header(MODEL, lambda h: h.update(__metadata__=[])),
    "metadata that are numbers": metadata(classes=3),
    "metadata that are nested": metadata(facts={"a": {}}),
    "metadata twice": lambda: with_text(MODEL, '"classes":', '"classes":"[]","classes":'),
    "another format": metadata(format="pickle"),
    "no format": metadata(format=None),
    "a version to come": metadata(version="3"),
    "a version that is no number": metadata(version="../1"),
    "no version": metadata(version=None),
    "no checksum": metadata(checksum=None),
    "a wrong checksum": lambda: MODEL.replace(b'"checksum":"', b'"checksum":"0', 1)[: len(MODEL)],
    "a checksum of another length": metadata(checksum="00"),
    "9 MB of metadata": metadata(note="a" * 9_000_000),
    "7 MB of lists": metadata(facts="[" + "[]," * 2_300_000 + "[]]"),
    "facts that are nested deeply": metadata(facts=nested(50_000, '{"a":', "}")),
    "facts with a number of 100,000 digits": metadata(facts='{"a": ' + "9" * 100_000 + "}"),
    "facts with NaN": metadata(facts='{"a": NaN}'),
    "classes that are numbers": metadata(classes="[1, 2]"),
    "a class too many": metadata(classes='["a", "b", "c"]'),
    "half a surrogate as a class": metadata(classes='["a", "\\ud800"]', features="{}"),
    "a feature too few": metadata(features='["radius"]'),
    "frozen parameters that there are not": metadata(frozen='["__class__"]'),
    # The architecture.
    "no architecture": metadata(architecture=None),
    "an architecture of another module": metadata(architecture="null"),
    "a layer that is a function of Python": layers(first(layer="eval")),
    "a layer that is a path": layers(first(layer="tinygrad_mlp.nn.Dense")),
    "a layer that is a list": layers(first(layer=["Dense"])),
    "a function that is none": layers(lambda a: a["layers"].__setitem__(0, {"function": "load"})),
    "a base class as a layer": layers(first(layer="Module")),
    "an option that is none": layers(first(rng=3)),
    "an option of the constructor that no file has": layers(first(weights="__import__('os')")),
    "a width of 10¹²": layers(first(n_out=10**12)),
    "a width of 10⁴⁰⁰⁰": layers(first(n_out=10**4000)),
    "a negative width": layers(first(n_in=-2)),
    "a bias that is a text": layers(first(bias="yes")),
    "an ε of 0": layers(lambda a: a["layers"][1].update(epsilon=0.0)),
    "a dropout of 1": layers(lambda a: a["layers"][3].update(p=1)),
    "layers within layers within layers": metadata(
        architecture=nested(5_000, '{"layer": "Sequential", "layers": [', "]}")
    ),
    "300,000 layers": layers(lambda a: a["layers"].extend([{"layer": "ReLU"}] * 300_000)),
    "a layer twice": layers(lambda a: a["layers"].append(a["layers"][0])),
    "layers that are an object": layers(lambda a: a.update(layers={"0": a["layers"][0]})),
    "a network that is a function": metadata(architecture='{"function": "relu"}'),
    # Checkpoints.
    "a state that is no object": lambda: with_header(CHECKPOINT, lambda h: h["__metadata__"].update(state="[]")),
    "a state that is nested deeply": lambda: with_header(
        CHECKPOINT, lambda h: h["__metadata__"].update(state=nested(50_000))
    ),
    "an array that is not there": state(lambda s: s["run"].update(model={"array": "elsewhere"})),
    "an array by a number": state(lambda s: s["run"].update(model={"array": 3})),
    "a float by a formula": state(lambda s: s["run"].update(stop={"float": "1/0"})),
    "facts that are a list": state(lambda s: s.update(facts=[])),
    "a key too many": state(lambda s: s.update(code="import os")),
    "a checkpoint to come": lambda: with_text(CHECKPOINT, '"version":"1"', '"version":"2"'),
}
"""Files that no reader may take."""


def mutants(rng: random.Random) -> Iterator[bytes]:
    """Changes of the seeds without an end: of bits, bytes, pieces and values; most with the checksum that fits."""
    while True:
        content = bytearray(rng.choice(SEEDS))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            mutate(content, rng)
        yield sealed(bytes(content)) if rng.random() < 0.7 else bytes(content)


def mutate(content: bytearray, rng: random.Random) -> None:
    """One change."""
    n = len(content)
    header = min(n, 8 + int.from_bytes(content[:8], "little"))
    at = rng.randrange(max(1, header if rng.random() < 0.8 else n)) if n else 0
    length = rng.choice((1, 1, 2, 8, 64))
    match rng.randrange(9):
        case 0 if n:
            content[at] ^= 1 << rng.randrange(8)
        case 1 if n:
            content[at] = rng.randrange(256)
        case 2:
            content[at:at] = rng.randbytes(length)
        case 3:
            del content[at : at + length]
        case 4:
            content[at:at] = content[at : at + length]
        case 5:
            del content[at:]
        case 6 if n > 16:
            length = rng.choice((0, 1, n, n - 8, 2**31, 2**63, 2**64 - 1, max(0, header - 8 + rng.randrange(-9, 9))))
            content[:8] = length.to_bytes(8, "little")
        case _:
            replace_value(content, header, rng)


def replace_value(content: bytearray, header: int, rng: random.Random) -> None:
    """Put something else in the place of a value of the header, and say how long the header is then."""
    text = bytes(content[8:header])
    places = [i for i, c in enumerate(text) if c in b":,["]
    if not places:
        return
    at = rng.choice(places) + 1
    end = at
    while end < len(text) and text[end] not in b",]}":
        end += 1
    escaped = text[at : at + 3].lstrip().startswith(b'\\"')
    word = rng.choice(WORDS)
    new = text[:at] + (json.dumps(word)[1:-1] if escaped else word).encode() + text[end:]
    content[:header] = len(new).to_bytes(8, "little") + new


def library_takes(content: bytes) -> bool:
    """Whether the safetensors library reads a file."""
    try:
        safetensors.numpy.load(content)
    except Exception:  # whatever it raises: it does not
        return False
    return True
