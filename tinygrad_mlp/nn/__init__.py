"""Networks: modules, layers, and the weights that they start with. Models end in logits; the loss does the rest."""

from tinygrad_mlp.nn import initialisers
from tinygrad_mlp.nn.layers import Dense, Dropout, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from tinygrad_mlp.nn.module import Module, Parameter, Sequential

__all__ = [
    "Dense",
    "Dropout",
    "LeakyReLU",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "initialisers",
]
