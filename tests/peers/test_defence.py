"""The defence beside PyTorch: the gradients, and what each optimizer does with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.views.defence import defend
from tinygrad_mlp.views.defence.parts import Table

pytestmark = pytest.mark.bench

rng = np.random.default_rng(2)
X, LABELS = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)


def twin(weights: list[np.ndarray]) -> torch.nn.Sequential:
    """A network 4-6-3 with tanh in PyTorch, in float64."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(values.T if values.ndim == 2 else values))
    return model


def loss_of(model: torch.nn.Sequential) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(LABELS))


def tables(answers: Any, start: str) -> list[dict[str, tuple[str, ...]]]:
    question = next(q for q in answers.questions if q.title.startswith(start))
    return [{row[0]: row[1:] for row in part.rows} for part in question.parts if isinstance(part, Table)]


def answers() -> Any:
    model = nn.Dense(4, 6, rng=0) >> nn.Tanh() >> nn.Dense(6, 3, rng=1)
    return defend(model, X, LABELS, rows=20)


def test_the_gradients_of_the_whole_way_are_pytorchs() -> None:
    found = answers()
    model = twin([p.numpy() for p in found.subject.model.parameters()])
    loss_of(model).backward()
    sizes = {name.split(" =")[0]: float(cells[1]) for name, cells in tables(found, "What is backprop")[1].items()}
    for name, parameter in zip(("dW₁", "db₁", "dW₂", "db₂"), model.parameters(), strict=True):
        assert sizes[name] == pytest.approx(parameter.grad.norm().item(), rel=6e-3), name


def test_the_steps_of_gradient_descent_momentum_and_adam_are_pytorchs() -> None:
    found = answers()
    s = found.subject
    first = [p.numpy() for p in s.fresh().parameters()]
    gradient = s.gradients["layers.2.W"]
    k = int(np.abs(gradient[:, s.true]).argmax())
    rules = {
        "gradient descent, η 0.03": lambda p: torch.optim.SGD(p, 0.03),
        "momentum 0.9, η 0.03": lambda p: torch.optim.SGD(p, 0.03, momentum=0.9),
        "Adam, η 0.001": lambda p: torch.optim.Adam(p, 0.001),
    }
    shown = tables(found, "What do momentum")[0]
    for name, rule in rules.items():
        model = twin(first)
        optimizer = rule(model.parameters())
        places = []
        for _ in range(30):
            places.append(model[2].weight[s.true, k].item())
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
        expected = [places[1] - places[0], places[2] - places[1], loss_of(model).item()]
        assert [float(cell) for cell in shown[name]] == pytest.approx(expected, rel=6e-3), name


def test_each_activation_by_hand_is_pytorchs() -> None:
    from tinygrad_mlp.views.defence import formulas_by_hand

    z = np.linspace(-6, 6, 49)
    pairs: list[tuple[Any, Any]] = [
        (nn.ReLU(), torch.relu),
        (nn.LeakyReLU(0.2), torch.nn.LeakyReLU(0.2)),
        (nn.Sigmoid(), torch.sigmoid),
        (nn.Tanh(), torch.tanh),
        (nn.Softplus(), torch.nn.functional.softplus),
        (nn.SiLU(), torch.nn.functional.silu),
        (nn.ELU(0.7), torch.nn.ELU(0.7)),
        (nn.GELU(), torch.nn.functional.gelu),
        (tg.elu, torch.nn.functional.elu),
    ]
    for layer, theirs in pairs:
        x = torch.from_numpy(z).requires_grad_()
        y = theirs(x)
        y.sum().backward()
        assert x.grad is not None
        np.testing.assert_allclose(formulas_by_hand.forward(layer, z), y.detach().numpy(), rtol=1e-9, atol=1e-12)
        found = formulas_by_hand.backward(layer, z, np.ones_like(z))
        np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=repr(layer))
