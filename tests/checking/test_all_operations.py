"""Every operation of the package is checked by the checker of the package."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.checking.all_operations import check_operations, operations, table_of
from tinygrad_mlp.checking.assertions import assert_gradients
from tinygrad_mlp.errors import WrongGradientError

RESULTS = list(check_operations())
STEPS = ["sign", "sign_of_determinant", "floor", "ceil", "trunc", "rint", "round", "floor_divide", "heaviside"]


def test_every_operation_passes_at_both_orders() -> None:
    assert len(RESULTS) == len(list(operations())) > 50
    for result in RESULTS:
        assert result.report.verdict == "pass", f"{result.name}\n{result.report}"
        assert list(result.report.comparisons) == [1, 2]
        assert result.report.compared >= 9
        assert max(result.worst(1), result.worst(2)) < 1e-9


def test_the_examples_of_no_operation_are_without_effect() -> None:
    """Somewhere the gradient is not zero, except for those that pass none on."""
    for result in RESULTS:
        sizes = [abs(e.numeric) for c in result.report.comparisons[1] for e in c.elements]
        assert (max(sizes) > 0) == (result.name not in STEPS), result.name


def test_the_table_has_a_line_for_each() -> None:
    lines = list(table_of(RESULTS))
    assert len(lines) == 3 + len(RESULTS)
    assert "arithmetic.matmul_" in "\n".join(lines)
    assert all(line.endswith(" pass") for line in lines[3:])


def test_a_wrong_operation_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    body = tg.exp.body

    def wrong(x: Any) -> Any:
        y, closure = body(x)
        return y, lambda g: closure(g) * 1.001

    monkeypatch.setattr(tg.exp, "body", wrong)
    failing = [result.name for result in check_operations() if not result.report.passed]
    assert "exp" in failing


def test_the_assertion_has_the_report_as_its_message() -> None:
    assert_gradients(tg.tanh, [0.5, -1.0], order=2)
    wrong = tg.op(lambda x: (x * x, lambda g: g * x))
    with pytest.raises(WrongGradientError, match=r"factor: 0\.5 times what it should be"):
        assert_gradients(wrong, [0.5, -1.0])
    with pytest.raises(AssertionError):
        assert_gradients(wrong, [0.5, -1.0])
