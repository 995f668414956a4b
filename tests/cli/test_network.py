"""The network of `train`: from options, from a network file, or from both."""

import json
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mlp import cli, nn
from tinygrad_mlp.cli import memory
from tinygrad_mlp.cli.layers import KINDS, LayerSpec, build_network, hidden_layers, parameter_count, with_output
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.training import History

EVERY_LAYER = [
    {"type": "Dense", "units": 6, "weights": "lecun_uniform", "bias": False},
    {"type": "BatchNorm", "epsilon": 0.001, "momentum": 0.2},
    {"type": "LeakyReLU", "alpha": 0.2},
    {"type": "Dropout", "rate": 0.25},
    {"type": "Dense", "units": 5},
    {"type": "PReLU", "per_feature": True, "alpha": 0.5},
    {"type": "LayerNorm", "epsilon": 0.01},
    {"type": "ELU", "alpha": 0.5},
    {"type": "GELU", "approximate": "tanh"},
    {"type": "PReLU"},
    "SiLU",
    "Softplus",
    "sigmoid",
    "Tanh",
    "relu",
]


def trained(good, words):
    good(*f"train --dataset points.csv --epochs 1 --seed 1 --no-curves {words}".split())
    return TrainedModel.load("model.safetensors")


def write(content, name="net.json"):
    Path(name).write_text(json.dumps(content) if not isinstance(content, str) else content, "utf-8")


def test_every_layer_with_its_options_and_the_output_layer_behind(good, points):
    points(classes=("a", "b", "c"))
    write({"layers": EVERY_LAYER})
    model = trained(good, "--network net.json").model
    assert [repr(layer) for layer in model] == [
        "Dense(2, 6, bias=False)",
        "BatchNorm(6, epsilon=0.001, momentum=0.2)",
        "LeakyReLU(alpha=0.2)",
        "Dropout(p=0.25)",
        "Dense(6, 5)",
        "PReLU(n=5)",
        "LayerNorm(5, epsilon=0.01)",
        "ELU(alpha=0.5)",
        "GELU(approximate='tanh')",
        "PReLU()",
        "SiLU()",
        "Softplus()",
        "Sigmoid()",
        "Tanh()",
        "ReLU()",
        "Dense(5, 3)",
    ]
    assert {spec["type"] if isinstance(spec, dict) else spec for spec in EVERY_LAYER} >= {"Dense", "BatchNorm"}
    assert {type(layer).__name__ for layer in model} == set(KINDS)


def test_json_and_toml_say_the_same_and_a_replay_gives_the_same_bytes(good, real, points):
    points()
    write({"layers": [{"type": "Dense", "units": 7}, "Tanh", {"type": "Dropout", "rate": 0.2}], "optimizer": "Adam"})
    toml = 'optimizer = "adam"\n[[layers]]\ntype = "dense"\nunits = 7\n[[layers]]\ntype = "tanh"\n'
    write(toml + '[[layers]]\ntype = "Dropout"\nrate = 0.2\n', "net.toml")
    by_json = trained(good, "--network net.json").to_bytes()
    assert by_json == trained(good, "--network net.toml").to_bytes()
    result = real("train --dataset points.csv --epochs 2 --network net.json --history h.csv")
    made = Path("model.safetensors").read_bytes()
    replay = result.out.splitlines()[-1].split()
    assert real("", start=replay).code == 0
    assert Path("model.safetensors").read_bytes() == made


def test_the_example_trains_as_well_as_the_readme_says(good, raw):
    example = Path(__file__).parents[2] / "examples" / "network.json"
    good("train", "--dataset", raw, "--network", str(example), "--seed", "1", "--no-curves", "--history", "h.csv")
    history = History.from_csv("h.csv")
    assert len(history) == 40
    assert history["val_accuracy"][-1] > 0.95
    names = [type(layer).__name__ for layer in TrainedModel.load("model.safetensors").model]
    assert names == ["Dense", "BatchNorm", "ReLU", "Dropout", "Dense", "GELU", "Dense"]


