"""Reading a table to learn from: labels, ids, features, and which column is what."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mlp.data import breast_cancer_path, csv_text, load_breast_cancer, read_csv
from tinygrad_mlp.data.class_labels import class_name, sort_classes
from tinygrad_mlp.errors import DataError


@pytest.fixture
def read(tmp_path):
    def read(text, *args, **options):
        (tmp_path / "t.csv").write_text(text)
        return read_csv(tmp_path / "t.csv", *args, **options)

    return read


# --- the exercise's two files, made from the packaged table


@pytest.fixture
def wdbc(tmp_path):
    """The table as the exercise gives it: an id, the diagnosis, 30 numbers; without and with a header."""
    with breast_cancer_path() as path:
        header, *lines = path.read_text().splitlines()
    rows = [f"{842302 + 7 * i},{line}\n" for i, line in enumerate(lines)]
    (tmp_path / "raw.csv").write_text("".join(rows))
    (tmp_path / "header.csv").write_text(f"ID,{header.title()}\n" + "".join(rows))
    return tmp_path


def test_the_exercises_file_without_a_header(wdbc):
    table, packaged = read_csv(wdbc / "raw.csv"), load_breast_cancer()
    assert table.features.tobytes() == packaged.features.tobytes()
    assert table.labels.tolist() == packaged.labels.tolist()
    assert table.classes == ("B", "M")
    assert table.label_name == "column 2"
    assert table.left_out == ("column 1",)
    assert table.ids[:2] == ("842302", "842309")
    assert table.feature_names == tuple(f"column {j}" for j in range(3, 33))
    assert not table.has_header
    assert table.source == str(wdbc / "raw.csv")


def test_the_exercises_file_with_a_header(wdbc):
    table, packaged = read_csv(wdbc / "header.csv"), load_breast_cancer()
    assert table.features.tobytes() == packaged.features.tobytes()
    assert table.labels.tolist() == packaged.labels.tolist()
    assert table.label_name == "Diagnosis"
    assert table.left_out == ("ID",)
    assert table.feature_names[0] == "Mean Radius"
    assert table.has_header


# --- classes


@pytest.mark.parametrize(
    ("cells", "classes", "labels"),
    [
        (["M", "B", "M"], ("B", "M"), [1, 0, 1]),
        ([" M", "M ", "B"], ("B", "M"), [1, 1, 0]),
        (["10", "9", "10.0"], ("9", "10"), [1, 0, 1]),
        (["1", "0", "1.0", "01", "1e0", "-0"], ("0", "1"), [1, 0, 1, 1, 1, 0]),
        (["0.5", ".50", "-2"], ("-2", "0.5"), [1, 1, 0]),
        (["10", "9", "x"], ("10", "9", "x"), [0, 1, 2]),
        (["9007199254740993", "9007199254740992", "1"], ("1", "9007199254740992", "9007199254740993"), [2, 1, 0]),
        (["é", "z", "Z"], ("Z", "z", "é"), [2, 1, 0]),
    ],
)
def test_classes_are_sorted_and_numbers_are_one_class_by_value(read, cells, classes, labels):
    table = read("y,a\n" + "".join(f"{cell},1\n" for cell in cells))
    assert table.classes == classes
    assert table.labels.tolist() == labels
    assert table.labels.dtype == np.int64


def test_sorting_and_naming_of_classes():
    assert sort_classes(["b", "a"]) == ("a", "b")
    assert sort_classes(["10", "-1", "2.5"]) == ("-1", "2.5", "10")
    assert class_name("1e400") == "1e400"
    assert class_name(" nan ") == "nan"


def test_given_classes_keep_their_indices(read):
    table = read("y,a\nM,1\nM,2\n", classes=("M", "B"))
    assert table.classes == ("M", "B")
    assert table.labels.tolist() == [0, 0]
    assert read("y,a\n1.0,1\n0,2\n", classes=("0", "1")).labels.tolist() == [1, 0]


def test_a_class_that_appears_late_is_in_its_place(read):
    rows = ["b,1\n"] * 9000 + ["a,2\n"]
    table = read("y,x\n" + "".join(rows))
    assert table.classes == ("a", "b")
    assert table.labels[0] == 1
    assert table.labels[-1] == 0


# --- the label column


@pytest.mark.parametrize("label", ["Outcome", "outcome", " OUTCOME ", 2, "2"])
def test_the_label_is_given_by_name_or_position(read, label):
    table = read("a,Outcome,c\n1,0,3\n1,1,6\n", label)
    assert table.label_name == "Outcome"
    assert table.feature_names == ("a", "c")
    assert table.features.tolist() == [[1, 3], [1, 6]]


def test_a_name_wins_over_a_position_and_an_exact_name_over_another_case(read):
    table = read("a,3,2\n1,0,3\n1,1,6\n", "2", header=True)
    assert table.label_name == "2"
    assert read("Area,area,x\n1,0,3\n1,1,6\n", "area").label_name == "area"


@pytest.mark.parametrize("name", ["diagnosis", "Label", "CLASS", "target", "Species", "y"])
def test_a_column_named_like_a_label_is_the_label(read, name):
    table = read(f"a,{name},c\n1.5,0,3\n2.5,1,6\n")
    assert table.label_name == name


def test_else_the_only_text_column_is_the_label(read):
    table = read("a,kind,c\n1.5,x,3\n2.5,z,6\n")
    assert table.label_name == "kind"
    assert table.classes == ("x", "z")


def test_a_column_with_one_text_is_not_taken_for_the_label(read):
    with pytest.raises(DataError, match=r"line 2, column 1 \('a'\): 'NA' is not a number$"):
        read("a,kind,c\nNA,x,3\n2.5,z,6\n")
    with pytest.raises(DataError, match=r"no column is named like a label and none holds text"):
        read("a,b,c\nNA,2,3\n2.5,4,6\n")


@pytest.mark.parametrize(
    ("text", "label", "says"),
    [
        (
            "a,Diagnosis\n1.5,M\n",
            "Diagnossis",
            r"'Diagnossis'.*the label; did you mean 'Diagnosis'\? The columns are 'a', 'Diag",
        ),
        ("a,Diagnosis\n1.5,M\n", "zzz", r"no column is named 'zzz', which was to be the label\. The columns are"),
        ("1.5,M\n", "M", r"no column is named 'M'.*The file has 2 columns and no header"),
        ("a,b\n1.5,M\n", 3, r"there is no column 3, expected 1 to 2 or a name"),
        ("a,b\n1.5,M\n", "0", r"there is no column 0, expected 1 to 2 or a name"),
        ("a,b\n1.5,M\n", -1, r"there is no column -1, expected 1 to 2 or a name"),
        ("Area,AREA,x\n1,2,3\n", "area", r"'area' may be column 1 \('Area'\) and column 2 \('AREA'\)"),
        ("a,b\n1.5,2\n", None, r"no column is named like a label and none holds text; say which is the label="),
        ("p,q,r\nx,y,1\n", None, r"more than one column holds text \(column 1 \('p'\), column 2 \('q'\)\)"),
        ("class,y,r\n0,1,1\n", None, r"more than one column is named like a label \(column 1 \('class'\), column 2"),
    ],
)
def test_a_label_that_is_not_clear_is_asked_for(read, text, label, says):
    with pytest.raises(DataError, match=says):
        read(text, label)


def test_many_columns_are_not_all_listed(read):
    names = [f"c{j}" for j in range(13)]
    with pytest.raises(DataError, match=r"The file has 13 columns, from 'c0' to 'c12'$"):
        read(",".join(names) + "\n" + ",".join("1" * 13) + "\n", "none")


def test_without_a_required_label_there_may_be_none(read):
    table = read("a,b\n1.5,2\n2.5,2\n", require_label=False)
    assert table.labels is None
    assert table.label_name is None
    assert table.classes == ()
    assert table.feature_names == ("a", "b")


# --- columns left out


@pytest.mark.parametrize(
    "name", ["id", "ID", "Index", "row", "Patient ID", "patient_id", "sample-id", "Unnamed: 0", "Nr"]
)
def test_a_first_column_of_distinct_integers_named_like_an_id_is_left_out(read, name):
    table = read(f"{name},y,a\n3,M,1\n-1,B,2\n+2,B,2\n")
    assert table.left_out == (name,)
    assert table.ids == ("3", "-1", "+2")
    assert table.feature_names == ("a",)


@pytest.mark.parametrize(
    "text",
    [
        "age,y,a\n3,M,1\n1,B,2\n",  # a name that is not like an id
        "id,y,a\n3,M,1\n3,B,2\n",  # twice the same
        "id,y,a\n3.0,M,1\n1.0,B,2\n",  # not integers
        "3,M,1\n3,B,2\n",
        "3.5,M,1\n1.5,B,2\n",
        "a,y,id\n3,M,1\n1,B,2\n",  # not the first column
        "solid,y,a\n3,M,1\n1,B,2\n",
    ],
)
def test_any_other_first_column_is_a_feature(read, text):
    table = read(text)
    assert table.left_out == ()
    assert table.ids is None
    assert table.features.shape[1] == 2


def test_a_repeated_id_far_down_makes_it_a_feature(read):
    rows = [f"{i},M,1.5" for i in range(9000)]
    assert read("\n".join(rows)).left_out == ("column 1",)
    rows[-1] = "0,M,1.5"
    assert read("\n".join(rows)).left_out == ()


def test_the_label_is_not_an_id(read):
    assert read("id,a\n1,1.5\n2,2.5\n", "id").left_out == ()


@pytest.mark.parametrize(
    ("ids", "left_out", "id_texts"),
    [
        ((), (), None),
        ("name", ("name",), ("ann", "bob")),
        (2, ("name",), ("ann", "bob")),
        (["name", "id"], ("name", "id"), ("ann", "bob")),
        (["1", "NAME"], ("id", "name"), ("1", "2")),
    ],
)
def test_columns_are_left_out_by_request(read, ids, left_out, id_texts):
    text = "id,name,y,a\n1,ann,M,1\n2,bob,B,2\n" if left_out else "id,y,a\n1,M,1\n2,B,2\n"
    table = read(text, ids=ids)
    assert table.left_out == left_out
    assert table.ids == id_texts


def test_a_column_to_leave_out_must_be_there_and_cannot_be_the_label(read):
    with pytest.raises(DataError, match="no column is named 'nmae', which was to be left out; did you mean 'name'"):
        read("name,y,a\nann,M,1\n", ids="nmae")
    with pytest.raises(DataError, match=r"column 2 \('y'\) cannot be the label, it has another use"):
        read("name,y,a\nann,M,1\n", "y", ids=["name", "y"])


def test_at_least_one_feature_is_needed(read):
    with pytest.raises(DataError, match="no column is left as a feature"):
        read("id,y\n1,M\n2,B\n")


def test_a_huge_id_is_only_a_text(read):
    assert read(f"id,y,a\n{'9' * 400},M,1\n2,B,2\n").ids[0] == "9" * 400


# --- round trip

names = st.lists(
    st.text("abcxyz äé,\"'\n", min_size=1, max_size=6).map(lambda s: "n" + s.strip()),
    min_size=2,
    max_size=5,
    unique=True,
)


@settings(max_examples=100)
@given(
    data=st.data(),
    names=names,
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(["", "\ufeff"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_is_read(tmp_path_factory, data, names, ending, mark, quoting):
    width = len(names)
    floats = st.floats(allow_nan=False, allow_infinity=False)
    features = data.draw(st.lists(st.lists(floats, min_size=width - 1, max_size=width - 1), min_size=1, max_size=8))
    label_text = st.text('ab,"é \n', min_size=1, max_size=4).map(lambda s: "c" + s.strip())
    labels = data.draw(st.lists(label_text, min_size=len(features), max_size=len(features)))
    at = data.draw(st.integers(0, width - 1))
    path = tmp_path_factory.mktemp("round") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(mark)
        if ending == "\r":
            quoting = csv.QUOTE_ALL  # Python's writer would leave a lone LF unquoted
        writer = csv.writer(file, lineterminator=ending, quoting=quoting)
        writer.writerow(names)
        writer.writerows(
            [*map(repr, row[:at]), label, *map(repr, row[at:])] for row, label in zip(features, labels, strict=True)
        )
    table = read_csv(path, at + 1, ids=())
    assert table.features.tobytes() == np.array(features, dtype=np.float64).tobytes()
    assert [table.classes[i] for i in table.labels] == labels
    assert list(table.classes) == sorted(set(labels))
    assert (*table.feature_names[:at], table.label_name, *table.feature_names[at:]) == tuple(names)


def test_progress_is_told_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_text, "_BLOCK_CELLS", 4)
    (tmp_path / "t.csv").write_text("x,kind\n" + "1,a\n2,b\n" * 4)
    told = []
    read_csv(tmp_path / "t.csv", progress=told.append)
    assert told == [0.2, 0.4, 0.6, 0.8]  # of ten lines: the header, eight rows, and the empty one at the end


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_blank_behind_the_label_at_the_end_of_a_line_is_none_of_it(read, end):
    table = read(f"x,label\n1, M \n2,B \n3,M{end}")
    assert (table.classes, table.labels.tolist()) == (("B", "M"), [1, 0, 1])
