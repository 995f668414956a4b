"""README.md and the pages of docs/ are true: their code and commands are run and give what stands below, their pictures
are what their programs make, and the tables are those of the results."""

from __future__ import annotations

import contextlib
import html
import importlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from printed import assert_same

import tinygrad_mlp as tg

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PICTURES = ROOT / "docs" / "pictures"
README = PAGES[0].read_text("utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n(?:\n```\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
"""A block of code, its language, and what stands right below it: its output."""


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    """The blocks of a page in a language, with the outputs below them."""
    return [(code, output) for found, code, output in BLOCK.findall(page.read_text("utf-8")) if found == language]


PYTHON = [
    pytest.param(page, code, output, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, (code, output) in enumerate(blocks(page, "python"), 1)
]
SESSIONS = [pytest.param(page, id=page.stem) for page in PAGES if blocks(page, "console")]


@pytest.mark.parametrize(("page", "code", "output"), PYTHON)
def test_python_code_prints_what_stands_below_it(
    page: Path, code: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, page.name, "exec"), {"__name__": "__main__"})
    seen = printed.getvalue()
    if "tg.gradcheck(" in code and not output:  # a picture stands below it
        seen, output = " ".join(seen.replace(page.name, "cube.py").split()), printed_in_picture()
    assert_same(seen, output)
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())


def printed_in_picture() -> str:
    """What stands below the prompt in the picture of a terminal, as one line; its uncertainties may be others."""
    lines: dict[str, str] = {}
    column = 12.2  # pixels
    found = r'<text[^>]* x="([^"]+)" y="([^"]+)" textLength[^>]*>(.*?)</text>'
    for x, y, text in re.findall(found, (PICTURES / "gradcheck.svg").read_text("utf-8")):
        lines[y] = lines.get(y, "").ljust(round(float(x) / column)) + html.unescape(text)
    everything = " ".join(" ".join(lines.values()).split())
    return re.sub(r"\d\.?\d*e-1\d", "…", everything.partition("$ python cube.py ")[2])


def test_there_is_python_code_with_output() -> None:
    assert len(PYTHON) >= 10
    assert [code for code, output in blocks(PAGES[0], "python") if not output and "print" in code] == [
        code for code, _ in blocks(PAGES[0], "python") if "gradcheck" in code
    ]


@pytest.mark.parametrize("page", SESSIONS)
def test_commands_print_what_stands_below_them(page: Path, tmp_path: Path) -> None:
    session = "".join(text for text, _ in blocks(page, "console"))
    steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    assert [command.split()[1] for command, _ in steps][:3] == ["demo", "train", "predict"]
    for command, output in steps:
        program, *arguments = shlex.split(command)
        assert program == "tinygrad-mlp"
        run = [sys.executable, "-m", "tinygrad_mlp", *arguments]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stderr) == (0, "")
        if output.strip():
            assert_same(done.stdout, output)


def test_the_network_file_is_the_example() -> None:
    (network,) = [text for page in PAGES for text, _ in blocks(page, "json")]
    assert network == (ROOT / "examples" / "network.json").read_text("utf-8")


