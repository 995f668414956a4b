"""Views: drawings of what happens in a network and in its training."""

from tinygrad_mlp.views.curves import draw_curves

__all__ = ["draw_curves"]
