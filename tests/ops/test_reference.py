"""docs/operations.md is up to date, and what it says of kinks and domains is so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ops.all_rows import TABLE
from ops.kinks import DOMAINS, KINKS, Kink
from ops.reference import PAGE, reference

import tinygrad_mlp as tg
from tinygrad_mlp import ops
from tinygrad_mlp.autograd import Operation
from tinygrad_mlp.errors import TinygradMlpError


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference(), "PYTHONPATH=tests python -m ops.reference writes it anew"


def test_the_page_has_a_line_for_each_public_function() -> None:
    text = PAGE.read_text("utf-8")
    assert [name for name in ops.__all__ if text.count(f"\n| `{name}` |") != 1 and not is_kink_alone(name)] == []


def is_kink_alone(name: str) -> bool:
    """Whether it is the only one in its row of kinks too, where its line starts alike."""
    return any(kink.names == (name,) for kink in KINKS) and PAGE.read_text("utf-8").count(f"\n| `{name}` |") == 2


def test_the_readme_and_the_page_of_tensors_count_them() -> None:
    readme = PAGE.parent.parent / "README.md"
    assert f"[{len(ops.__all__)} operations](docs/operations.md)" in readme.read_text("utf-8")
    assert f"lists all {len(ops.__all__)}\nfunctions" in (PAGE.parent / "tensors.md").read_text("utf-8")


@pytest.mark.parametrize("kink", KINKS, ids=lambda kink: " ".join(kink.names))
def test_slopes_at_the_kink_are_those_of_the_page(kink: Kink) -> None:
    for f, points, expected in kink.checks:
        inputs = [tg.Tensor(np.array(x), requires_grad=True) for x in points]
        for found, slopes in zip(tg.grad(tg.sum(f(*inputs)), inputs), expected, strict=True):
            np.testing.assert_allclose(found, slopes, rtol=1e-12, atol=1e-15)


def operations_in(y: Any) -> set[Operation]:
    """The operations that a tensor was computed with."""
    found, stack, seen = set(), [y], set()
    while stack:
        node = getattr(stack.pop(), "_node", None)
        if node is not None and node not in seen:
            seen.add(node)
            found.add(node.operation)
            stack += node.inputs
    return found


def test_the_page_names_every_function_that_has_a_kink_and_no_other() -> None:
    """Those whose operations say that they have one. (`where` jumps where its condition does, which has no slope.)"""
    kinked = set()
    for subject, cases in TABLE:
        name = next((name for name in ops.__all__ if getattr(ops, name) is subject), None)
        for case in cases:
            if name is None or not case.differentiable:
                continue
            arguments = list(case.inputs)
            for i in case.differentiable:
                arguments[i] = tg.Tensor(arguments[i], requires_grad=True)
            used = operations_in(case.call(*arguments, **case.options))
            if any(operation.kinks and operation is not tg.where for operation in used):
                kinked.add(name)
    listed = {name for kink in KINKS for name in kink.names}
    assert kinked == listed


@pytest.mark.parametrize("name", DOMAINS)
def test_there_is_no_finite_value_outside_of_the_domain(name: str) -> None:
    with np.errstate(all="ignore"):
        try:
            value = DOMAINS[name][1]()
        except (TinygradMlpError, np.linalg.LinAlgError, IndexError, ValueError):
            return
    assert not np.isfinite(np.asarray(value)).all()
