"""The errors of the package: each is also the built-in error that a Python programmer would expect; and its warnings.

A message says what was seen, what was expected, and where (operation, layer, parameter, file, line, column).

>>> import tinygrad_mlp as tg
>>> model = tg.nn.Dense(3, 2) >> tg.nn.ReLU() >> tg.nn.Dense(3, 1)
>>> try:
...     model([[1.0, 2.0, 3.0]])
... except ValueError as error:
...     print(f"{type(error).__name__}: {error}")
ShapeError: dense in layers.2: X (1, 2) · W (3, 1): inner sizes 2 and 3 differ
"""

import sys
import warnings

from numpy.linalg import LinAlgError

__all__ = [
    "CheckpointError",
    "DataError",
    "DtypeError",
    "GradientError",
    "GuardError",
    "LabelError",
    "MatrixError",
    "MissingGradientWarning",
    "MissingMatplotlibError",
    "ModelFileError",
    "NonFiniteError",
    "OptionError",
    "ShapeError",
    "SharedRowsWarning",
    "StaleError",
    "StaleGradientWarning",
    "StateError",
    "TinygradMlpError",
    "TraceError",
    "TrainingWarning",
    "UnsupportedError",
    "WrongGradientError",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


class TinygradMlpError(Exception):
    """Base of every error that the package raises on purpose."""


class ShapeError(TinygradMlpError, ValueError):
    """Arrays whose shapes do not fit together, or do not fit the operation."""


class DtypeError(TinygradMlpError, TypeError):
    """A dtype that cannot carry a gradient (integers, complex), or that does not fit."""


class LabelError(TinygradMlpError, ValueError):
    """A class label or a probability outside of its range."""


class OptionError(TinygradMlpError, ValueError):
    """An option with a value that it does not know."""


class UnsupportedError(TinygradMlpError, TypeError):
    """A NumPy function, or a way of calling it, that has no rule for Tensors."""


class GradientError(TinygradMlpError, RuntimeError):
    """A backward pass that cannot be run, or a gradient that is not there."""


class StaleError(GradientError):
    """A tensor was changed between the forward pass that used it and the backward pass."""


class NonFiniteError(TinygradMlpError, ArithmeticError):
    """A NaN or an infinity where a finite number is needed."""


class MatrixError(TinygradMlpError, LinAlgError):
    """A matrix that is singular, or not positive definite, where it must not be."""


class StateError(TinygradMlpError, KeyError):
    """A state dict whose names are not the module's."""

    __str__ = Exception.__str__  # KeyError would show the message in quotes


class TraceError(TinygradMlpError, RuntimeError):
    """Something that cannot be recorded into a straight-line program."""


class GuardError(TinygradMlpError, AssertionError):
    """A compiled program that does not compute what the same code does without compiling; the message says where."""


class DataError(TinygradMlpError, ValueError):
    """A table that cannot be read or used; the message names file, line and column."""


class ModelFileError(TinygradMlpError, ValueError):
    """A model file that cannot be read or written; the message names the file and the reason."""


class CheckpointError(TinygradMlpError, ValueError):
    """A checkpoint that cannot be written, read or resumed; the message names the file and the reason."""


class MissingMatplotlibError(TinygradMlpError, ImportError):
    """Curves are drawn with matplotlib, which is not installed."""


class WrongGradientError(TinygradMlpError, AssertionError):
    """A gradient check that did not pass; the message is its report."""


class TrainingWarning(UserWarning):
    """A training or a score that works, but hardly says what was meant; the message says what to do."""


class StaleGradientWarning(TrainingWarning):
    """A step with gradients that an earlier step has used."""


class MissingGradientWarning(TrainingWarning):
    """A parameter that has no gradient: the loss does not depend on it."""


class SharedRowsWarning(TrainingWarning):
    """Rows that are in the training and in the validation data."""


def warn(message: str, category: type[TrainingWarning] = TrainingWarning) -> None:
    """Warn, and let Python show the line outside of the package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
