"""Optimizers: rules that turn gradients into better weights."""

from tinygrad_mlp.optim.optimizer import Optimizer
from tinygrad_mlp.optim.rules import SGD, Adam, RMSprop

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop"]
