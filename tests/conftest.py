"""What all tests share: the same random examples on every run, and a generator that each test gets afresh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("same_every_time", derandomize=True, database=None, deadline=None, max_examples=25)
settings.load_profile("same_every_time")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
