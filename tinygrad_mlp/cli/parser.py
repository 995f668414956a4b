"""Options as they are typed: dashes or underscores, and for a misspelt one, what was probably meant."""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.spelling import instead

PROGRAM = "tinygrad-mlp"


class UsageError(OptionError):
    """What was typed cannot be run; the message is for whoever typed it."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UsageError` instead of printing its usage, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=Formatter, **options)
        self._positionals.title = "files"

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found."""
        message = re.sub(r"^argument (\S+): ", r"\1: ", message)
        raise UsageError(message if "did you mean" in message else f"{message}; {self.where_to_look()}")

    def where_to_look(self) -> str:
        """Where all the options are."""
        return f"`{self.prog} --help` shows the options"

    def options(self) -> list[str]:
        """The long options."""
        return [option for option in self._option_string_actions if option.startswith("--")]

    def reader(self, name: str) -> Callable[[str], Any] | None:
        """What reads the values of an option; None for a flag, which has none."""
        action = self._option_string_actions[f"--{name.replace('_', '-')}"]
        return action.type if callable(action.type) else None

    def again(self, words: Sequence[str], defaults: Mapping[str, Any]) -> argparse.Namespace:
        """The arguments that words stand for, which were parsed before, if other values stand for what is not there."""
        self.set_defaults(**defaults)
        return self.parse_args([spelled(word) for word in words])


class Formatter(argparse.HelpFormatter):
    """Help for terminals of 80 columns, with room for the names of options; indented text stays as it is written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=80)
        self._action_max_length = len("    gradcheck")  # argparse forgets that the names of commands are indented twice

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip().split("\n\n")
        return "\n\n".join(p if "\n  " in p else textwrap.fill(p, width) for p in paragraphs)


def add_command(parser: Parser, module: ModuleType) -> None:
    """Give a parser the options of a command, and its `run`."""
    module.add_options(parser)
    add_debug(parser)
    parser.set_defaults(run=module.run, words=())


def add_debug(parser: argparse.ArgumentParser) -> None:
    """Show `--debug` in the help. `main` takes it out before the words are parsed, wherever it stands."""
    parser.add_argument("--debug", action="store_true", help="after an error, show where in the program it happened")


def parse(parser: Parser, commands: Mapping[str, Parser], words: Sequence[str]) -> argparse.Namespace:
    """The arguments that the words stand for. Raises `UsageError`; `SystemExit` after --help."""
    first = words[0]
    if first not in commands and not first.startswith("-"):
        raise UsageError(f"unknown command {first!r}; {instead(first, commands)}")
    chosen = commands.get(first, parser)
    words = [spelled(word) for word in words]
    for word in words[1 if chosen is not parser else 0 :]:
        name = word.partition("=")[0]
        if name == "--":
            break
        if name.startswith("--") and name not in chosen.options():
            raise unknown_option(name, chosen)
    arguments, rest = parser.parse_known_args(words)
    if rest and re.match(r"-[A-Za-z]", rest[0]):
        raise unknown_option(rest[0], chosen)
    if rest:
        meant = f"did you mean --dataset {shlex.quote(rest[0])}?" if rest[0].lower().endswith(".csv") else ""
        raise UsageError(f"unexpected {rest[0]!r}; {meant or chosen.where_to_look()}")
    if not hasattr(arguments, "run"):
        raise UsageError(f"a command is expected: {', '.join(commands)}")
    return arguments


def unknown_option(name: str, parser: Parser) -> UsageError:
    """An error about an option that a command does not have."""
    meant = instead(name, parser.options(), listed=False)
    return UsageError(f"unknown option {name}; {meant or parser.where_to_look()}")


def without_flag(words: Sequence[str], flag: str) -> tuple[list[str], bool]:
    """The words without a flag that may stand anywhere before `--`, and whether it was there."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != flag]
    return [*kept, *words[end:]], len(kept) < end


def spelled(word: str) -> str:
    """An option with dashes for underscores (`--batch_size=8` is `--batch-size=8`); any other word as it is."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value


def in_options(message: str) -> str:
    """A message that names arguments of Python functions, with the options that stand for them here."""
    argument = re.compile(r"""\b(label|ids)=(?:(['"])(?P<name>.*?)\2|(?P<position>[0-9]+))""")
    message = argument.sub(lambda found: f"--{found[1]} {shlex.quote(found['name'] or found['position'])}", message)
    message = re.sub(r"\bsay which is the label=", "say which is the label with --label NAME", message)
    message = re.sub(r"\b(label|ids)=", r"--\1", message)
    return message.replace("header=True", "--header").replace("header=False", "--no-header")


def first_of(files: Sequence[Path], wanted: Mapping[str, Path | None]) -> dict[str, Path]:
    """Files by their role, each given as an option or else in its turn by its position.

    Raises `UsageError` if one is missing, or if there are more files than roles.
    """
    rest = list(files)
    found = {}
    for role, given in wanted.items():
        path = given or (rest.pop(0) if rest else None)
        if path is None:
            raise UsageError(f"a file is missing: {role} is expected")
        found[role] = path
    if rest:
        raise UsageError(f"unexpected {str(rest[0])!r}: {' and '.join(wanted)} are known already")
    return found
