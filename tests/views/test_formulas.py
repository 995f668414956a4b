"""Formulas are read from the source of the very closure that computes the gradient."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ops.table import cases

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import Rule, op
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.formulas import formula


def formulas_of(y: Any) -> list[str]:
    return [str(formula(y._node, i, y.ndim)) for i, closure in enumerate(y._node.closures) if closure is not None]


def matrix(*shape: int) -> tg.Tensor:
    return tg.Tensor(np.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape), requires_grad=True)


X, W, B = matrix(5, 4), matrix(4, 3), matrix(3)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (tg.dense(X, W, B), ["dX = dY·Wᵀ", "dW = Xᵀ·dY", "db = Σ over the batch of dY"]),
        (tg.sigmoid(X), ["dX = dY ⊙ Y ⊙ (1 − Y)"]),
        (tg.tanh(X), ["dX = dY ⊙ (1 − Y²)"]),
        (tg.relu(X), ["dX = dY ⊙ sign(Y)"]),
        (tg.leaky_relu(X), ["dX = dY where X > 0, else α·dY"]),
        (tg.softmax_cross_entropy(X, [0, 1, 2, 3, 0]), ["dZ = (Y_pred − Y_true)·dY / n"]),
        (tg.softmax_cross_entropy(X, [0, 1, 2, 3, 0], reduction="sum"), ["dZ = (Y_pred − Y_true)·dY"]),
        (X @ W, ["dA = dY·Bᵀ", "dB = Aᵀ·dY"]),
        (X / X, ["dA = dY / B", "dB = −(dY ⊙ Y / B)"]),
        (X**2, ["dX = dY ⊙ p·X^(p − 1)"]),
        (X * 3.0, ["dA = dY·b"]),
        (tg.sqrt(X), ["dX = dY / (2·Y)"]),
        (tg.log(X), ["dX = dY / X"]),
        (tg.exp(X), ["dX = dY ⊙ Y"]),
        (tg.softmax(X), ["dX = Y ⊙ (dY − Σ (dY ⊙ Y))"]),
        (X.mean(), ["dX = dY / n, repeated"]),
        (tg.where(np.ones((5, 4), bool), X, X),
         ["dX = dOut where condition, else 0", "dY = 0 where condition, else dOut"]),
        (tg.concatenate([X, X]), ["dxs[0] = dY[…]", "dxs[1] = dY[…]"]),
        (X.reshape(-1), ["dX = dY in the shape of X"]),
        (X.T, ["dX = dYᵀ"]),
    ],
    ids=lambda x: x._node.operation.name if isinstance(x, tg.Tensor) else "",
)  # fmt: skip
def test_the_packages_operations_read_like_the_textbook(y: Any, expected: list[str]) -> None:
    assert formulas_of(y) == expected


def test_every_operation_has_a_formula_but_for_closures_of_several_lines() -> None:
    without = set()
    for _, case in cases():
        inputs = [
            tg.Tensor(x, requires_grad=True) if i in case.differentiable else x for i, x in enumerate(case.inputs)
        ]
        y = case(*inputs)
        if getattr(y, "_node", None):
            for edge in BackwardPass.of(y, gradient=np.ones(y.shape)).edges():
                if edge.flows and not edge.formula.is_read:
                    without.add(edge.step.operation)
    assert without == {"max", "min"}


def test_names_are_explained() -> None:
    y = tg.leaky_relu(X, alpha=0.2)
    assert formula(y._node, 0, 2).where == ("α = 0.2",)
    y = tg.mean_squared_error(X, np.ones((5, 4)))
    assert formula(y._node, 0, 0).where == ("D = predictions − targets", "n = 20")
    y = tg.softmax_cross_entropy(X, [0, 1, 2, 3, 0])
    assert formula(y._node, 0, 0).where == ("Y_pred = softmax(Z)", "Y_true = probabilities(labels)", "n = 5")


def test_several_lambdas_on_one_line_are_told_apart() -> None:
    @op
    def three(a: Any, b: Any, c: Any) -> Rule:
        return a * b + c, lambda g: g * b, lambda g: g * a, lambda g: g

    assert formulas_of(three(X, X, X)) == ["dA = dY ⊙ B", "dB = dY ⊙ A", "dC = dY"]


def test_a_lambda_within_a_lambda_and_one_over_two_lines() -> None:
    @op
    def nested(a: Any, b: Any) -> Rule:
        twice = lambda f: lambda g: f(g) * 2
        return (
            a + b,
            twice(lambda g: g),
            lambda g: (
                g
                * (b + 1)
            ),
        )  # fmt: skip

    assert formulas_of(nested(X, X)) == ["dA = 2·dY", "dB = dY ⊙ (B + 1)"]


def test_a_named_closure_of_one_line_is_read_and_one_of_several_is_not() -> None:
    @op
    def named(a: Any, b: Any) -> Rule:
        def to_a(g: Any) -> Any:
            """What a gets."""
            return 3 * g

        def to_b(g: Any) -> Any:
            h = g * 2
            return h * 2

        return 3 * a + 4 * b, to_a, to_b

    assert formulas_of(named(X, X)) == ["dA = 3·dY", "dB = backward of named"]


def test_closures_without_source_leave_the_name_of_the_operation() -> None:
    space: dict[str, Any] = {}
    exec("def twice(x):\n    return x * 2, lambda g: g * 2\n", space)
    assert formulas_of(op(space["twice"])(X)) == ["dX = backward of twice"]

    @op
    def partly(x: Any) -> Rule:
        return x * 2, functools.partial(np.multiply, 2)

    assert formulas_of(partly(X)) == ["dX = backward of partly"]


def test_a_file_that_was_edited_since_is_not_believed(tmp_path: Path) -> None:
    source = "def own(x):\n    k = x * 2\n    return x * k, lambda g: g * k\n"
    path = tmp_path / "own.py"
    path.write_text(source)
    space: dict[str, Any] = {}
    exec(compile(source, str(path), "exec"), space)
    y = op(space["own"])(X)
    assert formulas_of(y) == ["dX = dY ⊙ K"]
    path.write_text("def other(x):\n    m = x * 2\n    return x * m, lambda g: g - m\n")
    assert formulas_of(y) == ["dX = backward of own"]


def test_a_line_that_is_too_long_leaves_the_name_of_the_operation() -> None:
    @op
    def endless(x: Any) -> Rule:
        return x, lambda g: g + g + g + g + g + g + g + g + g + g + g + g + g + g + g + g + g + g + g + g + g + g

    assert formulas_of(endless(X)) == ["dX = backward of endless"]
