"""A mini framework for automatic differentiation on NumPy, with the multilayer perceptron as its main job."""

from tinygrad_mlp import data, nn, ops, optim, testing
from tinygrad_mlp.autograd import enable_grad, grad, no_grad, op
from tinygrad_mlp.checking import detect_anomaly, gradcheck
from tinygrad_mlp.dtypes import default_dtype, set_default_dtype
from tinygrad_mlp.files import load, save
from tinygrad_mlp.ops import *  # noqa: F403 - the public names of operations are listed in ops
from tinygrad_mlp.randomness import seed
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training import (
    Callback,
    EarlyStopping,
    GradientNorms,
    History,
    Scheduled,
    evaluate,
    fit,
    metrics,
    predict,
)
from tinygrad_mlp.views import draw, show_backward

__all__ = [
    "Callback",
    "EarlyStopping",
    "GradientNorms",
    "History",
    "Scheduled",
    "Tensor",
    "data",
    "default_dtype",
    "detect_anomaly",
    "draw",
    "enable_grad",
    "evaluate",
    "fit",
    "grad",
    "gradcheck",
    "load",
    "metrics",
    "nn",
    "no_grad",
    "op",
    "optim",
    "predict",
    "save",
    "seed",
    "set_default_dtype",
    "show_backward",
    "testing",
    *ops.__all__,
]
