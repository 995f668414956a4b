"""Derivatives of functions: closed forms, laws, structures, nesting, compiled, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp.errors import DtypeError, GradientError, OptionError, ShapeError

X = np.array([1.0, 2.0, 3.0])
A = np.array([[1.0, 2.0], [3.0, 5.0], [-1.0, 0.5]])


def net(dtype: Any = np.float64) -> tg.nn.Module:
    """2-3-1 with tanh: 13 parameters."""
    model = tg.nn.Dense(2, 3, rng=1) >> tg.nn.Tanh() >> tg.nn.Dense(3, 1, rng=2)
    for layer in (model[0], model[2]):
        layer.W, layer.b = (tg.nn.Parameter(p.data.astype(dtype)) for p in (layer.W, layer.b))
    return model


def loss(model: Any, x: Any, y: Any) -> Any:
    return tg.mean_squared_error(model(x), y)


ROWS, TARGETS = np.random.default_rng(0).normal(size=(5, 2)), np.random.default_rng(1).normal(size=(5, 1))


# Closed forms.


def test_the_gradient_of_a_quadratic_form() -> None:
    """∇(½·xᵀMx + bᵀx) = ½·(M + Mᵀ)x + b, and its hessian is ½·(M + Mᵀ)."""
    m, b = np.array([[2.0, 1.0, 0.0], [3.0, 5.0, 1.0], [0.0, 2.0, 4.0]]), np.array([1.0, -1.0, 2.0])

    def f(x: Any) -> Any:
        return 0.5 * (x @ m @ x) + b @ x

    value, slope = tg.value_and_grad(f)(X)
    assert value == 0.5 * X @ m @ X + b @ X
    np.testing.assert_allclose(slope, 0.5 * (m + m.T) @ X + b, rtol=1e-15)
    np.testing.assert_allclose(tg.hessian(f)(X), 0.5 * (m + m.T), rtol=1e-15)
    value, product = tg.hvp(f, X, [1.0, 0.0, 2.0])
    np.testing.assert_allclose(product, 0.5 * (m + m.T) @ [1, 0, 2], rtol=1e-15)


def test_the_jacobian_of_polar_coordinates() -> None:
    r, t = 2.0, 0.7
    found = tg.jacobian(lambda p: tg.stack([p[0] * tg.cos(p[1]), p[0] * tg.sin(p[1])]))(np.array([r, t]))
    np.testing.assert_allclose(found, [[np.cos(t), -r * np.sin(t)], [np.sin(t), r * np.cos(t)]], rtol=1e-15)


def test_the_hessian_of_rosenbrocks_function_at_its_minimum() -> None:
    found = tg.hessian(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)(np.array([1.0, 1.0]))
    np.testing.assert_allclose(found, [[802, -400], [-400, 200]], rtol=1e-14)


def test_the_jacobian_of_a_softmax_is_diag_y_minus_y_yt() -> None:
    y = np.exp(X) / np.exp(X).sum()
    np.testing.assert_allclose(tg.jacobian(tg.softmax)(X), np.diag(y) - np.outer(y, y), atol=1e-16)


@pytest.mark.parametrize("order", range(1, 6))
def test_derivatives_of_any_order_by_nesting(order: int) -> None:
    """Of x⁶ the n-th derivative is 6!/(6 − n)!·x^(6 − n); of sin it is sin(x + n·π/2)."""
    sixth, sine = (lambda x: x * x * x * x * x * x), tg.sin
    for _ in range(order):
        sixth, sine = tg.jacobian(sixth), tg.jacobian(sine)
    assert sixth(np.array(2.0)) == np.prod(np.arange(6.0, 6 - order, -1)) * 2.0 ** (6 - order)
    assert sine(np.array(0.3)) == pytest.approx(np.sin(0.3 + order * np.pi / 2), rel=1e-14)


def test_hessian_of_a_hessian_has_a_place_for_each_of_four_partial_derivatives() -> None:
    """Of x₀²·x₁² the only fourth derivatives that are not 0 are the six of x₀, x₀, x₁, x₁: 4."""
    found = tg.hessian(tg.hessian(lambda x: (x[0] * x[1]) ** 2))(np.array([3.0, 5.0]))
    assert found.shape == (2, 2, 2, 2)
    assert all(found[place] == 4 * (sum(place) == 2) for place in np.ndindex(found.shape))


def test_the_derivative_of_an_inner_derivative_counts_each_variable_once() -> None:
    """d/dx [x · d/dy (x + y)] = 1, also where y is given the very Tensor x."""
    for function in (tg.value_and_grad, tg.jacobian):

        def f(x: Any, function: Any = function) -> Any:
            inner = function(lambda y: x + y)(x)
            return x * (inner[1] if function is tg.value_and_grad else inner)

        assert tg.value_and_grad(f)(np.array(3.0))[1] == 1


# Structures of arguments and values.


def test_argnums_choose_the_arguments() -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return (a * b**2 * c).sum()

    arguments = np.array([1.0, 2.0]), np.array([3.0, 4.0]), 2.0
    assert tg.value_and_grad(f)(*arguments)[1].tolist() == [18, 32]
    assert tg.value_and_grad(f, 1)(*arguments)[1].tolist() == [12, 32]
    value, slopes = tg.value_and_grad(f, (1, -3))(*arguments)
    assert value == 82
    assert [g.tolist() for g in slopes] == [[12, 32], [18, 32]]
    blocks = tg.hessian(f, (0, 1))(*arguments)
    assert [[block.tolist() for block in row] for row in blocks] == [
        [[[0, 0], [0, 0]], [[12, 0], [0, 16]]],
        [[[12, 0], [0, 16]], [[4, 0], [0, 8]]],
    ]


def test_a_dict_of_arrays_is_an_argument() -> None:
    weights = {"w": A, "inner": {"b": np.array([1.0, 2.0])}}

    def f(weights: Any, x: Any) -> Any:
        return ((x @ weights["w"] + weights["inner"]["b"]) ** 2).sum()

    _, slopes = tg.value_and_grad(f)(weights, X)
    y = X @ A + weights["inner"]["b"]
    np.testing.assert_allclose(slopes["w"], 2 * np.outer(X, y))
    np.testing.assert_allclose(slopes["inner"]["b"], 2 * y)
    _, product = tg.hvp(lambda weights: f(weights, X), weights, {"w": A * 0, "inner": {"b": [1, 0]}})
    np.testing.assert_allclose(product["w"], 2 * np.outer(X, [1, 0]))


def test_a_function_may_give_several_arrays() -> None:
    def f(x: Any) -> Any:
        return {"squares": x**2, "more": (x.sum(), [x[0]])}

    value, pullback = tg.vjp(f, X)
    assert value["squares"].tolist() == [1, 4, 9]
    assert pullback({"squares": [1, 0, 0], "more": (10, [100])}).tolist() == [112, 10, 10]
    found = tg.jacobian(f)(X)
    assert found["squares"].tolist() == np.diag(2 * X).tolist()
    assert found["more"][0].tolist() == [1, 1, 1]
    assert found["more"][1][0].tolist() == [1, 0, 0]
    assert tg.jvp(f, X, [1, 0, 2])[1]["squares"].tolist() == [2, 0, 12]


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (2, 0)])
def test_jacobians_have_the_shape_of_the_value_and_then_of_the_argument(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    wide = tg.jacobian(lambda x: tg.stack([x] * 5) ** 2)(x)  # five numbers for one: by columns
    tall = tg.jacobian(lambda x: x.sum())(x)  # by rows
    assert wide.shape == (5, *shape, *shape)
    assert tall.tolist() == np.ones(shape).tolist()
    for plane in wide:
        np.testing.assert_allclose(plane.reshape(x.size, x.size), np.diag(2 * x.reshape(-1)))


def test_rows_and_columns_give_the_same_jacobian(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(a: Any, b: Any) -> Any:
        return tg.outer(a * b, tg.tanh(a)), (a * b).sum()

    b = np.array([0.5, -1.0, 2.0])
    found = []
    for cost in (0, 1000):
        monkeypatch.setattr("tinygrad_mlp.calculus.COLUMNS_COST", cost)
        found.append(tg.jacobian(f, (0, 1))(X, b))
    for (a0, a1), (b0, b1) in zip(*found, strict=True):
        np.testing.assert_allclose(a0, b0, rtol=1e-14)
        np.testing.assert_allclose(a1, b1, rtol=1e-14)


def test_aux_comes_back_beside_the_value() -> None:
    (value, more), slope = tg.value_and_grad(lambda x: (x.sum(), {"twice": x * 2}), has_aux=True)(X)
    assert (value, more["twice"].tolist(), slope.tolist()) == (6, [2, 4, 6], [1, 1, 1])


def test_what_the_value_does_not_depend_on_has_derivative_0() -> None:
    assert tg.value_and_grad(lambda a, b: a.sum(), 1)(tg.Tensor(X), X)[1].tolist() == [0, 0, 0]
    assert tg.jvp(lambda x: tg.Tensor(5.0), X, X)[1] == 0
    assert tg.hessian(lambda x: x.sum())(X).tolist() == np.zeros((3, 3)).tolist()


def test_float32_stays_float32_and_numbers_take_the_default_dtype() -> None:
    x = X.astype(np.float32)
    results = [*tg.jvp(tg.exp, x, [1.0, 2.0, 3.0]), tg.hessian(lambda x: tg.exp(x).sum())(x), tg.jacobian(tg.exp)(2.0)]
    assert {np.asarray(r).dtype for r in results} == {np.dtype(np.float32)}


def test_a_tangent_of_0_stays_0_where_the_slope_is_infinite() -> None:
    _, tangent = tg.jvp(tg.sqrt, np.array([0.0, 4.0]), np.array([0.0, 1.0]))
    assert tangent.tolist() == [0, 0.25]


# When results are arrays, and when Tensors.


def test_of_arrays_results_are_arrays_that_the_caller_owns() -> None:
    value, slope = tg.value_and_grad(lambda x: (x * x).sum())(X)
    assert isinstance(value, float)
    assert type(slope) is np.ndarray
    slope += 1
    vector = tg.vjp(lambda x: x * 1.0, X)[0]
    vector += 1
    assert X.tolist() == [1, 2, 3]


def test_of_tensors_results_can_be_differentiated_again() -> None:
    x = tg.Tensor(X, requires_grad=True)
    value, slope = tg.value_and_grad(lambda x: (x**3).sum())(x)
    assert tg.grad(slope.sum(), x).tolist() == [6, 12, 18]
    assert tg.grad(value, x).tolist() == [3, 12, 27]
    for result in (tg.jvp(tg.square, x, X)[1], tg.vjp(tg.square, x)[1](X), tg.hvp(lambda x: (x**3).sum(), x, X)[1]):
        assert isinstance(result, tg.Tensor)
        assert tg.grad(result.sum(), x).any()
    with tg.no_grad():
        assert type(tg.value_and_grad(lambda x: (x**3).sum())(x)[1]) is np.ndarray


def test_a_vector_that_requires_a_gradient_gets_it() -> None:
    v = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = X.astype(np.float32)
    assert tg.grad(tg.jvp(tg.square, x, v)[1].sum(), v).tolist() == [2, 4, 6]
    assert tg.grad(tg.vjp(tg.square, x)[1](v).sum(), v).tolist() == [2, 4, 6]
    assert tg.grad(tg.hvp(lambda x: (x**3).sum(), x, v)[1].sum(), v).tolist() == [6, 12, 18]


def test_a_tensor_that_the_function_uses_besides_keeps_its_gradient() -> None:
    """A penalty on the slope for the input, differentiated for the parameters."""
    model = net()
    _, slope = tg.value_and_grad(lambda x: model(x).sum())(ROWS)
    assert isinstance(slope, tg.Tensor)
    penalty = (slope**2).sum()
    found = tg.grad(penalty, model[2].W)
    step = 1e-6
    weights = model[2].W.numpy()
    for i in range(3):
        around = []
        for sign in (1, -1):
            model[2].W.data = weights + sign * step * np.eye(3)[i][:, None]
            around.append((tg.value_and_grad(lambda x: model(x).sum())(ROWS)[1].data ** 2).sum())
        assert found[i, 0] == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-7)


def test_an_inner_derivative_that_is_done_does_not_make_the_results_tensors() -> None:
    """The points at which it was taken require a gradient, but nobody can ask for that."""
    model = net()

    def steepness(model: Any) -> Any:
        return (tg.value_and_grad(lambda x: model(x).sum())(ROWS)[1] ** 2).sum()

    value, slopes = tg.value_and_grad(steepness)(model)
    assert isinstance(value, float)
    assert {type(g) for g in slopes.values()} == {np.ndarray}


def test_no_gradient_is_left_on_anything() -> None:
    model, x = net(), tg.Tensor(ROWS, requires_grad=True)
    tg.value_and_grad(loss)(model, x, TARGETS)
    tg.hessian(lambda x: loss(model, x, TARGETS))(x)
    assert x.grad is None
    assert all(p.grad is None for p in model.parameters())


# Parameters of a Module.


def flat(tree: dict[str, Any]) -> np.ndarray:
    return np.concatenate([np.asarray(g).reshape(-1) for g in tree.values()])


def matrix(blocks: dict[str, dict[str, Any]], model: Any) -> np.ndarray:
    sizes = {path: p.size for path, p in model.named_parameters().items()}
    return np.block([[blocks[a][b].reshape(sizes[a], sizes[b]) for b in sizes] for a in sizes])


def test_gradients_for_a_module_are_those_of_backward_by_path() -> None:
    model = net()
    value, slopes = tg.value_and_grad(loss)(model, ROWS, TARGETS)
    expected = loss(model, ROWS, TARGETS)
    expected.backward()
    assert value == expected.item()
    assert list(slopes) == list(model.named_parameters())
    for path, p in model.named_parameters().items():
        assert type(slopes[path]) is np.ndarray
        np.testing.assert_array_equal(slopes[path], p.grad)


def test_frozen_parameters_are_left_out() -> None:
    model = net()
    model[0].freeze()
    assert list(tg.value_and_grad(loss)(model, ROWS, TARGETS)[1]) == ["layers.2.W", "layers.2.b"]


def test_the_hessian_of_a_network_is_symmetric_and_numeric() -> None:
    model = net()
    found = matrix(tg.hessian(loss)(model, ROWS, TARGETS), model)
    np.testing.assert_allclose(found, found.T, atol=1e-14)
    p = model[0].W
    p.data[0, 1] += 1e-5
    up = flat(tg.value_and_grad(loss)(model, ROWS, TARGETS)[1])
    p.data[0, 1] -= 2e-5
    down = flat(tg.value_and_grad(loss)(model, ROWS, TARGETS)[1])
    np.testing.assert_allclose(found[1], (up - down) / 2e-5, atol=1e-9)


def test_newtons_steps_on_a_network_converge_quadratically() -> None:
    """Damped once into the valley, then each step about squares the norm of the gradient."""
    model = net()
    norms = []
    for _ in range(60):
        _, slopes = tg.value_and_grad(loss)(model, ROWS, TARGETS)
        hessian = matrix(tg.hessian(loss)(model, ROWS, TARGETS), model)
        g = flat(slopes)
        norms.append(float(np.linalg.norm(g)))
        lowest = np.linalg.eigvalsh(hessian)[0]
        damping = max(0.0, -1.5 * lowest) + 0.05 * min(1.0, norms[-1] * 10)
        step = np.linalg.solve(hessian + damping * np.eye(len(g)), g)
        at = 0
        for p in model.named_parameters().values():
            p.data -= step[at : at + p.size].reshape(p.shape)
            at += p.size
        if norms[-1] < 1e-12:
            break
    assert norms[-1] < 1e-12, norms
    before, last = norms[-3:-1]
    assert last < 1000 * before**2


def test_products_with_the_hessian_and_jacobian_of_a_network() -> None:
    model = net()
    rng = np.random.default_rng(4)
    v = {path: rng.normal(size=p.shape) for path, p in model.named_parameters().items()}
    hessian = matrix(tg.hessian(loss)(model, ROWS, TARGETS), model)
    _, (product,) = tg.hvp(lambda model: loss(model, ROWS, TARGETS), (model,), (v,))
    np.testing.assert_allclose(flat(product), hessian @ flat(v), rtol=1e-12)
    by_path = tg.jacobian(lambda model: model(ROWS))(model)
    j = np.concatenate([by_path[path].reshape(5, -1) for path in v], axis=1)
    np.testing.assert_allclose(tg.jvp(lambda m: m(ROWS), model, v)[1][:, 0], j @ flat(v), rtol=1e-12)
    np.testing.assert_allclose(flat(tg.vjp(lambda m: m(ROWS), model)[1](TARGETS)), TARGETS[:, 0] @ j, rtol=1e-12)


def test_a_derivative_for_a_module_within_another_is_differentiated_too() -> None:
    """∇ of ½·|∇E|² is H·∇E."""
    model = net()

    def half_square(model: Any) -> Any:
        slopes = tg.value_and_grad(loss)(model, ROWS, TARGETS)[1]
        return sum((g**2).sum() for g in slopes.values()) / 2

    _, found = tg.value_and_grad(half_square)(model)
    _, slopes = tg.value_and_grad(loss)(model, ROWS, TARGETS)
    np.testing.assert_allclose(
        flat(found), matrix(tg.hessian(loss)(model, ROWS, TARGETS), model) @ flat(slopes), rtol=1e-11
    )


# Laws.

SEEDS = st.integers(0, 2**32 - 1)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "matrix": lambda x: tg.tanh(x @ x.T) @ x,
    "softmax": lambda x: tg.softmax(x) * x[:, :1],
    "reduction": lambda x: tg.logsumexp(x, axis=0) + x.sum(),
    "broadcast": lambda x: tg.outer(x[0], tg.exp(x[1] * 0.3)) / (1 + x[0] ** 2),
    "product": lambda x: tg.cumprod(x, axis=1),
    "indexed": lambda x: x[np.array([0, 1, 0])] * tg.sin(x[:, ::-1])[np.array([1, 1, 0])],
    "inverse": lambda x: tg.inv(x @ x.T + 2 * np.eye(2)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=12)
@given(seed=SEEDS)
def test_jvp_is_j_times_v_and_vjp_is_u_times_j(name: str, seed: int) -> None:
    f, rng = FUNCTIONS[name], np.random.default_rng(seed)
    x, v = rng.normal(size=(2, 2, 3))
    y, tangent = tg.jvp(f, x, v)
    value, pullback = tg.vjp(f, x)
    u = rng.normal(size=y.shape)
    j = tg.jacobian(f)(x)
    np.testing.assert_array_equal(y, value)
    np.testing.assert_allclose(tangent, np.tensordot(j, v, 2), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(pullback(u), np.tensordot(u, j, u.ndim), rtol=1e-9, atol=1e-11)
    assert float((u * tangent).sum()) == pytest.approx(float((pullback(u) * v).sum()), rel=1e-8, abs=1e-10)
    step = 1e-5
    numeric = (f(x + step * v) - f(x - step * v)) / (2 * step)
    np.testing.assert_allclose(tangent, numeric, rtol=1e-5, atol=1e-6 * max(1.0, np.abs(y).max()))


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=8)
@given(seed=SEEDS)
def test_hessians_are_symmetric_and_hvp_is_h_times_v(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=(2, 2, 3))

    def f(x: Any) -> Any:
        y = FUNCTIONS[name](x)
        return (y * np.cos(np.arange(y.size)).reshape(y.shape)).sum()

    h = tg.hessian(f)(x)
    size = np.abs(h).max()
    np.testing.assert_allclose(h, h.transpose(2, 3, 0, 1), atol=1e-11 * max(1.0, size))
    np.testing.assert_allclose(tg.hvp(f, x, v)[1], np.tensordot(h, v, 2), rtol=1e-9, atol=1e-10 * max(1.0, size))
    _, forward = tg.jvp(lambda x: tg.value_and_grad(f)(x)[1], x, v)
    np.testing.assert_allclose(forward, np.tensordot(h, v, 2), rtol=1e-9, atol=1e-10 * max(1.0, size))


@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_jacobian_of_a_composition_is_the_product(seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=4)

    def f(x: Any) -> Any:
        return tg.sin(x) * x[::-1]

    def g(y: Any) -> Any:
        return tg.softmax(y) + tg.cumsum(y)

    np.testing.assert_allclose(
        tg.jacobian(lambda x: g(f(x)))(x), tg.jacobian(g)(f(x)) @ tg.jacobian(f)(x), rtol=1e-10, atol=1e-12
    )


# Compiled.


@pytest.fixture
def own_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_MLP_CACHE", str(tmp_path))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    "function",
    [
        tg.value_and_grad(lambda x: (tg.tanh(x) ** 2).sum()),
        tg.jacobian(lambda x: tg.softmax(x * x)),
        tg.jacobian(lambda x: tg.outer(x, tg.outer(x, x))),
        tg.hessian(lambda x: tg.exp(x[0]) * x[1] ** 2 + x[2] ** 3),
        lambda x: tg.jvp(tg.sin, x, x * 2),
        lambda x: tg.vjp(tg.cumprod, x)[1](x),
        lambda x: tg.hvp(lambda x: tg.prod(x), x, x + 1),
    ],
    ids=["value_and_grad", "rows", "columns", "hessian", "jvp", "vjp", "hvp"],
)
def test_compiled_they_give_the_same_for_other_inputs(function: Any) -> None:
    compiled = tg.compile(function, backend="numpy")
    for x in (X, X[::-1] * 0.5):
        expected, found = function(x), compiled(x)
        expected, found = (r if isinstance(r, tuple) else (r,) for r in (expected, found))
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-15)


@pytest.mark.usefixtures("own_cache")
def test_a_compiled_gradient_of_a_module_sees_new_weights() -> None:
    model = net()

    def step(x: Any, y: Any) -> Any:
        return tg.value_and_grad(loss)(model, x, y)

    compiled = tg.compile(step, backend="numpy")
    for scale in (1.0, 0.5):
        model[0].W.data *= scale
        value, slopes = compiled(ROWS, TARGETS)
        expected, by_path = step(ROWS, TARGETS)
        assert value == pytest.approx(expected, rel=1e-14)
        for path, slope in by_path.items():
            np.testing.assert_allclose(slopes[path], slope, rtol=1e-12, atol=1e-15)


# What is refused.


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.value_and_grad(tg.exp)(X), GradientError, r"value_and_grad: the function gives an array \(3,\)"),
        (lambda: tg.hvp(tg.exp, X, X), GradientError, r"hvp: the function gives an array \(3,\); a scalar"),
        (lambda: tg.value_and_grad(lambda x: (x[0], x[1]))(X), GradientError, "2 arrays; a scalar is expected"),
        (lambda: tg.jacobian(lambda x: x.numpy())(X), GradientError, "a ndarray, which has no gradient"),
        (lambda: tg.jacobian(lambda x: x > 1)(X), GradientError, "a ndarray, which has no gradient"),
        (lambda: tg.value_and_grad(lambda x: float(x.sum()))(X), GradientError, "a float, which has no gradient"),
        (lambda: tg.jacobian(tg.exp)(np.arange(3)), DtypeError, "jacobian: argument 0 is int64"),
        (lambda: tg.jacobian(lambda d: d["a"])({"a": np.array([True])}), DtypeError, "argument 0, 'a' is bool"),
        (lambda: tg.jacobian(tg.exp, 1)(X), OptionError, "argnums is 1; .* the 1 arguments"),
        (lambda: tg.jacobian(tg.exp, ())(X), OptionError, r"argnums is \(\)"),
        (lambda: tg.value_and_grad(tg.sum, has_aux=True)(X), OptionError, "a tuple of two"),
        (lambda: tg.jvp(tg.exp, X, X[:2]), ShapeError, r"jvp: the tangent of argument 0 has the shape \(2,\); \(3,\)"),
        (lambda: tg.jvp(tg.add, (X, X), (X,)), ShapeError, "1 of them given; a tuple of 2 is expected"),
        (lambda: tg.hvp(lambda m: m(ROWS).sum(), net(), {"W": X}), ShapeError, "W given; a dict of layers.0.W, lay"),
        (lambda: tg.vjp(tg.exp, X)[1](X[:1]), ShapeError, r"vjp: the gradient has the shape \(1,\); \(3,\)"),
    ],
)
def test_errors_say_what_was_seen_and_what_is_expected(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
