"""One's own optimizer is its formula: Lion (Chen et al. 2023, arXiv:2302.06675) steps by the sign of its momentum.

It prints:

    [ 0.9 -1.9]
    [ 0.8 -1.8]
    [ 0.7 -1.7]
    loss 0.43 after epoch 1, 0.06 after epoch 10
"""

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim


class Lion(optim.Optimizer):
    """W ← W − η·sign(β₁·m + (1 − β₁)·g), m ← β₂·m + (1 − β₂)·g."""

    state_names = ("m",)

    def numbers(self, t):
        return self.learning_rate, 0.9, 0.99

    def rule(self, g, m, rate, beta1, beta2):
        return rate * np.sign(beta1 * m + (1 - beta1) * g), beta2 * m + (1 - beta2) * g


# It keeps the promises of the others: groups, weight decay, schedules, compiled steps.
w = tg.Tensor([1.0, -2.0], requires_grad=True)
lion = Lion([w], learning_rate=0.1)
for _ in range(3):
    lion.zero_grad()
    (w**2).sum().backward()
    lion.step()
    print(w.numpy().round(2))

table = tg.data.load_breast_cancer()
X = tg.data.StandardScaler().fit(table.features).transform(table.features)
model = nn.Dense(30, 24, rng=0) >> nn.ReLU() >> nn.Dense(24, 2, rng=1)
optimizer = Lion(model, learning_rate=0.001, weight_decay=0.01)
history = tg.fit(model, tg.softmax_cross_entropy, optimizer, (X, table.labels), epochs=10, rng=0, compiled="numpy")
print(f"loss {history['loss'][0]:.2f} after epoch 1, {history['loss'][-1]:.2f} after epoch 10")
