"""Model files: what is saved comes back bit by bit, and nothing else is let in."""

from __future__ import annotations

import contextlib
import itertools
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import ModelFileError, ShapeError
from tinygrad_mlp.files import TrainedModel, read_weights


def every_layer() -> nn.Sequential:
    return (
        nn.Dense(3, 4, rng=1) >> nn.ReLU() >> nn.BatchNorm(4) >> nn.LeakyReLU(0.2) >> nn.Dropout(0.25)
        >> nn.Sequential(nn.Dense(4, 5, bias=False, rng=2), tg.tanh) >> nn.Sigmoid() >> nn.Softplus() >> nn.LayerNorm(5)
        >> nn.Dense(5, 2, rng=3) >> nn.Tanh() >> nn.Softmax()
    )  # fmt: skip


def small() -> nn.Sequential:
    return nn.Dense(2, 3, rng=1) >> nn.ReLU() >> nn.Dense(3, 2, rng=2)


def saved(path: Path, model: nn.Module, **beside: Any) -> bytes:
    tg.save(model, path, **beside)
    return path.read_bytes()


def with_header(content: bytes, change: Any) -> bytes:
    """The file with a changed header."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def with_architecture(content: bytes, change: Any) -> bytes:
    """The file with a changed architecture."""

    def edit(header: Any) -> None:
        architecture = json.loads(header["__metadata__"]["architecture"])
        header["__metadata__"]["architecture"] = json.dumps(
            architecture if (new := change(architecture)) is None else new
        )

    return with_header(content, edit)


def refused(path: Path, content: bytes, reason: str = "cannot be read") -> None:
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason) as caught:
        tg.load(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_comes_back_with_equal_predictions(tmp_path: Path, dtype: Any) -> None:
    tg.set_default_dtype(dtype)
    try:
        model = every_layer()
        X = np.random.default_rng(0).normal(size=(9, 3))
        model(X)
        saved(tmp_path / "m.safetensors", model)
    finally:
        tg.set_default_dtype(np.float32)
    loaded = tg.load(tmp_path / "m.safetensors")
    assert repr(loaded) == repr(model)
    assert not loaded.training
    assert tg.predict(loaded, X).dtype == dtype
    assert np.array_equal(tg.predict(loaded, X), tg.predict(model, X))


def test_what_belongs_to_a_model_comes_back(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(3, 2, (9, 2))
    scaler = tg.data.StandardScaler().fit(X)
    how = {"classes": ("B", "M"), "feature_names": ("größe", 'a "b"'), "label_name": "kind", "facts": {"seed": 3}}
    saved(tmp_path / "m.safetensors", small(), scaler=scaler, **how)
    loaded = TrainedModel.load(tmp_path / "m.safetensors")
    assert {name: getattr(loaded, name) for name in how} == how
    assert np.array_equal(loaded.scaler.transform(X), scaler.transform(X))  # type: ignore[union-attr]
    np.testing.assert_allclose(loaded.probabilities(X).sum(axis=1), 1)
    assert np.array_equal(loaded.logits(X), tg.predict(small(), scaler.transform(X)))


def test_numbers_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    for beside, text in ((("classes", ("a",)), "classes: 1"), (("feature_names", ("a",)), "feature names: 1")):
        with pytest.raises(ShapeError, match=text):
            saved(tmp_path / "m.safetensors", small(), **dict([beside]))


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.safetensors", every_layer()) == saved(tmp_path / "b.safetensors", every_layer())


def test_two_fresh_processes_give_the_same_bytes(tmp_path: Path) -> None:
    code = """
