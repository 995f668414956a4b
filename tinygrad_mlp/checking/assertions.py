"""Gradient checks for tests: an assertion with the whole report as its message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mlp.checking.gradcheck import gradcheck
from tinygrad_mlp.errors import WrongGradientError


def assert_gradients(f: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """Raise if `tg.gradcheck(f, *inputs, **options)` does not pass.

    Args:
        f: a function, a closure without arguments, or a Module.
        inputs: as for `tg.gradcheck`.
        options: as for `tg.gradcheck`: `order=2` checks the second order too.

    Raises:
        WrongGradientError: an AssertionError whose message is the report; also if the check is inconclusive.

    >>> import tinygrad_mlp as tg
    >>> tg.testing.assert_gradients(tg.tanh, [0.5, -1.0], order=2)
    """
    report = gradcheck(f, *inputs, **options)
    if not report.passed:
        raise WrongGradientError(f"\n{report}")
