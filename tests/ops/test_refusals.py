"""What NumPy-like functions say when they cannot do what is asked: what was seen, and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.errors import LabelError, OptionError, ShapeError, UnsupportedError

X = tg.Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)

REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: tg.einsum("ij,jk", X, X), ShapeError, r"'ij,jk' of \(2, 3\), \(2, 3\): an axis has the lengths 3 and 2"),
    (lambda: tg.einsum("ij,j$", X, X), OptionError, "'ij,j\\$': letters"),
    (lambda: tg.einsum("ijk", X), ShapeError, r"'ijk' does not fit an array \(2, 3\)"),
    (lambda: tg.einsum("i", X), ShapeError, r"'i' does not fit an array \(2, 3\)"),
    (lambda: tg.einsum("ij->ijk", X), OptionError, "each letter of the output once"),
    (lambda: tg.einsum("ij->ii", X), OptionError, "each letter of the output once"),
    (lambda: tg.einsum("i,j", X), OptionError, "for 2 arrays, not 1"),
    (lambda: tg.split(X, 2, axis=1), ShapeError, r"axis 1 of \(2, 3\) has no 2 equal parts; array_split"),
    (lambda: tg.array_split(X, 0), ShapeError, "0 parts; at least 1"),
    (lambda: tg.squeeze(X, axis=1), ShapeError, r"axis 1 of \(2, 3\) has not length 1"),
    (lambda: tg.moveaxis(X, (0, 1), 0), ShapeError, "2 axes to move and 1 places"),
    (lambda: tg.stack([X, X.T]), ShapeError, r"one shape expected, not \(2, 3\), \(3, 2\)"),
    (lambda: tg.stack([]), ShapeError, "not none"),
    (lambda: tg.diff(X.sum()), ShapeError, "0-d"),
    (lambda: tg.diff(X, n=-1), ShapeError, "n is -1"),
    (lambda: tg.diag(tg.Tensor(1.0)), ShapeError, r"V \(\): a vector or a matrix"),
    (lambda: tg.tril(tg.Tensor(1.0)), ShapeError, "tril: a 0-d array"),
    (lambda: tg.flip(X, 2), ValueError, "flip: axis 2 is out of bounds"),
    (lambda: tg.median(X, 2), ValueError, "quantile: axis 2 is out of bounds"),
    (lambda: tg.sort(X, 2), ValueError, "sort: axis 2 is out of bounds"),
    (lambda: tg.prod(X, 2), ValueError, "prod: axis 2 is out of bounds"),
    (lambda: tg.cumprod(X, 2), ValueError, "cumprod: axis 2 is out of bounds"),
    (lambda: tg.roll(X, 1, 2), ValueError, "roll: axis 2 is out of bounds"),
    (lambda: tg.pad(X, 1, "mean"), UnsupportedError, "mode is 'mean'; it can be 'constant', 'edge'"),
    (lambda: tg.pad(X, 1, "edge", end_values=1), UnsupportedError, "takes no other options"),
    (lambda: tg.ravel(X, "F"), UnsupportedError, "takes order='C', not 'F'"),
    (lambda: tg.meshgrid(X[0], indexing="yx"), UnsupportedError, "'yx'; 'xy' or 'ij'"),
    (lambda: tg.tensordot(X, X, 1), ShapeError, r"A \(2, 3\) and B \(2, 3\): lengths \[3\] and \[2\]"),
    (lambda: tg.dot(X, X), ShapeError, "inner sizes 3 and 2 differ"),
    (lambda: tg.cross(X[:, :2], X), ShapeError, "vectors of 2 and 3 numbers"),
    (lambda: tg.norm(X, 2), UnsupportedError, "ord=2 needs singular values"),
    (lambda: tg.norm(X, "nuc"), UnsupportedError, "ord='nuc' needs singular values"),
    (lambda: tg.norm(X, 3), OptionError, "ord is 3; of matrices"),
    (lambda: tg.norm(X, 0, axis=1), OptionError, "ord is 0; of vectors"),
    (lambda: tg.norm(X, axis=(0, 0)), ValueError, "repeated axis in `norm`"),
    (lambda: tg.average(X, weights=np.ones(2)), ShapeError, r"weights \(2,\) for \(2, 3\) over axis None"),
    (lambda: tg.take(X, [6]), IndexError, "index 6 is out of bounds"),
    (lambda: tg.take(X, [0], mode="nearest"), OptionError, "'nearest'; it can be 'raise', 'wrap' or 'clip'"),
    (lambda: tg.take_along_axis(X, np.array([0])), ShapeError, r"X \(2, 3\) and indices \(1,\)"),
    (lambda: tg.select([X > 0], []), ShapeError, "1 conditions and 0 choices"),
    (lambda: tg.embedding(X, [0, 2]), LabelError, r"embedding: 2 at \(1,\); 0 to 1 is expected"),
    (lambda: tg.embedding(X, [-1]), LabelError, r"-1 at \(0,\)"),
    (lambda: tg.one_hot([[0, 3]], 3), LabelError, r"one_hot: 3 at \(0, 1\); 0 to 2 is expected"),
    (lambda: tg.quantile(X, 1.5), OptionError, "q is 1.5; from 0 to 1"),
    (lambda: tg.quantile(X, 0.5, method="lower"), OptionError, "'lower'; 'linear'"),
    (lambda: tg.median(X[:0]), ShapeError, "has no elements"),
    (lambda: tg.glu(X), ShapeError, r"glu: axis 1 of \(2, 3\) has length 3"),
    (lambda: tg.celu(X, alpha=0), OptionError, "celu: alpha is 0"),
    (lambda: tg.smooth_l1(X, X, beta=-1), OptionError, "smooth_l1: beta is -1"),
    (lambda: tg.batch_norm(X, mean=np.zeros(3)), OptionError, "mean and variance are given together"),
    (lambda: tg.negative_log_likelihood(X, [0, 3]), LabelError, "negative_log_likelihood: label 3 in row 1"),
    (lambda: tg.kl_divergence(X, X.T), ShapeError, r"log_p \(2, 3\) and targets \(3, 2\)"),
    (lambda: tg.one_hot([0.5], 3), LabelError, "whole numbers expected, not float64"),
    (lambda: tg.concatenate([]), ShapeError, "concatenate: no arrays; at least one"),
    (lambda: tg.vstack([X, X.T]), ShapeError, r"axis 0 of \(2, 3\), \(3, 2\): arrays that have it"),
    (
        lambda: tg.concatenate([X, X], 2),
        ShapeError,
        r"concatenate: axis 2 of \(2, 3\), \(2, 3\): arrays that have it",
    ),
    (lambda: tg.dense(5.0, X, X[0]), ShapeError, r"dense: X \(\): \(N, n_in\)"),
    (lambda: tg.multi_dot([]), ShapeError, "multi_dot: no arrays; at least one"),
    (
        lambda: tg.repeat(X, [1, 2], 1),
        ShapeError,
        r"repeat: \[1, 2\] for axis 1 of \(2, 3\): a number, or 3, of at least 0",
    ),
    (lambda: tg.repeat(X, -1), ShapeError, r"repeat: -1 for axis 0 of \(6,\)"),
    (lambda: tg.pad(X, (1, -1)), ShapeError, r"pad: pad_width is \(1, -1\); widths of at least 0"),
    (lambda: tg.dropout(X, X > 1, p=1), OptionError, "dropout: p is 1; a number from 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_a_refusal_says_what_was_seen_and_expected(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_numbers_and_lists_take_the_dtype_of_the_tensor_beside_them() -> None:
    x = tg.Tensor([1.0, 2.0])
    results = [
        tg.diff(x, prepend=0.0),
        tg.append(x, [1.0]),
        tg.average(x, weights=[1, 2]),
        tg.average(x, weights=np.array([1, 2])),
        tg.select([x > 1], [x], 0.5),
        tg.pad(x, 1, constant_values=0.5),
        tg.hypot(x, 1),
        tg.logaddexp(x, 0.5),
        tg.outer(x, np.array([1, 2])),
        tg.float_power(x, 2),
        x % 2,
        3 // x,
    ]
    assert {y.dtype for y in results} == {np.dtype(np.float32)}


def test_whole_numbers_in_plain_arrays_are_counted_in_floating_point() -> None:
    x = np.array([[1, 2], [4, 8]])
    for f in (np.var, np.std, np.median, np.average, np.prod, np.cumsum, np.ptp, np.sort):
        ours = getattr(tg, f.__name__)(x)
        np.testing.assert_allclose(ours, f(x), rtol=1e-15)
    assert tg.var(x, ddof=0.5) == pytest.approx(np.var(x, ddof=0.5), rel=1e-15)
    assert tg.norm(x) == pytest.approx(np.linalg.norm(x), rel=1e-15)
