"""`defend`: what a corrector asks about a network, answered with the numbers of this one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mlp import nn, ops
from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.training.evaluating import Loss
from tinygrad_mlp.views.defence import backward, descent, forward, loss, training
from tinygrad_mlp.views.defence.page import as_html
from tinygrad_mlp.views.defence.parts import Question
from tinygrad_mlp.views.defence.subject import Subject
from tinygrad_mlp.views.defence.writing import answer_lines, as_markdown, as_text
from tinygrad_mlp.views.plain_text import Paper

CHAPTERS = (forward, loss, backward, descent, training)
TITLE = "The defence: what a corrector asks, with the numbers of this network"
SUFFIXES = (".html", ".htm", ".md", ".txt")


class Defence:
    """Questions and their answers: `print` it, show it in a notebook, or `.save("defence.html")`.

    Attributes:
        subject: the network and the rows.
        note: where the rows come from and how to get one's own numbers, said at the beginning.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 2, rng=0)
    >>> answers = tg.views.defend(model, [[0.5, -1.0], [2.0, 0.1]], [0, 1])
    >>> isinstance(answers, tg.views.Defence), len(answers.questions)
    (True, 19)
    """

    def __init__(self, subject: Subject, note: str = "") -> None:
        self.subject = subject
        self.note = note

    @cached_property
    def questions(self) -> list[Question]:
        """All of them, in the order of a defence."""
        with np.errstate(all="ignore"):  # what is not finite is written as what it is
            return [question for chapter in CHAPTERS for question in chapter.questions(self.subject)]

    @property
    def holds(self) -> bool:
        """Whether all that the answers claim to be equal is."""
        return all(question.holds for question in self.questions)

    @property
    def about(self) -> list[str]:
        """What is defended, in a paragraph or two."""
        s = self.subject
        widths = [s.dense[0].before.shape[-1], *(stage.after.shape[-1] for stage in s.dense)]
        count = sum(p.size for p in s.model.parameters() if p.requires_grad)
        kinds = list(dict.fromkeys(stage.title for stage in s.stages if stage.dense is None))
        between = f" with {', '.join(kinds)}" if kinds else ""
        rows = f"{len(s.X)} row{'s' * (len(s.X) != 1)}, taken evenly from the table"
        first = (
            f"A network {'-'.join(map(str, widths))}{between}, {count:,} weights, and a batch of {rows}. Every number "
            "below was computed from them, in float64: by hand in NumPy, and by the package's engine."
        )
        return [first, *([self.note] if self.note else [])]

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, *, only: int | None = None, ascii: bool | None = None, colour: bool | None = None) -> str:
        """The answers for a terminal of 80 columns.

        Args:
            only: the number of a question, from 1 on; None for all of them.
            ascii: whether to use nothing but ASCII; None means where the output can take no more.
            colour: whether to use colours; None means on a terminal, unless NO_COLOR is set.

        Raises:
            OptionError: there is no such question.
        """
        paper = Paper(ascii, colour)
        if only is not None:
            if not 1 <= only <= len(self.questions):
                raise OptionError(f"there is no question {only}; 1 to {len(self.questions)} are expected")
            return "\n".join(answer_lines(only, self.questions[only - 1], paper))
        return "\n".join(as_text(TITLE, self.about, self.questions, paper))

    @property
    def markdown(self) -> str:
        """The answers as Markdown."""
        return "\n".join(as_markdown(TITLE, self.about, self.questions)) + "\n"

    @property
    def html(self) -> str:
        """The answers as a page of one file, which loads nothing."""
        return as_html(TITLE, self.about, self.questions)

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return re.sub(r"^#", "###", self.markdown, flags=re.MULTILINE)  # below the headings of the notebook itself

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write them to a file, which appears whole or not at all.

        Args:
            path: ends in .html, .md or .txt, which says as what.

        Raises:
            OptionError: another suffix.
            DataError: the file cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() not in SUFFIXES:
            raise OptionError(f"{target}: a file that ends in .html, .md or .txt is expected")
        contents: dict[str, Callable[[], str]] = {
            ".md": lambda: self.markdown,
            ".txt": lambda: f"{self.text(ascii=False, colour=False)}\n",
        }
        content = contents.get(target.suffix.lower(), lambda: self.html)()
        try:
            atomic_write(target, content.encode())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{target}: the answers cannot be written: {reason}") from error
        return target


def defend(
    model: nn.Module,
    X: Any,
    y: Any,
    loss: Loss = ops.softmax_cross_entropy,
    *,
    rows: int = 32,
    row: int | None = None,
    learning_rate: float = 0.03,
    scaler: StandardScaler | None = None,
    target_scaler: StandardScaler | None = None,
    classes: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    label_name: str | None = None,
    facts: Mapping[str, Any] | None = None,
    note: str = "",
) -> Defence:
    """Answer what is asked about feed-forward, backpropagation and gradient descent, with a model's own numbers.

    Nothing of the model is changed, and no random generator is drawn from: all is computed on copies in float64.

    Args:
        model: layers one after the other, a dense one among them.
        X: a table's rows (N, n) as the model takes them, scaled.
        y: class indices (N,), or the numbers (N, m) that are to be predicted.
        loss: `tg.softmax_cross_entropy`, `mean_squared_error`, `mean_absolute_error` or `huber`.
        rows: how many rows of the table are the batch that is worked with; they are taken evenly from it.
        row: the number of the row that is followed, from 1 on; the one with the largest loss in the batch if None.
        learning_rate: η of the steps that are made.
        scaler: with which X was scaled; it lets the answers tell raw numbers.
        target_scaler: with which y was scaled, if it was.
        classes: the names of the classes.
        feature_names: the names of the columns.
        label_name: the name of the label's column.
        facts: what is known of the training, as `tinygrad-mlp train` stores it.
        note: a paragraph for the beginning.

    Raises:
        OptionError: another loss, a row that there is not, or a model without dense layers in a row.
        ShapeError, DtypeError, LabelError: X and y are no batch of this model.
        NonFiniteError: an output of the model is not finite.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 3, rng=0) >> tg.nn.Tanh() >> tg.nn.Dense(3, 2, rng=1)
    >>> answers = tg.views.defend(model, [[0.5, -1.0], [2.0, 0.1]], [0, 1])
    >>> answers.holds
    True
    >>> print(answers.questions[5].title)
    Why a logarithm?
    """
    known = {"scaler": scaler, "target_scaler": target_scaler, "classes": classes, "feature_names": feature_names}
    subject = Subject.of(
        model, X, y, loss, rows, row, learning_rate, **known, label_name=label_name, facts=dict(facts or {})
    )
    return Defence(subject, note)
