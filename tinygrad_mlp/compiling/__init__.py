"""Compiling: a function, or a whole training step, as one straight-line program that can be read and run."""

from tinygrad_mlp.compiling.step import CompiledStep, compile_step

__all__ = ["CompiledStep", "compile_step"]
