"""Split a table, train a network on it, and predict rows that it has not seen: each step is a command of its own.

The table is in the package: 569 breast masses, 30 measurements of the cell nuclei of each, benign (B) or malignant (M).
Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, CC BY 4.0.
"""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path
from types import ModuleType

from tinygrad_mlp import ops
from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.cli import predict, split, train
from tinygrad_mlp.cli.console import fields, styled
from tinygrad_mlp.cli.parser import PROGRAM, Parser, UsageError, add_command
from tinygrad_mlp.cli.values import whole
from tinygrad_mlp.data import breast_cancer_path, read_csv
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.views.graph import draw
from tinygrad_mlp.views.rendering import NO_RENDERER, render

SUMMARY = "split, train and predict on the table in the package, in seconds"
EXAMPLES = "example:\n  tinygrad-mlp demo"

ROWS_DRAWN = 32
"""The batch whose backward graph is drawn."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `demo`."""
    folder = "where to write the table, the model and the drawings (demo)"
    parser.add_argument("--out-dir", type=Path, default=Path("demo"), metavar="FOLDER", help=folder)
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the same seed gives the same bytes (0)")


def run(arguments: argparse.Namespace) -> int:
    """Run the three commands, draw the backward graph, and say where everything is."""
    start = time.perf_counter()
    folder: Path = arguments.out_dir
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out-dir {folder}: that is a file, a folder is expected")
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "breast_cancer.csv"
    learn, unseen = folder / "breast_cancer_train.csv", folder / "breast_cancer_valid.csv"
    model, history = folder / "model.safetensors", folder / "history.csv"
    with breast_cancer_path() as packaged:
        atomic_write(table, packaged.read_bytes())
    print(f"569 breast masses with 30 measurements each: which are malignant (M), which benign (B)?\n{table}")

    seed = ["--seed", str(arguments.seed)]
    split.run(step("split", split, str(table), *seed))
    training = [
        "--layer",
        "24",
        "24",
        "--optimizer",
        "adam",
        "--learning-rate",
        "0.003",
        "--batch-size",
        "32",
        "--patience",
        "10",
        *seed,
    ]
    outputs = ["--model", str(model), "--history", str(history)]
    settled = step("train", train, "--dataset", str(learn), *training, *outputs)
    train.settle(settled)
    places = train.train_and_save(settled)
    predict.run(step("predict", predict, str(model), str(unseen)))

    drawing = render(draw(loss_of(model, learn)), folder / "backward.svg")
    places["graph"] = styled(drawing, "cyan") + (f"  ({NO_RENDERER})" if drawing.suffix == ".dot" else "")
    print(f"\n{fields(places)}\n\n{time.perf_counter() - start:.1f} seconds")
    return 0


def step(name: str, module: ModuleType, *words: str) -> argparse.Namespace:
    """Show a command as it would be typed, and give its arguments."""
    print(styled(f"\n$ {shlex.join([PROGRAM, name, *words])}", "bold"))
    parser = Parser(prog=f"{PROGRAM} {name}")
    add_command(parser, module)
    return parser.parse_args(words)


def loss_of(model: Path, table: Path) -> Tensor:
    """The loss of a saved model on the first rows of a table, with the graph that its backward pass walks."""
    trained = TrainedModel.load(model)
    rows = read_csv(table, classes=trained.classes, columns=trained.feature_names).select(slice(ROWS_DRAWN))
    assert trained.scaler is not None
    trained.model.named_parameters()
    loss: Tensor = ops.softmax_cross_entropy(trained.model(trained.scaler.transform(rows.features)), rows.labels)
    return loss