def test_the_other_keys_are_options_and_typed_ones_count_more(good, points):
    points()
    settings = {"optimizer": "rmsprop", "learning-rate": 0.01, "epochs": 3, "Batch_Size": 4, "seed": 5, "patience": 2}
    settings |= {"weight_decay": 0.5, "schedule": "cosine", "warm_up": 1, "class_weights": "balanced"}
    write({"layers": ["relu"], "loss": "binary-crossentropy", **settings})
    out = good("train --dataset points.csv --network net.json --no-curves --learning_rate 0.5 --epochs=2 --patience 1")
    assert "epoch 2/2" in out
    assert "drawn for this run" not in out
    facts = TrainedModel.load("model.safetensors").facts
    expected = {"optimizer": "rmsprop", "learning_rate": 0.5, "epochs": 2, "batch_size": 4, "seed": 5, "patience": 1}
    expected |= {"weight_decay": 0.5, "schedule": "cosine", "warm_up": 1, "class_weights": "balanced"}
    expected |= {"loss": "binaryCrossentropy", "layers": [{"type": "ReLU"}]}
    assert {name: facts[name] for name in expected} == expected
    write({"layers": [], "optimizer": "sgd", "momentum": 0.5, "nesterov": True})
    facts = trained(good, "--network net.json").facts
    assert (facts["momentum"], facts["nesterov"], facts["epochs"]) == (0.5, True, 1)


def test_a_plain_network_can_be_told_in_short(good, points):
    points()
    write('layer = [7, 5]\nactivation = "leakyReLU"\nweights-initializer = "Xavier_Uniform"\ndropout = 0\n', "net.toml")
    by_file = trained(good, "--network net.toml")
    by_options = trained(good, "--layer 7 5 --activation leaky_relu --weights_initializer xavier-uniform")
    assert by_file.to_bytes() == by_options.to_bytes()
    assert [layer.n_out for layer in by_file.model if isinstance(layer, nn.Dense)] == [7, 5, 2]
    model = trained(good, "--network net.toml --layer 3").model
    assert [repr(layer) for layer in model] == ["Dense(2, 3)", "LeakyReLU()", "Dense(3, 2)"]


def test_typed_layers_replace_those_of_the_file_and_keep_its_settings(good, bad, points):
    points()
    write({"layers": EVERY_LAYER, "batch_size": 3})
    model = trained(good, "--network net.json --layer 3 --activation tanh")
    assert [repr(layer) for layer in model.model] == ["Dense(2, 3)", "Tanh()", "Dense(3, 2)"]
    assert model.facts["batch_size"] == 3
    line = bad("train --dataset points.csv --network net.json --activation tanh")
    assert line.endswith("--activation does not go with the layers in net.json, which say it")


def test_an_output_layer_may_be_there_and_has_to_fit(good, bad, points):
    points(classes=("a", "b", "c"))
    for last in ({"type": "Dense", "units": 3}, {"type": "Dense", "weights": "zeros"}):
        write({"layers": [{"type": "Dense", "units": 4}, "ReLU", last]})
        model = trained(good, "--network net.json").model
        assert [repr(layer) for layer in model] == ["Dense(2, 4)", "ReLU()", "Dense(4, 3)"]
    write({"layers": []})
    assert [repr(layer) for layer in trained(good, "--network net.json").model] == ["Dense(2, 3)"]
    write({"layers": [{"type": "Dense", "units": 4}]})
    assert (
        "net.json: layers[0].units: 4 given, but it is the last layer, and these data need 3 outputs; 3 is expected"
        in bad("train --dataset points.csv --network net.json")
    )


