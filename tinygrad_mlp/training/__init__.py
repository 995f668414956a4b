"""Training: fitting a model to rows, stopping in time, and the numbers that say how good it is."""

from tinygrad_mlp.training import metrics
from tinygrad_mlp.training.callbacks import Callback, EarlyStopping, Run
from tinygrad_mlp.training.dead_units import DeadUnits
from tinygrad_mlp.training.evaluating import Loss, evaluate, predict
from tinygrad_mlp.training.fitting import fit
from tinygrad_mlp.training.gradient_norms import GradientNorms
from tinygrad_mlp.training.history import History
from tinygrad_mlp.training.interruptions import Interruptions
from tinygrad_mlp.training.rows import Batch
from tinygrad_mlp.training.scheduling import Scheduled
from tinygrad_mlp.training.snapshot import restore, snapshot

__all__ = [
    "Batch",
    "Callback",
    "DeadUnits",
    "EarlyStopping",
    "GradientNorms",
    "History",
    "Interruptions",
    "Loss",
    "Run",
    "Scheduled",
    "evaluate",
    "fit",
    "metrics",
    "predict",
    "restore",
    "snapshot",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
