"""The detection matrix: which bugs the gradient checker catches, explains and locates; as numbers and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from ops.all_rows import TABLE
from planting.bugs import Finding, all_bugs, check_row, title
from planting.engine import ENGINE_BUGS, EngineBug
from planting.kinds import KINDS
from planting.plants import quiet

import tinygrad_mlp as tg


@dataclass(frozen=True)
class EngineFinding:
    """What became of a bug of the engine: see `Finding`."""

    number: int
    caught: bool
    causes: tuple[str, ...]
    blamed: tuple[str, ...]

    @property
    def bug(self) -> EngineBug:
        """The bug."""
        return ENGINE_BUGS[self.number]

    @property
    def explained(self) -> bool:
        """Whether every diagnosis is a right one."""
        return bool(self.causes) and set(self.causes) <= self.bug.causes

    @property
    def located(self) -> bool:
        """Whether no innocent operation is blamed."""
        return self.caught and (self.bug.blames or not self.blamed)


def check_engine(number: int) -> EngineFinding:
    """Plant a bug in the engine, let the checker look, and take it out again."""
    bug = ENGINE_BUGS[number]
    with quiet(), bug.plant():
        try:
            report = tg.gradcheck(bug.f, *bug.inputs, order=bug.order)
        except Exception:  # whatever a wrong sweep does, the checker has to report it
            return EngineFinding(number, False, (), ())
    causes = tuple(sorted({failure.cause for failure in report.failures}))
    blamed = tuple(sorted({suspect.operation for suspect in report.guilty}))
    return EngineFinding(number, not report.passed, causes, blamed)


def run(processes: int, tell: Callable[[str], None] = lambda line: None) -> tuple[list[Finding], list[EngineFinding]]:
    """Plant all bugs, on several processes; minutes on two."""
    findings: list[Finding] = []
    rows = sorted({bug.row for bug in all_bugs()})
    with ProcessPoolExecutor(processes) as pool:
        for row, found in zip(rows, pool.map(check_row, rows), strict=True):
            findings += found
            caught = [f for f in found if f.status == "caught"]
            missed = sum(f.status == "missed" for f in found)
            tell(f"{title(TABLE[row][0]):<36} {len(caught):>5} caught {missed:>4} missed")
    return findings, [check_engine(number) for number in range(len(ENGINE_BUGS))]


def planted_bugs(findings: Iterable[Finding]) -> list[Finding]:
    """Those that change a gradient."""
    return [f for f in findings if f.status in ("caught", "missed")]


def share(part: int, whole: int) -> str:
    """`12 (60.0 %)`."""
    return f"{part:,} ({part / whole:.1%})".replace("%", " %") if whole else "0"


def markdown(findings: Sequence[Finding], engine: Sequence[EngineFinding]) -> str:
    """The page."""
    return "\n".join(lines(findings, engine)) + "\n"


def lines(findings: Sequence[Finding], engine: Sequence[EngineFinding]) -> Iterator[str]:
    """The page, line by line."""
    real = planted_bugs(findings)
    yield "# What the gradient checker finds"
    yield ""
    yield "Bugs are planted in every operation and in the engine. `tg.gradcheck` sees a function of a dozen operations,"
    yield "of which one is wrong; it has to notice, to say why, and to name the operation. `make mutants` writes this."
    yield ""
    yield "| | planted | caught | cause right | operation right |"
    yield "|---|---|---|---|---|"
    yield total("operations", real)
    yield total("engine", engine)
    yield ""
    operations = len({f.bug.operation for f in real})
    equivalent = sum(f.status == "equivalent" for f in findings)
    refused = sum(f.status == "refused" for f in findings)
    yield f"There are {len(KINDS)} kinds of bugs in {operations} operations. A cause is right if every diagnosis of the"
    yield "report is; the operation, if it is blamed and no other. (Bugs of the engine are in no operation: there it"
    yield f"counts that none is blamed.) Left out were {equivalent} changes that change no gradient by more than 1e-6"
    yield f"at their sample, listed at the end, and {refused} that the engine refuses with an error."
    yield ""
    yield "## Kinds"
    yield ""
    yield "| kind | what is wrong | planted | caught | cause right | operation right |"
    yield "|---|---|---|---|---|---|"
    for kind in KINDS.values():
        yield total(f"{kind.name} | {kind.does}", [f for f in real if f.bug.kind == kind.name])
    yield ""
    yield from survivors(real, engine)
    yield from misread(real)
    yield "## Operations and kinds"
    yield ""
    yield from matrix(real)
    yield ""
    yield "Each cell: caught, explained and located bugs of those planted, or one number where all are; `·` where the"
    yield "kind makes no sense or changes nothing."
    yield ""
    yield "## The engine"
    yield ""
    yield "| bug | caught | diagnosis | right | blamed |"
    yield "|---|---|---|---|---|"
    for found in engine:
        right = "yes" if found.explained else f"no: {', '.join(sorted(found.bug.causes))}"
        blamed = ", ".join(found.blamed) or "–"
        caught = "yes" if found.caught else "**no**"
        yield f"| {found.bug.name} | {caught} | {', '.join(found.causes)} | {right} | {blamed} |"
    yield ""
    yield "## Changes that change nothing"
    yield ""
    yield from equivalents(findings)


def total(name: str, found: Sequence[Finding] | Sequence[EngineFinding]) -> str:
    """A row of counts."""
    n = len(found)
    caught = sum(f.status == "caught" if isinstance(f, Finding) else f.caught for f in found)
    cells = (
        f"{n:,}",
        share(caught, n),
        share(sum(f.explained for f in found), n),
        share(sum(f.located for f in found), n),
    )
    return f"| {name} | {' | '.join(cells)} |"


def survivors(real: Sequence[Finding], engine: Sequence[EngineFinding]) -> Iterator[str]:
    """What was not caught."""
    missed: Counter[str] = Counter()
    for f in real:
        if f.status == "missed":
            missed[f"{f.bug.kind} in {title(f.bug.operation)}{f': {f.error}' if f.error else ''}"] += 1
    missed.update(f"{f.bug.name}, in the engine" for f in engine if not f.caught)
    yield f"## Survivors: {missed.total()}"
    yield ""
    for what, n in missed.items():
        yield f"- {what}{f' ({n} times)' if n > 1 else ''}"
    if missed:
        yield ""


def misread(real: Sequence[Finding]) -> Iterator[str]:
    """What was caught with another cause, or in another place."""
    wrong_cause = Counter((f.bug.kind, ", ".join(f.causes)) for f in real if f.status == "caught" and not f.explained)
    wrong_place = Counter(
        (f.bug.kind, "nobody" if not f.blamed else "others") for f in real if f.status == "caught" and not f.located
    )
    yield "## Misread"
    yield ""
    if not wrong_cause and not wrong_place:
        yield "None."
    for (kind, said), n in sorted(wrong_cause.items()):
        yield f"- {kind}: called {said}, {n} times"
    for (kind, whom), n in sorted(wrong_place.items()):
        yield f"- {kind}: {whom} blamed, {n} times"
    yield ""


def matrix(real: Sequence[Finding]) -> Iterator[str]:
    """One row for each operation, one column for each kind."""
    cells: dict[tuple[str, str], list[Finding]] = {}
    for f in real:
        cells.setdefault((title(f.bug.operation), f.bug.kind), []).append(f)
    names = list(dict.fromkeys(title(f.bug.operation) for f in real))
    yield f"| | {' | '.join(KINDS)} |"
    yield f"|---{'|---' * len(KINDS)}|"
    for name in names:
        yield f"| {name} | {' | '.join(cell(cells.get((name, kind), [])) for kind in KINDS)} |"


def cell(found: Sequence[Finding]) -> str:
    """What became of the bugs of one kind in one operation."""
    if not found:
        return "·"
    n = len(found)
    counts = [sum(f.status == "caught" for f in found), sum(f.explained for f in found), sum(f.located for f in found)]
    return str(n) if counts == [n, n, n] else f"{'/'.join(map(str, counts))} of {n}"


def equivalents(findings: Sequence[Finding]) -> Iterator[str]:
    """What was left out, by kind."""
    by_kind: dict[str, Counter[str]] = {}
    for f in findings:
        if f.status == "equivalent":
            by_kind.setdefault(f.bug.kind, Counter())[title(f.bug.operation)] += 1
    for kind in KINDS:
        if kind in by_kind:
            names = ", ".join(f"{name} {n}" if n > 1 else name for name, n in by_kind[kind].items())
            yield f"- {kind}: {names}"
