"""All bugs that can be planted in the operations, and what the gradient checker says of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from ops.all_rows import TABLE, Case
from planting.compositions import Composition
from planting.kinds import KINDS, Kind
from planting.plants import Pairs, call_of, consistent_causes, planted, quiet

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import Operation

EQUIVALENT = 1e-6
"""A change of an element of the gradient below this part of it is none."""
CASES = 2
"""Rows of the table in which each bug is planted, where there are as many."""

Status = Literal["caught", "missed", "equivalent", "refused"]


@dataclass(frozen=True)
class Bug:
    """A kind of bug at one input of an operation, in one of its cases.

    Attributes:
        row: the operation's row in the table.
        case: the number of the case in that row.
    """

    row: int
    case: int
    position: int
    kind: str

    @property
    def operation(self) -> Operation:
        """Where it is planted."""
        return TABLE[self.row][0]

    @property
    def sample(self) -> Case:
        """The inputs and options."""
        return TABLE[self.row][1][self.case]

    def __str__(self) -> str:
        shapes = ", ".join(str(x.shape) for x in self.sample.inputs)
        options = "".join(f", {k}={getattr(v, '__name__', v)}" for k, v in self.sample.options.items())
        return f"{self.kind} at input {self.position + 1} of {title(self.operation)}({shapes}{options})"


@dataclass(frozen=True)
class Finding:
    """What became of a bug.

    Attributes:
        status: caught or missed by the checker; equivalent, because it changes no gradient here; refused by the
            engine with an error before there was anything to check.
        causes: the diagnoses given, and those that would be right.
        blamed: the operations that were named.
        error: what the engine, or the checker, raised.
    """

    bug: Bug
    status: Status
    causes: tuple[str, ...] = ()
    right_causes: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()
    error: str = ""

    @property
    def explained(self) -> bool:
        """Whether every diagnosis is a right one."""
        return bool(self.causes) and set(self.causes) <= set(self.right_causes)

    @property
    def located(self) -> bool:
        """Whether the operation is blamed, and no other."""
        return set(self.blamed) == {self.bug.operation.name}


def title(operation: Operation) -> str:
    """The operation's name; with `_` where a composition has the same name without."""
    return operation.body.__name__


def listed_bugs() -> Iterator[Bug]:
    """What `all_bugs` gives, one by one."""
    for row, (operation, cases) in enumerate(TABLE):
        if not isinstance(operation, Operation):
            continue  # a composition has no closures of its own
        for position in range(max(len(case.inputs) for case in cases)):
            for kind in KINDS.values():
                fitting = [n for n in by_size(cases, position) if fits(operation, cases[n], position, kind)]
                # The first ones, but not two with the same shapes if others are there.
                chosen: list[int] = fitting[:1] + [
                    n for n in fitting[1:] if shapes(cases[n]) != shapes(cases[fitting[0]])
                ]
                for n in chosen[:CASES]:
                    yield Bug(row, n, position, kind.name)


def shapes(case: Case) -> list[tuple[int, ...]]:
    return [x.shape for x in case.inputs]


def by_size(cases: list[Case], position: int) -> list[int]:
    """The numbers of the cases in which the input is differentiated: those with several axes and elements first."""
    able = [n for n, case in enumerate(cases) if position in case.differentiable and all(x.size for x in case.inputs)]

    def rank(n: int) -> tuple[int, int]:
        x = cases[n].inputs[position]
        return -sum(length > 1 for length in x.shape), -min(x.size, 6)

    return sorted(able, key=rank)


def fits(operation: Operation, case: Case, position: int, kind: Kind) -> bool:
    """Whether the kind makes sense at this input of this case."""
    with quiet():
        call = call_of(operation, position, case.inputs, case.options)
        return call is not None and kind.applies(call)


def check(bug: Bug) -> Finding:
    """Plant a bug, let the checker look, and take the bug out again."""
    kind = KINDS[bug.kind]
    composition = Composition(bug.sample, kind.calls, seed=bug.row)
    right = composition.gradients(kind.order)
    with quiet(), planted(bug.operation, bug.position, kind) as seen:
        try:
            composition.gradients(kind.order)  # some bugs need an earlier call
            wrong = composition.gradients(kind.order)
        except ValueError as error:
            return Finding(bug, "refused", error=str(error))
        pairs: Pairs = [*zip(right, wrong, strict=True)]
        if not any(differ(a, b) for a, b in pairs):
            return Finding(bug, "equivalent")
        right_causes = kind.causes | consistent_causes([*pairs, *seen])
        try:
            report = tg.gradcheck(composition, *composition.inputs, order=kind.order)
        except Exception as error:  # whatever a wrong closure does, the checker has to report it
            return Finding(bug, "missed", error=f"gradcheck raised {type(error).__name__}")
    return Finding(
        bug,
        "missed" if report.passed else "caught",
        tuple(sorted({failure.cause for failure in report.failures})),
        tuple(sorted(right_causes)),
        tuple(sorted({suspect.operation for suspect in report.guilty})),
    )


def differ(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether some element of two gradients is not the same, by more than rounding."""
    sizes = np.maximum(np.abs(a), np.abs(b))
    allowed = EQUIVALENT * sizes + 1e-12 * sizes.max(initial=0)
    return bool(not np.isfinite(b).all() or (np.abs(a - b) > allowed).any())


@cache
def all_bugs() -> tuple[Bug, ...]:
    """Every kind at every input of every operation, in cases where it makes sense: large, many-axed ones first."""
    return tuple(listed_bugs())


def check_row(row: int) -> list[Finding]:
    """All bugs of one operation; for a process of its own."""
    return [check(bug) for bug in all_bugs() if bug.row == row]
