"""Reading a CSV file into a table: every cell is used as it stands or refused with its place, none is guessed."""

import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data.class_labels import ClassEncoder
from tinygrad_mlp.data.column_roles import ColumnReference, ColumnRoles, assign_roles, text_columns
from tinygrad_mlp.data.csv_rows import Rows
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.number_cells import number_problem
from tinygrad_mlp.data.table import Table
from tinygrad_mlp.data.tasks import TASKS, Task
from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.spelling import instead


def read_csv(
    path: str | os.PathLike[str],
    label: ColumnReference | None = None,
    *,
    header: bool | None = None,
    ids: ColumnReference | Sequence[ColumnReference] | None = None,
    classes: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    require_label: bool = True,
    task: Task = "classification",
    progress: Callable[[float], None] | None = None,
) -> Table:
    r"""Read a CSV file (UTF-8, separated by commas) into a `Table`.

    Args:
        path: the file.
        label: name or position (1, 2, …) of the label column. None: the column named diagnosis, label, class, target,
            species or y; else the only column of text.
        header: whether the first row holds the names. None: it does if none of its cells is a number.
        ids: names or positions of columns to leave out; the first becomes `Table.ids`. `()` leaves nothing out. None:
            the first column is left out if it holds distinct integers and has no name, or one like `id`.
        classes: the classes of a model: labels must be among them, and get their indices.
        columns: names of the features of a model. If both the file and the model have names, the features are picked by
            name, in the model's order, and any other column must be the label or an id. Otherwise, columns are matched
            by order and their number must agree. `ids` that the file does not have are then ignored, and so is a
            `label` that it does not have (unless the label is required and the match is by name).
        require_label: False: a file without a label column gives a table whose `labels` and `targets` are None.
        task: "regression": the label column holds numbers to predict, which become `Table.targets`.
        progress: called now and then with the share of the file that has been read, from 0 to 1.

    A number is written in ASCII decimal (`-12`, `.5`, `1e-3`) and fits a float64. Raises `DataError`, with file, line
    (as an editor counts them) and column, for everything that is not so: empty cells, text among numbers, uneven rows,
    blank lines between rows, unclosed quotes, wrong encodings, files that cannot be opened.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import tinygrad_mlp as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "flowers.csv")
    ...     _ = path.write_text("length,width,species\n1.4,0.2,setosa\n4.7,1.4,versicolor\n")
    ...     table = tg.data.read_csv(path)
    >>> table.features.tolist(), table.feature_names
    ([[1.4, 0.2], [4.7, 1.4]], ('length', 'width'))
    >>> table.labels.tolist(), table.classes, table.label_name
    ([0, 1], ('setosa', 'versicolor'), 'species')
    """
    if task not in TASKS:
        raise OptionError(f"read_csv: task is {task!r}; {instead(str(task), TASKS)}")
    text = CsvText.load(path, header)
    roles = assign_roles(text, label=label, ids=ids, columns=columns, require_label=require_label)
    return table_of(text, roles, classes, task, progress)


def table_of(
    text: CsvText,
    roles: ColumnRoles,
    classes: Sequence[str] | None = None,
    task: Task = "classification",
    progress: Callable[[float], None] | None = None,
) -> Table:
    """The table that a CSV text holds when its columns have these roles; the rest and errors as in `read_csv`."""
    of_numbers = task == "regression" and roles.label is not None
    encoder = ClassEncoder(classes)
    features = np.empty((text.line_count, len(roles.features)))
    indices = np.empty(len(features), dtype=np.int64)
    targets = np.empty(len(features))
    id_cells: list[str] = []
    count = 0
    for rows in text.blocks():
        end = count + len(rows)
        numbers = rows.numbers(roles.features)
        if numbers is None:
            raise _number_error(text, rows, roles.features)
        features[count:end] = numbers
        if of_numbers:
            targets[count:end] = _target_numbers(text, rows, roles.label)
        elif roles.label is not None:
            indices[count:end] = encoder.encode(text, rows, roles.label)
        if roles.left_out:
            id_cells += map(str.strip, rows.column(roles.left_out[0]))
        count = end
        if progress:
            progress(count / text.line_count)
    without = roles.label is None or of_numbers
    labels, known = (None, tuple(classes or ())) if without else encoder.finish(indices[:count])
    return Table(
        features=features[:count],
        feature_names=tuple(text.names[j] for j in roles.features),
        labels=labels,
        classes=known,
        label_name=None if roles.label is None else text.names[roles.label],
        left_out=tuple(text.names[j] for j in roles.left_out),
        source=text.source,
        has_header=text.has_header,
        ids=tuple(id_cells) if roles.left_out else None,
        targets=targets[:count] if of_numbers else None,
    )


def _target_numbers(text: CsvText, rows: Rows, column: int | None) -> NDArray[np.float64]:
    """The numbers of a label column, or the error about the first cell that is none."""
    assert column is not None
    numbers = rows.numbers([column])
    if numbers is not None:
        return numbers[:, 0]
    line, row, problem = next((line, row, problem) for line, row in rows if (problem := number_problem(row[column])))
    raise text.cell_error(line, row, column, f"{problem}; the label of a regression is a number")


def _number_error(text: CsvText, rows: Rows, features: Sequence[int]) -> DataError:
    """The error about the first cell of the rows that is not a number."""
    line, row, j, problem = next(
        (line, row, j, problem) for line, row in rows for j in sorted(features) if (problem := number_problem(row[j]))
    )
    if row[j].strip() and text_columns(text, [j]):
        reference = repr(text.names[j]) if text.has_header else j + 1
        problem += f", and the whole column is text; leave it out with ids={reference}, or make it the label"
    return text.cell_error(line, row, j, problem)
