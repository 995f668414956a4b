"""The packaged table, and the examples in the docstrings of the package."""

import csv
import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import tinygrad_mlp.data
from tinygrad_mlp.data import breast_cancer_path, load_breast_cancer, read_csv


def test_569_rows_357_benign_212_malignant_78_zero_cells():
    table = load_breast_cancer()
    assert table.features.shape == (569, 30)
    assert table.features.dtype == np.float64
    assert table.classes == ("B", "M")
    assert np.bincount(table.labels).tolist() == [357, 212]
    assert np.count_nonzero(table.features == 0) == 78
    assert table.label_name == "diagnosis"
    assert table.left_out == ()
    assert table.ids is None
    assert (table.feature_names[0], table.feature_names[-1]) == ("mean radius", "worst fractal dimension")
    # the first row of the file at UCI: a malignant mass
    assert table.labels[0] == 1
    assert table.features[0, :4].tolist() == [17.99, 10.38, 122.8, 1001]


@pytest.mark.bench
def test_every_number_is_scikit_learns():
    bunch = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    table = load_breast_cancer()
    assert table.features.tobytes() == bunch.data.tobytes()
    assert table.feature_names == tuple(bunch.feature_names)
    assert table.labels.tolist() == (1 - bunch.target).tolist()  # there, 0 is malignant


def test_numbers_are_as_short_as_they_can_be():
    with breast_cancer_path() as path, path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    for row in rows:
        for cell in row[1:]:
            assert len(cell) <= len(repr(float(cell)))


def test_the_path_is_a_file_that_reads_as_the_table():
    with breast_cancer_path() as path:
        table = read_csv(path)
    assert table.features.tobytes() == load_breast_cancer().features.tobytes()


def test_each_call_gives_arrays_of_its_own():
    load_breast_cancer().features[:] = 0
    assert load_breast_cancer().features[0, 0] == 17.99


def test_the_source_and_the_licence_stand_beside_the_table():
    with breast_cancer_path() as path:
        note = path.with_suffix(".txt").read_text()
    for words in ("10.24432/C5DW2B", "CC BY 4.0", "Wolberg", "Mangasarian", "Street", "1995", "What was changed"):
        assert words in note


def modules():
    return [module.name for module in pkgutil.iter_modules(tinygrad_mlp.data.__path__)]


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_the_docstrings_hold(name):
    module = importlib.import_module(f"tinygrad_mlp.data.{name}")
    assert doctest.testmod(module).failed == 0


def test_all_names_what_there_is():
    assert sorted(tinygrad_mlp.data.__all__) == tinygrad_mlp.data.__all__
    assert all(hasattr(tinygrad_mlp.data, name) for name in tinygrad_mlp.data.__all__)
