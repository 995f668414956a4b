"""A table: numbers to learn from, one row per case and one column per feature, and the class or number of each row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data.blocks import column_blocks


@dataclass(frozen=True, repr=False, eq=False)
class Table:
    """Features of N rows, and their classes or numbers to predict, as a CSV file gave them.

    features       (N, n) float64, all finite
    feature_names  the n names; `column 3`, … (positions in the file) if the file has no header
    labels         (N,) int64, indices into `classes`; None if the file has no label column, or one of numbers
    classes        names of the classes, sorted, so of B and M the class M has index 1
    label_name     name of the label column, or None
    left_out       names of the columns that are neither features nor the label
    source         the file, as in error messages
    has_header     whether the file names its columns
    ids            (N,) texts of the first column left out, or None
    targets        (N,) float64, the numbers of a label column that was read for a regression; else None

    >>> import tinygrad_mlp as tg
    >>> table = tg.data.load_breast_cancer()
    >>> table.features.shape, table.classes, table.labels[:3], table.feature_names[0]
    ((569, 30), ('B', 'M'), array([1, 1, 1]), 'mean radius')
    >>> table.select(table.features[:, 0] > 25)
    Table('breast_cancer.csv': 5 rows; 30 features; label 'diagnosis': B 0, M 5)
    """

    features: NDArray[np.float64]
    feature_names: tuple[str, ...]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    label_name: str | None
    left_out: tuple[str, ...]
    source: str
    has_header: bool
    ids: tuple[str, ...] | None = None
    targets: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        rows, columns = self.features.shape
        parts = [f"{rows} rows", f"{columns} features"]
        if self.labels is not None:
            counts = np.bincount(self.labels, minlength=len(self.classes))
            shown = [f"{name} {count}" for name, count in zip(self.classes[:5], counts, strict=False)]
            parts.append(f"label {self.label_name!r}: " + ", ".join(shown) + ", …" * (len(self.classes) > 5))
        if self.targets is not None:
            parts.append(f"label {self.label_name!r}: {self.targets.min():.4g} to {self.targets.max():.4g}")
        if self.left_out:
            parts.append("left out " + ", ".join(map(repr, self.left_out)))
        return f"Table({self.source!r}: {'; '.join(parts)})"

    @property
    def strata(self) -> NDArray[np.int64]:
        """What rows (N,) are dealt by, so that each part has its share: the classes; all alike if there are none."""
        return np.zeros(len(self), np.int64) if self.labels is None else self.labels

    @property
    def answers(self) -> NDArray[np.int64] | NDArray[np.float64] | None:
        """What is to be predicted for each row (N,): its class, or its number; None if the table has neither."""
        return self.labels if self.targets is None else self.targets

    def dealt(self, *parts: NDArray[np.integer]) -> "list[Table]":
        """The tables of some parts of the rows, each row in one part at most; their features are this table's memory.

        So they take no more of it. The rows are moved there: this table must not be used any more.

        >>> import tinygrad_mlp as tg
        >>> table = tg.data.load_breast_cancer()
        >>> train, valid = table.dealt(*tg.data.split_indices(table.strata, ratio=0.8))
        >>> valid
        Table('breast_cancer.csv': 114 rows; 30 features; label 'diagnosis': B 71, M 43)
        """
        order = np.concatenate(parts)
        for columns in column_blocks(self.features):
            columns[: len(order)] = columns[order]
        ends = np.cumsum([len(part) for part in parts])
        return [
            replace(
                self,
                features=self.features[end - len(part) : end],
                labels=None if self.labels is None else self.labels[part],
                targets=None if self.targets is None else self.targets[part],
                ids=None if self.ids is None else tuple(self.ids[i] for i in part),
            )
            for part, end in zip(parts, ends, strict=True)
        ]

    def select(self, rows: slice | Sequence[int] | Sequence[bool] | NDArray[np.integer] | NDArray[np.bool_]) -> "Table":
        """The table of some rows, in the order asked for: a slice, indices, or a mask (N,). The arrays are copies."""
        chosen = np.arange(len(self))[rows]
        return replace(
            self,
            features=self.features[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            targets=None if self.targets is None else self.targets[chosen],
            ids=None if self.ids is None else tuple(self.ids[i] for i in chosen),
        )
