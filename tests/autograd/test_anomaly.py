"""`detect_anomaly()`: who made the first NaN, and who wrote into an array that the graph relies on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import observing
from tinygrad_mlp.errors import NonFiniteError, StaleError


def leaf(values: Any, name: str | None = None) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True, name=name)


def test_the_operation_that_makes_a_nan_is_named_with_the_place() -> None:
    x = leaf([[1.0, 2.0], [-1.0, 3.0]])
    with tg.detect_anomaly(), np.errstate(invalid="ignore"):
        h = x * 1
        with pytest.raises(NonFiniteError, match=r"sqrt made a NaN in the forward pass, at \(1, 0\)"):
            tg.sqrt(h) + 1


def test_a_nan_is_found_without_a_gradient_too() -> None:
    with tg.detect_anomaly(), np.errstate(invalid="ignore"), pytest.raises(NonFiniteError, match="log"):
        tg.log(tg.Tensor([-1.0]))


def test_an_infinity_is_not_a_nan() -> None:
    with tg.detect_anomaly(), np.errstate(divide="ignore"):
        assert tg.log(leaf([0.0])).data[0] == -np.inf


@tg.op
def broken(x: Any) -> Any:
    return x * 2, lambda g: g * np.nan


def test_the_operation_whose_closure_makes_a_nan_is_named() -> None:
    x = leaf([1.0, 2.0])
    with tg.detect_anomaly():
        y = (broken(x * 3) * 2).sum()
        with pytest.raises(NonFiniteError, match="broken made a NaN in the backward pass"):
            y.backward()
        with pytest.raises(NonFiniteError, match="broken"):
            tg.grad(y, x)
        with pytest.raises(NonFiniteError, match="broken"):
            tg.grad(y, x, create_graph=True)
    assert x.grad is None


def test_without_it_a_nan_goes_on() -> None:
    x = leaf([1.0])
    broken(x).sum().backward()
    assert np.isnan(x.grad).all()


def test_infinity_times_zero_in_the_backward_pass_is_found() -> None:
    """√ at 0 sends ∞, and the product with 0 before it makes a NaN of that."""
    x = leaf([1.0])
    with tg.detect_anomaly(), np.errstate(all="ignore"):
        y = tg.sqrt(x * 0.0).sum()
        with pytest.raises(NonFiniteError, match="multiply made a NaN in the backward pass"):
            y.backward()


def test_writing_into_an_input_array_is_found() -> None:
    x, array = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    with tg.detect_anomaly():
        y = (x * array).sum()
        array[0] = 9
        with pytest.raises(StaleError, match="input 2 of multiply was written to"):
            y.backward()
    assert x.grad is None


def test_writing_into_an_index_or_a_mask_is_found() -> None:
    x = leaf([1.0, 2.0, 3.0])
    index, mask = np.array([0, 2]), np.array([True, False, True])
    with tg.detect_anomaly():
        taken, chosen = x[index].sum(), tg.where(mask, x, 0.0).sum()
        index[0] = 1
        mask[0] = False
        for y in (taken, chosen):
            with pytest.raises(StaleError, match="was written to"):
                y.backward()


def test_writing_behind_the_back_of_a_leaf_is_found() -> None:
    x = leaf([1.0, 2.0])
    with tg.detect_anomaly():
        y = (x * x).sum()
        x.data[0] = 9
        with pytest.raises(StaleError, match="input 1 of multiply"):
            y.backward()


def test_a_clean_run_gives_the_same_gradients() -> None:
    x = leaf([0.5, 2.0])

    def loss() -> Any:
        return (tg.log(x) * tg.sigmoid(x) / x[::-1]).sum()

    expected = tg.grad(loss(), x)
    with tg.detect_anomaly():
        y = loss()
        np.testing.assert_array_equal(tg.grad(y, x), expected)
        np.testing.assert_allclose(tg.grad(y, x, create_graph=True).data, expected)
        y.backward()
    np.testing.assert_array_equal(x.grad, expected)


def test_a_graph_recorded_outside_is_not_checked_for_writes() -> None:
    x, array = leaf([1.0]), np.array([3.0])
    y = (x * array).sum()
    array[0] = 9
    with tg.detect_anomaly():
        y.backward()
    assert x.grad.tolist() == [9]


def test_it_ends_with_the_block_and_works_as_a_decorator() -> None:
    x = leaf([-1.0])
    with np.errstate(invalid="ignore"):
        with tg.detect_anomaly():
            pass
        assert np.isnan(tg.sqrt(x).data).all()

        @tg.detect_anomaly()
        def f() -> Any:
            return tg.sqrt(x)

        for _ in range(2):
            with pytest.raises(NonFiniteError):
                f()
        assert np.isnan(tg.sqrt(x).data).all()


def test_other_observers_go_on_observing() -> None:
    x = leaf([1.0])
    guard = tg.detect_anomaly()
    seen: list[str] = []
    with observing(lambda node, arrived, left: seen.append(node.operation.name)), guard:
        (x * 2).sum().backward()
    assert seen == ["sum", "multiply"]
