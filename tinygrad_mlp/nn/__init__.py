"""Networks: modules, layers, and the weights that they start with. Models end in logits; the loss does the rest."""

from tinygrad_mlp.nn import initialisers
from tinygrad_mlp.nn.activations import ELU, GELU, PReLU, SiLU
from tinygrad_mlp.nn.embedding import Embedding, Flatten
from tinygrad_mlp.nn.layers import Dense, Dropout, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from tinygrad_mlp.nn.module import Buffer, Module, Parameter, Sequential
from tinygrad_mlp.nn.normalisation import BatchNorm, LayerNorm

__all__ = [
    "ELU",
    "GELU",
    "BatchNorm",
    "Buffer",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "LayerNorm",
    "LeakyReLU",
    "Module",
    "PReLU",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "initialisers",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
