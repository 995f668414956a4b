"""Draw the backward pass of the guide's network, 4 → 3 → 2, as the picture in docs/seeing.md.

python examples/draw_backward.py [FILE.svg]
"""

import sys

import numpy as np

import tinygrad_mlp as tg

tg.seed(1)
model = tg.nn.Dense(4, 3) >> tg.nn.ReLU() >> tg.nn.Dense(3, 2)
model.named_parameters()  # gives each parameter its name
X = np.array([[0.2, 0.9, -0.4, 1.0], [1.1, -0.3, 0.5, -0.8]])
loss = tg.softmax_cross_entropy(model(X), [0, 1])

print("wrote", tg.draw(loss).render(outfile=sys.argv[1] if len(sys.argv) > 1 else "backward.svg"))
