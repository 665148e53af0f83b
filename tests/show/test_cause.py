"""The cause figure says what the rows say: known differences in, known words and colours out."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from quantstudy.config.study import StudyConfig
from quantstudy.show.canvas.page import png
from quantstudy.show.canvas.style import BEST, LEVELS, MUTED, SEED_DOT, WIDTH
from quantstudy.show.figures.cause.draw import cause
from quantstudy.words.cause import finding

BASES = ("relu", "silu", "gelu", "hardswish")


Comparison = tuple[str, str, str, str]


def comparisons(activations: tuple[str, ...]) -> list[Comparison]:
    """(question, of, variant, against) of every row, in the judge's order."""
    rows = []
    for base in (name for name in BASES if name in activations):
        rows += [
            ("gap", base, "hardgelu", base),
            ("bound", base, f"{base}@3", base),
            ("bound_at_inference", base, f"{base} capped at 3 at inference", base),
            ("calibration", base, f"{base} with MSE ranges", base),
            ("gap_calibrated", base, "hardgelu with MSE ranges", f"{base} with MSE ranges"),
            ("shape", base, "hardgelu", f"{base}@3"),
        ]
    rows.append(("bound", "hardgelu", "hardgelu", "hardgelu_uncapped"))
    rows.append(("bound_at_inference", "hardgelu", "hardgelu_uncapped capped at inference", "hardgelu_uncapped"))
    rows.append(("calibration", "hardgelu", "hardgelu with MSE ranges", "hardgelu"))
    return rows


def entry(row: Comparison, mean: float, half: float, *, one_seed: bool = False) -> dict[str, Any]:
    question, of, variant, against = row
    known = not np.isnan(mean)
    interval = {"low": mean - half, "high": mean + half} if known and not one_seed else {"low": None, "high": None}
    return {
        **{"question": question, "of": of, "variant": variant, "against": against, "mean": mean if known else None},
        **interval,
        "p_holm": 0.01 if known and not one_seed else None,
        "differs": bool(known and not one_seed and abs(mean) > 1.4 * half),
        "stability": None if one_seed else 1.0,
        "sentence": f"{variant} against {against}.",
    }


def build(missing: float = 0.0, quick: bool = False, **settings: Any) -> SimpleNamespace:
    """A run with a cause section at the three static schemes of the first width; none where hardgelu is not run."""
    config = StudyConfig(**{"bits": (4,), "seeds": 16} | settings)
    random, bits, verdict = np.random.default_rng(5), config.focus_bits, {}
    if "hardgelu" in config.activations and not quick:
        rows = comparisons(config.activations)
        for scheme in (f"w{bits}", f"a{bits}", f"w{bits}a{bits}"):
            means = 0.03 + 0.04 * random.standard_normal(len(rows))
            for at in (place for place, row in enumerate(rows) if row[0] == "shape"):
                means[at] = means[at - 5] - means[at - 4]  # as in every record: gap = bound + shape
            means[random.random(len(rows)) < missing] = np.nan
            halves = 0.005 + 0.03 * random.random(len(rows))
            cells = zip(rows, means.tolist(), halves.tolist(), strict=True)
            verdict[scheme] = [entry(row, mean, half, one_seed=config.seeds == 1) for row, mean, half in cells]
    return SimpleNamespace(
        config=config,
        verdict=lambda: {"not_learned": {}, "test": "permutation"} | ({"cause": verdict} if verdict else {}),
    )


SEVEN = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")
STUDIES: dict[str, dict[str, Any]] = {
    "default": {},
    "one seed": {"seeds": 1, "activations": ("relu", "hardgelu", "silu")},
    "hardgelu alone": {"activations": ("hardgelu",), "bits": (8,)},
    "one base": {"activations": ("hardgelu", "gelu"), "seeds": 2},
    "twenty activations": {
        "activations": (*SEVEN, *(f"{name}@{cap}" for name in ("relu", "silu", "gelu") for cap in (2, 3, 6, 9.5)))
    },
    "three widths": {"bits": (16, 2, 3)},
    "undefined values": {"missing": 0.4},
    "nothing defined": {"missing": 1.1},
    "without hardgelu": {"activations": ("relu", "silu")},
    "quick": {"quick": True},
}


