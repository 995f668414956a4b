"""The probes of PyTorch and JAX, which bring arrays and compilers of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from features import DRAWN, checked
from probing import X_CHECK, Peer, changed, ten_thousand_times, two_functions, without_compiler


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
