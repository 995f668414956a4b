"""Tracing: what a function does to arrays, written down as a straight-line program of NumPy calls."""

from tinygrad_mlp.tracing.in_place import InPlace, run
from tinygrad_mlp.tracing.program import Instruction, Program, Ref
from tinygrad_mlp.tracing.traced import Traced, trace

__all__ = ["InPlace", "Instruction", "Program", "Ref", "Traced", "run", "trace"]
