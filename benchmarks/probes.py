"""What each peer does when it is asked for a feature: a class a peer, a method a feature (`features.py`).

    python benchmarks/probes.py NAME

prints the answers of one peer as JSON, so that each has a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from features import DRAWN, FEATURES, NOT_APPLICABLE, checked, judged, public_definitions

X_CHECK = np.array([0.5, -0.3])


def two_groups() -> tuple[np.ndarray, np.ndarray]:
    """Rows (200, 2) float32 and labels (200,) that any classifier can tell apart."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    return (rng.normal(size=(200, 2)) + 4 * y[:, None]).astype(np.float32), y


def files_made_by(distribution: str, words: list[str]) -> list[str]:
    """The files that the commands of a distribution make, given a CSV file, each run with these words and the file."""
    X, y = two_groups()
    with tempfile.TemporaryDirectory() as work:
        table = Path(work) / "table.csv"
        rows = "".join(f"{a},{b},{'AB'[label]}\n" for (a, b), label in zip(X, y, strict=True))
        table.write_text("a,b,label\n" + rows, "utf-8")
        for point in metadata.distribution(distribution).entry_points.select(group="console_scripts"):
            code = f"import sys; from {point.module} import {point.attr} as main; sys.exit(main())"
            with suppress(subprocess.TimeoutExpired):
                run = [sys.executable, "-c", code, *words, str(table)]
                subprocess.run(run, cwd=work, capture_output=True, check=False, timeout=60)
        return sorted(path.name for path in Path(work).iterdir() if path.name != "table.csv")


def without_compiler(code: str) -> float:
    """What a program prints, a number, where there is no program but Python to be found."""
    environment = {**os.environ, "PATH": "/nowhere"}
    environment.pop("CXX", None)
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, check=False, timeout=300)
    if done.returncode:
        errors = re.findall(r"^\S*(?:Error|Exception)\b.*", done.stderr, re.MULTILINE)
        raise RuntimeError(errors[-1] if errors else done.stderr)
    return float(done.stdout)


def two_functions(x: Any) -> Any:
    """Functions of NumPy itself: a ufunc, and two that are none. Its slope is 2·cos(x)."""
    return np.sum(np.concatenate([np.sin(x), np.sin(x)]))


class Peer:
    """A package to compare with.

    Attributes:
        distribution: what pip calls it.
        module: what Python calls it.
    """

    distribution: str
    module: str
    words: tuple[str, ...] = ()

    def command(self) -> list[str]:
        return files_made_by(self.distribution, list(self.words))


