"""Operations look like functions in the reference, and docstrings mean there what they mean in the source."""

from __future__ import annotations

import inspect

import pytest

pytest.importorskip("sphinx", reason="needs the [docs] extra")

from docutils.core import publish_doctree
from docutils.parsers.rst import roles
from sphinx_site.docstrings import as_function, as_restructured_text, attribute, code, on_signature

import tinygrad_mlp as tg


def signature(name: str) -> str:
    return str(inspect.signature(attribute(tg, name))).replace("'", "")


def test_the_signature_of_an_operation_is_that_of_its_calls() -> None:
    assert signature("exp") == "(x: Array) -> Array"
    assert signature("sum") == "(x: Array, axis: Axis = None, keepdims: bool = False) -> Array"
    assert tg.sum([[1.0, 2.0]], 1).tolist() == [3.0]  # options by position, as it says


def test_a_composition_gives_an_array_unless_it_says_what_else() -> None:
    assert signature("softmax_cross_entropy").endswith("-> Array")
    assert signature("slogdet").endswith("-> SignAndLog")


def test_options_of_an_operation_of_any_number_of_arrays_have_to_be_named() -> None:
    @tg.op
    def total(*xs, scale=1.0):
        """The sum of all."""
        return scale * sum(xs), *(lambda g: scale * g for _ in xs)

    assert str(inspect.signature(as_function(total))).startswith("(*xs, scale=1.0)")


def test_the_function_that_stands_for_an_operation_has_its_name_text_and_value() -> None:
    function = attribute(tg, "relu")
    assert inspect.isfunction(function)
    assert (function.__name__, function.__module__) == ("relu", "tinygrad_mlp.ops.activations")
    assert function.__doc__ == tg.relu.__doc__
    assert function([-1.0, 2.0]).tolist() == [0.0, 2.0]


def test_what_is_no_operation_is_left_as_it_is() -> None:
    assert attribute(tg, "fit") is tg.fit
    assert attribute(tg, "no such name", None) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2 * x * y and |x| and take_ and *all", "2 * x * y and |x| and take_ and *all"),
        ("the `Buffer`s of it", "the Buffers of it"),
        ("code `a * b_` is\nkept", "code a * b_ is\nkept"),
        ("a code `that is\nwrapped` here", "a code that is wrapped here"),
        (r"a `\n` in code", r"a \n in code"),
    ],
)
def test_prose_says_what_it_says_in_the_source(written: str, read: str) -> None:
    roles.register_local_role("code_or_name", code)
    text = f".. default-role:: code_or_name\n\n{as_restructured_text(written)}"
    document = publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
    assert document.astext() == read


def test_an_indented_block_is_code_and_a_section_is_not() -> None:
    assert as_restructured_text("As here:\n\n    a * b").split("\n\n") == ["As here:", "::", "    a * b"]
    section = "Args:\n    x: a * b.\n\n    y: c."
    assert as_restructured_text(section) == "Args:\n    x: a \\* b.\n\n    y: c."


def test_an_example_is_left_as_it_is() -> None:
    example = ">>> a * b_\n'|c|'"
    assert as_restructured_text(f"Text*\n\n{example}") == f"Text\\*\n\n{example}"


def test_a_type_in_a_signature_has_its_plain_name() -> None:
    parameters = "(body: Callable[[...], TypeAliasForwardRef('Rule')])"
    assert on_signature("function", "op", None, parameters, None) == ("(body: Callable[[...], Rule])", None)
