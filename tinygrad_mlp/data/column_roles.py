"""The roles of a table's columns: one may be the label, some are left out (ids), the others are the features.

Roles are given by name or by position, or found. They are found in one of three settings: a file to learn from; a file
for a model, matched to the model's features by name; a file for a model, matched by order, because one of the two has
no names.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.number_cells import is_number, shown
from tinygrad_mlp.errors import DataError

ColumnReference = str | int
"""A column by its name, or by its position in the file: 1, 2, …, also as text ('2')."""

LABEL_NAMES = frozenset({"diagnosis", "label", "class", "target", "species", "y"})
"""Names of the column that is the label when none is asked for (in any case)."""

ID_NAMES = frozenset(
    {"id", "ids", "index", "idx", "identifier", "key", "row", "number", "no", "nr", "unnamed: 0"}
    | {f"{what} {number}" for what in ("patient", "sample", "case", "row") for number in ("number", "no", "nr")}
)
"""Names of a first column that may be left out as an id (in any case, `_`, `-` and `.` as blanks); also any `… id`."""

_GENERATED_NAME = re.compile(r"column [0-9]+")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FEW = 12


@dataclass(frozen=True)
class ColumnRoles:
    """Positions (0-based) of the features in the order wanted, of the label, and of the columns left out."""

    features: tuple[int, ...]
    label: int | None
    left_out: tuple[int, ...]


def assign_roles(
    text: CsvText,
    *,
    label: ColumnReference | None = None,
    ids: ColumnReference | Sequence[ColumnReference] | None = None,
    columns: Sequence[str] | None = None,
    require_label: bool = True,
) -> ColumnRoles:
    """The role of each column of a file; the arguments are those of `read_csv`."""
    references = [ids] if isinstance(ids, str | int) else ids
    if columns is None:
        return _roles_to_learn(text, label, references, require_label)
    if text.has_header and not all(_GENERATED_NAME.fullmatch(name) for name in columns):
        return _roles_by_name(text, label, references, columns, require_label)
    return _roles_by_order(text, label, references, len(columns), require_label)


def find_label(text: CsvText, label: ColumnReference | None, among: Sequence[int], required: bool = True) -> int | None:
    """Position of the label column: the one asked for, else one named as in LABEL_NAMES, else the only text column.

    None only if no label was asked for, none was found, and none is `required`. Raises `DataError` if the column asked
    for does not exist or is not `among` the positions to choose from, and if the choice is not clear.
    """
    if label is not None:
        position = find_column(text, label, "the label")
        if position not in among:
            raise DataError(f"{text.source}: {text.column(position)} cannot be the label, it has another use")
        return position
    named = [j for j in among if text.has_header and text.names[j].casefold() in LABEL_NAMES]
    candidates = named or text_columns(text, among)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        found = ", ".join(text.column(j) for j in candidates)
        kind = "is named like a label" if named else "holds text"
        raise DataError(f"{text.source}: more than one column {kind} ({found}); say which is the label=")
    if required:
        none = "no column is named like a label and none holds text"
        raise DataError(f"{text.source}: {none}; say which is the label=. {_listed(text)}")
    return None


def find_column(text: CsvText, reference: ColumnReference, role: str) -> int:
    """Position (0-based) of a column given by name or position. `role` says in an error what it was to be."""
    position = _lookup(text, reference)
    if position is None:
        wanted = f"{text.source}: no column is named {reference!r}, which was to be {role}"
        raise DataError(f"{wanted}{_did_you_mean(str(reference), text.names)} {_listed(text)}")
    return position


def text_columns(text: CsvText, among: Sequence[int]) -> list[int]:
    """Those of the given positions whose columns hold text and not a single number (empty cells do not count)."""
    without_numbers, with_text = list(among), set[int]()
    for rows in text.blocks():
        for j in tuple(without_numbers):
            cells = set(rows.column(j))
            if any(map(is_number, cells)):
                without_numbers.remove(j)
            elif any(map(str.strip, cells)):
                with_text.add(j)
        if not without_numbers:
            break
    return [j for j in without_numbers if j in with_text]


def _roles_to_learn(
    text: CsvText, label: ColumnReference | None, ids: Sequence[ColumnReference] | None, require_label: bool
) -> ColumnRoles:
    left_out = tuple(find_column(text, reference, "left out") for reference in ids or ())
    label_at = find_label(text, label, _others(text, left_out), require_label)
    if ids is None and label_at != 0 and _has_id_name(text) and _holds_ids(text):
        left_out = (0,)
    features = _others(text, (label_at, *left_out))
    if not features:
        raise DataError(f"{text.source}: no column is left as a feature. {_listed(text)}")
    return ColumnRoles(features, label_at, left_out)


def _roles_by_name(
    text: CsvText,
    label: ColumnReference | None,
    ids: Sequence[ColumnReference] | None,
    columns: Sequence[str],
    require_label: bool,
) -> ColumnRoles:
    features = tuple(_feature(text, name) for name in columns)
    spare = _others(text, features)
    left_out = tuple(j for j in (_lookup(text, reference) for reference in ids or ()) if j in spare)
    among = tuple(j for j in spare if j not in left_out)
    absent = label is not None and not require_label and _lookup(text, label) is None
    label_at = None if absent else find_label(text, label, among, require_label)
    if ids is None and label_at != 0 and 0 in spare and _has_id_name(text):
        left_out = (0,)
    extra = _others(text, (*features, label_at, *left_out))
    if extra:
        found = ", ".join(text.column(j) for j in extra[:_FEW])
        raise DataError(
            f"{text.source}: {found}: not a feature of the model; leave it out with ids={text.names[extra[0]]!r}"
        )
    return ColumnRoles(features, label_at, left_out)


def _roles_by_order(
    text: CsvText, label: ColumnReference | None, ids: Sequence[ColumnReference] | None, count: int, require_label: bool
) -> ColumnRoles:
    """As many features as the model has, in their order. Where the count decides between two readings, it does."""
    named = [j for j in (_lookup(text, reference) for reference in ids or ()) if j is not None]
    left_out = tuple(named)
    asked = label if label is not None and _lookup(text, label) is not None else None
    label_at = find_label(text, asked, _others(text, left_out), require_label)
    if ids is not None and (named or not ids):
        left_outs = [left_out]
    else:
        left_outs = [(0,), ()] if label_at != 0 and _has_id_name(text) and _holds_ids(text) else [()]
    labels = [label_at] if require_label or asked is None else [label_at, None]
    for left_out in left_outs:
        for label_at in labels:
            features = _others(text, (label_at, *left_out))
            if len(features) == count:
                return ColumnRoles(features, label_at, left_out)
    left_out, label_at = left_outs[0], labels[0]
    spare = len(_others(text, (label_at, *left_out)))
    use = [f"{text.column(j)} is left out" for j in left_out]
    use += [f"{text.column(label_at)} is the label"] if label_at is not None else ["there is no label"]
    hint = "; if one of them is an id, leave it out with ids=" if spare == count + 1 else ""
    raise DataError(
        f"{text.source}: {spare} feature columns ({', '.join(use)}), expected {count} as in the model{hint}"
    )


def _lookup(text: CsvText, reference: ColumnReference) -> int | None:
    """Position of a column, None if no column has that name. A position that is not in the file is an error."""
    names = text.names
    if isinstance(reference, str):
        if reference in names:
            return names.index(reference)
        matches = [j for j, name in enumerate(names) if name.casefold() == reference.strip().casefold()]
        if len(matches) > 1:
            found = " and ".join(text.column(j) for j in matches)
            raise DataError(f"{text.source}: {reference!r} may be {found}; write it in the same case")
        if matches:
            return matches[0]
        if not (reference.isascii() and reference.isdecimal()):
            return None
    position = int(reference)
    if not 1 <= position <= len(names):
        raise DataError(f"{text.source}: there is no column {position}, expected 1 to {len(names)} or a name")
    return position - 1


def _feature(text: CsvText, name: str) -> int:
    if name not in text.names:
        raise DataError(
            f"{text.source}: no column is named {name!r}, which is a feature of the model"
            f"{_did_you_mean(name, text.names)} {_listed(text)}"
        )
    return text.names.index(name)


def _others(text: CsvText, positions: Sequence[int | None]) -> tuple[int, ...]:
    return tuple(j for j in range(len(text.names)) if j not in positions)


def _has_id_name(text: CsvText) -> bool:
    """True if nothing in the name of the first column speaks against an id."""
    name = re.sub(r"[_\-. ]+", " ", text.names[0]).casefold()
    return not text.has_header or name in ID_NAMES or name.endswith(" id")


def _holds_ids(text: CsvText) -> bool:
    """True if the first column holds an integer in every row, no two the same."""
    seen, count = set[str](), 0
    for rows in text.blocks():
        cells = list(map(str.strip, rows.column(0)))
        seen.update(cells)
        count += len(cells)
        if len(seen) < count or not all(map(_INTEGER.fullmatch, cells)):
            return False
    return True


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    by_lower_case = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), list(by_lower_case), n=1)
    return f"; did you mean {by_lower_case[close[0]]!r}?" if close else "."


def _listed(text: CsvText) -> str:
    if not text.has_header:
        return f"The file has {len(text.names)} columns and no header"
    if len(text.names) > _FEW:
        return f"The file has {len(text.names)} columns, from {shown(text.names[0])} to {shown(text.names[-1])}"
    return "The columns are " + ", ".join(map(repr, text.names))
