"""A split: every row on exactly one side, each class in proportion, the same rows for the same seed."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mlp.data import split, split_indices
from tinygrad_mlp.errors import DataError, OptionError, ShapeError

# at least two rows of each class
labels = st.lists(st.integers(2, 9), min_size=1, max_size=6).flatmap(
    lambda sizes: st.permutations([c for c, size in enumerate(sizes) for _ in range(size)])
)
ratios = st.one_of(st.sampled_from([0.5, 0.7, 0.8, 0.01, 0.99]), st.floats(1e-9, 1 - 1e-9))


@given(labels, ratios, st.integers(0, 99))
def test_a_split_is_a_partition_with_every_class_on_both_sides(y, ratio, seed):
    y = np.array(y)
    train, valid = split_indices(y, ratio, seed)
    assert sorted([*train, *valid]) == list(range(len(y)))
    assert set(y[train]) == set(y[valid]) == set(y)


@given(labels, ratios)
def test_the_total_is_the_rounded_share_unless_a_class_would_miss_a_side(y, ratio):
    total, classes = len(y), len(set(y))
    train, _ = split_indices(y, ratio)
    wanted = int(Fraction(repr(ratio)) * total + Fraction(1, 2))
    assert len(train) == min(max(wanted, classes), total - classes)


@given(st.lists(st.integers(20, 200), min_size=1, max_size=5), st.sampled_from([0.5, 0.6, 0.75, 0.8, 0.9]))
def test_each_class_is_within_one_row_of_its_share(sizes, ratio):
    y = np.repeat(np.arange(len(sizes)), sizes)
    train, _ = split_indices(y, ratio)
    counts = np.bincount(y[train])
    assert (np.abs(counts - ratio * np.array(sizes)) < 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("benign", "malignant", "ratio", "train", "valid"),
    [(357, 212, 0.8, (286, 169), (71, 43)), (268, 159, 0.8, (215, 127), (53, 32)), (27, 18, 0.7, (19, 13), (8, 5))],
)
def test_counts_by_hand(benign, malignant, ratio, train, valid):
    # 569: 455.2 → 455 = 285.6 + 169.6 → 285 and 169 and one more for the first of equal remainders
    # 427: 341.6 → 342 = 214.4 + 127.2 → 214 and 127 and one more for the larger remainder
    # 45 · 0.7 = 31.5 → 32 = 18.9 + 12.6 → both up, although 45 · 0.7 is 31.499999999999996 in binary
    y = np.array(["B"] * benign + ["M"] * malignant)
    parts = split_indices(y, ratio)
    for part, counts in zip(parts, (train, valid), strict=True):
        assert (np.count_nonzero(y[part] == "B"), np.count_nonzero(y[part] == "M")) == counts


def test_two_rows_of_each_class_are_one_on_each_side_at_any_ratio():
    y = [0, 0, 1, 1, 2, 2]
    for ratio in (0.01, 0.5, 0.99):
        assert [len(part) for part in split_indices(y, ratio)] == [3, 3]


def test_many_small_classes_are_split_quickly():
    train, valid = split_indices(np.repeat(np.arange(20_000), 3), 0.99)
    assert (len(train), len(valid)) == (40_000, 20_000)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    y = np.repeat([0, 1], 50)
    first, again, other = (split_indices(y, rng=seed)[0].tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert split_indices(y, rng=np.random.default_rng(1))[0].tolist() == first
    rng = np.random.default_rng(1)
    assert split_indices(y, rng=rng)[0].tolist() != split_indices(y, rng=rng)[0].tolist()


def test_the_split_of_one_seed_does_not_change_between_versions():
    train, valid = split_indices([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 0.6, 3)
    assert train.tolist() == [7, 4, 2, 5, 1, 8]
    assert valid.tolist() == [3, 9, 0, 6]


def test_rows_are_shuffled_within_and_across_classes():
    y = np.repeat([0, 1], 100)
    for part in split_indices(y):
        assert np.count_nonzero(np.diff(y[part])) > 10  # the classes alternate
        assert (np.diff(part[y[part] == 0]) < 0).sum() > 5  # and within a class the rows are out of order


def test_every_row_can_go_to_either_side():
    sides = [set(split_indices([0, 0, 0, 1, 1, 1], 0.5, seed)[0].tolist()) for seed in range(60)]
    assert set.union(*sides) == {0, 1, 2, 3, 4, 5}
    assert set.intersection(*sides) == set()


def test_arrays_are_split_alike():
    X, y, names = np.arange(40.0).reshape(20, 2), np.repeat([0, 1], 10), np.arange(20)
    parts = split(X, y, names, ratio=0.7, rng=5)
    X_train, X_valid, y_train, y_valid, names_train, names_valid = parts
    train, valid = split_indices(y, 0.7, 5)
    assert names_train.tolist() == train.tolist()
    assert names_valid.tolist() == valid.tolist()
    assert X_train.tolist() == X[train].tolist()
    assert X_valid.tolist() == X[valid].tolist()
    assert y_train.tolist() == y[train].tolist()
    assert y_valid.tolist() == y[valid].tolist()
    assert not any(np.shares_memory(part, X) for part in parts)


def test_without_stratify_the_labels_do_not_matter():
    y = np.linspace(0, 1, 10)
    y_train, y_valid = split(np.zeros((10, 1)), y, stratify=False)[2:]
    assert (len(y_train), len(y_valid)) == (8, 2)
    with pytest.raises(DataError, match="has 1 row"):
        split(np.zeros((10, 1)), y)


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 1.5, float("nan")])
def test_a_ratio_outside_of_0_and_1_is_refused(ratio):
    with pytest.raises(DataError, match=f"split: ratio {ratio}, expected .* between 0 and 1"):
        split_indices([0, 0], ratio)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(DataError, match="split: class rare has 1 row, expected at least 2"):
        split_indices(["a", "a", "rare"])
    with pytest.raises(DataError, match="split: no rows"):
        split_indices([])
    with pytest.raises(ShapeError, match=r"split: labels of shape \(2, 1\), expected \(N,\)"):
        split_indices([[0], [0]])
    with pytest.raises(ShapeError, match=r"split: arrays \(3, 1\), \(2,\), expected the same number of rows"):
        split(np.zeros((3, 1)), [0, 0])
    with pytest.raises(ShapeError, match=r"split: arrays \(2, 1\), \(2,\), \(\), expected the same number of rows"):
        split(np.zeros((2, 1)), [0, 0], 7)
    for rng in (-1, "seed"):
        with pytest.raises(OptionError, match=f"split: rng {rng!r}, expected"):
            split_indices([0, 0], 0.5, rng)
