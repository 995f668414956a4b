"""`train --checkpoint` and `--resume`: what is interrupted goes on to the bytes of the run that never was."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tinygrad_mlp.files import read_checkpoint

TRAIN = "train --dataset points.csv --batch-size 4 --patience 500 --schedule cosine --dropout 0.2 --no-curves"
OUT = "--history {0}.csv --model {0}.safetensors"


def made(name):
    return [Path(f"{name}{end}").read_bytes() for end in (".csv", ".safetensors")]


def interrupt(program, environment, words, number, after=1, again=False):
    """Start a run, send it a signal once its checkpoint has so many epochs; its exit code and what it says."""
    with subprocess.Popen(
        [*program, *words.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        lines = 0
        for line in process.stdout:
            lines += line.startswith("epoch ")
            if lines == after:
                break
        process.send_signal(number)
        if again:
            time.sleep(0.002)
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize(("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "")])
def test_an_interrupted_run_goes_on_to_the_same_bytes(program, environment, good, points, folder, number, code, word):
    points(each=60)
    more = "--epochs 300 --gradient-norms"
    good(f"{TRAIN} {more} --seed 5 {OUT.format('whole')}")
    words = f"{TRAIN} {more} {OUT.format('parts')}"
    for after in (7, 90):
        kept = "--resume run" if Path("run").exists() else "--checkpoint run --seed 5"
        found, err = interrupt(program, environment, f"{words} {kept}", number, after)
        assert found == code
        start = f"tinygrad-mlp train: {word or 'interrupted'} after epoch "
        assert err.startswith(start)
        assert err.endswith(f"{words.removeprefix('train ')}{' --seed 5' * (after == 7)} --resume run\n")
        assert err.count("\n") == 1
        assert not read_checkpoint("run")["finished"]
        assert sorted(p.name for p in folder.iterdir()) == ["points.csv", "run", "whole.csv", "whole.safetensors"]
    out = good(f"{words} --resume run")  # without the seed, which the run knows
    assert made("parts") == made("whole")
    epoch = int(out.split("resumed from run, after epoch ")[1].split(",")[0].split("\n")[0])
    assert 90 < epoch < 300
    assert "seed     5\n" in out
    assert read_checkpoint("run")["finished"]


def test_the_command_that_is_told_goes_on(program, environment, run, points, folder):
    """Also where the words have quotes."""
    points("my points.csv", each=60)
    words = ["train", "--dataset", "my points.csv", "--epochs", "100000", "--no-curves", "--checkpoint=run 1"]
    process = subprocess.Popen([*program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    for line in process.stdout:
        if line.startswith(b"epoch 000002"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    told = shlex.split(err.decode().split("to go on: ")[1])
    assert told[1:] == [*words[:-1], "--resume", "run 1"]
    changed = run(*told[1:], "--epochs", "1")  # fewer than it has
    assert changed.code == 2
    assert "but this run ends after epoch 1" in changed.err


def test_a_second_signal_leaves_a_whole_file(program, environment, good, points):
    points(each=60)
    words = f"{TRAIN} --epochs 100000 --checkpoint run"
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        Path("run").unlink(missing_ok=True)
        assert interrupt(program, environment, words, number, 3, again=True)[0] == code
        assert read_checkpoint("run")["run"]["epoch"] >= 3


def test_sigterm_without_a_checkpoint_ends_with_one_line(program, environment, points, folder):
    points(each=60)
    code, err = interrupt(program, environment, f"{TRAIN} --epochs 100000", signal.SIGTERM)
    assert (code, err) == (143, "tinygrad-mlp train: terminated\n")
    assert [p.name for p in folder.iterdir()] == ["points.csv"]


def test_checkpoints_within_epochs(good, points):
    points()
    good(f"{TRAIN} --epochs 3 --seed 1 --checkpoint run --checkpoint-steps 2 {OUT.format('a')}")
    good(f"{TRAIN} --epochs 3 --seed 1 {OUT.format('b')}")
    assert made("a") == made("b")


def test_a_finished_run_may_be_replaced_and_an_unfinished_one_may_not(good, bad, program, environment, points, folder):
    points(each=60)
    interrupt(program, environment, f"{TRAIN} --epochs 100000 --checkpoint run", signal.SIGINT)
    before = Path("run").read_bytes()
    line = bad(f"{TRAIN} --epochs 100000 --checkpoint run")
    assert line.endswith("--checkpoint run has a run that is not finished: go on with --resume run, or remove the file")
    assert Path("run").read_bytes() == before
    Path("run").unlink()
    for seed in (1, 2):
        good(f"{TRAIN} --epochs 2 --seed {seed} --checkpoint run")
    assert read_checkpoint("run")["facts"]["seed"] == 2
    Path("notes").write_text("mine")
    assert "--checkpoint notes is another file, which stays as it is" in bad(f"{TRAIN} --checkpoint notes")
    assert Path("notes").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--resume run --learning-rate 0.2", "it has optimizer 'adam', this run 'sgd': a run goes on as it was begun"),
        ("--resume run --seed 2", "it has seed 1, this run 2"),
        ("--resume run --epochs 9", "it has epochs 3, this run 9"),
        ("--resume run --dataset others.csv", "its rows are other ones than those of this run"),
        ("--resume run --layer 3", "it has layer [24, 24], this run [3]"),
        ("--resume run --gradient-norms --history h.csv", "its callbacks are Scheduled, EarlyStopping, those of this"),
        ("--resume points.csv", "points.csv: the checkpoint cannot be read: not a whole safetensors file"),
        ("--resume runs", "runs: there is no such file; did you mean run?"),
        ("--resume run --checkpoint run", "not allowed with argument"),
        ("--resume run --model run", "cannot be the file of --model"),
        ("--resume run --folds 3 --no-curves", "--resume does not go with --folds"),
        ("--checkpoint new --folds 3", "--checkpoint does not go with --folds"),
        ("--checkpoint none/new", "there is no folder none"),
        ("--checkpoint-steps 3", "--checkpoint-steps needs --checkpoint FILE"),
    ],
)
def test_what_cannot_be_resumed_or_kept_is_refused_before_anything_is_written(good, bad, points, folder, words, reason):
    points()
    points("others.csv", each=13)
    base = TRAIN.replace(" --dropout 0.2", "")
    good(f"{base} --epochs 3 --seed 1 --checkpoint run --model m")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert reason in bad(f"{base} --epochs 3 --model m {words}")
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
