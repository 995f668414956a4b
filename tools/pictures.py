"""Make the pictures of README.md and docs/ again, with the tools that they show: `make pictures`.

    python tools/pictures.py [FOLDER]

It needs Chromium and playwright for the screenshots of the page.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from animation import DARK, LIGHT, Palette, animation, guide_pass
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

import tinygrad_mlp as tg

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SCHEMES = {"light": LIGHT, "dark": DARK}
TERMINAL = 80
"""Columns of the terminal in the pictures of one."""
WINDOW = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: \
{char_height}px; line-height: {line_height}px }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: Helvetica, Arial, sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""rich's picture of a terminal, without the font that it would fetch from the network."""


def draw_animations(folder: Path) -> None:
    """`backward-light.svg` and `backward-dark.svg`."""
    for scheme, palette in SCHEMES.items():
        (folder / f"backward-{scheme}.svg").write_text(animation(guide_pass(), palette), "utf-8")


def draw_terminal(folder: Path) -> None:
    """`gradcheck.svg`: what the README's example of a wrong gradient writes to a terminal."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if "tg.gradcheck(" in block]
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "cube.py").write_text(code, "utf-8")
        written = in_a_terminal([sys.executable, "cube.py"], Path(work))
    console = Console(record=True, width=TERMINAL, file=io.StringIO())
    console.print(Text("$ python cube.py", style="bold"))
    console.print(Text.from_ansi(written))
    picture = console.export_svg(title="cube.py", theme=DIMMED_MONOKAI, code_format=WINDOW, unique_id="gradcheck")
    (folder / "gradcheck.svg").write_text(picture, "utf-8")


def in_a_terminal(command: list[str], folder: Path) -> str:
    """What a program writes if it writes to a terminal, colours included.

    Raises:
        SystemExit: the program failed.
    """
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(TERMINAL), "NO_COLOR": ""}
    run = subprocess.Popen(command, cwd=folder, stdout=its, stderr=its, stdin=its, env=environment)
    os.close(its)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # what Linux says when the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    text = b"".join(parts).decode().replace("\r\n", "\n")
    if run.wait():
        raise SystemExit(f"{' '.join(command)} failed:\n{text}")
    return text


def photograph_page(folder: Path) -> None:
    """`page-light.png` and `page-dark.png`: the page of `tg.show_backward` in a browser, at its second step."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as work, sync_playwright() as driver:
        page = tg.show_backward(guide_pass()).save(Path(work) / "backward.html")
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme in SCHEMES:
            size = {"width": 1000, "height": 690}
            tab = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=1.7)
            tab.goto(f"{page.as_uri()}#step=2")
            tab.wait_for_selector("#panel h2")
            tab.locator("#panel [role=gridcell]").nth(4).click()  # the finite difference beside an element
            tab.screenshot(path=folder / f"page-{scheme}.png")
        browser.close()


def draw_spiral(folder: Path) -> None:
    """`spiral.png`, by examples/spiral.py."""
    subprocess.run([sys.executable, ROOT / "examples" / "spiral.py", folder / "spiral.png"], check=True)


def draw_curves(folder: Path) -> None:
    """`curves-light.png` and `curves-dark.png`: the learning curves of the main job in the README."""
    command = [sys.executable, "-m", "tinygrad_mlp"]
    for scheme, palette in SCHEMES.items():
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "matplotlibrc").write_text(matplotlibrc(palette), "utf-8")  # it is looked for where one is
            for words in (["demo"], ["train", "--dataset", "demo/breast_cancer_train.csv", "--seed", "3"]):
                subprocess.run([*command, *words], cwd=work, check=True, capture_output=True)
            shutil.copy(Path(work) / "model_curves.png", folder / f"curves-{scheme}.png")


def matplotlibrc(palette: Palette) -> str:
    """Settings with which Matplotlib draws in the colours of a scheme."""
    papers, texts = ("axes.facecolor", "figure.facecolor"), ("axes.edgecolor", "axes.labelcolor", "text.color")
    colours = dict.fromkeys(papers, palette.paper) | dict.fromkeys((*texts, "xtick.color", "ytick.color"), palette.text)
    return "".join(f'{name}: "{colour}"\n' for name, colour in colours.items())


def main() -> None:
    """Make all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for make in (draw_animations, draw_terminal, photograph_page, draw_spiral, draw_curves):
        make(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path}  {path.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
