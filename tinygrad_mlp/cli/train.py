"""Train a network on a CSV file and save it, with its learning curves.

Columns are standardised with the mean and deviation of the training rows; the model file has them too. A label column
of numbers that name no classes is predicted as numbers (a regression), standardised for the training alone.
"""

from __future__ import annotations

import argparse
import secrets
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinygrad_mlp import nn
from tinygrad_mlp.cli.console import fields, styled
from tinygrad_mlp.cli.cross_validation import cross_validate
from tinygrad_mlp.cli.drawing import check_drawing, drawn, read_histories
from tinygrad_mlp.cli.network import add_network_options, apply_network_file, settle_network
from tinygrad_mlp.cli.optimizer import add_optimizer_options, in_words, settle_optimizer
from tinygrad_mlp.cli.parser import PROGRAM, Parser, UsageError
from tinygrad_mlp.cli.paths import check_curves, check_inputs, check_outputs
from tinygrad_mlp.cli.progress import EpochLines
from tinygrad_mlp.cli.resuming import (
    OWN,
    add_checkpoint_options,
    checkpoint_callbacks,
    saying_how_to_go_on,
    settle_checkpoint,
    without_options,
)
from tinygrad_mlp.cli.seen_rows import fingerprints, warn_of_shared_lines
from tinygrad_mlp.cli.tables import add_column_options, read_for_training, summary
from tinygrad_mlp.cli.tasks import asked_task, check_options
from tinygrad_mlp.cli.training import Streams, learn, network_for
from tinygrad_mlp.cli.values import number, one_of, whole
from tinygrad_mlp.data import Table, split_indices
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training import EarlyStopping, GradientNorms, History

SUMMARY = "train a network on a CSV file, save it, draw its learning curves"
USAGE = "--dataset FILE.csv [options]"
EXAMPLES = """examples:
  tinygrad-mlp train --dataset data_train.csv --valid data_valid.csv
  tinygrad-mlp train --dataset data.csv --layer 24 24 24 --epochs 84 \\
      --loss categoricalCrossentropy --batch_size 8 --learning_rate 0.0314
  tinygrad-mlp train --dataset data.csv --network network.json
  tinygrad-mlp train --dataset data.csv --patience 10 --metrics accuracy f1
  tinygrad-mlp train --dataset houses.csv --label price --loss huber"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `train`."""
    data = parser.add_argument_group("data")
    data.add_argument("--dataset", type=Path, metavar="FILE.csv", help="the rows to learn from")
    which = data.add_mutually_exclusive_group()
    which.add_argument("--valid", type=Path, metavar="FILE.csv", help="the rows to validate with")
    which.add_argument(
        "--valid-ratio",
        type=number(0, 1, above=True),
        default=0.2,
        metavar="X",
        help="without --valid: the share of the rows that is held back for it (0.2)",
    )
    add_column_options(parser)
    add_network_options(parser)
    add_optimizer_options(parser)
    training = parser.add_argument_group("training")
    training.add_argument(
        "--compile",
        type=one_of(["numpy", "numba"]),
        nargs="?",
        const="numpy",
        metavar="numba",
        help="make each step as one program: twice as fast on small networks; as machine code with numba, which pays "
        "from some ten thousand steps on",
    )
    training.add_argument("--epochs", type=whole(1), default=84, metavar="N", help="how often all rows are seen (84)")
    training.add_argument("--batch-size", type=whole(1), default=16, metavar="N", help="rows for one step (16)")
    training.add_argument(
        "--patience",
        type=whole(1),
        metavar="N",
        help="stop after N epochs without a better val_loss, and keep the best weights",
    )
    training.add_argument("--min-delta", type=number(), metavar="X", help="with --patience: what counts as better (0)")
    training.add_argument("--seed", type=whole(0), metavar="N", help="the same seed gives the same bytes (a new one)")
    training.add_argument(
        "--folds",
        type=whole(2),
        metavar="K",
        help="cross-validate instead: train K times, each time without a K-th of the rows, and score on those",
    )
    training.add_argument("--repeats", type=whole(1), metavar="R", help="with --folds: deal the rows anew R times (1)")
    add_checkpoint_options(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--model", type=Path, default=Path("model.safetensors"), metavar="FILE", help="the model (model.safetensors)"
    )
    output.add_argument("--history", type=Path, metavar="FILE.csv", help="loss and metrics of each epoch")
    curves = "learning curves, .png or .svg (MODEL_curves.png)"
    norms = "with --history: also the gradient norm and the update ratio of each parameter"
    output.add_argument("--gradient-norms", action="store_true", help=norms)
    output.add_argument("--curves", type=Path, metavar="FILE.png", help=curves)
    output.add_argument("--no-curves", action="store_true", help="draw none")
    output.add_argument("--show", action="store_true", help="show the curves in a window too")
    compare = "histories of earlier runs, drawn into the same curves"
    output.add_argument("--compare", type=Path, nargs="+", metavar="FILE.csv", help=compare)


