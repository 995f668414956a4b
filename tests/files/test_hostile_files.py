"""Files made to do harm, in a process that may neither run code nor write; and files of every version there was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files.test_checkpoints import Everything
from model_files import sealed, with_header
from stress import models, tables

import tinygrad_mlp as tg
from tinygrad_mlp.errors import CheckpointError, ModelFileError
from tinygrad_mlp.files import TrainedModel, read_checkpoint

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize("part", [models, tables])
def test_hostile_files_of_both_kinds_in_the_short_form(part: Any) -> None:
    figures = list(part.figures(short=True, seed=1))
    assert len(figures) > 5
    assert [str(figure) for figure in figures if not figure.good] == []


@pytest.mark.parametrize("version", [1, 2])
def test_models_of_every_version_are_read(version: int) -> None:
    trained = TrainedModel.load(GOLDEN / f"model-{version}.safetensors")
    assert (trained.classes, trained.feature_names, trained.label_name) == (("B", "M"), ("radius", "area"), "diagnosis")
    assert trained.facts == {"epochs": 70, "note": "x"}
    assert [n for n, p in trained.model.named_parameters().items() if p.requires_grad] == [
        *("layers.0.W", "layers.0.b", "layers.1.gamma", "layers.1.beta")
    ]
    x = (np.array([[3.0, 10.0]]) - [1, 20]) / [1, 10]  # the columns had 0, 2 and 10, 30
    h = x @ [[-0.5, -0.25, 0], [0.25, 0.5, 0.75]] + [-0.25, 0, 0.25]
    h = (h - [0.5, 0.75, 1]) / np.sqrt(np.array([1, 4, 0.25]) + 1e-5) * [0, 0.25, 0.5] + [0.25, 0.5, 0.75]
    h = np.where(h > 0, h, h / 4) @ [[1, 1.25], [1.5, 1.75], [2, 2.25]] + [1.25, 1.5]
    np.testing.assert_allclose(trained.logits([[3.0, 10.0]]), h, rtol=1e-6)


def test_a_checkpoint_of_the_first_version_is_gone_on_from(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes((GOLDEN / "checkpoint-1.safetensors").read_bytes())
    run = read_checkpoint(tmp_path / "run")["run"]
    assert (run["epoch"], run["batch"], len(run["history"]["loss"])) == (4, 2, 3)
    assert len(Everything(tmp_path / "run").train().history or ()) == 10


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ModelFileError, match="not a regular file"):
            tg.load(path)
        with pytest.raises(CheckpointError, match="not a regular file"):
            read_checkpoint(path)


def test_a_file_with_holes_that_says_it_is_large_is_not_read_into_memory(tmp_path: Path) -> None:
    """A terabyte that takes no room on the disk; its header is of a small model."""
    content = (GOLDEN / "model-2.safetensors").read_bytes()
    with (tmp_path / "m").open("wb") as file:
        file.write(content)
        file.truncate(1 << 40)
    with pytest.raises(ModelFileError, match="its arrays do not fill its 1,099,511,627,776 bytes"):
        tg.load(tmp_path / "m")


def test_only_a_model_of_the_first_version_may_be_without_a_checksum(tmp_path: Path) -> None:
    content = (GOLDEN / "model-2.safetensors").read_bytes()
    without = with_header(content, lambda h: h["__metadata__"].pop("checksum"))
    (tmp_path / "m").write_bytes(without)
    with pytest.raises(ModelFileError, match="it has no checksum"):
        tg.load(tmp_path / "m")
    old = (GOLDEN / "model-1.safetensors").read_bytes()
    (tmp_path / "m").write_bytes(with_header(old, lambda h: h["__metadata__"].update(checksum="0" * 64)))
    assert tg.load(tmp_path / "m")
    (tmp_path / "m").write_bytes(sealed(old[:-1] + b"\x01"))  # it has none that could be wrong
    assert tg.load(tmp_path / "m")
