"""The engine: recorded variables, operations, the backward sweep, and nothing about any particular operation."""

from tinygrad_mlp.autograd.modes import SCOPE, Mode, ModeSwitch, enable_grad, no_grad, observing
from tinygrad_mlp.autograd.op import Node, Operation, Rule, kernel, op
from tinygrad_mlp.autograd.protocols import implements
from tinygrad_mlp.autograd.sweep import backward, grad
from tinygrad_mlp.autograd.variable import Array, Variable

__all__ = [
    "SCOPE",
    "Array",
    "Mode",
    "ModeSwitch",
    "Node",
    "Operation",
    "Rule",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "implements",
    "kernel",
    "no_grad",
    "observing",
    "op",
]
