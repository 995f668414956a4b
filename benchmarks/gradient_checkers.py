"""Gradient checkers side by side: the same 60 wrong gradients, planted in each framework's own way of defining them.

    python benchmarks/gradient_checkers.py [--short] [--json FILE]

Each of six functions gets ten mistakes in the gradient of its first input, amid right ones: Σ c ⊙ tanh(f(a ⊙ x, w)).
A tool *catches* a bug if it complains; it *locates* it if what it prints names the function; it *explains* it if it
also names the mistake (see WORDS). Every tool runs in float64 with its own defaults. The right gradients are checked
as well: what is called wrong there is a false alarm.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import autograd
import autograd.numpy as anp
import autograd.test_util
import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import torch

import tinygrad_mlp as tg

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(7)
A, C, W = RNG.uniform(0.5, 1.5, (4, 3)), RNG.uniform(0.5, 1.5, (4, 3)), RNG.uniform(-1, 1, (3, 3))
X = RNG.uniform(0.4, 1.4, (4, 3)) * RNG.choice([-1, 1], (4, 3))


def softmax(xp, x):
    """Rows of probabilities."""
    e = xp.exp(x)
    return e / e.sum(axis=1)[:, None]


# Value, and the right gradient of the first input, written for any NumPy-like module.
FUNCTIONS = {
    "cube": (lambda xp, x, w: x**3, lambda xp, g, x, w: g * 3 * x**2),
    "swish": (
        lambda xp, x, w: x / (1 + xp.exp(-x)),
        lambda xp, g, x, w: g * (1 + xp.exp(-x) + x * xp.exp(-x)) / (1 + xp.exp(-x)) ** 2,
    ),
    "scaled": (lambda xp, x, w: x * w[0], lambda xp, g, x, w: g * w[0]),
    "product": (lambda xp, x, w: x @ w, lambda xp, g, x, w: g @ w.T),
    "row_softmax": (
        lambda xp, x, w: softmax(xp, x),
        lambda xp, g, x, w: softmax(xp, x) * (g - (g * softmax(xp, x)).sum(axis=1)[:, None]),
    ),
    "bell": (lambda xp, x, w: xp.exp(-x * x), lambda xp, g, x, w: -2 * g * x * xp.exp(-x * x)),
}
FIRST = np.ones((4, 3))
FIRST[0, 0] = 0
ROW = np.zeros((4, 4))
ROW[:, 0] = 1

# The mistake, given the right gradient d; `const` makes an array of the framework.
MISTAKES = {
    "sign": lambda d, const: -d,
    "twice": lambda d, const: 2 * d,
    "mean for sum": lambda d, const: d / 4,
    "zero": lambda d, const: d * 0,
    "offset": lambda d, const: d + 0.1,
    "one element": lambda d, const: d * const(FIRST),
    "transposed": lambda d, const: d.reshape(3, 4).T,
    "ignores g": None,
    "0.01 % too large": lambda d, const: d * 1.0001,
    "first row for all": lambda d, const: const(ROW) @ d,
}
WORDS = {
    "sign": ("sign",),
    "twice": ("factor",),
    "mean for sum": ("factor",),
    "zero": ("zero", "detached"),
    "offset": ("offset",),
    "one element": ("boundary", "elements wrong"),
    "transposed": ("transpos",),
    "ignores g": ("ignores g",),
    "0.01 % too large": ("factor",),
    "first row for all": ("slice", "axis"),
}


def wrong(xp, right, mistake, const):
    """A closure with a mistake, or the right one."""
    if mistake == "ignores g":
        return lambda g, x, w: right(xp, const(np.ones((4, 3))), x, w)
    bend = MISTAKES.get(mistake, lambda d, const: d)
    return lambda g, x, w: bend(right(xp, g, x, w), const)


def with_ours(name, value, closure):
    """`tg.gradcheck`: what it prints if it does not pass."""

    def body(x, w):
        return value(np, x, w), lambda g: closure(g, x, w), None

    body.__name__ = name
    f = tg.op(body)
    report = tg.gradcheck(lambda x: (C * tg.tanh(f(A * x, W))).sum(), X)
    return "" if report.passed else str(report)


def with_torch(name, value, closure):
    """`torch.autograd.gradcheck`."""

    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return value(torch, x, w)

    def backward(ctx, g):
        return closure(g, *ctx.saved_tensors), None

    kind = type(
        name, (torch.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    )
    a, c, w = map(torch.tensor, (A, C, W))
    x = torch.tensor(X, requires_grad=True)
    try:
        torch.autograd.gradcheck(lambda x: (c * torch.tanh(kind.apply(a * x, w))).sum(), (x,))
    except RuntimeError as error:
        return str(error)
    return ""


def with_jax(name, value, closure):
    """`jax.test_util.check_grads`, first order, backward mode."""

    def f(x, w):
        return value(jnp, x, w)

    f.__name__ = name
    f = jax.custom_vjp(f)
    f.defvjp(lambda x, w: (value(jnp, x, w), (x, w)), lambda kept, g: (closure(g, *kept), jnp.zeros_like(kept[1])))
    try:
        jax.test_util.check_grads(lambda x: (C * jnp.tanh(f(A * x, W))).sum(), (X,), order=1, modes=["rev"])
    except AssertionError as error:
        return str(error)
    return ""


def with_autograd(name, value, closure):
    """autograd's `check_grads`, first order, backward mode."""

    def f(x, w):
        return value(np, x, w)

    f.__name__ = name
    f = autograd.extend.primitive(f)
    autograd.extend.defvjp(f, lambda y, x, w: lambda g: closure(g, x, w), None)
    try:
        autograd.test_util.check_grads(lambda x: (C * anp.tanh(f(A * x, W))).sum(), modes=["rev"], order=1)(X)
    except AssertionError as error:
        return str(error)
    return ""


