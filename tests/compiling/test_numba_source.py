"""The code that the Numba backend writes computes what every operation does; what it has no code for is known.

The code is Python, so it is run as it stands here. To compile it takes seconds for each program, and is done for some.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from compiling.test_function import NAMED, close, others, with_gradients
from ops.all_rows import Case

import tinygrad_mlp as tg
from tinygrad_mlp.compiling import native, numba_parts
from tinygrad_mlp.compiling.function import FunctionTrace
from tinygrad_mlp.compiling.grouping import SCALAR, UnsupportedError
from tinygrad_mlp.compiling.kernels import KERNELS
from tinygrad_mlp.compiling.native import Native
from tinygrad_mlp.compiling.numba_source import DECORATOR, HEAD
from tinygrad_mlp.compiling.passes import simplified
from tinygrad_mlp.errors import LabelError
from tinygrad_mlp.testing import random_graph
from tinygrad_mlp.tracing.program import mapped

WITHOUT_CODE = {
    "checked_fractions of a single number": "binary_cross_entropy binary_cross_entropy_with_logits",
    "inverse": "inv matrix_power",
    "solution": "solve",
    "determinant": "det",
    "by_singular_values": "cofactors",
    "log_of_size": "log_determinant",
    "sign_of_size": "sign_of_determinant slogdet",
    "lower_root": "cholesky",
    "pseudo_inverse": "pinv",
    "einsum in this form, or of large arrays": "contract einsum",
    "an index that is a single number": "embedding",
    "add_at of an array that is broadcast": "pad",
    "all": "nanmax nanmin",
    "by_doubling": "cumprod recurrence",
    "argsort": "median percentile quantile sort",
    "levelled": "level",
    "sinc_derivative": "sinc",
    "round": "round",
    "nan_to_num": "nan_to_num",
}
"""What there is no code for, and operations that need it, in some of their cases."""


@pytest.fixture(autouse=True)
def as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the code without compiling it."""

    def loaded(text: str) -> Any:
        module = types.ModuleType("interpreted")
        module.__dict__.update(np=np, math=math)
        for line in (HEAD, DECORATOR, DECORATOR.replace("cache=True, ", "")):
            text = text.replace(line, "")
        exec(compile(text, "<program>", "exec"), module.__dict__)
        return module

    monkeypatch.setattr(native, "loaded", loaded)
    monkeypatch.setitem(SCALAR, np.sign, "np.sign({0})")  # the machine subtracts truth values, and NumPy does not


def interpreted(function: Callable[..., Any], *inputs: Any) -> Callable[..., Any]:
    """What the code for a function of arrays computes."""
    trace = FunctionTrace(function, inputs, [np.asarray(x) for x in inputs], [], KERNELS)
    runner = Native(simplified(trace.program), trace.arrays, {})

    def call(*values: Any) -> Any:
        for place, value in zip(trace.arrays, values, strict=True):
            place[...] = value
        with np.errstate(all="ignore"):
            runner.run()
        return mapped(runner.outputs, lambda x: np.array(x))

    return call


@pytest.mark.parametrize("case", [case for _, case in NAMED], ids=[name for name, _ in NAMED])
def test_the_code_of_every_operation_computes_it_with_its_gradients(case: Case) -> None:
    function = partial(with_gradients, case)
    try:
        call = interpreted(function, *case.inputs)
    except UnsupportedError as error:
        reason = str(error).removeprefix("the Numba backend has no code for ")
        assert case.name in WITHOUT_CODE.get(reason, "").split(), reason
        return
    for inputs in (case.inputs, others(case), case.inputs):
        y, slopes = function(*inputs)
        value, gradients = call(*inputs)
        close(value, y)
        for actual, expected in zip(gradients, slopes, strict=True):
            close(actual, expected)


def test_the_list_of_what_has_no_code_holds_nothing_that_has() -> None:
    missing: dict[str, set[str]] = {}
    for _, case in NAMED:
        try:
            interpreted(partial(with_gradients, case), *case.inputs)
        except UnsupportedError as error:
            missing.setdefault(str(error).removeprefix("the Numba backend has no code for "), set()).add(case.name)
    assert {reason: set(names.split()) for reason, names in WITHOUT_CODE.items()} == missing


@pytest.mark.parametrize("seed", range(60))
def test_the_code_of_random_functions_computes_them_with_their_gradients(seed: int) -> None:
    f = random_graph(seed)

    def slopes(*inputs: Any) -> Any:
        leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
        y = f(*leaves)
        return y, tg.grad(y, leaves) if y.requires_grad else []

    call = interpreted(slopes, *f.inputs)
    for shift in (0.0, 0.37):
        inputs = [x + shift for x in f.inputs]
        expected, actual = slopes(*inputs), call(*inputs)
        close(actual[0], expected[0])
        for one, other in zip(actual[1], expected[1], strict=True):
            close(one, other)


@pytest.mark.parametrize("seed", range(12))
def test_a_long_program_in_parts_computes_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut after every few lines, with labels that are looked at, and whole: the same bits."""
    f = random_graph(seed)
    labels = np.array([1, 0, 2])

    def slopes(z: Any, y: Any, *inputs: Any) -> Any:
        leaves = [tg.Tensor(x, requires_grad=True) for x in (z, *inputs)]
        value = tg.softmax_cross_entropy(leaves[0], y) + f(*leaves[1:]).sum()
        return value, tg.grad(value, leaves)

    z = np.random.default_rng(seed).normal(size=(3, 3))
    whole = interpreted(slopes, z, labels, *f.inputs)(z, labels, *f.inputs)
    monkeypatch.setattr(numba_parts, "LONG", 0)
    monkeypatch.setattr(numba_parts, "PART", 1 + seed)
    call = interpreted(slopes, z, labels, *f.inputs)
    cut = call(z, labels, *f.inputs)
    np.testing.assert_array_equal(cut[0], whole[0])
    for one, other in zip(cut[1], whole[1], strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(LabelError, match="label 3 in row 2"):
        call(z, labels + 1, *f.inputs)


@pytest.mark.skipif(find_spec("numba") is None, reason="needs Numba, which `make check` installs")
def test_random_functions_with_their_gradients_are_compiled_to_machine_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two of them in one program, since it is the compiler that takes the time."""
    monkeypatch.undo()
    monkeypatch.setenv("TINYGRAD_MLP_CACHE", str(tmp_path_factory.getbasetemp() / "programs"))
    graphs = [random_graph(seed) for seed in range(200, 202)]
    counts = [len(f.inputs) for f in graphs]

    def together(*inputs: Any) -> Any:
        found, left = [], list(inputs)
        for f, count in zip(graphs, counts, strict=True):
            own, left = left[:count], left[count:]
            leaves = [tg.Tensor(x, requires_grad=True) for x in own]
            y = f(*leaves)
            found.append((y, tg.grad(y, leaves)) if y.requires_grad else y)
        return found

    compiled = tg.compile(together, backend="numba", guard=True)
    for shift in (0.0, 0.37):
        compiled(*(x + shift for f in graphs for x in f.inputs))
    assert compiled.latest is not None
    assert compiled.latest.backend == "numba"