class Ours(Peer):
    distribution, module, words = "tinygrad_mlp", "tinygrad_mlp", ("train", "--epochs", "2", "--dataset")

    def __init__(self) -> None:
        import tinygrad_mlp as tg

        self.tg = tg

    def slope(self, f: Callable[[Any], Any], at: Any) -> Any:
        return self.tg.value_and_grad(f)(at)[1]

    def arrays(self) -> Any:
        return self.slope(lambda a: (a @ np.ones((2, 2))).sum(), np.ones((2, 2)))

    def numpy_functions(self) -> Any:
        return self.slope(two_functions, np.ones(2))

    def second_derivative(self) -> Any:
        return self.tg.hessian(lambda x: x**3)(2.0)

    def safe_where(self) -> Any:
        return self.slope(lambda x: np.where(x > 0, np.sqrt(x), x).sum(), np.array([-1.0]))

    def stale_value(self) -> Any:
        w = self.tg.Tensor(3.0, requires_grad=True)
        y = w * w
        w.data = 5.0
        return changed(y.backward, lambda: w.grad)

    def deep_graph(self) -> Any:
        return self.slope(lambda x: ten_thousand_times(x), 1.0)

    def checker(self) -> Any:
        tg = self.tg

        def check(factor: float) -> str:
            @tg.op
            def cube(x: Any) -> Any:
                return x**3, lambda g: g * factor * x**2

            report = tg.gradcheck(lambda x: tg.tanh(cube(x) + x).sum(), X_CHECK)
            return "" if report.passed else str(report)

        return checked(check)

    def names_the_culprit(self) -> Any:
        return self.checker()

    def drawing(self) -> str:
        w = self.tg.Tensor([DRAWN], requires_grad=True)
        return self.tg.draw((w * w).sum()).source

    def backward_code(self) -> str:
        f = self.tg.compile(self.tg.value_and_grad(lambda x: self.tg.sin(x).sum()))
        f(np.array([1.0, 2.0]))
        return str(f.program)

    def fit(self) -> float:
        X, y = two_groups()
        model = self.tg.nn.Dense(2, 8, rng=0) >> self.tg.nn.ReLU() >> self.tg.nn.Dense(8, 2, rng=1)
        optimizer = self.tg.optim.Adam(model, 0.01)
        history = self.tg.fit(model, self.tg.softmax_cross_entropy, optimizer, (X, y), epochs=30, rng=0)
        return history["accuracy"][-1]

    def compiles(self) -> float:
        return without_compiler(
            "import numpy as np, tinygrad_mlp as tg\n"
            "model = tg.nn.Dense(3, 1, rng=0)\n"
            "step = tg.compile_step(model, tg.mean_squared_error, tg.optim.SGD(model, 0.1))\n"
            "X, y = np.eye(3, dtype=np.float32), np.ones((3, 1), np.float32)\n"
            "print([step(X, y) for _ in range(200)][-1])"
        )


def changed(backward: Callable[[], Any], gradient: Callable[[], Any]) -> Any:
    """The gradient of w² at 3 after w was set to 5, or the message of the error that says so."""
    try:
        backward()
    except Exception as error:
        return f"noticed: {error}"
    return gradient()


def ten_thousand_times(x: Any) -> Any:
    """x + 1 + 1 + …"""
    for _ in range(10_000):
        x = x + 1.0
    return x


class Micrograd(Peer):
    distribution, module = "micrograd", "micrograd"

    def value(self, x: Any) -> Any:
        from micrograd.engine import Value

        return Value(x)

    def arrays(self) -> Any:
        a = self.value(np.ones((2, 2)))
        b = a @ np.ones((2, 2))
        b.backward()
        return a.grad

    def numpy_functions(self) -> Any:
        x = self.value(1.0)
        two_functions(x).backward()
        return x.grad

    def second_derivative(self) -> Any:
        x = self.value(2.0)
        (x**3).backward()
        x.grad.backward()
        return x.grad

    def stale_value(self) -> Any:
        w = self.value(3.0)
        y = w * w
        w.data = 5.0
        return changed(y.backward, lambda: w.grad)

    def deep_graph(self) -> Any:
        x = self.value(1.0)
        ten_thousand_times(x).backward()
        return x.grad


class MyGrad(Peer):
    distribution, module = "mygrad", "mygrad"

    def __init__(self) -> None:
        import mygrad

        self.mg = mygrad

    def slope(self, f: Callable[[Any], Any], at: Any) -> Any:
        x = self.mg.tensor(at)
        f(x).backward()
        return x.grad

    def arrays(self) -> Any:
        return self.slope(lambda a: (a @ np.ones((2, 2))).sum(), np.ones((2, 2)))

    def numpy_functions(self) -> Any:
        return self.slope(two_functions, np.ones(2))

    def second_derivative(self) -> Any:
        x = self.mg.tensor(2.0)
        (x**3).backward()
        first = x.grad
        first.backward()
        return x.grad

    def safe_where(self) -> Any:
        return self.slope(lambda x: self.mg.where(x > 0, self.mg.sqrt(x), x).sum(), np.array([-1.0]))

    def stale_value(self) -> Any:
        w = self.mg.tensor(3.0)
        y = w * w

        def change_and_sweep() -> None:
            w.data[...] = 5.0
            y.backward()

        return changed(change_and_sweep, lambda: w.grad)

    def deep_graph(self) -> Any:
        return self.slope(ten_thousand_times, 1.0)

    def drawing(self) -> str:
        from mygrad.computational_graph import build_graph

        w = self.mg.tensor([DRAWN])
        y = (w * w).sum()
        drawn = build_graph(y).source
        y.backward()
        return drawn + build_graph(y).source

    def convolution(self) -> Any:
        from mygrad.nnet.layers import conv_nd

        k = self.mg.tensor(np.ones((1, 1, 3, 3)))
        conv_nd(np.ones((1, 1, 4, 4)), k, stride=1).sum().backward()
        return k.grad

    def complex_numbers(self) -> Any:
        return self.slope(lambda z: self.mg.abs(z) ** 2, 1 + 2j)


