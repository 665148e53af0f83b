"""Texts and colours come from the records: known numbers in, known words and pixels out."""

import doctest
import importlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from PIL import Image

from quantstudy.judge.deployable import limits_of
from quantstudy.judge.flips import reference
from quantstudy.judge.verdict import judge
from quantstudy.show.canvas.page import png, shortened, text_width, wrap
from quantstudy.show.canvas.style import (
    BARS,
    BARS_BEHIND,
    BECAME_ISLAND,
    BECAME_SEA,
    DIVERGING,
    FLOAT_LINE,
    ISLAND,
    LEVELS,
    QUANTIZED_LINE,
    SEA,
    SEQUENTIAL,
    contrast,
    ink_on,
    rgb,
)
from quantstudy.show.figures.catalogue import FIGURES
from quantstudy.show.figures.decision.data import panels
from quantstudy.show.figures.fold_noise.draw import median
from quantstudy.show.figures.ranges.data import Histogram, histograms, levels_of, outputs_of
from quantstudy.show.figures.ranges.draw import LOWEST, draw_bars
from quantstudy.words.headline import headline, outcome


@pytest.mark.parametrize(
    "module", ["canvas.page", "canvas.colours", "values", "figures.maps.draw", "figures.fold_noise.draw"]
)
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"quantstudy.show.{module}")).failed == 0


def _set(run: Any, activation: str, scheme: str, backend: str, metric: str, values: list[float]) -> None:
    frame = run.tables["metrics"]
    chosen = (
        (frame["activation"] == activation)
        & (frame["scheme"] == scheme)
        & (frame["backend"] == backend)
        & (frame["metric"] == metric)
    )
    assert chosen.sum() == len(values)
    frame.loc[chosen, "value"] = values


def test_decision_cells_say_rate_difference_and_interval(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("silu", "relu", "gelu"), seeds=6)
    for backend in ("simulated", "torchao"):
        _set(run, "relu", "w4", backend, "flip_rate", [0.10, 0.12] * 3)
        _set(run, "silu", "w4", backend, "flip_rate", [0.15, 0.17] * 3)
        _set(run, "gelu", "w4", backend, "flip_rate", [0.09, 0.11] * 3)
    _set(run, "gelu", "w4", "torchao", "flip_rate", [0.20, 0.22] * 3)
    panel = panels(run)[0]
    simulated, torchao = (next(c for c in panel.of(name) if c.scheme == "w4") for name in ("simulated", "torchao"))
    plain = [tuple(line.replace("\u00a0", " ") for line in cell) for cell in simulated.cells]
    assert plain == [("16.0 %", "+5.0 [5.0, 5.0]"), ("11.0 %", "reference"), ("10.0 %", "−1.0 [−1.0, −1.0]")]
    assert [cell[0].replace("\u00a0", " ") for cell in torchao.cells] == ["same", "same", "21.0 %"]
    assert simulated.end == torchao.end == pytest.approx(0.10)  # one scale per scheme, both backends
    assert simulated.shades.round(6).tolist() == [0.5, 0.0, -0.1]


def test_schemes_beside_the_widths_are_drawn_in_groups(
    make_run: Callable[..., Any], words: Callable[[Figure], list[str]]
) -> None:
    added = ("w4a8", "wf8", "wf8af8", "af8", "wf8e5m2", "w4")
    run = make_run(activations=("silu", "relu"), seeds=3, schemes=added)
    found = panels(run)
    assert [panel.bits for panel in found] == [4, 4, 8, 8, 0, 0, 0, 0]
    schemes = [[column.scheme for column in panel.of("simulated")] for panel in found]
    assert schemes[4:] == [*[["w4a8", "wf8", "wf8af8", "af8"]] * 2, *[["wf8e5m2"]] * 2]
    assert [column.scheme for column in found[4].of("torchao")] == ["wf8", "wf8af8"]
    said = words(FIGURES["heatmap_decision"](run))
    assert sum(text.startswith("Further schemes: ") for text in said) == 4
    assert any("f8: floats of 8 bits." in text.replace("\n", " ") for text in said)
    said = words(FIGURES["verdict"](run))
    assert {"w4a8", "wf8", "wf8af8", "af8", "wf8e5m2"} <= set(said)
    assert said.count("w4") == 1
    assert any("and those beside them, share" in text.replace("\n", " ") for text in said)


