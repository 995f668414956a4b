"""Planting bugs: each kind does what it says, leaves nothing behind, and the gradient checker finds what is planted."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import numpy as np
import pytest
from numeric import gradient
from ops.all_rows import TABLE
from planting.bugs import Bug, Finding, all_bugs, check, differ, title
from planting.compositions import Composition
from planting.detection import EngineFinding, check_engine, markdown
from planting.engine import ENGINE_BUGS
from planting.kinds import KINDS
from planting.plants import consistent_causes, planted, quiet

import tinygrad_mlp as tg
from tinygrad_mlp import ops

NUMBERS = {title(subject): row for row, (subject, _) in enumerate(TABLE) if hasattr(subject, "body")}


@tg.op(broadcasts=True)
def product(a: Any, b: Any) -> Any:
    """A small operation to plant bugs in."""
    return a * b, lambda g: g * b, lambda g: g * a


A = np.array([[1.0, -2.0], [3.0, 4.0]])
B = np.array([[0.5, 1.0], [2.0, -1.0]])
G = np.array([[0.6, 0.1], [1.0, -0.3]])
RIGHT = np.array([[0.3, 0.1], [2.0, 0.3]])  # G ⊙ B


def wrong_gradient(kind: str, a: np.ndarray = A, b: np.ndarray = B, g: np.ndarray = G, position: int = 0) -> Any:
    leaves = [tg.Tensor(a, requires_grad=True), tg.Tensor(b, requires_grad=True)]
    with planted(product, position, KINDS[kind]):
        product(*leaves).backward(g.copy())
    return leaves[position].grad


@pytest.mark.parametrize(
    ("kind", "expected"),
    {
        "sign": -RIGHT,
        "factor 2": 2 * RIGHT,
        "1/N": RIGHT / 2,
        "N": 2 * RIGHT,
        "factor 1.00001": 1.00001 * RIGHT,
        "offset": RIGHT + 0.25,
        "zero": 0 * RIGHT,
        "summed": [[2.3, 0.4], [2.3, 0.4]],
        "averaged": [[1.15, 0.2], [1.15, 0.2]],
        "transposed": [[0.3, 2.0], [0.1, 0.3]],
        "reversed": [[0.1, 0.3], [0.3, 2.0]],
        "off by one": [[2.0, 0.3], [0.3, 0.1]],
        "swapped": G * A,
        "first element": [[0.0, 0.1], [2.0, 0.3]],
        "last element": [[0.3, 0.1], [2.0, 0.15]],
        "where negative": [[0.3, 0.05], [2.0, 0.3]],
        "where largest": [[0.3, 0.1], [2.0, 0.45]],
        "held": [[0.3, 0.1], [0.4, 0.3]],
        "swallowed g": B,
        "forgotten slope": G,
        "slope twice": G * B * B,
        "float16": RIGHT.astype(np.float16).astype(float),
    }.items(),
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_kind_makes_the_gradient_that_it_describes(kind: str, expected: Any) -> None:
    np.testing.assert_allclose(wrong_gradient(kind), expected, rtol=1e-12)


def test_a_broadcast_input_gets_one_slice_or_a_mean_instead_of_the_sum() -> None:
    row = np.array([2.0, 3.0])
    np.testing.assert_allclose(wrong_gradient("one slice", b=row, position=1), (G * A)[0])
    np.testing.assert_allclose(wrong_gradient("mean of slices", b=row, position=1), (G * A).mean(axis=0))
    np.testing.assert_allclose(wrong_gradient("first row only", b=row, position=1), (G * A)[0])


def test_stale_values_are_those_of_the_call_before_and_overwritten_ones_those_of_the_last() -> None:
    expected = {"stale": [B, B], "overwritten": [2 * B, 2 * B]}
    for kind, slopes in expected.items():
        a, b = tg.Tensor(A, requires_grad=True), tg.Tensor(B)
        with planted(product, 0, KINDS[kind]):
            first, second = product(a, b), product(a, b * 2)
            found = [tg.grad(y, a, gradient=np.ones((2, 2))) for y in (first, second)]
        np.testing.assert_allclose(found, slopes)


def test_a_tensor_used_twice_counts_once_while_its_first_use_is_part_of_a_graph() -> None:
    a, b = tg.Tensor(A, requires_grad=True), tg.Tensor(B)
    with planted(product, 0, KINDS["counted once"]):
        for _ in range(3):  # each time anew
            np.testing.assert_allclose(tg.grad((product(a, b) + product(a, b)).sum(), a), B)
    np.testing.assert_allclose(tg.grad((product(a, b) + product(a, b)).sum(), a), 2 * B)


def test_writing_into_g_harms_only_those_who_get_the_same_array() -> None:
    a, c = tg.Tensor(A, requires_grad=True), tg.Tensor(A, requires_grad=True)
    with planted(product, 0, KINDS["writes into g"]):
        side = c * 1.0
        ((side + product(a, B)) * 3.0).sum().backward()
    np.testing.assert_allclose(a.grad, 3 * B)
    np.testing.assert_allclose(c.grad, np.full((2, 2), 6.0))


def test_a_bug_of_the_second_order_leaves_the_first_one_right() -> None:
    x = tg.Tensor(A, requires_grad=True)
    with planted(product, 0, KINDS["second order"]), planted(product, 1, KINDS["second order"]):
        slope = tg.grad(product(x, x).sum(), x, create_graph=True)
        np.testing.assert_allclose(slope.numpy(), 2 * A)
        assert not slope.requires_grad or not tg.grad(slope.sum(), x).any()


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_other_inputs_stay_right_and_nothing_is_left_behind(kind: str) -> None:
    body = product.body
    leaves = [tg.Tensor(A, requires_grad=True), tg.Tensor(B, requires_grad=True)]
    with planted(product, 0, KINDS[kind]):
        y = product(*leaves)
        np.testing.assert_array_equal(y.numpy(), A * B)
        np.testing.assert_allclose(tg.grad(y, leaves[1], gradient=G), G * A)
    assert product.body is body
    with pytest.raises(RuntimeError), planted(product, 0, KINDS[kind]):
        raise RuntimeError
    assert product.body is body
    np.testing.assert_allclose(tg.grad(product(*leaves), leaves[0], gradient=G.copy()), RIGHT)


def test_every_operation_gets_at_least_twelve_kinds_and_all_of_its_inputs_do() -> None:
    bugs = all_bugs()
    assert len(bugs) > 1000
    assert set(KINDS) == {bug.kind for bug in bugs}
    kinds: dict[str, set[str]] = {}
    inputs: dict[str, set[int]] = {}
    for bug in bugs:
        kinds.setdefault(title(bug.operation), set()).add(bug.kind)
        inputs.setdefault(title(bug.operation), set()).add(bug.position)
    assert set(NUMBERS) == set(kinds)
    assert min(map(len, kinds.values())) >= 12
    assert inputs["dense_"] == {0, 1, 2}
    assert inputs["where"] == {1, 2}
    assert inputs["softmax_cross_entropy_"] == {0}


def value(composition: Composition, *inputs: np.ndarray) -> float:
    return float(composition(*inputs))


def test_a_composition_is_right_as_long_as_nothing_is_planted_and_shows_what_is() -> None:
    for number, bug in enumerate(all_bugs()[::97]):
        composition = Composition(bug.sample, KINDS[bug.kind].calls, seed=number)
        right = composition.gradients()
        for i, found in enumerate(right):
            numeric = gradient(partial(value, composition), composition.inputs, i, step=2e-3)
            np.testing.assert_allclose(found, numeric, rtol=1e-6, atol=1e-8)
        with quiet(), planted(bug.operation, bug.position, KINDS["offset"]):
            wrong = composition.gradients()
        assert any(differ(a, b) for a, b in zip(right, wrong, strict=True))


def test_a_change_that_changes_no_gradient_is_no_bug() -> None:
    same = check(Bug(NUMBERS["add"], 0, 0, "swapped"))  # both closures of a sum are the same
    assert same.status == "equivalent"
    assert check(Bug(NUMBERS["subtract"], 0, 0, "swapped")).status == "caught"


@pytest.mark.parametrize(
    ("wrong", "causes"),
    [
        (RIGHT, set()),
        (-RIGHT, {"sign"}),
        (RIGHT / 3, {"factor"}),
        (RIGHT * 0, {"detached", "lost contribution"}),
        (RIGHT + 2, {"offset"}),
        (RIGHT.T, {"transposed", "boundary"}),
        (RIGHT * [[1, 1], [1, 2]], {"boundary"}),
        (RIGHT**2 + G, set()),
    ],
)
def test_diagnoses_that_describe_the_numbers_count_as_right(wrong: np.ndarray, causes: set[str]) -> None:
    assert consistent_causes([(RIGHT, wrong)]) == causes


def test_the_page_counts_what_was_found() -> None:
    bugs = [Bug(NUMBERS["tanh"], 2, 0, kind) for kind in ("sign", "offset", "zero", "held", "float16")]
    findings = [
        Finding(bugs[0], "caught", ("sign",), ("sign",), ("tanh",)),
        Finding(bugs[1], "caught", ("factor",), ("offset",), ("tanh", "exp")),
        Finding(bugs[2], "missed"),
        Finding(bugs[3], "equivalent"),
        Finding(bugs[4], "refused", error="a shape"),
    ]
    page = markdown(
        findings, [EngineFinding(0, True, ("lost contribution",), ("add",)), EngineFinding(1, False, (), ())]
    )
    for line in (
        "| operations | 3 | 2 (66.7 %) | 1 (33.3 %) | 1 (33.3 %) |",
        "| engine | 2 | 1 (50.0 %) | 1 (50.0 %) | 0 (0.0 %) |",
        "There are 34 kinds of bugs in 1 operations.",
        "Left out were 1 changes that change no gradient",
        "## Survivors: 2",
        "- zero in tanh",
        "- contributions after the first are dropped, in the engine",
        "- offset: called factor, 1 times",
        "- offset: others blamed, 1 times",
        "- held: tanh",
    ):
        assert line in page
    [row] = [line for line in page.splitlines() if line.startswith("| tanh |")]
    assert row.split(" | ")[1:7] == ["1", "·", "·", "·", "·", "1/0/0 of 1"]


def sample(size: int) -> list[Finding]:
    """Findings of real bugs, all of different kinds, and in different operations."""
    bugs = all_bugs()
    found: list[Finding] = []
    for n in np.random.default_rng(2026).permutation(len(bugs)):
        known = [f.bug for f in found]
        if bugs[n].kind in {bug.kind for bug in known} or bugs[n].row in {bug.row for bug in known}:
            continue
        finding = check(bugs[n])
        if finding.status in ("caught", "missed"):
            found.append(finding)
        if len(found) == size:
            break
    return found


@pytest.fixture(scope="module")
def thirty() -> list[Finding]:
    return sample(30)


def test_the_gradient_checker_finds_a_sample_of_thirty(thirty: list[Finding]) -> None:
    assert len(thirty) == 30
    assert [f"{f.bug}: {f.error}" for f in thirty if f.status == "missed"] == []


def test_the_gradient_checker_explains_the_sample(thirty: list[Finding]) -> None:
    assert sum(f.explained for f in thirty) >= 27, [(str(f.bug), f.causes) for f in thirty if not f.explained]


def test_the_gradient_checker_locates_the_sample(thirty: list[Finding]) -> None:
    assert sum(f.located for f in thirty) >= 29, [(str(f.bug), f.blamed) for f in thirty if not f.located]


def test_there_are_at_least_fifteen_bugs_of_the_engine_of_as_many_names() -> None:
    assert len({bug.name for bug in ENGINE_BUGS}) == len(ENGINE_BUGS) >= 15


@pytest.mark.parametrize("bug", ENGINE_BUGS, ids=lambda bug: bug.name)
def test_a_bug_of_the_engine_makes_a_gradient_wrong_and_leaves_no_trace(bug: Any) -> None:
    def gradients() -> list[np.ndarray]:
        leaves = [tg.Tensor(x, requires_grad=True) for x in bug.inputs]
        y = bug.f(*leaves)
        start = np.linspace(0.5, 1.5, y.size).reshape(y.shape)
        if bug.order == 2:
            found = tg.grad(y, leaves, gradient=start, create_graph=True)
            total = sum(((g * (g + 1.0)).sum() for g in found), tg.Tensor(0.0))
            return tg.grad(total, leaves) if total.requires_grad else [np.zeros(x.shape) for x in leaves]
        asked = tg.grad(y, leaves, gradient=start)
        for _ in range(2):
            tg.Tensor.backward(y, start)
        return [*asked, *[np.zeros(x.shape) if x.grad is None else x.grad.copy() for x in leaves]]

    right = gradients()
    with quiet(), bug.plant():
        wrong = gradients()
    assert any(differ(a, b) for a, b in zip(right, wrong, strict=True))
    assert not any(differ(a, b) for a, b in zip(right, gradients(), strict=True))


@pytest.mark.parametrize("number", range(len(ENGINE_BUGS)), ids=[bug.name for bug in ENGINE_BUGS])
def test_the_gradient_checker_finds_every_bug_of_the_engine_and_blames_no_operation(number: int) -> None:
    found = check_engine(number)
    assert found.caught
    assert found.located, found.blamed


def test_kinds_say_what_they_do() -> None:
    assert len(KINDS) >= 12
    for kind in KINDS.values():
        assert kind.does
        assert "\n" not in kind.does
        assert kind.causes
    assert inspect.signature(planted).parameters.keys() == {"operation", "position", "kind"}
    assert ops.tanh.body.__name__ == "tanh"  # nothing planted
