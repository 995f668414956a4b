"""Splitting a file: rows byte for byte, the header in both, each file whole or not there."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import SplitFiles, breast_cancer_path, load_breast_cancer, read_csv, split_csv, split_indices
from tinygrad_mlp.errors import DataError


def wdbc(path, rows=None):
    with breast_cancer_path() as packaged:
        path.write_bytes(
            b"".join(packaged.read_bytes().splitlines(keepends=True)[: None if rows is None else rows + 1])
        )
    return path


def test_the_packaged_table_in_two_files(tmp_path):
    path = wdbc(tmp_path / "wdbc.csv")
    result = split_csv(path)
    assert result == SplitFiles(tmp_path / "wdbc_train.csv", tmp_path / "wdbc_valid.csv", 455, 114)
    header, *rows = path.read_bytes().splitlines(keepends=True)
    train_header, *train = result.train_path.read_bytes().splitlines(keepends=True)
    valid_header, *valid = result.valid_path.read_bytes().splitlines(keepends=True)
    assert train_header == valid_header == header
    assert sorted(train + valid) == sorted(rows)
    expected, _ = split_indices(load_breast_cancer().labels, 0.8, 0)
    assert train == [rows[i] for i in expected]
    assert sorted(tmp_path.iterdir()) == [path, result.train_path, result.valid_path]  # no temporary file is left


def test_427_rows_give_342_and_85(tmp_path):
    result = split_csv(wdbc(tmp_path / "wdbc.csv", 427), ratio=0.8, seed=5)
    assert (result.train_rows, result.valid_rows) == (342, 85)
    assert len(read_csv(result.train_path)) == 342
    assert len(read_csv(result.valid_path)) == 85


def test_both_parts_have_the_classes_in_proportion(tmp_path):
    result = split_csv(wdbc(tmp_path / "wdbc.csv"))
    counts = [np.bincount(read_csv(path).labels).tolist() for path in (result.train_path, result.valid_path)]
    assert counts == [[286, 169], [71, 43]]


def test_the_same_seed_gives_the_same_files(tmp_path):
    path = wdbc(tmp_path / "wdbc.csv", 100)
    first, again, other = (split_csv(path, seed=seed).train_path.read_bytes() for seed in (1, 1, 2))
    assert first == again != other


def test_the_files_go_where_they_are_sent_and_replace_what_was_there(tmp_path):
    path = wdbc(tmp_path / "wdbc.csv", 50)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("old")
    result = split_csv(path, train_path=tmp_path / "out" / "a.csv", valid_path=str(tmp_path / "b.csv"))
    assert (result.train_path, result.valid_path) == (tmp_path / "out" / "a.csv", tmp_path / "b.csv")
    assert len(read_csv(result.train_path)) + len(read_csv(result.valid_path)) == 50


@pytest.mark.parametrize(
    ("name", "train"), [("d.txt", "d_train.txt"), ("d", "d_train.csv"), ("d.x.csv", "d.x_train.csv")]
)
def test_names_come_from_the_source(tmp_path, name, train):
    (tmp_path / name).write_text("1.5,M\n2.5,M\n")
    assert split_csv(tmp_path / name).train_path == tmp_path / train


cells = st.text('ab,"\n é', max_size=4)


@settings(max_examples=80)
@given(
    rows=st.lists(st.tuples(st.sampled_from("MB"), cells, st.sampled_from(["1.50", " 2", "+.3e1"])), max_size=8),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    final=st.booleans(),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    header=st.sampled_from(["", 'y,"the\nnote",x']),
    blank_lines=st.integers(0, 2),
)
def test_rows_are_copied_verbatim(tmp_path_factory, rows, ending, final, mark, header, blank_lines):
    quoted = [(y, '"' + note.replace('"', '""') + '"', x) for y, note, x in [("M", "", "1"), ("B", "", "1"), *rows] * 2]
    lines = [",".join(row).replace("\n", ending).encode() for row in quoted]
    top = mark + (header + ending).encode() * bool(header)
    data = top + ending.encode().join(lines) + ending.encode() * (final + blank_lines * final)
    path = tmp_path_factory.mktemp("verbatim") / "t.csv"
    path.write_bytes(data)
    result = split_csv(path, label=1, header=bool(header))
    contents = [file.read_bytes() for file in (result.train_path, result.valid_path)]
    assert all(content.startswith(top) for content in contents)
    together = b"".join(content.removeprefix(top) for content in contents)
    assert len(together) == sum(len(line) + len(ending) for line in lines)
    for line in lines:  # longest common text would be stricter; each row with its line break is there often enough
        assert together.count(line + ending.encode()) >= lines.count(line)
    features = [read_csv(file, 1, header=bool(header), ids=2) for file in (result.train_path, result.valid_path)]
    assert sorted(x for table in features for x in table.features[:, 0]) == sorted(float(x) for _, _, x in quoted)


def test_features_need_not_be_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("y,a,b\nM,?,x\nM,,y\n")
    result = split_csv(tmp_path / "t.csv", ratio=0.5)
    assert (result.train_rows, result.valid_rows) == (1, 1)


def test_a_class_with_one_row_is_refused_with_its_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("y,a\nM,1\nM,2\nB,3\nQ,4\n")
    with pytest.raises(DataError, match=r"t\.csv, line 4, column 1 \('y'\): class 'B' has 1 row, expected at least 2"):
        split_csv(path)
    assert list(tmp_path.iterdir()) == [path]


def test_labels_that_are_one_class_by_value_are_split_as_one(tmp_path):
    (tmp_path / "t.csv").write_text("y,a\n1,1\n1.0,2\n0,3\n-0,4\n")
    assert split_csv(tmp_path / "t.csv", ratio=0.5).train_rows == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ratio": 1.0}, "ratio 1.0, expected"),
        ({"ratio": 0}, "ratio 0, expected"),
        ({"label": "z"}, "no column is named 'z'"),
        ({"train_path": "t.csv"}, "expected three different files"),
        ({"valid_path": "sub/../t.csv"}, "expected three different files"),
        ({"train_path": "same.csv", "valid_path": "same.csv"}, "expected three different files"),
        ({"train_path": "none/a.csv"}, "a.csv: the file cannot be written: No such file or directory"),
        ({"valid_path": "sub"}, "sub: the file cannot be written: Is a directory"),
        ({"valid_path": "."}, "the file cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing_half_done(tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("t.csv").write_text("y,a\nM,1\nM,2\n")
    with pytest.raises(DataError, match=says):
        split_csv("t.csv", **options)
    assert Path("t.csv").read_text() == "y,a\nM,1\nM,2\n"
    assert not list(tmp_path.glob(".*"))
    assert not list(Path("sub").iterdir())


def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = wdbc(tmp_path / "t.csv", 50)
    old = split_csv(path).train_path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"t_train\.csv: the file cannot be written: No space left on device"):
        split_csv(path, seed=1)
    assert (tmp_path / "t_train.csv").read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 3
