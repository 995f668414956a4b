"""Arrays that are changed between the forward and the backward pass: refused, or the gradient is right all the same.

Every case of the table, each differentiable input and the output, in every way that there is to change them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ops.all_rows import Case, cases

import tinygrad_mlp as tg
from tinygrad_mlp.errors import StaleError


def depends(case: Case) -> bool:
    """Whether there is a graph: a sign, say, has none."""
    inputs = [tg.Tensor(x, requires_grad=True) if i in case.differentiable else x for i, x in enumerate(case.inputs)]
    return isinstance(y := case(*inputs), tg.Tensor) and y.requires_grad


NAMED = [(name, case) for name, case in cases() if depends(case)]


def other(values: np.ndarray) -> np.ndarray:
    """Numbers of the same kind, such that most gradients there are other ones."""
    return np.where(values == 0, 0.25, values * 0.75)


def by_setting(p: tg.Tensor, view: np.ndarray) -> None:
    p.data = other(p.data)


def in_place(p: tg.Tensor, view: np.ndarray) -> None:
    p.data -= p.data - other(p.data)


def through_a_view(p: tg.Tensor, view: np.ndarray) -> None:
    view[...] = other(view)


def gradients(case: Case, change: Callable[[tg.Tensor, np.ndarray], None] | None, which: int) -> list[np.ndarray]:
    """The gradients of all leaves, where one of them is changed before the backward pass."""
    leaves = {i: tg.Tensor(case.inputs[i], requires_grad=True) for i in case.differentiable}
    view = leaves[which].data[...]
    y = case(*[leaves.get(i, x) for i, x in enumerate(case.inputs)])
    start = np.linspace(0.5, 1.5, y.size).reshape(y.shape)
    if change:
        change(leaves[which], view)
    with np.errstate(all="ignore"):  # with other numbers, a closure may divide by 0 before it is found out
        y.backward(start)
    return [p.grad.copy() for p in leaves.values() if p.grad is not None]


@pytest.mark.parametrize("case", [case for _, case in NAMED], ids=[name for name, _ in NAMED])
def test_a_changed_input_is_refused_or_does_no_harm(case: Case) -> None:
    ways = [(by_setting, False), (in_place, False), (through_a_view, True)]
    if getattr(case.subject, "__name__", "").startswith("nan") and len(case.inputs) > 1:
        ways.pop()  # these cases put NaN where the mask says so, and what watches for writes refuses that
    for which in case.differentiable:
        expected = gradients(case, None, which)
        for change, watched in ways:
            try:
                if watched:
                    with tg.detect_anomaly():
                        found = gradients(case, change, which)
                else:
                    found = gradients(case, change, which)
            except StaleError:
                continue
            assert case.inputs[which].size == 0, f"{change.__name__} of input {which} went unnoticed"
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", [case for _, case in NAMED], ids=[name for name, _ in NAMED])
def test_an_output_cannot_be_changed(case: Case) -> None:
    leaves = {i: tg.Tensor(case.inputs[i], requires_grad=True) for i in case.differentiable}
    y: Any = case(*[leaves.get(i, x) for i, x in enumerate(case.inputs)])
    before = y.numpy()
    for array in (y.data, y.data[...], y.data.view()):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 7
    with pytest.raises(tg.errors.GradientError, match="only the data of a leaf can be set"):
        y.data = before
    np.testing.assert_array_equal(y.data, before)