def run(arguments: argparse.Namespace) -> int:
    """Train, print an epoch a line, save the model, and say how to do exactly the same again."""
    if arguments.network:
        parser = Parser()
        add_options(parser)
        apply_network_file(arguments, parser)
    unseeded = arguments.seed is None
    settle(arguments)
    with saying_how_to_go_on(arguments, program()):
        places = {} if arguments.folds else train_and_save(arguments)
    if arguments.folds:
        table, _, why = read_for_training(arguments)
        model = network_for(table, arguments, Streams.of(arguments.seed))
        print(f"{summary(table)}\n{plan(arguments, why)}\n\n{model!r}\n")
        print(f"\n{cross_validate(table, arguments)}")
    drawn = unseeded and not arguments.resume
    places["seed"] = f"{arguments.seed}{', drawn for this run' if drawn else ''}"
    # Before the other words: a `--` may be among them.
    seed = ["--seed", str(arguments.seed)] if unseeded else []
    again = shlex.join([*program(), "train", *seed, *without_options(arguments.words, OWN)])
    print(f"\n{fields(places)}\n\nthe same again, byte for byte:\n  {again}")
    return 0


def train_and_save(arguments: argparse.Namespace) -> dict[str, str]:
    """What settled arguments ask for; returns the places of the files by what they hold."""
    earlier = read_histories(arguments.compare or ())
    trained, history = train(arguments)
    trained.save(arguments.model)
    places = {"model": styled(arguments.model, "cyan")}
    if arguments.history:
        history.to_csv(arguments.history)
        places["history"] = styled(arguments.history, "cyan")
    if not arguments.no_curves or arguments.show:
        runs = {**earlier, arguments.model.stem: history}
        places["curves"] = drawn(runs, arguments.curves, arguments.show)
    return places


def settle(arguments: argparse.Namespace) -> None:
    """Fill in what was left open, and refuse what cannot be done, before a row is read."""
    if arguments.dataset is None:
        raise UsageError("--dataset FILE.csv is missing: the rows to learn from")
    if arguments.folds:
        outputs = {"--valid": arguments.valid, "--history": arguments.history, "--curves": arguments.curves}
        outputs |= {"--checkpoint": arguments.checkpoint, "--resume": arguments.resume}
        others = {
            "--show": arguments.show,
            "--compare": arguments.compare,
            "--gradient-norms": arguments.gradient_norms,
        }
        for option, given in (outputs | others).items():
            if given:
                raise UsageError(f"{option} does not go with --folds, which trains many networks and keeps none")
        arguments.repeats = arguments.repeats or 1
        arguments.no_curves = True
    elif arguments.repeats:
        raise UsageError("--repeats needs --folds: it says how often the rows are dealt anew")
    if arguments.min_delta is not None and arguments.patience is None:
        raise UsageError("--min-delta needs --patience: it says what counts as better")
    if arguments.gradient_norms and not arguments.history:
        raise UsageError("--gradient-norms needs --history FILE.csv: that is where they are written")
    if arguments.no_curves:
        for option, given in (("--curves", arguments.curves), ("--compare", arguments.compare)):
            if given:
                raise UsageError(f"{option} and --no-curves contradict each other")
    inputs = [arguments.dataset, arguments.valid, arguments.network, *(arguments.compare or ())]
    check_inputs(inputs)
    settle_checkpoint(arguments)
    if asked := asked_task(arguments):
        check_options(arguments, asked.task)
    settle_network(arguments)
    settle_optimizer(arguments)
    asked_for_curves = arguments.curves is not None or arguments.show or arguments.compare is not None
    if asked_for_curves:
        check_drawing()
    check_curves(arguments.curves)
    check_outputs({"--model": arguments.model}, inputs)
    if arguments.curves is None and not arguments.no_curves:
        arguments.curves = arguments.model.with_name(f"{arguments.model.stem}_curves.png")
    kept = {"--checkpoint": arguments.checkpoint, "--resume": arguments.resume}
    outputs = {"--model": arguments.model, "--history": arguments.history, "--curves": arguments.curves}
    check_outputs(outputs | kept, inputs)
    if arguments.seed is None:
        arguments.seed = secrets.randbelow(2**32)


