"""Reading a table for a model: the file's columns must be the model's features, by name or by order."""

import pytest

from tinygrad_mlp.data import read_csv
from tinygrad_mlp.errors import DataError

NAMED = ("radius", "area")
UNNAMED = ("column 3", "column 4")
MODEL = {"columns": NAMED, "classes": ("B", "M"), "require_label": False}


@pytest.fixture
def read(tmp_path):
    def read(text, *args, **options):
        (tmp_path / "t.csv").write_text(text)
        return read_csv(tmp_path / "t.csv", *args, **options)

    return read


# --- by name


@pytest.mark.parametrize(
    "text",
    [
        "radius,area\n1.5,10\n2.5,20\n",
        "area,radius\n10,1.5\n20,2.5\n",
        "id,area,diagnosis,radius\n1,10,M,1.5\n2,20,B,2.5\n",
        "id,area,radius\n7,10,1.5\n7,20,2.5\n",  # named as an id: left out even if it repeats
    ],
)
def test_features_are_picked_by_name_in_the_models_order(read, text):
    table = read(text, **MODEL)
    assert table.features.tolist() == [[1.5, 10], [2.5, 20]]
    assert table.feature_names == NAMED
    assert table.classes == ("B", "M")
    if "diagnosis" in text:
        assert table.labels.tolist() == [1, 0]
        assert table.ids == ("1", "2")
    else:
        assert table.labels is None


def test_a_bad_cell_is_named_by_its_place_in_the_file_not_in_the_model(read):
    with pytest.raises(DataError, match=r"line 2, column 1 \('area'\): 'x' is not a number"):
        read("area,radius\nx,y\n20,2.5\n", **MODEL)


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (
            "radius,aera\n1,2\n",
            {},
            r"no column is named 'area', which is a feature of the model; did you mean 'aera'\?",
        ),
        ("radius,Area\n1,2\n", {}, r"no column is named 'area'.*did you mean 'Area'\?"),
        (
            "radius,area,mass\n1,2,3\n",
            {},
            r"column 3 \('mass'\): not a feature of the model; leave it out with ids='mass'",
        ),
        ("a,b,radius,area\n1,2,3,4\n", {}, r"column 1 \('a'\), column 2 \('b'\): not a feature of the model"),
        ("radius,area\n1,2\n", {"require_label": True}, "no column is named like a label and none holds text"),
        ("radius,area\n1,2\n", {"label": "diagnosis", "require_label": True}, "no column is named 'diagnosis'"),
        ("radius,area,y\n1,2,M\n", {"label": "area"}, r"column 2 \('area'\) cannot be the label"),
        ("radius,area,y\n1,2,Q\n", {}, r"line 2, column 3 \('y'\): 'Q' is an unknown class, expected one of 'B', 'M'"),
        # the label was asked for under another name: what is there instead is not silently used or dropped
        ("radius,area,y\n1,2,M\n", {"label": "diagnosis"}, r"column 3 \('y'\): not a feature of the model"),
        ("radius,area,y\n1,2,M\n", {"label": 4}, r"there is no column 4"),
    ],
)
def test_other_columns_are_refused_by_name(read, text, options, says):
    with pytest.raises(DataError, match=says):
        read(text, **{**MODEL, **options})


def test_columns_are_left_out_by_request_and_need_not_be_there(read):
    for ids in ("mass", ["mass", "gone"], 3):
        table = read("radius,area,mass\n1,2,x\n", **MODEL, ids=ids)
        assert table.features.tolist() == [[1, 2]]
        assert table.left_out == ("mass",)
        assert table.ids == ("x",)


def test_an_absent_label_is_none_unless_required(read):
    assert read("radius,area\n1,2\n", "diagnosis", **MODEL).labels is None


def test_a_label_named_like_an_id_is_the_label(read):
    table = read("class id,radius,area\nM,1,2\n", "class id", **MODEL)
    assert table.labels.tolist() == [1]
    assert table.left_out == ()


