"""Every figure is drawn for every kind of study, without warnings, cut-off text or text on text."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from quantstudy.show.canvas.style import WIDTH
from quantstudy.show.figures.catalogue import FIGURES
from quantstudy.show.names import FIGURE_NAMES, figure_names

LONG = ("relu@1000000", "hardgelu_uncapped@123.456", "silu")
TWELVE = (
    *("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped"),
    *("relu@3", "relu@1000000", "hardgelu_uncapped@1000000", "gelu@2"),
)
STUDIES: dict[str, dict[str, Any]] = {
    "default": {"grid": 16, "quick": False},
    "one seed": {"quick": False, "seeds": 1, "grid": 12, "activations": ("relu", "hardgelu", "silu")},
    "one activation": {"activations": ("gelu",), "hidden": (4,), "bits": (8,)},
    "long names, odd grid, torchao apart": {"activations": LONG, "grid": 33, "torchao_shift": 0.05, "seeds": 2},
    "twelve activations": {"activations": TWELVE, "seeds": 1, "grid": 8, "bits": (8,)},
    "three widths": {"bits": (2, 16, 3), "activations": ("silu", "gelu"), "seeds": 2, "grid": 8},
    "eight layers, dead networks": {
        "hidden": (2,) * 8,
        "dead": ("relu", "silu"),
        "grid": 4,
        "activations": ("relu", "silu", "prelu"),
    },
    "undefined values": {
        "quick": False,
        "missing": 0.4,
        "seeds": 2,
        "grid": 8,
        "activations": ("silu", "gelu", "prelu"),
    },
    "nothing defined": {"missing": 1.1, "seeds": 2, "grid": 8, "activations": ("relu", "silu")},
}


def test_the_names_are_the_figures() -> None:
    assert tuple(FIGURES) == FIGURE_NAMES


SLOW = (
    "three widths",
    "twelve activations",
    "eight layers, dead networks",
    "long names, odd grid, torchao apart",
    "one activation",
)


@pytest.mark.parametrize(
    "study", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in STUDIES]
)
def test_no_text_is_cut_off_or_on_other_text(
    make_run: Callable[..., Any], looks: Callable[[Figure], list[str]], study: str
) -> None:
    run = make_run(**STUDIES[study])
    for name in figure_names(run):  # those of what is asked beyond the schemes are tested further in files of their own
        figure = FIGURES[name](run)
        figure.set_dpi(72)
        assert looks(figure) == [], name
        assert figure.get_figwidth() == WIDTH
        assert len(str(figure.get_label())) > 40, name  # what stands in the file for whoever cannot see it


@pytest.mark.parametrize("name", FIGURE_NAMES)
def test_the_callers_matplotlib_settings_stay_and_do_not_matter(make_run: Callable[..., Any], name: str) -> None:
    from matplotlib import pyplot

    run = make_run(seeds=2, grid=8, activations=("relu", "silu"), bits=(8,), quick=False)
    plain = _pixels(FIGURES[name](run))
    with matplotlib.rc_context({"font.size": 31.0, "axes.facecolor": "red", "image.origin": "upper"}):
        before = dict(matplotlib.rcParams)
        other = FIGURES[name](run)
        assert dict(matplotlib.rcParams) == before
    assert np.array_equal(_pixels(other), plain)
    assert pyplot.get_fignums() == []


def test_dead_layers_and_missing_maps_are_said(
    make_run: Callable[..., Any], words: Callable[[Figure], list[str]]
) -> None:
    run = make_run(dead=("silu",), activations=("relu", "silu"), grid=8)
    assert any("is dead" in text for text in words(FIGURES["folds"](run)))
    run.arrays["silu/w4a4/logit"][:] = np.nan
    del run.arrays["relu/w4/logit"]
    run.arrays["relu/w4a8dyn/logit"][0, 0] = np.inf
    said = words(FIGURES["maps"](run))
    assert (said.count("n/a"), said.count("not finite")) == (1, 2)
    run.arrays["relu/float/logit"][:] = np.nan
    said = words(FIGURES["maps"](run))
    assert (said.count("n/a"), said.count("not finite")) == (0, 6)  # without float maps there is nothing to compare


def test_undefined_values_are_counted_in_the_caption(
    make_run: Callable[..., Any], words: Callable[[Figure], list[str]]
) -> None:
    run = make_run(missing=0.5, seeds=2, activations=("relu", "silu"))
    chosen = run.metrics()[
        lambda frame: (frame["scope"] == "network") & (frame["metric"].isin(["flip_rate", "heldout_accuracy_drop"]))
    ]
    lines = " ".join(" ".join(words(FIGURES["heatmap_decision"](run))).split())
    assert f"{int(chosen['value'].isna().sum())} values undefined" in lines
    assert "Undefined (dead layers) and left out: " in " ".join(" ".join(words(FIGURES["heatmap_folds"](run))).split())


def test_looks_finds_what_is_wrong(looks: Callable[[Figure], list[str]]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(4, 3))
    FigureCanvasAgg(figure)
    figure.add_axes((0.2, 0.2, 0.6, 0.6))
    figure.text(0.95, 0.05, "leaves the page")
    figure.text(0.1, 0.95, "one on")
    figure.text(0.12, 0.95, "the other")
    figure.text(0.4, 0.5, "on the axes")
    figure.text(0.1, 0.05, "tiny", size=4)
    found = " ".join(looks(figure))
    for complaint in (
        "cut off: 'leaves",
        "overlap: 'one on' and 'the other'",
        "over axes: 'on the",
        "smaller than 9 points",
    ):
        assert complaint in found


def _pixels(figure: Figure) -> np.ndarray:
    figure.set_dpi(40)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy()
