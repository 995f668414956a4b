"""Normalisation, embeddings, and the activations beyond the guide's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from model_files import sealed
from numeric import gradient

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import LabelError, ModelFileError, OptionError, ShapeError


@pytest.fixture(autouse=True)
def float64() -> Any:
    tg.set_default_dtype(np.float64)
    yield
    tg.set_default_dtype(np.float32)


def rows(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(3, 2, shape)


def test_batch_norm_in_training_uses_the_batch() -> None:
    layer, x = nn.BatchNorm(3), rows(8, 3)
    layer.gamma.data, layer.beta.data = [1, 2, 3], [0, 1, -1]
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5) * [1, 2, 3] + [0, 1, -1]
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-13)


def test_batch_norm_keeps_running_means_and_uses_them_in_evaluation() -> None:
    layer, x = nn.BatchNorm(3, momentum=0.25), rows(8, 3)
    layer(x)
    mean, variance = 0.25 * x.mean(0), 0.75 + 0.25 * x.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_variance.data, variance, rtol=1e-13)
    new = rows(2, 3)
    np.testing.assert_allclose(layer.eval()(new).data, (new - mean) / np.sqrt(variance + 1e-5), rtol=1e-13)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-13)


def test_batch_norm_normalises_over_all_axes_but_the_last() -> None:
    x = rows(4, 5, 3)
    y = nn.BatchNorm(3)(x).data
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var((0, 1)), 1, rtol=1e-4)


def test_a_batch_of_one_row_gives_the_shift_and_changes_no_running_mean() -> None:
    layer = nn.BatchNorm(2)
    layer.beta.data = [1, 2]
    assert layer(np.array([[5.0, 7.0]])).data.tolist() == [[1, 2]]
    assert layer.running_mean.data.tolist() == [0, 0]


def test_layer_norm_normalises_each_row_also_in_evaluation() -> None:
    layer, x = nn.LayerNorm(4), rows(3, 4)
    expected = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)
    np.testing.assert_allclose(layer.eval()(x).data, expected, rtol=1e-12)


@pytest.mark.parametrize("make", [nn.BatchNorm, nn.LayerNorm])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_normalisation_equal_finite_differences(make: Any, training: bool) -> None:
    x = rows(5, 3)
    weights = np.random.default_rng(2).normal(size=(5, 3))
    layer = make(3).train(training)
    t = tg.Tensor(x, requires_grad=True)
    (layer(t) * weights).sum().backward()
    np.testing.assert_allclose(
        t.grad, gradient(lambda a: float((layer(tg.Tensor(a)).data * weights).sum()), [x]), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(layer.beta.grad, weights.sum(0), rtol=1e-12)


def test_running_means_are_stored_but_not_trained() -> None:
    model = nn.Dense(2, 3, rng=0) >> nn.BatchNorm(3)
    model(rows(4, 2))
    state = model.state_dict()
    assert set(state) == {"layers.0.W", "layers.0.b"} | {
        f"layers.1.{name}" for name in ("gamma", "beta", "running_mean", "running_variance")
    }
    other = nn.Dense(2, 3, rng=1) >> nn.BatchNorm(3)
    other.load_state_dict(state)
    x = rows(3, 2)
    assert np.array_equal(other.eval()(x).data, model.eval()(x).data)
    before = model.layers[1].running_mean.numpy()
    adam = tg.optim.Adam(model)
    model.eval()(x).sum().backward()
    adam.step()
    assert np.array_equal(model.layers[1].running_mean.data, before)


def test_the_table_counts_what_is_learned() -> None:
    assert "6" in repr(nn.Sequential(nn.BatchNorm(3))).splitlines()[2]


@pytest.mark.parametrize("make", [nn.BatchNorm, nn.LayerNorm])
def test_normalisation_names_what_does_not_fit(make: Any) -> None:
    with pytest.raises(ShapeError, match=r"X \(4, 2\); \(N, …, 3\)"):
        make(3)(rows(4, 2))
    with pytest.raises(OptionError, match="n is 0"):
        make(0)
    with pytest.raises(OptionError, match="epsilon"):
        make(3, epsilon=0.0)


@pytest.mark.parametrize("momentum", [0, -0.1, 1.1, math.nan])
def test_batch_norm_checks_its_momentum(momentum: float) -> None:
    with pytest.raises(OptionError, match="momentum"):
        nn.BatchNorm(3, momentum=momentum)


def test_embedding_gives_rows_and_adds_up_their_gradients() -> None:
    layer = nn.Embedding(4, 2, rng=0)
    indices = np.array([[0, 3], [3, 3]])
    y = layer(indices)
    assert np.array_equal(y.data, layer.W.data[indices])
    y.sum().backward()
    assert layer.W.grad is not None
    assert layer.W.grad.tolist() == [[1, 1], [0, 0], [0, 0], [3, 3]]
    assert np.array_equal(layer(indices.astype(float)).data, y.data)


@pytest.mark.parametrize("index", [-1, 4, 1.5, math.inf, math.nan])
def test_embedding_refuses_what_is_no_index(index: float) -> None:
    with pytest.raises(LabelError, match=r"at \(1,\); 0 to 3"):
        nn.Embedding(4, 2)(np.array([0, index]))


def test_flatten_makes_rows() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert nn.Flatten()(tg.Tensor(x)).shape == (2, 12)
    assert nn.Flatten()(tg.Tensor(x[:0])).shape == (0, 12)
    assert nn.Flatten().output_shape(("N", 3, 4)) == ("N", 12)


@pytest.mark.parametrize(
    ("layer", "operation"),
    [
        (nn.SiLU(), tg.silu),
        (nn.ELU(0.5), lambda x: tg.elu(x, alpha=0.5)),
        (nn.GELU(), tg.gelu),
        (nn.GELU("tanh"), lambda x: tg.gelu(x, approximate="tanh")),
        (nn.PReLU(), lambda x: tg.leaky_relu(x, alpha=0.25)),
    ],
)
def test_activation_layers_do_what_their_operations_do(layer: nn.Module, operation: Any) -> None:
    x = tg.Tensor(np.linspace(-3, 3, 13).reshape(1, 13))
    np.testing.assert_allclose(layer(x).data, operation(x).data, rtol=1e-15)
    assert layer.output_shape(("N", 13)) == ("N", 13)


def test_prelu_learns_a_slope_for_each_feature() -> None:
    layer = nn.PReLU(2)
    layer(tg.Tensor(np.array([[-1.0, 2.0], [-3.0, -5.0]]))).sum().backward()
    assert layer.alpha.grad is not None
    assert layer.alpha.grad.tolist() == [-4, -5]


def test_models_of_these_layers_can_be_saved_and_loaded(tmp_path: Any) -> None:
    model = (
        nn.Dense(3, 4, rng=0) >> nn.BatchNorm(4, momentum=0.3) >> nn.GELU("tanh") >> nn.LayerNorm(4) >> nn.PReLU(4)
        >> nn.ELU(0.3) >> nn.SiLU() >> nn.Flatten() >> nn.Dense(4, 2, rng=1)
    )  # fmt: skip
    x = rows(6, 3)
    model(x)
    tg.save(model, tmp_path / "m.safetensors")
    assert np.array_equal(tg.load(tmp_path / "m.safetensors")(x).data, model.eval()(x).data)


@pytest.mark.parametrize("layer", [nn.BatchNorm(2), nn.LayerNorm(2), nn.PReLU(2), nn.Embedding(2, 3)])
def test_a_file_cannot_ask_for_a_layer_larger_than_its_weights(tmp_path: Any, layer: nn.Module) -> None:
    path = tmp_path / "m.safetensors"
    tg.save(nn.Sequential(layer), path)
    content = path.read_bytes()
    at = content.index(b'"n\\": 2') if b'"n\\": 2' in content else content.index(b'n\\":2')
    path.write_bytes(sealed(content[:at] + content[at:].replace(b"2", b"9", 1)))
    with pytest.raises(ModelFileError, match="expected"):
        tg.load(path)
