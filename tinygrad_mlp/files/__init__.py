"""Model files, with a trained network and all that is needed to use it, and checkpoints of runs: .safetensors files."""

from tinygrad_mlp.files.checkpoint import Checkpoint, read_checkpoint
from tinygrad_mlp.files.trained_model import TrainedModel, load, read_weights, save

__all__ = ["Checkpoint", "TrainedModel", "load", "read_checkpoint", "read_weights", "save"]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
