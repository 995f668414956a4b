"""The Hessian of a small network, with `tg.hessian`, and Newton's method with it.

It prints:

    symmetric: True
    H·v without H: True
    eigenvalues: [-0.59 -0.46 -0.02  0.11  0.51  0.7   1.21  1.93  3.88]
    step  0  loss: Newton 0.2626, gradient descent 0.2626
    step  5  loss: Newton 0.0000, gradient descent 0.0826
    step 10  loss: Newton 0.0000, gradient descent 0.0747
    step 15  loss: Newton 0.0000, gradient descent 0.0697
    step 20  loss: Newton 0.0000, gradient descent 0.0652
"""

import numpy as np

import tinygrad_mlp as tg

rng = np.random.default_rng(3)
X = rng.normal(size=(20, 2))
y = np.tanh(X @ [1.0, -2.0]) + 0.5


def loss_of(theta):
    """The loss of a 2-2-1 network whose 9 weights are one vector."""
    W1, b1, W2, b2 = theta[:4].reshape(2, 2), theta[4:6], theta[6:8], theta[8]
    return ((tg.tanh(X @ W1 + b1) @ W2 + b2 - y) ** 2).mean()


loss_and_gradient, hessian = tg.value_and_grad(loss_of), tg.hessian(loss_of)

start = rng.normal(size=9) * 0.7
H = hessian(start)
v = rng.normal(size=9)
print("symmetric:", np.allclose(H, H.T))
print("H·v without H:", np.allclose(tg.hvp(loss_of, start, v)[1], H @ v))
print("eigenvalues:", np.linalg.eigvalsh(H).round(2))

# Some are negative: the loss is no bowl here, and Newton's step would go up along those directions. With their absolute
# values it goes down (Dauphin et al. 2014, arXiv:1406.2572).
newton, descent = start, start
for step in range(21):
    at_newton, g = loss_and_gradient(newton)
    at_descent, slope = loss_and_gradient(descent)
    if step % 5 == 0:
        print(f"step {step:2}  loss: Newton {at_newton:.4f}, gradient descent {at_descent:.4f}")
    size, direction = np.linalg.eigh(hessian(newton))
    newton = newton - direction @ (direction.T @ g / np.maximum(np.abs(size), 0.05))
    descent = descent - 0.1 * slope
