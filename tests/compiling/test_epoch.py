"""Steps of a whole epoch in one call: what the calls one by one do, bit for bit."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.compiling import many_steps
from tinygrad_mlp.errors import DtypeError, LabelError, NonFiniteError, OptionError, ShapeError
from tinygrad_mlp.training import Callback

BACKENDS = ["numpy", *["numba"] * (find_spec("numba") is not None)]
rng = np.random.default_rng(5)
X, LABELS = rng.normal(size=(61, 6)).astype(np.float32), rng.integers(0, 3, 61)


def made(backend: str = "numba", **options: Any) -> tuple[nn.Module, optim.Optimizer, Any]:
    """A network with all that changes beside its weights: drawn masks, running means, the count of steps."""
    model = nn.Sequential(
        nn.Dense(6, 8, rng=0), nn.BatchNorm(8), nn.ReLU(), nn.Dropout(0.3, rng=4), nn.Dense(8, 3, rng=1)
    )
    optimizer = optim.Adam(model, 0.05)
    return model, optimizer, tg.compile_step(model, tg.softmax_cross_entropy, optimizer, backend=backend, **options)


def one_by_one(step: Any, order: np.ndarray, size: int) -> tuple[list[float], list[np.ndarray]]:
    losses, outputs = [], []
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        losses.append(step(X[rows], LABELS[rows]))
        outputs.append(step.outputs.copy())
    return losses, outputs


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("steps_a_call", [256, 2])
def test_an_epoch_is_the_calls_one_by_one(backend: str, steps_a_call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_steps, "STEPS_A_CALL", steps_a_call)
    model, optimizer, step = made(backend)
    twin, other, whole = made(backend)
    for epoch in range(3):
        order = np.random.default_rng(epoch).permutation(61)
        optimizer.learning_rate = other.learning_rate = 0.05 / (1 + epoch)
        losses, outputs = one_by_one(step, order, 8)
        all_losses, all_outputs = whole.epoch(X, LABELS, 8, order=order)
        assert all_losses.tolist() == losses
        np.testing.assert_array_equal(all_outputs, np.concatenate(outputs))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], value)
    assert optimizer.updates[0].pack.steps == other.updates[0].pack.steps
    assert other.updates[0].pack.steps[0] == 24


def test_rows_are_taken_as_they_are_without_an_order() -> None:
    _, _, step = made()
    _, _, whole = made()
    losses, _ = one_by_one(step, np.arange(61), 8)
    assert whole.epoch(X, LABELS, 8)[0].tolist() == losses


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_ends_with_the_first_loss_that_is_not_finite(backend: str) -> None:
    _, optimizer, step = made(backend)
    bad = X.copy()
    bad[35] = np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        losses, outputs = step.epoch(bad, LABELS, 8)
    assert np.isfinite(losses).tolist() == [True] * 4 + [False]
    assert len(outputs) == 40
    assert optimizer.updates[0].pack.steps[0] == 5


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_label_out_of_range_ends_it_before_its_step(backend: str) -> None:
    model, optimizer, step = made(backend)
    twin, _, other = made(backend)
    wrong = LABELS.copy()
    wrong[25] = 3
    with pytest.raises(LabelError, match="3"):
        step.epoch(X, wrong, 8)
    assert optimizer.updates[0].pack.steps[0] == 3
    other.epoch(X[:24], LABELS[:24], 8)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], value)


@pytest.mark.parametrize(
    ("arguments", "order", "error", "text"),
    [
        ((X, LABELS[:5], 8), None, ShapeError, r"X \(61, 6\) and y \(5,\)"),
        ((X[:0], LABELS[:0], 8), None, ShapeError, "at least 1"),
        ((X, LABELS, 0), None, OptionError, "batch_size"),
        ((X, LABELS, 8), np.arange(62), IndexError, "0 to 61; rows 0 to 60"),
        ((X, LABELS, 8), np.array([-1]), IndexError, "-1"),
        ((X, LABELS, 8), np.array([0.5]), DtypeError, "float64"),
        ((X, LABELS, 8), np.array([[1]]), ShapeError, r"\(1, 1\)"),
    ],
)
def test_bad_arguments_are_refused_before_any_step(arguments: Any, order: Any, error: Any, text: str) -> None:
    model, _, step = made()
    before = model.state_dict()
    with pytest.raises(error, match=text):
        step.epoch(*arguments, order=order)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# In `fit`.


class Counting(Callback):
    def __init__(self) -> None:
        self.steps = 0

    def step(self, run: Any) -> None:
        self.steps += 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_is_the_same_with_a_callback_that_is_called_in_each_step(backend: Any) -> None:
    def history(*callbacks: Callback) -> Any:
        model, optimizer, _ = made()
        data = (X, LABELS)
        return tg.fit(
            model, tg.softmax_cross_entropy, optimizer, data, epochs=3, batch_size=8, rng=1, compiled=backend,
            callbacks=callbacks,
        )  # fmt: skip

    counting = Counting()
    assert history(counting)["loss"] == history()["loss"]
    assert counting.steps == 24


@pytest.mark.parametrize("callbacks", [[], [Counting()]])
def test_fit_names_the_batch_of_a_loss_that_is_not_finite(callbacks: list[Callback]) -> None:
    model = nn.Dense(6, 3, rng=0)
    before = model.state_dict()
    order = np.random.default_rng(3).permutation(61)
    batch = int(np.argmax(order == 20)) // 8 + 1
    rows = X.copy()
    rows[20] = 3e38
    with pytest.raises(NonFiniteError, match=f"^epoch 1, batch {batch}: the loss is (inf|nan); without compiled=True"):
        tg.fit(
            model, tg.softmax_cross_entropy, optim.SGD(model, 0.1), (rows, LABELS), epochs=2, batch_size=8, rng=3,
            compiled=True, callbacks=callbacks,
        )  # fmt: skip
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
