"""Gradient norms, update ratios and dead units over the epochs: which panels and lines there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.training import History
from tinygrad_mlp.views import draw_gradients
from tinygrad_mlp.views.gradient_curves import in_order

COLUMNS = {
    "loss": [0.7, 0.5, 0.4],
    "val_loss": [0.8, 0.6, 0.7],
    "accuracy": [0.5, 0.7, 0.9],
    "gradient_norm/layers.0.W": [3.0, 0.3, 0.0],
    "gradient_norm/layers.0.b": [4.0, 0.4, float("nan")],
    "gradient_norm/layers.2.W": [1.0, 2.0, 3.0],
    "update_ratio/layers.0.W": [0.01, 0.001, 0.0001],
    "update_ratio/layers.0.b": [5.0, 5.0, 5.0],
    "update_ratio/layers.2.W": [0.02, 0.002, 0.0002],
    "dead/layers.1": [0.0, 0.25, 0.5],
}


def history(columns: dict[str, list[float]] = COLUMNS) -> History:
    found = History()
    for i in range(3):
        found.append({name: column[i] for name, column in columns.items()})
    return found


def panels(figure: Any) -> dict[str, Any]:
    return {axes.get_title(): axes for axes in figure.axes}


def line(axes: Any, number: int) -> list[float]:
    """The values of a line; those that are not drawn are NaN."""
    return [float(y) for y in axes.lines[number].get_ydata()]


def test_a_panel_for_each_kind_of_column_beside_the_learning_curves() -> None:
    found = panels(draw_gradients(history()))
    assert list(found) == ["loss", "accuracy", "gradient norm", "update ratio of the weights", "dead units of relu"]
    assert line(found["loss"], 0) == COLUMNS["loss"]
    assert found["gradient norm"].get_yscale() == "log"
    assert found["dead units of relu"].get_yscale() == "linear"


def test_norms_of_a_layer_are_taken_together_and_zeros_are_left_out() -> None:
    axes = panels(draw_gradients(history()))["gradient norm"]
    assert line(axes, 0)[:2] == [5.0, 0.5]
    assert np.isnan(line(axes, 0)[2])
    assert line(axes, 1) == [1.0, 2.0, 3.0]


def test_update_ratios_are_those_of_the_weights_with_the_usual_one_marked() -> None:
    axes = panels(draw_gradients(history()))["update ratio of the weights"]
    assert line(axes, 0) == COLUMNS["update_ratio/layers.0.W"]
    assert len(axes.lines) == 3
    assert line(axes, 2) == [1e-3, 1e-3]
    only_biases = {name: column for name, column in COLUMNS.items() if not name.endswith("W")}
    assert line(panels(draw_gradients(history(only_biases)))["update ratio of the weights"], 0) == [5.0, 5.0, 5.0]


def test_dead_units_are_a_share() -> None:
    axes = panels(draw_gradients(history()))["dead units of relu"]
    assert line(axes, 0) == [0.0, 0.25, 0.5]
    assert axes.yaxis.get_major_formatter()(0.5) == "50%"


def test_a_layer_has_one_colour_in_all_panels_and_the_legend_names_it() -> None:
    figure = draw_gradients(history())
    found = panels(figure)
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["layers.0", "layers.1", "layers.2", "training", "validation"]
    colour = dict(zip(names, [handle.get_color() for handle in legend.legend_handles], strict=True))
    assert len(set(colour.values())) == 4
    assert found["gradient norm"].lines[1].get_color() == colour["layers.2"]
    assert found["update ratio of the weights"].lines[1].get_color() == colour["layers.2"]
    assert found["dead units of relu"].lines[0].get_color() == colour["layers.1"]


def test_layers_stand_in_their_order() -> None:
    assert in_order(["layers.0", "layers.2", "layers.10", "head", "layers.1", "layers.9", "layers.0"]) == [
        *("layers.0", "layers.1", "layers.2", "layers.9", "layers.10", "head"),
    ]


def test_of_many_layers_the_legend_names_some() -> None:
    columns = {"loss": [1.0] * 3} | {f"gradient_norm/layers.{i}.W": [1.0] * 3 for i in range(40)}
    (legend,) = draw_gradients(history(columns)).legends
    assert [text.get_text() for text in legend.get_texts()] == [f"layers.{i}" for i in range(0, 40, 4)]


@pytest.mark.parametrize(("name", "start"), [("g.png", b"\x89PNG"), ("g.svg", b"<?xml")])
def test_files_are_the_same_for_the_same_history(tmp_path: Any, name: str, start: bytes) -> None:
    draw_gradients(history(), tmp_path / name)
    draw_gradients(history(), tmp_path / f"again_{name}")
    assert (tmp_path / name).read_bytes().startswith(start)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again_{name}").read_bytes()


def test_what_cannot_be_drawn_is_refused(tmp_path: Any) -> None:
    plain = history({"loss": [1.0, 2.0, 3.0]})
    with pytest.raises(DataError, match=r"has no columns gradient_norm/….*callbacks=\[tg.GradientNorms\(\), tg.Dead"):
        draw_gradients(plain)
    with pytest.raises(DataError, match="has no columns"):
        draw_gradients(History())
    with pytest.raises(OptionError, match=r"g\.pdf: curves are drawn as \.png or \.svg, not as '\.pdf'"):
        draw_gradients(history(), tmp_path / "g.pdf")


def test_names_of_layers_mean_no_more_than_they_say(tmp_path: Any) -> None:
    columns = {"loss": [1.0] * 3, "gradient_norm/_a$b$.W": [1.0] * 3, "dead/$x": [0.0] * 3}
    (legend,) = draw_gradients(history(columns), tmp_path / "g.svg").legends
    assert [text.get_text() for text in legend.get_texts()] == [r"a\$b\$", r"\$x"]


@pytest.mark.skipif(not hasattr(tg.Callback, "numbers"), reason="callbacks have no numbers for the history")
def test_a_run_with_both_callbacks_is_drawn() -> None:
    model = nn.Dense(3, 8, rng=0) >> nn.ReLU() >> nn.Dense(8, 8, rng=1) >> nn.Tanh() >> nn.Dense(8, 2, rng=2)
    X = np.random.default_rng(0).normal(size=(40, 3))
    callbacks = [tg.GradientNorms(), tg.DeadUnits()]
    data = (X, (X[:, 0] > 0).astype(int))
    run = tg.fit(model, tg.softmax_cross_entropy, tg.optim.Adam(model), data, epochs=4, callbacks=callbacks, rng=0)
    found = panels(draw_gradients(run))
    assert list(found)[2:] == [
        *("gradient norm", "update ratio of the weights", "dead units of relu", "saturated values"),
    ]
    assert line(found["gradient norm"], 2) == [
        pytest.approx(np.hypot(a, b))
        for a, b in zip(run["gradient_norm/layers.4.W"], run["gradient_norm/layers.4.b"], strict=True)
    ]
