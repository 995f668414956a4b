"""Eight threads that train eight networks, with `no_grad` mixed in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from training.test_threads import THREADS, trained

from stress.figures import Figure


def figures(short: bool, seed: int) -> Iterator[Figure]:
    rounds, differing, before = 1 if short else 20, 0, sys.getswitchinterval()
    serial = [trained(s) for s in range(THREADS)]
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(rounds):
            with ThreadPoolExecutor(THREADS) as pool:
                differing += sum(a != b for a, b in zip(pool.map(trained, range(THREADS)), serial, strict=True))
    finally:
        sys.setswitchinterval(before)
    yield Figure(f"8 threads × 200 steps, {rounds} times: networks that differ from serial ones", differing, 0)
