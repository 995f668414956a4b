"""Views: drawings of what happens in a network and in its training."""

from tinygrad_mlp.views.curves import draw_curves
from tinygrad_mlp.views.graph import draw, render

__all__ = ["draw", "draw_curves", "render"]
