"""`predict`: the scores by their formulas, the rows as CSV and JSON, and which tables a model refuses."""

import csv
import json
from math import log
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp import nn
from tinygrad_mlp.data import StandardScaler, read_csv
from tinygrad_mlp.files import TrainedModel


@pytest.fixture
def model(good, header):
    """A model of the first rows of the exercise's table, and the rest of it as rest.csv."""
    lines = Path(header).read_text().splitlines()
    Path("first.csv").write_text("\n".join(lines[:400]) + "\n")
    Path("rest.csv").write_text("\n".join([lines[0], *lines[400:]]) + "\n")
    good("train --dataset first.csv --epochs 10 --seed 1 --no-curves")
    return "model.safetensors"


def test_the_scores_are_those_of_their_formulas(good, model):
    result = json.loads(good("predict model.safetensors rest.csv --json"))
    table = read_csv("rest.csv")
    p = TrainedModel.load(model).probabilities(table.features)[:, 1]  # P(malignant)
    y, said = table.labels, p > 0.5
    hits, given, there = (said & (y == 1)).sum(), said.sum(), (y == 1).sum()
    e = -sum(t * log(q) + (1 - t) * log(1 - q) for t, q in zip(y.tolist(), p.tolist(), strict=True)) / len(y)
    assert result["binary_cross_entropy"] == pytest.approx(e, rel=1e-9)
    assert result["accuracy"] == (said == y).mean() > 0.9
    assert (result["positive_class"], result["rows"]) == ("M", 170)
    assert result["precision"] == hits / given
    assert result["recall"] == hits / there
    assert result["f1"] == pytest.approx(2 * hits / (given + there))
    assert result["confusion_matrix"] == [[int(((y == t) & (said == s)).sum()) for s in (False, True)] for t in (0, 1)]
    assert result["predicted"] == {"B": 170 - given, "M": given}


def test_the_text_and_the_json_say_the_same(good, real, model):
    result = json.loads(good("predict model.safetensors rest.csv --json"))
    text = real("predict --model model.safetensors --dataset rest.csv")
    assert (text.code, text.err) == (0, "")
    assert text.out == good("predict model.safetensors rest.csv")
    words = [line.split() for line in text.out.splitlines()]
    (bb, bm), (mb, mm) = result["confusion_matrix"]
    assert ["truth", "B", str(bb), str(bm)] in words
    assert ["M", str(mb), str(mm)] in words
    assert text.out.index("truth") < text.out.index("accuracy")
    for name, key in [
        ("cross-entropy", "binary_cross_entropy"),
        *((n, n.lower()) for n in ("precision", "recall", "F1")),
    ]:
        [value] = [line[line.index(name) + 1] for line in words if name in line[:2]]
        assert value == f"{result[key]:.4f}"
    assert f"{mm} of the {mb + mm} rows that are M were found" in text.out
    assert f"{bb + mm} of 170 rows are right" in text.out


def test_the_cross_entropy_comes_from_the_logits(good):
    """Where a probability rounds to 1 and its complement to 0, −ln(1 − p) would be infinite."""
    layer = nn.Dense(1, 2, weights=lambda shape, rng: np.array([[0.0, 1.0]]))
    TrainedModel(layer, None, ("no", "yes"), ("x",), "label").save("m.safetensors")
    Path("t.csv").write_text("x,label\n1000,no\n-1000,no\n1000,yes\n0,yes\n")
    result = json.loads(good("predict m.safetensors t.csv --json"))
    assert result["binary_cross_entropy"] == pytest.approx((1000 + 0 + 0 + log(2)) / 4, rel=1e-12)
    assert result["positive_class"] == "yes"


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (("M", "B"), "M"),
        (("1", "0"), "1"),
        (("10", "9"), "10"),
        (("yes", "no"), "yes"),
        (("malignant", "benign"), "malignant"),
    ],
)
def test_the_positive_class_is_the_second_in_sorted_order(good, points, classes, positive):
    points(classes=classes)
    good("train --dataset points.csv --label kind --epochs 1 --seed 1 --no-curves")
    points("new.csv", classes=classes, each=9)
    assert json.loads(good("predict model.safetensors new.csv --json"))["positive_class"] == positive


