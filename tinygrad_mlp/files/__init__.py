"""Model files: a trained network and all that is needed to use it, in one .safetensors file."""

from tinygrad_mlp.files.trained_model import TrainedModel, load, read_weights, save

__all__ = ["TrainedModel", "load", "read_weights", "save"]
