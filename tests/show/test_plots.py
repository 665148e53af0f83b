"""Plots on an Axes, from tables alone: they draw where they are told, refuse what lacks a column, plot its numbers."""

import doctest
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from quantstudy.errors import BadInput
from quantstudy.judge.cliff import judge_cliff
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show import plots
from quantstudy.show.canvas.style import BECAME_ISLAND, BECAME_SEA, ISLAND, SEA, rgb
from quantstudy.show.plots import plot_cliff, plot_decision, plot_flips, plot_ranges
from tests.judge.limits import asked

NAMES = ("relu", "silu", "gelu")
SEEDS = 6


def metrics() -> pd.DataFrame:
    random = np.random.default_rng(3)
    rows = [
        (name, seed, scheme, backend, "network", None, None, metric, random.uniform(0.1, 0.3))
        for name in NAMES
        for seed in range(SEEDS)
        for scheme in ("w4", "w4a4")
        for backend in ("simulated", "torchao")
        for metric in ("flip_rate", "heldout_accuracy_drop")
    ]
    rows += [("relu", seed, "w4a4", "simulated", "layer", 0, None, "flip_rate", 9.0) for seed in range(SEEDS)]
    columns = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric", "value"]
    return pd.DataFrame(rows, columns=columns).astype({"activation": "category"})


def cliff() -> pd.DataFrame:
    random = np.random.default_rng(4)
    rows = [
        (name, part, bits, seed, metric, 2.0**-bits * random.uniform(0.5, 1.0))
        for name in NAMES
        for part in ("weights", "activations", "both")
        for bits in (2, 4, 8, 16)
        for seed in range(SEEDS)
        for metric in ("flip_rate", "heldout_accuracy_drop")
    ]
    return pd.DataFrame(rows, columns=["activation", "quantized", "bits", "seed", "metric", "value"])


def histograms() -> pd.DataFrame:
    left = np.arange(-8, 8) / 16
    rows = {"activation": "relu", "layer": 1, "bin_left": left, "bin_right": left + 1 / 16, "count": np.arange(1, 17)}
    return pd.DataFrame(rows)


PLOTS: dict[str, tuple[Callable[..., Axes], Callable[[], pd.DataFrame], dict[str, Any]]] = {
    "flips": (plot_flips, metrics, {"scheme": "w4a4"}),
    "cliff": (plot_cliff, cliff, {"quantized": "both"}),
    "ranges": (plot_ranges, histograms, {"activation": "relu", "layer": 1}),
}
UNUSED = {"layer", "neuron", "bin_right"}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    pyplot.close("all")
    yield
    pyplot.close("all")


@pytest.mark.parametrize("name", PLOTS)
def test_draws_on_the_axes_that_it_is_given(name: str) -> None:
    plot, make, options = PLOTS[name]
    ax = Figure().subplots()
    assert plot(make(), ax, **options) is ax
    assert ax.has_data() or ax.patches or ax.get_children()
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", PLOTS)
def test_makes_axes_of_its_own(name: str) -> None:
    plot, make, options = PLOTS[name]
    ax = plot(make(), **options)
    assert isinstance(ax, Axes)
    assert len(ax.figure.axes) == 1
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("name", "column"),
    [(name, column) for name, (_, make, _) in PLOTS.items() for column in make() if column not in UNUSED]
    + [("ranges", "layer")],
)
def test_a_missing_column_is_refused_in_one_line(name: str, column: str) -> None:
    plot, make, options = PLOTS[name]
    with pytest.raises(BadInput, match=f"needs the columns .*{column} is missing") as caught:
        plot(make().drop(columns=column), **options)
    assert "\n" not in str(caught.value)
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", PLOTS)
def test_nothing_to_draw_is_no_failure(name: str) -> None:
    plot, make, options = PLOTS[name]
    plot(make().iloc[:0], **options).figure.canvas.draw()


def test_columns_that_are_not_needed_may_be_missing() -> None:
    for plot, make, options in PLOTS.values():
        frame = make()
        spare = UNUSED - {"layer"} if plot is plot_ranges else UNUSED
        plot(frame.drop(columns=[column for column in frame if column in spare]), **options)


