"""The backward pass as an HTML page to step through: self-contained, offline, small."""

from tinygrad_mlp.views.page.page import Page, show_backward

__all__ = ["Page", "show_backward"]
