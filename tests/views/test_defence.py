"""The defence: its numbers are NumPy's, what it says is right for any model, and nothing is changed by asking."""

from __future__ import annotations

import re
import shutil
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from views import guide_network

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.data import StandardScaler
from tinygrad_mlp.errors import DataError, LabelError, NonFiniteError, OptionError, ShapeError
from tinygrad_mlp.views.defence import Defence, defend, formulas_by_hand
from tinygrad_mlp.views.defence.parts import Question, Table, Verdict, Working
from tinygrad_mlp.views.defence.subject import evenly
from tinygrad_mlp.views.plain_text import ASCII

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
rng = np.random.default_rng(5)
X = rng.normal(size=(40, 4))
TWO = (X[:, 0] * X[:, 1] > 0).astype(int)
THREE = np.argmax(X[:, :3], axis=1)
NUMBERS = (X @ [[1.0], [-2.0], [0.5], [0.0]]) ** 2


def net(*layers: Any) -> nn.Sequential:
    return nn.Sequential(*layers)


def mlp(activation: Any, n_out: int = 2) -> nn.Sequential:
    return net(nn.Dense(4, 5, rng=0), activation, nn.Dense(5, 6, rng=1), activation, nn.Dense(6, n_out, rng=2))


def prelu() -> nn.PReLU:
    layer = nn.PReLU(5)
    layer.alpha.data = np.linspace(0.1, 0.5, 5)
    return layer


def batch_norm(n: int) -> nn.BatchNorm:
    layer = nn.BatchNorm(n)
    layer.gamma.data, layer.running_mean.data = rng.uniform(0.5, 2, n), rng.normal(size=n)
    layer.running_variance.data = rng.uniform(0.5, 2, n)
    return layer


def frozen(model: nn.Sequential) -> nn.Sequential:
    model[0].freeze()  # type: ignore[union-attr] - a Dense
    return model


ACTIVATIONS = [nn.ReLU(), nn.LeakyReLU(0.2), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.SiLU(), nn.ELU(0.7), nn.GELU()]
MODELS: dict[str, tuple[nn.Module, np.ndarray, Any]] = {
    **{f"{a!r}": (mlp(a), TWO, tg.softmax_cross_entropy) for a in ACTIVATIONS},
    "function": (mlp(tg.tanh), TWO, tg.softmax_cross_entropy),
    "GELU tanh": (mlp(nn.GELU("tanh")), TWO, tg.softmax_cross_entropy),
    "PReLU": (net(nn.Dense(4, 5, rng=0), prelu(), nn.Dense(5, 2, rng=1)), TWO, tg.softmax_cross_entropy),
    "three classes": (mlp(nn.ReLU(), 3), THREE, tg.softmax_cross_entropy),
    "twelve classes": (mlp(nn.ReLU(), 12), THREE, tg.softmax_cross_entropy),
    "squared error": (mlp(nn.ReLU(), 1), NUMBERS, tg.mean_squared_error),
    "squared error of (N,)": (mlp(nn.ReLU(), 1), NUMBERS[:, 0], tg.mean_squared_error),
    "two numbers": (mlp(nn.Tanh(), 2), np.hstack([NUMBERS, -NUMBERS]), tg.mean_squared_error),
    "absolute error": (mlp(nn.Tanh(), 1), NUMBERS, tg.mean_absolute_error),
    "Huber": (mlp(nn.Tanh(), 1), NUMBERS, tg.huber),
    "one layer": (nn.Dense(4, 2, rng=0), TWO, tg.softmax_cross_entropy),
    "no bias": (
        net(nn.Dense(4, 5, bias=False, rng=0), nn.ReLU(), nn.Dense(5, 2, bias=False, rng=1)),
        TWO,
        tg.softmax_cross_entropy,
    ),
    "norms and dropout": (
        net(
            nn.LayerNorm(4),
            nn.Dense(4, 5, rng=0),
            batch_norm(5),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Dense(5, 6, rng=1),
            nn.LayerNorm(6),
            nn.Tanh(),
            nn.Dense(6, 2, rng=2),
        ),
        TWO,
        tg.softmax_cross_entropy,
    ),
    "ends in a norm": (
        net(nn.Dense(4, 5, rng=0), nn.ReLU(), nn.Dense(5, 3, rng=1), batch_norm(3)),
        THREE,
        tg.softmax_cross_entropy,
    ),
    "nested": (net(mlp(nn.ReLU(), 5), nn.Tanh(), net(nn.Dense(5, 2, rng=3))), TWO, tg.softmax_cross_entropy),
    "frozen": (frozen(mlp(nn.ReLU())), TWO, tg.softmax_cross_entropy),
    "deep": (
        net(*[layer for i in range(12) for layer in (nn.Dense(4, 4, rng=i), nn.ELU())], nn.Dense(4, 2, rng=99)),
        TWO,
        tg.softmax_cross_entropy,
    ),
}  # fmt: skip
each_model = pytest.mark.parametrize("name", MODELS)


