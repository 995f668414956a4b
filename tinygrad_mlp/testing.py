"""For tests of your own: an assertion, random functions, and Hypothesis strategies for arrays, networks and more.

The strategies (`arrays`, `broadcastable_shapes`, `networks`, `graphs`) need Hypothesis, which is imported when the
first of them is asked for; everything else works without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_mlp.checking.assertions import assert_gradients
from tinygrad_mlp.checking.random_graphs import RandomGraph, random_graph

if TYPE_CHECKING:
    from tinygrad_mlp.checking.strategies import Network, arrays, broadcastable_shapes, graphs, networks

STRATEGIES = ("Network", "arrays", "broadcastable_shapes", "graphs", "networks")

__all__ = [
    "Network",
    "RandomGraph",
    "arrays",
    "assert_gradients",
    "broadcastable_shapes",
    "graphs",
    "networks",
    "random_graph",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """The strategies, from when one is used: `import tinygrad_mlp` neither needs Hypothesis nor waits for it."""
    if name not in STRATEGIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from tinygrad_mlp.checking import strategies
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "hypothesis":
            raise
        raise ImportError(f"tg.testing.{name} needs Hypothesis: pip install hypothesis") from error
    return getattr(strategies, name)
