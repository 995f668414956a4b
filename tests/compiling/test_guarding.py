"""The guard finds a compiled step that is not the eager one, says where, and is silent about rounding."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.compiling import function as function_module
from tinygrad_mlp.compiling import step as step_module
from tinygrad_mlp.compiling.kernels import plainly
from tinygrad_mlp.compiling.passes import simplified
from tinygrad_mlp.errors import GuardError, LabelError, OptionError
from tinygrad_mlp.ops import losses
from tinygrad_mlp.tracing.program import Instruction, Program

BACKENDS = ["numpy", *["numba"] * (find_spec("numba") is not None)]
rng = np.random.default_rng(5)
X, LABELS = rng.normal(size=(40, 6)).astype(np.float32), rng.integers(0, 3, 40)


def network(*between: nn.Module) -> Any:
    return nn.Sequential(nn.Dense(6, 8, rng=0), *copy.deepcopy(between), nn.Dense(8, 3, rng=1))


def stepper(model: nn.Module, optimizer: optim.Optimizer, backend: Any = "numpy", **options: Any) -> Any:
    options = {"guard": True, **options}
    return tg.compile_step(model, tg.softmax_cross_entropy, optimizer, backend=backend, **options)


def plant(
    monkeypatch: pytest.MonkeyPatch, scope: str, function: Any, change: Callable[[Instruction], Instruction]
) -> None:
    """Compile programs in which one instruction, the first of a function in a part of the step, is another one."""

    def planted(program: Program) -> Program:
        program = simplified(program)
        changed = [*program.instructions]
        found = [i for i, s in enumerate(changed) if s.scope == scope and s.function is function]
        for at in found[:1]:  # (the text for people has other calls than the one that NumPy runs)
            changed[at] = change(changed[at])
        return replace(program, instructions=changed)

    monkeypatch.setattr(step_module, "simplified", planted)
    monkeypatch.setattr(function_module, "simplified", planted)


def instead(function: Any) -> Callable[[Instruction], Instruction]:
    return lambda step: replace(step, function=function)


BUGS = {
    "a bias is subtracted": ("forward layers.0", np.add, instead(np.subtract), r"the outputs: element \[\d+, \d\] is "),
    "a gradient is a maximum": (
        "backward layers.0",
        np.sum,
        instead(np.max),
        r"Adam's m of layers\.0\.b: element \[\d\] is .*, eager .*, tolerance .* \(8 of 8 elements differ\); then "
        r"Adam's v of layers\.0\.b, layers\.0\.b",
    ),
    "a mean is a sum": (
        "forward",
        plainly(losses.cross_entropy),
        lambda step: replace(step, options={"reduction": "sum"}),
        r"the loss: it is \d+\.\d+, eager [01]\.\d+, tolerance ",
    ),
    "the rule adds": ("update", np.add, instead(np.subtract), r"Adam's \w of layers\.2\.b: element \[\d\] is "),
    "the weights climb": (
        "update",
        np.subtract,
        instead(np.add),
        r"step 1 \(numpy backend, X \(40, 6\), y \(40,\)\): the compiled step is not the eager one\. layers\.2\.b: ",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_wrong_program_is_found_and_its_place_is_named(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, function, change, message = BUGS[bug]
    plant(monkeypatch, scope, function, change)
    model = network(nn.Tanh())
    model.layers[0].b.data = np.full(8, 0.1)
    with pytest.raises(GuardError, match=message) as caught:
        stepper(model, optim.Adam(model, 0.01))(X, LABELS)
    told = re.search(r"is (\S+), eager (\S+), tolerance (\S+?)\.? ", str(caught.value))
    assert told is not None
    seen, eager, tolerance = map(float, told.groups())
    assert abs(seen - eager) > tolerance


@pytest.mark.skipif(len(BACKENDS) < 2, reason="needs Numba, which `make check` installs")
def test_a_wrong_loop_of_numba_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "backward layers.1", np.sign, instead(np.square))
    model = network(nn.ReLU())
    with pytest.raises(GuardError, match=r"numba backend.*Adam's m of layers\.0\.b: element .* of 8 elements differ"):
        stepper(model, optim.Adam(model, 0.01), "numba")(X, LABELS)


def test_a_running_mean_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "forward layers.1", np.subtract, instead(np.add))
    model = network(nn.BatchNorm(8))
    with pytest.raises(GuardError, match=r"layers\.1\.running_variance: element .* \(8 of 8"):
        stepper(model, optim.SGD(model, 0.1))(X, LABELS)


def test_another_random_draw_is_found() -> None:
    model = network(nn.Dropout(0.4, rng=3))
    step = stepper(model, optim.SGD(model, 0.1))
    step(X, LABELS)
    bound = step.ready()
    (draw, buffer), *_ = bound.traced.draws
    bound.traced.draws[0] = (draw._replace(make=lambda rng: draw.make(rng)[::-1]), buffer)
    with pytest.raises(GuardError, match=r"step 2 .*random draw 1: element \[\d+, \d\] is .*, eager "):
        step(X, LABELS)


def test_a_gradient_that_is_wrong_by_a_thousandth_in_one_element_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam's first step has the same length whatever the gradient is, so only its moments show this."""

    def almost_sum(x: Any, **options: Any) -> Any:
        total = np.sum(x, **options)
        total[3] *= 1.001
        return total

    plant(monkeypatch, "backward layers.0", np.sum, instead(almost_sum))
    model = network(nn.Tanh())
    with pytest.raises(GuardError, match=r"Adam's m of layers\.0\.b: element \[3\] .*\(1 of 8 elements differ\)"):
        stepper(model, optim.Adam(model, 0.01))(X, LABELS)


