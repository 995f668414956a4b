"""Every operation: a body in plain NumPy and one backward closure per input. Compositions stand beside them."""

from tinygrad_mlp.ops.activations import dropout, leaky_relu, log_softmax, relu, sigmoid, softmax, softplus
from tinygrad_mlp.ops.arithmetic import add, dense, divide, matmul, multiply, negative, over, power, subtract, times
from tinygrad_mlp.ops.elementwise import (
    abs,
    astype,
    clip,
    exp,
    log,
    log1p,
    maximum,
    minimum,
    sign,
    sqrt,
    tanh,
    where,
)
from tinygrad_mlp.ops.indexing import getitem
from tinygrad_mlp.ops.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    mean_squared_error,
    softmax_cross_entropy,
)
from tinygrad_mlp.ops.reductions import broadcast_to, logsumexp, max, mean, min, sum
from tinygrad_mlp.ops.shapes import concatenate, reshape, transpose

__all__ = [
    "abs",
    "add",
    "astype",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "clip",
    "concatenate",
    "dense",
    "divide",
    "dropout",
    "exp",
    "getitem",
    "leaky_relu",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "mean_squared_error",
    "min",
    "minimum",
    "multiply",
    "negative",
    "over",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "sign",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "sqrt",
    "subtract",
    "sum",
    "tanh",
    "times",
    "transpose",
    "where",
]
