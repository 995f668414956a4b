"""The command `tinygrad-mlp`: split a table, train a network on it, predict with it; and a demo of all three.

One file a command. What goes wrong because of what was asked for ends in one line on stderr and exit code 2.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence

from tinygrad_mlp.cli import demo, predict, split, train
from tinygrad_mlp.cli.parser import PROGRAM, Parser, UsageError, in_options, parse, without_flag
from tinygrad_mlp.errors import TinygradMlpError

COMMANDS = {"demo": demo, "split": split, "train": train, "predict": predict}

BAD_INPUT, INTERNAL_ERROR, INTERRUPTED, BROKEN_PIPE = 2, 1, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: the words after `tinygrad-mlp`; those of the process if None.

    Returns:
        0; 2 after bad input (an unknown option, a file that cannot be used, …); 130 after Ctrl-C; 141 if whoever read
        the output has gone; 1 for an error that is the program's own.
    """
    words, debug = without_flag(sys.argv[1:] if argv is None else argv, "--debug")
    name = next((f"{PROGRAM} {word}" for word in words[:1] if word in COMMANDS), PROGRAM)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no ─ shows ?, and the command goes on
    try:
        code = run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return BROKEN_PIPE
    except KeyboardInterrupt:
        code, message = INTERRUPTED, "interrupted"
    except (TinygradMlpError, OSError) as error:
        code, message = BAD_INPUT, in_options(described(error))
    except MemoryError as error:
        code, message = BAD_INPUT, f"not enough memory: {error}"
    except Exception as error:
        code, message = INTERNAL_ERROR, f"unexpected {type(error).__name__}: {error} (--debug shows where; please report)"
    if debug:
        traceback.print_exc()
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    return code


def run(words: Sequence[str]) -> int:
    """Run the command that the words ask for."""
    if without_flag(words, "--version")[1]:
        from importlib.metadata import version

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
    arguments.words = list(words[1:])
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
        commands[name] = command = places.add_parser(
            name, help=module.SUMMARY, description=f"{module.__doc__}", epilog=module.EXAMPLES
        )
        module.add_options(command)
        add_debug(command)
        command.set_defaults(run=module.run)
    return parser, commands


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Show `--debug` in the help. `main` takes it out before the words are parsed, wherever it stands."""
    parser.add_argument("--debug", action="store_true", help="after an error, show where in the program it happened")


def described(error: Exception) -> str:
    """The message of an error; an error of the operating system with the file that it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


__all__ = ["UsageError", "main"]
