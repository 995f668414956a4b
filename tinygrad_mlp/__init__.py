"""A mini framework for automatic differentiation on NumPy, with the multilayer perceptron as its main job."""

import tinygrad_mlp.interrupting  # noqa: F401 - before all others, which take a while: Ctrl-C may come meanwhile

# isort: split
from tinygrad_mlp import data, errors, files, nn, ops, optim, testing, training, views
from tinygrad_mlp.autograd import enable_grad, grad, no_grad, op
from tinygrad_mlp.calculus import hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tinygrad_mlp.checking import detect_anomaly, gradcheck
from tinygrad_mlp.compiling import compile_function as compile
from tinygrad_mlp.compiling import compile_step
from tinygrad_mlp.dtypes import default_dtype, set_default_dtype
from tinygrad_mlp.files import Checkpoint, load, save
from tinygrad_mlp.ops import *  # noqa: F403 - the public names of operations are listed in ops
from tinygrad_mlp.randomness import seed
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training import (
    Callback,
    DeadUnits,
    EarlyStopping,
    GradientNorms,
    History,
    Scheduled,
    evaluate,
    fit,
    metrics,
    predict,
)
from tinygrad_mlp.views import draw, explain, show_backward

__all__ = [
    "Callback",
    "Checkpoint",
    "DeadUnits",
    "EarlyStopping",
    "GradientNorms",
    "History",
    "Scheduled",
    "Tensor",
    "compile",
    "compile_step",
    "data",
    "default_dtype",
    "detect_anomaly",
    "draw",
    "enable_grad",
    "errors",
    "evaluate",
    "explain",
    "files",
    "fit",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
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
    "training",
    "value_and_grad",
    "views",
    "vjp",
    *ops.__all__,
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
