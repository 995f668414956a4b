"""`split`: two files beside the table, seeded and stratified, and a line for each that says what is in it."""

from pathlib import Path

from tinygrad_mlp.data import read_csv, split_csv


def test_two_files_with_their_rows_and_classes_in_words(good, raw):
    assert good("split raw.csv") == ("raw_train.csv  455 rows: B 286, M 169\nraw_valid.csv  114 rows: B 71, M 43\n")
    rows = Path(raw).read_text().splitlines()
    parts = [Path(f"raw_{part}.csv").read_text().splitlines() for part in ("train", "valid")]
    assert sorted(parts[0] + parts[1]) == sorted(rows)


def test_the_real_command_on_a_table_with_a_header(real, header):
    result = real("split header.csv --seed 4")
    assert (result.code, result.err) == (0, "")
    first = Path(header).read_text().splitlines()[0]
    for part, rows in (("train", 455), ("valid", 114)):
        lines = Path(f"header_{part}.csv").read_text().splitlines()
        assert (lines[0], len(lines)) == (first, rows + 1)


def test_seed_and_ratio_are_those_of_split_csv(good, raw):
    good("split raw.csv --ratio 0.7 --seed 5")
    found = [Path(f"raw_{part}.csv").read_bytes() for part in ("train", "valid")]
    split_csv(raw, ratio=0.7, seed=5)
    assert found == [Path(f"raw_{part}.csv").read_bytes() for part in ("train", "valid")]
    good("split raw.csv --ratio 0.7 --seed 6")
    assert found[0] != Path("raw_train.csv").read_bytes()


def test_the_table_as_an_option_and_the_parts_in_another_folder(good, points):
    points()
    Path("parts").mkdir()
    out = good("split --dataset points.csv --out_dir parts --ratio 0.5")
    assert out == "parts/points_train.csv  12 rows: a 6, b 6\nparts/points_valid.csv  12 rows: a 6, b 6\n"
    assert len(read_csv("parts/points_train.csv")) == 12
    assert not Path("points_train.csv").exists()


def test_the_label_by_name_or_position(good, bad):
    Path("numbers.csv").write_text("size,colour\n" + "1,0\n2,0\n3,1\n4,1\n")
    assert "say which is the label with --label NAME" in bad("split numbers.csv")
    by_name = good("split numbers.csv --label Colour --ratio 0.5")
    assert by_name == good("split numbers.csv --label 2 --ratio 0.5")
    assert by_name.splitlines()[0] == "numbers_train.csv  2 rows: 0 1, 1 1"


def test_a_file_that_begins_with_a_row_of_data_or_of_names(good):
    Path("years.csv").write_text("2001,2002,kind\n" + "3,4,a\n5,6,b\n" * 4)
    assert "4 rows: a 2, b 2" in good("split years.csv --header --ratio 0.5")
    Path("words.csv").write_text("p,q,a\nr,s,a\nt,u,b\nv,w,b\n")
    assert "2 rows: a 1, b 1" in good("split words.csv --no-header --label 3 --ratio 0.5")


def test_a_refused_table_leaves_no_file(bad, folder):
    Path("one.csv").write_text("x,kind\n1,a\n2,a\n3,b\n")
    assert "one.csv, line 4, column 2 ('kind'): class 'b' has 1 row" in bad("split one.csv")
    assert [path.name for path in folder.iterdir()] == ["one.csv"]
