"""The comparison with the peers, asked and measured, and written into the tables of README.md: part of `make tables`.

    python benchmarks/comparison.py [--short] [--tables]

What is found goes to benchmarks/results.json, and the tables come from there and from the training steps that tables.py
has measured. `--tables` asks nothing and writes them anew; `--short` measures little, to see that everything runs, and
writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from features import FEATURES, required
from probes import PEERS, package_of
from probing import Peer
from tables import MEASURED, machine

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGES = [HERE.parent / "README.md"]
US = "tinygrad_mlp"
SIGNS = {"yes": "✓", "no": "–", "?": "?", "n/a": ""}
CONTENDERS = {
    "PyTorch": "PyTorch",
    "JAX": "JAX, jit",
    "MyGrad": "MyGrad",
    "autograd": "autograd",
    "scikit-learn": "scikit-learn",
}
"""What `training_step.py` calls the peers."""


def measured(short: bool) -> dict[str, Any]:
    """What the peers answer, their sizes, and their import times."""
    files = {name: [*files_beside_numpy(peer)] for name, peer in PEERS.items()}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(peer.distribution) for name, peer in PEERS.items()}
        | {"NumPy": metadata.version("numpy")},
        "features": {name: answers(name) for name in PEERS},
        "pure_python": {name: not has_machine_code(found) for name, found in files.items()},
        "megabytes": {name: sum(path.stat().st_size for path in found) / 1e6 for name, found in files.items()},
        "import": import_times(3 if short else 11),
    }


def answers(name: str) -> dict[str, Any]:
    """What a peer answers, in a process of its own."""
    print(f"asking {name} …", flush=True)
    run = [sys.executable, "-W", "ignore", HERE / "probes.py", name]
    return json.loads(subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True).stdout)


def files_beside_numpy(peer: type[Peer]) -> Iterator[Path]:
    """The files of a package and of all that it requires, but for NumPy's and bytecode."""
    yield from (path for path in package_of(peer).rglob("*") if path.is_file() and path.suffix != ".pyc")
    for name in required(peer.distribution) - {"numpy", peer.distribution.replace("_", "-")}:
        for file in metadata.files(name) or []:
            path = Path(str(file.locate()))
            if path.is_file() and path.suffix != ".pyc":
                yield path


def has_machine_code(files: list[Path]) -> bool:
    """Whether there is a compiled library among files."""
    return any(path.suffix in (".so", ".pyd", ".dylib", ".dll") or ".so." in path.name for path in files)


def import_times(turns: int) -> dict[str, float]:
    """How long `import` takes in a new Python, beside NumPy's, as medians of the ratios of neighbouring turns."""
    print("importing …", flush=True)
    modules = {"NumPy": "numpy"} | {name: peer.module for name, peer in PEERS.items()}
    modules["micrograd"] = "micrograd.engine"  # the package itself is empty
    times: dict[str, list[float]] = {name: [] for name in modules}
    for turn in range(turns + 1):
        bare = seconds("pass")
        for name, module in modules.items():
            taken = max(seconds(f"import {module}") - bare, 0.0)
            if turn:  # in the first one, files come from the disk
                times[name].append(taken)
    return {
        name: median(taken / numpy for taken, numpy in zip(values, times["NumPy"], strict=True))
        for name, values in times.items()
    }


def seconds(code: str) -> float:
    """How long a Python runs that does this."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def all_results() -> dict[str, Any]:
    """What was found last, with the training steps, and where and when these were measured."""
    results, measured = (json.loads(path.read_text("utf-8")) for path in (RESULTS, MEASURED))
    return results | {"training_step": measured["training_step"], "steps": where_and_when(measured)}


def comparison(results: dict[str, Any]) -> Iterator[str]:
    """The table of features and ratios."""
    yield row("", *PEERS)
    yield "|---|" + ":-:|" * len(PEERS)
    for feature in FEATURES:
        yield row(feature.title, *(SIGNS[results["features"][name][feature.key]["answer"]] for name in PEERS))
    yield row("pure Python, beside NumPy", *(SIGNS["yes" if results["pure_python"][name] else "no"] for name in PEERS))
    yield row("MB on the disk, beside NumPy", *(digits(results["megabytes"][name]) for name in PEERS))
    yield row("time of `import`, NumPy = 1", *(digits(results["import"][name]) for name in PEERS))
    for network, times in results["training_step"].items():
        yield row(f"time of a training step, {network}", *(step_time(times, name) for name in PEERS))
    versions = ", ".join(f"{name} {results['versions'][name]}" for name in PEERS if name != US)
    yield ""
    yield f"({versions}; {where_and_when(results)})"


def step_time(times: dict[str, Any], peer: str) -> str:
    """How long a peer's training step takes, with ours as 1; ours compiled beside it."""
    if peer == US:
        return f"1; compiled {beside_ours(times['compiled, Numba'])}"
    return beside_ours(times[CONTENDERS[peer]]) if peer in CONTENDERS else ""


def beside_ours(step: dict[str, Any]) -> str:
    """How long a step takes, with ours as 1."""
    return digits(1 / step["ratios"][US])


def speed(results: dict[str, Any]) -> Iterator[str]:
    """The table of training steps: microseconds of ours, and the others as multiples of it."""
    networks = results["training_step"]
    contenders = [name for name in next(iter(networks.values())) if name != US]
    yield row("", *networks)
    yield "|---|" + "--:|" * len(networks)
    yield row(f"{US}, µs", *(f"**{times[US]['microseconds']:,.0f}**" for times in networks.values()))
    for name in contenders:
        yield row(name, *(f"{beside_ours(times[name])} ×" for times in networks.values()))
    yield ""
    yield f"({results['steps']})"


def where_and_when(results: dict[str, Any]) -> str:
    """The line below a table."""
    versions = results["versions"]
    numpy = versions.get("NumPy") or versions["numpy"]
    return f"{results['machine']}, Python {results['python']}, NumPy {numpy}, {results['date']}."


def row(*cells: str) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |".replace("  ", " ")


def digits(value: float) -> str:
    """Two digits, or all that stand before the point, and none beyond the hundredth: < 0.01, 0.97, 1.2, 12, 4,852."""
    if value < 0.005:
        return "< 0.01"
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


TABLES = {"comparison": comparison, "speed": speed}


def with_tables(page: str, results: dict[str, Any]) -> str:
    """A page in Markdown with its tables anew, each of which stands between `<!-- NAME -->` and `<!-- /NAME -->`."""
    for name, lines in TABLES.items():
        table = "\n".join(lines(results))
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda m, t=table: f"{m[1]}\n{t}\n\n{m[2]}",
            page,
            flags=re.DOTALL,
        )
    return page


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="measure little and write nothing")
    parser.add_argument("--tables", action="store_true", help="measure nothing: write the tables of the last results")
    options = parser.parse_args()
    for peer in PEERS.values():
        package_of(peer)  # which says what is not installed
    if not options.tables:
        results = measured(options.short)
        if options.short:
            print(json.dumps(results, indent=1, ensure_ascii=False))
            return
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    results = all_results()
    for page in PAGES:
        page.write_text(with_tables(page.read_text("utf-8"), results), "utf-8")
        print(f"wrote the tables of {page.name}")


if __name__ == "__main__":
    main()
