"""Draw and explain the backward pass of a saved model: how the gradient of its loss on some rows reaches each weight.

Beside the model it writes MODEL_backward.svg, a drawing, MODEL_backward.txt, a table of all steps, and
MODEL_backward.html, a page to step through.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tinygrad_mlp.cli import keys
from tinygrad_mlp.cli.console import fields, is_terminal, styled
from tinygrad_mlp.cli.labelled import Labelled, labelled_rows
from tinygrad_mlp.cli.parser import UsageError, first_of
from tinygrad_mlp.cli.paths import check_inputs, check_outputs
from tinygrad_mlp.cli.predict import load, read_for
from tinygrad_mlp.cli.tables import add_column_options, counted, summary
from tinygrad_mlp.cli.values import one_of, whole
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training import History
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.explaining import Explanation
from tinygrad_mlp.views.gradient_curves import draw_gradients
from tinygrad_mlp.views.graph import RANKS, draw
from tinygrad_mlp.views.page import show_backward
from tinygrad_mlp.views.rendering import FORMATS, NO_RENDERER, render

SUMMARY = "draw and explain the backward pass of a model"
USAGE = "MODEL DATA.csv [options]"
EXAMPLES = """examples:
  tinygrad-mlp draw model.safetensors data_train.csv
  tinygrad-mlp draw model.safetensors data_train.csv --step
  tinygrad-mlp draw model.safetensors data.csv --rows 8 --drawing slide.png"""

PAGES = (".html", ".htm")
KEYS = "blank or → next, b or ← back, q end"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `draw`."""
    files = "the model and the table, also as options:"
    parser.add_argument("files", nargs="*", type=Path, metavar="MODEL DATA.csv", help=files)
    parser.add_argument("--model", type=Path, metavar="MODEL", help="the model, as train saved it")
    parser.add_argument("--dataset", type=Path, metavar="DATA.csv", help="the table, with labels")
    parser.add_argument("--rows", type=whole(1), default=32, metavar="N", help="how many of its rows are a batch (32)")
    step = "explain one step per key press, with its numbers, and write no files"
    parser.add_argument("--step", action="store_true", help=step)
    output = parser.add_argument_group("output")
    drawing = f"the drawing, {', '.join(FORMATS)} (MODEL_backward.svg)"
    output.add_argument("--drawing", type=Path, metavar="FILE.svg", help=drawing)
    output.add_argument("--text", type=Path, metavar="FILE.txt", help="the table of all steps (MODEL_backward.txt)")
    page = "the page to step through (MODEL_backward.html)"
    output.add_argument("--page", type=Path, metavar="FILE.html", help=page)
    direction = f"where the gradient flows in the drawing: {', '.join(RANKS)} (down)"
    output.add_argument("--direction", type=one_of(RANKS), default="down", metavar="D", help=direction)
    depth = "how many levels of layers are opened in the drawing; 0 draws each as one box (all, if that fits)"
    output.add_argument("--depth", type=whole(0), metavar="N", help=depth)
    history = "a history with gradient norms or dead units: draw them over the epochs (MODEL_gradients.png)"
    output.add_argument("--history", type=Path, metavar="FILE.csv", help=history)
    add_column_options(parser, task=False)


def run(arguments: argparse.Namespace) -> int:
    """Watch the backward pass, print its table, and write drawing and text; or go through it step by step."""
    files = first_of(arguments.files, {"MODEL": arguments.model, "DATA.csv": arguments.dataset})
    check_inputs([*files.values(), arguments.history])
    curves = settle_outputs(arguments, files)
    history = None if arguments.history is None else History.from_csv(arguments.history)
    trained = load(files["MODEL"])
    table = read_for(trained, files["DATA.csv"], arguments)
    batch = labelled_rows(trained, table, arguments.rows)
    if history is not None:
        draw_gradients(history, curves)
    seen = BackwardPass.of(loss_of(trained, batch))
    explanation = Explanation(seen)
    rows = min(arguments.rows, len(table))
    print(f"{summary(table)}\nthe loss of the first {counted(rows, 'row')}:\n")
    if arguments.step:
        go_through(explanation)
        return 0
    print(f"{explanation}\n")
    drawing = render(draw(seen, direction=arguments.direction, depth=arguments.depth), arguments.drawing)
    text = explanation.save(arguments.text)
    remark = f"  ({NO_RENDERER})" if drawing.suffix != arguments.drawing.suffix else ""
    page = show_backward(seen).save(arguments.page)
    places = {"drawing": styled(drawing, "cyan") + remark, "text": styled(text, "cyan"), "page": styled(page, "cyan")}
    if history is not None:
        places["gradients"] = styled(curves, "cyan")
    print(fields(places))
    return 0


def settle_outputs(arguments: argparse.Namespace, files: dict[str, Path]) -> Path:
    """Fill in the names of the files that will be written, and refuse what cannot be; where the curves will be."""
    model = files["MODEL"]
    curves = model.with_name(f"{model.stem}_gradients.png")
    if arguments.step:
        for option in ("drawing", "text", "page", "history"):
            if getattr(arguments, option) is not None:
                raise UsageError(f"--{option} does not go with --step, which writes no files")
        return curves
    arguments.drawing = arguments.drawing or model.with_name(f"{model.stem}_backward.svg")
    arguments.text = arguments.text or model.with_name(f"{model.stem}_backward.txt")
    if arguments.drawing.suffix.lower() not in FORMATS:
        raise UsageError(f"--drawing {arguments.drawing}: a file that ends in {', '.join(FORMATS)} is expected")
    arguments.page = arguments.page or model.with_name(f"{model.stem}_backward.html")
    if arguments.page.suffix.lower() not in PAGES:
        raise UsageError(f"--page {arguments.page}: a file that ends in {', '.join(PAGES)} is expected")
    outputs = {"--drawing": arguments.drawing, "--text": arguments.text, "--page": arguments.page}
    check_outputs(outputs | ({"--history": curves} if arguments.history else {}), [*files.values(), arguments.history])
    return curves


def loss_of(trained: TrainedModel, batch: Labelled) -> Tensor:
    """The loss of a model on a batch, with the graph that its backward pass walks."""
    model = trained.model.eval()
    model.named_parameters()  # gives each its name
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is marked in the drawing
        return batch.loss(model(batch.X), batch.y)


def go_through(explanation: Explanation) -> None:
    """Show one step per key press; all of them at once where nobody watches."""
    count = len(explanation.seen.steps)
    if not is_terminal():
        print("\n\n".join(explanation.step(number) for number in range(1, count + 1)))
        return
    number = 1
    with keys.keyboard() as pressed:
        while number <= count:
            print(f"{explanation.step(number)}\n\n{styled(f'step {number} of {count}: {KEYS}', 'dim')}", flush=True)
            match pressed():
                case keys.QUIT:
                    return
                case keys.NEXT:
                    number += 1
                case keys.BACK:
                    number = max(1, number - 1)
            print()
