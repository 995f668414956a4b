"""The same training step, written for each framework: softmax cross-entropy, ReLU between layers, Adam, float32.

A contender takes the layer sizes, a batch X (N, n_in) float32 and integer labels y (N,), starts from the same weights,
and returns a function without arguments that performs one step and returns the loss. A peer that is not installed is
left out by `available`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from baselines import BETA1, BETA2, EPSILON, LEARNING_RATE, buffered, initial_parameters, plain

PRODUCTS = "products alone"
SLOW = "torch.compile"
"""What takes half a minute to compile."""
SCANNED = 100
"""Steps in one call of those that make a loop of them."""
LOOPS = ("compiled, epoch", "JAX, scan")
Step = Callable[[], float]
Contender = Callable[[Sequence[int], np.ndarray, np.ndarray], Step]


def network(sizes):
    """The network of tinygrad_mlp, and its optimizer."""
    import tinygrad_mlp as tg

    layers = []
    for w, b in zip(*initial_parameters(sizes), strict=True):
        dense = tg.nn.Dense(*w.shape)
        dense.W.data, dense.b.data = w, b
        layers += [dense, tg.nn.ReLU()]
    model = tg.nn.Sequential(*layers[:-1])
    return model, tg.optim.Adam(model, LEARNING_RATE, BETA1, BETA2, EPSILON)


def compiled(sizes, X, y, backend):
    """tinygrad_mlp, the whole step compiled."""
    import tinygrad_mlp as tg

    model, optimizer = network(sizes)
    step = tg.compile_step(model, tg.softmax_cross_entropy, optimizer, backend=backend)
    return lambda: step(X, y)


def compiled_epoch(sizes, X, y):
    """tinygrad_mlp, steps within one compiled loop, as many as in JAX's, on the rows of the batch again and again."""
    import tinygrad_mlp as tg

    model, optimizer = network(sizes)
    step = tg.compile_step(model, tg.softmax_cross_entropy, optimizer, backend="numba")
    order = np.tile(np.arange(len(X)), SCANNED)
    return one_by_one(lambda: step.epoch(X, y, len(X), order=order)[0])


def one_by_one(loop):
    """A step of what makes SCANNED steps at once: when all losses of the last loop are taken, the next one runs."""
    losses: list[float] = []

    def step():
        if not losses:
            losses.extend(np.asarray(loop())[::-1].tolist())
        return losses.pop()

    return step


def ours(sizes, X, y):
    """tinygrad_mlp, eager."""
    import tinygrad_mlp as tg

    model, optimizer = network(sizes)

    def step():
        optimizer.zero_grad()
        loss = tg.softmax_cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def pytorch(sizes, X, y):
    """PyTorch, eager, with its default Adam."""
    from torch.nn.functional import cross_entropy

    model, optimizer, inputs, labels = torch_network(sizes, X, y)

    def step():
        optimizer.zero_grad()
        loss = cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def torch_compile(sizes, X, y):
    """PyTorch, with the forward and backward pass and the optimizer's step compiled by `torch.compile`."""
    import torch
    from torch.nn.functional import cross_entropy

    model, optimizer, inputs, labels = torch_network(sizes, X, y)
    loss_of = torch.compile(lambda x, y: cross_entropy(model(x), y))
    update = torch.compile(optimizer.step)

    def step():
        optimizer.zero_grad()
        loss = loss_of(inputs, labels)
        loss.backward()
        update()
        return loss.item()

    return step


def torch_compiles():
    """Whether `torch.compile` works here, which needs a C++ compiler; if not, say why."""
    import torch

    try:
        torch.compile(lambda x: x + 1)(torch.ones(2))
    except Exception as error:  # of whatever kind: it is a compiler's
        print(f"{SLOW} is not available: {f'{error}'.strip().splitlines()[0]:.150}")
        return False
    return True


def torch_network(sizes, X, y):
    """The network of PyTorch, its optimizer, and the batch."""
    import torch

    weights, biases = initial_parameters(sizes)
    layers = []
    for w, b in zip(weights, biases, strict=True):
        linear = torch.nn.Linear(*w.shape)
        linear.weight.data, linear.bias.data = torch.from_numpy(w.T.copy()), torch.from_numpy(b.copy())
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, (BETA1, BETA2), EPSILON)
    return model, optimizer, torch.from_numpy(X), torch.from_numpy(y)


def jax_jit(sizes, X, y):
    """JAX: the whole step in one `jax.jit` call."""
    import jax

    update, state = jax_update(sizes, y)
    update = jax.jit(update)

    def step():
        state[3] += 1
        *state[:3], loss = update(*state[:3], float(state[3]), X)
        return float(loss)

    return step


def jax_scan(sizes, X, y):
    """JAX: steps within one compiled loop; a hundredth of the loop of 100 steps is what a step takes."""
    import jax

    update, state = jax_update(sizes, y)

    def body(carry, t):
        parameters, m, v = carry
        *carry, loss = update(parameters, m, v, t, X)
        return tuple(carry), loss

    scan = jax.jit(lambda carry, times: jax.lax.scan(body, carry, times))

    def loop():
        times = np.arange(state[3] + 1, state[3] + 1 + SCANNED, dtype=np.float32)
        state[3] += SCANNED
        state[:3], found = scan(tuple(state[:3]), times)
        return found

    return one_by_one(loop)


