"""The defence: what a corrector asks about a network, answered with its own numbers."""

from tinygrad_mlp.views.defence.defence import SUFFIXES, Defence, defend

__all__ = ["SUFFIXES", "Defence", "defend"]
