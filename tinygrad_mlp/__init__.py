"""A mini framework for automatic differentiation on NumPy, with the multilayer perceptron as its main job."""

from tinygrad_mlp import nn, optim
from tinygrad_mlp.autograd import detect_anomaly, enable_grad, grad, no_grad, op, set_default_dtype
from tinygrad_mlp.ops import *  # noqa: F403 - the public names of operations are listed in ops
from tinygrad_mlp.randomness import seed
from tinygrad_mlp.tensor import Tensor
