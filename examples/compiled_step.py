"""The training step as a program: what forward, backward and the optimizer do, as one reads it in the textbook.

It prints:

    loss 0.562374, one operation at a time 0.562374
    def step(X, y, weights, v, numbers):
        # parameters
        W0 = weights[0:12].reshape(3, 4)                              # 3×4
        b0 = weights[12:16]                                           # 4
        W2 = weights[16:24].reshape(4, 2)                             # 4×2
        b2 = weights[24:26]                                           # 2
        # forward layers.0
        h0 = X @ W0 + b0                                              # 2×4
        # forward layers.1
        h1 = np.maximum(h0, 0)                                        # 2×4
        # forward layers.2
        z = h1 @ W2 + b2                                              # 2×2
        # forward
        t1 = checked_labels(y, classes=2, name='softmax_cross_entropy')  # 2 int64
        t2 = (t1[..., None] == np.arange(2)).astype(np.float32)       # 2×2
        t3 = np.max(z, axis=-1, keepdims=True)                        # 2×1
        t4 = z - t3                                                   # 2×2
        t5 = np.sum(np.exp(t4), axis=-1, keepdims=True)               # 2×1
        t6 = t4 - np.log(t5)                                          # 2×2
        t7 = np.where(t2 == 0, 0, t6)                                 # 2×2
        t8 = np.sum(t2 * t7)                                          # number
        loss = -t8 / 2                                                # number
        # backward softmax_cross_entropy
        dz = (np.exp(t6) - t2) * np.float32(0.5)                      # 2×2
        # backward layers.2
        dh1 = dz @ W2.T                                               # 2×4
        dW2 = h1.T @ dz                                               # 4×2
        db2 = np.sum(dz, axis=0)                                      # 2
        # backward layers.1
        dh0 = dh1 * np.sign(h1)                                       # 2×4
        # backward layers.0
        dW0 = X.T @ dh0                                               # 3×4
        db0 = np.sum(dh0, axis=0)                                     # 4
        # update
        g = np.concatenate([dW0.reshape(-1), db0, dW2.reshape(-1), db2])  # 26
        new_v = numbers[2] * v + numbers[3] * g                       # 26
        new_weights = weights - numbers[4] * new_v                    # 26
        return ((loss, z), [new_weights, new_v])
"""

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

X = np.array([[0.2, 0.9, -0.4], [1.1, -0.3, 0.5]], np.float32)
y = np.array([0, 1])


model = nn.Dense(3, 4, rng=0) >> nn.ReLU() >> nn.Dense(4, 2, rng=1)
optimizer = optim.SGD(model, learning_rate=0.1)
step = tg.compile_step(model, tg.softmax_cross_entropy, optimizer, backend="numpy")
eager = tg.softmax_cross_entropy(model(X), y)
print(f"loss {step(X, y):.6f}, one operation at a time {eager.item():.6f}")
print(step.program)
