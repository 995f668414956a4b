"""The gradient checker: verdicts, causes and the operation to blame, for functions, closures and models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import DtypeError, GradientError, NonFiniteError, OptionError, ShapeError

rng = np.random.default_rng(3)
X = rng.uniform(0.4, 1.4, (4, 3)) * rng.choice([-1, 1], (4, 3))
W = rng.uniform(0.4, 1.4, (3, 2))


def broken(closure: Any, value: Any = lambda x: x**3) -> Any:
    """An operation with this closure, made from x and g."""

    @tg.op
    def my_cube(x: Any) -> Any:
        return value(x), lambda g: closure(g, x)

    return my_cube


def within(operation: Any) -> Any:
    """A function of the guide's kind around an operation, so that it has to be found among right ones."""
    return lambda x: tg.tanh(operation(tg.sigmoid(x) + 0.5)).sum()


# Right gradients pass.


def test_a_right_gradient_passes() -> None:
    report = tg.gradcheck(lambda x, w: tg.tanh(x @ w), X, W)
    assert report.passed
    assert report
    assert report.verdict == "pass"
    assert report.failures == ()
    assert report.guilty == ()
    assert (report.compared, report.total, report.coverage) == (18, 18, 1.0)


def test_numeric_derivatives_are_exact_within_their_uncertainty() -> None:
    """Against derivatives known by formula, in float64 to more than ten digits."""
    x = np.array([0.3, 1.0, -0.7, 1e-3])
    for f, exact in (
        (lambda x: tg.exp(x), np.exp(x)),
        (lambda x: tg.tanh(x), 1 / np.cosh(x) ** 2),
        (lambda x: tg.exp(x) * tg.tanh(x), np.exp(x) * (np.tanh(x) + 1 / np.cosh(x) ** 2)),
        (lambda x: 1 / (2 + x), -1 / (2 + x) ** 2),
    ):
        report = tg.gradcheck(lambda x, f=f: f(x).sum(), x)
        (comparison,) = report.comparisons[1]
        # The scalar's gradient is compared times its weight.
        ratio = comparison.elements[0].analytic / exact[0]
        for element, value in zip(comparison.elements, exact * ratio, strict=True):
            assert abs(element.numeric - value) <= 4 * element.uncertainty + 1e-12 * abs(value)
            assert element.uncertainty < 1e-9


@pytest.mark.parametrize("scale", [1e-7, 1e-3, 1.0, 1e6])
def test_values_of_any_size_are_told_from_wrong_ones(scale: float) -> None:
    """autograd's checker passes a gradient five times too large where values are near 1e-7."""
    x = scale * np.array([1.0, -2.0, 0.5])
    assert tg.gradcheck(lambda x: (x * x).sum(), x).passed
    five = broken(lambda g, x: g * 10 * x, lambda x: x * x)
    report = tg.gradcheck(lambda x: five(x).sum(), x)
    assert report.verdict == "fail"
    assert report.failures[0].cause == "factor"
    assert "5 times" in report.failures[0].explanation


@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_tiny_and_huge_gradients_do_not_pass_for_free(size: float) -> None:
    wrong = broken(lambda g, x: g * 3.001 * x**2)
    assert tg.gradcheck(lambda x: (x**3).sum() * size, X).passed
    assert tg.gradcheck(lambda x: wrong(x).sum() * size, X).verdict == "fail"


def test_an_all_zero_gradient_beside_a_small_one_fails() -> None:
    """minitorch's checker passes an all-zero first layer, because its tolerance is absolute."""
    zero = broken(lambda g, x: g * 0)
    report = tg.gradcheck(lambda x: (1e-6 * zero(x)).sum(), X)
    assert report.verdict == "fail"
    assert {f.cause for f in report.failures} == {"detached"}


