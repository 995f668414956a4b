"""Files that are no whole model files are refused: with one error, which names the file and the reason."""

from __future__ import annotations

import contextlib
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_files import Own, refused, saved, sealed, small, with_architecture, with_header

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import ModelFileError, ShapeError
from tinygrad_mlp.files import TrainedModel


def test_layers_that_do_not_follow_each_other_are_refused(tmp_path: Path) -> None:
    text = r"layer layers\.1\.layers\.1: Dense\(4, 2\) takes 4 columns, but the layer before it gives 3"
    with pytest.raises(ShapeError, match=text):
        saved(tmp_path / "m.safetensors", nn.Dense(2, 3) >> nn.Sequential(nn.Sequential(nn.ReLU(), nn.Dense(4, 2))))
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_kind_are_not_put_into_a_module_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    content = with_header(saved(path, Own()), lambda h: h["inner.0.W"].update(dtype="I32"))
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"inner\.0\.W is int32; float32 is expected"):
        TrainedModel.load(path, Own())


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    content = saved(tmp_path / "m.safetensors", small())
    for end in range(len(content)):
        refused(tmp_path / "cut.safetensors", content[:end])
    refused(tmp_path / "more.safetensors", content + b"\0")


@pytest.mark.parametrize("bit", range(8))
def test_one_changed_bit_anywhere_is_refused(tmp_path: Path, bit: int) -> None:
    model = nn.Dense(1, 2, rng=1) >> nn.BatchNorm(2)
    content, path = saved(tmp_path / "m.safetensors", model, classes=["a", "b"]), tmp_path / "changed.safetensors"
    for at in range(len(content)):
        refused(path, content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 3))
def test_any_change_of_bytes_ends_in_the_one_error_or_a_model(tmp_path: Path, at: int, new: int, how: int) -> None:
    content = TrainedModel(small(), classes=("a", "b")).to_bytes()
    at %= len(content)
    put = bytes([new])
    changed = (
        content[:at] + put + content[at + 1 :],
        content[:at] + put + content[at:],
        content[:at] + content[at + 1 :],
        content[:at] + put * 9 + content[at + 9 :],
    )[how]
    (tmp_path / "m.safetensors").write_bytes(sealed(changed))
    with contextlib.suppress(ModelFileError):
        assert np.isfinite(
            np.concatenate([p.data.ravel() for p in tg.load(tmp_path / "m.safetensors").parameters()])
        ).all()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.sampled_from(["Dense", "Sequential", "ReLU", "os.system", "relu"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["layer", "layers", "function", "n_in", "n_out", "bias", "alpha"]), inner),
    max_leaves=12,
))  # fmt: skip
def test_any_architecture_ends_in_the_one_error_or_a_model(tmp_path: Path, architecture: Any) -> None:
    content = with_architecture(TrainedModel(small()).to_bytes(), lambda _: architecture)
    (tmp_path / "m.safetensors").write_bytes(content)
    before = set(sys.modules)
    with contextlib.suppress(ModelFileError):
        assert isinstance(tg.load(tmp_path / "m.safetensors"), nn.Module)
    assert set(sys.modules) == before


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_bytes_that_are_no_model_are_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path / "m.safetensors", content)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.safetensors", "No such file"), (tmp_path, "is a folder")):
        with pytest.raises(ModelFileError, match=reason):
            tg.load(path)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Run:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    refused(tmp_path / "m.safetensors", pickle.dumps(Run()))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a["layers"][0].update(layer="os.system"), "'os.system' is unknown"),
        (lambda a: a["layers"][0].update(layer="__import__"), "is unknown"),
        (lambda a: a["layers"].__setitem__(1, {"function": "eval"}), "'eval' is unknown"),
        (lambda a: a["layers"][0].update(layer=["Dense"]), "is unknown"),
        (lambda a: a["layers"][0].update(depth=1), "expected"),
        (lambda a: a["layers"][0].update(n_in=10**9), r"W \(1000000000, 3\) expected, \(2, 3\) found"),
        (lambda a: a["layers"][0].update(n_in="2"), "n_in is '2'"),
        (lambda a: a["layers"][0].update(n_in=-2), r"W \(-2, 3\) expected, \(2, 3\) found"),
        (lambda a: a["layers"].pop() and None, "state dict"),
        (lambda a: a["layers"].append({"layer": "Dense", "n_in": 2, "n_out": 2, "bias": True}), "expected, none found"),
        (lambda a: a.update(layers={}), "a list is expected"),
        (lambda a: [], "of another kind"),
        (lambda a: a["layers"].__setitem__(1, 7), "an object with its name"),
    ],
)
def test_an_architecture_that_does_not_fit_is_refused(tmp_path: Path, change: Any, reason: str) -> None:
    content = saved(tmp_path / "m.safetensors", small())
    before = set(sys.modules)
    refused(tmp_path / "m.safetensors", with_architecture(content, change), reason)
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h: h.pop("__metadata__"), "format None"),
        (lambda h: h["__metadata__"].update(format="other"), "format 'other'"),
        (lambda h: h["__metadata__"].update(version="99"), "version '99'"),
        (lambda h: h["__metadata__"].update(architecture="{"), "m.safetensors"),
        (lambda h: h["__metadata__"].update(facts="[" * 100_000), "m.safetensors"),
        (lambda h: h["__metadata__"].update(classes='[["a"], "b"]'), "a list of texts"),
        (lambda h: h["__metadata__"].update(classes='["a"]'), "numbers of outputs differ"),
        (lambda h: h["__metadata__"].pop("facts"), "no facts"),
        (lambda h: h["layers.0.b"].update(dtype="F64"), "whole safetensors"),
        (lambda h: h["layers.0.b"].update(dtype="I32"), r"layers\.0\.b is int32; float32 is expected"),
        (lambda h: h["layers.0.b"].update(shape=[4]), "whole safetensors"),
        (lambda h: h["layers.0.b"].update(shape=[1, 3]), r"layers\.0\.b: shape \(1, 3\) given"),
        (lambda h: h.update({"layers.9.W": h.pop("layers.0.W")}), "expected"),
        (lambda h: h["layers.0.b"].update(data_offsets=[0, 2**60]), "whole safetensors"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path: Path, change: Any, reason: str) -> None:
    content = saved(tmp_path / "m.safetensors", small())
    refused(tmp_path / "m.safetensors", with_header(content, change), reason)


def test_a_header_longer_than_the_file_allocates_nothing(tmp_path: Path) -> None:
    refused(tmp_path / "m.safetensors", (2**62).to_bytes(8, "little") + b"{}", "whole safetensors")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path: Path, number: float) -> None:
    model = small()
    content = saved(tmp_path / "m.safetensors", model)
    model.layers[0].b.data = np.full(3, number)
    with pytest.raises(ModelFileError, match=r"layers\.0\.b has a number that is not finite"):
        tg.save(model, tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").read_bytes() == content
    refused(tmp_path / "bad.safetensors", sealed(content[:-4] + np.float32(number).tobytes()), "not finite")


def test_facts_have_to_be_json(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="has to be JSON"):
        tg.save(small(), tmp_path / "m.safetensors", facts={"x": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be written"):
        tg.save(small(), tmp_path / "none" / "m.safetensors")
