"""A text file that is read piece by piece: lines, bytes and errors are those of the whole, wherever the pieces end."""

import os
from itertools import pairwise
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import read_csv, split_csv, text_file
from tinygrad_mlp.data.text_file import TextFile
from tinygrad_mlp.errors import DataError

content = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", "é".encode(), "\U0001f600".encode()])).map(b"".join)


@settings(max_examples=200)
@given(content, st.integers(1, 5))
def test_lines_and_their_places_are_those_of_the_whole_text(data, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_file, "_PIECE", piece)
        text = TextFile.of(data, "x")
        starts = text.line_starts()
        lines = text.count_lines()
    expected = data.splitlines(keepends=True)
    found = [data[a:b] for a, b in pairwise(starts)]
    assert found == expected
    assert lines == len(expected) + (data.endswith((b"\r", b"\n")) or not data)


@settings(max_examples=200)
@given(content, st.sampled_from([b"\xff", b"\xc3", b"\0", b"\xed\xa0\x80"]), content, st.integers(1, 5))
def test_a_bad_byte_is_named_by_its_line_wherever_the_pieces_end(before, bad, after, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_file, "_PIECE", piece)
        with pytest.raises(DataError) as caught:
            TextFile.of(before + bad + after, "x").count_lines()
    line = 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
    if not before.endswith(b"\r"):
        assert str(caught.value).startswith(f"x, line {line}: ")


def test_a_pipe_is_read_once(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(b"1,a\n2,b\n3,a\n4,b\n",), daemon=True)
    writer.start()
    table = read_csv(pipe, ids=())
    writer.join(10)
    np.testing.assert_array_equal(table.features, [[1], [2], [3], [4]])


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1,a\n2,b\n")
    text = TextFile.at(path)
    assert text.count_lines() == 3
    path.write_text("1,a\n2,b\n3,c\n")
    with pytest.raises(DataError, match=r"x\.csv: the file was changed while it was read"):
        text.count_lines()
    path.unlink()
    with pytest.raises(DataError, match=r"x\.csv: the file cannot be read: No such file"):
        text.open()


def test_a_split_reads_the_rows_that_it_writes_from_the_file(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    path.write_text("1,a\n2,b\n3,a\n4,b\n")
    opened = []
    at = TextFile.at

    def counted(path):
        file = at(path)
        return TextFile(file.name, lambda: opened.append(1) or file.open())

    monkeypatch.setattr(TextFile, "at", counted)
    split_csv(path)
    assert len(opened) > 4  # no pass keeps the bytes for the next one