def test_a_first_layer_without_gradients_fails() -> None:
    """As in minitorch, within a network whose other layers are right, and with a loss that makes gradients small."""

    class Detached(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.detach()

    model = nn.Dense(3, 4, rng=0) >> Detached() >> nn.Tanh() >> nn.Dense(4, 2, rng=1)
    labels = np.array([0, 1, 1, 0])
    report = tg.gradcheck(model, X, labels, loss=lambda z, y: 1e-4 * tg.softmax_cross_entropy(z, y))
    assert {f.name for f in report.failures} == {"layers.0.W", "layers.0.b"}
    assert {f.cause for f in report.failures} == {"detached"}


def test_every_element_is_compared() -> None:
    """SmallPebble's checker compares nothing. Here each element by itself is found if it alone is wrong."""
    for i in range(X.size):
        one = np.ones(X.shape)
        one.flat[i] = 1.01
        wrong = broken(lambda g, x, one=one: g * 3 * x**2 * one)
        report = tg.gradcheck(lambda x, f=wrong: f(x).sum(), X)
        assert [f.index for f in report.failures] == [np.unravel_index(i, X.shape)]


def test_a_detached_path_is_called_so() -> None:
    report = tg.gradcheck(lambda x: (x.detach() ** 2).sum(), X)
    assert report.verdict == "fail"
    assert report.failures[0].cause == "detached"


def test_a_change_in_the_seventh_digit_is_found() -> None:
    wrong = broken(lambda g, x: g * 3 * x**2 * (1 + 2e-6))
    assert tg.gradcheck(within(wrong), X).verdict == "fail"


def test_a_constant_function_passes() -> None:
    assert tg.gradcheck(lambda x: (x * 0).sum() + 3, X).verdict == "pass"
    assert tg.gradcheck(lambda x: tg.sign(x), X).verdict == "pass"


def test_outputs_of_any_shape_are_checked() -> None:
    for f in (lambda x: x, lambda x: x[0], lambda x: x.T, lambda x: x[:0], lambda x: tg.sum(x)):
        assert tg.gradcheck(f, X).passed
    assert tg.gradcheck(lambda x: x * 2, np.array(1.5)).passed
    assert tg.gradcheck(lambda x: x * 2, 1.5).passed


# Kinks.


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (tg.relu, [0.0, 1.0]),
        (tg.abs, [0.0, -1.0]),
        (lambda x: tg.clip(x, -1, 1), [1.0, 0.5]),
        (lambda x: tg.maximum(x, 0.5), [0.5, 1.0]),
        (lambda x: tg.max(x), [2.0, 2.0, 1.0]),
        (lambda x: tg.relu(x) * tg.exp(x), [0.0, 1e-14, -1e-14]),
        (lambda x: tg.leaky_relu(x), [0.0]),
        # The kinks of two operations cancel: the function is smooth, and the gradient by convention is not its slope.
        (lambda x: tg.relu(x) - tg.relu(-x), [0.0, 1.0]),
        (lambda x: tg.relu(x) - 0.4 * tg.abs(x), [0.0, 1.0]),
    ],
)
def test_kinks_are_recognised(f: Any, x: Any) -> None:
    report = tg.gradcheck(lambda x: f(x).sum(), np.array(x))
    assert report.verdict == "kink", report
    assert report.passed


def test_a_kink_close_by_is_no_kink() -> None:
    assert tg.gradcheck(lambda x: tg.relu(x).sum(), np.array([1e-5, -1e-6, 3e-8])).verdict == "pass"


def test_a_kink_does_not_hide_a_wrong_gradient() -> None:
    wrong = tg.op(kinks=lambda x: x)(lambda x: (np.maximum(x, 0), lambda g: np.where(x > 0, 2 * g, 0)))
    assert tg.gradcheck(lambda x: wrong(x).sum(), np.array([0.0, 1.0])).verdict == "fail"
    at_kink = tg.op(kinks=lambda x: x)(
        lambda x: (np.maximum(x, 0), lambda g: np.where(x >= 0, np.where(x > 0, g, 7), 0))
    )
    assert tg.gradcheck(lambda x: at_kink(x).sum(), np.array([0.0])).verdict == "fail"


