"""The command `tinygrad-mlp`: split a table, train networks on it, compare and use them; and a demo.

One file a command. What goes wrong because of what was asked for ends in one line on stderr and exit code 2.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import Any

from tinygrad_mlp.cli import compare, defend, demo, draw, gradcheck, predict, split, train
from tinygrad_mlp.cli.parser import PROGRAM, Parser, add_command, add_debug, in_options, parse, without_flag
from tinygrad_mlp.errors import TinygradMlpError, TrainingWarning
from tinygrad_mlp.interrupting import INTERRUPTED, Terminated, raising

COMMANDS: dict[str, ModuleType] = {
    "demo": demo,
    "split": split,
    "train": train,
    "compare": compare,
    "predict": predict,
    "draw": draw,
    "defend": defend,
    "gradcheck": gradcheck,
}

INTERNAL_ERROR, BAD_INPUT, BROKEN_PIPE = 1, 2, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: the words after `tinygrad-mlp`; those of the process if None.

    Returns:
        0; 2 after bad input (an unknown option, a file that cannot be used, …); 130 after Ctrl-C, 143 after SIGTERM;
        141 if whoever read the output has gone; 1 for an error that is the program's own.
    """
    words, debug = without_flag(sys.argv[1:] if argv is None else argv, "--debug")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no ─ shows ?, and the command goes on
    try:
        with raising(), warning_lines(title(words)):
            code = run(words)
            sys.stdout.flush()
        return code
    except BaseException as error:
        code, message = outcome(error)
        if debug:
            traceback.print_exc()
    if isinstance(sys.stdout, io.TextIOWrapper):
        silence(sys.stdout)
    if message:
        print(f"{title(words)}: {' '.join(message.split())}", file=sys.stderr)
    return code


def title(words: Sequence[str]) -> str:
    """The program, and the command that the words name: what stands before a message."""
    return next((f"{PROGRAM} {word}" for word in words[:1] if word in COMMANDS), PROGRAM)


@contextmanager
def warning_lines(name: str) -> Iterator[None]:
    """Let the package's warnings be lines on stderr, `tinygrad-mlp train: warning: …`, with no place in the program."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, TrainingWarning):
            print(f"{name}: warning: {' '.join(in_options(str(message)).split())}", file=sys.stderr)
        else:
            shown(message, category, *place, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", TrainingWarning)
        setattr(warnings, "showwarning", show)  # noqa: B010 - as an assignment, mypy wants the same argument names
        yield


def run(words: Sequence[str]) -> int:
    """Run the command that the words ask for."""
    if without_flag(words, "--version")[1]:
        print(f"{PROGRAM} {version('tinygrad_mlp')}")
        return 0
    parser, commands = build_parsers()
    if not words:
        parser.print_help()
        return 0
    try:
        arguments = parse(parser, commands, words)
    except SystemExit:  # --help
        return 0
    arguments.words = tuple(words[1:])
    return int(arguments.run(arguments))


def build_parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the program, and those of its commands by name."""
    parser = Parser(
        prog=PROGRAM,
        description="Train small neural networks on tables, and use them.",
        epilog=f"Start with `{PROGRAM} demo`. `{PROGRAM} COMMAND --help` shows the options of a command.",
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    add_debug(parser)
    places = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    commands: dict[str, Parser] = {}
    for name, module in COMMANDS.items():
        usage = f"{PROGRAM} {name} {module.USAGE}"
        commands[name] = places.add_parser(
            name, usage=usage, help=module.SUMMARY, description=module.__doc__, epilog=module.EXAMPLES
        )
        add_command(commands[name], module)
    return parser, commands


def outcome(error: BaseException) -> tuple[int, str]:
    """The exit code after an error, and what to say about it: nothing if nobody reads any more."""
    match error:
        case BrokenPipeError():
            return BROKEN_PIPE, ""
        case KeyboardInterrupt():
            return INTERRUPTED, str(error) or "interrupted"
        case Terminated():
            return int(str(error.code)), error.message
        case TinygradMlpError() | OSError():
            return BAD_INPUT, in_options(described(error))
        case MemoryError():
            return BAD_INPUT, f"not enough memory: {error}"
        case Exception():
            return INTERNAL_ERROR, f"unexpected {type(error).__name__}: {error} (--debug shows where; please report)"
        case _:
            raise error


def described(error: Exception) -> str:
    """The message of an error; an error of the operating system with the file that it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def silence(stream: io.TextIOWrapper) -> None:
    """Send what a stream still holds, or if it cannot be sent (a closed pipe, a full disk), throw it away.

    Python flushes the stream once more at exit, and would complain.
    """
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


__all__ = ["main"]