def test_the_drawing_is_what_its_script_draws(tmp_path: Path) -> None:
    target = tmp_path / "backward.svg"
    run = [sys.executable, str(ROOT / "examples" / "draw_backward.py"), str(target)]
    done = subprocess.run(run, capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout == f"wrote {target}\n"
    assert words_in(target) == words_in(ROOT / "docs/backward.svg")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_animation_is_what_its_program_makes(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    animation = importlib.import_module("animation")
    made = animation.animation(animation.guide_pass(), getattr(animation, scheme.upper()))
    kept = (PICTURES / f"backward-{scheme}.svg").read_text("utf-8")
    assert sorted(words(made)) == sorted(words(kept))  # renderers differ in the order of boxes
    assert re.findall(r"@keyframes.*", made) == re.findall(r"@keyframes.*", kept)
    assert f'fill="{getattr(animation, scheme.upper()).paper}"' in kept


def words_in(svg: Path) -> list[str]:
    return words(svg.read_text("utf-8"))


def words(svg: str) -> list[str]:
    """The pieces of text in a drawing; renderers differ in how they write a blank, and where they put them."""
    found = (html.unescape(text).replace("\xa0", " ") for text in re.findall(r"<text[^>]*>(.*?)</text>", svg))
    return [text for text in found if text.strip()]


def test_the_tables_are_those_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = load_comparison(monkeypatch)
    results = comparison.all_results()
    for page in comparison.PAGES:
        text = page.read_text("utf-8")
        assert comparison.with_tables(text, results) == text, "`make tables` writes the tables"
    changed = json.loads(json.dumps(results))
    changed["features"]["PyTorch"]["safe_where"]["answer"] = "yes"
    changed["training_step"]["30-24-24-2"]["PyTorch"]["ratios"]["tinygrad_mlp"] = 0.01
    written = comparison.with_tables(README, changed)
    assert len(set(README.splitlines()) - set(written.splitlines())) == 3  # a feature, and a time in both tables


def test_every_feature_has_an_answer_of_each_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = load_comparison(monkeypatch)
    results = json.loads(comparison.RESULTS.read_text("utf-8"))
    keys = [feature.key for feature in comparison.FEATURES]
    for name in comparison.PEERS:
        assert list(results["features"][name]) == keys
        for key, found in results["features"][name].items():
            assert found["answer"] in ("yes", "no", "n/a"), f"{name}: {key}: {found['evidence']}"


PEERS = ["micrograd", "MyGrad", "autograd", "PyTorch", "JAX", "scikit-learn"]


@pytest.mark.parametrize("peer", ["tinygrad_mlp", *(pytest.param(name, marks=pytest.mark.bench) for name in PEERS)])
def test_a_peer_answers_as_the_results_say(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = load_comparison(monkeypatch)
    probes = importlib.import_module("probes")
    if importlib.util.find_spec(probes.PEERS[peer].module) is None:
        pytest.skip(f"{peer} is not installed")
    kept = json.loads(comparison.RESULTS.read_text("utf-8"))["features"][peer]
    found = comparison.answers(peer)
    assert {key: one["answer"] for key, one in found.items()} == {key: one["answer"] for key, one in kept.items()}


def test_names_of_something_that_nobody_has_tried_are_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    load_comparison(monkeypatch)
    features = importlib.import_module("features")
    drawing = next(feature for feature in features.FEATURES if feature.key == "drawing")
    assert features.judged(object(), drawing, {"add", "draw"}).answer == "?"
    assert features.judged(object(), drawing, {"add", "withdraw"}).answer == "no"


def test_the_size_of_a_package_is_that_of_all_it_requires_but_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = load_comparison(monkeypatch)
    assert {"tinygrad-mlp", "numpy", "graphviz", "safetensors"} == importlib.import_module("features").required(
        "tinygrad_mlp"
    )
    files = [*comparison.files_beside_numpy(comparison.PEERS["tinygrad_mlp"])]
    assert comparison.has_machine_code(files)  # that of safetensors
    assert not comparison.has_machine_code([path for path in files if path.is_relative_to(ROOT / "tinygrad_mlp")])
    assert 0.5e6 < sum(path.stat().st_size for path in files) < 20e6


def test_ratios_have_two_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = load_comparison(monkeypatch).digits
    assert [digits(x) for x in (0.004, 0.123, 0.97, 0.996, 1.04, 9.96, 12.4, 4852.0)] == [
        "< 0.01", "0.12", "0.97", "1.0", "1.0", "10", "12", "4,852",
    ]  # fmt: skip


def load_comparison(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("comparison")


def test_the_checker_has_found_all_that_was_planted() -> None:
    assert "[it found all](docs/detection.md)" in " ".join(README.split())
    rows = re.findall(
        r"^\| (?:operations|engine) \| ([\d,]+) \| ([\d,]+) ", (ROOT / "docs/detection.md").read_text(), re.M
    )
    assert len(rows) == 2
    assert all(planted == caught for planted, caught in rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)|(?:src|srcset)="([^"]+)"', text):
        target = link[0] or link[1]
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_public_name_is_there_and_documented() -> None:
    for name in tg.__all__:
        assert getattr(tg, name).__doc__, name
