"""Learning curves: what is drawn, in files that are the same for the same histories."""

import struct
import subprocess
import sys

import pytest
from matplotlib import pyplot

from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.training import History
from tinygrad_mlp.views import curves, draw_curves


def history(*losses, valid=True, accuracy=True):
    result = History()
    for i, loss in enumerate(losses):
        row = {"loss": loss}
        row |= {"accuracy": 0.5 + i / 100} if accuracy else {}
        row |= {"val_loss": loss + 0.1} if valid else {}
        row |= {"val_accuracy": 0.4 + i / 100} if valid and accuracy else {}
        result.append(row)
    return result


def drawn(axes):
    """The lines of a panel with more than one point: (style, values)."""
    return [(line.get_linestyle(), list(line.get_ydata())) for line in axes.lines if len(line.get_ydata()) > 1]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_two_curves_of_loss_and_of_accuracy_with_the_best_epoch_marked():
    run = history(0.9, 0.4, 0.6)
    figure = draw_curves({"model": run})
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    loss, accuracy = figure.axes
    assert drawn(loss) == [("-", run["loss"]), ("--", run["val_loss"])]
    assert drawn(accuracy) == [("-", run["accuracy"]), ("--", run["val_accuracy"])]
    marks = [(line.get_xdata()[0], line.get_ydata()[0]) for line in loss.lines if len(line.get_ydata()) == 1]
    assert marks == [(2, 0.5)]
    assert [text.get_text() for text in loss.texts] == ["2"]
    assert legend(figure) == ["training", "validation", "lowest loss, with its epoch"]


def test_several_runs_on_one_graph_each_in_its_own_colour():
    runs = {"first $x$": history(0.9, 0.4), "_second": history(0.8, 0.3, 0.2)}
    figure = draw_curves(runs)
    assert legend(figure)[:2] == [r"first \$x\$", "second"]
    colours = [line.get_color() for line in figure.axes[0].lines if len(line.get_ydata()) > 1]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert len({tuple(colour) for colour in curves.colors(30)}) == 30


def test_without_validation_or_accuracy_there_is_less_to_draw():
    figure = draw_curves({"model": history(0.9, 0.4, valid=False, accuracy=False)})
    assert [axes.get_title() for axes in figure.axes] == ["loss"]
    assert "validation" not in legend(figure)


def test_each_metric_has_a_panel_at_most_three_in_a_row():
    first, second = History(), History()
    first.append({"f1": 0.5, "loss": 0.7, "val_loss": 0.8, "val_f1": 0.4})
    second.append({"loss": 3.0, "r2": 0.5, "mae": 1.0})
    figure = draw_curves({"first": first, "second": second})
    assert [axes.get_title() for axes in figure.axes] == ["loss", "f1", "r2", "mae"]
    assert figure.get_size_inches().tolist() == [10, 3.8 * 2 + 0.25 * 2]


def test_one_epoch_is_a_dot_and_nan_is_never_the_best():
    [line] = [
        line for line in draw_curves({"m": history(0.5, valid=False)}).axes[0].lines if line.get_linestyle() == "-"
    ]
    assert line.get_marker() == "."
    nan = float("nan")
    assert curves.best_epoch(history(nan, 0.5, nan)) == 2
    assert curves.best_epoch(history(nan)) is None
    draw_curves({"m": history(nan, nan)})


@pytest.mark.parametrize(("name", "start"), [("c.png", b"\x89PNG"), ("c.SVG", b"<?xml")])
def test_the_same_histories_give_the_same_bytes(tmp_path, name, start):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        draw_curves({"model": history(0.9, 0.4)}, tmp_path / folder / name)
    assert (tmp_path / "one" / name).read_bytes().startswith(start)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert [file.name for file in (tmp_path / "one").iterdir()] == [name]


def test_both_panels_are_large_enough_to_read(tmp_path):
    draw_curves({"model": history(0.9, 0.4)}, tmp_path / "c.png")
    width, height = struct.unpack(">II", (tmp_path / "c.png").read_bytes()[16:24])
    assert (width, height) == (1500, 607)


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(DataError, match="there are no histories to draw"):
        draw_curves({})
    with pytest.raises(DataError, match=r"m: History.* cannot be drawn: at least one epoch with a loss is expected"):
        draw_curves({"m": History()})
    with pytest.raises(OptionError, match=r"c\.pdf: curves are drawn as \.png or \.svg, not as '\.pdf'"):
        draw_curves({"m": history(0.5)}, tmp_path / "c.pdf")
    with pytest.raises(DataError, match="the curves cannot be written: No such file"):
        draw_curves({"m": history(0.5)}, tmp_path / "no" / "c.png")
    assert not list(tmp_path.iterdir())


def test_a_window_only_when_asked_for(monkeypatch):
    opened = []
    monkeypatch.setattr(pyplot, "show", lambda block: opened.append((block, len(pyplot.get_fignums()))))
    draw_curves({"m": history(0.5, 0.4)})
    assert (opened, pyplot.get_fignums()) == ([], [])
    figure = draw_curves({"m": history(0.5, 0.4)}, show=True)
    assert opened == [(True, 1)]
    assert pyplot.get_fignums() == []  # pyplot keeps no figure
    assert not curves.has_window(figure)


def test_where_there_is_no_display_showing_is_silent(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")  # a display that pyplot believes in, and a backend without windows
    pyplot.switch_backend("agg")
    assert not curves.has_window(draw_curves({"m": history(0.5)}, show=True))


def test_without_matplotlib_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from tinygrad_mlp.training import History; from tinygrad_mlp.views import draw_curves\n"
        "history = History(); history.append({'loss': 1})\n"
        "try: draw_curves({'m': history})\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "curves need matplotlib: pip install 'tinygrad_mlp[cli]'\n"


def test_gradient_norms_are_two_panels_with_a_line_for_each_parameter():
    first, second = History(), History()
    for norm in (0.5, 0.2):
        row = {"loss": norm, "val_loss": 1.0, "gradient_norm/0.W": norm, "gradient_norm/1.W": 0.0}
        first.append(row | {"update_ratio/0.W": 0.1, "update_ratio/1.W": 0.2})
        second.append({"loss": 1.0, "gradient_norm/0.W": 2 * norm, "f1": 0.5})
    figure = draw_curves({"m": first})
    assert [axes.get_title() for axes in figure.axes] == ["loss", "gradient_norm", "update_ratio"]
    norms = figure.axes[1]
    assert (norms.get_yscale(), figure.axes[0].get_yscale()) == ("log", "linear")
    assert [text.get_text() for text in norms.get_legend().get_texts()] == ["0.W", "1.W"]
    assert drawn(norms) == [("-", [0.5, 0.2]), ("-", [0.0, 0.0])]
    assert norms.lines[0].get_color() != norms.lines[1].get_color()
    figure = draw_curves({"first": first, "second": second})
    assert [axes.get_title() for axes in figure.axes] == ["loss", "f1", "gradient_norm", "update_ratio"]
    both = figure.axes[2]
    assert [ydata for _, ydata in drawn(both)] == [[0.5, 0.2], [0.0, 0.0], [1.0, 0.4]]
    assert both.lines[0].get_color() == both.lines[1].get_color() != both.lines[2].get_color()
    assert both.get_legend() is None