def answers_of(name: str, **options: Any) -> Defence:
    model, y, loss = MODELS[name]
    return defend(model, X, y, loss, **options)


@cache
def named_answers(name: str) -> Defence:
    return answers_of(name, feature_names=["a very long name of a column, indeed"] * 4, label_name="lab`el")


def failed(answers: Defence) -> list[str]:
    return [part.text for q in answers.questions for part in q.parts if isinstance(part, Verdict) and not part.holds]


def question(answers: Defence, start: str) -> Question:
    return next(q for q in answers.questions if q.title.startswith(start))


def cells(answers: Defence, start: str, which: int = 0) -> dict[str, tuple[str, ...]]:
    """The rows of a question's table by their first cells."""
    tables = [part for part in question(answers, start).parts if isinstance(part, Table)]
    return {row[0]: row[1:] for row in tables[which].rows}


def lines(answers: Defence, start: str) -> str:
    return "\n".join(line for p in question(answers, start).parts if isinstance(p, Working) for line in p.lines)


def said(answers: Defence, start: str) -> str:
    number = answers.questions.index(question(answers, start)) + 1
    return " ".join(answers.text(only=number, ascii=False, colour=False).split())


# The numbers.


@each_model
def test_by_hand_and_by_the_engine_agree_for_every_kind_of_model(name: str) -> None:
    answers = named_answers(name)
    assert failed(answers) == []
    assert answers.holds
    assert sum(isinstance(part, Verdict) for q in answers.questions for part in q.parts) >= 7


def test_the_numbers_of_the_guides_network_are_those_of_the_guides_formulas() -> None:
    hand = guide_network.by_hand()
    answers = defend(guide_network.model(), guide_network.X, guide_network.LABELS, row=1, learning_rate=0.5)
    shown = cells(answers, "What is feed-forward")
    x = np.maximum(0, guide_network.X[0])
    z1 = x @ guide_network.W1 + guide_network.B1
    z2 = np.maximum(0, z1) @ guide_network.W2 + guide_network.B2
    p = np.exp(z2) / np.exp(z2).sum()
    for step, expected in (("z₁ = a₀·W₁ + b₁", z1), ("z₂ = a₁·W₂ + b₂", z2), ("p = softmax(z₂)", p)):
        assert [float(v) for v in shown[step][1].split()] == pytest.approx(expected, rel=6e-3)
    assert f"E = −ln {p[0]:.6g} = {-np.log(p[0]):.6g}" in lines(answers, "What is the loss")
    sizes = {row.split(" =")[0]: float(cell[1]) for row, cell in cells(answers, "What is backprop", 1).items()}
    for name, key in (("dW₂", "dW2"), ("db₂", "db2"), ("da₁", "dh"), ("dz₁", "dz1"), ("dW₁", "dW1"), ("db₁", "db1")):
        assert sizes[name] == pytest.approx(np.linalg.norm(hand[key]), rel=6e-3), name
    k = int(np.abs(hand["dW2"][:, 0]).argmax())
    derivative = cells(answers, "Compute the gradient", 1)
    for way in derivative.values():
        assert float(way[0]) == pytest.approx(hand["dW2"][k, 0], rel=1e-5)
    moved = guide_network.W2[k, 0] - 0.5 * hand["dW2"][k, 0]
    assert f"W₂[{k + 1},1] ← " in lines(answers, "What is gradient descent")
    assert f" = {moved:.6g}\n" in lines(answers, "What is gradient descent")
    W1, W2 = guide_network.W1 - 0.5 * hand["dW1"], guide_network.W2 - 0.5 * hand["dW2"]
    b1, b2 = guide_network.B1 - 0.5 * hand["db1"], guide_network.B2 - 0.5 * hand["db2"]
    after = np.maximum(0, np.maximum(0, guide_network.X) @ W1 + b1) @ W2 + b2
    q = np.exp(after) / np.exp(after).sum(axis=1, keepdims=True)
    loss = -np.log(q[[0, 1], guide_network.LABELS]).mean()
    assert f"loss: {hand['loss']:.6g} before, {loss:.6g} after" in lines(answers, "What is gradient descent")


