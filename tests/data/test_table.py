"""A table: its length, its rows by selection, and what it says about itself."""

from dataclasses import replace

import numpy as np
import pytest

from tinygrad_mlp.data import Table, blocks


@pytest.fixture
def table():
    return Table(
        features=np.arange(12.0).reshape(4, 3),
        feature_names=("a", "b", "c"),
        labels=np.array([1, 0, 1, 1]),
        classes=("B", "M"),
        label_name="y",
        left_out=("id",),
        source="t.csv",
        has_header=True,
        ids=("p", "q", "r", "s"),
    )


@pytest.mark.parametrize(
    "rows", [[2, 0], np.array([2, 0]), slice(2, None, -2), np.array([True, False, True, False]), [False] * 4, []]
)
def test_select_takes_rows_of_everything_in_the_order_asked_for(table, rows):
    expected = np.arange(4)[rows]
    chosen = table.select(rows)
    assert len(chosen) == len(expected)
    assert chosen.features.tolist() == table.features[expected].tolist()
    assert chosen.labels.tolist() == table.labels[expected].tolist()
    assert chosen.ids == tuple("pqrs"[i] for i in expected)
    assert (chosen.classes, chosen.feature_names, chosen.left_out) == (
        table.classes,
        table.feature_names,
        table.left_out,
    )


def test_a_selection_shares_no_memory(table):
    chosen = table.select(slice(None))
    chosen.features[:] = -1
    chosen.labels[:] = 0
    assert table.features[0, 1] == 1
    assert table.labels[0] == 1


def test_select_without_labels_and_ids(table):
    bare = Table(table.features, ("a", "b", "c"), None, (), None, (), "t.csv", True)
    assert bare.select([1]).labels is None
    assert bare.select([1]).ids is None
    assert repr(bare) == "Table('t.csv': 4 rows; 3 features)"


def test_repr_counts_rows_features_and_classes(table):
    assert repr(table) == "Table('t.csv': 4 rows; 3 features; label 'y': B 1, M 3; left out 'id')"


def test_repr_of_many_classes_is_short(table):
    many = Table(table.features, ("a", "b", "c"), np.zeros(4, int), tuple("ABCDEFG"), "y", (), "t.csv", True)
    assert repr(many) == "Table('t.csv': 4 rows; 3 features; label 'y': A 4, B 0, C 0, D 0, E 0, …)"


def test_a_table_cannot_be_changed(table):
    with pytest.raises(AttributeError):
        table.labels = None


def test_dealt_rows_are_those_of_select_in_the_memory_of_the_table(table):
    wide = replace(table, features=np.arange(40.0 * 29).reshape(40, 29), labels=np.arange(40) % 2, ids=None)
    order = np.random.default_rng(0).permutation(40)
    expected = [wide.select(part) for part in (order[:25], order[25:])]
    before = wide.features.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK", 1)  # eight columns at a time
        parts = wide.dealt(order[:25], order[25:])
    for part, other in zip(parts, expected, strict=True):
        assert part.features.tolist() == other.features.tolist()
        assert part.labels.tolist() == other.labels.tolist()
        assert np.shares_memory(part.features, wide.features)
    assert wide.features.tolist() == before[order].tolist()
    one, two = table.dealt(np.array([3, 1]), np.array([0]))
    assert (one.ids, two.ids, one.labels.tolist(), two.labels.tolist()) == (("s", "q"), ("p",), [1, 0], [1])
    assert (one.features.tolist(), two.features.tolist()) == ([[9, 10, 11], [3, 4, 5]], [[0, 1, 2]])
    assert replace(table, labels=None).dealt(np.array([1]))[0].labels is None
