"""Whole files whose contents no model has are refused, and models whose files could not be read are not saved."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import Own, refused, saved, small, with_architecture, with_header, with_text

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DtypeError, ModelFileError
from tinygrad_mlp.files import TrainedModel, read_weights, safetensors_bytes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bias": "no"}, "bias is 'no'; bool is expected"),
        ({"bias": 0}, "bias is 0; bool is expected"),
        ({"bias": False}, "unknown layers.0.b"),
        ({"n_in": True}, "n_in is True; int is expected"),
        ({"n_in": 2.0}, r"n_in is 2\.0; int is expected"),
        ({"n_in": None}, "n_in is None; int is expected"),
        ({"n_in": [2]}, r"n_in is \[2\]; int is expected"),
        ({"n_in": {"x": 1}}, "int is expected"),
        ({"n_in": 0}, r"W \(0, 3\) expected"),
        ({"n_in": 10**4000}, r"W \(10+ expected, \(2, 3\) found"),
    ],
)
def test_options_of_a_wrong_type_or_size_are_refused(tmp_path: Path, change: Any, reason: str) -> None:
    content = with_architecture(TrainedModel(small()).to_bytes(), lambda a: a["layers"][0].update(change))
    refused(tmp_path / "m.safetensors", content, f"layers.0.*{reason}" if "unknown" not in reason else reason)


@pytest.mark.parametrize(
    ("layer", "change", "reason"),
    [
        (nn.Softmax(), {"axis": 1.5}, "axis is 1.5; int is expected"),
        (nn.Softmax(), {"axis": True}, "axis is True; int is expected"),
        (nn.ELU(), {"alpha": "1"}, "alpha is '1'; float is expected"),
        (nn.ELU(), {"alpha": True}, "alpha is True; float is expected"),
        (nn.ELU(), {"alpha": 10**400}, "too large"),
        (nn.ELU(), {"alpha": float("nan")}, "NaN is not a number of JSON"),
        (nn.GELU(), {"approximate": "sigmoid"}, "'none' or 'tanh'"),
        (nn.GELU(), {"approximate": 1}, "approximate is 1; str is expected"),
        (nn.Dropout(), {"p": 1.5}, "0 ≤ p < 1"),
        (nn.Dropout(), {"p": -1}, "0 ≤ p < 1"),
        (nn.LayerNorm(3), {"n": 10**12}, r"gamma \(1000000000000,\) expected, \(3,\) found"),
        (nn.BatchNorm(3), {"n": 10**12}, r"gamma \(1000000000000,\) expected, \(3,\) found"),
        (nn.BatchNorm(3), {"epsilon": -1.0}, "epsilon is -1"),
        (nn.BatchNorm(3), {"momentum": 2.0}, "momentum is 2"),
        (nn.PReLU(3), {"n": 10**12}, r"alpha \(1000000000000,\) expected, \(3,\) found"),
        (nn.Embedding(3, 2), {"size": 10**12}, r"W \(3, 1000000000000\) expected, \(3, 2\) found"),
        (nn.Dense(3, 2), {"n_out": 10**12}, r"W \(3, 1000000000000\) expected, \(3, 2\) found"),
    ],
)
def test_options_that_a_layer_does_not_take_are_refused_and_allocate_nothing(
    tmp_path: Path, layer: nn.Module, change: Any, reason: str
) -> None:
    content = with_architecture(TrainedModel(layer).to_bytes(), lambda a: a.update(change))
    tracemalloc.start()
    try:
        refused(tmp_path / "m.safetensors", content, reason)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"classes":', '"classes":"[]","classes":', "whole safetensors file: the key 'classes' is there twice"),
        ('"layers.0.b":', '"layers.0.b":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"layers.0.b":', "twice"),
        ('"__metadata__":', '"__metadata__":{},"__metadata__":', "__metadata__"),
        ('\\"n_in\\": 2', '\\"n_in\\": 9, \\"n_in\\": 2', "architecture cannot be read: the key 'n_in' is there twice"),
        ('"facts":"{}"', '"facts":"{\\"a\\": NaN}"', "facts cannot be read: NaN is not a number"),
        ('"facts":"{}"', '"facts":"{\\"a\\": 1e999}"', "facts cannot be read: 1e999 is too large"),
        ('"facts":"{}"', '"facts":"{} {}"', "facts cannot be read: Extra data"),
        ('"facts":"{}"', '"facts":"[]"', "facts is .*of another kind"),
        ('"facts":"{}"', '"facts":{}', "whole safetensors"),
        ('"label":"null"', '"label":"3"', "label is 3"),
        ('"features":"[]"', '"features":"[1]"', "a list of texts"),
        ('"version":"2"', '"version":"3"', "version '3' of the format; this program reads '1' and '2'"),
        ('"format":"tinygrad_mlp"', '"format":"pt"', "format 'pt'"),
    ],
)
def test_metadata_that_are_not_what_was_saved_are_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    refused(tmp_path / "m.safetensors", with_text(TrainedModel(small()).to_bytes(), old, new), reason)


@pytest.mark.parametrize("depth", [100, 10_000])
@pytest.mark.parametrize("of", ["architecture", "facts", "classes"])
def test_metadata_nested_too_deeply_are_refused(tmp_path: Path, depth: int, of: str) -> None:
    opening = '{"layer": "Sequential", "layers": [' if of == "architecture" else "["
    closing = "]}" if of == "architecture" else "]"
    content = with_header(
        TrainedModel(small()).to_bytes(), lambda h: h["__metadata__"].update({of: opening * depth + closing * depth})
    )
    refused(tmp_path / "m.safetensors", content, "nested too deeply" if depth > 1000 else "cannot be read")


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "I32", "BOOL", "C64", "none"])
def test_arrays_of_no_use_are_refused(tmp_path: Path, dtype: str) -> None:
    entry = {"dtype": dtype, "shape": [0], "data_offsets": [0, 0]}
    refused(tmp_path / "m.safetensors", with_header(TrainedModel(small()).to_bytes(), lambda h: h.update(x=entry)))


@pytest.mark.parametrize("shape", [[2**63, 0], [2**64 - 1, 0], [2**63 - 1, 0], [0] * 70, [-1], [1.5], "3", [2**64]])
def test_shapes_that_no_array_has_are_refused(tmp_path: Path, shape: Any) -> None:
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
    content = with_header(TrainedModel(small()).to_bytes(), lambda h: h.update(x=entry))
    refused(tmp_path / "m.safetensors", content)


def test_a_variance_below_0_is_refused(tmp_path: Path) -> None:
    model = nn.Dense(2, 2, rng=0) >> nn.BatchNorm(2)
    model.layers[1].running_variance.data = np.array([1, -1])  # type: ignore[union-attr]  # layers may be functions
    saved(tmp_path / "m.safetensors", model)
    with pytest.raises(ModelFileError, match=r"layers\.1\.running_variance has a number below 0"):
        tg.load(tmp_path / "m.safetensors")


def test_names_of_code_import_and_call_nothing(tmp_path: Path) -> None:
    content = TrainedModel(small()).to_bytes()
    before = set(sys.modules)
    for name in (
        "os.system",
        "antigravity",
        "this:main",
        "nn.Dense",
        "__class__",
        "Module",
        "Parameter",
        "initialisers",
    ):
        for entry in ({"layer": name}, {"function": name}, {"layer": "Dense", "n_in": 2, "n_out": 3, "weights": name}):
            changed = with_architecture(content, lambda a, entry=entry: a["layers"].__setitem__(0, entry))
            refused(tmp_path / "m.safetensors", changed, "unknown|with")
    assert set(sys.modules) == before
    assert not {"antigravity", "this"} & before


def test_a_failed_load_leaves_a_module_of_ones_own_as_it_was(tmp_path: Path) -> None:
    content = saved(tmp_path / "m.safetensors", Own())
    for change in ({"shape": [2, 3]}, {"dtype": "I32"}):
        (tmp_path / "m.safetensors").write_bytes(with_header(content, lambda h, c=change: h["inner.1.W"].update(c)))
        model = Own()
        model.inner[0].W.data = np.full((2, 3), 7)
        with pytest.raises(ModelFileError, match=r"inner\.1\.W"):
            TrainedModel.load(tmp_path / "m.safetensors", model)
        assert (model.inner[0].W.data == 7).all()
        assert model.training


@pytest.mark.parametrize("read", [tg.load, TrainedModel.load, read_weights])
def test_every_reader_names_path_and_reason(tmp_path: Path, read: Any) -> None:
    (tmp_path / "empty.safetensors").write_bytes(b"")
    reasons = {
        "none.safetensors": "No such file",
        "empty.safetensors": "whole safetensors",
        ".": "is a folder",
        "a\0": "null",
    }
    for name, reason in reasons.items():
        path = f"{tmp_path}/{name}"
        with pytest.raises(ModelFileError, match=reason) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: the model cannot be read: ")


@pytest.mark.parametrize(
    ("beside", "error", "reason"),
    [
        ({"classes": [0, 1]}, DtypeError, "class 0 is int; str is expected"),
        ({"feature_names": ["a", None]}, DtypeError, "feature name None is NoneType; str"),
        ({"label_name": 3}, DtypeError, "label name 3 is int"),
        ({"scaler": "standard"}, DtypeError, "the scaler is 'standard'; a StandardScaler"),
        ({"facts": {"loss": float("nan")}}, ModelFileError, "has to be JSON"),
        ({"facts": {"a": {1, 2}}}, ModelFileError, "has to be JSON"),
    ],
)
def test_what_could_not_be_loaded_again_is_not_saved(tmp_path: Path, beside: Any, error: Any, reason: str) -> None:
    with pytest.raises(error, match=reason):
        tg.save(small(), tmp_path / "m.safetensors", **beside)
    assert list(tmp_path.iterdir()) == []


def test_a_header_longer_than_readers_take_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors_bytes, "LONGEST_HEADER", 2000)
    with pytest.raises(ModelFileError, match="above 2,000"):
        tg.save(small(), tmp_path / "m.safetensors", facts={"a": "x" * 3000})
    assert list(tmp_path.iterdir()) == []


def test_a_parameter_named_as_the_scalers_is_not_saved(tmp_path: Path) -> None:
    class Scaling(nn.Module):
        def __init__(self) -> None:
            self.scaler = nn.Dense(2, 2, rng=0)

    with pytest.raises(ModelFileError, match=r"a parameter cannot be named scaler\.W"):
        tg.save(Scaling(), tmp_path / "m.safetensors")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
    with pytest.raises(ModelFileError, match="symbolic links"):
        tg.load(tmp_path / "loop.safetensors")


@pytest.mark.parametrize(
    ("frozen", "reason"),
    [
        ('["layers.9.W"]', r"frozen has 'layers\.9\.W', which is no parameter of the network"),
        ('"layers.0.W"', "frozen is 'layers.0.W', which is of another kind"),
        ("[1]", "a list of texts is expected"),
        ("[", "frozen cannot be read"),
    ],
)
def test_freezing_that_does_not_fit_the_network_is_refused(tmp_path: Path, frozen: str, reason: str) -> None:
    content = TrainedModel(small()).to_bytes()
    refused(tmp_path / "m.safetensors", with_header(content, lambda h: h["__metadata__"].update(frozen=frozen)), reason)