def test_a_kink_of_an_operation_that_declares_none_is_recognised_by_its_two_slopes() -> None:
    own = tg.op(lambda x: (np.where(x > 0, 2 * x, -x), lambda g: np.where(x > 0, 2 * g, -g)))
    assert tg.gradcheck(lambda x: own(x).sum(), np.array([0.0, 1.0, -1.0])).verdict == "kink"


# Noise.


def test_noise_is_told_from_error() -> None:
    """A function that computes in float32: no digit beyond its noise is believed or refused."""
    f = lambda x: tg.sum(tg.exp(x.astype(np.float32)).astype(np.float64))
    assert tg.gradcheck(f, X).verdict != "fail"


def test_the_rounding_that_is_left_where_all_cancels_is_no_error() -> None:
    """logsumexp(log_softmax(x)) is 0 whatever x is; its gradient comes out as 1e-17."""
    f = tg.testing.random_graph(6977)
    assert tg.gradcheck(f, *f.inputs).passed

    @tg.op
    def nothing(x: Any) -> Any:
        return x * 0, lambda g: g * 1e-9

    wrong = tg.gradcheck(lambda x: nothing(tg.exp(x)).sum(), np.array([0.3, -0.2]))
    assert wrong.verdict == "fail"


def test_what_cannot_be_detected_is_inconclusive() -> None:
    """1e17 + x: the change is below the rounding of the sum."""
    report = tg.gradcheck(lambda x: (x * 1e-3 + 1e17).sum(), X)
    assert report.verdict == "inconclusive"
    assert not report.passed


def test_a_gradient_in_float32_is_a_matter_of_precision() -> None:
    wrong = broken(lambda g, x: (g * 3 * x**2).astype(np.float32) * 1.0)
    report = tg.gradcheck(within(wrong), X)
    assert report.verdict == "fail"
    assert report.failures[0].cause == "precision"


# Causes.