def test_folds_train_the_network_of_the_file(good, points):
    points()
    write({"layers": [{"type": "Dense", "units": 4}, "SiLU"], "epochs": 1})
    out = good("train --dataset points.csv --network net.json --folds 2 --seed 1")
    assert "SiLU()" in out
    assert "fold 2/2" in out


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"layr": [3]}, "net.json: 'layr' is unknown; did you mean layer?"),
        ({"depth": 3}, "net.json: 'depth' is unknown; expected layers, layer, activation, weights_initializer"),
        ({"layers": [], "Layers": []}, "net.json: 'Layers': layers is given twice"),
        ({"layers": [], "layer": [3]}, "net.json: layers and layer contradict each other: layers says it all"),
        ({"layers": [], "dropout": 0.5}, "net.json: layers and dropout contradict each other"),
        ({"layer": 3}, "net.json: layer: 3 given, a list of sizes such as [24, 24] is expected"),
        ({"layer": []}, "net.json: layer: [] given, a list of sizes"),
        ({"layer": [3, True]}, "net.json: layer[1]: true given, a number or a name is expected"),
        ({"layer": [3, 2.5]}, "net.json: layer[1]: '2.5' given, a whole number from 1 to 10,000 is expected"),
        ({"activation": "rel"}, "net.json: activation: unknown name 'rel'; did you mean relu?"),
        ({"epochs": 0}, "net.json: epochs: '0' given, a whole number of at least 1 is expected"),
        ({"epochs": "3"}, 'net.json: epochs: "3" is text, write the number without quotes'),
        ({"epochs": None}, "net.json: epochs: null given, a number or a name is expected"),
        ({"nesterov": "yes"}, 'net.json: nesterov: "yes" given, true or false is expected'),
        ({"loss": 3}, "net.json: loss: unknown name '3'; expected categoricalCrossentropy"),
        ({"layers": "Dense"}, 'net.json: layers: "Dense" given, a list of layers such as [{"type": "Dense"'),
        ({"layers": {"0": "Dense"}}, 'net.json: layers: {"0": "Dense"} given, a list of layers'),
        ({"layers": [24]}, 'net.json: layers[0]: 24 given, a layer such as {"type": "Dense", "units": 24} is expected'),
        ({"layers": ["ReLU", {"units": 3}]}, "net.json: layers[1]: type is missing; expected Dense, ReLU,"),
        ({"layers": ["Dens"]}, "net.json: layers[0].type: unknown layer 'Dens'; did you mean Dense?"),
        ({"layers": [{"type": 3}]}, "net.json: layers[0].type: 3 given, the name of a layer is expected"),
        ({"layers": ["Conv2d"]}, "net.json: layers[0].type: unknown layer 'Conv2d'; expected Dense, ReLU,"),
        ({"layers": ["softmax"]}, "net.json: layers[0].type: Softmax is not for tables: the loss does the softmax"),
        ({"layers": ["Dense", "ReLU"]}, "net.json: layers[0]: units is missing, a whole number"),
        (
            {"layers": ["ReLU", {"type": "Dense", "unit": 24}]},
            "net.json: layers[1]: Dense has no option 'unit'; did you mean units?",
        ),
        ({"layers": [{"type": "ReLU", "alpha": 1}]}, "net.json: layers[0]: ReLU has no option 'alpha'; it has no op"),
        (
            {"layers": ["ReLU", "ReLU", {"type": "Dropout", "rate": 1.5}]},
            "net.json: layers[2].rate: '1.5' given, a number of at least 0 and below 1 is expected",
        ),
        ({"layers": [{"type": "Dense", "units": 24.0}]}, "net.json: layers[0].units: '24.0' given, a whole number"),
        ({"layers": [{"type": "Dense", "units": 10001}]}, "layers[0].units: '10001' given, a whole number from 1 to"),
        ({"layers": [{"type": "Dense", "units": 2, "bias": 0}]}, "layers[0].bias: 0 given, true or false is expected"),
        ({"layers": [{"type": "Dense", "units": 2, "weights": "hee"}]}, "layers[0].weights: unknown name 'hee'; did"),
        ({"layers": [{"type": "GELU", "approximate": "erf"}]}, "layers[0].approximate: unknown name 'erf'; expected n"),
        ({"layers": [{"type": "BatchNorm", "epsilon": 0}]}, "layers[0].epsilon: '0' given, a number above 0 is"),
        ({"momentum": 0.5, "optimizer": "adam"}, "--momentum belongs to --optimizer sgd, not to adam"),
        ('{"layers": [\n  "ReLU" "Tanh"]}', "net.json, line 2, column 10: Expecting ',' delimiter"),
        ('{"epochs": 1, "epochs": 2}', "net.json: the key 'epochs' is there twice"),
        ('{"learning_rate": NaN}', "net.json: NaN is not a number of JSON"),
        ("[1, 2]", "net.json: [1, 2] given, an object with layers is expected"),
        ("[" * 100_000, "net.json: it is nested too deeply"),
        ("", "net.json, line 1, column 1: Expecting value"),
    ],
)
def test_a_network_file_that_cannot_be_used(bad, points, content, expected):
    points()
    write(content)
    line = bad("train --dataset points.csv --network net.json")
    assert expected in line
    assert len(line) < 400
    assert not Path("model.safetensors").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"layer = [3", "net.toml: Unclosed array (at end of document)"),
        (b"epochs = nan", "net.toml: epochs: 'nan' given, a whole number of at least 1 is expected"),
        (b"learning_rate = inf", "net.toml: learning_rate: 'inf' given, a number above 0 is expected"),
        (b"epochs = 1979-05-27", 'net.toml: epochs: "1979-05-27" given, a number or a name'),
        (b"\xff", "net.toml: 'utf-8' codec can't decode byte 0xff"),
        (b"[[layers]]\ntype = 'Dropout'\nrate = 1", "net.toml: layers[0].rate: '1' given, a number of at least 0"),
    ],
)
def test_a_toml_file_that_cannot_be_used(bad, points, text, expected):
    points()
    Path("net.toml").write_bytes(text)
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


