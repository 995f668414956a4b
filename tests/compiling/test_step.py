"""A compiled training step does what forward, backward and the optimizer's step do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.compiling.source import function_from
from tinygrad_mlp.errors import LabelError, OptionError, TraceError

HAS_NUMBA = find_spec("numba") is not None
BACKENDS = ["numpy", *["numba"] * HAS_NUMBA]


def on_both(names: Any, *compiled: str) -> Any:
    """Every name with NumPy, and some with Numba, which takes a second or two for each program."""
    pairs = [(name, "numpy") for name in names] + [(name, "numba") for name in compiled if HAS_NUMBA]
    return pytest.mark.parametrize(("name", "backend"), pairs)


rng = np.random.default_rng(5)
X, LABELS = rng.normal(size=(60, 6)).astype(np.float32), rng.integers(0, 3, 60)


def network(*between: nn.Module) -> Any:
    return nn.Sequential(nn.Dense(6, 8, rng=0), *copy.deepcopy(between), nn.Dense(8, 3, rng=1))


def both(
    model: nn.Module,
    make: Callable[[nn.Module], optim.Optimizer],
    backend: Any,
    loss: Any = tg.softmax_cross_entropy,
    y: np.ndarray = LABELS,
    steps: int = 12,
    size: int = 16,
    **options: Any,
) -> tuple[nn.Module, nn.Module, list[tuple[float, float]]]:
    """The same steps on batches (the last one smaller) with a graph and compiled: both models, and pairs of losses."""
    twin = copy.deepcopy(model)
    optimizer, other = make(model), make(twin)
    step = tg.compile_step(twin, loss, other, backend=backend, **options)
    losses = []
    for i in range(steps):
        start = size * (i % 4)
        xb, yb = X[start : start + size], y[start : start + size]
        optimizer.zero_grad()
        value = loss(model(xb), yb)
        value.backward()
        if options:
            optim.clip_gradients(optimizer.parameters, norm=options.get("clip_norm"), value=options.get("clip_value"))
        optimizer.step()
        losses.append((value.item(), step(xb, yb)))
    return model, twin, losses


def check(model: nn.Module, twin: nn.Module, losses: list[tuple[float, float]], rtol: float = 2e-5) -> None:
    for eager, compiled in losses:
        assert compiled == pytest.approx(eager, rel=rtol)
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(twin.state_dict()[name], value, rtol=rtol, atol=1e-6, err_msg=name)


OPTIMIZERS: dict[str, Callable[[nn.Module], optim.Optimizer]] = {
    "sgd": lambda model: optim.SGD(model, 0.1),
    "momentum": lambda model: optim.SGD(model, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda model: optim.RMSprop(model, 0.01),
    "adam": lambda model: optim.Adam(model, 0.01),
    "adam with decay": lambda model: optim.Adam(model, 0.01, weight_decay=0.1),
    "adamw": lambda model: optim.AdamW(optim.without_decay_on_biases(model), 0.01, weight_decay=0.1),
    "adagrad": lambda model: optim.AdaGrad(model, 0.05),
}


@on_both(OPTIMIZERS, "adam", "momentum", "adamw")
def test_every_optimizer_takes_the_same_steps(name: str, backend: Any) -> None:
    check(*both(network(nn.ReLU()), OPTIMIZERS[name], backend))


LAYERS = {
    "relu": nn.ReLU(),
    "leaky relu": nn.LeakyReLU(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "gelu": nn.GELU(),
    "gelu tanh": nn.GELU("tanh"),
    "silu": nn.SiLU(),
    "elu": nn.ELU(),
    "softplus": nn.Softplus(),
    "prelu": nn.PReLU(),
    "batch norm": nn.BatchNorm(8),
    "layer norm": nn.LayerNorm(8),
    "dropout": nn.Dropout(0.4, rng=7),
}


@on_both(LAYERS, "prelu", "batch norm", "dropout", "layer norm", "elu")
def test_every_layer_is_the_same(name: str, backend: Any) -> None:
    """Running means move, and dropout draws the same masks.

    (Not with Adam: a bias before a BatchNorm has a gradient of 0 but for rounding, which Adam would blow up.)
    """
    check(*both(network(LAYERS[name], nn.Tanh()), OPTIMIZERS["momentum"], backend))


LOSSES: dict[str, tuple[Any, np.ndarray]] = {
    "binary": (lambda z, y: tg.binary_cross_entropy_with_logits(z, y), (np.eye(3)[LABELS]).astype(np.float32)),
    "one-hot": (tg.softmax_cross_entropy, np.eye(3, dtype=np.float32)[LABELS]),
    "smoothed": (lambda z, y: tg.softmax_cross_entropy(z, y, label_smoothing=0.1), LABELS),
    "weighted": (lambda z, y: tg.softmax_cross_entropy(z, y, class_weights=[1.0, 2.0, 0.5]), LABELS),
    "mse": (tg.mean_squared_error, rng.normal(size=(60, 3)).astype(np.float32)),
    "mae": (tg.mean_absolute_error, rng.normal(size=(60, 3)).astype(np.float32)),
    "huber": (tg.huber, rng.normal(size=(60, 3)).astype(np.float32)),
    "hinge": (tg.hinge, LABELS),
}


@on_both(LOSSES, "smoothed", "mse")
def test_every_loss_is_the_same(name: str, backend: Any) -> None:
    loss, y = LOSSES[name]
    check(*both(network(nn.Tanh()), OPTIMIZERS["adam"], backend, loss, y))


@pytest.mark.parametrize("backend", BACKENDS)
def test_float64_is_the_same_to_the_last_digits(backend: Any) -> None:
    tg.set_default_dtype(np.float64)
    try:
        model = network(nn.Tanh())
        check(*both(model, OPTIMIZERS["adam"], backend), rtol=1e-11)
    finally:
        tg.set_default_dtype(np.float32)


LIMITS = {"norm": {"clip_norm": 0.1}, "value": {"clip_value": 0.02}, "both": {"clip_norm": 0.05, "clip_value": 0.02}}


@on_both(LIMITS, "both")
def test_gradients_are_held_back(name: str, backend: Any) -> None:
    check(*both(network(nn.ReLU()), OPTIMIZERS["sgd"], backend, **LIMITS[name]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_penalty_is_compiled_with_its_second_order(backend: Any) -> None:
    def penalised(z: Any, y: Any) -> Any:
        first = tg.softmax_cross_entropy(z, y)
        (slope,) = tg.grad(first, [z], create_graph=True)
        return first + 10.0 * (slope * slope).sum()

    check(*both(network(nn.Tanh()), OPTIMIZERS["adam"], backend, penalised))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_numpy_backend_follows_the_learning_rate_and_steps_can_alternate(backend: Any) -> None:
    model, twin = network(nn.ReLU()), network(nn.ReLU())
    one, other = optim.Adam(model, 0.01), optim.Adam(twin, 0.01)
    step = tg.compile_step(twin, tg.softmax_cross_entropy, other, backend=backend)
    for i in range(8):
        one.learning_rate = other.learning_rate = 0.01 / (1 + i)
        for chosen, optimizer in ((model, one), (twin, other)):
            if chosen is model or i % 2:
                optimizer.zero_grad()
                tg.softmax_cross_entropy(chosen(X), LABELS).backward()
                optimizer.step()
            else:
                step(X, LABELS)
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(twin.state_dict()[name], value, rtol=1e-4, atol=1e-6)


def test_frozen_layers_stay() -> None:
    model = network(nn.ReLU())
    model.layers[0].freeze()
    before = model.state_dict()
    step = tg.compile_step(model, tg.softmax_cross_entropy, optim.Adam(model, 0.01))
    step(X, LABELS)
    after = model.state_dict()
    np.testing.assert_array_equal(after["layers.0.W"], before["layers.0.W"])
    assert not np.array_equal(after["layers.2.W"], before["layers.2.W"])


def test_tracing_changes_nothing() -> None:
    """No parameter, no state, no draw: two models, of which one is traced for another batch first, train alike."""
    models = [network(nn.BatchNorm(8), nn.Dropout(0.3, rng=3)) for _ in range(2)]
    steps = [tg.compile_step(m, tg.softmax_cross_entropy, optim.Adam(m, 0.01), backend="numpy") for m in models]
    steps[0](X, LABELS)
    steps[1](X, LABELS)
    steps[1].bound.clear()  # traced again
    for step in steps:
        step(X, LABELS)
    for name, value in models[0].state_dict().items():
        np.testing.assert_array_equal(models[1].state_dict()[name], value)


def test_outputs_are_those_before_the_step() -> None:
    model = network(nn.ReLU())
    expected = model(X).data
    step = tg.compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1))
    step(X, LABELS)
    np.testing.assert_allclose(step.outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_label_out_of_range_is_refused_and_nothing_is_changed(backend: Any) -> None:
    model = network(nn.ReLU())
    step = tg.compile_step(model, tg.softmax_cross_entropy, optim.Adam(model, 0.01), backend=backend)
    step(X, LABELS)
    before, state = model.state_dict(), step.optimizer.updates[0].pack.state["m"].copy()
    wrong = LABELS.copy()
    wrong[7] = 3
    with pytest.raises(LabelError, match=r"label 3 in row 7: with 3 classes, 0 to 2 expected"):
        step(X, wrong)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    np.testing.assert_array_equal(step.optimizer.updates[0].pack.state["m"], state)
    assert set(step.optimizer.updates[0].pack.steps) == {1}


# The program as text.


def test_the_program_is_the_hand_derivation() -> None:
    model = network(nn.ReLU())
    step = tg.compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1))
    step(X, LABELS)
    text = str(step.program)
    for line in (
        "# forward layers.0",
        "h1 = np.maximum(h0, 0)",
        "# backward layers.2",
        "dW2 = h1.T @ dz",
        "dh1 = dz @ W2.T",
        "db2 = np.sum(dz, axis=0",
        "dW0 = X.T @ dh0",
        "# update",
    ):
        assert line in text, text
    assert "60×8" in text


@pytest.mark.parametrize("between", [nn.ReLU(), nn.BatchNorm(8), nn.Dropout(0.4, rng=7), nn.GELU(), nn.LayerNorm(8)])
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_the_text_is_executable_and_gives_the_same_numbers(between: nn.Module, optimizer: str) -> None:
    model = network(between)
    step = tg.compile_step(model, tg.softmax_cross_entropy, OPTIMIZERS[optimizer](model), backend="numpy")
    step(X, LABELS)
    bound = step.ready()
    function = function_from(step.program)
    readable = bound.readable
    inputs = [np.array(a) for a in readable.arrays]
    inputs[0], inputs[1] = X, LABELS
    numbers = [segment.numbers.copy() for segment in bound.traced.segments]
    for place, values in zip(readable.fed, numbers, strict=False):  # what is drawn comes after them
        inputs[place] = values
    for (_, mask), (draw, buffer) in zip(bound.traced.draws, readable.draws, strict=True):
        place = next(i for i, a in enumerate(readable.arrays) if a is buffer)
        inputs[place] = np.array(mask)
        assert draw is not None
    (loss, _), new = function(*inputs)
    # The same from where the step started: from the same inputs the compiled one gives what the text gives.
    (again, _), same = step.ready().simple(
        *[inputs[i] if i < len(inputs) else a for i, a in enumerate(bound.traced.arrays)]
    )
    assert float(loss) == pytest.approx(float(again), rel=1e-5)
    for one, other in zip(new, same, strict=True):
        if isinstance(between, nn.BatchNorm) and one.size > 56:
            # The gradient of the bias before it is 0 but for rounding, which Adam makes as large as any.
            one, other = (np.delete(x, slice(48, 56)) for x in (one, other))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


# What cannot be compiled.


def test_a_branch_on_a_value_is_refused_with_its_line() -> None:
    def branching(z: Any, y: Any) -> Any:
        if z.sum() > 0:
            return tg.softmax_cross_entropy(z, y)
        return tg.softmax_cross_entropy(-z, y)

    model = network(nn.ReLU())
    step = tg.compile_step(model, branching, optim.SGD(model, 0.1))
    before = {name: p.data for name, p in model.named_parameters().items()}
    with pytest.raises(TraceError, match=r"use np.where.*\(test_step.py:\d+: if z.sum\(\) > 0:\)"):
        step(X, LABELS)
    assert all(p.data is before[name] for name, p in model.named_parameters().items())


def test_random_numbers_of_the_users_own_are_refused() -> None:
    own = np.random.default_rng(0)

    def noisy(z: Any, y: Any) -> Any:
        return tg.softmax_cross_entropy(z + own.normal(size=z.shape).astype(np.float32), y)

    model = network(nn.ReLU())
    with pytest.raises(TraceError, match=r"traced twice, .* got other constants: random numbers"):
        tg.compile_step(model, noisy, optim.SGD(model, 0.1))(X, LABELS)


def test_a_write_into_an_input_is_refused() -> None:
    class Writes(nn.Module):
        def forward(self, x: Any) -> Any:
            data = getattr(x, "data", x)
            data[0] = 0.0
            return x

    model = network(Writes())
    with pytest.raises(TraceError, match=r"written to in place.*use np.where.*test_step.py"):
        tg.compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1))(X, LABELS)


def test_bad_options_are_refused() -> None:
    model = network(nn.ReLU())
    with pytest.raises(OptionError, match="backend is 'cuda'"):
        tg.compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1), backend="cuda")
    with pytest.raises(OptionError, match="clip_norm"):
        tg.compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1), clip_norm=0)
    step = tg.compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1))
    with pytest.raises(OptionError, match="has not been called yet"):
        _ = step.program


# In `fit`.


@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.5}])
def test_fit_compiled_is_fit(options: dict[str, Any]) -> None:
    def trained(compiled: bool) -> tuple[Any, dict[str, np.ndarray]]:
        model = network(nn.LayerNorm(8), nn.ReLU(), nn.Dropout(0.2, rng=4))
        optimizer = optim.Adam(model, 0.01)
        history = tg.fit(
            model,
            tg.softmax_cross_entropy,
            optimizer,
            (X[:45], LABELS[:45]),
            (X[45:], LABELS[45:]),
            epochs=5,
            batch_size=8,
            rng=1,
            callbacks=[tg.Scheduled(optim.Cosine(optimizer, 5))],
            compiled=compiled,
            **options,
        )
        return history, model.state_dict()

    eager, compiled = trained(False), trained(True)
    for name in eager[0].names:
        np.testing.assert_allclose(compiled[0][name], eager[0][name], rtol=1e-3, atol=1e-4, err_msg=name)
    for name, value in eager[1].items():
        np.testing.assert_allclose(compiled[1][name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_fit_compiled_refuses_a_callback_that_looks_at_gradients() -> None:
    model = network(nn.ReLU())
    with pytest.raises(OptionError, match="GradientNorms looks at gradients"):
        tg.fit(
            model,
            tg.softmax_cross_entropy,
            optim.SGD(model, 0.1),
            (X, LABELS),
            epochs=1,
            callbacks=[tg.GradientNorms()],
            compiled=True,
        )
