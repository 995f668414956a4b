"""A callback of one's own: it keeps a running mean of the weights and tells how good that mean is, epoch by epoch.

It prints:

    epoch 10: validation loss 0.054, of the mean weights 0.044
    epoch 20: validation loss 0.063, of the mean weights 0.062
    epoch 30: validation loss 0.079, of the mean weights 0.074
    epoch 40: validation loss 0.086, of the mean weights 0.085
    columns: loss, accuracy, val_loss, val_accuracy, val_loss_of_mean
"""

import tinygrad_mlp as tg
from tinygrad_mlp import data, nn, optim


class MeanWeights(tg.Callback):
    """Mean weights over the steps, w̄ ← 0.98·w̄ + 0.02·w, and their validation loss as a column of the history."""

    def __init__(self, valid):
        self.valid = valid

    def start(self, run):
        self.mean = run.model.state_dict()

    def step(self, run):
        for name, w in run.model.state_dict().items():
            self.mean[name] = 0.98 * self.mean[name] + 0.02 * w

    def numbers(self, run):
        latest = run.model.state_dict()
        run.model.load_state_dict(self.mean)
        loss = tg.evaluate(run.model, tg.softmax_cross_entropy, self.valid)["loss"]
        run.model.load_state_dict(latest)
        return {"val_loss_of_mean": loss}

    def epoch(self, run):
        if run.epoch % 10 == 0:
            last, mean = run.history["val_loss"][-1], run.history["val_loss_of_mean"][-1]
            print(f"epoch {run.epoch}: validation loss {last:.3f}, of the mean weights {mean:.3f}")


table = data.load_breast_cancer()
X_train, X_valid, y_train, y_valid = data.split(table.features, table.labels, ratio=0.8, rng=1)
scaler = data.StandardScaler().fit(X_train)
train, valid = (scaler.transform(X_train), y_train), (scaler.transform(X_valid), y_valid)
model = nn.Dense(30, 24, rng=0) >> nn.ReLU() >> nn.Dense(24, 2, rng=1)
optimizer = optim.SGD(model, learning_rate=0.3)
how = {"epochs": 40, "batch_size": 8, "rng": 0, "callbacks": [MeanWeights(valid)]}
history = tg.fit(model, tg.softmax_cross_entropy, optimizer, train, valid, **how)
print("columns:", ", ".join(history.names))
