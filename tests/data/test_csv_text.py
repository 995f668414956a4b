"""The text of a CSV file: which bytes are rows, and on which physical line each row begins."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import csv_text
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.errors import DataError


def rows_of(data, header=False):
    text = CsvText.parse(data, "x.csv", header)
    return [(line, cells) for rows in text.blocks() for line, cells in rows]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_line_ending_with_or_without_byte_order_mark(ending, last, mark):
    data = mark + ending.join([b"1,2", b"3,4", b"5,6"]) + ending * last
    assert rows_of(data) == [(1, ["1", "2"]), (2, ["3", "4"]), (3, ["5", "6"])]


def test_mixed_line_endings():
    assert rows_of(b"1,2\r3,4\r\n5,6\n7,8") == [(1, ["1", "2"]), (2, ["3", "4"]), (3, ["5", "6"]), (4, ["7", "8"])]


def test_blank_lines_at_the_end_are_no_rows():
    assert rows_of(b"1,2\n3,4\n\n \t \n\r\n\n") == [(1, ["1", "2"]), (2, ["3", "4"])]


def test_quoted_cells_hold_commas_quotes_and_line_breaks():
    data = b'1, "a,b"\n2,"say ""x"""\n3,"p\r\nq\nr"\n4,z\n'
    assert rows_of(data) == [(1, ["1", "a,b"]), (2, ["2", 'say "x"']), (3, ["3", "p\r\nq\nr"]), (6, ["4", "z"])]


def test_only_cr_and_lf_end_a_line():
    data = "1,a\x0bb\x0cc\x1c\x85\u2028d\n2,e\n".encode()
    assert rows_of(data) == [(1, ["1", "a\x0bb\x0cc\x1c\x85\u2028d"]), (2, ["2", "e"])]


cells = st.one_of(st.text('ab,"\r\n é', max_size=5), st.sampled_from(["", "1", "\r\n", "\r", '"']))


def tables_of(cell):
    return st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=12)
    )


@pytest.mark.parametrize("block_cells", [1, 6, csv_text._BLOCK_CELLS])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@settings(max_examples=60)
@given(table=tables_of(cells), blank_lines=st.integers(0, 3))
def test_what_was_written_is_read_with_the_line_it_was_written_on(block_cells, ending, table, blank_lines):
    expected, written = [], io.StringIO(newline="")
    for row in table:
        so_far = written.getvalue()
        line = 1 + so_far.count("\n") + so_far.count("\r") - so_far.count("\r\n")
        expected.append((line, row))
        csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator=ending).writerow(row)
    data = (written.getvalue() + ending * blank_lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "_BLOCK_CELLS", block_cells)
        assert rows_of(data) == expected


@settings(max_examples=60)
@given(table=tables_of(cells), bad=st.sampled_from(["ragged", "blank", "open"]), where=st.integers(1, 12))
def test_a_bad_row_is_named_by_its_line_wherever_the_blocks_end(table, bad, where):
    where = min(where, len(table))
    bad_row = {"ragged": '"x"', "blank": "\t", "open": ",".join(["a"] * (len(table[0]) - 1) + ['"b'])}[bad]
    rows = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table]
    before = "\n".join(rows[:where]) + "\n"
    after = "\n".join([bad_row, *rows[where:], ",".join("z" * len(table[0]))]) + "\n"
    line = 1 + before.count("\n") + before.count("\r") - before.count("\r\n")
    messages = set()
    for block_cells in (1, 5, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_text, "_BLOCK_CELLS", block_cells)
            with pytest.raises(DataError) as caught:
                rows_of((before + after).encode())
        messages.add(str(caught.value))
    assert len(messages) == 1
    if bad != "open" or where == len(rows):  # the quotes of a later row close an open one: the fault may be there
        assert messages.pop().startswith(f"x.csv, line {line}: ")


def test_no_file_has_more_rows_than_lines():
    for data in (b"1,2", b"1,2\n", b"1,2\r3,4\r\n5,6\n", b'1,"a\nb"\n3,4\n\n'):
        assert (
            len(rows_of(data))
            <= CsvText.parse(data, "x.csv", False).line_count
            <= data.count(b"\n") + data.count(b"\r") + 1
        )


@pytest.mark.parametrize(
    ("data", "has_header"),
    [
        (b"id,x\n1,2\n", True),
        (b"1,M\n2,B\n", False),
        (b"M,2\nB,3\n", False),
        (b"a,b\nc,d\n", True),
        (b"nan,M\n1,B\n", False),
        (b"1_000,M\n1,B\n", False),
        (b" 7 ,x\n1,2\n", False),
    ],
)
def test_a_first_row_without_a_number_is_the_header(data, has_header):
    text = CsvText.parse(data, "x.csv")
    assert text.has_header is has_header
    if not has_header:
        assert text.names == ("column 1", "column 2")


def test_header_true_and_false_force_it():
    assert CsvText.parse(b"1,2\n3,4\n", "x.csv", True).names == ("1", "2")
    assert CsvText.parse(b"a,b\n3,4\n", "x.csv", False).names == ("column 1", "column 2")


def test_a_header_of_numbers_with_a_label_is_not_taken_for_data():
    # pandas names columns 0, 1, 2, …: the class "diagnosis" would appear among the labels
    with pytest.raises(
        DataError, match=r"^x.csv, line 1, column 3: 'diagnosis' is like the name of a column.*header=True"
    ):
        CsvText.parse(b"0,1,diagnosis\n1,2,M\n", "x.csv")
    assert CsvText.parse(b"0,1,diagnosis\n1,2,M\n", "x.csv", True).has_header
    assert not CsvText.parse(b"1,target\n2,target\n3,other\n", "x.csv").has_header