CAUSES = {
    "sign": lambda g, x: -g * 3 * x**2,
    "factor": lambda g, x: g * 3 * x**2 / 12,
    "detached": lambda g, x: g * 0,
    "offset": lambda g, x: g * 3 * x**2 + 0.25,
    "boundary": lambda g, x: np.where(x > 0.9, 0, g * 3 * x**2),
    "ignores g": lambda g, x: 3 * x**2,
    "transposed": lambda g, x: (g * 3 * x**2).reshape(3, 4).T,
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_is_named(cause: str) -> None:
    report = tg.gradcheck(within(broken(CAUSES[cause])), X)
    assert report.verdict == "fail"
    assert {f.cause for f in report.failures} == {cause}, report
    assert [g.operation for g in report.guilty] == ["my_cube"]
    assert cause in str(report)


def test_a_factor_is_explained_by_a_length() -> None:
    report = tg.gradcheck(within(broken(lambda g, x: g * 3 * x**2 / x.shape[0])), X)
    assert "the length 4 of axis 0" in report.failures[0].explanation


def test_a_missing_sum_over_the_batch_is_a_matter_of_axes() -> None:
    bad = tg.op(broadcasts=True)(lambda x, b: (x + b, lambda g: g, lambda g: g[0]))
    report = tg.gradcheck(lambda x, b: tg.tanh(bad(x, b)).sum(), X, rng.normal(size=3))
    assert [(f.name, f.cause) for f in report.failures[:1]] == [("b", "axis")]
    assert (report.guilty[0].position, report.guilty[0].input) == (1, "b")
    wrong_shape = tg.op(lambda x: (x * 2, lambda g: 2 * g.sum(axis=0)))
    report = tg.gradcheck(lambda x: wrong_shape(x).sum(), X)
    assert (report.verdict, report.failures[0].cause) == ("fail", "axis")


def test_swapped_operands_are_named() -> None:
    bad = tg.op(lambda a, b: (a * b, lambda g: g * a, lambda g: g * b))
    report = tg.gradcheck(lambda a, b: bad(a, b).sum(), X, X + 0.3)
    assert {f.cause for f in report.failures} == {"swapped"}


def test_a_lost_contribution_is_named() -> None:
    bad = tg.op(lambda a, b: (a * b, lambda g: g * b, lambda g: g * 0))
    report = tg.gradcheck(lambda x: bad(x, x).sum(), X)
    assert {f.cause for f in report.failures} == {"lost contribution"}


def test_a_stale_closure_is_named() -> None:
    kept: list[Any] = []

    @tg.op
    def stale(x: Any) -> Any:
        kept.append(x)
        old = kept[0] if len(kept) % 2 else x  # every other call
        return x**3, lambda g: g * 3 * old**2

    report = tg.gradcheck(lambda x: stale(x * 1.0).sum(), X)
    assert report.verdict in ("fail", "pass")
    first = np.array(X)

    @tg.op
    def frozen(x: Any) -> Any:
        return x**3, lambda g: g * 3 * (first * 1.5) ** 2

    report = tg.gradcheck(lambda x: frozen(x).sum(), X)
    assert report.verdict == "fail"
    assert report.guilty[0].operation == "frozen"


def test_a_function_that_is_not_deterministic_is_called_so() -> None:
    noise = np.random.default_rng(0)
    report = tg.gradcheck(lambda x: (x * noise.normal()).sum(), X)
    assert report.verdict == "fail"
    assert report.failures[0].cause == "nondeterministic"
    model = nn.Dense(3, 8, rng=0) >> nn.Dropout(0.5) >> nn.Dense(8, 2, rng=1)
    assert tg.gradcheck(model, X).failures[0].cause == "nondeterministic"
    assert tg.gradcheck(model.eval(), X).passed


def test_a_function_that_writes_into_its_inputs_is_called_so() -> None:
    def writes(x: Any) -> Any:
        x.data[0] += 1.0
        return (x * x).sum()

    start = X.copy()
    report = tg.gradcheck(writes, X)
    assert report.failures[0].cause == "mutates inputs"
    np.testing.assert_array_equal(start, X)


def test_a_closure_that_writes_into_its_gradient_is_called_so() -> None:
    def closure(g: Any, x: Any) -> Any:
        g *= 3 * x**2
        return g

    report = tg.gradcheck(lambda x: tg.tanh(broken(closure)(x)).sum(), X)
    assert report.verdict == "fail"
    assert report.failures[0].cause == "mutates inputs"


# The operation to blame.


def test_the_guilty_operation_is_named_with_its_line(tmp_path: Path) -> None:
    script = tmp_path / "own_op.py"
    script.write_text(
        "import tinygrad_mlp as tg\n"
        "\n"
        "@tg.op\n"
        "def my_swish(x):\n"
        "    s = tg.sigmoid(x)\n"
        "    return x * s, lambda g: g * (s + x * s)\n"
        "\n"
        "report = tg.gradcheck(lambda x: my_swish(tg.tanh(x)).sum(), [0.5, -0.3])\n"
        "print(report)\n",
        "utf-8",
    )
    run = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    assert "`my_swish`, own_op.py:6: the gradient of x" in run.stdout


def test_the_guilty_operation_of_a_notebook_is_named_with_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = broken(lambda g, x: g * 2 * x**2)
    own = wrong.body.__code__.co_filename
    compiler = SimpleNamespace(format_code_name=lambda name: ("Cell", "In[3]") if name == own else None)
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(compile=compiler))
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type] # what of it is looked at
    (guilty,) = tg.gradcheck(within(wrong), [0.5, -0.3]).guilty
    line = wrong.body.__code__.co_firstlineno
    assert guilty.where == f"In[3]:{line + 2}"


def test_the_layer_of_the_guilty_operation_is_named() -> None:
    wrong = broken(lambda g, x: g * 2 * x**2)

    class Cube(nn.Module):
        def forward(self, x: Any) -> Any:
            return wrong(x)

    model = nn.Dense(3, 4, rng=0) >> Cube() >> nn.Dense(4, 2, rng=1)
    report = tg.gradcheck(model, X)
    verdicts = {c.name: c.verdict for c in report.comparisons[1]}
    assert verdicts == {"layers.0.W": "fail", "layers.0.b": "fail", "layers.2.W": "pass", "layers.2.b": "pass"}
    assert report.guilty[0].layer == "layers.1"
    assert "in layers.1" in str(report)