def test_the_terms_of_a_unit_add_up_to_it() -> None:
    shown = lines(answers_of("Tanh()"), "How does a single unit")
    (first,) = re.findall(r"z₁\[\d\] = (.*?)\n +\+ (\S+)\n +=\s+(\S+)", shown, re.DOTALL)
    terms = re.findall(r"\(?(-?[\d.e-]+)\)?·\(?(-?[\d.e-]+)\)?", first[0])
    assert len(terms) == 4
    bias, total = float(first[1].strip("()")), float(first[2])
    assert sum(float(a) * float(b) for a, b in terms) + bias == pytest.approx(total, abs=0.02)


def test_the_terms_of_a_gradient_add_up_to_it() -> None:
    rows = cells(answers_of("three classes"), "Compute the gradient")
    together = float(rows.pop("together")[-1])
    assert sum(float(row[-1]) for row in rows.values()) == pytest.approx(together, rel=0.02, abs=1e-4)
    assert sum(1 if name.startswith("row") else int(name.split()[1]) for name in rows) == 32


def test_the_learning_rates_losses_are_those_of_numpy() -> None:
    """From new weights, one step of gradient descent on a network of one layer."""
    answers = answers_of("one layer", learning_rate=0.2, rows=40)
    W, b = np.random.default_rng(0).normal(0, np.sqrt(1 / 4), (4, 2)), np.zeros(2)
    p = np.exp(X @ W) / np.exp(X @ W).sum(axis=1, keepdims=True)
    d = (p - np.eye(2)[TWO]) / 40
    for rate, (_, _, one, _) in cells(answers, "What if the learning rate").items():
        z = X @ (W - float(rate) * X.T @ d) + b - float(rate) * d.sum(axis=0)
        expected = (np.log(np.exp(z).sum(axis=1)) - z[np.arange(40), TWO]).mean()
        assert float(one) == pytest.approx(expected, rel=6e-3)


def test_a_wrong_gradient_is_found_and_said() -> None:
    @tg.op
    def halved(x: Any) -> Any:
        return np.tanh(x), lambda g: g * (1 - np.tanh(x) ** 2) / 2

    answers = defend(mlp(halved), X, TWO)
    assert not answers.holds
    assert any("parameters checked in float64: fail" in text for text in failed(answers))
    assert any("moving the weight a little" in text for text in failed(answers))
    assert "    ✗ moving the weight" in answers.text(ascii=False, colour=False)


def test_a_wrong_formula_by_hand_is_found_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    right = formulas_by_hand.BY_LAYER[nn.Tanh]
    wrong = formulas_by_hand.Elementwise(right.forward, right.slope, right.f, lambda _, z: 1 - np.tanh(z))
    monkeypatch.setattr(formulas_by_hand, "BY_LAYER", {**formulas_by_hand.BY_LAYER, nn.Tanh: wrong})
    assert "each of these arrays by hand, in NumPy, is the engine's" in failed(answers_of("Tanh()"))


def test_units_that_begin_alike_stay_alike_and_drawn_ones_do_not() -> None:
    rows = cells(answers_of("ReLU()"), "Why do the weights not begin at 0")
    assert rows["all 0"][:3] == ("0", "1 of 5", "1 of 5")
    assert float(rows["units alike"][0]) > 0
    assert rows["units alike"][1:3] == ("1 of 5", "1 of 5")
    assert rows["drawn"][1:3] == ("5 of 5", "5 of 5")
    assert float(rows["drawn"][3]) < float(rows["units alike"][3])


