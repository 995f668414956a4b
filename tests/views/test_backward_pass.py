"""The backward pass as data: its order, its numbers, and that looking at it changes nothing."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
from views import guide_network

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import GradientError, NonFiniteError
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.steps import Leaf, Step


def leaf(*values: float, name: str | None = None) -> tg.Tensor:
    return tg.Tensor(np.array(values), requires_grad=True, name=name)


def named(seen: BackwardPass, name: str) -> Leaf:
    (found,) = [x for x in seen.leaves if x.name == name]
    return found


def test_the_guides_steps_in_the_guides_order_with_its_formulas() -> None:
    seen = BackwardPass.of(guide_network.loss(of_inputs=True))
    assert [(s.number, s.layer, s.operation, s.shape) for s in seen.steps] == [
        (1, "", "softmax_cross_entropy", ()),
        (2, "layers.3", "dense", (2, 2)),
        (3, "layers.2", "relu", (2, 3)),
        (4, "layers.1", "dense", (2, 3)),
        (5, "layers.0", "relu", (2, 4)),
    ]
    dense = ["dW = Xᵀ·dY", "db = Σ over the batch of dY", "dX = dY·Wᵀ"]
    assert [[str(edge.formula) for edge in step.outgoing] for step in seen.steps] == [
        ["dZ = (Y_pred − Y_true)·dY / n"],
        dense,
        ["dX = dY ⊙ sign(Y)"],
        dense,
        ["dX = dY ⊙ sign(Y)"],
    ]
    assert seen.steps[0].outgoing[0].formula.where[0] == "Y_pred = softmax(Z)"
    assert "n = 2" in seen.steps[0].outgoing[0].formula.where
    assert [edge.target.key for edge in seen.steps[1].outgoing] == ["leaf2", "leaf3", "step3"]


def test_its_numbers_are_those_of_the_guides_formulas() -> None:
    expected = guide_network.by_hand()
    seen = BackwardPass.of(guide_network.loss(of_inputs=True))
    arrived = [step.arrived.array for step in seen.steps if step.arrived]
    wanted = [np.array(1.0), expected["dz2"], expected["dh"], expected["dz1"], expected["dx1"]]
    for found, want in zip(arrived, wanted, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-15)
    for name, key in (("layers.1.W", "dW1"), ("layers.1.b", "db1"), ("layers.3.W", "dW2"), ("layers.3.b", "db2")):
        gradient = named(seen, name).gradient
        assert gradient is not None
        np.testing.assert_allclose(gradient.array, expected[key], rtol=1e-12, atol=1e-15)
        assert gradient.norm == pytest.approx(np.sqrt((expected[key] ** 2).sum()))
    sent = seen.steps[1].outgoing[2].gradient
    assert sent is not None
    np.testing.assert_allclose(sent.array, expected["dh"], atol=1e-15)
    np.testing.assert_allclose(named(seen, "X").gradient.array, expected["dX"], atol=1e-15)


def test_data_have_no_gradient_and_parameters_know_their_layer() -> None:
    seen = BackwardPass.of(guide_network.loss())
    assert [x.name for x in seen.data] == ["labels", "x"]
    assert [x.gradient for x in seen.data] == [None, None]
    assert [(x.name, x.layer) for x in seen.parameters][:2] == [("layers.3.W", "layers.3"), ("layers.3.b", "layers.3")]


def test_looking_touches_no_grad_and_can_be_repeated() -> None:
    model = guide_network.model()
    loss = guide_network.loss(network=model)
    loss.backward()
    before = {name: np.array(p.grad) for name, p in model.named_parameters().items()}
    first = BackwardPass.of(loss, tg.optim.Adam(model, 0.1)).to_dict()
    values = model.state_dict()
    assert BackwardPass.of(loss, tg.optim.Adam(model, 0.1)).to_dict() == first
    for name, p in model.named_parameters().items():
        np.testing.assert_array_equal(p.grad, before[name])
        np.testing.assert_array_equal(p.data, values[name])
    loss.backward()
    for name, p in model.named_parameters().items():
        np.testing.assert_array_equal(p.grad, 2 * before[name])


def test_it_can_be_watched_where_nothing_is_recorded_and_others_watch() -> None:
    w = leaf(1.0, 2.0)
    loss = (w * np.nan).sum()
    with tg.no_grad(), tg.detect_anomaly():
        seen = BackwardPass.of(loss)  # detect_anomaly() would refuse the NaN
        with pytest.raises(NonFiniteError):
            loss.backward()
    assert seen.has_numbers


def test_after_a_step_of_the_optimizer_there_are_formulas_but_no_numbers() -> None:
    model = guide_network.model()
    loss = guide_network.loss(network=model)
    loss.backward()
    tg.optim.SGD(model, 0.1).step()
    seen = BackwardPass.of(loss)
    assert not seen.has_numbers
    assert all(edge.gradient is None for edge in seen.edges())
    assert all(x.gradient is None for x in seen.leaves)
    assert len(seen.notes) == 1
    assert seen.notes[0].startswith("no numbers: 'layers.3.W' was changed after dense in layers.3 had used it")
    assert str(seen.steps[1].outgoing[0].formula) == "dW = Xᵀ·dY"


def test_a_change_deep_in_the_graph_leaves_no_half_of_the_numbers() -> None:
    model = guide_network.model()
    loss = guide_network.loss(network=model)
    model.layers[1].b.data = np.zeros(3)
    seen = BackwardPass.of(loss)
    assert [step.arrived for step in seen.steps] == [None] * 4
    assert not any(edge.gradient for edge in seen.edges())


def test_a_result_that_is_no_scalar_needs_its_gradient() -> None:
    w = leaf(1.0, 2.0, name="w")
    y = w * 3.0
    assert BackwardPass.of(y).notes[0].startswith("no numbers: the result of multiply (2,) has 2 elements, not one")
    seen = BackwardPass.of(y, gradient=np.array([1.0, -1.0]))
    assert seen.notes == []
    np.testing.assert_array_equal(seen.leaves[0].gradient.array, [3, -3])


@pytest.mark.parametrize("thing", [leaf(1.0, name="w"), np.ones(2), tg.exp(tg.Tensor([1.0]))])
def test_what_has_no_graph_is_refused(thing: Any) -> None:
    with pytest.raises(GradientError, match="has no graph; the result of operations on what requires a gradient"):
        BackwardPass.of(thing)


def test_a_tensor_used_k_times_is_the_sum_of_k_paths() -> None:
    w = leaf(1.0, 2.0, name="w")
    h = w * w
    seen = BackwardPass.of((h * h + h).sum())
    assert named(seen, "w").uses == 2
    (square,) = [s for s in seen.steps if s.result is h]
    assert square.uses == 3
    paths = [edge.gradient.array for edge in seen.edges() if edge.target is square and edge.gradient]
    np.testing.assert_array_equal(sum(paths), square.arrived.array)
    np.testing.assert_array_equal(named(seen, "w").gradient.array, 4 * w.data**3 + 2 * w.data)


def test_what_only_a_path_without_gradient_reaches_is_data() -> None:
    w = leaf(1.0, -2.0, name="w")
    hidden = tg.exp(w)
    y = tg.ops.dropout(w, hidden.data > 1, p=0.5).sum() + tg.where(hidden, w, 0.0).sum()
    seen = BackwardPass.of(y)
    assert "exp" not in [step.operation for step in seen.steps]
    assert "condition" in [x.name for x in seen.data]


def test_sums_over_broadcast_axes_are_told() -> None:
    x, b, s = (tg.Tensor(np.ones(shape), requires_grad=True) for shape in ((4, 3), (3,), ()))
    seen = BackwardPass.of((x * b + s).sum())
    add, multiply = seen.steps[1], seen.steps[2]
    assert [(edge.summed_over, str(edge.formula)) for edge in add.edges] == [
        ((), "dA = dY"),
        ((0, 1), "db = Σ over everything of dY"),
    ]
    assert [(edge.summed_over, str(edge.formula)) for edge in multiply.edges] == [
        ((), "dA = dY ⊙ b"),
        ((0,), "db = Σ over the batch of (dY ⊙ A)"),
    ]
    matrices = tg.Tensor(np.ones((5, 1, 2)), requires_grad=True) @ tg.Tensor(np.ones((2, 4)), requires_grad=True)
    product = BackwardPass.of(matrices.sum()).steps[1]
    assert [edge.summed_over for edge in product.edges] == [(), (0,)]


def test_marks_of_gradients_that_are_zero_nan_or_infinite() -> None:
    w = leaf(-1.0, -2.0, name="w")
    seen = BackwardPass.of(tg.relu(w).sum() + (w * 0.0).sum())
    assert named(seen, "w").gradient.mark == "zero"
    v = leaf(1.0, 2.0, name="v")
    assert named(BackwardPass.of((v * np.inf).sum()), "v").gradient.mark == "inf"
    assert named(BackwardPass.of((v * np.nan).sum()), "v").gradient.mark == "nan"
    assert named(BackwardPass.of(v.sum()), "v").gradient.mark == ""


def test_update_ratios_are_those_of_the_next_step() -> None:
    model = guide_network.model()
    optimizer = tg.optim.Adam(model, 0.01)
    for _ in range(3):  # so that there is a state
        guide_network.loss(network=model).backward()
        optimizer.step()
        optimizer.zero_grad()
    loss = guide_network.loss(network=model)
    seen = BackwardPass.of(loss, optimizer)
    before = model.state_dict()
    loss.backward()
    optimizer.step()
    for name, p in model.named_parameters().items():
        moved = np.linalg.norm(p.data - before[name]) / np.linalg.norm(before[name])
        assert named(seen, name).update_ratio == pytest.approx(moved, rel=1e-9)


def test_a_parameter_that_the_optimizer_does_not_train_has_no_update_ratio() -> None:
    a, b = leaf(1.0, name="a"), leaf(2.0, name="b")
    seen = BackwardPass.of((a * b).sum(), tg.optim.SGD([a], 0.5))
    assert named(seen, "a").update_ratio == 1.0
    assert named(seen, "b").update_ratio is None


def test_units_that_are_asleep() -> None:
    x = tg.Tensor(np.array([[1.0, -1.0, 0.0], [-1.0, -2.0, 5.0]]), requires_grad=True)

    def of(f: Any, x: Any = x) -> Any:
        return BackwardPass.of(f(x).sum()).steps[1].asleep

    assert of(tg.relu) == ("dead", pytest.approx(1 / 3))
    assert of(tg.tanh) == ("saturated", 1 / 6)  # tanh'(5) = 0.0002, tanh'(2) = 0.07
    assert of(tg.sigmoid) == ("saturated", 1 / 6)  # sigmoid'(5) = 0.0066 = 0.027 · ¼
    assert of(tg.exp) is None


def test_json_has_everything_and_no_nan() -> None:
    v = leaf(1.0, 2.0, name="v")
    data = json.loads(json.dumps(BackwardPass.of((v * np.array([np.nan, np.inf])).sum()).to_dict(), allow_nan=False))
    assert data["leaves"][0]["gradient"] == {"norm": "nan", "mark": "nan", "values": ["nan", "inf"]}
    guide = json.loads(json.dumps(BackwardPass.of(guide_network.loss()).to_dict(most=6), allow_nan=False))
    dense = guide["steps"][1]
    assert dense["key"] == "step2"
    assert dense["edges"][1]["formula"] == "dW = Xᵀ·dY"
    assert dense["edges"][1]["target"] == guide["leaves"][1]["key"]
    np.testing.assert_allclose(dense["edges"][1]["gradient"]["values"], guide_network.by_hand()["dW2"], rtol=1e-5)
    assert guide["leaves"][4]["name"] == "layers.1.W"
    assert guide["leaves"][4]["values"] is None  # 12 elements
    assert guide["loss"]["values"] == pytest.approx(float(guide_network.by_hand()["loss"]), rel=1e-5)


def test_an_error_of_a_users_own_closure_is_not_hidden() -> None:
    @tg.op
    def broken(x: Any) -> Any:
        return x * 2, lambda g: g / undefined  # noqa: F821 - the error that is tested

    with pytest.raises(NameError, match="undefined"):
        BackwardPass.of(broken(leaf(1.0)).sum())


def test_a_hundred_thousand_operations_deep() -> None:
    y = leaf(1.0)
    for _ in range(100_000):
        y = -y
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(250)
    try:
        seen = BackwardPass.of(y)
    finally:
        sys.setrecursionlimit(limit)
    assert len(seen.steps) == 100_000
    assert seen.steps[-1].arrived is not None
    assert seen.steps[-1].arrived.norm == 1
    assert seen.steps[-1].arrived.array is None  # too many to keep


def test_each_step_is_reached_from_the_one_before_only_through_its_edges() -> None:
    model = nn.Dense(3, 3, rng=0) >> nn.Tanh() >> nn.Dense(3, 2, rng=1)
    seen = BackwardPass.of(model(np.ones((2, 3))).sum())
    for step in seen.steps:
        for edge in step.edges:
            assert edge.step is step
            if isinstance(edge.target, Step):
                assert edge.target.number > step.number
