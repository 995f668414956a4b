"""Activations beyond the guide's: smooth ones, and one that learns its slope."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.nn.arguments import at_least_1, finite_number
from tinygrad_mlp.nn.layers import Elementwise
from tinygrad_mlp.nn.module import Parameter


class GELU(Elementwise):
    """x·Φ(x) with the normal distribution's Φ.

    Args:
        approximate: "none" for the exact form, "tanh" for the approximation.
    """

    options: ClassVar = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise OptionError(f"GELU: approximate is {approximate!r}; 'none' or 'tanh' is expected")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """x·Φ(x), element by element."""
        return ops.gelu(x, approximate=self.approximate)


class SiLU(Elementwise):
    """x·sigmoid(x), also called swish."""

    def forward(self, x: Any) -> Any:
        """x·sigmoid(x), element by element."""
        return ops.silu(x)


class ELU(Elementwise):
    """X where x > 0, else α·(e^x − 1).

    Args:
        alpha: α, the depth for very negative x.
    """

    options: ClassVar = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = finite_number("ELU: alpha", alpha)

    def forward(self, x: Any) -> Any:
        """X where x > 0, else α·(e^x − 1)."""
        return ops.elu(x, alpha=self.alpha)


class PReLU(Elementwise):
    """X where x > 0, else α·x, with α learned.

    Args:
        n: how many α there are: one for each of n features, or 1 for all.
        alpha: what they start with.

    Attributes:
        alpha: (n,).
    """

    options: ClassVar = ("n",)

    def __init__(self, n: int = 1, alpha: float = 0.25) -> None:
        self.n = at_least_1("PReLU: n", n)
        self.alpha = Parameter(np.full(self.n, finite_number("PReLU: alpha", alpha), default_dtype()))

    def forward(self, x: Any) -> Any:
        """X where x > 0, else α·x."""
        return ops.prelu(x, self.alpha)