class Autograd(Peer):
    distribution, module = "autograd", "autograd"

    def __init__(self) -> None:
        import autograd
        import autograd.numpy as anp

        self.grad, self.anp = autograd.grad, anp

    def arrays(self) -> Any:
        return self.grad(lambda a: self.anp.sum(a @ np.ones((2, 2))))(np.ones((2, 2)))

    def numpy_functions(self) -> Any:
        return self.grad(two_functions)(np.ones(2))

    def second_derivative(self) -> Any:
        return self.grad(self.grad(lambda x: x**3))(2.0)

    def safe_where(self) -> Any:
        return self.grad(lambda x: self.anp.sum(self.anp.where(x > 0, self.anp.sqrt(x), x)))(np.array([-1.0]))

    def stale_value(self) -> Any:
        from autograd import make_vjp

        w = np.array([3.0])
        vjp, _ = make_vjp(lambda w: w * w)(w)
        w[...] = 5.0
        return vjp(np.ones(1))[0]

    def deep_graph(self) -> Any:
        return self.grad(ten_thousand_times)(1.0)

    def checker(self) -> Any:
        from autograd.extend import defvjp, primitive
        from autograd.test_util import check_grads

        def check(factor: float) -> str:
            @primitive
            def cube(x: Any) -> Any:
                return x**3

            defvjp(cube, lambda ans, x: lambda g: g * factor * x**2)
            try:
                check_grads(lambda x: self.anp.sum(self.anp.tanh(cube(x) + x)), modes=["rev"], order=1)(X_CHECK)
            except AssertionError as error:
                return str(error)
            return ""

        return checked(check)

    def names_the_culprit(self) -> Any:
        return self.checker()

    def convolution(self) -> Any:
        from autograd.scipy.signal import convolve

        return self.grad(lambda k: self.anp.sum(convolve(np.ones((4, 4)), k, mode="valid")))(np.ones((3, 3)))

    def complex_numbers(self) -> Any:
        return self.grad(lambda z: self.anp.abs(z) ** 2)(1 + 2j)


