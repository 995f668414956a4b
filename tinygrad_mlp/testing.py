"""For tests of your own: random functions, and Hypothesis strategies for arrays, shapes, networks and functions.

The strategies need Hypothesis (`pip install hypothesis`), which is looked for when the first of them is used; the rest
works without it.
"""

from __future__ import annotations

from tinygrad_mlp.checking.random_graphs import RandomGraph, random_graph

__all__ = ["RandomGraph", "random_graph"]
