"""A layer of one's own: parameters are attributes, and forward() says what it does. It trains like the others.

It prints:

    layers.0.c layers.0.s layers.1.W layers.1.b
    R² after epoch 1: -0.14, after epoch 200: 0.9994
    gradients are right: True
"""

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim


class Bumps(nn.Module):
    """Gaussian bumps: exp(−(x − c)²·s²), with a centre c and a sharpness s for each of n."""

    def __init__(self, n):
        self.c = nn.Parameter(np.linspace(-3, 3, n, dtype=np.float32))
        self.s = nn.Parameter(np.ones(n, np.float32))

    def forward(self, x):
        return tg.exp(-(((x - self.c) * self.s) ** 2))


x = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]
y = np.sin(2 * x) + 0.3 * x
model = Bumps(8) >> nn.Dense(8, 1, rng=0)
print(*model.named_parameters())

optimizer = optim.Adam(model, learning_rate=0.02)
history = tg.fit(model, tg.mean_squared_error, optimizer, (x, y), epochs=200, batch_size=20, rng=0)
print(f"R² after epoch 1: {history['r2'][0]:.2f}, after epoch 200: {history['r2'][-1]:.4f}")
print("gradients are right:", tg.gradcheck(model, x[::20], y[::20], loss=tg.mean_squared_error).passed)
