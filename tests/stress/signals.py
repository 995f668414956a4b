"""SIGINT and SIGTERM at random times in the command: the right exit code, and a checkpoint that can be loaded."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stress.figures import Figure
from tinygrad_mlp.data import breast_cancer_path
from tinygrad_mlp.errors import CheckpointError
from tinygrad_mlp.files import read_checkpoint


def figures(short: bool, seed: int) -> Iterator[Figure]:
    times, rng = 6 if short else 100, random.Random(seed)
    codes = loadable = lines = 0
    with tempfile.TemporaryDirectory() as folder, breast_cancer_path() as table:
        path = Path(folder) / "run"
        words = f"train --dataset {table} --epochs 100000 --no-curves --model {folder}/m --checkpoint {path} --seed 1"
        for i in range(times):
            number = (signal.SIGINT, signal.SIGTERM)[i % 2]
            path.unlink(missing_ok=True)
            command = [sys.executable, "-m", "tinygrad_mlp", *words.split()]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
                while not path.exists() and process.poll() is None:
                    time.sleep(0.001)
                time.sleep(rng.uniform(0, 0.5))
                process.send_signal(number)
                if rng.random() < 0.5:  # and once more, while it saves or ends
                    time.sleep(rng.uniform(0, 0.05))
                    process.send_signal(number)
                assert process.stderr is not None
                said = process.stderr.read()
            codes += process.returncode == 128 + number
            lines += said.count(b"\n") == 1 and b"to go on: " in said
            with suppress(CheckpointError):
                loadable += not read_checkpoint(path)["finished"]
    yield Figure(
        f"SIGINT and SIGTERM at {times} random times, half of them twice: exit codes 130, 143", codes, times, True
    )
    yield Figure("    checkpoints that can be loaded", loadable, times, True)
    yield Figure("    one line that says how to go on", lines, times, True)
