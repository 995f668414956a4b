"""Every difference of convention that docs/differences.md names, as it is here and in PyTorch; and no other one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peers.side_by_side import Function
from torch.nn import functional as F  # noqa: N812 - its usual name

import tinygrad_mlp as tg

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

NAN, INF = np.nan, np.inf
PAGE = (Path(__file__).parent.parent.parent / "docs" / "differences.md").read_text("utf-8")
ROWS = [line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("| ")][1:]

# For each row of the page: our function and theirs, the inputs, and the gradients for all of them, ours and theirs.
# (A value that differs is compared as the gradient for a factor of 1.)
Difference = tuple[Function, Function, list[Any], list[Any], list[Any]]
DIFFERENCES: dict[str, list[Difference]] = {
    "`fmax`, `fmin` of equal numbers": [
        (tg.fmax, torch.fmax, [[2.0], [2.0]], [[0.5], [0.5]], [[1], [0]]),
        (tg.fmin, torch.fmin, [[2.0], [2.0]], [[0.5], [0.5]], [[1], [0]]),
    ],
    "ties in `max` along an axis, `sort`, `quantile`": [
        (lambda x: tg.max(x, 0), lambda x: torch.max(x, 0).values, [[1.0, 1.0]], [[0.5, 0.5]], [[1, 0]]),
        (lambda x: tg.sort(x)[0], lambda x: torch.sort(x).values[0], [[1.0, 1.0]], [[0.5, 0.5]], [[1, 0]]),
        (lambda x: tg.quantile(x, 0), lambda x: torch.quantile(x, 0), [[1.0, 1.0]], [[0.5, 0.5]], [[1, 0]]),
    ],
    "`median` of an even number": [(tg.median, torch.median, [[1.0, 2.0]], [[0.5, 0.5]], [[1, 0]])],
    "a gradient of exactly 0 meets an infinite slope": [
        (
            lambda x: tg.where(x > 0, tg.sqrt(x), x),
            lambda x: torch.where(x > 0, torch.sqrt(x), x),
            [[-1.0, 4.0]],
            [[1, 0.25]],
            [[NAN, 0.25]],
        ),
    ],
    "`hypot` at the origin": [(tg.hypot, torch.hypot, [[0.0], [0.0]], [[0], [0]], [[NAN], [NAN]])],
    "the slope of x^p for p at 0⁰": [(tg.power, torch.pow, [[0.0], [0.0]], [[0], [-INF]], [[0], [0]])],
    "`binary_cross_entropy` of an impossible event": [
        (
            lambda p, c: c * tg.binary_cross_entropy(p, np.ones(1)),
            lambda p, c: c * F.binary_cross_entropy(p, torch.ones(1, dtype=torch.float64)),
            [[0.0], 1.0],
            [[-INF], INF],
            [[-1e12], 100],
        ),
        (
            lambda p: tg.binary_cross_entropy(p, np.zeros(1)),
            lambda p: F.binary_cross_entropy(p, torch.zeros(1, dtype=torch.float64)),
            [[0.0]],
            [[1]],
            [[0]],
        ),
    ],
    "`kl_divergence` of Q = 0 and P = 0": [
        (
            lambda log_p, c: c * tg.kl_divergence(log_p, np.array([[1.0, 0.0]])),
            lambda log_p, c: c * F.kl_div(log_p, torch.tensor([[1.0, 0.0]]).double(), reduction="batchmean"),
            [[[0.0, -INF]], 1.0],
            [[[-1, 0]], 0],
            [[[-1, 0]], NAN],
        ),
    ],
    "the slope of `det` at a singular matrix": [
        (tg.det, torch.linalg.det, [[[1.0, 2.0], [2.0, 4.0]]], [[[4, -2], [-2, 1]]], [[[0, 0], [0, 0]]]),
    ],
    "the slope at NaN where a kink chooses": [
        (tg.relu, F.relu, [[NAN]], [[NAN]], [[1]]),
        (tg.abs, torch.abs, [[NAN]], [[NAN]], [[0]]),
        (tg.hard_tanh, F.hardtanh, [[NAN]], [[0]], [[1]]),
        (tg.maximum, torch.maximum, [[NAN], [0.0]], [[0], [0]], [[1], [1]]),
    ],
    "`logaddexp` of two equal infinities": [
        (tg.logaddexp, torch.logaddexp, [[INF], [INF]], [[0.5], [0.5]], [[NAN], [NAN]]),
    ],
    "slopes at infinity": [
        (tg.softsign, F.softsign, [[INF]], [[0]], [[NAN]]),
        (tg.copysign, torch.copysign, [[INF], [-1.0]], [[-1], [0]], [[NAN], [0]]),
    ],
    "outside of the domain": [
        (tg.arccosh, torch.arccosh, [[-3.0]], [[NAN]], [[1 / np.sqrt(8)]]),
        (tg.cbrt, lambda x: x ** (1 / 3), [[-8.0]], [[1 / 12]], [[NAN]]),
    ],
    "`floor_divide` of an infinity, `remainder` by 0": [
        (
            lambda a, c: c * tg.floor_divide(a, 2.0),
            lambda a, c: c * torch.floor(a.detach() / 2.0) + 0 * a.nan_to_num(),
            [INF, 1.0],
            [0, NAN],
            [0, INF],
        ),
        (tg.remainder, torch.remainder, [[1.0], [0.0]], [[1], [NAN]], [[1], [-INF]]),
    ],
    "defaults": [
        (tg.var, torch.var, [[1.0, 3.0]], [[-1, 1]], [[-2, 2]]),
        (tg.rms_norm, lambda x: F.rms_norm(x, (1,)), [[0.0]], [[1e5**0.5]], [[2.0**26]]),
    ],
}


def test_the_page_has_a_row_for_each_and_no_more_than_fifteen() -> None:
    assert list(DIFFERENCES) == ROWS
    assert len(ROWS) <= 15
    assert all(len(line.split(" | ")) == 4 for line in PAGE.splitlines() if line.startswith("| "))


@pytest.mark.parametrize("name", DIFFERENCES)
def test_both_do_what_the_page_says(name: str) -> None:
    for ours, theirs, inputs, expected, expected_there in DIFFERENCES[name]:
        a = [tg.Tensor(np.array(x), requires_grad=True) for x in inputs]
        y = ours(*a)
        found = tg.grad(y, a, gradient=np.ones(y.shape))
        b = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
        z = theirs(*b)
        there = torch.autograd.grad(z, b, torch.ones_like(z), materialize_grads=True)
        for g, h, ours_is, theirs_is in zip(found, there, expected, expected_there, strict=True):
            np.testing.assert_allclose(g, ours_is, rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose(h.numpy(), theirs_is, rtol=1e-6, atol=1e-12)
