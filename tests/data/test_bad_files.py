"""Files that cannot be used: each is refused with what is wrong and the place, as an editor counts lines."""

from pathlib import Path

import pytest

from tinygrad_mlp.data import read_csv
from tinygrad_mlp.errors import DataError

GOOD = "id,diagnosis,radius,area\n1,M,1.5,10\n2,B,2.5,20\n3,M,3.5,30\n"


def good_but(old, new, text=GOOD):
    assert text.count(old) == 1
    return text.replace(old, new)


# what the file holds, where the message puts the fault, what it says (all parts), how the file is read
CASES = {
    "text in a feature": (good_but("2.5", "abc"), ", line 3, column 3 ('radius')", ["'abc' is not a number"], {}),
    "empty cell": (good_but("2.5", ""), ", line 3, column 3 ('radius')", ["empty", "expected a number"], {}),
    "blank cell": (good_but("20", "  "), ", line 3, column 4 ('area')", ["empty"], {}),
    "empty quoted cell": (good_but("20", '""'), ", line 3, column 4 ('area')", ["empty"], {}),
    "a whole column of empty cells": ("1.5,,M\n2.5,,B\n", ", line 1, column 2", ["the cell is empty"], {}),
    "question mark": (good_but("30", "?"), ", line 4, column 4 ('area')", ["'?' is not a number"], {}),
    "nan": (good_but("30", "nan"), ", line 4, column 4 ('area')", ["'nan' is not a number"], {}),
    "infinity": (good_but("30", "-inf"), ", line 4, column 4 ('area')", ["'-inf' is not a number"], {}),
    "underscore": (good_but("30", "1_000"), ", line 4, column 4 ('area')", ["'1_000' is not a number"], {}),
    "hexadecimal": (good_but("30", "0x1F"), ", line 4, column 4 ('area')", ["'0x1F' is not a number"], {}),
    "overflow": (good_but("30", "1e400"), ", line 4, column 4 ('area')", ["'1e400' is too large for a float64"], {}),
    "Arabic digits": (good_but("30", "٣٠"), ", line 4, column 4 ('area')", ["'٣٠' is not a number"], {}),
    "decimal comma": (good_but("3.5", '"3,5"'), ", line 4, column 3 ('radius')", ["'3,5' is not a number"], {}),
    "NA in the first row": (good_but("1.5", "NA"), ", line 2, column 3 ('radius')", ["'NA' is not a number"], {}),
    "two faults: the first": (good_but("3.5", "x", good_but("1.5", "y")), ", line 2, column 3", ["'y'"], {}),
    "a whole column of text": (
        "diagnosis,name,area\nM,ann,1\nB,bob,2\n",
        ", line 2, column 2 ('name')",
        ["'ann' is not a number", "the whole column is text", "ids='name'"],
        {},
    ),
    "a whole column of text, no header": (
        "1.5,ann,M\n2.5,bob,B\n",
        ", line 1, column 2",
        ["'ann' is not a number", "the whole column is text", "ids=2,"],
        {"label": 3},
    ),
    "text in a file without a header": ("7,M,1.5\n7,B,x\n", ", line 2, column 3", ["'x' is not a number"], {}),
    "cell after a quoted line break": (
        'name,y,area\n"a\nb",M,x\n"c",B,2\n',
        ", line 3, column 3 ('area')",
        ["'x' is not a number"],
        {"ids": "name"},
    ),
    "cell before a quoted line break": (
        'area,y,name\nx,M,"a\nb"\n1,B,"c"\n',
        ", line 2, column 1 ('area')",
        ["'x' is not a number"],
        {"ids": "name"},
    ),
    "row after a quoted line break": (
        'name,y,area\r\n"a\r\nb",M,1\r\n"c",B,x\r\n',
        ", line 4, column 3 ('area')",
        ["'x' is not a number"],
        {"ids": "name"},
    ),
    "fault in CRLF": (good_but("3.5", "x").replace("\n", "\r\n"), ", line 4, column 3 ('radius')", ["'x'"], {}),
    "fault in CR": (good_but("3.5", "x").replace("\n", "\r"), ", line 4, column 3 ('radius')", ["'x'"], {}),
    "fault after a byte order mark": ("\ufeff" + good_but("3.5", "x"), ", line 4, column 3 ('radius')", ["'x'"], {}),
    "empty label": (good_but("B", ""), ", line 3, column 2 ('diagnosis')", ["label is empty"], {}),
    "blank label": (good_but("B", " "), ", line 3, column 2 ('diagnosis')", ["label is empty"], {}),
    "empty first label, found by its text": (
        "1.5,,3\n1.5,M,4\n",
        ", line 1, column 2",
        ["label is empty"],
        {},
    ),
    "unknown class": (
        good_but("B", "X"),
        ", line 3, column 2 ('diagnosis')",
        ["'X' is an unknown class", "expected one of 'B', 'M'"],
        {"classes": ("B", "M")},
    ),
    "a row too short": (good_but("2,B,2.5,20", "2,B,2.5"), ", line 3", ["3 columns, expected 4 as in line 1"], {}),
    "a row too long": (good_but("2,B,2.5,20", "2,B,2.5,20,"), ", line 3", ["5 columns, expected 4 as in line 1"], {}),
    "a row of one word": (good_but("2,B,2.5,20", "total"), ", line 3", ["1 column, expected 4 as in line 1"], {}),
    "a blank line in the middle": (good_but("3,M", "\n3,M"), ", line 4", ["blank line"], {}),
    "a blank line of spaces": (good_but("3,M", " \t \n3,M"), ", line 4", ["blank line"], {}),
    "a blank line at the top": ("\n" + GOOD, ", line 1", ["blank line"], {}),
    "two blank lines: the first": (good_but("3,M", "\n\n3,M"), ", line 4", ["blank line"], {}),
    "doubled carriage returns": (GOOD.replace("\n", "\r\r\n"), ", line 2", ["blank line"], {}),
    "a quote never closed": (good_but("2.5", '"2.5'), ", line 3", ["quote", "never closed"], {}),
    "a quote never closed, before much text": (
        good_but("2.5", '"2.5') + "4,M,1,1\n" * 20_000,
        ", line 3",
        ["more than 131072 characters", "quote left open"],
        {},
    ),
    "text after a closing quote": (good_but("2.5", '"2.5"x'), ", line 3", ["after a closing quote"], {}),
    "a NUL byte": (good_but("2.5", "2\0.5"), ", line 3", ["NUL byte"], {}),
    "Latin-1": (good_but("2.5", "é").encode("latin-1"), ", line 3", ["byte 0xe9 is not valid UTF-8"], {}),
    "Latin-1 after CR": (
        good_but("2.5", "é").replace("\n", "\r").encode("latin-1"),
        ", line 3",
        ["byte 0xe9 is not valid UTF-8"],
        {},
    ),
    "a truncated character": (GOOD.encode() + b"4,\xc3", ", line 5", ["0xc3 is not valid UTF-8"], {}),
    "UTF-16": (GOOD.encode("utf-16"), ", line 1", ["UTF-16", "expected UTF-8"], {}),
    "two columns of one name": (
        good_but("radius", "area", GOOD),
        ", line 1, column 4",
        ["'area' is already that of column 3"],
        {},
    ),
    "two columns of one name but for blanks": (
        good_but("radius", " area ", GOOD),
        ", line 1, column 4",
        ["'area' is already that of column 3"],
        {},
    ),
    "a column without a name": (good_but("radius", ""), ", line 1, column 3", ["empty name"], {}),
    "nothing": ("", "", ["the file is empty"], {}),
    "nothing but a byte order mark": ("\ufeff", "", ["the file is empty"], {}),
    "nothing but blank lines": ("\n \n\r\n", "", ["the file is empty"], {}),
    "a header and no row": ("id,diagnosis,area\n", ", line 1", ["a header and no row after it"], {}),
    "a header and blank lines": ("id,diagnosis,area\n\n\n", ", line 1", ["a header and no row after it"], {}),
    "one column": ("area\n1\n2\n", ", line 1", ["1 column, expected a label and features"], {}),
    "semicolons": (GOOD.replace(",", ";"), ", line 1", ["separated by semicolons, expected commas"], {}),
    "tabs": (GOOD.replace(",", "\t"), ", line 1", ["separated by tabs, expected commas"], {}),
    "bars": (GOOD.replace(",", "|"), ", line 1", ["separated by vertical bars, expected commas"], {}),
    "semicolons and decimal commas": ("1,5;M\n2,5;B\n", ", line 1", ["separated by semicolons"], {"label": 2}),
}


