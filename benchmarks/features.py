"""The rows of the comparison with the peers: what each of them asks, and how an answer is judged.

A peer (`probes.py`) answers a question by doing it: it returns what it has computed, drawn or written, or it fails. The
judgement is the same for all. Where a peer has nothing to call, its public definitions are searched for the names that
such a thing would have; if there are any after all, the answer is "?", for somebody to look at.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

Answer = Literal["yes", "no", "?", "n/a"]


@dataclass(frozen=True)
class Feature:
    """A row of the table.

    Attributes:
        key: the name of the method of a peer that tries it.
        title: what the table calls it.
        judge: whether what a peer returned is what was asked for.
        names: a regular expression for the public names that a peer with this feature would have.
    """

    key: str
    title: str
    judge: Callable[[Any], bool]
    names: str = ""


class Verdict(NamedTuple):
    """An answer, and what it rests on."""

    answer: Answer
    evidence: str


NOT_APPLICABLE = object()
"""What a probe returns where the question makes no sense."""
DRAWN = 3.517
"""The weight of which w² is drawn: the gradient, 7.034, must stand in the drawing."""

FEATURES = [
    Feature("arrays", "works on arrays", lambda g: np.allclose(g, [[2, 2], [2, 2]])),
    Feature("numpy_functions", "NumPy's functions take its tensors", lambda g: np.allclose(g, 2 * np.cos(1.0))),
    Feature("second_derivative", "derivatives of derivatives", lambda g: np.isclose(g, 12)),
    Feature("safe_where", "`where(x > 0, sqrt(x), x)` has slope 1 at −1", lambda g: np.allclose(g, [1]), r"where$"),
    Feature(
        "stale_value", "a value changed before `backward` is noticed", lambda g: isinstance(g, str) or np.isclose(g, 6)
    ),
    Feature("deep_graph", "graphs of 10,000 operations", lambda g: np.isclose(g, 1)),
    Feature("checker", "checks gradients numerically", lambda found: found.caught, r"(check_?grad|grad_?check)"),
    Feature("names_the_culprit", "… and names the operation that is wrong", lambda found: "cube" in found.text.lower()),
    Feature(
        "drawing", "draws the backward pass, gradients in it", lambda text: "7.03" in text, r"(draw|graphviz|to_dot)"
    ),
    Feature("backward_code", "prints the backward pass as code", lambda text: "cos" in text, r"make_jaxpr|make_fx"),
    Feature("fit", "trains a classifier in one call", lambda accuracy: accuracy > 0.9, r"fit"),
    Feature("command", "trains from a CSV file in one command", lambda files: bool(files)),
    Feature(
        "compiles", "compiles a training step, without a C++ compiler", lambda loss: loss < 0.1, r"(jit|compile_step)"
    ),
    Feature("per_example", "gradients of each example (`vmap`)", lambda g: np.allclose(np.ravel(g), [6, 24]), r"vmap"),
    Feature("convolution", "convolutions", lambda g: np.allclose(g, 4) and np.size(g) == 9, r"conv(olve|\d?d|_nd)\w*"),
    Feature("complex_numbers", "complex numbers", lambda g: np.isclose(abs(g), 2 * abs(1 + 2j)), r"conj(ugate)?"),
    Feature("devices", "GPUs", lambda device: "cpu" in str(device).lower(), r"(cuda|to_device|device_put)"),
]
"""In the order of the table. (Where devices can be chosen, it is the CPU here: there need be no other.)"""


class Checked(NamedTuple):
    """What a gradient checker said of an operation with a wrong gradient, and whether it let a right one pass."""

    caught: bool
    text: str


def checked(check: Callable[[float], str]) -> Checked:
    """What a checker says of x³ with the gradients 3·x² and 2·x².

    Args:
        check: of an operation `cube` with this factor in its gradient; returns "" if the check passes, else the report.
    """
    right, wrong = check(3.0), check(2.0)
    return Checked(not right and bool(wrong), wrong)


def judged(peer: Any, feature: Feature, definitions: set[str]) -> Verdict:
    """Try a feature with a peer."""
    probe = getattr(peer, feature.key, None)
    if probe is None:
        names = sorted(name for name in definitions if re.fullmatch(feature.names or "(?!)", name))
        if names:
            return Verdict("?", f"nobody has tried {', '.join(names[:5])}")
        return Verdict("no", f"no public name is like {feature.names}" if feature.names else "there is nothing to call")
    try:
        found = probe()
        if found is NOT_APPLICABLE:
            return Verdict("n/a", "the question makes no sense")
        return Verdict("yes" if feature.judge(found) else "no", shortened(repr(found)))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Verdict("no", shortened(f"{type(error).__name__}: {error} ({Path(where.filename).name})"))


def shortened(text: str) -> str:
    """One line of at most 160 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:159]}…"


def public_definitions(package: Path) -> set[str]:
    """The names of all functions and classes that a package defines in files and under names without an underscore."""
    found: set[str] = set()
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).parts
        if not any(part.startswith(("_", "test")) and part != "__init__.py" for part in parts):
            text = path.read_text("utf-8", errors="replace")
            found.update(re.findall(r"^ *(?:def|class) ([a-zA-Z]\w*)", text, re.MULTILINE))
    return found


def required(distribution: str) -> set[str]:
    """A distribution and all that it requires, extras left out."""
    found: set[str] = set()
    open_ = [distribution]
    while open_:
        name = re.sub(r"[-_.]+", "-", open_.pop()).lower()
        if name in found:
            continue
        found.add(name)
        for line in metadata.requires(name) or []:
            requirement, _, marker = line.partition(";")
            wanted = re.match(r"[\w.-]+", requirement)
            if wanted and "extra" not in marker and installed(wanted[0]):
                open_.append(wanted[0])
    return found


def installed(distribution: str) -> bool:
    """Whether it is there: a requirement for another system is not."""
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
