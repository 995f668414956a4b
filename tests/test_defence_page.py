"""docs/defence.md is true: the command that it names writes it, from the demo's model."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from printed import assert_same

PAGE = (Path(__file__).parent.parent / "docs" / "defence.md").read_text("utf-8")


def test_the_command_that_it_names_writes_it(tmp_path: Path) -> None:
    (command,) = re.findall(r"`(tinygrad-mlp defend demo/[^`]*)`", PAGE)
    for words in (["demo"], shlex.split(command)[1:]):
        run = [sys.executable, "-m", "tinygrad_mlp", *words]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert_same((tmp_path / "defence.md").read_text("utf-8"), PAGE)
    assert "✗" not in PAGE
