"""Threads: networks that are trained side by side are, bit for bit, those that are trained one after the other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from training.setting import rows

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

THREADS, STEPS = 8, 200


@pytest.fixture(autouse=True)
def often() -> Iterator[None]:
    """Let threads take turns as often as they can: every few operations instead of every 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def trained(seed: int) -> list[bytes]:
    """The bits that 200 steps by hand end with; in between, predictions and a second derivative."""
    X, y = rows(seed, 64)
    model = (nn.Dense(3, 8, rng=seed) >> nn.BatchNorm(8) >> nn.Tanh() >> nn.Dropout(0.2, rng=seed)) >> nn.Dense(
        8, 2, rng=9
    )
    optimizer = optim.Adam(model, 0.01)
    rng = np.random.default_rng(seed)
    seen: list[bytes] = []
    for step in range(STEPS):
        batch = rng.choice(64, 16, replace=False)
        optimizer.zero_grad()
        with tg.no_grad():
            hidden = model[0](X[batch])  # type: ignore[operator]  # it is a Dense
            assert not hidden.requires_grad
            with tg.enable_grad():
                assert model[0](X[batch]).requires_grad  # type: ignore[operator]
        loss = tg.softmax_cross_entropy(model(X[batch]), y[batch])
        assert loss.requires_grad
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            w = tg.Tensor(np.array([float(seed), 2.0]), requires_grad=True)
            first = tg.grad((w**3).sum(), w, create_graph=True)
            seen += [tg.predict(model, X).tobytes(), tg.grad(first.sum(), w).tobytes()]
    return [*seen, *(a.tobytes() for a in model.state_dict().values())]


def fitted(seed: int) -> list[bytes]:
    """The bits that `fit` ends with, and its history."""
    X, y = rows(seed, 64)
    model = nn.Dense(3, 8, rng=seed) >> nn.ReLU() >> nn.Dropout(0.2, rng=seed) >> nn.Dense(8, 2, rng=9)
    how: dict[str, Any] = {"epochs": 50, "batch_size": 16, "rng": seed, "callbacks": [tg.EarlyStopping(30)]}
    history = tg.fit(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1, 0.9), (X, y), rows(seed + 99, 20), **how)
    return [*(a.tobytes() for a in model.state_dict().values()), repr([history[n] for n in history.names]).encode()]


@pytest.mark.parametrize("train", [trained, fitted])
def test_8_threads_train_8_networks_as_one_does(train: Callable[[int], list[bytes]]) -> None:
    one_by_one = [train(seed) for seed in range(THREADS)]
    together = threading.Barrier(THREADS)

    def at_once(seed: int) -> list[bytes]:
        together.wait()
        return train(seed)

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(at_once, range(THREADS))) == one_by_one


def test_errors_name_the_layer_whatever_other_threads_call() -> None:
    """Each thread's network has its bad layer in another place."""

    def message(place: int) -> set[str]:
        layers = [nn.Dense(3, 3, rng=0) for _ in range(9)]
        layers[place] = nn.Dense(4, 3, rng=0)
        found = set()
        for _ in range(300):
            model = nn.Sequential(*layers)
            with pytest.raises(tg.errors.ShapeError) as caught:
                model(np.ones((2, 3)))
            found.add(str(caught.value).split(":")[0])
        return found

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(message, range(1, 9))) == [{f"dense in layers.{i}"} for i in range(1, 9)]


def test_one_network_answers_many_threads() -> None:
    """Nothing that a prediction needs is kept in the network: `training` is off, so nobody switches it."""
    model = nn.Dense(3, 8, rng=1) >> nn.BatchNorm(8) >> nn.Dropout(0.5, rng=2) >> nn.Dense(8, 2, rng=3)
    model.eval()
    X = rows(1, 200)[0]
    expected = tg.predict(model, X).tobytes()

    def ask(_: int) -> set[bytes]:
        return {tg.predict(model, X, batch_size=16).tobytes() for _ in range(50)}

    with ThreadPoolExecutor(THREADS) as pool:
        assert set().union(*pool.map(ask, range(THREADS))) == {expected}
