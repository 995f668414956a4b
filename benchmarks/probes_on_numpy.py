"""The probes of the packages that compute with NumPy (or, micrograd, with Python's own numbers)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from features import DRAWN, NOT_APPLICABLE, checked
from probing import X_CHECK, Peer, changed, ten_thousand_times, two_functions, two_groups, without_compiler


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
