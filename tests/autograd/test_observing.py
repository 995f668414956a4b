"""The one hook: an observer is told, node by node and in backward order, what arrived and what left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import SCOPE, observing


def leaf(values: Any, name: str | None = None) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True, name=name)


class Record:
    """What an observer was told, copied."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.nodes: list[Any] = []
        self.arrived: list[Any] = []
        self.left: list[dict[Any, Any]] = []

    def __call__(self, node: Any, arrived: Any, left: Any) -> None:
        self.names.append(node.operation.name)
        self.nodes.append(node)
        self.arrived.append(np.array(getattr(arrived, "data", arrived) if isinstance(arrived, tg.Tensor) else arrived))
        sums: dict[Any, Any] = {}
        for x, g in left:
            sums[x] = sums.get(x, 0) + np.array(g.data if isinstance(g, tg.Tensor) else g)
        self.left.append(sums)


def test_nodes_are_told_newest_first_each_once() -> None:
    x = leaf([1.0, 2.0])
    a = tg.exp(x)
    b = tg.tanh(a)
    c = a * b
    y = c.sum()
    record = Record()
    with observing(record):
        y.backward()
    assert record.names == ["sum", "multiply", "tanh", "exp"]
    assert [n.time for n in record.nodes] == sorted((n.time for n in record.nodes), reverse=True)


def test_what_arrives_is_the_whole_sum_and_what_leaves_is_for_whom() -> None:
    x, w = leaf([1.0, 2.0]), leaf(3.0)
    h = x * w
    y = (h * h).sum()
    record = Record()
    with observing(record):
        y.backward()
    assert record.names == ["sum", "multiply", "multiply"]
    assert record.arrived[0].tolist() == 1
    assert record.arrived[1].tolist() == [1, 1]
    assert record.arrived[2].tolist() == [6, 12]
    assert record.left[0].popitem()[1].tolist() == [1, 1]
    assert record.left[2][x].tolist() == [18, 36]
    assert record.left[2][w].tolist() == 6 + 24
    assert record.left[2][w].shape == ()


def test_what_leaves_has_the_dtype_of_its_input() -> None:
    x = tg.Tensor(np.ones(2, np.float32), requires_grad=True)
    record = Record()
    with observing(record):
        (x * np.ones((3, 2))).sum().backward()
    assert record.left[-1][x].dtype == np.float32
    assert record.left[-1][x].shape == (2,)


def test_inputs_without_a_gradient_get_nothing() -> None:
    x, c = leaf([1.0]), tg.Tensor(np.array([2.0]))
    record = Record()
    with observing(record):
        (x * c).sum().backward()
    assert list(record.left[-1]) == [x]


def test_the_sum_of_what_left_for_a_leaf_is_its_gradient() -> None:
    x, w = leaf([[1.0, 2.0]]), leaf([[3.0], [4.0]])
    y = tg.sigmoid(x @ w) + (x * x).sum() * w.sum()
    record = Record()
    with observing(record):
        y.backward()
    for t in (x, w):
        np.testing.assert_allclose(sum(left[t] for left in record.left if t in left), t.grad)


def test_nodes_know_their_inputs_options_and_scope() -> None:
    x = leaf([[1.0, 2.0]], name="x")
    token = SCOPE.set("layers.2")
    y = tg.sum(x, axis=1)
    SCOPE.reset(token)
    record = Record()
    with observing(record):
        y.sum().backward()
    node = record.nodes[-1]
    assert node.inputs[0] is x
    assert node.options == {"axis": 1}
    assert node.scope == "layers.2"
    assert node.title == "sum in layers.2"


def test_tg_grad_is_observed_and_skips_what_nobody_asked_for() -> None:
    x, w = leaf([1.0]), leaf([2.0])
    h = tg.exp(x)
    y = (h * tg.tanh(w)).sum()
    record = Record()
    with observing(record):
        tg.grad(y, w)
    assert [name for name, left in zip(record.names, record.left, strict=True) if left] == ["sum", "multiply", "tanh"]
    assert "exp" not in record.names


def test_a_sweep_that_makes_a_graph_is_observed_too() -> None:
    x = leaf(2.0)
    record = Record()
    with observing(record):
        first = tg.grad(x**3, x, create_graph=True)
    assert record.names == ["power"]
    assert record.left[0][x] == 12
    assert first.item() == 12


def test_observers_nest_and_end_with_their_block() -> None:
    x = leaf(2.0)
    outer, inner = Record(), Record()
    with observing(outer):
        with observing(inner):
            (x * x).backward()
        (x * x).backward()
    (x * x).backward()
    assert len(outer.names) == 2
    assert len(inner.names) == 1


def test_observing_changes_no_gradient() -> None:
    x = leaf(np.linspace(-1, 1, 5))

    def loss() -> Any:
        return (tg.sigmoid(x) * x + x).sum()

    expected = tg.grad(loss(), x)
    with observing(lambda node, arrived, left: None):
        loss().backward()
    np.testing.assert_array_equal(x.grad, expected)


def test_an_observer_can_stop_a_sweep_before_any_grad_is_written() -> None:
    a, b = leaf([1.0]), leaf([2.0])

    def stop(node: Any, arrived: Any, left: Any) -> None:
        if node.operation.name == "exp":
            raise KeyError("stop")

    with observing(stop), pytest.raises(KeyError):
        (tg.exp(a) * b).sum().backward()
    assert a.grad is None
    assert b.grad is None