@pytest.mark.parametrize(("content", "place", "says", "options"), CASES.values(), ids=CASES.keys())
def test_a_bad_file_is_refused_with_its_place(tmp_path, content, place, says, options):
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read_csv(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}{place}")
    assert message[len(f"{path}{place}")] in ": "
    for words in says:
        assert words in message
    assert "\n" not in message


def test_the_good_file_is_good(tmp_path):
    (tmp_path / "good.csv").write_text(GOOD)
    table = read_csv(tmp_path / "good.csv")
    assert table.features.tolist() == [[1.5, 10], [2.5, 20], [3.5, 30]]


def test_a_fault_far_down_is_found_by_its_line(tmp_path):
    lines = ["y,a,b", *(f"{'MB'[i % 2]},{i},{i}.5" for i in range(20_000))]
    lines[15_000] = "M,1,oops"
    (tmp_path / "long.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"long\.csv, line 15001, column 3 \('b'\): 'oops' is not a number$"):
        read_csv(tmp_path / "long.csv")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: the file cannot be read: No such file or directory"):
        read_csv(tmp_path / "none.csv")


def test_a_directory(tmp_path):
    with pytest.raises(DataError, match="the file cannot be read: Is a directory"):
        read_csv(tmp_path)


def test_a_file_without_permission(tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "secret.csv").write_text("1,M\n")
    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so the mode bits would not do
    with pytest.raises(DataError, match=r"secret\.csv: the file cannot be read: Permission denied$"):
        read_csv(tmp_path / "secret.csv")


def test_a_path_with_a_nul():
    with pytest.raises(DataError, match="the file cannot be read"):
        read_csv("a\0b.csv")
