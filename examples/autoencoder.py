"""An autoencoder: 30 measurements through 2 numbers and back, beside what the best linear one (PCA) keeps.

It prints:

    PCA with 2 numbers keeps 0.632 of the variance
    autoencoder, linear    keeps 0.632
    autoencoder, with tanh keeps 0.734
    it saw no diagnosis, yet the nearer centre tells it for 0.93 of the rows
"""

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

tg.seed(0)
table = tg.data.load_breast_cancer()
X = tg.data.StandardScaler().fit(table.features).transform(table.features)

U, s, Vt = np.linalg.svd(X, full_matrices=False)
print(f"PCA with 2 numbers keeps {np.sum(s[:2] ** 2) / np.sum(s**2):.3f} of the variance")

encoder = nn.Dense(30, 24) >> nn.Tanh() >> nn.Dense(24, 2)
decoder = nn.Dense(2, 24) >> nn.Tanh() >> nn.Dense(24, 30)
for name, model, rate in (
    ("linear", nn.Dense(30, 2) >> nn.Dense(2, 30), 0.01),
    ("with tanh", encoder >> decoder, 0.01),
):
    optimizer = optim.Adam(model, learning_rate=rate)
    tg.fit(model, tg.mean_squared_error, optimizer, (X, X), epochs=200, batch_size=64, compiled="numpy")
    kept = 1 - np.mean((tg.predict(model, X) - X) ** 2) / np.mean(X**2)
    print(f"autoencoder, {name:9} keeps {kept:.3f}")

code = tg.predict(encoder, X)
centres = [code[table.labels == label].mean(axis=0) for label in (0, 1)]
nearer = np.argmin([np.linalg.norm(code - centre, axis=1) for centre in centres], axis=0)
print(f"it saw no diagnosis, yet the nearer centre tells it for {np.mean(nearer == table.labels):.2f} of the rows")
