"""Model files: what is saved comes back bit by bit."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_files import Own, saved, small

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DtypeError, ModelFileError, OptionError, ShapeError
from tinygrad_mlp.files import TrainedModel, read_weights
from tinygrad_mlp.files.architecture import FUNCTIONS, OPTIONS
from tinygrad_mlp.files.safetensors_bytes import pack
from tinygrad_mlp.randomness import generator


def every_layer() -> nn.Sequential:
    """Every layer and function that a file can hold, in Sequentials of several depths."""
    return nn.Sequential(
        nn.Dense(3, 4, rng=1), nn.ReLU(), nn.BatchNorm(4, 1e-4, 0.2), nn.LeakyReLU(0.2), nn.Dropout(0.25),
        nn.Sequential(nn.Dense(4, 5, bias=False, rng=2), tg.tanh, nn.Sequential(nn.PReLU(5), nn.Sequential())),
        nn.Sigmoid(), nn.Softplus(), nn.LayerNorm(5, 1e-3), nn.GELU("tanh"), nn.SiLU(), nn.ELU(0.7), nn.PReLU(),
        *FUNCTIONS.values(), nn.Dense(5, 2, rng=3), nn.Tanh(), nn.Softmax(1),
    )  # fmt: skip


def every_layer_of_indices() -> nn.Sequential:
    return nn.Sequential(nn.Embedding(9, 4, rng=1), nn.Flatten(), nn.Sequential(nn.Dense(12, 2, rng=2)))


def test_every_layer_of_the_package_can_be_in_a_file() -> None:
    used = {type(m) for model in (every_layer(), every_layer_of_indices()) for m in model.named_modules().values()}
    layers = {thing for name in nn.__all__ if isinstance(thing := getattr(nn, name), type)}
    assert used == {layer for layer in layers if issubclass(layer, nn.Module)} - {nn.Module}
    assert {option for layer in used for option in layer.options} == OPTIONS.keys()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("default", [np.float32, np.float64])
@pytest.mark.parametrize("network", [every_layer, every_layer_of_indices])
def test_a_model_comes_back_with_equal_predictions(tmp_path: Path, dtype: Any, default: Any, network: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 9, (9, 3)) if network is every_layer_of_indices else rng.normal(size=(9, 3))
    before = tg.default_dtype()
    try:
        tg.set_default_dtype(dtype)
        model = network()
        for p in model.parameters():  # no layer is left with what its constructor gives
            p.data = rng.uniform(0.5, 1.5, p.shape)
        model(X)  # the running numbers of BatchNorm move
        saved(tmp_path / "m.safetensors", model)
        tg.set_default_dtype(default)
        loaded = tg.load(tmp_path / "m.safetensors")
        assert repr(loaded) == repr(model)
        assert not loaded.training
        assert tg.predict(loaded, X).dtype == dtype
        assert tg.predict(loaded, X).tobytes() == tg.predict(model, X).tobytes()
        assert TrainedModel(loaded).to_bytes() == TrainedModel(model).to_bytes()
    finally:
        tg.set_default_dtype(before)


@pytest.mark.parametrize("network", [every_layer, every_layer_of_indices])
def test_saving_and_loading_draw_nothing_from_the_generator(tmp_path: Path, network: Any) -> None:
    model = network()
    tg.seed(3)
    expected = generator(None).random()
    tg.seed(3)
    saved(tmp_path / "m.safetensors", model)
    tg.load(tmp_path / "m.safetensors")
    assert generator(None).random() == expected


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
    model = every_layer()
    scaler = tg.data.StandardScaler().fit(np.random.default_rng(0).normal(size=(9, 3)))
    content = saved(tmp_path / "m.safetensors", model, scaler=scaler, classes=["ü", "b"])
    arrays = safetensors.numpy.load_file(tmp_path / "m.safetensors")
    expected = {**model.state_dict(), "scaler.mean": scaler.mean, "scaler.scale": scaler.scale}
    assert arrays.keys() == expected.keys()
    for name, value in expected.items():
        assert arrays[name].dtype == value.dtype
        assert np.array_equal(arrays[name], value)
    with safetensors.safe_open(tmp_path / "m.safetensors", "numpy") as file:
        assert file.metadata()["format"] == "tinygrad_mlp"
        assert json.loads(file.metadata()["classes"]) == ["ü", "b"]
    size = int.from_bytes(content[:8], "little")
    assert size % 8 == 0  # so that the arrays are aligned
    header = json.loads(content[8 : 8 + size])
    spans = sorted(entry["data_offsets"] for name, entry in header.items() if name != "__metadata__")
    ends = [0, *(end for _, end in spans)]
    assert [start for start, _ in spans] == ends[:-1]  # no holes, no overlaps
    assert ends[-1] == len(content) - 8 - size


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


def test_a_model_with_a_parameter_put_in_by_hand_is_stored_as_weights(tmp_path: Path) -> None:
    model = small()
    model.layers[0].scale = nn.Parameter(np.ones(3))  # type: ignore[attr-defined]  # which Dense does not have
    saved(tmp_path / "m.safetensors", model)
    with pytest.raises(ModelFileError, match="read_weights"):
        tg.load(tmp_path / "m.safetensors")
    assert read_weights(tmp_path / "m.safetensors").keys() == model.state_dict().keys()


def test_the_order_of_the_metadata_changes_no_byte() -> None:
    assert pack({}, {"a": "1", "b": "2"}) == pack({}, {"b": "2", "a": "1"})


def test_a_loaded_model_trains_on(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    y = (X[:, 0] > 0).astype(int)
    models = [small(), small()]
    saved(tmp_path / "m.safetensors", models[0])
    models[0] = tg.load(tmp_path / "m.safetensors")  # type: ignore[assignment]  # it is a Sequential again
    for model in models:
        tg.fit(model, tg.softmax_cross_entropy, tg.optim.SGD(model, 0.1), (X, y), epochs=2, rng=0)
    assert np.array_equal(tg.predict(models[0], X), tg.predict(models[1], X))


def test_a_file_without_names_is_one_of_a_model_alone(tmp_path: Path) -> None:
    saved(tmp_path / "m.safetensors", small())
    loaded = TrainedModel.load(tmp_path / "m.safetensors")
    assert (loaded.scaler, loaded.classes, loaded.feature_names, loaded.label_name, loaded.facts) == (
        None, (), (), None, {},
    )  # fmt: skip


@given(st.dictionaries(st.text(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
), max_size=4), st.lists(st.text(), min_size=2, max_size=2))  # fmt: skip
def test_any_facts_and_names_come_back(facts: dict[str, Any], names: list[str]) -> None:
    content = TrainedModel(small(), None, tuple(names), tuple(names), names[0], facts).to_bytes()
    loaded = TrainedModel.from_bytes(content)
    assert (loaded.facts, loaded.classes, loaded.feature_names) == (facts, tuple(names), tuple(names))
    assert loaded.label_name == names[0]
    assert loaded.to_bytes() == content


def test_the_order_in_which_facts_were_given_changes_no_byte() -> None:
    first = TrainedModel(small(), facts={"a": 1, "b": {"c": 2, "d": 3}}).to_bytes()
    assert TrainedModel(small(), facts={"b": {"d": 3, "c": 2}, "a": 1}).to_bytes() == first


def test_weights_that_are_not_contiguous_are_stored_in_order(tmp_path: Path) -> None:
    model = nn.Dense(3, 2, rng=0)
    W = np.arange(6, dtype=np.float32).reshape(2, 3)
    model.W._data = W.T
    saved(tmp_path / "m.safetensors", model)
    assert np.array_equal(read_weights(tmp_path / "m.safetensors")["W"], W.T)


def test_loaded_weights_are_the_models_own(tmp_path: Path) -> None:
    content = saved(tmp_path / "m.safetensors", small())
    model = tg.load(tmp_path / "m.safetensors")
    for parameter in model.parameters():
        parameter.data = parameter.data + 1
    assert (tmp_path / "m.safetensors").read_bytes() == content
    again = tg.load(tmp_path / "m.safetensors").state_dict()
    assert all(np.array_equal(again[name], value) for name, value in small().state_dict().items())


def test_what_is_frozen_is_frozen_when_it_comes_back(tmp_path: Path) -> None:
    model = every_layer()
    layers = [layer for layer in model.layers if isinstance(layer, nn.Module) and layer.parameters()]
    for layer in layers[::2]:
        layer.freeze()
    saved(tmp_path / "m.safetensors", model)
    flags = {name: p.requires_grad for name, p in model.named_parameters().items()}
    assert len(set(flags.values())) == 2
    for loaded in (
        tg.load(tmp_path / "m.safetensors"),
        TrainedModel.load(tmp_path / "m.safetensors", every_layer()).model,
    ):
        assert {name: p.requires_grad for name, p in loaded.named_parameters().items()} == flags
    assert tg.load(tmp_path / "m.safetensors").unfreeze().parameters()[0].requires_grad


def test_own_layers_come_back_frozen(tmp_path: Path) -> None:
    model = Own()
    model.inner[0].freeze()
    saved(tmp_path / "m.safetensors", model)
    loaded = TrainedModel.load(tmp_path / "m.safetensors", Own()).model
    assert [name for name, p in loaded.named_parameters().items() if p.requires_grad] == ["inner.1.W", "inner.1.b"]


def test_a_file_without_a_word_on_freezing_is_read_as_before(tmp_path: Path) -> None:
    """What earlier versions wrote; and a model in which nothing is frozen is written as they wrote it."""
    content = saved(tmp_path / "m.safetensors", every_layer())
    assert b'"frozen"' not in content
    loaded = tg.load(tmp_path / "m.safetensors")
    flags = {name: p.requires_grad for name, p in every_layer().named_parameters().items()}
    assert {name: p.requires_grad for name, p in loaded.named_parameters().items()} == flags


def test_the_scaler_of_the_targets_comes_back_and_gives_the_units_of_the_data(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).normal(size=(9, 3)), np.arange(9.0)[:, None] * 100
    scaler, of_targets = tg.data.StandardScaler().fit(X), tg.data.StandardScaler().fit(y)
    model = nn.Dense(3, 1, rng=1)
    tg.save(model, tmp_path / "m", scaler=scaler, label_name="price", target_scaler=of_targets)
    trained = TrainedModel.load(tmp_path / "m")
    assert trained.target_scaler is not None
    assert (trained.target_scaler.mean, trained.target_scaler.scale) == (of_targets.mean, of_targets.scale)
    by_hand = tg.predict(model, (X - X.mean(axis=0)) / X.std(axis=0)).astype(float) * y.std() + y.mean()
    np.testing.assert_allclose(trained.numbers(X), by_hand, rtol=1e-6)
    assert read_weights(tmp_path / "m").keys() == {"W", "b"}
    np.testing.assert_array_equal(TrainedModel(model).numbers(X), tg.predict(model, X))


def test_a_scaler_of_targets_has_to_fit_the_model(tmp_path: Path) -> None:
    one = tg.data.StandardScaler().fit([[1.0], [2.0]])
    with pytest.raises(ShapeError, match="the last layer gives 2, the target_scaler has 1"):
        TrainedModel(small(), target_scaler=one)
    with pytest.raises(OptionError, match="classes and a target_scaler: a model gives logits of classes or numbers"):
        TrainedModel(nn.Dense(2, 1, rng=0), classes=("a",), target_scaler=one)
    with pytest.raises(DtypeError, match="the target_scaler is 3; a StandardScaler is expected"):
        TrainedModel(nn.Dense(2, 1, rng=0), target_scaler=3)  # type: ignore[arg-type]  # what is refused
    named = nn.Dense(2, 1, rng=0)
    named.target_scaler = nn.Dense(2, 1, rng=0)
    with pytest.raises(ModelFileError, match="a parameter cannot be named target_scaler"):
        tg.save(named, tmp_path / "m")
