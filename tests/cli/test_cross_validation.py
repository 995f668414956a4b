"""`train --folds`: every row is scored once by a network that has not seen it, and nothing is saved."""

import re
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp.cli import cross_validation

SHORT = "train --dataset raw.csv --layer 4 --epochs 3 --seed 1"


@pytest.fixture
def table(raw):
    Path("raw.csv").write_bytes(Path(raw).read_bytes())


def test_means_and_deviations_are_those_of_the_folds(table, good):
    out = good(f"{SHORT} --folds 3 --repeats 2")
    lines = re.findall(r"^fold (\d)/6 - accuracy: (\S+) - cross-entropy: (\S+)$", out, re.MULTILINE)
    assert [number for number, *_ in lines] == list("123456")
    for name, column in (("accuracy", 1), ("cross-entropy", 2)):
        values = np.array([float(line[column]) for line in lines])
        mean, sd = map(float, re.search(rf"^{name}\s+(\S+) ± (\S+)$", out, re.MULTILINE).groups())
        assert mean == pytest.approx(values.mean(), abs=1e-4)
        assert sd == pytest.approx(values.std(ddof=1), abs=2e-4)
    for name in ("balanced accuracy", "macro F1", "ROC AUC", "average precision", "Brier score"):
        assert name in out
    assert float(lines[0][1]) > 0.8
    assert sorted(path.name for path in Path().iterdir()) == ["raw.csv"]


def test_the_same_seed_gives_the_same_scores(table, good):
    assert good(f"{SHORT} --folds 2") == good(f"{SHORT} --folds 2")
    assert good(f"{SHORT} --folds 2") != good(f"{SHORT.replace('--seed 1', '--seed 2')} --folds 2")


def test_every_row_is_scored_once_and_no_network_saw_or_stopped_on_those_it_is_scored_on(table, good, monkeypatch):
    seen = []
    learn, scores = cross_validation.learn, cross_validation.scores_of

    def learned(model, train, stop_on, *rest):
        seen.append([{tuple(row) for row in part.features} for part in (train, stop_on)])
        return learn(model, train, stop_on, *rest)

    def scored(model, scalers, table, asked):
        seen[-1].append(len(table))
        return scores(model, scalers, table, asked)

    monkeypatch.setattr(cross_validation, "learn", learned)
    monkeypatch.setattr(cross_validation, "scores_of", scored)
    good(f"{SHORT} --folds 4 --patience 2")
    assert sum(held_out for *_, held_out in seen) == 569
    for train, stop_on, held_out in seen:
        assert not train & stop_on
        assert len(train) + len(stop_on) + held_out == 569


def test_more_classes_have_no_curve(good):
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{x * x:.3f},{'abc'[int(x * 3)]}" for x in rng.uniform(0, 1, 60)]
    Path("three.csv").write_text("u,v,kind\n" + "\n".join(rows) + "\n")
    out = good("train --dataset three.csv --label kind --folds 3 --epochs 2 --seed 1")
    assert "macro F1" in out
    assert "ROC AUC" not in out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--folds 1", "'1' given, a whole number of at least 2"),
        ("--repeats 3", "--repeats needs --folds"),
        ("--folds 3 --history h.csv", "--history does not go with --folds"),
        ("--folds 3 --gradient-norms", "--gradient-norms does not go with --folds"),
        ("--folds 3 --valid raw.csv", "--valid does not go with --folds"),
        ("--folds 600", "from 2 to the number of rows, 569"),
    ],
)
def test_what_does_not_go_together_is_refused(table, bad, options, expected):
    assert expected in bad(f"{SHORT} {options}")