def test_standardised_columns_are_shown_beside_raw_ones() -> None:
    raw = X * [1.0, 1000.0, 0.01, 1.0] + [0.0, 500.0, 0.0, 1.0]
    scaler = StandardScaler().fit(raw)
    model = mlp(nn.ReLU())
    names = ["a", "large", "small", "d"]
    answers = defend(model, scaler.transform(raw), TWO, scaler=scaler, feature_names=names, row=7)
    rows = cells(answers, "Why are the columns")
    assert {"large", "small"} < rows.keys()
    assert float(rows["large"][2]) == pytest.approx(raw[6, 1], rel=6e-3)
    assert float(rows["large"][3]) == pytest.approx((raw[6, 1] - raw[:, 1].mean()) / raw[:, 1].std(), rel=6e-3)
    effect = cells(answers, "Why are the columns", 1)
    assert float(effect["raw"][1]) > 1000 * float(effect["standardised"][1])


def test_overfitting_and_early_stopping_are_of_the_same_run() -> None:
    noisy = rng.integers(0, 2, 40)  # nothing to learn but by heart
    answers = defend(net(nn.Dense(4, 32, rng=0), nn.ReLU(), nn.Dense(32, 2, rng=1)), X, noisy)
    rows = cells(answers, "What is overfitting")
    best = next(step for step, row in rows.items() if row[2] == "the best")
    assert float(rows["300"][0]) < 0.1 * float(rows["0"][0])
    assert float(rows["300"][1]) > 1.5 * float(rows[best][1])
    stopped = cells(answers, "What is early stopping")
    assert float(stopped["stopped early"][1]) < float(stopped["to the end"][1])
    assert f"gone back to step {int(stopped['stopped early'][0]) - 10}:" in said(answers, "What is early stopping")


def test_a_network_that_is_as_sure_as_can_be_is_defended_without_a_warning() -> None:
    model = mlp(nn.ReLU())
    for scale in (30, 3000):
        sure = net(*model.layers[:-1], nn.Dense(6, 2, rng=2))
        sure[4].W.data = model[4].W.data * scale  # type: ignore[union-attr] - a Dense
        answers = defend(sure, X, TWO)
        assert failed(answers) == []
    assert "so small that a computer makes it 0" in said(answers, "What is the binary cross-entropy")


def test_at_a_kink_the_gradient_is_that_of_a_side() -> None:
    first, last = nn.Dense(1, 1, rng=0), nn.Dense(1, 1, bias=False, rng=0)
    first.W.data, first.b.data, last.W.data = [[1.0]], [-1.0], [[1.0]]
    answers = defend(net(first, nn.ReLU(), last), [[1.0], [2.0]], [[1.0], [3.0]], tg.mean_squared_error, row=2)
    assert failed(answers) == []  # z of the first row is exactly 0
    claims = [p.text for p in question(answers, "How does the gradient").parts if isinstance(p, Verdict)]
    assert claims[1].startswith(
        "moving the weight a little changes the loss as the gradient says on one side of a kink"
    )


def test_a_step_that_is_too_long_is_said_to_be() -> None:
    answers = answers_of("squared error", learning_rate=5.0)
    assert "It grew: this η is too large here" in said(answers, "What is gradient descent")
    assert answers.holds


# What is said of other models.


def test_what_does_not_apply_is_said() -> None:
    numbers, three, one = answers_of("squared error"), answers_of("three classes"), answers_of("one layer")
    assert "the question does not apply" in said(numbers, "What is the binary cross-entropy")
    assert [q.title for q in numbers.questions if "softmax" in q.title] == ["Why is there no softmax at the end?"]
    assert "does not apply as it is written" in said(three, "What is the binary cross-entropy")
    assert "one dense layer only" in said(one, "Why is there an activation")
    assert "In this network they could" in said(one, "Why do the weights not begin at 0")
    assert "its last one" in said(one, "How does the gradient get to the first layer")
    assert "The model file holds no scaler" in said(one, "Why are the columns")
    few = defend(MODELS["one layer"][0], X[:3], TWO[:3])
    assert "takes 8 rows or more; here are 3" in said(few, "What is overfitting")
    assert "With 3 rows there are no parts" in said(few, "Why mini-batches")


def test_what_is_known_of_the_training_is_said() -> None:
    facts = {"rows": {"training": 364, "validation": 91}, "batch_size": 32, "patience": 10}
    answers = answers_of("ReLU()", facts=facts | {"epochs_run": 43, "kept_epoch": 33})
    assert "364 rows in batches of 32: 12 steps in an epoch, the last one with" in said(answers, "Why mini-batches")
    assert "364 rows, and 91 others validated it" in said(answers, "What is overfitting")
    assert "a patience of 10: 43 epochs, of which epoch 33 was kept" in said(answers, "What is early stopping")
    strange = {"rows": "many", "batch_size": 0, "patience": "long", "epochs_run": None, "kept_epoch": []}
    assert answers_of("ReLU()", facts=strange).holds


