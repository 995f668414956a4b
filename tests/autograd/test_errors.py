"""What a message says: the operation, what was seen, what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import SCOPE
from tinygrad_mlp.errors import DtypeError, LabelError, OptionError, ShapeError, TinygradMlpError


def leaf(*shape: int) -> Any:
    return tg.Tensor(np.ones(shape), requires_grad=True)


SHAPES: dict[str, tuple[Any, list[str]]] = {
    "add": (lambda: leaf(2, 3) + leaf(2, 4), ["add", "(2, 3)", "(2, 4)"]),
    "multiply, array first": (lambda: np.ones(3) * leaf(2), ["multiply", "(3,)", "(2,)"]),
    "maximum": (lambda: tg.maximum(leaf(3), leaf(2)), ["maximum", "(3,)", "(2,)"]),
    "where": (lambda: tg.where(np.ones(2, bool), leaf(3), 0.0), ["where", "(2,)", "(3,)"]),
    "matmul": (lambda: leaf(2, 3) @ leaf(2, 3), ["matmul", "(2, 3)", "inner sizes 3 and 2 differ"]),
    "matmul, vectors": (lambda: leaf(3) @ leaf(2), ["matmul", "3 and 2"]),
    "matmul, batches": (lambda: leaf(2, 3, 4) @ leaf(3, 4, 2), ["matmul", "(2, 3, 4)", "(3, 4, 2)"]),
    "matmul, number": (lambda: leaf() @ leaf(2), ["matmul", "()", "*"]),
    "dense, inner": (lambda: tg.dense(leaf(4, 3), leaf(2, 5), leaf(5)), ["dense", "(4, 3)", "(2, 5)", "3 and 2"]),
    "dense, bias": (lambda: tg.dense(leaf(4, 3), leaf(3, 5), leaf(4)), ["dense", "(3, 5)", "(4,)"]),
    "reshape": (lambda: leaf(2, 3).reshape(4), ["reshape", "(4,)", "(2, 3)"]),
    "broadcast_to": (lambda: tg.broadcast_to(leaf(3), shape=(2, 2)), ["broadcast_to", "(3,)", "(2,2)"]),
    "sum": (lambda: leaf(2, 3).sum(axis=2), ["sum", "axis 2", "(2, 3)"]),
    "max of nothing": (lambda: leaf(0).max(), ["max", "(0,)"]),
    "concatenate": (lambda: tg.concatenate([leaf(2, 2), leaf(2, 3)]), ["concatenate", "2", "3"]),
    "concatenate, axis": (lambda: tg.concatenate([leaf(2), leaf(2)], axis=3), ["concatenate", "axis 3"]),
    "transpose": (lambda: leaf(2, 3).transpose(0, 0), ["transpose", "(2, 3)"]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_that_do_not_fit_are_named_with_the_operation(name: str) -> None:
    call, words = SHAPES[name]
    with pytest.raises(ShapeError) as caught:
        call()
    assert isinstance(caught.value, ValueError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("b", [(1,), (4, 5), (1, 5), ()])
def test_dense_refuses_a_bias_that_would_broadcast(b: tuple[int, ...]) -> None:
    """In the forward pass already: under no_grad nobody else would notice."""
    x, w, bias = leaf(4, 3), leaf(3, 5), leaf(*b)
    with pytest.raises(ShapeError, match="dense"):
        tg.dense(x, w, bias)


def test_an_index_out_of_range_is_an_index_error() -> None:
    for index in (3, -4, (0, 0), np.array([0, 3])):
        with pytest.raises(IndexError):
            _ = leaf(3)[index]


def test_a_message_names_the_layer() -> None:
    token = SCOPE.set("layers.2")
    try:
        with pytest.raises(ShapeError, match=r"^dense in layers\.2: "):
            tg.dense(leaf(32, 24), leaf(30, 24), leaf(24))
        with pytest.raises(LabelError, match=r"^softmax_cross_entropy in layers\.2: "):
            tg.softmax_cross_entropy(leaf(1, 2), np.array([5]))
        with pytest.raises(ShapeError, match=r"^add in layers\.2: "):
            leaf(2) + leaf(3)
    finally:
        SCOPE.reset(token)


def test_the_cause_of_a_shape_error_is_numpys() -> None:
    with pytest.raises(ShapeError) as caught:
        leaf(2) + leaf(3)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("dtype", [np.complex128, object, "U3", "datetime64[D]"])
def test_arrays_that_hold_no_real_numbers_are_named_by_dtype(dtype: Any) -> None:
    array = np.zeros(2, dtype)
    with pytest.raises(DtypeError, match=str(array.dtype).replace("[", r"\[").replace("<", "")):
        tg.multiply(leaf(2), array)


def test_concatenating_nothing_is_a_value_error_as_in_numpy() -> None:
    with pytest.raises(ValueError, match="concatenate"):
        tg.concatenate([])


def test_astype_to_complex_is_refused() -> None:
    with pytest.raises(DtypeError, match="complex"):
        leaf(2).astype(complex)


def test_clip_takes_numbers_only() -> None:
    with pytest.raises(OptionError, match="maximum"):
        tg.clip(leaf(2), np.zeros(2), 1.0)


def test_all_of_them_can_be_caught_together() -> None:
    for call in (
        lambda: leaf(2) + leaf(3),
        lambda: leaf(2).backward(),
        lambda: tg.Tensor(np.ones(2, int), requires_grad=True),
        lambda: np.interp(leaf(2), [0.0, 1.0], [0.0, 1.0]),
        lambda: tg.softmax_cross_entropy(leaf(1, 2), np.array([7])),
    ):
        with pytest.raises(TinygradMlpError):
            call()
