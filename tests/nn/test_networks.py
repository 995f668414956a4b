"""Modules, layers, sequences, and the weights that they start with."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numeric import gradient

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DtypeError, OptionError, ShapeError, StateError
from tinygrad_mlp.nn import initialisers


class Own(nn.Module):
    """Parameters and modules wherever attributes can hold them."""

    def __init__(self) -> None:
        self.first = nn.Dense(2, 3, rng=0)
        self.scale = nn.Parameter(np.ones(3))
        self.many = [nn.Dense(3, 3, rng=1), {"a": (nn.Dense(3, 1, rng=2),)}]
        self.again = self.first
        self.plain = tg.Tensor([1.0], requires_grad=True)
        self.name = "own"

    def forward(self, x: Any) -> Any:
        h = self.many[0](tg.relu(self.first(x)) * self.scale)  # type: ignore[operator]
        return self.many[1]["a"][0](h)  # type: ignore[index]


def test_parameters_are_found_by_their_paths_and_get_them_as_names() -> None:
    paths = ["first.W", "first.b", "scale", "many.0.W", "many.0.b", "many.1.a.0.W", "many.1.a.0.b"]
    model = Own()
    found = model.named_parameters()
    assert list(found) == paths
    assert [p.name for p in model.parameters()] == paths
    assert found["first.W"] is model.again.W


def test_modules_are_found_by_their_paths() -> None:
    assert list(Own().named_modules()) == ["", "first", "many.0", "many.1.a.0"]


def test_a_state_dict_holds_copies_and_is_loaded_whole() -> None:
    model, other = Own(), Own()
    state = model.state_dict()
    state["scale"][:] = 5
    assert model.scale.data.tolist() == [1, 1, 1]
    other.load_state_dict(state)
    assert other.scale.data.tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda s: s.pop("scale"), StateError, "missing scale"),
        (lambda s: s.update(extra=1), StateError, "unknown extra"),
        (lambda s: s.update(scale=np.ones(4)), ShapeError, r"scale: shape \(4,\) given, \(3,\) expected"),
        (lambda s: s.update({"many.1.a.0.b": [[1.0], [2.0, 3.0]]}), ShapeError, r"many\.1\.a\.0\.b: \(1,\) expected"),
        (lambda s: s.update({"many.1.a.0.b": ["1"]}), DtypeError, r"many\.1\.a\.0\.b: <U1 given, float32 expected"),
        (lambda s: s.update({"many.1.a.0.b": [1j]}), DtypeError, "complex128 given, float32 expected"),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change: Any, error: Any, text: str) -> None:
    model = Own()
    state = {name: value + 1 for name, value in model.state_dict().items()}
    change(state)
    before = model.state_dict()
    with pytest.raises(error, match=text):
        model.load_state_dict(state)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())


def test_a_state_dict_may_hold_lists_integers_and_tensors() -> None:
    model = nn.Dense(1, 2, rng=0)
    model.load_state_dict({"W": [[1, 2]], "b": tg.Tensor([3.0, 4.0], requires_grad=True)})
    assert model([[10]]).data.tolist() == [[13, 24]]
    with pytest.raises(DtypeError, match="list given; a dict is expected"):
        model.load_state_dict([1])  # type: ignore[arg-type]  # what a user may do


def test_a_module_in_a_circle_is_found_once() -> None:
    model, part = Own(), nn.Dense(3, 3, rng=4)
    model.part, part.parent = part, model  # type: ignore[attr-defined]  # attributes of a user's own
    assert list(model.named_modules()) == ["", "first", "many.0", "many.1.a.0", "part"]
    assert list(part.named_parameters())[:3] == ["W", "b", "parent.first.W"]


def test_two_parameters_with_one_path_are_refused() -> None:
    model = Own()
    model.twice = {1: nn.Parameter([1.0]), "1": nn.Parameter([2.0])}  # type: ignore[attr-defined]  # a user's own
    with pytest.raises(StateError, match=r"two parameters have the path twice\.1"):
        model.state_dict()


def test_looking_at_a_part_does_not_rename_what_is_in_it() -> None:
    model = Own()
    named = model.named_parameters()
    sequence = nn.Sequential(model.first)
    assert "9" in repr(sequence)
    assert sequence.parameters() == [named["first.W"], named["first.b"]]
    assert [p.name for p in sequence.parameters()] == ["first.W", "first.b"]
    assert [p.name for p in nn.Dense(2, 2).parameters()] == ["W", "b"]


def test_train_and_eval_reach_every_module() -> None:
    model = Own()
    assert {m.training for m in model.eval().named_modules().values()} == {False}
    assert {m.training for m in model.train().named_modules().values()} == {True}


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_a_model_learns_by_itself(clone: Any) -> None:
    model = nn.Dense(2, 3, rng=0) >> nn.ReLU() >> nn.Dense(3, 1, rng=1)
    x = np.ones((4, 2), np.float32)
    other = clone(model)
    assert np.array_equal(other(x).data, model(x).data)
    assert list(other.named_parameters()) == list(model.named_parameters())
    before = model.state_dict()
    sgd = tg.optim.SGD(other, 0.1)
    other(x).sum().backward()
    sgd.step()
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    assert not np.array_equal(other.layers[2].W.data, model.layers[2].W.data)


# Sequences.


def test_layers_in_a_row_are_applied_in_order() -> None:
    first, last, x = nn.Dense(2, 3, rng=0), nn.Dense(3, 2, rng=1), np.ones((4, 2), np.float32)
    expected = last(tg.tanh(first(x))).data
    for model in (
        nn.Sequential(first, tg.tanh, last),
        first >> tg.tanh >> last,
        first >> nn.Sequential(tg.tanh, last),
        nn.Sequential(first, tg.tanh) >> last,
    ):
        assert np.array_equal(model(x).data, expected)


def test_a_sequence_with_a_forward_of_its_own_stays_one_layer() -> None:
    class Residual(nn.Sequential):
        def forward(self, x: Any) -> Any:
            return x + super().forward(x)

    residual, dense, x = Residual(nn.Dense(2, 2, rng=0)), nn.Dense(2, 2, rng=1), np.ones((3, 2), np.float32)
    assert np.array_equal((residual >> dense)(x).data, dense(residual(x)).data)
    assert np.array_equal((dense >> residual)(x).data, residual(dense(x)).data)
    assert np.array_equal((np.abs >> residual)(-x).data, residual(x).data)


def test_a_function_can_come_first() -> None:
    layer = nn.Dense(2, 3, rng=0)
    x = np.array([[-1.0, 2.0]])
    assert np.array_equal((np.abs >> layer)(x).data, layer(np.abs(x)).data)


@pytest.mark.parametrize("layer", [3, nn.ReLU, None])
def test_what_is_no_layer_is_refused_with_its_position(layer: Any) -> None:
    with pytest.raises(DtypeError, match="layer 1 of Sequential"):
        nn.Sequential(nn.ReLU(), layer)


def test_the_table_of_a_model() -> None:
    model = nn.Dense(30, 24) >> nn.ReLU() >> nn.Sequential(nn.Dropout(0.3), tg.tanh, nn.Dense(24, 2, bias=False))
    assert repr(model).splitlines() == [
        "   layer                      output shape   parameters",
        "───────────────────────────────────────────────────────",
        "0  Dense(30, 24)              (N, 24)               744",
        "1  ReLU()                     (N, 24)                 0",
        "2  Dropout(p=0.3)             (N, 24)                 0",
        "3  tanh                       (?)                     0",
        "4  Dense(24, 2, bias=False)   (N, 2)                 48",
        "───────────────────────────────────────────────────────",
        "   total                                            792",
    ]


def test_the_table_shows_what_is_not_known_as_a_question_mark() -> None:
    model = nn.Embedding(10, 4) >> nn.Flatten() >> nn.Dense(12, 2)
    shapes = [line[line.index("(N") :].split(")")[0] for line in repr(model).splitlines()[2:5]]
    assert shapes == ["(N, ?, 4", "(N, ?", "(N, 2"]


def test_the_path_of_a_layer_is_in_its_errors() -> None:
    model = nn.Dense(30, 24) >> nn.ReLU() >> nn.Dense(30, 2)
    with pytest.raises(
        ShapeError, match=r"dense in layers\.2: X \(32, 24\) · W \(30, 2\): inner sizes 24 and 30 differ"
    ):
        model(np.ones((32, 30)))
    with pytest.raises(ShapeError, match=r"^mean_squared_error"):  # the path is gone again
        tg.mean_squared_error(np.ones(3), np.ones((3, 1)))


def test_the_path_stays_when_a_part_is_used_by_itself() -> None:
    model = Own()
    model(np.ones((1, 2)))
    tg.predict(model.first, np.ones((1, 2)))
    with pytest.raises(ShapeError, match=r"^dense in first: "):
        model(np.ones((1, 4)))


def test_a_forward_may_have_several_inputs_and_options() -> None:
    class Weighted(nn.Module):
        def forward(self, x: Any, w: Any = 1.0, *, shift: float = 0.0) -> Any:
            return x * w + shift

    model = Weighted()
    assert [model(3.0), model(3.0, 2.0), model(3.0, w=2.0, shift=1.0)] == [3, 6, 7]


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(TypeError, match=r"Module has no forward\(self, x\)"):
        nn.Module()(1)


# Layers.


@pytest.mark.parametrize("shape", [(2,), (5, 2), (4, 5, 2), (0, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_dense_multiplies_the_last_axis(shape: tuple[int, ...], bias: bool) -> None:
    layer = nn.Dense(2, 3, bias=bias, rng=0)
    if layer.b is not None:
        layer.b.data = [1, 2, 3]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = x @ layer.W.data + (layer.b.data if layer.b is not None else 0)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("x", [[[1, 2]], np.array([[1, 2]]), np.array([[1.0, 2.0]]), np.array([[True, False]])])
def test_plain_inputs_take_the_dtype_of_the_weights(x: Any) -> None:
    assert nn.Dense(2, 3)(x).dtype == np.float32


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (np.ones((1, 2)) * 1j, DtypeError, "complex128; real numbers"),
        (np.array([["a", "b"]]), DtypeError, "<U1; real numbers"),
        (None, DtypeError, "object; real numbers"),
        ([[1.0], [2.0, 3.0]], ShapeError, "rows of one length"),
    ],
)
def test_inputs_that_are_no_numbers_are_refused_with_the_path(x: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=rf"^Dense in layers\.0: .*{text}"):
        nn.Sequential(nn.Dense(2, 3))(x)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Dropout("0.5"), "Dropout: p is '0.5'"),  # type: ignore[arg-type]  # what a user may do
        (lambda: nn.LeakyReLU(float("nan")), "LeakyReLU: alpha is nan"),
        (lambda: nn.ELU([1.0]), "ELU: alpha is"),  # type: ignore[arg-type]
        (lambda: nn.PReLU(1.5), "PReLU: n is 1.5"),  # type: ignore[arg-type]
        (lambda: nn.Embedding("3", 2), "Embedding: n is '3'"),  # type: ignore[arg-type]
        (lambda: nn.LayerNorm(3, epsilon="1"), "LayerNorm: epsilon is '1'"),  # type: ignore[arg-type]
    ],
)
def test_options_that_are_no_numbers_are_named(make: Any, text: str) -> None:
    with pytest.raises(OptionError, match=text):
        make()


@pytest.mark.parametrize(("n_in", "n_out"), [(0, 1), (1, -1), (1.5, 1), (True, 1), ("3", 1)])
def test_sizes_that_are_no_counts_are_refused(n_in: Any, n_out: Any) -> None:
    with pytest.raises(OptionError, match="whole number of at least 1"):
        nn.Dense(n_in, n_out)


@pytest.mark.parametrize(
    ("layer", "operation"),
    [
        (nn.ReLU(), tg.relu),
        (nn.LeakyReLU(0.3), lambda x: tg.leaky_relu(x, alpha=0.3)),
        (nn.Sigmoid(), tg.sigmoid),
        (nn.Tanh(), tg.tanh),
        (nn.Softplus(), tg.softplus),
        (nn.Softmax(0), lambda x: tg.softmax(x, axis=0)),
    ],
)
def test_an_activation_layer_does_what_its_operation_does(layer: nn.Module, operation: Any) -> None:
    x = tg.Tensor(np.linspace(-3, 3, 12).reshape(3, 4))
    assert np.array_equal(layer(x).data, operation(x).data)


def test_dropout_scales_what_it_keeps_and_does_nothing_in_evaluation() -> None:
    layer, x = nn.Dropout(0.25, rng=0), tg.Tensor(np.ones((200, 200)), requires_grad=True)
    y = layer(x)
    assert set(np.unique(y.data)) == {0, 1 / 0.75}
    assert abs((y.data == 0).mean() - 0.25) < 0.01
    y.sum().backward()
    assert np.array_equal(x.grad, y.data)
    assert layer.eval()(x) is x


def test_dropout_draws_anew_each_time_and_alike_from_the_same_seed() -> None:
    x = tg.Tensor(np.ones((4, 50)))
    first, second = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=3)
    a, b = first(x).data, first(x).data
    assert not np.array_equal(a, b)
    assert np.array_equal(second(x).data, a)
    tg.seed(1)
    c = nn.Dropout(0.5)(x).data
    tg.seed(1)
    assert np.array_equal(nn.Dropout(0.5)(x).data, c)


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_dropout_needs_a_probability_below_1(p: float) -> None:
    with pytest.raises(OptionError, match="p is"):
        nn.Dropout(p)


# Initialisers.


@pytest.mark.parametrize(
    ("name", "variance"),
    [("he", 2 / 400), ("xavier", 2 / 700), ("lecun", 1 / 400), ("normal", 0.01**2), ("uniform", 0.05**2 / 3)],
)
@pytest.mark.parametrize("form", ["", "_normal", "_uniform"])
def test_weights_have_the_variance_of_their_initialiser(name: str, variance: float, form: str) -> None:
    if name in ("normal", "uniform") and form:
        name, variance = f"he{form}", 2 / 400
    W = nn.Dense(400, 300, weights=name + form if not name.startswith("he_") else name, rng=0).W.data
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)
    assert W.var() == pytest.approx(variance, rel=0.02)
    if "uniform" in name + form:
        assert np.abs(W).max() <= np.sqrt(3 * variance) * 1.000001


def test_zeros_and_functions_are_initialisers_too() -> None:
    assert not nn.Dense(2, 3, weights="zeros").W.data.any()
    assert nn.Dense(2, 3, weights=lambda shape, rng: np.full(shape, 7.0)).W.data.tolist() == [[7] * 3] * 2
    with pytest.raises(ShapeError, match=r"gave \(3, 2\) for W \(2, 3\)"):
        nn.Dense(2, 3, weights=lambda shape, rng: np.ones(shape[::-1]))
    with pytest.raises(OptionError, match="no initialiser 'hee'"):
        nn.Dense(2, 3, weights="hee")
    with pytest.raises(OptionError, match="'normal' or 'uniform'"):
        initialisers.he("flat")  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_weights() -> None:
    tg.seed(4)
    first = nn.Dense(3, 3).W.numpy()
    second = nn.Dense(3, 3).W.numpy()
    tg.seed(4)
    assert np.array_equal(nn.Dense(3, 3).W.data, first)
    assert not np.array_equal(first, second)
    assert np.array_equal(nn.Dense(3, 3, rng=9).W.data, nn.Dense(3, 3, rng=9).W.data)


@pytest.mark.parametrize("seed", ["7", -1, 1.5])
def test_what_is_no_seed_is_refused(seed: Any) -> None:
    for call in (tg.seed, lambda seed: nn.Dense(2, 2, rng=seed), lambda seed: nn.Dropout(0.5, rng=seed)):
        with pytest.raises(OptionError, match=f"the seed is {seed!r}; a whole number"):
            call(seed)


def test_the_gradients_of_a_whole_model_equal_finite_differences() -> None:
    tg.set_default_dtype(np.float64)
    try:
        model = nn.Dense(3, 4, rng=0) >> nn.Tanh() >> nn.Dense(4, 2, rng=1)
    finally:
        tg.set_default_dtype(np.float32)
    x, labels = np.random.default_rng(0).normal(size=(5, 3)), [0, 1, 1, 0, 1]
    tg.softmax_cross_entropy(model(x), labels).backward()
    for parameter in model.parameters():
        values = parameter.numpy()

        def loss(a: np.ndarray, p: nn.Parameter = parameter) -> float:
            p.data = a
            return tg.softmax_cross_entropy(model(x), labels).item()

        np.testing.assert_allclose(parameter.grad, gradient(loss, [values]), rtol=1e-6, atol=1e-8)
        parameter.data = values
