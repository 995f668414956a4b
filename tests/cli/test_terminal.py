"""On a terminal: a live line and colours, Ctrl-C; in a pipe: plain lines, and no complaint when it closes."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinygrad_mlp import cli, interrupting, terminal
from tinygrad_mlp.cli import progress
from tinygrad_mlp.training import History

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CURSOR = re.compile(r"\x1b\[[0-9]*[AK]")
TRAIN = "train --dataset points.csv --seed 1 --no-curves"


@pytest.fixture
def on_terminal(program, environment):
    """Run the command on a pseudo-terminal: its exit code and all that it wrote there."""

    def call(words, until=None, env=None):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*program, *words.split()],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=environment | {"TERM": "xterm-256color", "COLUMNS": "100", **(env or {})},
        )
        os.close(theirs)
        written = b""
        with os.fdopen(ours, "rb", buffering=0) as screen:
            try:
                while piece := screen.read(65536):
                    written += piece
                    if until and until in written:
                        process.send_signal(signal.SIGINT)
                        until = None
            except OSError:  # Linux's end of file on a terminal
                pass
        return process.wait(60), written.decode().replace("\r\n", "\n")

    return call


def test_a_terminal_shows_each_epoch_and_a_live_line(on_terminal, good, points):
    points()
    code, seen = on_terminal(f"{TRAIN} --epochs 40")
    assert code == 0
    plain = CURSOR.sub("", COLOUR.sub("", seen))
    expected = [line for line in good(f"{TRAIN} --epochs 40").splitlines() if line.startswith("epoch ")]
    assert [line.strip("\r ") for line in plain.splitlines() if line.strip("\r ").startswith("epoch ")] == expected
    assert CURSOR.search(seen)  # the live line was drawn over
    assert re.search(r"training .* 40/40 best val_loss \d\.\d{4} in epoch \d+", plain)
    assert COLOUR.search(seen)


def test_the_live_line_moves_on_within_an_epoch(on_terminal, folder):
    (folder / "points.csv").write_text("".join(f"{i % 7}.25,{i % 5}.5,{'ab'[i % 2]}\n" for i in range(100_000)))
    code, seen = on_terminal(f"{TRAIN} --epochs 1 --batch-size 20 --layer 4")
    assert code == 0
    plain = CURSOR.sub("", COLOUR.sub("", seen))
    before_the_epoch = plain[plain.index("training ") : plain.index("epoch 1/1 - ")]
    assert len(set(re.findall("training (━*╸?)", before_the_epoch))) > 3
    assert re.search(r" \d\d:\d\d\s", before_the_epoch)  # the time that is left


class FakeLine:
    def __init__(self):
        self.seen = []
        self.task_ids = [0]

    def add_task(self, name, **fields):
        self.seen.append(name)

    def start(self):
        self.seen.append("start")

    def update(self, task, completed, refresh):
        self.seen.append(completed)

    def stop(self):
        self.seen.append("stop")


def test_a_terminal_shows_how_far_the_reading_is_unless_it_is_done_at_once(monkeypatch, good, points):
    points(each=20_000)
    line = FakeLine()
    monkeypatch.setattr(progress, "live_line", lambda counted: None if counted else line)
    command = f"{TRAIN} --epochs 1 --batch-size 1000 --layer 2"
    good(command)  # no terminal
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    monkeypatch.setattr(progress, "PAUSE", 0)
    monkeypatch.setattr(progress, "PATIENCE", 3600)
    good(command)
    assert line.seen == []
    monkeypatch.setattr(progress, "PATIENCE", 0)
    good(command)
    name, start, *shares, stop = line.seen
    assert (name, start, stop) == ("reading points.csv", "start", "stop")
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert 0.99 < shares[-1] <= 1


def test_no_color_and_dumb_terminals_get_no_colours(on_terminal, points):
    points()
    code, seen = on_terminal(f"{TRAIN} --epochs 5", env={"NO_COLOR": "1"})
    assert code == 0
    assert "epoch 5/5" in seen
    assert not COLOUR.search(seen)
    code, seen = on_terminal(f"{TRAIN} --epochs 5", env={"TERM": "dumb"})
    assert code == 0
    assert "epoch 5/5" in seen
    assert "\x1b" not in seen


def test_an_empty_no_color_is_none(monkeypatch):
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "")
    assert terminal.styled("x", "bold") == "\x1b[1mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "0")
    assert terminal.styled("x", "bold") == "x"


def test_ctrl_c_ends_with_130_one_line_and_no_files(on_terminal, points, folder):
    points(each=200)
    code, seen = on_terminal("train --dataset points.csv --epochs 100000 --history h.csv", until=b"epoch 000005/")
    assert code == 130
    assert seen.endswith("tinygrad-mlp train: interrupted\n")
    assert "Traceback" not in seen
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") > 0  # the cursor is shown again
    assert [path.name for path in folder.iterdir()] == ["points.csv"]


def test_ctrl_c_in_a_pipe(program, environment, points, folder):
    points(each=200)
    process = subprocess.Popen(
        [*program, *["train", "--dataset", "points.csv", "--epochs", "100000"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 000003/"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "tinygrad-mlp train: interrupted\n")
    assert [path.name for path in folder.iterdir()] == ["points.csv"]


@pytest.fixture
def interrupted(environment, folder):
    """Start Python, send Ctrl-C while NumPy is being imported: the exit code, and what stands on stderr."""
    (folder / "numpy").mkdir()
    (folder / "numpy/__init__.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
    path = os.pathsep.join([str(folder), str(Path(cli.__file__).parents[2])])

    def call(*words, **how):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        start = [sys.executable, *words]
        with subprocess.Popen(start, env=environment | {"PYTHONPATH": path}, **pipes, **how) as process:
            assert process.stdout.readline() == "here\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=90)
        return process.returncode, err

    return call


def test_ctrl_c_during_the_imports_of_the_command_is_one_line(interrupted, folder):
    expected = (130, "tinygrad-mlp: interrupted\n")
    assert interrupted("-m", "tinygrad_mlp", "train") == expected
    (folder / "tinygrad-mlp").write_text("from tinygrad_mlp.cli import main\nmain()\n")
    assert interrupted(str(folder / "tinygrad-mlp"), "train") == expected


def test_ctrl_c_during_the_imports_of_another_program_is_its_own_affair(interrupted):
    code, err = interrupted("-c", "import tinygrad_mlp")
    assert code == -signal.SIGINT
    assert err.endswith("KeyboardInterrupt\n")


def test_once_it_runs_ctrl_c_is_an_exception_again_and_one_that_is_ignored_stays_so(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/tinygrad-mlp"])
    try:
        interrupting.guard()
        assert signal.getsignal(signal.SIGINT) is interrupting.leave
        with interrupting.raising():
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            with pytest.raises(interrupting.Terminated) as caught:
                signal.raise_signal(signal.SIGTERM)
            assert caught.value.code == 143
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # it ends: Python's own end is not interrupted
        interrupting.guard()
        with interrupting.raising():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_ctrl_c_while_a_model_is_written_leaves_the_old_one(run, good, points, folder, monkeypatch):
    points()
    good(f"{TRAIN} --epochs 1")
    before = (folder / "model.safetensors").read_bytes()

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    result = run(f"{TRAIN} --epochs 2")
    assert (result.code, result.err) == (130, "tinygrad-mlp train: interrupted\n")
    assert (folder / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", "points.csv"]


@pytest.mark.parametrize("words", ["train --dataset points.csv --epochs 3000", "train --help", "predict m new.csv"])
def test_a_closed_pipe_is_no_traceback(program, environment, good, points, words):
    points(each=1000)
    points("new.csv", each=999)
    good(f"{TRAIN} --epochs 1 --model m")
    process = subprocess.Popen(
        [*program, *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert err == b""
    # What fits into the pipe before it is closed is written; training goes on longer than that.
    assert process.wait(60) in ({141} if words.startswith("train --d") else {0, 141})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is needed")
def test_a_full_disk_is_one_line(program, environment):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*program, "--version"], stdout=full, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert (done.returncode, done.stderr) == (2, b"tinygrad-mlp: No space left on device\n")


def run_with(losses):
    history = History()
    for loss in losses:
        history.append({"loss": 1.0, "val_loss": loss})
    return SimpleNamespace(epoch=len(losses), epochs=200, history=history, validated=True)


def test_the_epoch_is_as_wide_as_the_total():
    assert progress.epoch_line(run_with([0.67884])) == "epoch 001/200 - loss: 1.0000 - val_loss: 0.6788"
    history = History()
    history.append({"loss": 0.5})
    alone = SimpleNamespace(epoch=1, epochs=9, history=history, validated=False)
    assert progress.epoch_line(alone) == "epoch 1/9 - loss: 0.5000"


def test_in_a_pipe_each_line_is_sent_at_once(monkeypatch):
    sent = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(sent, encoding="utf-8"))
    progress.EpochLines().epoch(run_with([0.5]))
    assert sent.getvalue() == b"epoch 001/200 - loss: 1.0000 - val_loss: 0.5000\n"


def test_without_rich_a_terminal_gets_plain_lines(monkeypatch, capsys):
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    lines = progress.EpochLines()
    state = run_with([0.5])
    lines.start(state)
    lines.epoch(state)
    lines.end(state)
    assert capsys.readouterr().out == "epoch 001/200 - loss: 1.0000 - val_loss: 0.5000\n"


def test_an_epoch_that_has_ended_is_shown_while_the_next_one_runs(monkeypatch, capsys):
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    monkeypatch.setattr(progress, "PAUSE", 3600)
    lines, state = progress.EpochLines(), run_with([0.5])
    lines.start(state)
    lines._written = time.monotonic()
    lines.epoch(state)
    assert "epoch 001/200" not in capsys.readouterr().out
    monkeypatch.setattr(progress, "PAUSE", 0)
    state.batch, state.batches = 3, 4
    lines.step(state)
    assert "epoch 001/200" in capsys.readouterr().out
    assert lines._live.tasks[0].completed == 1.75
    lines.end(state)


def test_a_loss_that_is_nan_is_never_the_best_of_the_live_line(monkeypatch, capsys):
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    monkeypatch.setattr(progress, "PAUSE", 0)
    lines = progress.EpochLines()
    for losses, expected in [([float("nan")], ""), ([float("nan"), 0.5, 0.6], "best val_loss 0.5000 in epoch 2")]:
        state = run_with(losses)
        lines.start(state)
        lines.epoch(state)
        assert lines._live.tasks[0].fields["best"] == expected
        lines.end(state)
    assert time.monotonic() > lines._written
    assert "epoch 003/200" in capsys.readouterr().out
