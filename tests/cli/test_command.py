"""The command as a whole: help, version, exit codes, and one clear line for whatever goes wrong."""

import os
import re
import sys
from pathlib import Path

import pytest

from tinygrad_mlp import cli
from tinygrad_mlp.cli import split


def test_help_lists_the_commands_with_what_they_do(good):
    text = good("--help")
    for name, module in cli.COMMANDS.items():
        assert re.search(rf"^ +{name} +{module.SUMMARY}$", text, re.MULTILINE)
    assert good() == text  # no words at all: what is there is shown


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_a_command_has_all_its_options_and_an_example(good, name):
    text = good(f"{name} --help")
    _, commands = cli.build_parsers()
    assert all(option in text for option in commands[name].options() if option != "--dataset" or name != "split")
    assert f"  tinygrad-mlp {name}" in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("\n\n\n") == 0
    assert text.startswith(f"usage: tinygrad-mlp {name} ")
    assert " [options]\n" in text


def test_script_and_module_are_the_same_program(good, real):
    expected = good("--help")
    assert real("--help") == (0, expected, "")
    assert real("--help", start=[sys.executable, "-m", "tinygrad_mlp"]) == (0, expected, "")


def test_version(good):
    assert re.fullmatch(r"tinygrad-mlp \d+\.\d+\.\d+\S*\n", good("--version"))


def test_help_imports_neither_matplotlib_nor_rich(real):
    code = (
        "import sys; from tinygrad_mlp import cli; cli.main(['train', '--help']);"
        "sys.exit(str({'matplotlib', 'rich'} & set(sys.modules) or 'none'))"
    )
    assert real("", start=[sys.executable, "-c", code]).err == "none\n"


