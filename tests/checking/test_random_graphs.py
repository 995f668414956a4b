"""Random graphs: as many operations as asked for, all of them used, values in range, kinks where they are wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.checking.graph_operations import GRID, Dice
from tinygrad_mlp.checking.random_graphs import WIDEST, Builder
from tinygrad_mlp.errors import OptionError, ShapeError


def leaves_of(graph: tg.testing.RandomGraph) -> list[tg.Tensor]:
    return [tg.Tensor(x, requires_grad=True) for x in graph.inputs]


def nodes_behind(y: tg.Tensor) -> set[Any]:
    found, stack = set(), [y._node]
    while stack:
        node = stack.pop()
        if node is not None and node not in found:
            found.add(node)
            stack += [x._node for x in node.inputs if isinstance(x, tg.Tensor)]
    return found


def test_each_graph_has_the_number_of_operations_asked_for_and_uses_all_of_them_and_all_inputs() -> None:
    rng = np.random.default_rng(1)
    for operations in [*range(1, 41)] * 5:
        graph = tg.testing.random_graph(rng, operations)
        leaves = leaves_of(graph)
        y = graph(*leaves)
        assert y.shape == ()
        assert len(graph.steps) == operations
        assert len(nodes_behind(y)) == operations
        y.backward()
        assert all(leaf.grad is not None for leaf in leaves)


def test_the_number_of_operations_is_drawn_from_the_whole_range() -> None:
    rng = np.random.default_rng(2)
    assert {len(tg.testing.random_graph(rng, (5, 8)).steps) for _ in range(50)} == {5, 6, 7, 8}
    assert {len(tg.testing.random_graph(rng).steps) for _ in range(1000)} == set(range(5, 41))


def test_values_lie_in_the_ranges_that_the_builder_relies_on() -> None:
    rng = np.random.default_rng(3)
    for number in range(400):
        builder = Builder(Dice(rng), 5 + number % 36, number % 2 == 0)
        graph = builder.graph()
        values = {f"x{i}": x for i, x in enumerate(graph.inputs)}
        known = {value.name: value for value in builder.pool.values}
        for step in graph.steps:
            part = tg.testing.RandomGraph(graph.inputs, graph.steps[: graph.steps.index(step) + 1])
            values[step.name] = np.asarray(part(*graph.inputs))
        assert values.keys() == known.keys()
        for name, value in known.items():
            assert values[name].shape == value.shape
            assert values[name].min() >= value.low - 1e-9, (name, graph)
            assert values[name].max() <= value.high + 1e-9, (name, graph)
            if value.shape:
                assert -WIDEST <= value.low <= value.high <= WIDEST


def test_gradients_are_finite_and_moderate() -> None:
    rng = np.random.default_rng(4)
    largest = []
    for _ in range(500):
        graph = tg.testing.random_graph(rng)
        leaves = leaves_of(graph)
        graph(*leaves).backward()
        largest.append(max(np.abs(leaf.grad).max() for leaf in leaves))
    assert np.isfinite(largest).all()
    assert max(largest) < 1e3
    assert np.mean(np.array(largest) > 0) > 0.9


def test_every_kind_of_operation_takes_part_and_the_kinked_ones_often() -> None:
    rng = np.random.default_rng(5)
    graphs = [tg.testing.random_graph(rng) for _ in range(500)]
    seen = [step.operation for graph in graphs for step in graph.steps]
    assert len(set(seen)) == 38
    assert {"matmul", "divide", "log", "sqrt", "logsumexp", "getitem", "where", "concatenate"} < set(seen)
    for kinked in ("relu", "abs", "max", "clip", "maximum"):
        assert seen.count(kinked) > 200


def test_inputs_lie_on_kinks_where_that_is_wanted_and_nowhere_near_0_otherwise() -> None:
    rng = np.random.default_rng(6)

    def elements(kinks: float) -> np.ndarray:
        graphs = [tg.testing.random_graph(rng, 10, kinks=kinks) for _ in range(200)]
        return np.concatenate([x.ravel() for graph in graphs for x in graph.inputs])

    assert 0.4 < np.isin(elements(1.0), GRID).mean() < 0.6
    away = elements(0.0)
    assert not np.isin(away, GRID).any()
    assert np.abs(away).min() >= 0.2
    assert np.abs(away).max() <= 1.5


def test_the_same_seed_gives_the_same_function_and_point() -> None:
    a, b = tg.testing.random_graph(11), tg.testing.random_graph(np.random.default_rng(11))
    assert repr(a) == repr(b)
    assert repr(a) != repr(tg.testing.random_graph(12))


def test_a_graph_prints_as_source_that_computes_the_same() -> None:
    rng = np.random.default_rng(7)
    for _ in range(100):
        graph = tg.testing.random_graph(rng)
        names: dict[str, Any] = {"tg": tg, "np": np}
        exec(repr(graph), names)
        inputs = [names[f"x{i}"] for i in range(len(graph.inputs))]
        assert names["f"](*inputs) == graph(*graph.inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"operations": 0}, "operations is 0; a number of at least 1"),
        ({"operations": (7, 5)}, r"operations is \(7, 5\)"),
        ({"kinks": 1.5}, "kinks is 1.5; a share from 0 to 1"),
    ],
)
def test_numbers_that_are_none_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        tg.testing.random_graph(1, **options)


def test_another_number_of_inputs_is_refused() -> None:
    with pytest.raises(ShapeError, match="takes 1 inputs, not 2"):
        tg.testing.random_graph(1, operations=1)(np.ones(2), np.ones(2))
