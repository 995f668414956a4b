"""The same seed gives the same numbers and the same bytes, in this process and in new ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

PROGRAM = """
import hashlib
import numpy as np
import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

tg.seed({seed})
model = nn.Dense(4, 8) >> nn.BatchNorm(8) >> nn.ReLU() >> nn.Dropout(0.3) >> nn.Dense(8, 2)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(70, 4)), rng.integers(0, 2, 70)
history = tg.fit(
    model, tg.softmax_cross_entropy, optim.Adam(model, 0.01), (X[:50], y[:50]), (X[50:], y[50:]), epochs=4, batch_size=8
)
weights = hashlib.sha256(b"".join(value.tobytes() for value in model.state_dict().values())).hexdigest()
result = {{name: history[name] for name in history.names}}, weights
"""


def here(seed: int) -> str:
    names: dict[str, object] = {}
    exec(PROGRAM.format(seed=seed), names)
    return repr(names["result"])


def in_a_new_process(seed: int, hash_seed: str) -> str:
    program = PROGRAM.format(seed=seed) + "print(repr(result))"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return ran.stdout.strip()


def test_twice_in_one_process() -> None:
    assert here(3) == here(3)


def test_in_two_new_processes_and_in_this_one() -> None:
    """Also with other hashes of strings, on which the order of a set depends."""
    assert in_a_new_process(3, "1") == in_a_new_process(3, "2") == here(3)


def test_another_seed_gives_another_run() -> None:
    assert here(3) != here(4)


def test_a_seed_given_to_fit_shuffles_apart_from_the_packages_generator() -> None:
    def run(seed: int, rng: int) -> list[float]:
        tg.seed(seed)
        model = nn.Dense(2, 2, rng=0)
        data = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1]
        return tg.fit(model, tg.softmax_cross_entropy, optim.SGD(model, 1.0), data, epochs=5, batch_size=1, rng=rng)[
            "loss"
        ]

    assert run(1, rng=5) == run(2, rng=5)
    assert run(1, rng=5) != run(1, rng=6)


@pytest.mark.parametrize("rng", [None, 5])
def test_a_longer_run_begins_as_a_shorter_one_does(rng: int | None) -> None:
    def run(epochs: int) -> list[float]:
        tg.seed(1)
        model = nn.Dense(2, 2)
        data = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1]
        sgd = optim.SGD(model, 1.0)
        return tg.fit(model, tg.softmax_cross_entropy, sgd, data, epochs=epochs, batch_size=1, rng=rng)["loss"]

    assert run(5)[:2] == run(2)
