"""How words are read: spellings, suggestions, files by position, and values."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mlp.cli.parser import UsageError, first_of, in_options, spelled, without_flag
from tinygrad_mlp.cli.values import number, one_of, whole
from tinygrad_mlp.spelling import instead, plain

words = st.text("abcXYZ-_ =.0", max_size=12)


@given(words, words)
def test_only_the_name_of_an_option_is_respelled(name, value):
    option = f"--{name.replace('=', '')}"
    assert spelled(f"{option}={value}") == f"{option.replace('_', '-')}={value}"
    assert spelled(value.lstrip("-")) == value.lstrip("-")


@given(words)
def test_spelling_twice_is_spelling_once(word):
    assert spelled(spelled(word)) == spelled(word)
    assert plain(plain(word)) == plain(word)


@given(st.sampled_from(["categoricalCrossentropy", "leaky_relu", "he_normal"]), st.randoms(use_true_random=False))
def test_a_name_is_known_in_any_case_and_with_any_dashes(name, random):
    typed = "".join(random.choice([c.upper(), c.lower(), f"-{c}", f"{c}_"]) for c in name)
    assert one_of([name, "other"])(typed) == name


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("epoch", "did you mean epochs?"),
        ("EPOCHS", "did you mean epochs?"),
        ("batchsize", "did you mean batch-size?"),
        ("lerning", "did you mean learning-rate?"),
        ("lerning_rate", "did you mean learning-rate?"),
        ("learn", "did you mean learning-rate?"),
        ("e", "expected epochs, batch-size, learning-rate"),
    ],
)
def test_what_was_probably_meant(word, expected):
    assert instead(word, ["epochs", "batch-size", "learning-rate"]) == expected
    if expected.startswith("expected"):
        assert instead(word, ["epochs", "batch-size", "learning-rate"], listed=False) == ""


def test_a_flag_counts_anywhere_before_two_dashes():
    assert without_flag(["a", "--debug", "b"], "--debug") == (["a", "b"], True)
    assert without_flag(["a", "--", "--debug"], "--debug") == (["a", "--", "--debug"], False)


def test_files_by_option_or_by_position():
    a, b = Path("a"), Path("b")
    assert first_of([a, b], {"M": None, "D": None}) == {"M": a, "D": b}
    assert first_of([b], {"M": a, "D": None}) == {"M": a, "D": b}
    assert first_of([a], {"M": None, "D": b}) == {"M": a, "D": b}
    with pytest.raises(UsageError, match="a file is missing: D is expected"):
        first_of([a], {"M": None, "D": None})
    with pytest.raises(UsageError, match="unexpected 'b': M and D are known already"):
        first_of([b], {"M": a, "D": a})


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "leave it out with ids='Area mean', or make it the label",
            "leave it out with --ids 'Area mean', or make it the label",
        ),
        ("leave it out with ids=4", "leave it out with --ids 4"),
        ("say which is the label=. The file", "say which is the label with --label NAME. The file"),
        ("say header=True if it is a header, header=False if", "say --header if it is a header, --no-header if"),
        ("a label of 3 is expected", "a label of 3 is expected"),
    ],
)
def test_arguments_of_functions_become_options(message, expected):
    assert in_options(message) == expected


@given(st.integers(-50, 50))
def test_whole_numbers_within_their_range(n):
    read = whole(-3, 20)
    if -3 <= n <= 20:
        assert read(str(n)) == n
    else:
        with pytest.raises(ArgumentTypeError, match=f"'{n}' given, a whole number from -3 to 20 is expected"):
            read(str(n))


@pytest.mark.parametrize("text", ["", "1.0", "1e3", "٣", "1_000", " 1", "0x10", "1" * 5000])
def test_what_is_no_whole_number(text):
    with pytest.raises(ArgumentTypeError, match="a whole number of at least 0 is expected"):
        whole(0)(text)


@given(st.floats(-2, 2))
def test_numbers_within_their_range(x):
    read = number(0, 1, above=True)
    if 0 < x < 1:
        assert read(repr(x)) == x
    else:
        with pytest.raises(ArgumentTypeError, match="a number above 0 and below 1 is expected"):
            read(repr(x))


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e400", "1_0", "0x1", "½"])
def test_what_is_no_number(text):
    with pytest.raises(ArgumentTypeError, match="a number of at least 0 is expected"):
        number()(text)