def test_help_answers_at_once(real):
    """Beside the import of NumPy alone, so that a slow machine counts for both: measured 3.7 times (0.4 s)."""

    def seconds(words, **start):
        """Of the processor, of which other programs may take the rest."""
        before = os.times()
        assert real(words, **start).code == 0
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    pairs = [(seconds("--help"), seconds("", start=[sys.executable, "-c", "import numpy"])) for _ in range(5)]
    ours, numpy_alone = map(min, zip(*pairs, strict=True))
    assert ours / numpy_alone < 6


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("trian", "unknown command 'trian'; did you mean train?"),
        ("xyz", "unknown command 'xyz'; expected demo, split, train, compare, predict"),
        ("--epochs 3", "unknown option --epochs; `tinygrad-mlp --help` shows the options"),
        ("train --epoch 3", "unknown option --epoch; did you mean --epochs?"),
        ("train --Batch_Sise=3", "unknown option --Batch-Sise; did you mean --batch-size?"),
        ("train -epochs 3", "unknown option -epochs; did you mean --epochs?"),
        ("train --qqq", "unknown option --qqq; `tinygrad-mlp train --help` shows the options"),
        ("train --loss crossentropy", "--loss: unknown name 'crossentropy'; did you mean"),
        ("train --optimizer adm", "--optimizer: unknown name 'adm'; did you mean adam?"),
        ("train --optimizer x", "--optimizer: unknown name 'x'; expected sgd, rmsprop, adam"),
        ("train --activation rel", "--activation: unknown name 'rel'; did you mean relu?"),
        ("train --weights-initializer hee", "did you mean he?"),
        ("train --epochs x", "--epochs: 'x' given, a whole number of at least 1 is expected"),
        ("train --epochs 0", "--epochs: '0' given, a whole number of at least 1 is expected"),
        ("train --epochs 1.5", "--epochs: '1.5' given"),
        ("train --batch_size -3", "--batch-size: '-3' given"),
        ("train --layer 24 0", "--layer: '0' given, a whole number from 1 to 10,000 is expected"),
        ("train --learning_rate -0.1", "--learning-rate: '-0.1' given, a number above 0 is expected"),
        ("train --learning-rate 0", "--learning-rate: '0' given"),
        ("train --learning-rate nan", "--learning-rate: 'nan' given"),
        ("train --momentum 1", "--momentum: '1' given, a number of at least 0 and below 1 is expected"),
        ("train --epochs", "--epochs: expected one argument"),
        ("train --valid a.csv --valid-ratio 0.5", "not allowed with"),
        ("train", "--dataset FILE.csv is missing"),
        ("train points.csv", "unexpected 'points.csv'; did you mean --dataset points.csv?"),
        ("train --dataset point.csv", "point.csv: there is no such file; did you mean points.csv?"),
        ("train --dataset POINTS.CSV.gz", "POINTS.CSV.gz: there is no such file; did you mean points.csv?"),
        ("train --dataset qqq", "qqq: there is no such file"),
        ("train --dataset nowhere/points.csv", "nowhere/points.csv: there is no such folder"),
        ("train --dataset .", ".: that is a folder, a file is expected"),
        ("train --dataset points.csv --valid point.csv", "point.csv: there is no such file; did you mean points.csv?"),
        ("train --dataset points.csv --compare histry.csv", "histry.csv: there is no such file"),
        ("train --dataset points.csv --network net.toml", "net.toml: there is no such file"),
        (
            "train --dataset points.csv --label knd",
            "no column is named 'knd', which was to be the label; did you mean 'kind'?",
        ),
        ("train --dataset points.csv --label 9", "there is no column 9, expected 1 to 3 or a name"),
        ("train --dataset points.csv --ids z", "no column is named 'z', which was to be left out"),
        ("train --dataset text.csv", "leave it out with --ids word, or make it the label"),
        ("train --dataset two.csv", "say which is the label with --label NAME"),
        ("train --dataset points.csv --model no/m.safetensors", "--model no/m.safetensors: there is no folder no"),
        ("train --dataset points.csv --model .", "--model .: that is a folder"),
        ("train --dataset points.csv --history points.csv", "cannot be the file which is read from"),
        ("train --dataset points.csv --model a --history a", "--history a: cannot be the file of --model"),
        ("train --dataset points.csv --curves a.pdf", "--curves a.pdf: a file that ends in .png or .svg is expected"),
        ("train --dataset points.csv --curves a.png --no-curves", "--curves and --no-curves contradict each other"),
        ("train --dataset points.csv --compare a.csv --no-curves", "--compare and --no-curves contradict each other"),
        ("train --dataset points.csv --min-delta 0.1", "--min-delta needs --patience"),
        (
            "train --dataset points.csv --optimizer adam --momentum 0.9",
            "--momentum belongs to --optimizer sgd, not to adam",
        ),
        ("train --dataset points.csv --nesterov", "--nesterov needs a --momentum above 0"),
        ("split", "a file is missing: DATA.csv is expected"),
        ("split point.csv", "point.csv: there is no such file; did you mean points.csv?"),
        ("split points.csv more.csv", "unexpected 'more.csv': DATA.csv are known already"),
        ("split points.csv --ratio 1", "--ratio: '1' given, a number above 0 and below 1 is expected"),
        ("split points.csv --out-dir no", "--out-dir no: there is no such folder"),
        ("predict points.csv", "a file is missing: DATA.csv is expected"),
        ("predict model.safetensor points.csv", "model.safetensor: there is no such file"),
        ("predict points.csv points.csv", "points.csv: the model cannot be read: not a whole safetensors file"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(bad, points, words, expected):
    points()
    Path("text.csv").write_text("word,x,label\np,1,a\nq,2,b\np,3,a\nq,4,b\n")
    Path("two.csv").write_text("x,word,other\n1,p,a\n2,q,b\n")
    assert expected in bad(words)


def test_the_line_names_the_command(bad):
    assert bad("train --epoch 3").startswith("tinygrad-mlp train: ")
    assert bad("trian").startswith("tinygrad-mlp: ")


def test_the_real_command_ends_with_code_2_and_one_line(real):
    line = "tinygrad-mlp train: no.csv: there is no such file\n"
    assert real("train --dataset no.csv") == (2, "", line)


@pytest.mark.parametrize("words", ["--debug train --dataset no.csv", "train --dataset no.csv --debug"])
def test_debug_shows_where_the_error_was_raised(run, words):
    result = run(words)
    assert result.code == 2
    assert result.err.startswith("Traceback (most recent call last):\n")
    assert "in check_inputs" in result.err
    assert result.err.endswith("\ntinygrad-mlp train: no.csv: there is no such file\n")


def test_an_error_of_the_program_itself_is_told_from_bad_input(run, monkeypatch):
    def broken(arguments):
        raise ZeroDivisionError("a bug,\nin two lines")

    monkeypatch.setattr(split, "run", broken)
    result = run("split x.csv")
    assert result.code == 1
    assert result.err == (
        "tinygrad-mlp split: unexpected ZeroDivisionError: a bug, in two lines (--debug shows where; please report)\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "tinygrad-mlp split: interrupted\n"),
        (MemoryError("1 TiB"), 2, "tinygrad-mlp split: not enough memory: 1 TiB\n"),
        (PermissionError(13, "Permission denied", "x.csv"), 2, "tinygrad-mlp split: x.csv: Permission denied\n"),
        (OSError("odd"), 2, "tinygrad-mlp split: odd\n"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_what_stops_a_command_decides_its_exit_code(run, monkeypatch, error, code, line):
    def stopped(arguments):
        raise error

    monkeypatch.setattr(split, "run", stopped)
    result = run("split x.csv")
    assert (result.code, result.err) == (code, line)


def test_an_exit_that_is_none_of_these_is_passed_on(run, monkeypatch):
    def leaving(arguments):
        raise SystemExit(7)

    monkeypatch.setattr(split, "run", leaving)
    with pytest.raises(SystemExit, match="7"):
        run("split x.csv")


def test_a_terminal_without_the_signs_shows_question_marks_and_the_command_goes_on(real, points):
    points()
    result = real("train --dataset points.csv --epochs 1 --seed 1 --no-curves", PYTHONIOENCODING="ascii")
    assert (result.code, result.err) == (0, "")
    assert "???" in result.out