def test_a_model_may_have_learnt_from_the_id(read):
    table = read("id,radius\n1,2\n2,3\n", columns=("id", "radius"), require_label=False)
    assert table.features.tolist() == [[1, 2], [2, 3]]
    assert table.left_out == ()


# --- by order


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (UNNAMED, "1,M,1.5,10\n2,B,2.5,20\n"),
        (NAMED, "1,M,1.5,10\n2,B,2.5,20\n"),
        (UNNAMED, "id,diagnosis,a,b\n1,M,1.5,10\n2,B,2.5,20\n"),
        (UNNAMED, "M,1.5,10\nB,2.5,20\n"),
        (UNNAMED, "1.5,10,M\n2.5,20,B\n"),
        (UNNAMED, "9,1.5,10\n8,2.5,20\n"),
        (UNNAMED, "1.5,10\n2.5,20\n"),
        (NAMED, "1.5,10\n2.5,20\n"),
    ],
)
@pytest.mark.parametrize("label", [None, "diagnosis"])
def test_without_names_on_one_side_columns_are_matched_by_order(read, columns, text, label):
    table = read(text, label, **{**MODEL, "columns": columns})
    assert table.features.tolist() == [[1.5, 10], [2.5, 20]]
    assert table.labels is None if "M" not in text else table.labels.tolist() == [1, 0]


def test_the_count_decides_whether_the_first_column_is_an_id(read):
    text = "1,10\n2,20\n"
    assert read(text, **MODEL).features.tolist() == [[1, 10], [2, 20]]
    assert read(text, **{**MODEL, "columns": ("column 3",)}).ids == ("1", "2")


def test_the_count_decides_whether_a_label_given_by_position_is_there(read):
    options = {**MODEL, "classes": ("0", "1"), "columns": UNNAMED}
    labelled = read("1.5,1,10\n2.5,0,20\n", "column 2", **options)
    assert labelled.labels.tolist() == [1, 0]
    bare = read("1.5,10\n2.5,20\n", "column 2", **options)
    assert bare.labels is None
    assert bare.features.tolist() == [[1.5, 10], [2.5, 20]]
    with pytest.raises(DataError, match=r"1 feature columns \(column 2 is the label\), expected 2 as in the model"):
        read("1.5,10\n2.5,20\n", "column 2", **{**options, "require_label": True})


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (
            "1.5,2,3\n",
            {},
            r"3 feature columns \(there is no label\), expected 2 as in the model; if one of them is an id",
        ),
        ("1.5,2,3,4\n", {}, r"4 feature columns \(there is no label\), expected 2 as in the model$"),
        (
            "7,M,3\n8,B,4\n",
            {"ids": 1},
            r"1 feature columns \(column 1 is left out, column 2 is the label\), expected 2",
        ),
        ("7,M,3\n8,B,4\n", {"ids": "column 1", "label": 1}, "column 1 cannot be the label, it has another use"),
        ("1.5,2\n", {"require_label": True}, "no column is named like a label and none holds text"),
        ("p,M,1.5,2\n", {}, "more than one column holds text"),
        ("M,1.5,x\nB,2.5,2\n", {}, "line 1, column 3: 'x' is not a number"),
    ],
)
def test_a_count_that_does_not_fit_is_refused_with_both_counts(read, text, options, says):
    with pytest.raises(DataError, match=says):
        read(text, **{**MODEL, **options})


def test_ids_by_order(read):
    text = "7,9,1.5,2\n7,8,2.5,3\n"
    assert read(text, **MODEL, ids=[1, 2]).left_out == ("column 1", "column 2")
    assert read("9,1.5,2\n8,2.5,3\n", **MODEL, ids="ID").left_out == ("column 1",)  # not there: found as without ids
    with pytest.raises(DataError, match="3 feature columns"):
        read("9,1.5,2\n8,2.5,3\n", **MODEL, ids=())