def test_predictions_are_told_in_the_units_of_the_data() -> None:
    scaler = StandardScaler().fit(NUMBERS)
    model = mlp(nn.Tanh(), 1)
    answers = defend(model, X, scaler.transform(NUMBERS), tg.mean_squared_error, target_scaler=scaler, row=3)
    expected = scaler.inverse_transform(np.asarray(tg.predict(model, X)).astype(float))[2, 0]
    shown = lines(answers, "Why is there no softmax")
    assert float(re.findall(r"= (\S+)", shown)[0]) == pytest.approx(expected, rel=1e-4)
    assert float(re.findall(r"true: (\S+)", shown)[0]) == pytest.approx(NUMBERS[2, 0], rel=1e-5)


def test_the_batch_is_taken_evenly_and_has_the_row_that_was_asked_for() -> None:
    assert evenly(100, 4, None).tolist() == [0, 25, 50, 75]
    assert evenly(100, 4, 53).tolist() == [0, 25, 52, 75]
    assert evenly(3, 32, None).tolist() == [0, 1, 2]
    assert "row 38 of the table" in said(answers_of("ReLU()", rows=4, row=38), "What is feed-forward")
    model, y, loss = MODELS["ReLU()"]
    z = np.asarray(tg.predict(model, X)).astype(float)
    losses = np.log(np.exp(z).sum(axis=1)) - z[np.arange(40), y]
    followed = f"row {int(losses.argmax()) + 1} of the table"
    assert followed in said(defend(model, X, y, loss, rows=40), "What is feed-forward")


def test_nothing_of_the_model_is_changed_and_nothing_drawn() -> None:
    model, y, _ = MODELS["norms and dropout"]
    before = {name: values.copy() for name, values in model.state_dict().items()}
    modes = [module.training for module in model.named_modules().values()]
    tg.seed(4)
    expected = nn.Dense(2, 2).W.numpy()
    tg.seed(4)
    assert defend(model, X, y).questions
    assert (nn.Dense(2, 2).W.numpy() == expected).all()
    for name, values in model.state_dict().items():
        assert values.dtype == np.float32
        assert (values == before[name]).all()
    assert [module.training for module in model.named_modules().values()] == modes
    assert all(p.grad is None for p in model.parameters())


# How it looks.


@each_model
def test_text_fits_in_80_columns_and_into_ascii(name: str) -> None:
    answers = named_answers(name)
    for line in answers.text(ascii=False, colour=False).splitlines():
        assert len(line) <= 80, line
    assert {c for c in answers.text(ascii=False, colour=False) if not c.isascii()} <= ASCII.keys()
    assert answers.text(ascii=True, colour=False).isascii()


@each_model
def test_markdown_has_one_title_and_no_line_that_begins_a_list(name: str) -> None:
    text = named_answers(name).markdown
    assert re.findall(r"^# .*", text, re.MULTILINE) == [text.splitlines()[0]]
    prose = re.sub(r"^```text\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"^\s*([-+*] |\d+\. |>|=+$)", prose, re.MULTILINE)
    for line in prose.splitlines():
        assert line.count("`") % 2 == 0, line
        if line.startswith("| "):
            assert line.endswith(" |"), line


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["</style><script>alert(1)</script>", "a|b`c`*d*", "汉字\n# title", "{{x}} {0}"])
def test_no_name_can_be_more_than_a_name(name: str) -> None:
    answers = answers_of("three classes", classes=[name] * 3, feature_names=[name] * 4, label_name=name)
    page = answers.html
    tags = Tags(page)
    assert tags.open == []
    assert "script" not in tags.seen
    assert all(link == "data:," or link.startswith("#q") for link in tags.links)
    assert len(re.findall(r"^# ", answers.markdown, re.MULTILINE)) == 1
    assert all(
        line.count("|") - line.count("\\|") in (0, line.count(" | ") + 2)
        for line in answers.markdown.splitlines()
        if line.startswith("| ")
    )
    assert answers.text(ascii=False, colour=False)


