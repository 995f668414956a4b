"""The network of `train`: from options, from a network file, or from both."""

from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp import nn
from tinygrad_mlp.cli.network import build_network
from tinygrad_mlp.files import TrainedModel


def trained(good, words):
    good(f"train --dataset points.csv --epochs 1 --seed 1 --no-curves {words}")
    return TrainedModel.load("model.safetensors")


def test_a_network_file_says_the_same_as_options(good, points):
    points()
    Path("net.toml").write_text('layer = [7, 5]\nactivation = "leakyReLU"\nweights-initializer = "Xavier_Uniform"\n')
    by_file = trained(good, "--network net.toml")
    by_options = trained(good, "--layer 7 5 --activation leaky_relu --weights_initializer xavier-uniform")
    assert by_file.to_bytes() == by_options.to_bytes()
    assert [layer.n_out for layer in by_file.model if isinstance(layer, nn.Dense)] == [7, 5, 2]


def test_options_go_before_the_network_file(good, points):
    points()
    Path("net.toml").write_text('layer = [7, 5]\nactivation = "tanh"\n')
    model = trained(good, "--network net.toml --layer 3").model
    assert repr(model[0]) == "Dense(2, 3)"
    assert isinstance(model[1], nn.Tanh)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("layr = [3]", "net.toml: 'layr' is unknown; did you mean layer?"),
        ("depth = 3", "net.toml: 'depth' is unknown; expected layer, activation, weights_initializer, dropout"),
        ("layer = 3", "net.toml: layer is 3, a list of sizes such as [24, 24] is expected"),
        ("layer = []", "net.toml: layer is [], a list of sizes"),
        ("layer = [3, true]", "net.toml: layer: 'True' given, a whole number from 1 to 10,000 is expected"),
        ("layer = [2.5]", "net.toml: layer: '2.5' given"),
        ("activation = 'rel'", "net.toml: activation: unknown name 'rel'; did you mean relu?"),
        ("layer = [3", "net.toml: "),
        ("\xff", "net.toml: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_a_network_file_that_cannot_be_used(bad, points, text, expected):
    points()
    Path("net.toml").write_bytes(text.encode("latin-1"))
    assert expected in bad("train --dataset points.csv --network net.toml")


def test_the_initialiser_follows_the_activation_unless_it_is_given(good, points):
    points()
    for words, expected in [
        ("--activation relu", "he"),
        ("--activation leaky_relu", "he"),
        ("--activation tanh", "xavier"),
        ("--activation tanh --weights-initializer lecun", "lecun"),
    ]:
        assert trained(good, words).facts["weights_initializer"] == expected


def test_layers_are_dense_with_an_activation_after_each_but_the_last():
    model = build_network(4, [3, 5], 2, "tanh", "zeros", np.random.default_rng(0))
    assert [repr(layer) for layer in model] == ["Dense(4, 3)", "Tanh()", "Dense(3, 5)", "Tanh()", "Dense(5, 2)"]
    assert not any(p.numpy().any() for p in model.parameters())
