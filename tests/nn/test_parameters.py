"""Which parameters a module has, what they are called, and how their values are set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DtypeError, ShapeError, StateError


class Holder(nn.Module):
    """A module with the attributes that it is given, and no forward."""

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(np.array(values, np.float32))


# Finding them.


def test_a_path_goes_through_modules_lists_tuples_and_dicts_however_deep() -> None:
    p = parameter(1)
    model: Any = p
    for _ in range(40):
        model = Holder(inner=[({"key": model},)])
    assert list(model.named_parameters()) == [".".join(["inner.0.0.key"] * 40)]
    assert model.parameters()[0] is p


def test_parameters_stand_in_the_order_of_the_attributes() -> None:
    model = Holder(b=parameter(1), a=[parameter(2), nn.Dense(1, 1), parameter(3)], c=parameter(4))
    assert list(model.named_parameters()) == ["b", "a.0", "a.1.W", "a.1.b", "a.2", "c"]


def test_a_parameter_in_two_layers_counts_once_under_its_first_path_and_gets_both_gradients() -> None:
    first, second = nn.Dense(2, 2, bias=False, rng=0), nn.Dense(2, 2, bias=False, rng=1)
    second.W = first.W
    model = first >> second
    assert list(model.named_parameters()) == ["layers.0.W"]
    x = np.array([[1, -2], [3, 0.5], [0, 1]], np.float32)
    model(x).sum().backward()
    W, ones = first.W.data, np.ones((3, 2), np.float32)
    np.testing.assert_allclose(first.W.grad, x.T @ (ones @ W.T) + (x @ W).T @ ones, rtol=1e-6)


def test_a_module_in_two_places_counts_once_under_its_first_path() -> None:
    shared = nn.Dense(1, 1)
    model = Holder(a={"x": shared}, b=[shared, nn.Dense(1, 1)])
    assert list(model.named_parameters()) == ["a.x.W", "a.x.b", "b.1.W", "b.1.b"]
    assert list(model.named_modules()) == ["", "a.x", "b.1"]


def test_frozen_parameters_are_parameters_but_get_no_gradient() -> None:
    model = nn.Dense(2, 2, rng=0) >> nn.Dense(2, 1, rng=1)
    frozen: Any = model[0]
    frozen.W.requires_grad = False
    assert list(model.named_parameters()) == ["layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b"]
    model(np.ones((1, 2))).sum().backward()
    assert [name for name, p in model.named_parameters().items() if p.grad is None] == ["layers.0.W"]
    before = frozen.W.numpy()
    tg.optim.SGD(model, 0.1).step()
    assert np.array_equal(frozen.W.data, before)
    frozen.W.requires_grad = True
    model(np.ones((1, 2))).sum().backward()
    assert frozen.W.grad.any()


@pytest.mark.parametrize(
    "value", [tg.Tensor([1.0], requires_grad=True), np.ones(2), {1, 2}, "W", None, (1, [2.0]), tg.relu, nn.Dense]
)
def test_what_is_no_parameter_is_not_found(value: Any) -> None:
    assert Holder(value=value).named_parameters() == {}


def test_a_parameter_that_is_put_into_a_class_is_not_an_objects_own() -> None:
    class Shared(nn.Module):
        scale = parameter(1)

    assert Shared().parameters() == []


def test_a_new_parameter_is_found_without_being_registered() -> None:
    model = Holder(layers=[nn.Dense(1, 1)])
    assert len(model.parameters()) == 2
    model.layers.append(nn.Dense(1, 1, bias=False))
    model.extra = parameter(3)
    del model.layers[0].b
    assert list(model.named_parameters()) == ["layers.0.W", "layers.1.W", "extra"]


# Setting them.


def test_a_state_dict_goes_from_one_model_to_another_of_its_kind() -> None:
    model, other = (nn.Dense(3, 4, rng=seed) >> nn.ReLU() >> nn.Dense(4, 2, rng=seed + 1) for seed in (0, 7))
    x = np.ones((2, 3))
    assert not np.array_equal(model(x).data, other(x).data)
    other.load_state_dict(model.state_dict())
    assert np.array_equal(model(x).data, other(x).data)
    assert list(model.state_dict()) == ["layers.0.W", "layers.0.b", "layers.2.W", "layers.2.b"]


def test_loaded_values_are_copied_in_the_dtype_of_the_parameter() -> None:
    layer, values = nn.Dense(1, 2), np.array([[1.5, 2.5]])
    layer.load_state_dict({"W": values, "b": [3, 4]})
    values[:] = 0
    assert layer.W.data.tolist() == [[1.5, 2.5]]
    assert (layer.W.dtype, layer.b.dtype) == (np.float32, np.float32)  # type: ignore[union-attr]


def test_two_parameters_can_swap_their_values() -> None:
    model = Holder(a=parameter(1, 2), b=parameter(3, 4))
    model.load_state_dict({"a": model.b.data, "b": model.a.data})
    assert (model.a.data.tolist(), model.b.data.tolist()) == ([3, 4], [1, 2])


def test_loading_keeps_frozen_parameters_frozen_and_shared_ones_shared() -> None:
    p = nn.Parameter(np.ones(2), requires_grad=False)
    model = Holder(a=p, b=[p])
    model.load_state_dict({"a": [5, 6]})
    assert model.a is model.b[0]
    assert not p.requires_grad
    assert p.data.tolist() == [5, 6]


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({}, StateError, "state dict for Holder: missing a, b"),
        ({"a": [1, 2], "c": 1, "d": 2}, StateError, "state dict for Holder: missing b; unknown c, d"),
        ({"a": [7, 7], "b": [1, 2, 3]}, ShapeError, "b: shape (3,) given, (2,) expected"),
        ({"a": [7, 7], "b": 1}, ShapeError, "b: shape () given, (2,) expected"),
        ({"a": [7, 7], "b": ["x", "y"]}, DtypeError, "b: <U1 given, float32 expected"),
        ({"a": [7, 7], "b": [1j, 2]}, DtypeError, "b: complex128 given, float32 expected"),
        ({"a": [7, 7], "b": np.array([None, 1])}, DtypeError, "b: object given, float32 expected"),
        ([1, 2], DtypeError, "state dict for Holder: list given; a dict is expected"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_whole(state: Any, error: Any, message: str) -> None:
    model = Holder(a=parameter(1, 2), b=parameter(3, 4))
    with pytest.raises(error) as caught:
        model.load_state_dict(state)
    assert str(caught.value) == message
    assert (model.a.data.tolist(), model.b.data.tolist()) == ([1, 2], [3, 4])


def test_a_backward_pass_through_values_that_a_load_replaced_is_refused() -> None:
    layer = nn.Dense(2, 2)
    y = layer(tg.Tensor(np.ones((1, 2)), requires_grad=True)).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(tg.errors.StaleError, match="changed"):
        y.backward()


# Training and evaluation.


def test_train_and_eval_reach_every_module_and_return_the_model() -> None:
    shared = nn.Dropout()
    model = Holder(a=[{"x": (nn.Sequential(nn.Sequential(shared)),)}], b=shared, c=Holder(d=nn.ReLU()))
    assert all(m.training for m in model.named_modules().values())
    assert model.eval() is model
    assert not any(m.training for m in model.named_modules().values())
    assert model.train() is model
    assert all(m.training for m in model.named_modules().values())
    assert len(model.named_modules()) == 6


def test_a_part_can_be_switched_by_itself() -> None:
    model = nn.Dropout() >> nn.Dropout()
    model.layers[1].eval()  # type: ignore[union-attr]
    assert [m.training for m in model.named_modules().values()] == [True, True, False]