def test_the_page_has_every_question_and_loads_nothing() -> None:
    answers = answers_of("two numbers")
    page = answers.html
    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    assert len(page.encode()) < 100_000
    tags = Tags(page)
    assert [link for link in tags.links if link.startswith("#")] == [
        f"#q{n + 1}" for n in range(len(answers.questions))
    ]
    for n, q in enumerate(answers.questions):
        assert f'<article id="q{n + 1}"><h3><span>{n + 1}</span> {q.title}</h3>' in page


def test_it_is_written_as_its_suffix_says(tmp_path: Path) -> None:
    answers = answers_of("one layer")
    assert answers.save(tmp_path / "a.html").read_text("utf-8") == answers.html
    assert answers.save(tmp_path / "a.md").read_text("utf-8") == answers.markdown
    assert answers.save(tmp_path / "a.txt").read_text("utf-8").startswith("The defence:")
    with pytest.raises(OptionError, match=r"a\.pdf: a file that ends in \.html, \.md or \.txt"):
        answers.save(tmp_path / "a.pdf")
    with pytest.raises(OptionError, match="there is no question 20; 1 to 19 are expected"):
        answers.text(only=20)
    with pytest.raises(DataError, match="the answers cannot be written"):
        answers.save(tmp_path / "no" / "a.md")


# What is refused.


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((mlp(nn.ReLU()), X, TWO, tg.hinge), {}, OptionError, "the loss is 'hinge'; one of softmax_cross_entropy"),
        ((mlp(nn.ReLU()), X, TWO), {"row": 41}, OptionError, "there is no row 41; 1 to 40 are expected"),
        ((mlp(nn.ReLU()), X, TWO), {"row": 0}, OptionError, "there is no row 0"),
        ((mlp(nn.ReLU()), X, TWO), {"rows": 0}, OptionError, "rows is 0; at least 1 is expected"),
        ((mlp(nn.ReLU()), X, TWO + 1), {}, LabelError, "2"),
        ((mlp(nn.ReLU()), X[0], TWO), {}, ShapeError, "rows"),
        ((mlp(nn.ReLU()), X[:, :3], TWO), {}, ShapeError, "3"),
        ((mlp(nn.ReLU()), X[:9], TWO), {}, ShapeError, "as many rows in both are expected"),
        ((mlp(nn.ReLU()), X, np.eye(2)[TWO]), {}, OptionError, "the index of a class for each row"),
        ((net(nn.LayerNorm(4)), X, THREE), {}, OptionError, "no dense layer"),
        ((mlp(nn.ReLU(), 3), X, NUMBERS, tg.mean_squared_error), {}, ShapeError, "(32, 3)|(40, 3)"),
    ],
)  # fmt: skip
def test_what_cannot_be_defended_is_refused(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        defend(*arguments, **options)


def test_an_output_that_is_not_finite_is_refused_with_its_row() -> None:
    model = mlp(nn.ReLU())
    for layer in (0, 2, 4):
        model[layer].W.data = np.full(model[layer].W.shape, 3e38)  # type: ignore[union-attr] - a Dense
    rows = np.zeros((3, 4))
    rows[2] = 1e250
    with pytest.raises(NonFiniteError, match="the model's output for row 3 is not finite"):
        defend(model, rows, [0, 1, 1])
    with pytest.raises(NonFiniteError, match="the model's loss for row 2 is not finite"):
        defend(mlp(nn.ReLU(), 1), X[:3], [[0.0], [1e200], [0.0]], tg.mean_squared_error)


@pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None, reason="needs Chromium and playwright: `make check` has both"
)
def test_in_a_browser_nothing_stands_beyond_the_edge_in_either_scheme(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright  # optional: the test is skipped without it

    file = named_answers("twelve classes").save(tmp_path / "a.html")
    said: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme, dark in (("light", False), ("dark", True)):
            for width in (1100, 400):
                size = {"width": width, "height": 900}
                tab = chromium.new_context(viewport=size, color_scheme=scheme, offline=True).new_page()
                tab.on("console", lambda message: said.append(message.text))
                tab.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
                tab.goto(f"{file.as_uri()}#q9")
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
                ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
                assert ground.startswith("rgb(1") == dark
                assert tab.locator("article:target h3").inner_text().startswith("9 Compute the gradient")
        chromium.close()
    assert said == []