def test_after_an_error_all_is_as_the_eager_step_left_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(nn.BatchNorm(8), nn.Dropout(0.3, rng=4))
    twin = copy.deepcopy(model)
    optimizer, other = optim.Adam(model, 0.01), optim.Adam(twin, 0.01)
    plant(monkeypatch, "backward layers.0", np.sum, instead(np.max))
    with pytest.raises(GuardError):
        stepper(model, optimizer)(X, LABELS)
    tg.softmax_cross_entropy(twin(X), LABELS).backward()
    other.step()
    for name, value in twin.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], value, err_msg=name)
    one, two = optimizer.state_dict()["packs"][0], other.state_dict()["packs"][0]
    assert one["steps"] == two["steps"]
    for name in ("m", "v"):
        np.testing.assert_array_equal(one["state"][name], two["state"][name])
    np.testing.assert_array_equal(model(X).data, twin(X).data)  # the next mask is the same too


def test_after_a_wrong_label_all_is_untouched() -> None:
    model = network(nn.BatchNorm(8))
    optimizer = optim.Adam(model, 0.01)
    step = stepper(model, optimizer)
    step(X, LABELS)
    before = model.state_dict()
    with pytest.raises(LabelError, match="label 3"):
        step(X, LABELS + 1)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    assert max(optimizer.state_dict()["packs"][0]["steps"]) == 1


