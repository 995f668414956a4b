"""The same network from the same weights with five optimizers: python examples/compare_optimizers.py [FILE.png]

It prints:

                        loss after 1, 5 and 30 epochs
    SGD                 0.534  0.149  0.062
    momentum            0.376  0.052  0.010
    RMSprop             0.447  0.069  0.002
    Adam                0.671  0.082  0.008
    Adam, uncorrected   0.283  0.034  0.001
    wrote optimizers.png
"""

import sys

import tinygrad_mlp as tg
from tinygrad_mlp import data, nn, optim
from tinygrad_mlp.views import draw_curves

OPTIMIZERS = {
    "SGD": lambda model: optim.SGD(model, learning_rate=0.03),
    "momentum": lambda model: optim.SGD(model, learning_rate=0.03, momentum=0.9),
    "RMSprop": lambda model: optim.RMSprop(model, learning_rate=0.003),
    "Adam": lambda model: optim.Adam(model, learning_rate=0.003),
    "Adam, uncorrected": lambda model: optim.Adam(model, learning_rate=0.003, bias_correction=False),
}

table = data.load_breast_cancer()
X_train, X_valid, y_train, y_valid = data.split(table.features, table.labels, ratio=0.8, rng=0)
scaler = data.StandardScaler().fit(X_train)
train, valid = (scaler.transform(X_train), y_train), (scaler.transform(X_valid), y_valid)

histories = {}
print(f"{'':18}  loss after 1, 5 and 30 epochs")
for name, make in OPTIMIZERS.items():
    tg.seed(0)
    model = nn.Dense(30, 24) >> nn.ReLU() >> nn.Dense(24, 24) >> nn.ReLU() >> nn.Dense(24, 2)
    histories[name] = tg.fit(model, tg.softmax_cross_entropy, make(model), train, valid, epochs=30)
    losses = histories[name]["loss"]
    print(f"{name:18}  {losses[0]:.3f}  {losses[4]:.3f}  {losses[29]:.3f}")

target = sys.argv[1] if len(sys.argv) > 1 else "optimizers.png"
draw_curves(histories, target)
print("wrote", target)
