"""The graph lives as long as its last reference, and neither depth nor width is a problem."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import Node, observing


def leaf(values: Any) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


pytestmark = pytest.mark.usefixtures("no_garbage_collector")


def nodes_of(y: Any) -> list[weakref.ref[Node]]:
    found: list[weakref.ref[Node]] = []
    with observing(lambda node, arrived, left: found.append(weakref.ref(node))):
        y.backward()
    return found


def alive(references: list[weakref.ref[Any]]) -> int:
    return sum(reference() is not None for reference in references)


def hidden() -> tuple[Any, Any]:
    x, w = leaf(np.linspace(0.1, 0.9, 4).reshape(2, 2)), leaf([[0.2, 0.5], [-0.3, 0.4]])
    return w, tg.dense(x, w, w[0])


def loss() -> Any:
    _, h = hidden()
    h = tg.relu(h) + tg.sigmoid(h) * tg.softplus(h) - tg.tanh(h) / (tg.exp(h) + 1)
    h = tg.maximum(h, 0.1) + tg.clip(h, -1, 1) + tg.where(h > 0, h, 0.0) + tg.sqrt(h * h + 1) + tg.softmax(h)
    h = tg.concatenate([h, tg.leaky_relu(h)], axis=1) + tg.log1p(h * h).sum(axis=1, keepdims=True)
    h = h[:, [0, 1, 1]] + h.T.reshape(-1)[:3] + h.max(axis=1, keepdims=True) + h.min() + h[:, :3] ** 2.0
    return tg.softmax_cross_entropy(h, np.array([0, 1])) + tg.mean_squared_error(h, np.zeros((2, 3))) + tg.logsumexp(h)


def test_the_graph_dies_with_its_last_reference() -> None:
    y = loss()
    nodes = nodes_of(y)
    assert len(nodes) > 30
    assert alive(nodes) == len(nodes)
    del y
    assert alive(nodes) == 0


def test_the_arrays_of_the_graph_die_with_it() -> None:
    x = leaf(np.ones(100))
    h = x * 2
    y = (h * h).sum()
    array = weakref.ref(h.data)
    del h
    assert array() is not None
    del y
    assert array() is None


def test_a_graph_without_a_backward_pass_dies_too() -> None:
    x = leaf([1.0])
    y = tg.exp(x)
    reference = weakref.ref(y)
    z = y * y
    del y
    assert reference() is not None
    del z
    assert reference() is None


def test_the_graph_of_a_gradient_dies_with_its_last_reference() -> None:
    w, h = hidden()
    y = (tg.sigmoid(h) * tg.softmax(h)).sum()
    first = tg.grad(y, w, create_graph=True)
    second = tg.grad((first * first).sum(), w, create_graph=True)
    nodes = nodes_of((second * second).sum())
    del y, h, first
    assert alive(nodes) > 0
    del second
    assert alive(nodes) == 0


def test_an_intermediate_keeps_only_what_it_is_made_of() -> None:
    x = leaf([1.0])
    h = tg.exp(x)
    y = tg.tanh(h).sum()
    nodes = nodes_of(y)
    del y
    assert alive(nodes) == 1
    h.sum().backward()


def test_detect_anomaly_keeps_no_graph_alive() -> None:
    with tg.detect_anomaly():
        y = loss()
        nodes = nodes_of(y)
        del y
        assert alive(nodes) == 0


def test_a_thousand_training_steps_leave_nothing_behind() -> None:
    w, b = leaf(np.full((4, 3), 0.1)), leaf(np.zeros(3))
    x, labels = np.linspace(-1, 1, 20).reshape(5, 4), np.array([0, 1, 2, 1, 0])
    nodes: list[weakref.ref[Any]] = []
    with observing(lambda node, arrived, left: nodes.append(weakref.ref(node))):
        for _ in range(1000):
            w.grad = b.grad = None
            y = tg.softmax_cross_entropy(tg.relu(tg.dense(x, w, b)), labels)
            y.backward()
            w.data -= 0.1 * w.grad
            b.data -= 0.1 * b.grad
    assert len(nodes) == 3000
    assert alive(nodes) == 3
    del y
    assert alive(nodes) == 0


def test_leaves_of_finished_graphs_are_freed() -> None:
    x = leaf([1.0])
    reference = weakref.ref(x)
    y = (x * x).sum()
    y.backward()
    del x
    assert reference() is not None
    del y
    assert reference() is None


DEEP = """
import gc, sys, time
import numpy as np, tinygrad_mlp as tg
sys.setrecursionlimit(200)
gc.disable()
x = tg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
w = tg.Tensor(np.array([0.5]), requires_grad=True)
y = x
for _ in range(50_000):
    y = y + w
    y = y * 1.0
s = y.sum()
s.backward()
assert x.grad.tolist() == [1, 1], x.grad
assert w.grad.tolist() == [100_000], w.grad
h = tg.grad(s, w, create_graph=True)
assert h.data.tolist() == [100_000]
del y, s, h
print("done")
"""


def test_a_hundred_thousand_operations_in_a_row_need_no_recursion() -> None:
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True, timeout=120, check=False)
    assert (run.stdout.strip(), run.stderr) == ("done", "")
    assert time.perf_counter() - start < 60


def test_a_tensor_used_ten_thousand_times() -> None:
    x = leaf([1.0, 2.0])
    parts = [x * float(i) for i in range(10_000)]
    y = tg.concatenate(parts).sum()
    start = time.perf_counter()
    y.backward()
    assert time.perf_counter() - start < 10
    assert x.grad.tolist() == [49_995_000.0] * 2


def test_a_tensor_that_is_ten_thousand_inputs_of_one_operation() -> None:
    x = leaf([1.0])
    tg.concatenate([x] * 10_000).sum().backward()
    assert x.grad.tolist() == [10_000]


def test_a_ladder_of_diamonds_takes_nodes_not_paths() -> None:
    """2⁶⁰ paths from the end to the start, and 60 nodes."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    told: list[Any] = []
    with observing(lambda node, arrived, left: told.append(node.time)):
        y.backward()
    assert x.grad == 2.0**60
    assert len(told) == 60
    assert tg.grad(y, x, create_graph=True).item() == 2.0**60


def test_a_ladder_of_wide_diamonds_with_curvature() -> None:
    x = leaf(0.0)
    y = x
    for _ in range(60):
        y = tg.sigmoid(y) * 2 + tg.tanh(y) - 1
    first = tg.grad(y, x, create_graph=True)
    assert first.item() == pytest.approx(1.5**60)
    assert np.isfinite(tg.grad(first, x))
