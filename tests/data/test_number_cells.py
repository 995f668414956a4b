"""The number grammar: what a cell may say, and that the fast reader is exactly as strict as the grammar."""

import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinygrad_mlp.data.number_cells import number_problem, parse_numbers, shown

GRAMMAR = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)

GOOD = {
    "0": 0.0,
    "-0": -0.0,
    "17.99": 17.99,
    "1.": 1.0,
    ".5": 0.5,
    "+3": 3.0,
    "-.5e-3": -0.0005,
    "1E5": 1e5,
    "1e+05": 1e5,
    " 12\t": 12.0,
    "007": 7.0,
    "1e-400": 0.0,
    "0.1000000000000000055511151231257827": 0.1,
    "1.7976931348623157e308": 1.7976931348623157e308,
}
BAD = [
    "",
    " ",
    "\t",
    "abc",
    "1_000",
    "1__0",
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "0x10",
    "1e",
    "e5",
    ".",
    "+",
    "-",
    "+-1",
    "1.2.3",
    "1 2",
    "1,5",
    "1e5.0",
    "1e400",
    "-1e400",
    "9" * 400,
    "١٢",
    "1２",
    "1\u00a0",
    "1\x0b",
    "\x1c1",
    "1\n",
    "1f",
    "1d0",
    "5%",
    "$5",
    "True",
    "1j",
    "−1",
]


def reference(cell):
    """The value of one cell, by the grammar as it is written down; None if it is refused."""
    text = cell.strip(" \t")
    value = float(text) if GRAMMAR.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


@pytest.mark.parametrize(("cell", "value"), GOOD.items())
def test_a_number_is_read_as_python_reads_it(cell, value):
    assert number_problem(cell) is None
    read = parse_numbers([cell])
    assert read is not None
    assert read.tobytes() == np.array([value]).tobytes()  # the sign of zero counts


@pytest.mark.parametrize("cell", BAD)
def test_what_is_not_a_plain_decimal_number_is_refused(cell):
    assert number_problem(cell) is not None
    assert parse_numbers(["1", cell, "2"]) is None


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (" ", "the cell is empty, expected a number"),
        ("abc", "'abc' is not a number"),
        ("-1e999", "'-1e999' is too large for a float64"),
    ],
)
def test_the_problem_is_named(cell, problem):
    assert number_problem(cell) == problem


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.from_regex(GRAMMAR, fullmatch=True),
)
near_numbers = st.text("0019+-.eE \t_xnaif,١\u00a0\x1c\r\n", max_size=8)


@given(st.lists(st.one_of(numbers, near_numbers), min_size=1, max_size=6))
@example(["1", "", "2"])
@example(["1_0"])
@example(["1\x1c"])
@example(["1", "2,"])
@example(["1e", "5"])
def test_the_fast_reader_is_exactly_as_strict_as_the_grammar(cells):
    expected = [reference(cell) for cell in cells]
    assert [number_problem(cell) is None for cell in cells] == [value is not None for value in expected]
    values = parse_numbers(cells)
    if None in expected:
        assert values is None
    else:
        assert values is not None
        assert values.tobytes() == np.array(expected, dtype=np.float64).tobytes()


@given(st.lists(numbers, min_size=1, max_size=6))
def test_numbers_are_mostly_accepted(cells):
    # Guards the test above against a strategy that hardly ever makes a list of numbers.
    accepted = all(math.isfinite(float(cell)) for cell in cells)
    assert (parse_numbers(cells) is not None) == accepted


def test_a_long_cell_is_cut_in_a_message():
    assert shown("x" * 40) == repr("x" * 40)
    assert shown("x" * 41) == repr("x" * 37 + "...")
