"""`step.explain()` tells what a step costs, for both backends, and why it is not machine code."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="needs Numba, which `make check` installs")
rng = np.random.default_rng(3)
X, LABELS = rng.normal(size=(32, 6)).astype(np.float32), rng.integers(0, 3, 32)


def step_of(backend: Any, loss: Any = tg.softmax_cross_entropy) -> Any:
    model = nn.Dense(6, 8, rng=0) >> nn.ReLU() >> nn.Dense(8, 3, rng=1)
    step = tg.compile_step(model, loss, optim.Adam(model, 0.01), backend=backend)
    step(X, LABELS)
    return step


def row(text: str, name: str) -> list[float]:
    """The numbers of the first row with a name."""
    line = next(line for line in text.splitlines() if line.startswith(name))
    return [float(x.replace(",", "")) for x in re.findall(r"(?<= )[\d,]+(?:\.\d+)?(?= |$)", line.removeprefix(name))]


def test_numpy_calls_have_operations_bytes_and_times() -> None:
    text = step_of("numpy").explain()
    calls, operations, size, time = row(text, "forward layers.0")
    assert (calls, operations, size) == (2, 2 * 32 * 8 * 6 + 32 * 8, 2 * 32 * 8 * 4)
    assert time > 0
    assert re.match(r"\d+ calls of NumPy's, \d+ views; numpy: \d+ calls that write in place", text)


@needs_numba
def test_groups_of_machine_code_have_operations_bytes_and_times() -> None:
    step = step_of("numba")
    before, state = step.model.state_dict(), step.optimizer.state_dict()["packs"][0]["state"]
    text = step.explain()
    assert re.search(r"numba: one function of \d+ loops, \d+ of them for several calls, and 5 matrix products", text)
    operations, size, time = row(text, "forward layers.0: matmul")
    assert operations == 2 * 32 * 8 * 6
    assert size == 4 * (32 * 6 + 6 * 8 + 32 * 8)
    assert 0 < time < 1000
    operations, size, time = row(text, "forward layers.0 …: 2 calls: add, maximum")
    assert operations == 2 * 32 * 8
    assert size == 4 * (32 * 8 + 8 + 32 * 8)  # the sum stays within the loop
    total = float(text.splitlines()[-1].split()[-1])
    assert 0 < total < 1000
    for name, value in step.model.state_dict().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    for name, value in step.optimizer.state_dict()["packs"][0]["state"].items():
        np.testing.assert_array_equal(value, state[name], err_msg=name)


@needs_numba
def test_it_says_why_auto_has_not_taken_numba() -> None:
    def of_the_median(z: Any, y: Any) -> Any:
        return tg.softmax_cross_entropy(z, y) + 0.01 * tg.median(z)

    text = step_of("auto", of_the_median).explain()
    assert "not as machine code: the Numba backend has no code for argsort" in text
    assert "not as machine code" not in step_of("numpy", of_the_median).explain()


def test_it_says_that_numba_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_mlp.compiling.native.find_spec", lambda _: None)
    assert "not as machine code: Numba is not installed" in step_of("auto").explain()