def train(arguments: argparse.Namespace) -> tuple[TrainedModel, History]:
    """The model that settled arguments ask for, and the history of its training."""
    table, valid, why = read_for_training(arguments)
    for read in (table, valid):
        if read is not None:
            print(summary(read))
    print(plan(arguments, why))
    streams = Streams.of(arguments.seed)
    dealt = None
    if valid is None:
        # 1 − 0.9 is 0.09999999999999998; the ratio is meant in decimals.
        dealt = split_indices(table.strata, round(1 - arguments.valid_ratio, 12), streams.split)
        table, valid = table.dealt(*dealt)
    warn_of_shared_lines(table, valid, dealt)
    model = network_for(table, arguments, streams)
    announce(model, table, valid)
    # What keeps the run comes first, and so ends last: signals are held back until the best weights are there.
    keeping = checkpoint_callbacks(arguments, settings_of(arguments))
    watching = [*keeping, EpochLines(arguments.metrics or ()), *[GradientNorms()] * arguments.gradient_norms]
    scalers, history, stopping = learn(model, table, valid, arguments, streams, watching)
    best = None
    if stopping:
        best = stopping.best_epoch
        print(f"\n{told(stopping)}")
    facts = training_facts(arguments, table, valid, history, best)
    names = (table.classes, table.feature_names, table.label_name)
    return TrainedModel(model, scalers.features, *names, facts, scalers.targets), history


def plan(arguments: argparse.Namespace, why: str) -> str:
    """What is to be learnt, why that, and how."""
    lines = {"task": f"{arguments.task}, {why}", "loss": arguments.loss, "optimizer": in_words(arguments)}
    if arguments.task == "regression":
        lines["loss"] += ", of numbers that are standardised for the training"
    return "\n".join(f"{name}: {text}" for name, text in lines.items())


def announce(model: nn.Sequential, table: Table, valid: Table) -> None:
    """Show the network and the shapes of the data."""
    print(f"\n{model!r}\n")
    for name, part in (("x_train", table), ("x_valid", valid)):
        print(f"{name} shape : {part.features.shape}")


def told(stopping: EarlyStopping) -> str:
    """What early stopping did, in a sentence."""
    if stopping.best is None:
        return "no epoch had a val_loss that is a number"
    best = f"epoch {stopping.best_epoch} (val_loss {stopping.best:.4f})"
    if stopping.stopped_at:
        return f"stopped after epoch {stopping.stopped_at}: no better one in {stopping.patience} epochs; kept {best}"
    return f"kept the weights of {best}, the best"


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What decides, with the rows, how a network is trained; but for how long."""
    options = (
        *("task", "layer", "activation", "weights_initializer", "dropout"),
        *("loss", "metrics", "optimizer", "learning_rate", "momentum"),
        *("nesterov", "schedule", "warm_up", "class_weights"),
        *("weight_decay", "clip_norm", "clip_value", "compile"),
        *("batch_size", "patience", "min_delta", "seed", "ids"),
    )
    layers = {"layers": [spec.json() for spec in arguments.layers]} if arguments.layers is not None else {}
    return {**{name: getattr(arguments, name) for name in options}, **layers}


def training_facts(
    arguments: argparse.Namespace, table: Table, valid: Table, history: History, best: int | None
) -> dict[str, Any]:
    """What is worth knowing of the training: no paths and no dates, so that the same run gives the same file."""
    return {
        **settings_of(arguments),
        "epochs": arguments.epochs,
        "rows": {"training": len(table), "validation": len(valid)},
        "fingerprints": fingerprints(table, valid),
        "epochs_run": len(history),
        "kept_epoch": best or len(history),
    }


def program() -> Sequence[str]:
    """What to type to start this very program, from the same folder."""
    script = sys.argv[0]
    if Path(script).name == PROGRAM:
        return [PROGRAM if script == shutil.which(PROGRAM) else script]
    python = next((name for name in ("python", "python3") if shutil.which(name) == sys.executable), sys.executable)
    return [python, "-m", "tinygrad_mlp"]
