"""Two spirals, and where a network draws the line between them: python examples/spiral.py [FILE.png]

It prints:

    accuracy 1.000
    wrote spiral.png
"""

import sys

import matplotlib as mpl
import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

mpl.use("agg")
import matplotlib.pyplot as plt

rng = np.random.default_rng(0)
turn = np.sqrt(rng.uniform(0.02, 1, size=400)) * 3 * np.pi
y = np.arange(400) % 2
angle = turn + np.pi * y
X = np.column_stack([turn * np.cos(angle), turn * np.sin(angle)]) / 10 + rng.normal(scale=0.02, size=(400, 2))

tg.seed(0)
model = nn.Dense(2, 32) >> nn.Tanh() >> nn.Dense(32, 32) >> nn.Tanh() >> nn.Dense(32, 2)
optimizer = optim.Adam(model, learning_rate=0.01)
history = tg.fit(model, tg.softmax_cross_entropy, optimizer, (X, y), epochs=200, batch_size=50, compiled="numpy")
print(f"accuracy {history['accuracy'][-1]:.3f}")

line = np.linspace(-1.1, 1.1, 300)
grid = np.stack(np.meshgrid(line, line), axis=-1)
p = tg.softmax(tg.predict(model, grid.reshape(-1, 2)))[:, 1].reshape(300, 300)
figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
axes.contourf(line, line, p, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
axes.contour(line, line, p, levels=[0.5], colors="black", linewidths=1)
axes.scatter(*X.T, c=np.where(y, "#b2182b", "#2166ac"), s=10, edgecolors="white", linewidths=0.3)
axes.set(aspect="equal", xticks=[], yticks=[])
target = sys.argv[1] if len(sys.argv) > 1 else "spiral.png"
figure.savefig(target, dpi=120)
print("wrote", target)