import sys, numpy as np, tinygrad_mlp as tg
tg.seed(7)
model = tg.nn.Dense(3, 8) >> tg.nn.ReLU() >> tg.nn.Dropout(0.2) >> tg.nn.Dense(8, 2)
X = np.linspace(-1, 1, 90).reshape(30, 3)
history = tg.fit(model, tg.softmax_cross_entropy, tg.optim.Adam(model), (X, (X[:, 0] > 0).astype(int)), epochs=3)
tg.save(model, sys.argv[1], facts={"b": 1, "a": 2})
history.to_csv(sys.argv[2])
"""
    for name in ("first", "second"):
        files = [str(tmp_path / f"{name}.safetensors"), str(tmp_path / f"{name}.csv")]
        subprocess.run([sys.executable, "-c", code, *files], check=True)
    for suffix in (".safetensors", ".csv"):
        assert (tmp_path / f"first{suffix}").read_bytes() == (tmp_path / f"second{suffix}").read_bytes()


def test_the_safetensors_library_reads_the_file(tmp_path: Path) -> None:
    model = small()
    saved(tmp_path / "m.safetensors", model)
    arrays = safetensors.numpy.load_file(tmp_path / "m.safetensors")
    assert arrays.keys() == model.state_dict().keys()
    assert all(np.array_equal(arrays[name], value) for name, value in model.state_dict().items())


class Own(nn.Module):
    def __init__(self) -> None:
        self.inner = [nn.Dense(2, 3, rng=1), nn.Dense(3, 2, rng=2)]

    def forward(self, x: Any) -> Any:
        return self.inner[1](tg.relu(self.inner[0](x)))


def test_weights_of_a_module_of_ones_own_are_loaded_into_one_that_is_built_alike(tmp_path: Path) -> None:
    path, model, other = tmp_path / "m.safetensors", Own(), Own()
    other.inner[0].W.data = np.zeros((2, 3))
    saved(path, model)
    with pytest.raises(ModelFileError, match=r"not the package's.*load_state_dict"):
        tg.load(path)
    other.load_state_dict(read_weights(path))
    X = np.ones((4, 2))
    assert np.array_equal(tg.predict(other, X), tg.predict(model, X))
    assert np.array_equal(tg.predict(TrainedModel.load(path, Own()).model, X), tg.predict(model, X))


@pytest.mark.parametrize(
    ("model", "X"),
    [
        (nn.Embedding(9, 4, rng=1) >> nn.Flatten() >> nn.Dense(12, 2, rng=2), np.arange(6).reshape(2, 3)),
        (nn.Dense(3, 4, rng=1) >> nn.Flatten() >> nn.Dense(20, 2, rng=2), np.ones((2, 5, 3))),
        (nn.LayerNorm(4) >> nn.Flatten() >> nn.Dense(12, 2, rng=2), np.arange(24.0).reshape(2, 3, 4) ** 2),
        (nn.Dense(3, 4, rng=1) >> nn.Softmax(1), np.ones((2, 5, 3))),
        (nn.Sequential(), np.ones((2, 5))),
        (nn.Dense(3, 4, rng=1), np.ones((2, 3))),
    ],
    ids=["indices", "flattened late", "normalised first", "softmax of an axis", "empty", "one layer"],
)
def test_whatever_can_be_saved_can_be_loaded(tmp_path: Path, model: nn.Module, X: np.ndarray) -> None:
    saved(tmp_path / "m.safetensors", model, feature_names=[])
    assert np.array_equal(tg.predict(tg.load(tmp_path / "m.safetensors"), X), tg.predict(model, X))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.data())
def test_any_network_in_a_row_comes_back_bit_by_bit(tmp_path: Path, sizes: list[int], data: st.DataObject) -> None:
    between = [nn.ReLU(), nn.LeakyReLU(0.1), nn.Tanh(), nn.Sigmoid(), nn.Dropout(0.2), nn.GELU(), tg.relu, tg.silu]
    layers: list[Any] = []
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.Dense(n_in, n_out, bias=data.draw(st.booleans()), rng=i), data.draw(st.sampled_from(between))]
    model = nn.Sequential(*layers)
    content = saved(tmp_path / "m.safetensors", model)
    loaded = tg.load(tmp_path / "m.safetensors")
    X = np.random.default_rng(0).normal(size=(4, sizes[0]))
    assert np.array_equal(tg.predict(loaded, X), tg.predict(model, X))
    assert saved(tmp_path / "m.safetensors", loaded) == content


def test_a_model_of_which_one_layer_stands_in_two_places_is_stored_as_weights(tmp_path: Path) -> None:
    layer = nn.Dense(2, 2, rng=1)
    saved(tmp_path / "m.safetensors", layer >> layer)
    with pytest.raises(ModelFileError, match="read_weights"):
        tg.load(tmp_path / "m.safetensors")
    assert read_weights(tmp_path / "m.safetensors").keys() == {"layers.0.W", "layers.0.b"}


def test_a_loaded_model_trains_on(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    y = (X[:, 0] > 0).astype(int)
    models = [small(), small()]
    saved(tmp_path / "m.safetensors", models[0])
    models[0] = tg.load(tmp_path / "m.safetensors")  # type: ignore[assignment]  # it is a Sequential again
    for model in models:
        tg.fit(model, tg.softmax_cross_entropy, tg.optim.SGD(model, 0.1), (X, y), epochs=2, rng=0)
    assert np.array_equal(tg.predict(models[0], X), tg.predict(models[1], X))


# What is refused.


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


def test_one_changed_byte_is_refused_or_gives_other_numbers_or_names(tmp_path: Path) -> None:
    content, path = saved(tmp_path / "m.safetensors", small()), tmp_path / "changed.safetensors"
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with contextlib.suppress(ModelFileError):  # any other error fails the test
            assert TrainedModel.load(path).to_bytes() != content


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_bytes_that_are_no_model_are_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path / "m.safetensors", content)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.safetensors", "No such file"), (tmp_path, "directory")):
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
        (lambda a: a["layers"][0].update(n_in=-2), "n_in is -2"),
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
    refused(tmp_path / "bad.safetensors", content[:-4] + np.float32(number).tobytes(), "not finite")


def test_facts_have_to_be_json(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="has to be JSON"):
        tg.save(small(), tmp_path / "m.safetensors", facts={"x": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be written"):
        tg.save(small(), tmp_path / "none" / "m.safetensors")
