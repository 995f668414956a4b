"""A trained model: a network together with all that is needed to use it on new rows, in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp import ops
from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.errors import DtypeError, ModelFileError, OptionError, ShapeError
from tinygrad_mlp.files.architecture import architecture, build, widths
from tinygrad_mlp.files.safetensors_bytes import check_checksum, pack, read_bytes, unpack
from tinygrad_mlp.files.strict_json import read_json
from tinygrad_mlp.files.telling import telling
from tinygrad_mlp.nn import BatchNorm, Buffer, Module
from tinygrad_mlp.training import predict

FORMAT, VERSION = "tinygrad_mlp", "2"
READ = ("1", VERSION)
"""The versions that are read. Files of the first one have no checksum."""
SCALER, TARGET_SCALER = "scaler.", "target_scaler."
"""What the names of the scalers' arrays begin with; a parameter's cannot."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network, and what belongs to it.

    Attributes:
        model: from scaled rows (N, n) to logits (N, C), or for a regression to scaled numbers (N, m).
        scaler: scales raw rows, as it was fitted on the training rows; None if the model takes them raw.
        classes: the names of the C classes.
        feature_names: the names of the n columns.
        label_name: the name of the label's column.
        facts: whatever is worth knowing of the training (seed, epochs, options): what JSON can hold.
        target_scaler: of a regression: what its m targets were scaled with, as fitted on the training rows; else None.

    Raises:
        DtypeError: something is of another type, such as a class that is a number.
        ShapeError: the numbers of columns or classes do not fit together.
        OptionError: it has classes and a target_scaler.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> model = tg.nn.Dense(1, 2, weights=lambda shape, rng: np.log([[1.0, 3.0]]))
    >>> scaler = tg.data.StandardScaler().fit([[10.0], [30.0]])  # the mean is 20, the deviation 10
    >>> trained = tg.files.TrainedModel(model, scaler, classes=("B", "M"))
    >>> trained.probabilities([[20.0], [30.0]]).round(6)  # of the scaled rows 0 and 1
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """

    model: Module
    scaler: StandardScaler | None = None
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    label_name: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    target_scaler: StandardScaler | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, Module):
            raise DtypeError(f"the model is {self.model!r}; a Module is expected, such as a Sequential of layers")
        for what, scaler in (("scaler", self.scaler), ("target_scaler", self.target_scaler)):
            if not isinstance(scaler, StandardScaler | None):
                raise DtypeError(f"the {what} is {scaler!r}; a StandardScaler is expected")
        if self.classes and self.target_scaler:
            raise OptionError("classes and a target_scaler: a model gives logits of classes or numbers, not both")
        labels = () if self.label_name is None else (self.label_name,)
        for what, texts in (("class", self.classes), ("feature name", self.feature_names), ("label name", labels)):
            for text in texts:
                if not isinstance(text, str):
                    raise DtypeError(f"{what} {text!r} is {type(text).__name__}; str is expected")
        if not isinstance(self.facts, dict):
            raise DtypeError(f"the facts are {self.facts!r}; a dict is expected")
        n_in, n_out = widths(self.model)
        columns = {
            "the first layer takes": n_in,
            "the scaler has": None if self.scaler is None else len(self.scaler.mean),
            "feature names:": len(self.feature_names) or None,
        }
        outputs = {
            "the last layer gives": n_out,
            "classes:": len(self.classes) or None,
            "the target_scaler has": None if self.target_scaler is None else len(self.target_scaler.mean),
        }
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

    def numbers(self, X: ArrayLike) -> np.ndarray:
        """The predictions (N, m) of a regression for raw rows X (N, n), in float64 and in the units of the targets.

        Raises as `logits`.
        """
        outputs = self.logits(X).astype(np.float64)
        return outputs if self.target_scaler is None else self.target_scaler.inverse_transform(outputs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a .safetensors file, which appears whole or not at all; the same model gives the same bytes.

        A network with layers that are not the package's is stored as its weights alone; `load` then needs `model`.

        Raises:
            ModelFileError: the file cannot be written, a weight is not finite, or the facts are not JSON.
        """
        with telling(path, "the model cannot be written"):
            atomic_write(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of its file."""
        weights = self.model.state_dict()
        for name in weights:
            for prefix in (SCALER, TARGET_SCALER):
                if name.startswith(prefix):
                    raise ModelFileError(
                        f"a parameter cannot be named {name}: the scaler's arrays begin with {prefix!r}"
                    )
        check_finite(weights)
        texts = {
            "architecture": architecture(self.model),
            "classes": list(self.classes),
            "features": list(self.feature_names),
            "label": self.label_name,
            "facts": self.facts,
        }
        if frozen := frozen_names(self.model):  # a file without it is one that older versions wrote too
            texts["frozen"] = frozen
        try:
            metadata = {name: json.dumps(value, sort_keys=True, allow_nan=False) for name, value in texts.items()}
        except (TypeError, ValueError, RecursionError) as error:
            raise ModelFileError(f"what is stored beside the weights has to be JSON: {error}") from error
        arrays = dict(weights)
        for prefix, scaler in ((SCALER, self.scaler), (TARGET_SCALER, self.target_scaler)):
            arrays |= {prefix + name: array for name, array in (scaler.state() if scaler else {}).items()}
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
        with telling(path, "the model cannot be read"):
            return cls.from_bytes(read_bytes(path), model)

    @classmethod
    def from_bytes(cls, content: bytes, model: Module | None = None) -> TrainedModel:
        """The trained model that `to_bytes` made the content of."""
        weights, scalers, metadata = contents(content)
        description = from_json(metadata, "architecture", dict | None)
        beside: dict[str, Any] = {
            "scaler": StandardScaler.from_state(scalers[SCALER]) if scalers[SCALER] else None,
            "target_scaler": StandardScaler.from_state(scalers[TARGET_SCALER]) if scalers[TARGET_SCALER] else None,
            "classes": names(metadata, "classes"),
            "feature_names": names(metadata, "features"),
            "label_name": from_json(metadata, "label", str | None),
            "facts": from_json(metadata, "facts", dict),
        }
        frozen = names(metadata, "frozen") if "frozen" in metadata else ()
        if model is None:
            loaded = cls(rebuilt(description, weights), **beside)
        else:
            loaded = cls(model, **beside)
            take(model, weights)
            model.eval()
        freeze(loaded.model, frozen)
        return loaded


def save(
    model: Module,
    path: str | os.PathLike[str],
    *,
    scaler: StandardScaler | None = None,
    classes: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    label_name: str | None = None,
    facts: Mapping[str, Any] | None = None,
    target_scaler: StandardScaler | None = None,
) -> None:
    """Save a network, and what belongs to it, in one .safetensors file: see `TrainedModel`, which has it all.

    Raises:
        ModelFileError: the file cannot be written, a weight is not finite, or the facts are not JSON.
        ShapeError: the numbers of columns or classes do not fit together.

    >>> import tempfile
    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 3, rng=0) >> tg.nn.ReLU() >> tg.nn.Dense(3, 2, rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save(model, f"{folder}/model.safetensors", classes=["benign", "malignant"], facts={"epochs": 70})
    ...     again = tg.load(f"{folder}/model.safetensors")
    >>> (tg.predict(again, [[1, 2]]) == tg.predict(model, [[1, 2]])).all()
    np.True_
    """
    beside = (tuple(classes), tuple(feature_names), label_name, dict(facts or {}), target_scaler)
    TrainedModel(model, scaler, *beside).save(path)


def load(path: str | os.PathLike[str]) -> Module:
    """The network that a model file holds, in evaluation mode; `TrainedModel.load` gives what belongs to it too.

    Raises:
        ModelFileError: the file is not there, not a whole model file, or holds layers that are not the package's.

    >>> import tempfile
    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 3, rng=0) >> tg.nn.Dropout(0.5) >> tg.nn.Dense(3, 2, rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save(model, f"{folder}/model.safetensors")
    ...     again = tg.load(f"{folder}/model.safetensors")
    >>> again[1], again.training, (again[0].W.data == model[0].W.data).all()
    (Dropout(), False, np.True_)
    """
    return TrainedModel.load(path).model


def read_weights(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The parameters that a model file holds, by path, for `model.load_state_dict`. Raises `ModelFileError`.

    >>> import tempfile
    >>> import tinygrad_mlp as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save(tg.nn.Dense(2, 3), f"{folder}/model.safetensors")
    ...     weights = tg.files.read_weights(f"{folder}/model.safetensors")
    >>> {path: array.shape for path, array in sorted(weights.items())}
    {'W': (2, 3), 'b': (3,)}
    """
    with telling(path, "the model cannot be read"):
        return contents(read_bytes(path))[0]


def contents(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]], dict[str, str]]:
    """The weights, the scalers' arrays and the metadata of a model file of this version; all weights are finite."""
    arrays, metadata = unpack(content)
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"a safetensors file of format {metadata.get('format')!r:.80}; {FORMAT!r} is expected")
    if metadata.get("version") not in READ:
        known = " and ".join(map(repr, READ))
        raise ModelFileError(f"version {metadata.get('version')!r:.80} of the format; this program reads {known}")
    if metadata["version"] != READ[0]:
        check_checksum(metadata)
    scalers = {
        prefix: {name.removeprefix(prefix): arrays.pop(name) for name in list(arrays) if name.startswith(prefix)}
        for prefix in (SCALER, TARGET_SCALER)
    }
    check_finite(arrays)
    return arrays, scalers, metadata