def test_colour_and_text_of_a_cell_follow_the_data(
    make_run: Callable[..., Any], words: Callable[[Figure], list[str]]
) -> None:
    run = make_run(activations=("relu", "silu"), seeds=3, grid=8)
    _set(run, "silu", "w4", "simulated", "flip_rate", [0.5, 0.5, 0.5])
    more = FIGURES["heatmap_decision"](run)
    assert "50.0 %" in [text.replace("\u00a0", " ") for text in words(more)]
    assert _cell_colour(more, row=1) == pytest.approx(DIVERGING(1.0))
    _set(run, "silu", "w4", "simulated", "flip_rate", [0.0, 0.0, 0.0])
    less = FIGURES["heatmap_decision"](run)
    assert "50.0 %" not in [text.replace("\u00a0", " ") for text in words(less)]
    assert _cell_colour(less, row=1) == pytest.approx(DIVERGING(0.0))


def _cell_colour(figure: Figure, row: int) -> tuple[float, ...]:
    mesh = next(ax for ax in figure.axes if ax.collections and ax.axison).collections[0]
    figure.set_dpi(30)
    figure.canvas.draw()
    columns = mesh.get_array().shape[1]
    return tuple(mesh.get_facecolor()[row * columns])


def test_the_reference_is_relu_or_the_first(make_run: Callable[..., Any]) -> None:
    assert reference(make_run(activations=("silu", "relu"), seeds=1).config.activations) == "relu"
    assert reference(make_run(activations=("silu", "gelu"), seeds=1).config.activations) == "silu"


def test_maps_are_drawn_with_y_upwards(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu",), grid=8, seeds=1)
    rows = np.linspace(-1, 1, 8)[:, None] * np.ones((8, 8))
    run.arrays["relu/float/logit"] = rows + 0.01  # island where y > 0
    run.arrays["relu/target"] = rows > 0
    for scheme in ("w4", "a4", "w4a4", "w4a8dyn"):
        run.arrays[f"relu/{scheme}/logit"] = rows + 0.01
    figure = FIGURES["maps"](run)
    image = next(image for ax in figure.axes for image in ax.images)
    left, right, bottom, top = image.get_extent()
    (x0, y0), (x1, y1) = image.axes.transData.transform([(left, bottom), (right, top)])
    assert x1 - x0 == pytest.approx(y1 - y0)  # equal aspect
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())
    middle, height = round((x0 + x1) / 2), len(pixels)
    above, below = height - round(y1 - 0.25 * (y1 - y0)), height - round(y0 + 0.25 * (y1 - y0))
    assert pixels[above, middle, :3].tolist() == rgb([ISLAND])[0].tolist()
    assert pixels[below, middle, :3].tolist() == rgb([SEA])[0].tolist()


def test_chains_are_drawn_from_the_first_layer_to_the_last(
    make_run: Callable[..., Any], words: Callable[[Figure], list[str]]
) -> None:
    run = make_run(activations=("relu",), grid=8, seeds=1)
    run.arrays["relu/chain/neuron"] = np.array([7, 5, 3])
    run.arrays["relu/chain/share"] = np.array([np.nan, 0.25, 0.5])
    said = [text.replace("\u00a0", " ") for text in words(FIGURES["folds"](run)) if text.startswith("layer")]
    assert said == ["layer 2\nneuron 7\n", "layer 1\nneuron 5\n25 % of sum", "layer 0\nneuron 3\n50 % of sum"][::-1]


