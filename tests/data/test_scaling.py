"""The scaler: mean 0 and deviation 1 on the rows it was fitted to, and the same numbers for all others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tinygrad_mlp.data import StandardScaler, blocks, load_breast_cancer
from tinygrad_mlp.errors import DataError, NonFiniteError, ShapeError

tables = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(-1e300, 1e300))
moderate = arrays(
    np.float64, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(-1000, 1000).map(lambda i: i / 8)
)


def test_mean_and_population_deviation():
    scaler = StandardScaler().fit([[1, 10], [3, 10], [5, 40]])
    assert scaler.mean.tolist() == [3, 20]
    np.testing.assert_allclose(scaler.scale, [np.sqrt(8 / 3), np.sqrt(200)], rtol=1e-15)


def test_against_the_plain_formulas_on_real_data():
    X = load_breast_cancer().features
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(scaler.mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(scaler.scale, X.std(axis=0), rtol=1e-14)
    Z = scaler.transform(X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(Z.std(axis=0), 1, rtol=1e-13)


@given(moderate)
def test_scaled_training_rows_have_mean_0_and_deviation_1(X):
    Z = StandardScaler().fit_transform(X)
    constant = np.ptp(X, axis=0) == 0
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(Z.std(axis=0)[~constant], 1, rtol=1e-10)
    assert not Z[:, constant].any()


@given(tables)
def test_the_inverse_gives_the_rows_back(X):
    scaler = StandardScaler().fit(X)
    assert (scaler.scale > 0).all()
    assert np.isfinite(scaler.scale).all()
    back = scaler.inverse_transform(scaler.transform(X))
    assert (np.abs(back - X) <= 1e-14 * np.abs(X).max(axis=0)).all()


@given(tables)
def test_no_scaled_training_value_is_beyond_the_square_root_of_the_rows(X):
    # |x − mean| ≤ √(N − 1)·σ, so a larger value would mean a deviation that is too small
    Z = StandardScaler().fit_transform(X)
    assert (np.abs(Z) <= np.sqrt(len(X)) * (1 + 1e-3)).all()


def test_a_large_mean_does_not_spoil_the_deviation():
    # Σx² − N·mean² has no correct digit here
    X = 1e9 + np.array([[1.0], [2.0], [3.0], [4.0]])
    np.testing.assert_allclose(StandardScaler().fit(X).scale, np.sqrt(1.25), rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_no_overflow_and_no_underflow_at_the_ends_of_float64(unit):
    X = np.array([[1.0], [-1.0], [1.0], [-1.0]]) * unit
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(scaler.scale, unit, rtol=1e-15)
    assert scaler.transform(X).ravel().tolist() == [1, -1, 1, -1]


def test_the_sum_of_a_long_float32_column_is_not_lost():
    X = np.full((2**20, 1), 0.1, dtype=np.float32)
    X[::2] = 0.3
    scaler = StandardScaler().fit(X)
    np.testing.assert_allclose(scaler.mean, 0.2, rtol=1e-7)
    np.testing.assert_allclose(scaler.scale, 0.1, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -0.3, 1e-300, 123456.789, 1e300, 5e-324])
@pytest.mark.parametrize("rows", [1, 3, 10, 1000])
def test_a_constant_column_has_scale_1_and_becomes_exactly_0(value, rows):
    X = np.full((rows, 2), value)
    X[:, 1] = np.arange(rows)
    scaler = StandardScaler().fit(X)
    assert scaler.scale[0] == 1
    assert scaler.mean[0] == value
    assert not scaler.transform(X)[:, 0].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_column_that_is_constant_but_for_rounding_stays_near_0(dtype):
    eps = np.finfo(dtype).eps
    for size in (1e-3, 0.3, 1e20):
        X = (np.array([[1.0], [1.0 + 2 * eps], [1.0 - 2 * eps]]) * size).astype(dtype)
        assert np.ptp(X) > 0
        scaler = StandardScaler().fit(X)
        assert scaler.scale[0] == max(1.0, float(X.max()))
        assert np.abs(scaler.transform(X)).max() <= 8 * eps
    assert StandardScaler().fit([[0.1 + 0.2], [0.3]]).scale[0] == 1


def test_a_deviation_that_rounds_to_0_is_not_divided_by():
    scaler = StandardScaler().fit([[0.0], [0.0], [5e-324]])
    assert scaler.scale[0] == 1


def test_a_small_but_real_spread_is_no_rounding():
    X = 1.0 + np.array([[0.0], [1e-12]])
    np.testing.assert_allclose(StandardScaler().fit_transform(X), [[-1], [1]], rtol=1e-3)
    assert np.ptp(StandardScaler().fit_transform([[0.0], [1e-200]])) == pytest.approx(2)


def test_other_rows_are_scaled_with_the_training_rows_numbers():
    scaler = StandardScaler().fit([[0.0], [2.0]])
    assert scaler.transform([[10.0]]).tolist() == [[9.0]]
    assert scaler.inverse_transform([[9.0]]).tolist() == [[10.0]]
    assert scaler.transform(np.zeros((0, 1))).shape == (0, 1)


@pytest.mark.parametrize(
    ("dtype", "result"),
    [
        (np.float16, np.float16),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.int64, np.float64),
        (bool, np.float64),
    ],
)
def test_floats_keep_their_dtype_and_the_rest_becomes_float64(dtype, result):
    X = np.array([[0, 1], [1, 1], [0, 0]], dtype=dtype)
    scaler = StandardScaler().fit(X)
    assert scaler.mean.dtype == scaler.scale.dtype == np.float64
    assert scaler.transform(X).dtype == scaler.inverse_transform(X).dtype == result


def test_the_input_is_not_changed_and_the_state_cannot_be():
    X = np.array([[1.0, 5.0], [3.0, 5.0]])
    before = X.copy()
    scaler = StandardScaler()
    scaler.fit_transform(X)
    scaler.inverse_transform(X)
    assert X.tolist() == before.tolist()
    with pytest.raises(ValueError, match="read-only"):
        scaler.mean[0] = 7
    with pytest.raises(ValueError, match="read-only"):
        scaler.scale[0] = 7


def test_the_state_makes_the_same_scaler():
    X = load_breast_cancer().features
    scaler = StandardScaler().fit(X)
    state = scaler.state()
    twin = StandardScaler.from_state(state)
    state["mean"][:] = 0  # a copy: neither scaler sees it
    assert twin.transform(X).tobytes() == scaler.transform(X).tobytes()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"mean": [0.0]}, r"a state with \['mean'\], expected mean and scale"),
        ({"mean": [0.0], "scale": [1.0, 2.0]}, r"mean \(1,\) and scale \(2,\), expected \(n,\) for both"),
        ({"mean": [[0.0]], "scale": [[1.0]]}, r"mean \(1, 1\) and scale \(1, 1\)"),
        ({"mean": [0.0], "scale": [0.0]}, "a scale that is not > 0"),
        ({"mean": [0.0], "scale": [-1.0]}, "a scale that is not > 0"),
        ({"mean": [np.nan], "scale": [1.0]}, "not finite"),
        ({"mean": [0.0], "scale": [np.inf]}, "not finite"),
    ],
)
def test_a_state_that_is_none_is_refused(state, says):
    with pytest.raises(DataError, match=says):
        StandardScaler.from_state(state)


def test_what_does_not_fit_is_refused():
    scaler = StandardScaler().fit(np.eye(3))
    for method in (scaler.transform, scaler.inverse_transform):
        with pytest.raises(ShapeError, match=r"X \(2, 4\) has 4 columns, expected 3 as it was fitted"):
            method(np.zeros((2, 4)))
        with pytest.raises(ShapeError, match=r"X \(3,\), expected \(N, n\)"):
            method(np.zeros(3))
        with pytest.raises(NonFiniteError, match=r"X\[1, 2\] is inf, expected finite numbers \(column 2\)"):
            method([[0, 0, 0], [0, 0, np.inf]])
    with pytest.raises(NonFiniteError, match=r"X\[0, 1\] is nan"):
        StandardScaler().fit([[0, np.nan]])
    with pytest.raises(ShapeError, match=r"X \(0, 3\) has no rows to fit"):
        StandardScaler().fit(np.zeros((0, 3)))


def test_before_fit_it_says_so():
    scaler = StandardScaler()
    for use in (lambda: scaler.mean, lambda: scaler.scale, scaler.state, lambda: scaler.transform([[1.0]])):
        with pytest.raises(DataError, match="StandardScaler: not fitted yet; call fit"):
            use()


@given(tables)
def test_blocks_change_nothing(X):
    whole = StandardScaler().fit(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK", 2)
        scaler = StandardScaler().fit(X)
        scaled = scaler.transform(X)
    np.testing.assert_allclose(scaler.mean, whole.mean, rtol=1e-15)
    np.testing.assert_allclose(scaler.scale, whole.scale, rtol=1e-12)
    assert scaled.tolist() == scaler.transform(X).tolist()


def test_rows_are_scaled_in_float64_and_rounded_once_to_another_dtype():
    X = np.random.default_rng(0).normal(1e6, 1e-3, (50, 3))
    scaler = StandardScaler().fit(X)
    scaled = scaler.transform(X, np.float32)
    assert scaled.dtype == np.float32
    assert scaled.tolist() == scaler.transform(X).astype(np.float32).tolist()
    assert scaler.transform([[1e60, 0, 0]], np.float32)[0, 0] == np.inf  # without a warning


def test_a_number_that_is_not_finite_is_named_by_its_row_in_any_block(monkeypatch):
    monkeypatch.setattr(blocks, "_BLOCK", 4)
    X = np.zeros((9, 2))
    X[7, 1] = np.nan
    with pytest.raises(NonFiniteError, match=r"X\[7, 1\] is nan"):
        StandardScaler().fit(X)
