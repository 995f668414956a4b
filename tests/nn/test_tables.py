"""The table that a model prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn


def table(model: nn.Module) -> str:
    return "\n" + repr(model) + "\n"


def test_the_guides_network_with_dropout_and_a_function() -> None:
    model = nn.Dense(30, 24) >> nn.ReLU() >> nn.Dropout(0.2) >> nn.Dense(24, 24) >> tg.relu >> nn.Dense(24, 2)
    assert (
        table(model)
        == """
   layer            output shape   parameters
─────────────────────────────────────────────
0  Dense(30, 24)    (N, 24)               744
1  ReLU()           (N, 24)                 0
2  Dropout(p=0.2)   (N, 24)                 0
3  Dense(24, 24)    (N, 24)               600
4  relu             (?)                     0
5  Dense(24, 2)     (N, 2)                 50
─────────────────────────────────────────────
   total                                1,394
"""
    )


def test_nested_sequences_are_numbered_inside() -> None:
    head = nn.Sequential(nn.Dense(8, 4, bias=False), nn.Sequential(nn.Softmax(axis=1)))
    model = nn.Sequential(nn.Sequential(nn.LeakyReLU(0.2), nn.Dense(1000, 8)), nn.Tanh(), head)
    assert (
        table(model)
        == """
       layer                     output shape   parameters
──────────────────────────────────────────────────────────
0.0    LeakyReLU(alpha=0.2)      (N, 1000)               0
0.1    Dense(1000, 8)            (N, 8)              8,008
1      Tanh()                    (N, 8)                  0
2.0    Dense(8, 4, bias=False)   (N, 4)                 32
2.1.0  Softmax(axis=1)           (N, 4)                  0
──────────────────────────────────────────────────────────
       total                                         8,040
"""
    )


def test_a_length_that_no_layer_tells_is_a_question_mark() -> None:
    model = nn.Embedding(10, 4) >> nn.Flatten() >> nn.Dense(12, 2)
    assert (
        table(model)
        == """
   layer              output shape   parameters
───────────────────────────────────────────────
0  Embedding(10, 4)   (N, ?, 4)              40
1  Flatten()          (N, ?)                  0
2  Dense(12, 2)       (N, 2)                 26
───────────────────────────────────────────────
   total                                     66
"""
    )


def test_a_users_layer_is_shown_by_its_class_and_its_options() -> None:
    class Scale(nn.Module):
        options = ("n", "power")

        def __init__(self, n: int, power: float = 1.0, secret: int = 0) -> None:
            self.n, self.power = n, power
            self.factor = nn.Parameter(np.ones(n))

    assert repr(Scale(3)) == "Scale(3)"
    assert repr(Scale(3, 2.0, 5)) == "Scale(3, power=2.0)"
    assert repr(nn.Sequential(Scale(3))).splitlines()[2] == "0  Scale(3)   (?)                     3"


def test_an_empty_sequence_has_an_empty_table() -> None:
    assert [line.split() for line in repr(nn.Sequential()).splitlines() if "─" not in line] == [
        ["layer", "output", "shape", "parameters"],
        ["total", "0"],
    ]


def test_frozen_parameters_are_not_counted_and_shared_ones_once_in_the_total() -> None:
    first, second = nn.Dense(2, 2), nn.Dense(2, 2)
    second.W = first.W
    first.b.requires_grad = False  # type: ignore[union-attr]
    lines = repr(first >> second).splitlines()
    assert [line.split()[-1] for line in (lines[2], lines[3], lines[5])] == ["4", "6", "6"]


@pytest.mark.parametrize("look", [repr, str, "{}".format])
def test_looking_at_a_model_changes_neither_names_nor_values(look: Any) -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Sequential(nn.Dense(3, 1)))
    names = list(model.named_parameters())
    state = model.state_dict()
    look(model)
    look(model[1])
    assert [p.name for p in model.parameters()] == names
    assert all(np.array_equal(model.state_dict()[name], state[name]) for name in names)
