"""The update rules in plain NumPy float64, each written from its formula, to compare the optimizers with."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""float64, of a parameter's shape."""
State = dict[str, Array]


def sgd(g: Array, s: State, t: int, rate: float, momentum: float = 0.0, nesterov: bool = False, **form: bool) -> Array:
    """v ← μ·v + η·g, W ← W − v; PyTorch's v ← μ·v + g, W ← W − η·v. Nesterov: the new velocity is applied once more."""
    if form.get("rate_in_velocity", True):
        s["v"] = momentum * s["v"] + rate * g
        return momentum * s["v"] + rate * g if nesterov else s["v"]
    s["v"] = momentum * s["v"] + g
    return rate * (momentum * s["v"] + g) if nesterov else rate * s["v"]


def rmsprop(
    g: Array, s: State, t: int, rate: float, beta: float, epsilon: float, epsilon_in_root: bool = True
) -> Array:
    """v ← β·v + (1−β)·g², W ← W − η / √(v + ε) · g; PyTorch's divisor is √v + ε."""
    s["v"] = beta * s["v"] + (1 - beta) * g**2
    return rate / (np.sqrt(s["v"] + epsilon) if epsilon_in_root else np.sqrt(s["v"]) + epsilon) * g


def adam(g: Array, s: State, t: int, rate: float, beta1: float, beta2: float, epsilon: float, **form: bool) -> Array:
    """The published m̂ / (√v̂ + ε); with ε-hat, η·√(1−β₂ᵗ)/(1−β₁ᵗ)·m/(√v + ε); the guide's η / (ε + √v) · m."""
    s["m"] = beta1 * s["m"] + (1 - beta1) * g
    s["v"] = beta2 * s["v"] + (1 - beta2) * g**2
    if not form.get("bias_correction", True):
        return rate / (epsilon + np.sqrt(s["v"])) * s["m"]
    if form.get("epsilon_hat", False):
        return rate * np.sqrt(1 - beta2**t) / (1 - beta1**t) * s["m"] / (np.sqrt(s["v"]) + epsilon)
    return rate * (s["m"] / (1 - beta1**t)) / (np.sqrt(s["v"] / (1 - beta2**t)) + epsilon)


def adagrad(g: Array, s: State, t: int, rate: float, epsilon: float, epsilon_in_root: bool = False) -> Array:
    """v ← v + g², W ← W − η·g / (√v + ε); Keras's divisor is √(v + ε)."""
    s["v"] = s["v"] + g**2
    return rate * g / (np.sqrt(s["v"] + epsilon) if epsilon_in_root else np.sqrt(s["v"]) + epsilon)


RULES: dict[str, Any] = {"SGD": sgd, "RMSprop": rmsprop, "Adam": adam, "AdamW": adam, "AdaGrad": adagrad}


class Reference:
    """An optimizer that keeps its weights to itself: each parameter has its own state and its own count of steps.

    Args:
        kind: the optimizer's class, by name.
        options: the options of its rule.
        values: the weights at the start.
    """

    def __init__(self, kind: str, options: dict[str, Any], values: list[Array]) -> None:
        self.rule, self.decoupled = RULES[kind], kind == "AdamW"
        self.options = {name: x for name, x in options.items() if name != "accumulator"}
        self.values = [np.array(w, np.float64) for w in values]
        self.states: list[State] = [
            {"m": np.zeros(w.shape), "v": np.full(w.shape, options.get("accumulator", 0.0))} for w in self.values
        ]
        self.steps = [0] * len(values)

    def step(self, gradients: list[Array | None], rate: float, decay: float = 0.0) -> None:
        """One step of the parameters that have a gradient."""
        for i, g in enumerate(gradients):
            if g is None:
                continue
            w, self.steps[i] = self.values[i], self.steps[i] + 1
            g = np.asarray(g, np.float64)
            if not self.decoupled:
                g = g + decay * w
            change = self.rule(g, self.states[i], self.steps[i], rate, **self.options)
            self.values[i] = w - change - (rate * decay * w if self.decoupled else 0.0)
