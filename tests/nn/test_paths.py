"""Where a layer stands in its model: the path that errors, nodes and drawings carry."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.autograd import SCOPE
from tinygrad_mlp.errors import ShapeError


class Where(nn.Module):
    """A layer that writes down under which path it runs."""

    def __init__(self, seen: list[str]) -> None:
        self.note = seen.append

    def forward(self, x: Any) -> Any:
        self.note(SCOPE.get())
        return x


class InList(nn.Module):
    """Layers in a list, and one in a dict."""

    def __init__(self, *blocks: nn.Module) -> None:
        self.blocks = list(blocks)
        self.heads = {"a": blocks[0]}

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return x


def paths(model: nn.Module, seen: list[str]) -> list[str]:
    """The paths of the layers that a call of the model runs."""
    seen.clear()
    model(1)
    return list(seen)


@pytest.fixture
def seen() -> list[str]:
    return []


def test_a_layer_runs_under_its_path_from_the_outermost_module(seen: list[str]) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.body = {"deep": [(nn.Sequential(Where(seen), Where(seen)),)]}
            self.head = Where(seen)

        def forward(self, x: Any) -> Any:
            return self.head(self.body["deep"][0][0](x))

    assert paths(Own(), seen) == ["body.deep.0.0.layers.0", "body.deep.0.0.layers.1", "head"]


def test_an_error_names_the_operation_the_layer_and_the_sizes() -> None:
    model = nn.Dense(30, 24) >> nn.ReLU() >> nn.Dense(30, 24)
    with pytest.raises(ShapeError) as error:
        model(np.ones((32, 30)))
    assert str(error.value) == "dense in layers.2: X (32, 24) · W (30, 24): inner sizes 24 and 30 differ"


def test_an_error_in_a_nested_sequence_names_the_whole_path() -> None:
    model = nn.Sequential(nn.Dense(4, 3), nn.Sequential(nn.ReLU(), nn.Dense(5, 2, bias=False)))
    with pytest.raises(ShapeError, match=r"^matmul in layers\.1\.layers\.1: "):
        model(np.ones((2, 4)))


def test_nodes_know_the_layer_that_made_them() -> None:
    model = nn.Dense(2, 3) >> tg.relu >> nn.Dense(3, 1)
    y = model(np.ones((1, 2)))
    assert y._node.scope == "layers.2"
    assert y._node.inputs[0]._node.scope == ""  # a function layer runs in the sequence
    assert y._node.inputs[0]._node.inputs[0]._node.scope == "layers.0"


def test_a_forward_that_raises_leaves_no_path_behind(seen: list[str]) -> None:
    class Failing(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ZeroDivisionError

    model = nn.Sequential(Where(seen), Failing())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            model(1)
        assert SCOPE.get() == ""
    assert seen == ["layers.0"] * 2


def test_after_an_inner_call_the_outer_path_is_back(seen: list[str]) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            self.inner = Where(seen)

        def forward(self, x: Any) -> Any:
            y = self.inner(x)
            seen.append(SCOPE.get())
            return y

    assert paths(nn.Sequential(Around()), seen) == ["layers.0.inner", "layers.0"]


def test_a_part_that_was_called_by_itself_takes_the_path_of_its_model(seen: list[str]) -> None:
    part = nn.Sequential(Where(seen))
    assert paths(part, seen) == ["layers.0"]
    model = nn.Sequential(Where(seen), part)
    assert paths(model, seen) == ["layers.0", "layers.1.layers.0"]


@pytest.mark.parametrize(
    "look", [repr, nn.Module.parameters, nn.Module.state_dict, nn.Module.named_modules, nn.Module.eval, nn.Module.train]
)
def test_looking_at_a_part_leaves_the_paths_of_the_model(look: Callable[[Any], Any], seen: list[str]) -> None:
    part = nn.Sequential(Where(seen), nn.ReLU())
    model = nn.Sequential(Where(seen), part)
    part[0].W = nn.Parameter(1.0)  # type: ignore[union-attr]
    part[1].forward = lambda x: x  # type: ignore[union-attr]
    model(1)
    model.named_parameters()
    look(part)
    assert paths(model, seen) == ["layers.0", "layers.1.layers.0"]
    assert model.layers[1].layers[0].W.name == "layers.1.layers.0.W"  # type: ignore[union-attr]


# A model that changes.


def test_a_layer_put_in_front_moves_the_others(seen: list[str]) -> None:
    model = nn.Sequential(Where(seen), Where(seen))
    model(1)
    model.layers = (Where(seen), *model.layers)
    assert paths(model, seen) == ["layers.0", "layers.1", "layers.2"]


def test_a_layer_taken_away_moves_the_others(seen: list[str]) -> None:
    model = nn.Sequential(Where(seen), Where(seen), Where(seen))
    model(1)
    last = model.layers[2]
    model.layers = model.layers[1:]
    assert paths(model, seen) == ["layers.0", "layers.1"]
    assert model.layers[1] is last


def test_a_layer_in_an_attribute_can_be_replaced(seen: list[str]) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.first, self.second = Where(seen), Where(seen)

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x))

    model = nn.Sequential(Where(seen), Two())
    model(1)
    two: Any = model[1]
    two.first, two.second = two.second, Where(seen)
    assert paths(model, seen) == ["layers.0", "layers.1.first", "layers.1.second"]
    two.second = two.first
    assert paths(model, seen) == ["layers.0", "layers.1.first", "layers.1.first"]
    two.third = two.first
    del two.first
    two.first = np.abs
    assert paths(model, seen) == ["layers.0", "layers.1.second"]


@pytest.mark.parametrize(
    "change",
    [
        lambda blocks: blocks.reverse(),
        lambda blocks: blocks.pop(0),
        lambda blocks: blocks.insert(0, blocks.pop()),
        lambda blocks: blocks.append(nn.Sequential()),
        lambda blocks: blocks.clear(),
    ],
)
def test_a_list_of_layers_may_be_changed_in_place(change: Callable[[list[Any]], Any], seen: list[str]) -> None:
    inner = InList(Where(seen), Where(seen), Where(seen))
    inner.heads = {}
    model = nn.Sequential(inner, Where(seen))
    model(1)
    change(inner.blocks)
    places = [f"layers.0.blocks.{i}" for i, block in enumerate(inner.blocks) if isinstance(block, Where)]
    assert paths(model, seen) == [*places, "layers.1"]


def test_a_new_layer_in_a_dict_is_noticed(seen: list[str]) -> None:
    model = InList(Where(seen), Where(seen))
    model.forward = lambda x: model.heads["b"](x) if "b" in model.heads else x  # type: ignore[method-assign]
    assert paths(model, seen) == []
    model.heads["b"] = Where(seen)
    assert paths(model, seen) == ["heads.b"]


def test_a_layer_made_during_the_first_call_has_its_path_from_the_second_on(seen: list[str]) -> None:
    class Lazy(nn.Module):
        inner: Where | None = None

        def forward(self, x: Any) -> Any:
            if self.inner is None:
                self.inner = Where(seen)
            return self.inner(x)

    model = nn.Sequential(Where(seen), Lazy())
    model(1)
    assert paths(model, seen) == ["layers.0", "layers.1.inner"]


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_part_that_is_copied_out_of_its_model_begins_at_its_own_path(clone: Callable[[Any], Any]) -> None:
    part = nn.Sequential(nn.Dense(2, 3), nn.Dense(4, 1))
    model = nn.Sequential(nn.Dense(3, 2), part)
    with pytest.raises(ShapeError, match=r"^dense in layers\.1\.layers\.1: "):
        model(np.ones((1, 3)))
    own = nn.Sequential(nn.ReLU(), nn.ReLU(), clone(part))
    with pytest.raises(ShapeError, match=r"^dense in layers\.2\.layers\.1: "):
        own(np.ones((1, 2)))


def test_threads_do_not_see_each_others_paths(seen: list[str]) -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Waiting(nn.Module):
        def forward(self, x: Any) -> Any:
            inside.set()
            assert go_on.wait(10)
            return x

    thread = threading.Thread(target=nn.Sequential(Waiting()), args=(1,))
    thread.start()
    assert inside.wait(10)
    assert SCOPE.get() == ""
    assert paths(nn.Sequential(Where(seen)), seen) == ["layers.0"]
    go_on.set()
    thread.join()


def test_knowing_its_paths_keeps_no_model_alive() -> None:
    gc.disable()
    try:
        model = nn.Sequential(nn.Dense(2, 3), InList(nn.ReLU()))
        model(np.ones((1, 2)))
        gone = weakref.ref(model)
        del model
        assert gone() is None  # at once: no cycle for the garbage collector
    finally:
        gc.enable()


def test_a_module_takes_several_inputs_and_named_ones() -> None:
    class Sum(nn.Module):
        def forward(self, x: Any, y: Any = 0, *, scale: Any = 1) -> Any:
            return (x + y) * scale

    assert (Sum()(1), Sum()(1, 2), Sum()(1, y=3), Sum()(1, 2, scale=5), Sum()(x=1)) == (1, 3, 4, 15, 1)
