"""Histories: columns of numbers, and the file that gives them back exactly."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp.errors import DataError, StateError

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(
    lambda name: name != "epoch" and not {"\r", "\n"} & {*name}
)


def bits(column: list[float]) -> list[str]:
    """What two columns have alike only if they are the same: −0.0 is not 0.0, and NaN is NaN."""
    return [repr(number) for number in column]


@st.composite
def histories(draw: Any) -> tg.History:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    history = tg.History()
    for row in draw(st.lists(st.tuples(*[NUMBERS] * len(names)), max_size=5)):
        history.append(dict(zip(names, row, strict=True)))
    return history


@given(histories())
def test_a_history_reads_back_exactly(history: tg.History) -> None:
    """Whatever the numbers are, NaN and infinity too, and the names: commas, quotes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.csv"
        history.to_csv(path)
        again = tg.History.from_csv(path)
    assert again.names == history.names
    assert len(again) == len(history)
    for name in history.names:
        assert bits(again[name]) == bits(history[name])


@pytest.mark.parametrize("name", ["a,b", 'a"b', '"', "'", " loss", "#", "Genauigkeit ½"])
def test_any_name_reads_back_exactly(tmp_path: Path, name: str) -> None:
    history = tg.History()
    history.append({name: 0.5, "loss": 1})
    history.to_csv(tmp_path / "run.csv")
    assert tg.History.from_csv(tmp_path / "run.csv").names == [name, "loss"]


def test_a_history_file_is_plain_csv(tmp_path: Path) -> None:
    history = tg.History()
    history.append({"loss": 0.5, "accuracy": 1})
    history.append({"loss": float(np.float32(0.1)), "accuracy": float("nan")})
    history.append({"accuracy": -np.inf, "loss": 1e-300})
    history.to_csv(tmp_path / "run.csv")
    text = "epoch,loss,accuracy\n1,0.5,1.0\n2,0.10000000149011612,nan\n3,1e-300,-inf\n"
    assert (tmp_path / "run.csv").read_bytes() == text.encode()


def test_a_file_with_the_line_ends_of_windows_reads_too(tmp_path: Path) -> None:
    (tmp_path / "run.csv").write_bytes(b"epoch,loss\r\n1,0.5\r\n2,0.25\r\n")
    assert tg.History.from_csv(tmp_path / "run.csv")["loss"] == [0.5, 0.25]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "line 1: '', expected epoch,loss,"),
        (b"loss\n1\n", "line 1: 'loss', expected epoch,loss,"),
        (b"epoch,loss\n1,0.5\n3,0.4\n", "line 3: '3,0.4', expected epoch 2 and 1 numbers"),
        (b"epoch,loss\n2,0.5\n", "line 2: '2,0.5', expected epoch 1 and 1 numbers"),
        (b"epoch,loss\n1,half\n", "line 2: '1,half', expected epoch 1 and 1 numbers"),
        (b"epoch,loss\n1,0.5,7\n", "line 2: '1,0.5,7', expected epoch 1 and 1 numbers"),
        (b"epoch,loss\n1\n", "line 2: '1', expected epoch 1 and 1 numbers"),
        (b"epoch,loss\n1,0.5\n\n2,0.5\n", "line 3: '', expected epoch 2 and 1 numbers"),
        (b"epoch,loss,loss\n", "line 1: columns 'loss, loss': different names in one line each"),
        (b"epoch,\n", "line 1: columns '': different names in one line each"),
        (b"epoch,epoch\n", "line 1: columns 'epoch': different names in one line each"),
        (b"epoch\n1\n", "line 2: an epoch with no numbers"),
        (b'epoch,loss\n1,0.5\n2,"0.4\n', "line 3: unexpected end of data"),
        (b'epoch,"a\nb"\n1,half\n', "line 1: columns 'a\\nb': different names in one line each"),
        (b"epoch,loss\n1,0.5\n2,\xff\n", "line 3: the history is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_history_is_refused_with_file_and_line(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        tg.History.from_csv(path)
    assert str(caught.value).startswith(f"{path}, {text}")


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other\.csv: the history cannot be read: No such file"):
        tg.History.from_csv(tmp_path / "other.csv")
    with pytest.raises(DataError, match="the history cannot be read: Is a directory"):
        tg.History.from_csv(tmp_path)
    with pytest.raises(DataError, match=r"run\.csv: the history cannot be written: No such file"):
        tg.History().to_csv(tmp_path / "missing" / "run.csv")


def test_an_empty_history_has_no_columns_and_no_epochs(tmp_path: Path) -> None:
    history = tg.History()
    assert (history.names, len(history), repr(history)) == ([], 0, "History(0 epochs)")
    with pytest.raises(StateError, match="no column 'loss': it is empty"):
        history["loss"]
    history.to_csv(tmp_path / "run.csv")
    assert tg.History.from_csv(tmp_path / "run.csv").names == []


def test_epochs_have_the_columns_of_the_first_one_in_any_order() -> None:
    history = tg.History()
    history.append({"loss": 1, "accuracy": 0.5})
    history.append({"accuracy": 0.75, "loss": 2})
    assert (history["loss"], history["accuracy"], history.names) == ([1, 2], [0.5, 0.75], ["loss", "accuracy"])
    for numbers, said in (
        ({"loss": 1}, "fewer numbers than the epochs before, and without accuracy"),
        ({"loss": 1, "accuracy": 1, "f1": 1}, "f1, which the epochs before do not have$"),
        ({"los": 1, "accuracy": 1}, "los, which the epochs before do not have, and without loss"),
        ({}, "no numbers; at least one expected"),
    ):
        with pytest.raises(DataError, match=f"^an epoch with {said}"):
            history.append(numbers)
    with pytest.raises(StateError, match="no column 'val_loss': loss, accuracy"):
        history["val_loss"]
    assert len(history) == 2
    assert repr(history) == "History(2 epochs, loss 1 → 2, accuracy 0.5 → 0.75)"


def test_an_epoch_that_is_refused_leaves_no_trace() -> None:
    history = tg.History()
    wrong: Any = {"loss": "one", "accuracy": 1}
    with pytest.raises(ValueError, match="one"):
        history.append(wrong)
    with pytest.raises(DataError, match="an epoch with no numbers"):
        history.append({})
    for name in ("", "epoch", "a\nb", "a\rb"):
        with pytest.raises(DataError, match="names in one line each expected, none of them empty or 'epoch'"):
            history.append({name: 1})
    assert (history.names, len(history)) == ([], 0)
    history.append({"val_loss": 1})
    assert history.names == ["val_loss"]


def test_a_column_that_is_handed_out_is_a_copy() -> None:
    history = tg.History()
    history.append({"loss": 1})
    history["loss"].append(2)
    assert history["loss"] == [1]


def test_an_epoch_with_fewer_of_many_numbers_says_which() -> None:
    history = tg.History()
    history.append(dict.fromkeys("abcdefgh", 1.0))
    with pytest.raises(
        DataError, match="an epoch with fewer numbers than the epochs before, and without b, c, d, e and 3"
    ):
        history.append({"a": 1.0})
    assert len(history) == 1
