"""Laws of single layers: Dense beside its formula, Dropout's share and scale, initialisers' limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.nn import initialisers


@given(
    leading=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    n_in=st.integers(1, 5),
    n_out=st.integers(1, 5),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_dense_is_its_formula_for_any_number_of_axes(
    leading: tuple[int, ...], n_in: int, n_out: int, bias: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    layer = nn.Dense(n_in, n_out, bias=bias, rng=rng)
    for p in layer.parameters():
        p.data = rng.normal(size=p.shape)
    x, dY = rng.normal(size=(*leading, n_in)).astype(np.float32), rng.normal(size=(*leading, n_out))
    dY = dY.astype(np.float32)
    W, b = layer.W.data.astype(float), layer.b.data.astype(float) if layer.b is not None else 0
    t = tg.Tensor(x, requires_grad=True)
    y = layer(t)
    assert (y.shape, y.dtype) == (dY.shape, np.float32)
    np.testing.assert_allclose(y.data, x @ W + b, rtol=1e-4, atol=1e-5)
    y.backward(dY)
    rows, upstream = x.reshape(-1, n_in), dY.reshape(-1, n_out)
    np.testing.assert_allclose(layer.W.grad, rows.T @ upstream, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(t.grad, dY @ W.T, rtol=1e-4, atol=1e-5)
    if layer.b is not None:
        np.testing.assert_allclose(layer.b.grad, upstream.sum(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("x", [[1, 2], [[1, 2], [3, 4]], (1, 2), np.array([1, 2], np.uint8), np.array([1, 2], ">f8")])
def test_integers_lists_and_other_dtypes_count_as_the_numbers_that_they_are(x: Any) -> None:
    layer = nn.Dense(2, 3, rng=0)
    y = layer(x)
    assert y.dtype == np.float32
    assert np.array_equal(y.data, layer(tg.Tensor(np.asarray(x, np.float32))).data)


@pytest.mark.parametrize(
    ("bias", "x", "shapes"), [(True, (4, 3), r"X \(4, 3\) · W \(2, 5\)"), (False, (3,), r"\(1, 3\) · .*\(2, 5\)")]
)
def test_dense_by_itself_names_the_sizes_that_differ(bias: bool, x: tuple[int, ...], shapes: str) -> None:
    with pytest.raises(ShapeError, match=rf"^(dense|matmul): .*{shapes}.*3 and 2"):
        nn.Dense(2, 5, bias=bias)(np.ones(x))


@given(p=st.floats(0.01, 0.95), seed=st.integers(0, 99))
def test_dropout_drops_its_share_and_keeps_the_mean(p: float, seed: int) -> None:
    x = tg.Tensor(np.full((100, 100), 3, np.float32), requires_grad=True)
    y = nn.Dropout(p, rng=seed)(x)
    kept = y.data != 0
    deviation = np.sqrt(p * (1 - p) / y.size)
    assert abs(kept.mean() - (1 - p)) < 5 * deviation
    np.testing.assert_allclose(y.data[kept], 3 / (1 - p), rtol=1e-6)
    assert abs(y.data.mean() - 3) < 5 * deviation * 3 / (1 - p) + 1e-5
    g = np.random.default_rng(seed).normal(size=y.shape).astype(np.float32)
    y.backward(g)
    np.testing.assert_allclose(x.grad, np.where(kept, g / (1 - p), 0), rtol=1e-5)
    assert (y.dtype, x.grad.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("layer", [nn.Dropout(0.5).eval(), nn.Dropout(0)])
def test_dropout_that_drops_nothing_gives_its_input_itself(layer: nn.Dropout) -> None:
    x = tg.Tensor([1.0, 2.0])
    assert layer(x) is x


def test_dropouts_generator_is_its_own() -> None:
    x = np.ones((20, 20), np.float32)
    layer = nn.Dropout(0.5, rng=np.random.default_rng(3))
    tg.seed(0)
    first = layer(x)
    tg.seed(0)
    nn.Dropout(0.5)(x)
    second = layer(x)
    assert not np.array_equal(first, second)
    again = nn.Dropout(0.5, rng=3)
    assert np.array_equal(again(x), first)
    assert np.array_equal(again(x), second)


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, np.nan, "0.5"])
def test_dropout_refuses_what_is_no_probability_below_1(p: Any) -> None:
    with pytest.raises(OptionError, match="p is"):
        nn.Dropout(p)


VARIANCE = {"he": 2 / 400, "xavier": 2 / (400 + 300), "lecun": 1 / 400}


@pytest.mark.parametrize("name", VARIANCE)
def test_the_two_forms_of_an_initialiser_differ_in_shape_not_in_variance(name: str) -> None:
    variance = VARIANCE[name]
    normal, uniform = (
        initialisers.initialiser(f"{name}_{form}")((400, 300), np.random.default_rng(5))
        for form in ("normal", "uniform")
    )
    limit = np.sqrt(3 * variance)
    for W in (normal, uniform):
        assert W.dtype == np.float64
        assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)
        assert W.var() == pytest.approx(variance, rel=0.02)
    assert 0.999 * limit < np.abs(uniform).max() <= limit
    assert np.abs(normal).max() > 2 * limit
    assert (np.abs(normal) < np.sqrt(variance)).mean() == pytest.approx(0.6827, abs=0.005)


@pytest.mark.parametrize("name", initialisers.BY_NAME)
def test_every_initialiser_is_found_by_its_name_in_any_spelling(name: str) -> None:
    expected = initialisers.BY_NAME[name]()((3, 4), np.random.default_rng(0))
    for spelling in (name, name.upper(), name.replace("_", "-")):
        assert np.array_equal(initialisers.initialiser(spelling)((3, 4), np.random.default_rng(0)), expected)
    layer = nn.Dense(3, 4, weights=name, rng=0)
    np.testing.assert_array_equal(layer.W.data, expected.astype(np.float32))
    assert not layer.b.data.any()  # type: ignore[union-attr]


def test_normal_and_uniform_take_a_width_of_their_own() -> None:
    rng = np.random.default_rng(0)
    assert initialisers.normal(0.5)((300, 300), rng).std() == pytest.approx(0.5, rel=0.02)
    W = initialisers.uniform(0.5)((300, 300), rng)
    assert 0.499 < np.abs(W).max() <= 0.5


def test_an_unknown_initialiser_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(OptionError, match=r"no initialiser 'glorot': one of he, he_normal, .*, uniform, or a function"):
        nn.Dense(2, 2, weights="glorot")


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_the_same_seed_gives_the_same_model_byte_for_byte(seed: int) -> None:
    def state() -> dict[str, bytes]:
        tg.seed(seed)
        model = nn.Dense(4, 8) >> nn.Dense(8, 2, weights="xavier_uniform")
        return {name: values.tobytes() for name, values in model.state_dict().items()}

    assert state() == state()


def test_a_generator_that_is_passed_in_is_drawn_from_and_the_packages_own_is_not() -> None:
    tg.seed(0)
    expected = nn.Dense(2, 2).W.numpy()
    tg.seed(0)
    rng = np.random.default_rng(0)
    first, second = nn.Dense(2, 2, rng=rng), nn.Dense(2, 2, rng=rng)
    assert not np.array_equal(first.W.data, second.W.data)
    assert np.array_equal(nn.Dense(2, 2).W.data, expected)
