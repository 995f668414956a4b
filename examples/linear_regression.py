"""Linear regression: gradient descent arrives where the normal equations point to.

It prints:

    step  0  loss 13.1124
    step 10  loss  0.0117
    step 20  loss  0.0100
    step 30  loss  0.0100
    step 40  loss  0.0100
    descent [ 1.991 -1.01   0.505] 2.996
    exact   [ 1.991 -1.01   0.505] 2.996
"""

import numpy as np

import tinygrad_mlp as tg

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
y = X @ [2.0, -1.0, 0.5] + 3.0 + rng.normal(scale=0.1, size=200)

w = tg.Tensor(np.zeros(3), requires_grad=True, name="w")
b = tg.Tensor(np.zeros(()), requires_grad=True, name="b")
optimizer = tg.optim.SGD([w, b], learning_rate=0.2)
for step in range(41):
    loss = ((X @ w + b - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:2}  loss {loss.item():7.4f}")

exact, *_ = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y, rcond=None)
print("descent", w.numpy().round(3), round(b.item(), 3))
print("exact  ", exact[:3].round(3), round(exact[3], 3))