def test_levels_are_those_of_the_plan_of_the_seed_that_is_shown(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu", "silu"), bits=(2,), seeds=3)
    plans = run.tables["plans"]
    chosen = (plans["scheme"] == "a2") & (plans["tensor"] == "layers.1.output") & (plans["seed"] == 1)
    plans.loc[chosen, ["scale", "zero_point"]] = 0.5, -1
    found = levels_of(run, "a2")
    assert found["relu", 1].tolist() == found["silu", 1].tolist() == [-0.5, 0.0, 0.5, 1.0]


def test_outputs_are_those_of_the_seed_that_is_shown(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu", "silu"), seeds=3, hidden=(4, 4))
    for name, high in (("relu", 2), ("silu", 5)):
        columns = {"layer": [0, 0, 1], "bin_left": [0.0, 1.0, high], "count": [6, 2, 8]}
        run.arrays.update({f"{name}/histogram/{column}": np.array(values) for column, values in columns.items()})
    frame = outputs_of(run)
    assert frame["activation"].tolist() == ["relu"] * 3 + ["silu"] * 3
    assert frame["bin_left"].tolist() == [0.0, 1.0, 2.0, 0.0, 1.0, 5.0]
    grid = np.array([0.0, 4.0])
    own, every = histograms([frame, run.histograms()], "silu", 1, grid)
    assert own is not None
    assert every is not None
    assert np.array_equal(own.edges, every.edges)
    assert own.edges[0] <= 0.0
    assert own.edges[-1] > 5.0  # neither is cut off, nor are the levels
    assert own.shares.max() == own.shares.sum() == 1.0  # one seed's share of its own outputs
    place = int(own.shares.argmax())
    assert own.edges[place] <= 5.0 < own.edges[place + 1]
    assert every.shares.sum() == pytest.approx(1.0, abs=0.01)


def test_the_ranges_of_one_seed_have_nothing_behind(
    make_run: Callable[..., Any], words: Callable[[Figure], list[str]]
) -> None:
    behind = to_rgba(BARS_BEHIND)
    for seeds, expected in ((1, 0), (3, 1)):
        figure = FIGURES["ranges"](make_run(activations=("relu",), seeds=seeds, hidden=(4,)))
        (ax,) = (ax for ax in figure.axes if ax.axison)
        steps = list(ax.findobj(StepPatch))
        assert [step.get_facecolor() == behind for step in steps] == [True] * expected + [False]
        assert any(f"all {seeds} seeds" in text for text in words(figure)) == (seeds > 1)


def test_one_seed_is_shown_of_all_activations(
    make_run: Callable[..., Any], words: Callable[[Figure], list[str]]
) -> None:
    run = make_run(seeds=6, grid=8)  # the seed 3
    for name in ("maps", "folds", "ranges"):
        said = " ".join(" ".join(words(FIGURES[name](run))).split())
        assert "Seed 3: of 6 the one with the median flip rate" in said, name
        assert said.count("seed 3") == 1, name
    targets = [text for text in words(FIGURES["maps"](run)) if text.endswith("islands")]
    assert len(targets) == 1


def test_joined_bins_keep_every_value() -> None:
    left = np.arange(-16, 1600) / 16
    frame = pd.DataFrame({"activation": "relu", "layer": 0, "bin_left": left, "count": np.arange(len(left)) + 1})
    (found,) = histograms([frame], "relu", 0, np.array([-1.0, 100.0]))
    assert found is not None
    assert found.shares.sum() == pytest.approx(1.0)
    assert found.left == -1.0
    assert len(found.shares) <= 110
    assert histograms([frame, frame[:0]], "silu", 0, np.zeros(0)) == [None, None]


def test_medians_leave_undefined_values_out_and_keep_infinity() -> None:
    cube = np.array([[1.0, np.nan, 3.0, 8.0], [np.inf, np.inf, 1.0, np.nan], [np.nan] * 4, [1.0, 2.0, np.inf, np.inf]])
    assert np.array_equal(median(cube), [3.0, np.inf, np.nan, np.inf], equal_nan=True)


def _verdict(run: Any, **accuracy: list[float]) -> dict[str, Any]:
    rows = [
        (name, seed, scheme, backend, "network", metric, value)
        for name, values in accuracy.items()
        for seed, lower in enumerate(values)
        for scheme, backend, metric, value in (
            ("float", "float", "heldout_accuracy_float", 0.99),
            ("w4a4", "simulated", "heldout_accuracy_quantized", lower),
        )
    ]
    frame = pd.DataFrame(rows, columns=["activation", "seed", "scheme", "backend", "scope", "metric", "value"])
    limits = limits_of(run.config)
    return judge(frame, activations=list(accuracy), schemes=["w4a4"], focus="w4a4", limits=limits)


def test_headlines(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu", "silu"), seeds=15)
    wave = [0.001 * (seed % 3) for seed in range(15)]
    high, low = [0.98 + part for part in wave], [0.80 + part for part in wave]
    won = _verdict(run, relu=low, silu=high)
    assert headline(run.config, won) == "Deploy silu at w4a4"
    assert outcome(won["schemes"]["w4a4"]) == "winner: silu"
    none = _verdict(run, relu=low, silu=low)
    assert headline(run.config, none) == (
        "No activation is deployable at w4a4; the best, relu, passes too seldom: 0 of its 15 networks lose at most "
        "the allowed 2.0 points"
    )
    few = _verdict(run, relu=high[:13], silu=low[:13])
    assert headline(run.config.with_options(seeds=13), few) == (
        "13 seeds cannot show what is deployable at w4a4: that takes 14 seeds or more"
    )
    won["schemes"]["w4a4"]["sure"] = False
    assert headline(run.config, won) == ("Deployable at w4a4: silu; that silu leads is open")
    tied = _verdict(run, relu=high, silu=high)
    assert headline(run.config, tied) == "Deployable at w4a4: relu and silu; 2 activations tied for best, so no winner"
    nothing = _verdict(run, relu=[np.nan] * 15, silu=[np.nan] * 15)
    assert headline(run.config, nothing) == "Which activation can be deployed at w4a4? Nothing was measured"
    alone = make_run(activations=("relu",), seeds=1)
    assert "One seed" in headline(alone.config, alone.verdict())
    assert outcome(alone.verdict()["schemes"]["w4a4"]) == "one seed: shown, not judged"


def test_ink_is_readable_on_every_colour_of_both_scales() -> None:
    for scale in (DIVERGING, colormaps[SEQUENTIAL]):
        assert min(contrast(colour, ink_on(colour)) for colour in scale(np.linspace(0, 1, 64))) > 4.5
    assert contrast(ISLAND, SEA) > 4.0


def test_names_and_sentences_are_made_to_fit() -> None:
    long = "hardgelu_uncapped@1000000"
    assert max(text_width(line) for line in wrap(long, 1.2).split("\n")) <= 1.2
    assert wrap(long, 1.2).replace("\n", "") == long
    assert text_width(shortened(long, 1.0)) <= 1.0
    sentence = "quantization folds the plane " * 20
    lines = wrap(sentence.strip(), 5.0).split("\n")
    assert " ".join(lines) == sentence.strip()
    assert all(text_width(line) <= 5.0 for line in lines)


def test_the_same_run_gives_the_same_file(make_run: Callable[..., Any]) -> None:
    run = make_run(activations=("relu", "silu"), grid=8, seeds=2)
    assert png(FIGURES["maps"](run)) == png(FIGURES["maps"](run))


def test_bars_and_levels_are_what_matplotlib_draws() -> None:
    found = Histogram(-1.0, 0.25, np.array([0.3, 0.0, 0.00001, 0.4, 0.2, 0.09999]))
    grid = np.array([-1.1, -0.4, 0.3])
    pixels = []
    for slow in (False, True):
        figure = Figure(figsize=(4, 2), dpi=100)
        canvas, ax = FigureCanvasAgg(figure), figure.add_subplot()
        draw_bars(ax, found, grid)
        if slow:
            for artist in (*ax.patches, *ax.collections):
                artist.remove()
            limits = ax.axis()
            ax.stairs(100.0 * found.shares, found.edges, baseline=LOWEST / 10, fill=True, color=BARS)
            ax.vlines(grid, 0.0, 1.0, transform=ax.get_xaxis_transform(), color=LEVELS, linewidth=0.8)
            ax.axis(limits)
        canvas.draw()
        pixels.append(np.asarray(canvas.buffer_rgba()).copy())
    assert len(ax.patches) == len(ax.collections) == 1
    assert np.array_equal(*pixels)


def test_a_png_holds_the_picture_and_the_words(make_run: Callable[..., Any]) -> None:
    figure = FIGURES["maps"](make_run(grid=8, seeds=1, activations=("relu",)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    with Image.open(io.BytesIO(png(figure))) as image:
        assert image.mode == "P"
        drawn, shown = np.asarray(canvas.buffer_rgba()), np.asarray(image.convert("RGB")).astype(int)
        assert (drawn[:, :, 3] == 255).all()  # nothing is lost with the fourth channel
        away = shown - drawn[:, :, :3]
        assert np.sqrt((away**2).mean()) < 1.5
        for colour in rgb([ISLAND, SEA, BECAME_ISLAND, BECAME_SEA, FLOAT_LINE, QUANTIZED_LINE]):
            of_it = (drawn[:, :, :3] == colour).all(axis=2)
            assert of_it.sum() > 500
            assert not away[of_it].any(), colour
        assert image.info["Description"] == figure.get_label()
        assert image.info["dpi"] == pytest.approx((figure.dpi, figure.dpi), rel=1e-3)
