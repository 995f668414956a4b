"""Compiled programs of these tests are kept apart from the user's, and are compiled once for all of them."""

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_MLP_CACHE", str(tmp_path_factory.getbasetemp() / "programs"))