MODELS = {
    "relu": [nn.ReLU()],
    "batch norm": [nn.BatchNorm(8), nn.ReLU()],
    "layer norm and dropout": [nn.LayerNorm(8), nn.SiLU(), nn.Dropout(0.3, rng=7)],
    "prelu": [nn.PReLU()],
}
OPTIMIZERS: dict[str, Callable[[nn.Module], optim.Optimizer]] = {
    "adam": lambda model: optim.Adam(model, 0.01),
    "adamw": lambda model: optim.AdamW(optim.without_decay_on_biases(model), 0.01, weight_decay=0.1),
    "momentum": lambda model: optim.SGD(model, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda model: optim.RMSprop(model, 0.01),
    "adagrad": lambda model: optim.AdaGrad(model, 0.05),
}


@pytest.mark.parametrize(
    ("model", "optimizer", "backend"),
    [(m, o, "numpy") for m in MODELS for o in OPTIMIZERS]
    + [(m, o, "numba") for m, o in zip(MODELS, OPTIMIZERS, strict=False) if len(BACKENDS) > 1],
)
def test_rounding_is_no_difference_and_the_guard_changes_nothing(model: str, optimizer: str, backend: Any) -> None:
    """(With Adam before a BatchNorm, a bias's gradient is 0 but for rounding, and its step any from −η to η.)"""
    trained = []
    for guard in (True, False):
        net = network(*MODELS[model])
        step = stepper(net, OPTIMIZERS[optimizer](net), backend, guard=guard, clip_norm=0.5)
        losses = [step(X[i : i + 16], LABELS[i : i + 16]) for _ in range(4) for i in (0, 16, 32)]
        trained.append((losses, net.state_dict()))
    assert trained[0][0] == trained[1][0]
    for name, value in trained[0][1].items():
        np.testing.assert_array_equal(value, trained[1][1][name], err_msg=name)


def test_a_gradient_that_waits_on_a_frozen_parameter_stays() -> None:
    model = network(nn.ReLU())
    waiting = np.full((6, 8), 2.0, np.float32)
    frozen = model.layers[0].W
    frozen.grad = waiting.copy()
    step = stepper(model, optim.SGD(model.layers[2], 0.1))
    step(X, LABELS)
    np.testing.assert_array_equal(frozen.grad, waiting)


def test_infinite_and_nan_results_are_the_same_if_both_are() -> None:
    model = network(nn.ReLU())
    model.layers[0].W.data[0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        assert np.isnan(stepper(model, optim.Adam(model, 0.01))(X, LABELS))


def test_fit_guards_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(nn.ReLU())
    options: Any = {"epochs": 2, "batch_size": 16, "rng": 0, "compiled": "numpy", "guard": True}
    history = tg.fit(model, tg.softmax_cross_entropy, optim.Adam(model, 0.01), (X, LABELS), **options)
    assert len(history) == 2
    plant(monkeypatch, "backward layers.0", np.sum, instead(np.max))
    with pytest.raises(GuardError, match=r"layers\.0\.b"):
        tg.fit(model, tg.softmax_cross_entropy, optim.Adam(model, 0.01), (X, LABELS), **options)
    with pytest.raises(OptionError, match="guard compares compiled steps: with compiled=True"):
        tg.fit(model, tg.softmax_cross_entropy, optim.Adam(model, 0.01), (X, LABELS), epochs=1, guard=True)


@pytest.mark.skipif(len(BACKENDS) < 2, reason="needs Numba, which `make check` installs")
def test_a_tolerance_of_a_millionth_finds_rounding_itself() -> None:
    model = network(nn.Tanh())
    with pytest.raises(GuardError, match="tolerance"):
        stepper(model, optim.Adam(model, 0.01), "numba", guard=1e-6)(X, LABELS)


def test_bad_guards_are_refused() -> None:
    model = network(nn.ReLU())
    for guard in ("yes", -1.0, np.nan):
        with pytest.raises(OptionError, match=r"guard is .*; True, False or a factor"):
            stepper(model, optim.Adam(model, 0.01), guard=guard)
        with pytest.raises(OptionError, match="guard is "):
            tg.compile(np.exp, guard=guard)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_compiled_function_is_guarded(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Dropout(0.5, rng=1)

    def f(x: Any) -> Any:
        t = tg.Tensor(x, requires_grad=True)
        y = (tg.exp(layer(t)) - 1).sum()
        return y, {"slope": tg.grad(y, t)}

    guarded = tg.compile(f, guard=True, backend=backend)
    values = [guarded(np.ones((3, 2)) * i)[0] for i in range(3)]
    assert values[0] == 0
    plant(monkeypatch, "", np.subtract, instead(np.add))
    wrong = tg.compile(f, guard=True, backend=backend)
    with pytest.raises(
        GuardError, match=rf"call 1 of .*f \({backend} backend\): value 1 of 2: it is .*, eager .*, tolerance "
    ):
        wrong(np.ones((3, 2)))