def rebuilt(description: dict[str, Any] | None, weights: Mapping[str, np.ndarray]) -> Module:
    """The network that a file describes, with the file's weights."""
    if description is None:
        raise ModelFileError(
            "its network has layers that are not the package's: build the model and give it to "
            "TrainedModel.load(path, model), or call model.load_state_dict(tg.files.read_weights(path))"
        )
    model = build(description, weights)
    if not isinstance(model, Module):
        raise ModelFileError(f"the network is {description}; a layer is expected")
    take(model, weights)
    for name, parameter in model.named_parameters().items():
        parameter._data = weights[name]  # in the dtype of the file, whatever the default is
    return model.eval()


def take(model: Module, weights: Mapping[str, np.ndarray]) -> None:
    """Give a network a file's weights: floating-point numbers where it has such, integers where it has those.

    Raises:
        ModelFileError: a dtype of another kind, or a variance below 0, with which outputs would be NaN.
        StateError, ShapeError: they are not the network's.
    """
    for name, parameter in model.named_parameters().items():
        if name in weights and weights[name].dtype.kind != parameter.dtype.kind:
            raise ModelFileError(f"{name} is {weights[name].dtype}; {parameter.dtype} is expected")
    for path, module in model.named_modules().items():
        name = f"{path}.running_variance" if path else "running_variance"
        if isinstance(module, BatchNorm) and name in weights and (weights[name] < 0).any():
            raise ModelFileError(f"{name} has a number below 0")
    model.load_state_dict(weights)


