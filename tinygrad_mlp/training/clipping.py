"""Clipping in a training run: the gradients are held back before each step of the optimizer."""

from __future__ import annotations

from tinygrad_mlp.errors import NonFiniteError
from tinygrad_mlp.optim import clip_gradients
from tinygrad_mlp.optim.clipping import check_limits
from tinygrad_mlp.training.callbacks import Callback, Run
from tinygrad_mlp.training.diagnosis import HINT


class Clipping(Callback):
    """What `fit(…, clip_norm=…, clip_value=…)` puts behind all other callbacks: see `optim.clip_gradients`.

    Args:
        norm: of all gradients together, or None.
        value: of each element, or None.

    Raises:
        OptionError: a limit is not above 0.
        NonFiniteError: in `fit`, a gradient is not finite.
    """

    def __init__(self, norm: float | None, value: float | None) -> None:
        check_limits({"clip_norm": norm, "clip_value": value})
        self.norm, self.value = norm, value

    def gradients(self, run: Run) -> None:
        """Clip those of the parameters that the optimizer trains."""
        try:
            clip_gradients(run.optimizer.parameters, norm=self.norm, value=self.value)
        except NonFiniteError as error:
            raise NonFiniteError(f"{run.place}: {error}; {HINT}") from error
