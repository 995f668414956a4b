"""Compiling: a function, or a whole training step, as one straight-line program that can be read and run."""

from tinygrad_mlp.compiling.function import Backend, CompiledFunction, compile_function
from tinygrad_mlp.compiling.step import CompiledStep, compile_step

__all__ = ["Backend", "CompiledFunction", "CompiledStep", "compile_function", "compile_step"]