@pytest.mark.parametrize("metric", ["flip_rate", "heldout_accuracy_drop"])
def test_flips_are_those_of_the_networks(metric: str) -> None:
    frame = metrics()
    ax = plot_flips(frame, scheme="w4", metric=metric, backend="torchao")
    chosen = frame[(frame["scheme"] == "w4") & (frame["backend"] == "torchao") & (frame["metric"] == metric)]
    dots = next(line for line in ax.lines if len(line.get_xdata()) == SEEDS * len(NAMES))
    assert dots.get_xdata() == pytest.approx(100.0 * chosen["value"].to_numpy())
    means = next(line for line in ax.lines if line.get_marker() == "D")
    by_name = [100.0 * chosen[chosen["activation"] == name]["value"].to_numpy() for name in NAMES]
    assert means.get_xdata() == pytest.approx([values.mean() for values in by_name])
    ends = ax.collections[-1].get_segments()
    for segment, values in zip(ends, by_name, strict=True):
        assert segment[:, 0] == pytest.approx(interval(values)[1:])
    assert [label.get_text() for label in ax.get_yticklabels()] == list(NAMES)
    low, high = ax.get_ylim()
    assert low > high  # from the top down


def test_curves_are_those_of_the_verdict() -> None:
    frame = cliff()
    ax = plot_cliff(frame, quantized="weights")
    judged = judge_cliff(frame, NAMES, SEEDS, asked())["bit_cliff"]["weights"]
    for name in NAMES:
        (line,) = [line for line in ax.lines if line.get_label() == name]
        assert line.get_ydata() == pytest.approx([point["mean"] for point in judged[name]["curve"]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(NAMES)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "4", "8", "16"]


def test_bars_are_shares_of_the_values_and_levels_are_lines() -> None:
    ax = plot_ranges(histograms(), activation="relu", layer=1, levels=np.array([-0.5, 0.0, 0.5]))
    (bars,) = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    values, edges, _ = bars.get_data()
    assert values == pytest.approx(100.0 * np.arange(1, 17) / 136)
    assert edges == pytest.approx(np.arange(-8, 9) / 16)
    (lines,) = ax.collections
    assert [segment[0, 0] for segment in lines.get_segments()] == [-0.5, 0.0, 0.5]
    assert [text.get_text() for text in plot_ranges(histograms(), activation="silu", layer=1).texts] == ["n/a"]


def test_what_lies_behind_bars_has_the_same_bins() -> None:
    wider = histograms().assign(bin_left=lambda frame: 2 * frame["bin_left"])
    ax = plot_ranges(histograms(), activation="relu", layer=1, behind=wider)
    behind, bars = (patch.get_data() for patch in ax.findobj(StepPatch))
    assert np.array_equal(behind.edges, bars.edges)
    assert behind.values[::2] == pytest.approx(100.0 * np.arange(1, 17) / 136)
    assert bars.values[8:24] == pytest.approx(100.0 * np.arange(1, 17) / 136)
    with pytest.raises(BadInput, match="count is missing"):
        plot_ranges(histograms(), activation="relu", layer=1, behind=wider.drop(columns="count"))


def test_maps_have_y_upwards_and_island_and_sea_colours() -> None:
    logit = np.array([[-1.0, -1.0], [2.0, 2.0]])  # the first row is y = −1
    ax = Figure().subplots()
    assert plot_decision(logit, ax) is ax
    (image,) = ax.images
    assert image.origin == "lower"
    assert image.get_array().tolist() == [rgb([SEA, SEA]).tolist(), rgb([ISLAND, ISLAND]).tolist()]
    assert ax.get_ylim() == (-1.0, 1.0)
    assert ax.get_aspect() == 1.0
    ((line,),) = [found.get_segments() for found in ax.collections]
    assert line[:, 1] == pytest.approx([-1 / 6, -1 / 6])  # a third of the way between the pixels' centres


def test_pixels_that_flip_have_colours_of_their_own() -> None:
    ax = plot_decision(np.array([[-1.0, 1.0]] * 2), quantized=np.array([[1.0, -1.0]] * 2))
    assert ax.images[0].get_array()[0].tolist() == rgb([BECAME_ISLAND, BECAME_SEA]).tolist()
    assert len(ax.collections) == 2  # both boundaries
    target = plot_decision(np.array([[True, False]] * 2), outlines=False)
    assert target.images[0].get_array()[0].tolist() == rgb([ISLAND, SEA]).tolist()
    assert not target.collections


def test_all_are_exported_and_the_example_is_true() -> None:
    assert set(plots.__all__) == {"plot_cliff", "plot_decision", "plot_flips", "plot_ranges"}
    assert doctest.testmod(plots).failed == 0