class PyTorch(Peer):
    distribution, module = "torch", "torch"

    def __init__(self) -> None:
        import torch

        self.torch = torch

    def slope(self, f: Callable[[Any], Any], at: Any) -> Any:
        x = self.torch.tensor(at, requires_grad=True)
        f(x).backward()
        return x.grad.numpy()

    def arrays(self) -> Any:
        return self.slope(lambda a: (a @ self.torch.ones(2, 2)).sum(), [[1.0, 1.0], [1.0, 1.0]])

    def numpy_functions(self) -> Any:
        return self.slope(two_functions, np.ones(2))

    def second_derivative(self) -> Any:
        return self.torch.func.grad(self.torch.func.grad(lambda x: x**3))(self.torch.tensor(2.0)).numpy()

    def safe_where(self) -> Any:
        return self.slope(lambda x: self.torch.where(x > 0, self.torch.sqrt(x), x).sum(), [-1.0])

    def stale_value(self) -> Any:
        w = self.torch.tensor(3.0, requires_grad=True)
        y = w * w
        with self.torch.no_grad():
            w.fill_(5.0)
        return changed(y.backward, lambda: w.grad.numpy())

    def deep_graph(self) -> Any:
        return self.slope(ten_thousand_times, 1.0)

    def checker(self) -> Any:
        torch = self.torch

        def check(factor: float) -> str:
            class Cube(torch.autograd.Function):
                @staticmethod
                def forward(ctx: Any, x: Any) -> Any:
                    ctx.save_for_backward(x)
                    return x**3

                @staticmethod
                def backward(ctx: Any, g: Any) -> Any:
                    (x,) = ctx.saved_tensors
                    return g * factor * x**2

            x = torch.tensor(X_CHECK, requires_grad=True)
            try:
                torch.autograd.gradcheck(lambda x: torch.tanh(Cube.apply(x) + x).sum(), x)
            except RuntimeError as error:
                return str(error)
            return ""

        return checked(check)

    def names_the_culprit(self) -> Any:
        return self.checker()

    def drawing(self) -> str:
        from torch.fx import symbolic_trace
        from torch.fx.passes.graph_drawer import FxGraphDrawer

        class Square(self.torch.nn.Module):  # type: ignore[name-defined] # its type is known when it is imported
            def forward(self, w: Any) -> Any:
                return (w * w).sum()

        return str(FxGraphDrawer(symbolic_trace(Square()), "square").get_dot_graph())

    def backward_code(self) -> str:
        from torch.fx.experimental.proxy_tensor import make_fx

        return make_fx(self.torch.func.grad(lambda x: self.torch.sin(x).sum()))(self.torch.ones(2)).code

    def compiles(self) -> float:
        return without_compiler(
            "import torch\n"
            "model = torch.nn.Linear(3, 1)\n"
            "optimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
            "@torch.compile\n"
            "def loss_of(X, y): return ((model(X) - y) ** 2).mean()\n"
            "for _ in range(200):\n"
            "    optimizer.zero_grad(); loss = loss_of(torch.eye(3), torch.ones(3, 1))\n"
            "    loss.backward(); optimizer.step()\n"
            "print(loss.item())"
        )

    def per_example(self) -> Any:
        gradient = self.torch.func.grad(lambda w, x: (w * x) ** 2)
        return self.torch.func.vmap(gradient, (None, 0))(self.torch.tensor(3.0), self.torch.tensor([1.0, 2.0])).numpy()

    def convolution(self) -> Any:
        k = self.torch.ones(1, 1, 3, 3, requires_grad=True)
        self.torch.nn.functional.conv2d(self.torch.ones(1, 1, 4, 4), k).sum().backward()
        return k.grad.numpy()

    def complex_numbers(self) -> Any:
        return self.slope(lambda z: z.abs() ** 2, 1 + 2j)

    def devices(self) -> Any:
        return self.torch.ones(2).to("cpu").device