def frozen_names(model: Module) -> list[str]:
    """The parameters that are not trained though they could be, by path."""
    return [path for path, p in model.named_parameters().items() if not (p.requires_grad or isinstance(p, Buffer))]


def freeze(model: Module, frozen: Sequence[str]) -> None:
    """Freeze the parameters with these paths; those of a model that was given stay frozen if they are.

    Raises:
        ModelFileError: the network has no such parameter.
    """
    parameters = model.named_parameters()
    for path in frozen:
        if path not in parameters:
            raise ModelFileError(f"frozen has {path!r:.80}, which is no parameter of the network")
        parameters[path].requires_grad = False


def check_finite(weights: Mapping[str, np.ndarray]) -> None:
    """Refuse weights that no training can have ended with."""
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelFileError(f"{name} has a number that is not finite")


def from_json(metadata: Mapping[str, str], name: str, kind: Any) -> Any:
    """A value of the metadata, which has to be of a kind."""
    if name not in metadata:
        raise ModelFileError(f"the metadata have no {name}")
    try:
        value = read_json(metadata[name])
    except ValueError as error:
        raise ModelFileError(f"{name} cannot be read: {error}") from error
    if not isinstance(value, kind):
        raise ModelFileError(f"{name} is {value!r:.80}, which is of another kind than expected")
    return value


def names(metadata: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A list of texts of the metadata."""
    values = from_json(metadata, name, list)
    if not all(isinstance(value, str) for value in values):
        raise ModelFileError(f"{name} is {values!r:.80}; a list of texts is expected")
    return tuple(values)
