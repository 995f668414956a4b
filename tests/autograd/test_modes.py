"""`no_grad` and `enable_grad`: nested, as decorators, and each thread and task for itself."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg

X = tg.Tensor(np.array([1.0, 2.0]), requires_grad=True)


def recorded() -> bool:
    return (X * 2).requires_grad


def test_nothing_is_recorded_under_no_grad() -> None:
    with tg.no_grad():
        y = X * 2
        assert not y.requires_grad
        assert y.data.tolist() == [2, 4]
        assert type(y) is tg.Tensor
    assert recorded()


def test_a_result_made_under_no_grad_is_a_leaf() -> None:
    with tg.no_grad():
        y = X * 2
    assert y.grad is None
    y.requires_grad = True
    (y * y).sum().backward()
    assert y.grad.tolist() == [4, 8]


def test_modes_nest() -> None:
    with tg.no_grad():
        with tg.enable_grad():
            assert recorded()
            with tg.no_grad():
                assert not recorded()
            assert recorded()
        assert not recorded()
    assert recorded()


def test_a_mode_ends_with_an_exception() -> None:
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert recorded()


def test_one_switch_can_be_entered_again_and_again() -> None:
    switch = tg.no_grad()
    with switch, switch:
        assert not recorded()
    assert recorded()
    with switch:
        assert not recorded()
    assert recorded()


def test_modes_are_decorators() -> None:
    @tg.no_grad()
    def off() -> bool:
        return recorded()

    @tg.enable_grad()
    def on() -> bool:
        return recorded()

    assert not off()
    with tg.no_grad():
        assert on()
        assert not off()
    assert recorded()


def test_a_decorated_function_may_call_itself() -> None:
    @tg.no_grad()
    def down(n: int) -> bool:
        return recorded() or (n > 0 and down(n - 1))

    assert not down(5)
    assert recorded()


def test_backward_works_under_no_grad() -> None:
    x = tg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = (x * x).sum()
    with tg.no_grad():
        y.backward()
    assert x.grad.tolist() == [2, 4]


def test_create_graph_works_under_no_grad() -> None:
    x = tg.Tensor(np.array(2.0), requires_grad=True)
    y = x**3
    with tg.no_grad():
        first = tg.grad(y, x, create_graph=True)
    assert tg.grad(first, x) == 12


def test_backward_never_builds_a_graph() -> None:
    x = tg.Tensor(np.array(2.0), requires_grad=True)
    (x**3).backward()
    assert isinstance(x.grad, np.ndarray)


def test_a_thread_starts_recording_and_does_not_disturb_its_neighbours() -> None:
    entered, checked = threading.Event(), threading.Event()
    seen: dict[str, bool] = {}

    def off() -> None:
        seen["fresh thread"] = recorded()
        with tg.no_grad():
            entered.set()
            checked.wait(10)
            seen["inside no_grad"] = recorded()

    with tg.no_grad():
        thread = threading.Thread(target=off)
        thread.start()
        assert entered.wait(10)
        with tg.enable_grad():
            seen["neighbour"] = recorded()
        checked.set()
        thread.join(10)
        seen["after"] = recorded()
    assert seen == {"fresh thread": True, "inside no_grad": False, "neighbour": True, "after": False}


def test_a_decorated_function_runs_in_several_threads_at_once() -> None:
    barrier = threading.Barrier(4)
    results: list[Any] = []

    @tg.no_grad()
    def off() -> bool:
        barrier.wait(10)
        found = recorded()
        barrier.wait(10)
        return found

    def run() -> None:
        results.append((off(), recorded()))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [(False, True)] * 4


def test_an_asyncio_task_keeps_its_mode_while_another_runs() -> None:
    async def off() -> list[bool]:
        found = []
        with tg.no_grad():
            for _ in range(3):
                found.append(recorded())
                await asyncio.sleep(0)
        return found

    async def on() -> list[bool]:
        found = []
        for _ in range(3):
            found.append(recorded())
            await asyncio.sleep(0)
        return found

    async def both() -> list[list[bool]]:
        return await asyncio.gather(off(), on())

    assert asyncio.run(both()) == [[False] * 3, [True] * 3]


def test_threads_that_train_at_the_same_time_get_their_own_gradients() -> None:
    results: dict[int, Any] = {}

    def train(k: int) -> None:
        w = tg.Tensor(np.full(50, float(k)), requires_grad=True)
        for _ in range(50):
            w.grad = None
            (w * w).sum().backward()
        results[k] = w.grad

    threads = [threading.Thread(target=train, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for k in range(1, 5):
        assert results[k].tolist() == [2.0 * k] * 50


def test_threads_may_share_one_switch() -> None:
    switch, inside, meanwhile = tg.no_grad(), threading.Barrier(2), threading.Barrier(2)
    seen: list[tuple[bool, bool]] = []

    def use() -> None:
        with switch:
            inside.wait()
            off = recorded()
            meanwhile.wait()
        seen.append((off, recorded()))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(False, True)] * 2


def test_a_switch_that_is_left_takes_back_itself_whatever_was_entered_meanwhile() -> None:
    """A generator enters one and is not at its end yet."""

    def numbers() -> Any:
        with tg.enable_grad():
            yield 1
            yield 2

    def use() -> tuple[bool, bool]:
        with tg.no_grad():
            given = numbers()
            next(given)
            inside = recorded()
        after = recorded()
        given.close()
        return inside, after

    assert contextvars.copy_context().run(use) == (True, True)
    assert recorded()