@pytest.mark.parametrize("study", STUDIES)
def test_no_text_is_cut_off_or_on_other_text(looks: Callable[[Figure], list[str]], study: str) -> None:
    figure = cause(build(**STUDIES[study]))
    figure.set_dpi(72)
    assert looks(figure) == []
    assert figure.get_figwidth() == WIDTH
    assert len(str(figure.get_label())) > 40


def known(means: dict[str, float], *, differs: set[str] = frozenset(), base: str = "relu") -> list[dict[str, Any]]:
    """The rows of one activation by the means of its questions."""
    rows = [row for row in comparisons((base, "hardgelu")) if row[1] == base and row[0] in means]
    return [entry(row, means[row[0]], 0.01) | {"differs": row[0] in differs} for row in rows]


def run_of(sections: dict[str, list[dict[str, Any]]], **settings: Any) -> SimpleNamespace:
    return SimpleNamespace(
        config=StudyConfig(**settings), verdict=lambda: {"cause": sections, "not_learned": {}, "test": "permutation"}
    )


def texts(figure: Figure) -> list[str]:
    return [" ".join(text.get_text().split()) for text in figure.findobj(Text) if text.get_text()]


RELU = {"gap": 0.05, "bound": 0.03, "shape": 0.02, "gap_calibrated": 0.04}
SILU = {"gap": 0.02, "bound": 0.03, "shape": -0.01, "gap_calibrated": 0.001}
HEADLINES: dict[str, tuple[dict[str, list[dict[str, Any]]], str]] = {
    "one base, MSE ranges change nothing": (
        {"relu": known(RELU, differs={"gap", "gap_calibrated"})},
        "hardgelu beats relu at w4a4; of its lead over relu, 5.0 points, the bound makes 3.0 and the shape 2.0; with "
        "MSE ranges for both it still beats relu",
    ),
    "the mean is over all, also those that it does not beat": (
        {"relu": known(RELU, differs={"gap"}), "silu": known(SILU, base="silu")},
        "hardgelu beats relu at w4a4; of its mean lead over all 2, 3.5 points, the bound makes 3.0 and the shape 0.5; "
        "with MSE ranges for both it beats none",
    ),
    "beats both with MSE ranges too": (
        {
            "relu": known(RELU, differs={"gap", "gap_calibrated"}),
            "silu": known(SILU, differs={"gap", "gap_calibrated"}, base="silu"),
        },
        "hardgelu beats relu and silu at w4a4; of its mean lead over all 2, 3.5 points, the bound makes 3.0 and the "
        "shape 0.5; with MSE ranges for both it still beats them",
    ),
    "behind one": (
        {"relu": known({"gap": 0.05}, differs={"gap"}), "silu": known({"gap": -0.05}, differs={"gap"}, base="silu")},
        "hardgelu beats relu at w4a4 and is behind silu",
    ),
    "beats none": (
        {"relu": known(RELU), "silu": known(SILU, base="silu")},
        "No advantage to explain at w4a4: hardgelu beats none of relu and silu",
    ),
    "behind the only one": (
        {"relu": known({"gap": -0.05}, differs={"gap"})},
        "No advantage to explain at w4a4: hardgelu does not beat relu and is behind relu",
    ),
    "parts of other seeds are no sum": (
        {"relu": known(RELU | {"shape": 0.03}, differs={"gap"}), "silu": known(SILU, base="silu")},
        "hardgelu beats relu at w4a4; of its lead over silu, 2.0 points, the bound makes 3.0 and the shape −1.0; with "
        "MSE ranges for both it beats none",
    ),
    "no mean lead": (
        {
            "relu": known({"gap": 0.01, "bound": 0.01, "shape": 0.0}, differs={"gap"}),
            "silu": known({"gap": -0.05, "bound": 0.01, "shape": -0.06}, base="silu"),
        },
        "hardgelu beats relu at w4a4",
    ),
    "alone": (
        {"hardgelu": [entry(("bound", "hardgelu", "hardgelu", "hardgelu_uncapped"), 0.02, 0.001)]},
        "hardgelu at w4a4: its bound makes +2.0 points",
    ),
    "nothing": (
        {"relu": known(dict.fromkeys(RELU, np.nan))},
        "What makes hardgelu better or worse at w4a4? Nothing was measured",
    ),
}


