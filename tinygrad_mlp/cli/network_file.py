"""A network file: the layers of a network, and how it is to be trained, as JSON or TOML.

    {"layers": [{"type": "Dense", "units": 24}, {"type": "BatchNorm"}, "ReLU", {"type": "Dropout", "rate": 0.2}],
     "optimizer": "adam", "epochs": 40}

How many columns come in and how many classes go out follows from the data. The other keys are options of the command
by their names, and are read as they are there.
"""

from __future__ import annotations

import json
import tomllib
from argparse import ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_mlp.cli.layers import KINDS, LayerSpec, Reader
from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.files.strict_json import read_json
from tinygrad_mlp.spelling import instead, plain

LAYERS = "layers"
SHORT = ("layer", "activation", "dropout")
"""Keys that describe a plain network, in the place of its layers."""
LISTS = {"layer": "sizes such as [24, 24]", "metrics": 'names such as ["accuracy", "f1"]'}
"""Keys that have several values, and what those look like."""
LEFT_OUT = {
    "Softmax": "the loss does the softmax, and a network ends in what goes into it",
    "Flatten": "the rows of a table are flat",
    "Embedding": "the columns of a table are numbers, not places in a vocabulary",
    "Sequential": "layers stand in one list",
}
"""Layers of `nn` that a network file does not take, and why."""


def read_network_file(path: Path, settings: Mapping[str, Reader]) -> dict[str, Any]:
    """What a network file says: values by the names of the settings, and under `layers` a list of `LayerSpec`.

    Args:
        path: the file. It is JSON if its name ends so or it begins with a brace, else TOML.
        settings: readers of the values of the other keys, from text; `bool` for true and false.

    Raises:
        UsageError: the file is neither, or has a key or a value that is not known; the message has the place.
    """
    found = parse(path)
    known = {plain(name): name for name in (LAYERS, *settings)}
    given: dict[str, Any] = {}
    for key, value in found.items():
        name = known.get(plain(key))
        if name is None:
            raise UsageError(f"{path}: {key!r} is unknown; {instead(key, known.values())}")
        if name in given:
            raise UsageError(f"{path}: {key!r}: {name} is given twice")
        if name == LAYERS:
            given[name] = read_layers(value, f"{path}: {key}")
        elif name in LISTS:
            items = read_list(value, f"{path}: {key}", LISTS[name])
            given[name] = [read_value(item, settings[name], f"{path}: {key}[{i}]") for i, item in enumerate(items)]
        else:
            given[name] = read_value(value, settings[name], f"{path}: {key}")
    short = next((name for name in SHORT if name in given and LAYERS in given), None)
    if short:
        raise UsageError(f"{path}: {LAYERS} and {short} contradict each other: {LAYERS} says it all")
    return given


def parse(path: Path) -> dict[str, Any]:
    """The file's keys and values as it has them."""
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".json" or text.lstrip().startswith("{"):
            found = read_json(text)
        else:
            found = tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: it is nested too deeply") from error
    except ValueError as error:  # the errors of TOML and UTF-8, keys that are there twice
        raise UsageError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: {brief(found)} given, an object with layers is expected")
    return found


def read_layers(value: Any, place: str) -> list[LayerSpec]:
    """The layers in a list."""
    layers = read_list(value, place, 'layers such as [{"type": "Dense", "units": 24}, {"type": "ReLU"}]', empty=True)
    specs = [read_layer(layer, f"{place}[{i}]") for i, layer in enumerate(layers)]
    for spec in specs[:-1]:
        if spec.kind == "Dense" and "units" not in spec.options:
            raise UsageError(f"{spec.place}: units is missing, a whole number (only the last layer can go without)")
    return specs


def read_layer(value: Any, place: str) -> LayerSpec:
    """One layer: an object with its type and options, or the type alone as text."""
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, dict):
        raise UsageError(f'{place}: {brief(value)} given, a layer such as {{"type": "Dense", "units": 24}} is expected')
    options = dict(value)
    if "type" not in options:
        raise UsageError(f"{place}: type is missing; expected {', '.join(KINDS)}")
    kind = read_kind(options.pop("type"), f"{place}.type")
    readers = KINDS[kind].options
    known = {plain(name): name for name in readers}
    given: dict[str, Any] = {}
    for key, option in options.items():
        name = known.get(plain(key))
        if name is None:
            expected = instead(key, readers) if readers else "it has no options"
            raise UsageError(f"{place}: {kind} has no option {key!r}; {expected}")
        if name in given:
            raise UsageError(f"{place}: {name} is given twice")
        given[name] = read_value(option, readers[name], f"{place}.{key}")
    return LayerSpec(kind, given, place)


def read_kind(value: Any, place: str) -> str:
    """The name of a kind of layer."""
    if not isinstance(value, str):
        raise UsageError(f"{place}: {brief(value)} given, the name of a layer is expected")
    known = {plain(name): name for name in KINDS}
    if plain(value) in known:
        return known[plain(value)]
    for name, reason in LEFT_OUT.items():
        if plain(value) == plain(name):
            raise UsageError(f"{place}: {name} is not for tables: {reason}")
    raise UsageError(f"{place}: unknown layer {value!r:.80}; {instead(value, KINDS)}")


def read_list(value: Any, place: str, what: str, empty: bool = False) -> list[Any]:
    """A list, which may be `empty` or not."""
    if not isinstance(value, list) or not (value or empty):
        raise UsageError(f"{place}: {brief(value)} given, a list of {what} is expected")
    return value


def read_value(value: Any, reader: Reader, place: str) -> Any:
    """A number, a name, or true or false, by the reader of an option.

    The reader takes text; what is text in the file is no number, and what is a number no name.
    """
    if reader is bool:
        if not isinstance(value, bool):
            raise UsageError(f"{place}: {brief(value)} given, true or false is expected")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UsageError(f"{place}: {brief(value)} given, a number or a name is expected")
    try:
        read = reader(value if isinstance(value, str) else repr(value))
    except ArgumentTypeError as error:
        raise UsageError(f"{place}: {error}") from error
    if isinstance(value, str) and not isinstance(read, str):
        raise UsageError(f"{place}: {brief(value)} is text, write the number without quotes")
    return read


def brief(value: Any) -> str:
    """A value as JSON has it, cut when it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