TOOLS = {
    "tinygrad_mlp": (with_ours, np, lambda a: a),
    "PyTorch": (with_torch, torch, torch.tensor),
    "JAX": (with_jax, jnp, jnp.asarray),
    "autograd": (with_autograd, anp, lambda a: a),
}


def measure(functions, mistakes):
    """For each tool: which bugs it catches, locates and explains, its false alarms, and its time."""
    results = {}
    for tool, (run, xp, const) in TOOLS.items():
        found = {"caught": [], "located": [], "explained": [], "false alarms": []}
        start = time.perf_counter()
        for name in functions:
            value, right = FUNCTIONS[name]
            if run(name, value, wrong(xp, right, None, const)):
                found["false alarms"].append(name)
            for mistake in mistakes:
                said = run(name, value, wrong(xp, right, mistake, const))
                bug = f"{name}: {mistake}"
                if said:
                    found["caught"].append(bug)
                if name in said:
                    found["located"].append(bug)
                if any(word in said for word in WORDS[mistake]):
                    found["explained"].append(bug)
        results[tool] = {**found, "seconds": time.perf_counter() - start}
    return results


def main():
    """Measure and print; write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="one function only, to see that everything runs")
    parser.add_argument("--json", type=Path, help="also write which bugs each tool caught to a file")
    options = parser.parse_args()
    functions = [*FUNCTIONS][: 1 if options.short else None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = measure(functions, MISTAKES)
    bugs = len(functions) * len(MISTAKES)
    print(f"{bugs} planted bugs{'':<14}{'caught':>8}{'located':>9}{'explained':>11}{'false alarms':>14}{'seconds':>9}")
    for tool, found in results.items():
        counts = [len(found[key]) for key in ("caught", "located", "explained", "false alarms")]
        print(f"  {tool:<24}{counts[0]:>8}{counts[1]:>9}{counts[2]:>11}{counts[3]:>14}{found['seconds']:>9.1f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
