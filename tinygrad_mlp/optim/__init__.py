"""Optimizers: rules that turn gradients into better weights, and what steers them."""

from tinygrad_mlp.optim.clipping import clip_gradients
from tinygrad_mlp.optim.optimizer import Group, Optimizer, without_decay_on_biases
from tinygrad_mlp.optim.rules import SGD, AdaGrad, Adam, AdamW, RMSprop
from tinygrad_mlp.optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "Group",
    "Optimizer",
    "RMSprop",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "clip_gradients",
    "without_decay_on_biases",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
