"""A trained model: a network together with all that is needed to use it on new rows, in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp import ops
from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.errors import ModelFileError, ShapeError, TinygradMlpError
from tinygrad_mlp.files.architecture import build, describe
from tinygrad_mlp.files.safetensors_bytes import pack, unpack
from tinygrad_mlp.nn import Module, Sequential
from tinygrad_mlp.training import predict

FORMAT, VERSION = "tinygrad_mlp", "1"
SCALER = "scaler."
"""What the names of the scaler's arrays begin with; a parameter's cannot."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network, and what belongs to it.

    Attributes:
        model: from scaled rows (N, n) to logits (N, C).
        scaler: scales raw rows, as it was fitted on the training rows; None if the model takes them raw.
        classes: the names of the C classes.
        feature_names: the names of the n columns.
        label_name: the name of the label's column.
        facts: whatever is worth knowing of the training (seed, epochs, options): what JSON can hold.

    Raises:
        ShapeError: the numbers of columns or classes do not fit together.
    """

    model: Module
    scaler: StandardScaler | None = None
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    label_name: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {
            "the first layer takes": n_in(self.model),
            "the scaler has": None if self.scaler is None else len(self.scaler.mean),
            "feature names:": len(self.feature_names) or None,
        }
        outputs = {"the last layer gives": n_out(self.model), "classes:": len(self.classes) or None}
        for what, numbers in (("columns", columns), ("outputs", outputs)):
            seen = {name: n for name, n in numbers.items() if n is not None}
            if len(set(seen.values())) > 1:
                listed = ", ".join(f"{name} {n}" for name, n in seen.items())
                raise ShapeError(f"the numbers of {what} differ: {listed}")

    def logits(self, X: ArrayLike) -> np.ndarray:
        """The outputs (N, C) for raw rows X (N, n), in the dtype of the parameters.

        Raises:
            ShapeError, DtypeError, NonFiniteError: X is not (N, n) with finite numbers.
        """
        return predict(self.model, X if self.scaler is None else self.scaler.transform(X))

    def probabilities(self, X: ArrayLike) -> np.ndarray:
        """The softmax of the logits (N, C), in float64, where few probabilities round to 0 or 1."""
        return np.asarray(ops.softmax(self.logits(X).astype(np.float64)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a .safetensors file, which appears whole or not at all; the same model gives the same bytes.

        A network with layers that are not the package's is stored as its weights alone; `load` then needs `model`.

        Raises:
            ModelFileError: the file cannot be written, a weight is not finite, or the facts are not JSON.
        """
        with telling(path):
            atomic_write(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of its file."""
        weights = self.model.state_dict()
        for name in weights:
            if name.startswith(SCALER):
                raise ModelFileError(f"a parameter cannot be named {name}: the scaler's arrays begin with {SCALER!r}")
        check_finite(weights)
        scaler = {} if self.scaler is None else self.scaler.state()
        texts = {
            "architecture": describe(self.model) if can_be_rebuilt(self.model, weights) else None,
            "classes": list(self.classes),
            "features": list(self.feature_names),
            "label": self.label_name,
            "facts": self.facts,
        }
        try:
            metadata = {name: json.dumps(value, sort_keys=True, allow_nan=False) for name, value in texts.items()}
        except (TypeError, ValueError, RecursionError) as error:
            raise ModelFileError(f"what is stored beside the weights has to be JSON: {error}") from error
        arrays = {**weights, **{SCALER + name: array for name, array in scaler.items()}}
        return pack(arrays, {"format": FORMAT, "version": VERSION, **metadata})

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Module | None = None) -> TrainedModel:
        """Read it from a file, bit by bit as it was saved; the network is in evaluation mode.

        Args:
            path: the file.
            model: for a network with layers of your own: one that is built alike, whose weights are replaced.

        Raises:
            ModelFileError: the file cannot be read, is not a whole model file of this version, or holds a network
                that does not fit.
        """
        with telling(path):
            return cls.from_bytes(Path(path).read_bytes(), model)

    @classmethod
    def from_bytes(cls, content: bytes, model: Module | None = None) -> TrainedModel:
        """The trained model that `to_bytes` made the content of."""
        weights, scaler, metadata = contents(content)
        architecture = from_json(metadata, "architecture", dict | None)
        if model is None and architecture is None:
            raise ModelFileError(
                "it holds weights for layers that are not the package's: build the model and give it to "
                "TrainedModel.load(path, model), or call model.load_state_dict(tg.files.read_weights(path))"
            )
        if model is None:
            model = build(architecture, weights)
            if not isinstance(model, Module):
                raise ModelFileError(f"the network is {architecture}; a layer with a name is expected")
            set_weights(model, weights)
        else:
            model.load_state_dict(weights)
        return cls(
            model.eval(),
            StandardScaler.from_state(scaler) if scaler else None,
            names(metadata, "classes"),
            names(metadata, "features"),
            from_json(metadata, "label", str | None),
            from_json(metadata, "facts", dict),
        )
