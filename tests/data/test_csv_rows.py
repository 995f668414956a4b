"""Plain rows, which are cut and read without taking every cell apart, say what rows taken apart say."""

import csv
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import read_csv
from tinygrad_mlp.data.csv_rows import Commas, PlainRows, Rows
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.number_cells import parse_number_lines

number = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"[ \t]?[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]?", fullmatch=True),
)
cell = st.one_of(
    number,
    st.text("019+-.eE \t_xnaifdj١\u00a0\x0b\x0c\x1c#'", max_size=6),
    st.sampled_from(["", "nan", "inf", "-Infinity", "1e400", "1_0", "0x1p3", "1d5", "NaN(1)", "1j", "True", "#1"]),
)
tables = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=6)
)


def both(table, ending, last=True):
    texts = [",".join(row) + ending for row in table]
    if not last:
        texts[-1] = texts[-1].removesuffix(ending)
    lines = range(7, 7 + len(texts))
    return PlainRows(lines, texts, len(table[0])), Rows(lines, list(csv.reader(texts, Commas)))


@settings(max_examples=400)
@given(tables, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.data())
def test_plain_rows_say_what_rows_taken_apart_say(table, ending, last, data):
    plain, rows = both(table, ending, last)
    assert list(plain) == list(rows)
    assert len(plain) == len(rows)
    assert list(plain.last_lines()) == list(rows.last_lines()) == list(range(7, 7 + len(table)))
    for j in range(len(table[0])):
        assert [c.strip() for c in plain.column(j)] == [c.strip() for c in rows.column(j)]
    positions = data.draw(st.lists(st.sampled_from(range(len(table[0]))), min_size=1, unique=True))
    numbers, expected = plain.numbers(positions), rows.numbers(positions)
    assert (numbers is None) == (expected is None)
    if numbers is not None:
        assert numbers.tobytes() == expected.tobytes()  # to the last bit, and in the order asked for


@given(st.lists(number, min_size=2, max_size=4))
@example([" 1", "2\t"])
@example(["+.5e-3", "-0"])
def test_good_numbers_are_read_at_once(cells):
    values = [float(c) for c in cells]
    read = parse_number_lines([",".join(cells) + "\n"] * 3, range(len(cells)))
    if np.isfinite(values).all():
        assert read is not None
        assert read.tolist() == [values] * 3


@pytest.mark.parametrize(
    "line", ["1\n", "1,\n", ",1\n", "1,x\n", "1,nan\n", "1,2\x0b\n", "1,1_0\n", "\n", "1,é\n", "é,1"]
)
def test_what_may_be_no_number_is_left_to_the_one_who_names_it(line):
    assert parse_number_lines(["1,2\n", line], [0, 1]) is None


def test_rows_with_and_without_quotes_may_follow_each_other():
    lines = ["x,y", *(f"{i},{i + 0.5}" for i in range(60_000))]
    lines[5001], lines[20001] = '"5000", "5000.5"', '20000,"20000.5"'
    text = CsvText.parse("\n".join(lines).encode(), "x.csv")
    blocks = list(text.blocks())
    assert {type(rows) for rows in blocks} == {Rows, PlainRows}
    assert [line for rows in blocks for line in rows.lines] == list(range(2, 60_002))
    assert [row for rows in blocks for _, row in rows] == [[str(i), str(i + 0.5)] for i in range(60_000)]


def test_reading_takes_little_longer_than_numpy_without_any_checks(tmp_path):
    rng = np.random.default_rng(0)
    lines = [",".join(f"{x:.6f}" for x in row) for row in rng.normal(size=(500, 60))]
    path = tmp_path / "wide.csv"
    path.write_text("".join(f"{line},{'ab'[i % 2]}\n" for i, line in enumerate(lines * 8)))

    def seconds(read):
        start = time.process_time()
        read()
        return time.process_time() - start

    pairs = [
        (
            seconds(lambda: read_csv(path)),
            seconds(lambda: np.loadtxt(path, delimiter=",", usecols=range(60))),
        )
        for _ in range(5)
    ]
    ours, numpys = np.min(pairs, axis=0)
    assert ours < 2 * numpys  # measured: 1.4 times
