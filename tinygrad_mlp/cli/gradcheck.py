"""Check the gradients of a saved model on rows of a CSV file, or those of every operation of the package.

Every element is compared with a numeric derivative that knows its own uncertainty; what is wrong is named, with the
operation to blame. The exit code is 0 if all is right and 1 if not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tinygrad_mlp.checking import Report, gradcheck
from tinygrad_mlp.checking.all_operations import check_operations, table_of
from tinygrad_mlp.cli.labelled import labelled_rows
from tinygrad_mlp.cli.parser import UsageError, first_of
from tinygrad_mlp.cli.paths import check_inputs
from tinygrad_mlp.cli.predict import load, read_for
from tinygrad_mlp.cli.tables import add_column_options
from tinygrad_mlp.cli.values import whole
from tinygrad_mlp.data import Table
from tinygrad_mlp.files import TrainedModel

SUMMARY = "check the gradients of a saved model"
USAGE = "MODEL DATA.csv [options]\n       tinygrad-mlp gradcheck --all-ops"
EXAMPLES = """examples:
  tinygrad-mlp gradcheck model.safetensors data_valid.csv
  tinygrad-mlp gradcheck model.safetensors data.csv --only "layers.0.*"
  tinygrad-mlp gradcheck --all-ops"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `gradcheck`."""
    files = "the model and a table with its labels, or as options:"
    parser.add_argument("files", nargs="*", type=Path, metavar="MODEL DATA.csv", help=files)
    parser.add_argument("--model", type=Path, metavar="MODEL", help="the model, as train saved it")
    parser.add_argument("--dataset", type=Path, metavar="DATA.csv", help="the table")
    parser.add_argument("--all-ops", action="store_true", help="check every operation of the package instead")
    check = parser.add_argument_group("what to check")
    check.add_argument("--rows", type=whole(1), default=32, metavar="N", help="of the table: the first N rows (32)")
    patterns = 'parameters by name or pattern, such as "layers.0.*" (all)'
    check.add_argument("--only", nargs="+", metavar="NAME", help=patterns)
    check.add_argument("--order", type=whole(1), default=1, metavar="N", help="2: derivatives of gradients too (1)")
    most = "at most N elements, chosen at random, and random directions (5000)"
    check.add_argument("--elements", type=whole(1), default=5000, metavar="N", help=most)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    add_column_options(parser, task=False)


def run(arguments: argparse.Namespace) -> int:
    """Check, and print the report."""
    if arguments.order > 2:
        raise UsageError(f"--order is {arguments.order}; 1 or 2 is expected")
    given = {"MODEL": arguments.model, "DATA.csv": arguments.dataset}
    if arguments.all_ops:
        if arguments.files or any(given.values()):
            raise UsageError("--all-ops checks the package's operations: it takes no model and no table")
        return all_operations(arguments)
    files = first_of(arguments.files, given)
    check_inputs(files.values())
    trained = load(files["MODEL"])
    report = checked(trained, read_for(trained, files["DATA.csv"], arguments), arguments)
    if arguments.json:
        found = {"model": str(files["MODEL"]), "dataset": str(files["DATA.csv"]), **report.to_dict()}
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(report)
    return 0 if report.passed else 1


def checked(trained: TrainedModel, table: Table, arguments: argparse.Namespace) -> Report:
    """The report on a model, with the loss that it was trained with."""
    X, y, loss = labelled_rows(trained, table, arguments.rows)
    options = {"only": arguments.only, "order": arguments.order, "elements": arguments.elements}
    return gradcheck(trained.model.eval(), X, y, loss=loss, **options)


def all_operations(arguments: argparse.Namespace) -> int:
    """The table of all operations, line by line."""
    results = list(check_operations())
    wrong = [r for r in results if not r.report.passed]
    if arguments.json:
        rows = [
            {"operation": f"{r.module}.{r.name}", "errors": [r.worst(1), r.worst(2)], "verdict": r.report.verdict}
            for r in results
        ]
        print(json.dumps({"passed": not wrong, "operations": rows}))
    else:
        print("\n".join(table_of(results)))
        for r in wrong:
            print(f"\n{r.report}")
    return 1 if wrong else 0