def test_each_dense_layer_of_a_file_starts_as_suits_its_activation():
    dense = LayerSpec("Dense", {"units": 4})
    named = LayerSpec("Dense", {"units": 4, "weights": "normal"})
    specs = [dense, LayerSpec("BatchNorm"), LayerSpec("Tanh"), dense, LayerSpec("ReLU"), named, LayerSpec("Sigmoid")]
    weights = [spec.options["weights"] for spec in with_output(specs, 3) if spec.kind == "Dense"]
    assert weights == ["xavier", "he", "normal", "xavier"]
    weights = [spec.options["weights"] for spec in with_output(specs, 3, "zeros") if spec.kind == "Dense"]
    assert weights == ["zeros", "zeros", "normal", "zeros"]
    assert [spec.options["weights"] for spec in with_output([], 3)] == ["he"]


def test_layers_are_dense_with_an_activation_after_each_but_the_last():
    specs = with_output(hidden_layers([3, 5], "Tanh", "zeros", 0.0), 2, "zeros")
    model = build_network(specs, 4, np.random.default_rng(0))
    assert [repr(layer) for layer in model] == ["Dense(4, 3)", "Tanh()", "Dense(3, 5)", "Tanh()", "Dense(5, 2)"]
    assert not any(p.numpy().any() for p in model.parameters())


def test_parameters_are_counted_before_there_are_any():
    given = [*EVERY_LAYER[:10], {"type": "Dense", "units": 3}]
    specs = [LayerSpec(layer["type"], {k: v for k, v in layer.items() if k != "type"}) for layer in given]
    model = build_network(specs, 9, np.random.default_rng(0))
    assert parameter_count(specs, 9) == sum(p.size for p in model.parameters()) == 54 + 24 + 35 + 5 + 10 + 1 + 18


def test_a_network_that_does_not_fit_in_memory_is_refused_before_it_is_made(bad, points, monkeypatch):
    points()
    monkeypatch.setattr(memory, "free_memory", lambda: 6_402_240_000)
    monkeypatch.setattr(cli.training, "build_network", None)
    assert bad("train --dataset points.csv --layer 10000 10000 10000 --optimizer adam") == (
        "tinygrad-mlp train: the network has 200,070,002 parameters; to train and save them takes about 6.4 GB of "
        "memory, and 6.4 GB are free: fewer or smaller layers are expected"
    )


def test_a_network_takes_the_memory_that_is_said(peak, points):
    points()
    words = "train --dataset points.csv --epochs 2 --no-curves --optimizer adam --layer"
    used = peak(f"{words} 2000 2000 2000") - peak(f"{words} 2 2 2")
    said = memory.NUMBERS * 4 * parameter_count(with_output(hidden_layers([2000] * 3, "ReLU", "he", 0), 2), 2)
    assert 0.6 * said < used < 1.1 * said


def test_so_it_does_where_it_is_kept(peak, points, bad, monkeypatch):
    points()
    words = "train --dataset points.csv --epochs 2 --no-curves --optimizer adam --layer"
    used = peak(f"{words} 2000 2000 2000 --checkpoint run") - peak(f"{words} 2 2 2 --checkpoint other")
    parameters = parameter_count(with_output(hidden_layers([2000] * 3, "ReLU", "he", 0), 2), 2)
    assert 0.6 * memory.KEPT * 4 * parameters < used < 1.1 * memory.KEPT * 4 * parameters
    monkeypatch.setattr(memory, "free_memory", lambda: memory.KEPT * 4 * parameters - 1)
    assert "to train and save them takes about 513 MB of memory" in bad(f"{words} 2000 2000 2000 --checkpoint new")


def test_how_much_memory_there_is(tmp_path, monkeypatch):
    meminfo, most, used = (tmp_path / name for name in ("meminfo", "max", "current"))
    for name, value in (("MEMINFO", meminfo), ("LIMITS", (most, used))):
        monkeypatch.setattr(memory, name, value)
    meminfo.write_text("MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    3000000 kB\n")
    assert memory.free_memory() == 3_072_000_000
    most.write_text("2000000000\n")
    used.write_text("500000000\n")
    assert memory.free_memory() == 1_500_000_000
    most.write_text("max\n")
    assert memory.free_memory() == 3_072_000_000
    meminfo.unlink()
    monkeypatch.setattr(memory.os, "sysconf_names", {})
    assert memory.free_memory() is None
    memory.check_memory(10**15)  # nothing is known, nothing refused
    assert [memory.size(n) for n in (4.8e9, 12.3e6, 5e4, 1.6e14)] == ["4.8 GB", "12.3 MB", "50 kB", "160,000 GB"]
