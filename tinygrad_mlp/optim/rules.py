"""The update rules. In their formulas g is the gradient, η the learning rate, W the weights, t the number of the step.

Libraries mean different things by the same names; each class says which form is whose.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.optim.optimizer import Optimizer, Parameters, number_in_range


class SGD(Optimizer):
    """Gradient descent, with momentum: v ← μ·v + η·g, W ← W − v.

    | form | velocity | used by |
    |---|---|---|
    | `rate_in_velocity=True` (default) | v ← μ·v + η·g, W ← W − v | the guide, Keras, scikit-learn |
    | `rate_in_velocity=False` | v ← μ·v + g, W ← W − η·v | PyTorch |

    They differ only when the learning rate changes. `nesterov=True` looks ahead: W ← W − (μ·v + η·g), or
    W ← W − η·(μ·v + g) (Sutskever et al. 2013).

    Args:
        parameters: a Module, Tensors, or groups.
        learning_rate: η.
        momentum: μ, 0 ≤ μ < 1.
        nesterov: whether to look ahead; needs momentum.
        rate_in_velocity: the form, see above.
        weight_decay: λ, adds λ·W to the gradient.

    Raises:
        OptionError: a number out of its range, or nesterov without momentum; else as `Optimizer`.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0], requires_grad=True)
    >>> sgd = tg.optim.SGD([w], learning_rate=0.1, momentum=0.5)
    >>> for _ in range(2):
    ...     w.grad = [1.0]
    ...     sgd.step()
    ...     print(w.data)  # v is 0.1, and then 0.5·0.1 + 0.1
    [0.9]
    [0.75]
    """

    state_names: ClassVar = ("v",)

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        rate_in_velocity: bool = True,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.momentum = number_in_range("momentum", momentum, high=1)
        if nesterov and not momentum:
            raise OptionError("nesterov=True needs a momentum above 0")
        self.nesterov = nesterov
        self.rate_in_velocity = rate_in_velocity

    def numbers(self, t: int) -> tuple[float, ...]:
        """μ, and the learning rate inside and outside of the velocity."""
        return self.momentum, *((self.learning_rate, 1.0) if self.rate_in_velocity else (1.0, self.learning_rate))

    def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
        """v ← μ·v + η·g; the update is v, or μ·v + η·g once more with `nesterov`."""
        v, momentum, inside, outside = state_and_numbers
        d = inside * g
        v = momentum * v + d
        return outside * (momentum * v + d if self.nesterov else v), v


class RMSprop(Optimizer):
    """Steps divided by a running root mean square: v ← β·v + (1 − β)·g², W ← W − η / √(v + ε) · g.

    | form | step | used by |
    |---|---|---|
    | `epsilon_in_root=True` (default) | η·g / √(v + ε) | the guide, Keras |
    | `epsilon_in_root=False` | η·g / (√v + ε) | PyTorch |

    Args:
        parameters: a Module, Tensors, or groups.
        learning_rate: η.
        beta: β, called alpha in PyTorch and rho in Keras.
        epsilon: ε.
        epsilon_in_root: the form, see above.
        weight_decay: λ, adds λ·W to the gradient.

    Raises:
        OptionError: β is not at least 0 and below 1, or ε below 0; else as `Optimizer`.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0], requires_grad=True)
    >>> rmsprop = tg.optim.RMSprop([w], learning_rate=0.1, beta=0.75)
    >>> for slope in [2.0, 1.0]:
    ...     w.grad = [slope]
    ...     rmsprop.step()
    ...     print(w.data.round(4))  # v is 0.25·4, and then 0.75·1 + 0.25·1: both roots are 1
    [0.8]
    [0.7]
    """

    state_names: ClassVar = ("v",)

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 0.001,
        beta: float = 0.9,
        epsilon: float = 1e-7,
        epsilon_in_root: bool = True,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.beta = number_in_range("beta", beta, high=1)
        self.epsilon = number_in_range("epsilon", epsilon)
        self.epsilon_in_root = epsilon_in_root

    def numbers(self, t: int) -> tuple[float, ...]:
        """η, β, 1 − β and ε."""
        return self.learning_rate, self.beta, 1 - self.beta, self.epsilon

    def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
        """v ← β·v + (1 − β)·g²; the update is η·g / √(v + ε)."""
        v, rate, beta, gain, epsilon = state_and_numbers
        v = beta * v + gain * (g * g)
        root = np.sqrt(v + epsilon) if self.epsilon_in_root else np.sqrt(v) + epsilon
        return rate * g / root, v


class Adam(Optimizer):
    """Momentum and RMSprop together: m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g² (Kingma & Ba 2015, arXiv:1412.6980).

    With the corrected m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ):

    | form | step | used by |
    |---|---|---|
    | default | η·m̂ / (√v̂ + ε) | the published algorithm, PyTorch |
    | `epsilon_hat=True` | η·√(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε) | Keras, scikit-learn |
    | `bias_correction=False` | η·m / (√v + ε) | the guide |

    Args:
        parameters: a Module, Tensors, or groups.
        learning_rate: η.
        beta1: β₁, the memory of the mean.
        beta2: β₂, the memory of the square.
        epsilon: ε.
        bias_correction: whether m and v are corrected for having started at 0.
        epsilon_hat: whether ε is added to the uncorrected root.
        weight_decay: λ, adds λ·W to the gradient.

    Raises:
        OptionError: β₁ or β₂ is not at least 0 and below 1, ε below 0, or epsilon_hat goes without bias_correction;
            else as `Optimizer`.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 1.0], requires_grad=True)
    >>> adam = tg.optim.Adam([w], learning_rate=0.1)
    >>> for slopes in [[300.0, 0.003], [100.0, 0.001]]:
    ...     w.grad = slopes
    ...     adam.step()
    ...     print(w.data.round(4))  # the first step is η, and the size of the gradients does not matter
    [0.9 0.9]
    [0.8129 0.8129]
    """

    state_names: ClassVar = ("m", "v")

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        bias_correction: bool = True,
        epsilon_hat: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.beta1 = number_in_range("beta1", beta1, high=1)
        self.beta2 = number_in_range("beta2", beta2, high=1)
        self.epsilon = number_in_range("epsilon", epsilon)
        if epsilon_hat and not bias_correction:
            raise OptionError(
                "epsilon_hat=True is a form of the bias correction, which bias_correction=False turns off"
            )
        self.bias_correction = bias_correction
        self.epsilon_hat = epsilon_hat

    def numbers(self, t: int) -> tuple[float, ...]:
        """β₁, 1 − β₁, β₂, 1 − β₂, and η and ε with the bias corrections of step t in them.

        η·m̂ / (√v̂ + ε) = η·√(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε·√(1 − β₂ᵗ)): taken out of the arrays' arithmetic, the
        corrections cost nothing.
        """
        mean, root = (1 - self.beta1**t, (1 - self.beta2**t) ** 0.5) if self.bias_correction else (1.0, 1.0)
        epsilon = self.epsilon if self.epsilon_hat else self.epsilon * root
        return self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, self.learning_rate * root / mean, epsilon

    def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
        """m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²; the update is η·m̂ / (√v̂ + ε)."""
        m, v, beta1, gain1, beta2, gain2, rate, epsilon = state_and_numbers
        m = beta1 * m + gain1 * g
        v = beta2 * v + gain2 * (g * g)
        return rate * m / (np.sqrt(v) + epsilon), m, v


class AdamW(Adam):
    """Adam whose weights decay by themselves: W ← W − η·λ·W − η·m̂ / (√v̂ + ε) (Loshchilov & Hutter, arXiv:1711.05101).

    With `Adam(weight_decay=λ)` the decay goes through the gradient, and so through m and v: weights with large
    gradients decay less. Here all decay alike. PyTorch and Keras multiply λ with η, as here; the paper does not.

    Args:
        parameters: a Module, Tensors, or groups; see `without_decay_on_biases`.
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
        weight_decay: λ.

    Raises:
        OptionError: as `Adam`.

    >>> import tinygrad_mlp as tg
    >>> for optimizer in [tg.optim.Adam, tg.optim.AdamW]:
    ...     w = tg.Tensor([4.0, 8.0], requires_grad=True)
    ...     w.grad = [0.0, 0.0]
    ...     optimizer([w], learning_rate=0.1, weight_decay=0.5).step()
    ...     print(w.data)  # Adam makes steps of η of any gradient; here each weight loses its twentieth
    [3.9 7.9]
    [3.8 7.6]
    """

    decoupled: ClassVar = True

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, learning_rate, beta1, beta2, epsilon, weight_decay=weight_decay)


class AdaGrad(Optimizer):
    """Steps divided by the root of all squared gradients: v ← v + g², W ← W − η·g / (√v + ε) (Duchi et al. 2011).

    | form | step | v at the start | used by |
    |---|---|---|---|
    | default | η·g / (√v + ε) | 0 | PyTorch |
    | `epsilon_in_root=True, accumulator=0.1` | η·g / √(v + ε) | 0.1 | Keras |

    Args:
        parameters: a Module, Tensors, or groups.
        learning_rate: η.
        epsilon: ε.
        accumulator: v at the start.
        epsilon_in_root: the form, see above.
        weight_decay: λ, adds λ·W to the gradient.

    Raises:
        OptionError: ε or the accumulator is below 0; else as `Optimizer`.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([2.0], requires_grad=True)
    >>> adagrad = tg.optim.AdaGrad([w], learning_rate=1.0)
    >>> for slope in [3.0, 4.0]:
    ...     w.grad = [slope]
    ...     adagrad.step()
    ...     print(w.data.round(4))  # 2 − 3 / √9, and then 1 − 4 / √(9 + 16)
    [1.]
    [0.2]
    """

    state_names: ClassVar = ("v",)

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 0.01,
        epsilon: float = 1e-10,
        accumulator: float = 0.0,
        epsilon_in_root: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.epsilon = number_in_range("epsilon", epsilon)
        self.epsilon_in_root = epsilon_in_root
        for update in self.updates:
            update.pack.state["v"][...] = number_in_range("accumulator", accumulator)

    def numbers(self, t: int) -> tuple[float, ...]:
        """η and ε."""
        return self.learning_rate, self.epsilon

    def rule(self, g: Any, *state_and_numbers: Any) -> tuple[Any, ...]:
        """v ← v + g²; the update is η·g / (√v + ε)."""
        v, rate, epsilon = state_and_numbers
        v = v + g * g
        return rate * g / (np.sqrt(v + epsilon) if self.epsilon_in_root else np.sqrt(v) + epsilon), v
