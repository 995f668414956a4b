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
    """x·Φ(x) with the normal distribution's Φ (Hendrycks & Gimpel 2016, arXiv:1606.08415).

    Args:
        approximate: "none" for the exact form, "tanh" for the approximation, which is within 0.0005 of it.

    Raises:
        OptionError: another approximation.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.GELU()(np.array([-1.0, 0.0, 1.0])).round(4)  # Φ(1) is 0.8413
    array([-0.1587,  0.    ,  0.8413])
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
    """x·sigmoid(x), also called swish (Elfwing et al. 2017, arXiv:1702.03118; Ramachandran et al., arXiv:1710.05941).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.SiLU()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """

    def forward(self, x: Any) -> Any:
        """x·sigmoid(x), element by element."""
        return ops.silu(x)


class ELU(Elementwise):
    """X where x > 0, else α·(e^x − 1) (Clevert et al. 2015, arXiv:1511.07289).

    Args:
        alpha: α, the depth for very negative x.

    Raises:
        OptionError: alpha is no finite number.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nn.ELU()(np.array([np.log(0.5), 0.0, 2.0])).round(6)  # e^x − 1 is 0.5 − 1 for the first
    array([-0.5,  0. ,  2. ])
    """

    options: ClassVar = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = finite_number("ELU: alpha", alpha)

    def forward(self, x: Any) -> Any:
        """X where x > 0, else α·(e^x − 1)."""
        return ops.elu(x, alpha=self.alpha)


class PReLU(Elementwise):
    """X where x > 0, else α·x, with α learned (He et al. 2015, arXiv:1502.01852).

    Args:
        n: how many α there are: one for each of n features, or 1 for all.
        alpha: what they start with.

    Raises:
        OptionError: n is below 1, or alpha no finite number.

    Attributes:
        alpha: (n,).

    >>> import tinygrad_mlp as tg
    >>> layer = tg.nn.PReLU()
    >>> y = layer([-2.0, 3.0, -4.0])
    >>> y.numpy()
    array([-0.5,  3. , -1. ], dtype=float32)
    >>> y.sum().backward()
    >>> layer.alpha.grad  # the sum of the negative x
    array([-6.], dtype=float32)
    """

    options: ClassVar = ("n",)

    def __init__(self, n: int = 1, alpha: float = 0.25) -> None:
        self.n = at_least_1("PReLU: n", n)
        self.alpha = Parameter(np.full(self.n, finite_number("PReLU: alpha", alpha), default_dtype()))

    def forward(self, x: Any) -> Any:
        """X where x > 0, else α·x."""
        return ops.prelu(x, self.alpha)