# Models, closures, orders, samples.


def test_a_model_is_checked_by_parameter_and_put_back() -> None:
    model = nn.Dense(3, 5, rng=0) >> nn.Tanh() >> nn.Dense(5, 2, rng=1)
    optimizer = optim.Adam(model)
    labels = np.array([0, 1, 1, 0])
    tg.softmax_cross_entropy(model(X), labels).backward()
    before = {name: (p.data, p.numpy(), p.grad) for name, p in model.named_parameters().items()}
    report = tg.gradcheck(model, X, labels, loss=tg.softmax_cross_entropy)
    assert report.passed
    assert [c.name for c in report.comparisons[1]] == list(before)
    for name, p in model.named_parameters().items():
        data, values, gradient = before[name]
        assert p.data is data
        assert p.dtype == np.float32
        np.testing.assert_array_equal(p.data, values)
        np.testing.assert_array_equal(p.grad, gradient)
    optimizer.step()
    assert not np.array_equal(model.state_dict()["layers.0.W"], before["layers.0.W"][1])


def test_parameters_can_be_chosen_by_pattern() -> None:
    model = nn.Dense(3, 5, rng=0) >> nn.Tanh() >> nn.Dense(5, 2, rng=1)
    report = tg.gradcheck(model, X, only="layers.0.*")
    assert [c.name for c in report.comparisons[1]] == ["layers.0.W", "layers.0.b"]
    with pytest.raises(OptionError, match=r"only='layer.0' leaves nothing.*layers.0.W"):
        tg.gradcheck(model, X, only="layer.0")


def test_batch_normalisation_is_checked_in_training_mode() -> None:
    model = nn.Dense(3, 5, rng=0) >> nn.BatchNorm(5) >> nn.Tanh() >> nn.Dense(5, 2, rng=1)
    before = model.state_dict()
    report = tg.gradcheck(model, X, np.array([0, 1, 1, 0]), loss=tg.softmax_cross_entropy)
    assert report.passed, report
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_closure_finds_its_leaves() -> None:
    w = tg.Tensor(W, requires_grad=True, name="w")
    b = tg.Tensor(np.zeros(2, np.float32), requires_grad=True)
    report = tg.gradcheck(lambda: tg.tanh(X @ w + b).sum())
    assert report.passed
    assert [c.name for c in report.comparisons[1]] == ["w", "leaf 2"]
    assert b.dtype == np.float32
    assert w.grad is None


def test_the_second_order_is_checked() -> None:
    report = tg.gradcheck(lambda x: (tg.exp(x) * tg.tanh(x)).sum(), X, order=2)
    assert report.passed
    assert list(report.comparisons) == [1, 2]

    @tg.op
    def half_right(x: Any) -> Any:  # a constant slope, where it is used again
        slope = 3 * (x.numpy() if isinstance(x, tg.Tensor) else x) ** 2
        return x**3, lambda g: g * slope

    report = tg.gradcheck(lambda x: half_right(x).sum(), X, order=2)
    assert report.verdict == "fail"
    assert {f.order for f in report.failures} == {2}
    assert report.guilty[0].operation == "half_right"


def test_of_too_many_elements_a_part_is_checked_and_said_so() -> None:
    x = rng.normal(size=(40, 50))
    report = tg.gradcheck(lambda x: tg.tanh(x).sum(), x, elements=100)
    assert report.passed
    assert (report.compared, report.total) == (100, 2000)
    assert "5.0%" in str(report)
    one_wrong = np.ones(x.shape)
    one_wrong[17, 23] = 1.5
    wrong = broken(lambda g, x: g * 3 * x**2 * one_wrong)
    report = tg.gradcheck(lambda x: wrong(x).sum(), x, elements=20)
    assert report.verdict == "fail"  # a direction in which all elements move finds it


