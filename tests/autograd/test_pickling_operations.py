"""An operation is one thing: copied or pickled, it is the same object, so that models with function layers travel."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.ops.arithmetic import dense_


@pytest.mark.parametrize("operation", [tg.relu, tg.add, tg.softmax, tg.getitem, dense_])
def test_an_operation_comes_back_as_itself(operation: object) -> None:
    assert pickle.loads(pickle.dumps(operation)) is operation
    assert copy.deepcopy(operation) is operation


def test_a_model_with_a_function_layer_can_be_pickled() -> None:
    model = tg.nn.Dense(2, 3, rng=0) >> tg.relu >> tg.nn.Dense(3, 1, rng=1)
    x = np.ones((4, 2))
    assert np.array_equal(pickle.loads(pickle.dumps(model))(x).data, model(x).data)
