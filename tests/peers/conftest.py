"""Comparisons with other libraries: collected where those are installed, and run in float64."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest

import tinygrad_mlp as tg

# Without the [bench] extra there is nothing to import; `make check` installs it and runs them all. The second pattern
# keeps --doctest-modules away from the helper.
collect_ignore_glob = [] if find_spec("torch") and find_spec("sklearn") else ["test_*.py", "side_by_side.py"]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """Both make float64 parameters, so that what differs is a formula and not the rounding; PyTorch has one thread."""
    import torch  # optional: where it is missing, no test here is collected, and this is never called

    before = tg.default_dtype(), torch.get_default_dtype(), torch.get_num_threads()
    tg.set_default_dtype(np.float64)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)  # on a busy machine its threads wait for each other several times as long as they work
    yield
    tg.set_default_dtype(before[0])
    torch.set_default_dtype(before[1])
    torch.set_num_threads(before[2])
