"""The main job as a script: from a CSV file to a saved model, and from the saved model to a report.

It prints:

    569 rows, classes ('B', 'M')
    stopped early: True
    binary cross-entropy 0.060
    accuracy 0.982, F1 0.977
    [[70  1]
     [ 1 42]]
"""

import tinygrad_mlp as tg
from tinygrad_mlp import data, nn, optim
from tinygrad_mlp.files import TrainedModel

tg.seed(3)
with data.breast_cancer_path() as path:
    table = data.read_csv(path, label="diagnosis")
print(f"{len(table)} rows, classes {table.classes}")

# A third part is for the report alone: early stopping looks at the second one.
X, X_test, y, y_test = data.split(table.features, table.labels, ratio=0.8, rng=3)
X_train, X_valid, y_train, y_valid = data.split(X, y, ratio=0.8, rng=3)
scaler = data.StandardScaler().fit(X_train)
train, valid = (scaler.transform(X_train), y_train), (scaler.transform(X_valid), y_valid)

model = nn.Dense(30, 24) >> nn.ReLU() >> nn.Dense(24, 24) >> nn.ReLU() >> nn.Dense(24, 2)
optimizer = optim.Adam(model, learning_rate=0.003, weight_decay=0.02)
stopping = tg.EarlyStopping(patience=10)
tg.fit(model, tg.softmax_cross_entropy, optimizer, train, valid, epochs=200, callbacks=[stopping])
print("stopped early:", stopping.stopped_at is not None)

tg.save(model, "model.safetensors", scaler=scaler, classes=table.classes, feature_names=table.feature_names)
trained = TrainedModel.load("model.safetensors")
p = trained.probabilities(X_test)[:, 1]
guess = (p > 0.5).astype(int)
print(f"binary cross-entropy {tg.metrics.log_loss(y_test, p):.3f}")
print(f"accuracy {tg.metrics.accuracy(y_test, guess):.3f}, F1 {tg.metrics.f1(y_test, guess):.3f}")
print(tg.metrics.confusion_matrix(y_test, guess, classes=2))
