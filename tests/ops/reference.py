"""`PYTHONPATH=tests python -m ops.reference`: write docs/operations.md, the table of all public operations."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from ops.all_rows import TABLE, Case
from ops.kinks import DOMAINS, KINKS

from tinygrad_mlp import ops
from tinygrad_mlp.autograd import Operation
from tinygrad_mlp.autograd.protocols import RULES

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ORDERS = 3
"""`test_table.py` compares the derivatives of each case up to this order with finite differences."""

HEAD = """\
# The operations

<!-- Written by `PYTHONPATH=tests python -m ops.reference`; a test checks that it is up to date. -->

{count} public functions. {operations} are operations with rules of their own, the others are said with those. Each is
`tg.name`; where NumPy has it, `np.name` of a Tensor is the same, and so is the method of arrays.

- **Domain**: outside of it the value is NaN or infinite, or the call is an error.
- **Kinks**: where the slope jumps. [Below](#kinks) stands what it is taken to be there.
- **Order**: up to which derivatives are compared with finite differences, and for how many shapes and options.

Where PyTorch says something else: [differences.md](differences.md).

| `tg.` | what it is | NumPy | how | domain | kinks | order |
|---|---|---|---|---|---|---|
"""
KINKS_HEAD = """
## Kinks

What the slope is taken to be where there is none, or more than one. And where a slope is infinite, a gradient of
exactly 0 stays 0: what is not used has no influence.

| function | where | slope |
|---|---|---|
"""


def numpys_names(function: Any) -> str:
    """What NumPy calls it, the shortest name first."""
    found = {
        f"np.{'linalg.' if 'linalg' in (numpys.__module__ or '') else ''}{numpys.__name__}"
        for numpys, rule in RULES.items()
        if rule is function
    }
    return ", ".join(f"`{name}`" for name in sorted(found, key=lambda name: (len(name), name)))


def summary(function: Any) -> str:
    """The first sentence of the docstring."""
    line = (function.__doc__ or "").strip().partition("\n")[0]
    line = re.sub(r" \([^()]*\d{4}[^()]*\)", "", line)  # a source
    for end in (". ", ": ", "; ", ", dX", ", with the gradient"):
        start = line.partition(end)[0]
        line = start if len(start) > 7 else line
    return line.rstrip(".").replace("|", "\\|")


def tested(cases: list[Case]) -> str:
    """The order of the derivatives that are tested, and in how many cases."""
    differentiated = sum(bool(case.differentiable) for case in cases)
    return f"{ORDERS} ({differentiated}×)" if differentiated else "no gradient"


def reference() -> str:
    """The page."""
    cases = {id(subject): found for subject, found in TABLE}
    kinks = {name: kink.where.replace("|", "\\|") for kink in KINKS for name in kink.names}
    functions = {name: getattr(ops, name) for name in sorted(ops.__all__)}
    lines = []
    for name, function in functions.items():
        kind = "operation" if isinstance(function, Operation) else "composition"
        domain = DOMAINS[name][0] if name in DOMAINS else ""
        facts = [kind, domain, kinks.get(name, ""), tested(cases[id(function)])]
        lines.append("| " + " | ".join([f"`{name}`", summary(function), numpys_names(function), *facts]) + " |\n")
    rows = [
        f"| {', '.join(f'`{name}`' for name in kink.names)} | {kinks[kink.names[0]]} | {kink.slope} |\n"
        for kink in KINKS
    ]
    operations = sum(isinstance(function, Operation) for function in functions.values())
    return HEAD.format(count=len(functions), operations=operations) + "".join(lines) + KINKS_HEAD + "".join(rows)


def main() -> int:
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"{PAGE.name}: {len(ops.__all__)} functions, {len(KINKS)} kinds of kinks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
