"""Exclusive or, which no single layer can learn, in ten lines.

It prints:

    History(50 epochs, loss 0.746 → 0.0006277, accuracy 0.5 → 1)
    [0 1 1 0]
"""

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

tg.seed(0)
X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
model = nn.Dense(2, 8) >> nn.Tanh() >> nn.Dense(8, 2)
optimizer = optim.Adam(model, learning_rate=0.1)
history = tg.fit(model, tg.softmax_cross_entropy, optimizer, (X, y), epochs=50, batch_size=4)
print(history)
print(tg.predict(model, X).argmax(axis=1))
