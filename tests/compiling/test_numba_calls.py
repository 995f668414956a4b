"""Labels, indices, tables and stacks in compiled steps and functions: both backends do what eager steps do."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.compiling import numba_parts
from tinygrad_mlp.errors import LabelError

BACKENDS = ["numpy", *["numba"] * (find_spec("numba") is not None)]


def on_both(names: Any, *compiled: str) -> Any:
    """Every name with NumPy, and some with Numba, which takes seconds for each program."""
    pairs = [(name, "numpy") for name in names] + [(name, "numba") for name in compiled if "numba" in BACKENDS]
    return pytest.mark.parametrize(("name", "backend"), pairs)


both_backends = pytest.mark.parametrize("backend", BACKENDS)
rng = np.random.default_rng(8)
X, LABELS = rng.normal(size=(40, 6)).astype(np.float32), rng.integers(0, 3, 40)
ROWS = np.eye(3, dtype=np.float32)[LABELS] * 0.7 + 0.1


def step_for(model: nn.Module, loss: Any, backend: Any, optimizer: Any = None) -> Any:
    return tg.compile_step(model, loss, optimizer or optim.Adam(model, 0.01), backend=backend, guard=True)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Dense(6, 8, rng=0), nn.BatchNorm(8), nn.GELU(), nn.Dense(8, 3, rng=1))


LOSSES: dict[str, tuple[Any, np.ndarray]] = {
    "rows of probabilities": (tg.softmax_cross_entropy, ROWS),
    "rows in float64": (tg.softmax_cross_entropy, ROWS.astype(np.float64)),
    "one-hot integers": (tg.softmax_cross_entropy, np.eye(3, dtype=int)[LABELS]),
    "binary, with logits": (tg.binary_cross_entropy_with_logits, ROWS),
    "binary, of probabilities": (lambda z, y: tg.binary_cross_entropy(tg.sigmoid(z), y), ROWS),
    "hinge": (tg.hinge, LABELS),
    "likelihood": (lambda z, y: tg.negative_log_likelihood(tg.log_softmax(z), y), LABELS),
    "divergence": (lambda z, y: tg.kl_divergence(tg.log_softmax(z), y), ROWS),
}


@on_both(LOSSES, "rows in float64", "binary, of probabilities")
def test_labels_of_every_kind_are_taken(name: str, backend: str) -> None:
    """(The guard compares each step with the eager one.)"""
    loss, y = LOSSES[name]
    model = network()
    step = step_for(model, loss, backend)
    losses = [step(X, y) for _ in range(30)]
    assert losses[-1] < losses[0]
    assert step.ready().backend == backend


WRONG: dict[str, tuple[Any, np.ndarray, np.ndarray, str]] = {
    "a label": (tg.softmax_cross_entropy, LABELS, LABELS + 1, "label 3 in row"),
    "a row": (tg.softmax_cross_entropy, ROWS, ROWS * 2, "must be probabilities that add up to 1"),
    "a negative row": (tg.softmax_cross_entropy, ROWS, ROWS - [[0.2, 0.0, -0.2]], "must be probabilities"),
    "nan": (tg.softmax_cross_entropy, ROWS, ROWS * np.nan, "must be probabilities"),
    "a fraction": (tg.binary_cross_entropy_with_logits, ROWS, ROWS * 2, r"label 1\.6\d* at \(\d+, \d\): 0, 1 or a "),
}


@on_both(WRONG, "a row", "a fraction")
def test_a_wrong_label_is_refused_and_nothing_is_changed(name: str, backend: Any) -> None:
    """Not even the running means, which the program computes before it comes to the labels."""
    loss, right, wrong, message = WRONG[name]
    model = network()
    optimizer = optim.Adam(model, 0.01)
    step = tg.compile_step(model, loss, optimizer, backend=backend)
    step(X, right)
    before, packs = model.state_dict(), copy.deepcopy(optimizer.state_dict()["packs"])
    with pytest.raises(LabelError, match=message):
        step(X, wrong.astype(right.dtype))
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)
    after = optimizer.state_dict()["packs"][0]
    assert after["steps"] == packs[0]["steps"]
    np.testing.assert_array_equal(after["state"]["m"], packs[0]["state"]["m"])
    step(X, right)  # and goes on


@both_backends
@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_an_embedding_learns_in_a_compiled_step(dtype: Any, backend: Any) -> None:
    """Characters as vectors; rows that are taken often get the sum of their gradients, in float64 beyond 128."""
    words = rng.integers(0, 5, (60, 4)).astype(dtype)
    sums = (words.sum(axis=1) > 8).astype(np.int64)
    model = nn.Embedding(5, 3, rng=0) >> nn.Flatten() >> nn.Dense(12, 2, rng=1)
    step = step_for(model, tg.softmax_cross_entropy, backend)
    losses = [step(words, sums) for _ in range(60)]
    assert losses[-1] < 0.7 * losses[0]
    assert step.ready().backend == backend
    before = model.state_dict()
    for wrong in [5, -1, *[0.5] * (dtype is np.float32)]:
        bad = words.copy()
        bad[3, 2] = wrong
        with pytest.raises(LabelError, match=rf"layers\.0.*: {wrong}.* at \(3, 2\); 0 to 4 is expected"):
            step(bad, sums)
    np.testing.assert_array_equal(model.state_dict()["layers.0.W"], before["layers.0.W"])


@both_backends
def test_indices_that_come_with_each_call_are_looked_at(backend: Any) -> None:
    """Negative ones count from the end; one that is not there is NumPy's error, not another memory's content."""

    def f(x: Any, i: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        y = (t[i, :2] * t[i, 1:]).sum()
        return y, tg.grad(y, t)

    x = rng.normal(size=(5, 3))
    compiled = tg.compile(f, backend=backend, guard=True)
    for i in ([0, 4, 4], [-1, 2, -5]):
        value, slope = compiled(x, np.array(i))
        assert value == pytest.approx(sum(x[k, 0] * x[k, 1] + x[k, 1] * x[k, 2] for k in i))
        assert np.count_nonzero(slope.any(axis=1)) == len({k % 5 for k in i})
    for wrong in (5, -6):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 5"):
            compiled(x, np.array([0, wrong, 1]))


@both_backends
def test_stacks_joins_scans_and_extremes_are_compiled(backend: Any) -> None:
    """An attention head, and a mask made of the places of the largest numbers."""

    def f(q: Any, k: Any, v: Any) -> Any:
        leaves = [tg.Tensor(x, requires_grad=True) for x in (q, k, v)]
        a, b, c = leaves
        mixed = tg.softmax(a @ b.mT / 2.0) @ c
        both = tg.concatenate([mixed, tg.cumsum(c, axis=1)], axis=-1)
        largest = np.argmax(q, axis=-1)[..., None] == np.arange(q.shape[-1])
        y = (both * both).sum() + tg.einsum("bij,bkj->", a, b) + tg.where(largest, a, 0.0).sum()
        return mixed, np.argmin(k, axis=1), tg.grad(y, leaves)

    q, k, v = (rng.normal(size=(2, 4, 3)) for _ in range(3))
    q[1, 2, 1] = q[1, 2].max()  # a tie: the first one counts
    compiled = tg.compile(f, backend=backend, guard=True)
    for scale in (1.0, -0.5):
        mixed, places, _ = compiled(scale * q, scale * k, scale * v)
        weights = np.exp(scale * scale * q @ k.transpose(0, 2, 1) / 2)
        expected = weights / weights.sum(axis=-1, keepdims=True) @ (scale * v)
        np.testing.assert_allclose(mixed, expected, rtol=1e-12)
        np.testing.assert_array_equal(places, (scale * k).argmin(axis=1))
    assert compiled.latest is not None
    assert compiled.latest.backend == backend


@both_backends
def test_outputs_that_are_views_are_those_of_this_call(backend: Any) -> None:
    """Reshapes of transposes, the same array joined to itself, inputs given back, numbers spread out."""

    def f(x: Any, n: Any) -> Any:
        y = np.exp(x)
        return y.T.reshape(-1), np.concatenate((y[0], y[0])), x, n, np.broadcast_to(np.sum(y), (2, 2)), y.T

    compiled = tg.compile(f, backend=backend, guard=True)
    for shift in (0.0, 1.0):
        x = np.arange(6.0).reshape(2, 3) + shift
        flat, twice, same, n, spread, turned = compiled(x, np.float64(shift))
        np.testing.assert_allclose(flat, np.exp(x).T.ravel(), rtol=1e-14)
        np.testing.assert_allclose(twice, np.tile(np.exp(x[0]), 2), rtol=1e-14)
        np.testing.assert_array_equal(same, x)
        assert n == shift
        np.testing.assert_allclose(spread, np.exp(x).sum(), rtol=1e-14)
        np.testing.assert_allclose(turned, np.exp(x).T, rtol=1e-14)


@pytest.mark.skipif(len(BACKENDS) < 2, reason="needs Numba, which `make check` installs")
def test_a_step_in_parts_is_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a network of many layers is: in one function, compiling would take the square of their number."""
    monkeypatch.setattr(numba_parts, "LONG", 0)
    monkeypatch.setattr(numba_parts, "PART", 12)
    model = network()
    step = step_for(model, tg.softmax_cross_entropy, "numba")
    losses = [step(X, LABELS) for _ in range(10)]
    assert losses[-1] < losses[0]
    text = step.ready().runner.source.text
    assert text.count("def part") > 5
    before = model.state_dict()
    with pytest.raises(LabelError, match="label 3 in row"):
        step(X, LABELS + 1)
    np.testing.assert_array_equal(model.state_dict()["layers.1.running_mean"], before["layers.1.running_mean"])
