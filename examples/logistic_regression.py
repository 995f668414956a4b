"""Logistic regression on the breast-cancer table: one layer, and its gradient is Xᵀ·(p − y) / n.

It prints:

    Xᵀ·(p − y) / n is the gradient: True
    step   0  loss 0.6931
    step  50  loss 0.0837
    step 100  loss 0.0762
    step 150  loss 0.0736
    step 200  loss 0.0725
    right of 114 other rows: 113
    what counts most: radius error, worst radius, worst texture
"""

import numpy as np

import tinygrad_mlp as tg

table = tg.data.load_breast_cancer()
X_train, X_valid, y_train, y_valid = tg.data.split(table.features, table.labels, ratio=0.8, rng=0)
scaler = tg.data.StandardScaler().fit(X_train)
X, X_valid = scaler.transform(X_train), scaler.transform(X_valid)

w = tg.Tensor(np.zeros(30), requires_grad=True, name="w")
b = tg.Tensor(np.zeros(()), requires_grad=True, name="b")
optimizer = tg.optim.SGD([w, b], learning_rate=0.5, weight_decay=0.01)
for step in range(201):
    loss = tg.binary_cross_entropy_with_logits(X @ w + b, y_train)
    optimizer.zero_grad()
    loss.backward()
    if step == 0:
        p = 0.5  # the sigmoid of 0
        print("Xᵀ·(p − y) / n is the gradient:", np.allclose(w.grad, X.T @ (p - y_train) / len(X)))
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")
    optimizer.step()

malignant = (X_valid @ w.numpy() + b.item()) > 0
print(f"right of {len(y_valid)} other rows: {np.sum(malignant == y_valid)}")
top = np.argsort(-np.abs(w.numpy()))[:3]
print("what counts most:", ", ".join(table.feature_names[i] for i in top))