def jax_update(sizes, y):
    """One step as a pure function, and the state that it starts from."""
    import jax
    import jax.numpy as jnp

    parameters = list(zip(*initial_parameters(sizes), strict=True))
    labels = jnp.asarray(y)

    def loss_of(parameters, X):
        h = X
        for w, b in parameters[:-1]:
            h = jnp.maximum(h @ w + b, 0)
        z = h @ parameters[-1][0] + parameters[-1][1]
        return -jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1).mean()

    def update(parameters, m, v, t, X):
        loss, g = jax.value_and_grad(loss_of)(parameters, X)
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
        parameters = jax.tree.map(
            lambda p, m, v: p - LEARNING_RATE * (m / (1 - BETA1**t)) / (jnp.sqrt(v / (1 - BETA2**t)) + EPSILON),
            parameters,
            m,
            v,
        )
        return parameters, m, v, loss

    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return update, [jax.tree.map(jnp.asarray, parameters), zeros, zeros, 0]


def numpy_adam(parameters: list[np.ndarray]) -> Callable[[Sequence[np.ndarray]], None]:
    """Adam as one writes it by hand, for the peers that bring no optimizer."""
    m, v = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    t = 0

    def update(gradients):
        nonlocal t
        t += 1
        for k, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
            m[k] = BETA1 * m[k] + (1 - BETA1) * g
            v[k] = BETA2 * v[k] + (1 - BETA2) * g * g
            p -= LEARNING_RATE * (m[k] / (1 - BETA1**t)) / (np.sqrt(v[k] / (1 - BETA2**t)) + EPSILON)

    return update


def hips_autograd(sizes, X, y):
    """HIPS autograd, with Adam written by hand."""
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    weights, biases = initial_parameters(sizes)
    parameters = [p for pair in zip(weights, biases, strict=True) for p in pair]
    one_hot = np.eye(sizes[-1], dtype=np.float32)[y]

    def loss_of(parameters):
        h = X
        for i in range(0, len(parameters) - 2, 2):
            h = anp.maximum(anp.dot(h, parameters[i]) + parameters[i + 1], 0)
        z = anp.dot(h, parameters[-2]) + parameters[-1]
        return anp.mean(logsumexp(z, axis=1) - anp.sum(z * one_hot, axis=1))

    both, update = value_and_grad(loss_of), numpy_adam(parameters)

    def step():
        loss, gradients = both(parameters)
        update(gradients)
        return float(loss)

    return step


def mygrad(sizes, X, y):
    """MyGrad, with Adam written by hand."""
    import mygrad as mg
    from mygrad.nnet.losses import softmax_crossentropy

    weights, biases = initial_parameters(sizes)
    arrays = [p for pair in zip(weights, biases, strict=True) for p in pair]
    update = numpy_adam(arrays)

    def step():
        parameters = [mg.tensor(p) for p in arrays]
        h = X
        for i in range(0, len(parameters) - 2, 2):
            h = mg.maximum(mg.matmul(h, parameters[i]) + parameters[i + 1], 0)
        loss = softmax_crossentropy(mg.matmul(h, parameters[-2]) + parameters[-1], y)
        loss.backward()
        update([p.grad for p in parameters])
        return loss.item()

    return step


def scikit_learn(sizes, X, y):
    """scikit-learn's MLPClassifier, one `partial_fit` of the batch (it draws its own first weights)."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(tuple(sizes[1:-1]), learning_rate_init=LEARNING_RATE, alpha=0, batch_size=len(X))
    classes = np.arange(sizes[-1])

    def step():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(X, y, classes=classes)
        return float(model.loss_)

    return step


def products_alone(sizes, X, _):
    """Only the matrix products of a step, into memory that is there: what no step can be faster than. No loss."""
    weights, _ = initial_parameters(sizes)
    h = [X, *(np.ones((len(X), n), np.float32) for n in sizes[1:])]
    gradients = [np.empty_like(w) for w in weights]
    back = [np.empty_like(a) for a in h]

    def step():
        for a, w, out in zip(h, weights, h[1:], strict=False):
            np.dot(a, w, out)
        for i in range(len(weights) - 1, -1, -1):
            np.dot(h[i].T, back[i + 1], gradients[i])
            if i:
                np.dot(back[i + 1], weights[i].T, back[i])
        return float("nan")

    for a in back:
        a[...] = 1e-3
    return step


BASELINES: dict[str, Contender] = {"plain": plain, "buffered": buffered, PRODUCTS: products_alone}
PEERS: dict[str, tuple[str, Contender]] = {
    "PyTorch": ("torch", pytorch),
    "torch.compile": ("torch", torch_compile),
    "JAX, jit": ("jax", jax_jit),
    "JAX, scan": ("jax", jax_scan),
    "autograd": ("autograd", hips_autograd),
    "MyGrad": ("mygrad", mygrad),
    "scikit-learn": ("sklearn", scikit_learn),
}


def available(slow: bool = True) -> dict[str, Contender]:
    """All contenders whose packages are installed, ours first; those that take long to compile if asked."""
    peers = {name: step for name, (module, step) in PEERS.items() if importlib.util.find_spec(module)}
    if SLOW in peers and not (slow and torch_compiles()):
        del peers[SLOW]
    own: dict[str, Contender] = {"tinygrad_mlp": ours, "compiled, NumPy": partial(compiled, backend="numpy")}
    if importlib.util.find_spec("numba"):
        own["compiled, Numba"] = partial(compiled, backend="numba")
        own["compiled, epoch"] = compiled_epoch
    return {**own, **BASELINES, **peers}