class JAX(Peer):
    distribution, module = "jax", "jax"

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        self.jax, self.jnp = jax, jnp

    def arrays(self) -> Any:
        return self.jax.grad(lambda a: (a @ np.ones((2, 2))).sum())(np.ones((2, 2)))

    def numpy_functions(self) -> Any:
        return self.jax.grad(two_functions)(np.ones(2))

    def second_derivative(self) -> Any:
        return self.jax.grad(self.jax.grad(lambda x: x**3))(2.0)

    def safe_where(self) -> Any:
        return self.jax.grad(lambda x: self.jnp.where(x > 0, self.jnp.sqrt(x), x).sum())(np.array([-1.0]))

    def stale_value(self) -> Any:
        w = self.jnp.array([3.0])
        _, vjp = self.jax.vjp(lambda w: w * w, w)
        found: list[Any] = []

        def change_and_sweep() -> None:
            w[...] = 5.0
            found.extend(vjp(self.jnp.ones(1)))

        return changed(change_and_sweep, lambda: found[0])

    def deep_graph(self) -> Any:
        return self.jax.grad(ten_thousand_times)(1.0)

    def checker(self) -> Any:
        from jax.test_util import check_grads

        def check(factor: float) -> str:
            @self.jax.custom_vjp
            def cube(x: Any) -> Any:
                return x**3

            cube.defvjp(lambda x: (x**3, x), lambda x, g: (g * factor * x**2,))
            try:
                x = self.jnp.asarray(X_CHECK)
                check_grads(lambda x: self.jnp.tanh(cube(x) + x).sum(), (x,), order=1, modes=["rev"])
            except AssertionError as error:
                return str(error)
            return ""

        return checked(check)

    def names_the_culprit(self) -> Any:
        return self.checker()

    def drawing(self) -> str:
        lowered = self.jax.jit(self.jax.grad(lambda w: (w * w).sum())).lower(self.jnp.array([DRAWN]))
        return lowered.compiler_ir("hlo").as_hlo_dot_graph()

    def backward_code(self) -> str:
        return str(self.jax.make_jaxpr(self.jax.grad(lambda x: self.jnp.sin(x).sum()))(self.jnp.ones(2)))

    def compiles(self) -> float:
        return without_compiler(
            "import jax, jax.numpy as jnp\n"
            "loss_of = lambda w: ((w - 1.0) ** 2).mean()\n"
            "step = jax.jit(lambda w: (w - 0.1 * jax.grad(loss_of)(w), loss_of(w)))\n"
            "w = jnp.zeros(3)\n"
            "for _ in range(200): w, loss = step(w)\n"
            "print(loss)"
        )

    def per_example(self) -> Any:
        gradient = self.jax.grad(lambda w, x: (w * x) ** 2)
        return self.jax.vmap(gradient, (None, 0))(3.0, self.jnp.array([1.0, 2.0]))

    def convolution(self) -> Any:
        x = self.jnp.ones((1, 1, 4, 4))
        return self.jax.grad(lambda k: self.jax.lax.conv(x, k, (1, 1), "VALID").sum())(self.jnp.ones((1, 1, 3, 3)))

    def complex_numbers(self) -> Any:
        return self.jax.grad(lambda z: self.jnp.abs(z) ** 2)(1 + 2j)

    def devices(self) -> Any:
        return self.jax.device_put(1.0, self.jax.devices("cpu")[0]).devices()


class ScikitLearn(Peer):
    """Its networks have gradients inside, but give none to their user."""

    distribution, module = "scikit-learn", "sklearn"

    def no_gradients(self) -> Any:
        return NOT_APPLICABLE

    arrays = numpy_functions = second_derivative = safe_where = stale_value = deep_graph = no_gradients
    checker = names_the_culprit = backward_code = per_example = convolution = complex_numbers = no_gradients

    def drawing(self) -> str:
        from sklearn.neural_network import MLPClassifier

        X, y = two_groups()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MLPClassifier((4,), max_iter=2).fit(X, y)._repr_html_()

    def fit(self) -> float:
        from sklearn.neural_network import MLPClassifier

        X, y = two_groups()
        return MLPClassifier((8,), learning_rate_init=0.05, random_state=0, max_iter=500).fit(X, y).score(X, y)


PEERS: dict[str, type[Peer]] = {
    "tinygrad_mlp": Ours,
    "micrograd": Micrograd,
    "MyGrad": MyGrad,
    "autograd": Autograd,
    "PyTorch": PyTorch,
    "JAX": JAX,
    "scikit-learn": ScikitLearn,
}


def package_of(peer: type[Peer]) -> Path:
    """The folder of a peer's package."""
    spec = importlib.util.find_spec(peer.module)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{peer.distribution} is not installed; `pip install -e '.[bench]'` brings all peers")
    return Path(spec.submodule_search_locations[0])


def main() -> None:
    """Print the answers of one peer."""
    kind = PEERS[sys.argv[1]]
    peer, names = kind(), public_definitions(package_of(kind))
    print(json.dumps({feature.key: judged(peer, feature, names)._asdict() for feature in FEATURES}))


if __name__ == "__main__":
    main()