def test_another_positive_class_on_request(good, bad, points, model):
    results = [
        json.loads(good(f"predict model.safetensors rest.csv --json {option}")) for option in ("", "--positive B")
    ]
    (bb, bm), (mb, mm) = results[0]["confusion_matrix"]
    assert results[1]["positive_class"] == "B"
    assert (results[1]["precision"], results[1]["recall"]) == (bb / (bb + mb), bb / (bb + bm))
    assert results[0]["recall"] == mm / (mb + mm)
    assert results[0]["binary_cross_entropy"] == results[1]["binary_cross_entropy"]
    assert f"{bb} of the {bb + bm} rows that are B were found" in good(
        "predict model.safetensors rest.csv --positive B"
    )
    assert "has no class 'm'; did you mean M?" in bad("predict model.safetensors rest.csv --positive m")
    points(classes=("a", "b", "c"))
    good("train --dataset points.csv --epochs 1 --seed 1 --no-curves")
    assert "this one has 3" in bad("predict model.safetensors points.csv --positive a")


def test_rows_are_written_with_their_ids_and_probabilities(good, model):
    out = good("predict model.safetensors rest.csv --output rows.csv")
    assert out.endswith("\n\npredictions  rows.csv\n")
    with Path("rows.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    table = read_csv("rest.csv")
    assert head == ["id", "predicted", "P(B)", "P(M)"]
    assert [row[0] for row in rows] == list(table.ids)
    p = np.array([[float(cell) for cell in row[2:]] for row in rows])
    np.testing.assert_array_equal(p, TrainedModel.load(model).probabilities(table.features))
    assert [row[1] for row in rows] == ["BM"[i] for i in p.argmax(axis=1)]


def test_a_table_without_labels_is_predicted_row_by_row(good, points):
    points()
    good("train --dataset points.csv --epochs 30 --learning-rate 0.1 --seed 1 --no-curves")
    Path("new.csv").write_text("height,width\n-5,10\n0,0\n")
    out = good("predict model.safetensors new.csv")
    assert out.startswith("new.csv: 2 rows, 2 columns\npredicted: a 1, b 1\n\nrow  predicted  P(a)    P(b)\n")
    assert [line.split()[:2] for line in out.splitlines()[-2:]] == [["1", "b"], ["2", "a"]]
    result = json.loads(good("predict model.safetensors new.csv --json"))
    assert [row["predicted"] for row in result["predictions"]] == ["b", "a"]
    assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in result["predictions"])
    assert "accuracy" not in result
    assert good("predict model.safetensors new.csv --output p.csv").endswith("predictions  p.csv\n")
    assert Path("p.csv").read_text().splitlines()[0] == "row,predicted,P(a),P(b)"


def test_a_table_without_a_header_fits_a_model_of_one_with_names_and_the_reverse(good, model, raw):
    by_names = json.loads(good("predict model.safetensors header.csv --json"))
    assert json.loads(good("predict model.safetensors raw.csv --json")) == by_names | {"dataset": "raw.csv"}
    good("train --dataset raw.csv --epochs 1 --seed 1 --no-curves --model raw.safetensors")
    assert good("predict raw.safetensors rest.csv").count("rows are right") == 1


def test_columns_are_found_by_their_names(good, model):
    lines = [line.split(",") for line in Path("rest.csv").read_text().splitlines()]
    Path("mixed.csv").write_text("\n".join(",".join(line[::-1]) for line in lines) + "\n")
    expected = json.loads(good("predict model.safetensors rest.csv --json"))
    found = json.loads(good("predict model.safetensors mixed.csv --ids ID --json"))
    assert found == expected | {"dataset": "mixed.csv"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("width,depth,kind\n1,2,a\n", "no column is named 'height', which is a feature of the model"),
        ("width,heigth,kind\n1,2,a\n", "did you mean 'heigth'?"),
        (
            "width,height,depth,kind\n1,2,3,a\n",
            "column 3 ('depth'): not a feature of the model; leave it out with --ids depth",
        ),
        ("1.5,2,3,4,a\n5,6,7,8,b\n", "4 feature columns (column 5 is the label), expected 2 as in the model"),
        ("width,height,kind\n1,2,c\n", "line 2, column 3 ('kind'): 'c' is an unknown class, expected one of 'a', 'b'"),
        ("width,height,kind\n1,x,a\n", "line 2, column 2 ('height'): 'x' is not a number"),
        ("width,height\n1,2\n1e300,2\n", "t.csv: row 2 has numbers that are too large for the model"),
    ],
)
def test_a_table_that_is_not_the_models_is_refused(good, bad, points, text, expected):
    points()
    good("train --dataset points.csv --epochs 1 --seed 1 --layer 3 --no-curves")
    Path("t.csv").write_text(text)
    assert expected in bad("predict model.safetensors t.csv --output p.csv")
    assert not Path("p.csv").exists()