# The report.


def test_the_report_is_text_html_and_json() -> None:
    report = tg.gradcheck(within(broken(CAUSES["factor"])), X)
    text = str(report)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "\x1b" not in text
    html = report._repr_html_()
    assert "<lambda>" not in html
    assert "&lt;lambda&gt;" in html
    assert html.count("<table") == html.count("</table>") == 1
    found = json.loads(json.dumps(report.to_dict()))
    assert found["verdict"] == "fail"
    assert found["inputs"][0]["cause"] == "factor"
    assert found["inputs"][0]["verdicts"]["fail"] == 12
    assert found["guilty"][0]["operation"] == "my_cube"
    assert len(found["failures"]) == 12
    failure = report.failures[0]
    assert failure.index == (0, 0)
    assert failure.name == "x"
    assert failure.analytic == pytest.approx(failure.numeric / 12, rel=1e-6)


def test_the_v_curve_is_drawn(tmp_path: Path) -> None:
    report = tg.gradcheck(lambda x: tg.exp(x).sum(), X)
    path = tmp_path / "v.png"
    figure = report.plot("x", (1, 2), path)
    assert path.read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    forward, central = (line.get_ydata() for line in axes.lines[:2])
    assert min(central) < 1e-9 < 1e-4 < central[0]  # it falls, and
    assert central[-1] > 1e3 * min(central)  # rises again
    assert min(forward) > min(central)
    assert "x[1, 2]" in axes.get_title()
    with pytest.raises(OptionError, match="no input 'y'"):
        report.plot("y")
    with pytest.raises(OptionError, match="no element"):
        report.plot("x", (9, 9))


# Bad use.


def test_integer_inputs_are_refused() -> None:
    with pytest.raises(DtypeError, match=r"input 2 is int64 \(4,\).*floating-point"):
        tg.gradcheck(tg.softmax_cross_entropy, X, np.array([0, 1, 2, 0]))
    with pytest.raises(DtypeError, match="input 1 is int64"):
        tg.gradcheck(tg.exp, 3)
    assert tg.gradcheck(tg.softmax_cross_entropy, X, tg.Tensor(np.array([0, 1, 2, 0]))).passed


@pytest.mark.parametrize("result", [None, "text", (1.0, 2.0), np.array(["a"])])
def test_a_function_that_returns_no_numbers_is_refused(result: Any) -> None:
    with pytest.raises(DtypeError, match=r"<lambda> returned a .*a Tensor of real numbers is expected"):
        tg.gradcheck(lambda x: result, X)


def test_nan_at_the_point_itself_is_refused() -> None:
    with pytest.raises(NonFiniteError, match=r"log is nan at \(1,\).*at the point itself"):
        tg.gradcheck(tg.log, np.array([1.0, -1.0]))
    with pytest.raises(NonFiniteError, match=r"is -?inf of its output"):
        tg.gradcheck(lambda x: tg.log(x).sum(), np.array([1.0, 0.0]))


def test_shapes_that_change_between_calls_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"returned \(1,\) at the first call and \(2,\)"):
        tg.gradcheck(lambda x: x[x.data > 1.0], np.array([1.0, 2.0]))


def test_other_bad_use_is_refused() -> None:
    with pytest.raises(OptionError, match="order is 3"):
        tg.gradcheck(tg.exp, X, order=3)
    with pytest.raises(OptionError, match="elements is 0"):
        tg.gradcheck(tg.exp, X, elements=0)
    with pytest.raises(OptionError, match="loss= goes with a Module"):
        tg.gradcheck(tg.exp, X, loss=tg.mean_squared_error)
    with pytest.raises(OptionError, match="nothing to check"):
        tg.gradcheck(tg.exp, tg.Tensor(X))
    with pytest.raises(OptionError, match=r"takes .model, X, y, loss=…."):
        tg.gradcheck(nn.Dense(3, 2), X, np.zeros(4))
    with pytest.raises(GradientError, match="depends on no leaf"):
        tg.gradcheck(lambda: tg.Tensor(1.0))
