"""docs/measured/benchmarks.md says what was measured."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "measured" / "benchmarks.md"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_tables", ROOT / "benchmarks" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measured(tables: ModuleType) -> dict[str, Any]:
    return json.loads(tables.MEASURED.read_text("utf-8"))


def test_the_page_is_what_was_measured(tables: ModuleType, measured: dict[str, Any]) -> None:
    assert PAGE.read_text("utf-8") == tables.page(measured)


def test_a_time_and_its_ratios_stand_in_the_row_of_their_contender(
    tables: ModuleType, measured: dict[str, Any]
) -> None:
    measured["training_step"] = {"1-2": {"other": {"microseconds": 1234.4, "ratios": {"us": 0.5, "we": 0.0123}}}}
    assert "### 1-2\n\n" in tables.page(measured)
    assert "| other | 1,234.4 | 0.50 × | 0.012 × |\n" in tables.page(measured)


def test_means_and_deviations_are_those_of_the_folds(tables: ModuleType, measured: dict[str, Any]) -> None:
    measured["cross_validation"] = {
        name: {"accuracy": [0.9, 1.0], "log loss": [0.1, 0.1], "seconds": [1.0, 2.0]}
        for name in ("tinygrad_mlp", "peer")
    }
    assert "| peer | 0.9500 ± 0.0707 | 0.1000 ± 0.0000 | 1.500 |\n" in tables.page(measured)
    assert "2 networks each" in tables.page(measured)


def test_the_page_says_whether_the_run_was_a_short_one(tables: ModuleType, measured: dict[str, Any]) -> None:
    assert "short run" in tables.page({**measured, "short": True})
    assert "short run" not in tables.page({**measured, "short": False})


def test_short_without_measuring_is_refused(
    tables: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tables.py", "--short"])
    with pytest.raises(SystemExit) as stopped:
        tables.main()
    assert stopped.value.code == 2
    assert "--short is how to --measure" in capsys.readouterr().err