def test_a_row_whose_logits_overflow_is_refused(bad):
    layer = nn.Dense(1, 2, weights=lambda shape, rng: np.array([[10.0, 0.0]]))
    TrainedModel(layer, None, ("no", "yes"), ("size",), "label").save("m.safetensors")
    Path("t.csv").write_text("size,label\n1,no\n3e38,no\n")
    assert "t.csv: row 2 has numbers that are too large for the model" in bad("predict m.safetensors t.csv")


def test_an_absent_label_is_an_error_only_if_it_was_asked_for(good, bad, points):
    points()
    good("train --dataset points.csv --epochs 1 --seed 1 --no-curves")
    Path("new.csv").write_text("width,height\n1,2\n")
    assert "no column is named 'kind', which was to be the label" in bad(
        "predict model.safetensors new.csv --label kind"
    )


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_a_model_file_that_is_not_whole_is_refused(good, bad, points, cut):
    points()
    good("train --dataset points.csv --epochs 1 --seed 1 --no-curves")
    Path("cut.safetensors").write_bytes(Path("model.safetensors").read_bytes()[:cut])
    assert "cut.safetensors: the model cannot be read: not a whole safetensors file" in bad(
        "predict cut.safetensors points.csv"
    )


def test_a_model_without_names_of_classes_is_refused(bad, points):
    points()
    TrainedModel(nn.Dense(2, 2), StandardScaler().fit(np.eye(2))).save("m.safetensors")
    assert "m.safetensors: the model has no names of classes" in bad("predict m.safetensors points.csv")


def test_ids_in_a_model_file_that_are_no_names_are_passed_over(good, points):
    points()
    for ids in ({"a": 1}, [1, None], "width"):
        names = (("a", "b"), ("width", "height"), "kind")
        TrainedModel(nn.Dense(2, 2), None, *names, {"ids": ids}).save("m.safetensors")
        assert "rows are right" in good("predict m.safetensors points.csv")


def test_no_input_is_overwritten(bad, model):
    for path in ("rest.csv", "model.safetensors"):
        before = Path(path).read_bytes()
        assert "cannot be the file which is read from" in bad(f"predict model.safetensors rest.csv --output {path}")
        assert Path(path).read_bytes() == before


def test_a_threshold_decides_between_two_classes(good, model):
    table = read_csv("rest.csv")
    p = TrainedModel.load(model).probabilities(table.features)[:, 1]
    for threshold in (0.02, 0.5, 0.98):
        result = json.loads(good(f"predict model.safetensors rest.csv --json --threshold {threshold}"))
        said = p >= threshold
        assert result["predicted"] == {"B": int((~said).sum()), "M": int(said.sum())}
        assert result["recall"] == said[table.labels == 1].mean()
    benign = json.loads(good("predict model.safetensors rest.csv --json --threshold 0.9 --positive B"))
    assert benign["predicted"]["B"] == (1 - p >= 0.9).sum()


def test_a_threshold_is_a_probability_and_for_two_classes(good, bad, model):
    assert "'1.5' given, a number above 0 and below 1" in bad("predict model.safetensors rest.csv --threshold 1.5")
    rows = [f"{i},{i * i},{'abc'[i % 3]}" for i in range(30)]
    Path("three.csv").write_text("u,v,kind\n" + "\n".join(rows) + "\n")
    good("train --dataset three.csv --label kind --epochs 1 --seed 1 --no-curves --model three.safetensors")
    refused = bad("predict three.safetensors three.csv --threshold 0.5")
    assert "--threshold is for models of two classes, this one has 3" in refused
