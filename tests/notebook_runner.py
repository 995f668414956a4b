"""Running the notebooks: every cell, then the answers to the exercises, which are folded away below each of them.

`PYTHONPATH=tests python -m notebook_runner` runs them all and writes their outputs; needs the [notebook] extra.
"""

from __future__ import annotations

import argparse
import html
import json
import re
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
ANSWER = re.compile(r"^<details>\n<summary>Answer</summary>\n\n(.*?)^</details>$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```python\n(.*?)^```\n\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 60


def read(path: Path) -> Any:
    """The cells of a notebook, as JSON has them."""
    return json.loads(path.read_text("utf-8"))


def source(cell: Any) -> str:
    return "".join(cell["source"])


def answers(notebook: Any) -> list[tuple[str, str]]:
    """The code of the folded answers and what it prints, in order."""
    texts = [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    return [found for text in texts for answer in ANSWER.findall(text) for found in CODE.findall(answer)]


def shown(cell: Any) -> str:
    """What a cell shows, as text: of a drawing the words in it, of a picture that there is one."""
    return "\n".join(text_of(output) for output in cell["outputs"]).strip()


def text_of(output: Any) -> str:
    if output["output_type"] == "stream":
        return f"{'' if output['name'] == 'stdout' else output['name'] + ': '}{''.join(output['text'])}"
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    data = output["data"]
    if "image/svg+xml" in data:
        words = re.findall(r"<text[^>]*>(.*?)</text>", "".join(data["image/svg+xml"]))
        texts = [html.unescape(word).replace("\xa0", " ").strip() for word in words]
        return "\n".join(text for text in texts if text)  # renderers differ in how they write a blank
    return "a picture" if "image/png" in data else "".join(data["text/plain"])


def executed(path: Path, folder: Path) -> Any:
    """The notebook as it comes out of a new kernel in an empty folder, and the answers' code as more cells."""
    import nbformat  # an extra: the tests of what the notebooks say do without it
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    notebook.cells += [nbformat.v4.new_code_cell(code) for code, _ in answers(notebook)]
    options = {"timeout": SECONDS, "record_timing": False, "coalesce_streams": True}
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}}, **options)
    return client.execute()


def main() -> None:
    """Write the outputs of the notebooks into them."""
    import tempfile

    import nbformat

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of them, if none is named")
    for path in parser.parse_args().notebooks or sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = len(read(path)["cells"])
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        for cell, (_, expected) in zip(notebook.cells[cells:], answers(notebook), strict=True):
            if shown(cell) != expected.strip():
                print(f"{path.name}: an answer prints\n{shown(cell)}\nwhere it says\n{expected}")
        del notebook.cells[cells:]
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, path)
        print("wrote", path.name)


if __name__ == "__main__":
    main()
