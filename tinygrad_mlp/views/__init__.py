"""Views: drawings of what happens in a network and in its training."""

from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.curves import draw_curves
from tinygrad_mlp.views.defence import Defence, defend
from tinygrad_mlp.views.explaining import explain
from tinygrad_mlp.views.gradient_curves import draw_gradients
from tinygrad_mlp.views.graph import draw
from tinygrad_mlp.views.page import Page, show_backward
from tinygrad_mlp.views.rendering import render

__all__ = [
    "BackwardPass",
    "Defence",
    "Page",
    "defend",
    "draw",
    "draw_curves",
    "draw_gradients",
    "explain",
    "render",
    "show_backward",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