@pytest.mark.parametrize("case", HEADLINES)
def test_the_headline_says_what_the_rows_say(case: str) -> None:
    groups, said = HEADLINES[case]
    assert finding("w4a4", groups, 16) == said
    assert finding("w4a4", groups, 1) == "One seed cannot say what makes hardgelu better or worse at w4a4"


def test_marks_numbers_and_colours_are_those_of_the_rows() -> None:
    means = {"gap": 0.05, "bound": -0.06, "calibration": 0.02, "shape": 0.11}
    both = known(means, differs={"gap", "bound"})
    weights = [row | {"mean": 0.01, "low": 0.0, "high": 0.02, "differs": False} for row in both]
    figure = cause(run_of({"w4": weights, "w4a4": both}))
    plots = [ax for ax in figure.axes if ax.axison]
    assert len(plots) == 2
    assert plots[0].get_xlim() == plots[1].get_xlim()
    dots = [[(line.get_xdata()[0], line.get_color()) for line in ax.lines if line.get_marker() == "o"] for ax in plots]
    assert [x for x, _ in dots[0]] == pytest.approx([5.0, -6.0, 11.0, 2.0])  # gap, bound and shape stand together
    assert [colour for _, colour in dots[0]] == [BEST, LEVELS, SEED_DOT, SEED_DOT]
    assert dots[1] == [(1.0, SEED_DOT)] * 4
    ends = [tuple(line.get_xdata()) for line in plots[0].lines if line.get_linewidth() == 2.2]
    assert ends == [pytest.approx(pair) for pair in ((4.0, 6.0), (-7.0, -5.0), (10.0, 12.0), (1.0, 3.0))]
    numbers = {text.get_text(): text.get_color() for text in figure.texts if "[" in text.get_text()}
    told = {"+5.0 [4.0, 6.0]": BEST, "−6.0 [−7.0, −5.0]": LEVELS}
    assert numbers == told | {"+11.0 [10.0, 12.0]": MUTED, "+2.0 [1.0, 3.0]": MUTED}
    assert "gap 5.0 = bound −6.0 + shape 11.0" in texts(figure)
    assert "hardgelu − relu@3" in texts(figure)


def test_rows_of_one_question_stand_in_one_line_in_every_plot() -> None:
    both = known(RELU, differs={"gap"})
    figure = cause(run_of({"w4a4": both, "a4": list(reversed(both))}))
    heights = [
        {line.get_xdata()[0]: line.get_ydata()[0] for line in ax.lines if line.get_marker() == "o"}
        for ax in figure.axes
        if ax.axison
    ]
    assert heights[0] == heights[1]
    assert len(heights[0]) == len(RELU)


def test_only_the_first_width_is_drawn() -> None:
    said = texts(cause(build(bits=(16, 2))))
    assert {"w16a16", "w16", "a16"} <= set(said)
    assert not {"w2a2", "w2", "a2", "w8a8"} & set(said)


def test_unknown_values_are_said_and_one_seed_has_no_intervals() -> None:
    figure = cause(run_of({"w4a4": known(RELU | {"bound": np.nan}, differs={"gap"})}))
    assert texts(figure).count("n/a") == 2  # in the plot and as a number
    assert not [said for said in texts(figure) if said.startswith("gap ")]
    run = build(seeds=1)
    said = texts(cause(run))
    first = run.verdict()["cause"]["w4a4"][0]
    assert f"{100 * first['mean']:+.1f}".replace("-", "−") in said
    assert not [text for text in said if "[" in text or text == "the first is better" or "Holm" in text]
    assert any("no intervals" in text for text in said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"activations": ("relu", "silu")}, "hardgelu is not in this study"),
        ({"quick": True}, "The interventions were not measured"),
    ],
)
def test_a_study_without_the_comparison_says_so_in_one_line(settings: dict[str, Any], said: str) -> None:
    figure = cause(build(**settings))
    assert said in texts(figure)[0]
    assert len(figure.texts) == 2
    assert figure.axes == []


def test_the_callers_matplotlib_settings_do_not_matter() -> None:
    run = build(activations=("relu", "hardgelu"))
    plain = png(cause(run))
    with matplotlib.rc_context({"font.family": "monospace", "font.size": 31.0, "axes.facecolor": "red"}):
        assert png(cause(run)) == plain
