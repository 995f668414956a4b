"""Hostile model files and checkpoints: each is refused with the one error, and nothing is run."""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from model_files import sealed

from stress import guarded
from stress.figures import Figure
from stress.hostile_models import CASES, SEEDS, library_takes, mutants
from tinygrad_mlp.errors import CheckpointError, ModelFileError
from tinygrad_mlp.files import TrainedModel, read_checkpoint, read_weights

READERS = {TrainedModel.load: ModelFileError, read_weights: ModelFileError, read_checkpoint: CheckpointError}


def read(path: Path, content: bytes, count: Counter[str]) -> None:
    """Let all readers have a file, and count what they make of it."""
    path.write_bytes(content)
    for reader, error in READERS.items():
        try:
            guarded.watched(lambda reader=reader: reader(path))
            count["accepted"] += 1
            count[reader.__qualname__] += 1
            count["unsealed"] += b'"checksum":"' in content and sealed(content) != content
            count["laxer"] += not library_takes(content)
        except error as refused:
            count["refused"] += 1
            count["nameless"] += not str(refused).startswith(f"{path}: ")
        except Exception as other:  # what may not be
            count["others"] += 1
            print(type(other), other, content[:2000], file=sys.stderr)


def main(seed: int, many: int) -> None:
    """Read all cases by hand and so many mutants, and print the counts."""
    guarded.guard()
    by_hand: Counter[str] = Counter()
    by_chance: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for content in SEEDS:  # what is imported late is imported here
            read(path, content, Counter())
        guarded.seen.clear()
        taken = []
        for name, make in CASES.items():
            before = by_hand.copy()
            read(path, make(), by_hand)
            # Weights alone may be read where the rest is of no use.
            taken += [(name, who) for who in (by_hand - before) if who in ("TrainedModel.load", "read_checkpoint")]
        given = mutants(random.Random(seed))
        for _ in range(many):
            read(path, next(given), by_chance)
    print(json.dumps({"hand": by_hand, "chance": by_chance, "run": guarded.seen, "taken": taken, "cases": len(CASES)}))


def figures(short: bool, seed: int) -> Iterator[Figure]:
    many = 1_500 if short else 100_000
    counts = guarded.in_process("models", str(seed), str(many))
    yield Figure("hostile model files under 1 GiB and an audit hook: crashes", counts["crashes"], 0)
    if counts["crashes"]:
        return
    for title, count in ((f"{counts['cases']} made by hand", counts["hand"]), (f"{many:,} mutants", counts["chance"])):
        yield Figure(f"    {title}: exceptions of another class", count.get("others", 0), 0)
        yield Figure("        refusals that do not name the file", count.get("nameless", 0), 0)
        yield Figure("        accepted, but not by the safetensors library", count.get("laxer", 0), 0)
        yield Figure("        accepted with a wrong checksum", count.get("unsealed", 0), 0)
    yield Figure("    made by hand, and accepted as models or checkpoints", len(counts["taken"]), 0)
    yield Figure("    code run, files written: events of the audit hook", len(counts["run"]), 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
