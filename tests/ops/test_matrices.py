"""Linear algebra where matrices are singular, not square, in float16, or in stacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.errors import MatrixError, OptionError, ShapeError

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


def leaf(values: Any, dtype: Any = np.float64) -> Any:
    return tg.Tensor(np.array(values, dtype), requires_grad=True)


def test_the_slope_of_a_singular_determinant_is_its_cofactors() -> None:
    a = leaf(SINGULAR)
    np.testing.assert_allclose(tg.grad(tg.det(a), a), [[4, -2], [-2, 1]], atol=1e-15)
    zeros = leaf(np.zeros((3, 3)))
    assert not tg.grad(tg.det(zeros), zeros).any()


def test_the_third_derivative_of_the_determinant_at_zeros() -> None:
    """∂³ det / ∂a₁₁∂a₂₂∂a₃₃ = 1, and −1 with two columns exchanged."""
    for columns, sign in (([0, 1, 2], 1), ([1, 0, 2], -1), ([2, 0, 1], 1)):
        a = leaf(np.zeros((3, 3)))
        y = tg.det(a)
        for row, column in enumerate(columns[:2]):
            y = tg.grad(y, a, create_graph=True)[row, column]
        expected = np.zeros((3, 3))
        expected[2, columns[2]] = sign
        np.testing.assert_allclose(tg.grad(y, a), expected, atol=1e-12)


def test_the_determinant_of_a_large_matrix_has_a_gradient() -> None:
    a = np.random.default_rng(0).normal(size=(40, 40)) / 5
    x = leaf(a)
    np.testing.assert_allclose(tg.grad(tg.det(x), x), np.linalg.det(a) * np.linalg.inv(a).T, rtol=1e-9)


def test_slogdet_does_not_overflow_where_det_does() -> None:
    a = leaf(np.eye(200) * 1e3)
    sign, log = np.linalg.slogdet(a)
    assert sign.item() == 1
    assert log.item() == pytest.approx(200 * np.log(1e3))
    np.testing.assert_allclose(tg.grad(log, a), np.eye(200) / 1e3)
    assert tg.slogdet(-np.eye(3)).sign == -1


def test_a_singular_matrix_in_a_stack_does_not_spoil_the_others() -> None:
    a = leaf([SINGULAR, np.eye(2)])
    log = tg.slogdet(a).logabsdet
    kept = tg.where(np.array([False, True]), log, 0.0)
    np.testing.assert_array_equal(tg.grad(kept.sum(), a), [np.zeros((2, 2)), np.eye(2)])


def test_solving_is_more_precise_than_inverting() -> None:
    n = 8
    hilbert = 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0)
    x = np.ones(n)
    found = tg.solve(leaf(hilbert), hilbert @ x).data
    assert np.abs(hilbert @ found - hilbert @ x).max() < 1e-15


def test_the_gradient_of_cholesky_is_symmetric() -> None:
    a = leaf([[4.0, 2.0], [2.0, 3.0]])
    g = tg.grad(tg.cholesky(a)[1, 0], a)  # a₂₁ / √a₁₁
    np.testing.assert_allclose(g, [[-1 / 8, 1 / 4], [1 / 4, 0]], atol=1e-15)


def test_pinv_of_a_matrix_without_full_rank() -> None:
    """Along a direction that keeps the rank: (cA)⁺ = A⁺ / c."""
    c = leaf(2.0)
    y = np.linalg.pinv(c * SINGULAR)
    np.testing.assert_allclose(y.data, SINGULAR / 50, rtol=1e-12)
    np.testing.assert_allclose(tg.grad(y[0, 1], c), -SINGULAR[0, 1] / 25 / 4, rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        tg.inv,
        tg.det,
        tg.pinv,
        lambda a: tg.solve(a, a * 2),
        lambda a: tg.solve(a, [1.0, 2.0]),
        lambda a: tg.cholesky(a @ a.T),
        lambda a: tg.slogdet(a).logabsdet,
        lambda a: tg.matrix_power(a, -2),
    ],
)
def test_float16_computes_in_float32_and_stays_float16(f: Callable[..., Any]) -> None:
    values = [[2.0, 0.5], [0.25, 1.5]]
    a, precise = leaf(values, np.float16), leaf(values)
    y, expected = f(a), f(precise)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.data, expected.data, rtol=4e-3, atol=1e-3)
    g = tg.grad(y, a, gradient=np.ones(y.shape))
    assert g.dtype == np.float16
    np.testing.assert_allclose(g, tg.grad(expected, precise, gradient=np.ones(y.shape)), rtol=2e-2, atol=4e-3)


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: tg.inv(leaf(SINGULAR)), MatrixError, r"inv: singular matrix \(among A \(2, 2\)\)"),
    (lambda: tg.solve(leaf(SINGULAR), np.ones(2)), MatrixError, r"solve: singular matrix \(among A \(2, 2\)\)"),
    (lambda: tg.cholesky(leaf(-np.eye(2))), MatrixError, "cholesky: matrix is not positive definite"),
    (lambda: tg.inv(leaf(np.ones((2, 3)))), ShapeError, r"inv: A \(2, 3\): square matrices"),
    (lambda: tg.det(leaf(np.ones(3))), ShapeError, r"det: A \(3,\): square matrices"),
    (lambda: tg.slogdet(leaf(np.ones((2, 3)))), ShapeError, r"slogdet: A \(2, 3\): square matrices"),
    (lambda: tg.cholesky(leaf(np.ones((2, 3)))), ShapeError, r"cholesky: A \(2, 3\): square matrices"),
    (lambda: tg.matrix_power(leaf(np.ones((2, 3))), 2), ShapeError, r"matrix_power: A \(2, 3\): square matrices"),
    (lambda: tg.matrix_power(leaf(np.eye(2)), 0.5), OptionError, "n is 0.5; a whole number"),
    (lambda: tg.solve(leaf(np.eye(2)), np.ones(3)), ShapeError, r"solve: A \(2, 2\), B \(3,\)"),
    (lambda: tg.solve(leaf(np.eye(2)), 1.0), ShapeError, r"solve: A \(2, 2\), B \(\)"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_a_refusal_names_the_function_and_the_shapes(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_singular_matrix_is_numpys_error_too() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(leaf(SINGULAR))
