"""An operation of one's own is a function: its value, and beside it one closure for each input. Then it is checked.

It prints:

    18.0 [0.6   0.385] [0.8   0.923]
    gradcheck of hypotenuse: PASS, order 1 and 2, 4 of 4 elements compared

                shape  elements  largest error  uncertainty  verdict
    ────────────────────────────────────────────────────────────────
    a           (2,)          2        …  pass
    b           (2,)          2        …  pass
    a, order 2  (2,)          2        …  pass
    b, order 2  (2,)          2        …  pass
"""

import numpy as np

import tinygrad_mlp as tg


@tg.op(broadcasts=True)
def hypotenuse(a, b):
    """C = √(a² + b²): dA = dC·a / C, dB = dC·b / C."""
    c = np.sqrt(a * a + b * b)
    return c, lambda g: g * a / c, lambda g: g * b / c


a = tg.Tensor([3.0, 5.0], requires_grad=True, name="a")
b = tg.Tensor([4.0, 12.0], requires_grad=True, name="b")
total = hypotenuse(a, b).sum()
total.backward()
print(total.item(), a.grad.round(3), b.grad.round(3))

# The first and the second derivative, which the closures give too, against numeric ones.
print(tg.gradcheck(hypotenuse, [3.0, 5.0], [4.0, 12.0], order=2))
