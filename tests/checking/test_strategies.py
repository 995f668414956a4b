"""The strategies of `tg.testing`: what they draw fits what was asked for, and Hypothesis is needed by nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from numeric import gradient

import tinygrad_mlp as tg
from tinygrad_mlp import testing
from tinygrad_mlp.errors import OptionError

shapes = st.sampled_from([(), (3,), (2, 3), (2, 1, 2)])


@given(testing.arrays(shapes, low=-1.0, high=3.0, kinks=[0.0, 2.0], margin=0.25))
def test_elements_stay_in_range_and_away_from_kinks(x: np.ndarray) -> None:
    assert x.dtype == np.float64
    assert ((x >= -1) & (x <= 3)).all()
    assert (np.abs(x) >= 0.25).all()
    assert (np.abs(x - 2) >= 0.25).all()


def test_all_parts_of_the_range_are_drawn_from() -> None:
    strategy = testing.arrays((1,), low=-1.0, high=3.0, kinks=[0.0, 2.0])
    for low, high in [(-1, 0), (0, 2), (2, 3)]:
        find(strategy, lambda x, low=low, high=high: low < x[0] < high)


@given(testing.arrays(shapes, kinks=[-0.5, 1.0], at="on"))
def test_on_kinks_the_first_element_is_one_and_the_others_are_or_keep_away(x: np.ndarray) -> None:
    assert x.flat[0] in (-0.5, 1.0)
    distance = np.minimum(np.abs(x + 0.5), np.abs(x - 1))
    assert ((distance == 0) | (distance >= 0.1)).all()


def test_on_kinks_other_elements_may_be_either() -> None:
    strategy = testing.arrays((3,), at="on")
    find(strategy, lambda x: (x == 0).all())
    find(strategy, lambda x: (x[1:] != 0).all())


def test_anywhere_may_be_as_near_to_a_kink_as_it_likes() -> None:
    assert 0 < find(testing.arrays((1,), at="anywhere"), lambda x: 0 < x[0] < 0.1)[0] < 0.1


@given(testing.arrays(st.sampled_from([(3, 4), (6,), ()]), distinct=True, margin=0.2))
def test_distinct_elements_are_apart_from_each_other_and_from_kinks(x: np.ndarray) -> None:
    assert (np.diff(np.sort(x.ravel())) >= 0.2 - 1e-9).all()
    assert (np.abs(x) >= 0.2 - 1e-9).all()


@given(testing.arrays(dtype=np.float32))
def test_arrays_have_the_dtype_asked_for_and_up_to_three_axes(x: np.ndarray) -> None:
    assert x.dtype == np.float32
    assert x.ndim <= 3
    assert all(1 <= n <= 4 for n in x.shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": "near"}, "at is 'near'; 'away', 'on' or 'anywhere'"),
        ({"at": "on", "low": 1.0}, "no kink lies between low=1 and high=2"),
        ({"margin": 3.0}, r"no number from low=-2 to high=2 is margin=3 away from \[0.0\]"),
    ],
)
def test_arrays_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        testing.arrays((2,), **options)


def test_more_distinct_elements_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(OptionError, match=r"\(3, 3\) needs 9 distinct elements; margin=1 leaves room for 4"):
        find(testing.arrays((3, 3), distinct=True, margin=1.0), lambda x: True)


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(st.just(n), testing.broadcastable_shapes(n))))
def test_broadcastable_shapes_are_as_many_as_asked_for_and_broadcast(drawn: Any) -> None:
    n, found = drawn
    assert len(found) == n
    assert 0 not in np.broadcast_shapes(*found)


def test_broadcastable_shapes_differ_in_axes_and_lengths() -> None:
    strategy = testing.broadcastable_shapes(2)
    find(strategy, lambda pair: len(pair[0]) != len(pair[1]))
    find(strategy, lambda pair: len(pair[0]) == len(pair[1]) and pair[0] != pair[1])
    with pytest.raises(OptionError, match="n is 0"):
        testing.broadcastable_shapes(0)


@settings(max_examples=15)
@given(testing.networks(smooth=True))
def test_a_network_fits_its_data_and_its_gradient_is_right(network: tg.testing.Network) -> None:
    model, X, y, loss = network
    assert X.dtype == np.float32
    total = loss(model(X), y)
    assert total.shape == ()
    assert np.isfinite(total.item())
    total.backward()
    last = model.layers[-1]

    def moved(W: np.ndarray) -> float:
        kept = last.W.data.copy()
        last.W.data = W
        try:
            return float(loss(model(X), y).item())
        finally:
            last.W.data = kept

    numeric = gradient(moved, [last.W.data.astype(np.float64)], step=0.1)
    np.testing.assert_allclose(last.W.grad, numeric, rtol=0.02, atol=2e-3)  # in float32


def test_networks_have_one_to_three_layers_both_kinds_of_labels_and_all_kinds_of_layers() -> None:
    strategy = testing.networks()
    for wanted in (tg.nn.ReLU, tg.nn.GELU, tg.nn.LayerNorm):
        find(strategy, lambda n, wanted=wanted: any(isinstance(layer, wanted) for layer in n.model.layers))
    for count in (1, 2, 3):
        find(strategy, lambda n, count=count: sum(isinstance(x, tg.nn.Dense) for x in n.model.layers) == count)
    find(strategy, lambda n: n.y.dtype.kind == "i")
    find(strategy, lambda n: n.y.dtype.kind == "f")


@given(testing.graphs(3, 12))
def test_graphs_have_as_many_operations_as_asked_for(graph: tg.testing.RandomGraph) -> None:
    assert 3 <= len(graph.steps) <= 12
    assert np.isfinite(graph(*graph.inputs))


def test_graphs_shrink_to_few_operations() -> None:
    assert len(find(testing.graphs(), lambda graph: len(graph.steps) >= 7).steps) == 7
    with pytest.raises(OptionError, match="9 to 5 operations"):
        testing.graphs(9, 5)


def run_without_hypothesis(code: str) -> subprocess.CompletedProcess[str]:
    hidden = "import sys; sys.modules['hypothesis'] = None\n"
    return subprocess.run([sys.executable, "-c", hidden + code], capture_output=True, text=True, check=False)


def test_without_hypothesis_the_package_and_random_graphs_work_and_strategies_say_what_they_need() -> None:
    done = run_without_hypothesis("import tinygrad_mlp as tg\nprint(len(tg.testing.random_graph(1, 7).steps))")
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr
    for code in ("import tinygrad_mlp as tg; tg.testing.arrays", "from tinygrad_mlp.testing import arrays"):
        done = run_without_hypothesis(code)
        assert done.stderr.endswith("ImportError: tg.testing.arrays needs Hypothesis: pip install hypothesis\n")


def test_importing_the_package_does_not_import_hypothesis() -> None:
    code = "import sys, tinygrad_mlp\nprint('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match=r"'tinygrad_mlp\.testing' has no attribute 'tensors'"):
        _ = testing.tensors  # type: ignore[attr-defined]  # it is not there
