"""The placement figure says what the settings say: known settings in, known words and marks out."""

import itertools
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from quantstudy.config.study import StudyConfig
from quantstudy.judge.choices import outcome
from quantstudy.judge.placement import CHOICES
from quantstudy.show.canvas.page import png
from quantstudy.show.canvas.style import LEVELS as CODES
from quantstudy.show.canvas.style import SEQUENTIAL, WIDTH
from quantstudy.show.figures.placement.data import Table, table_of
from quantstudy.show.figures.placement.draw import BAR, placement
from quantstudy.words.numbers import real
from quantstudy.words.placement import finding

LEVELS = (("post", "pre", "both"), (False, True), ("minmax", "percentile", "mse"), ("tensor", "channel", "neuron"))
KEYS = ("placement", "coordinates", "observer", "granularity", "weight_observer")
SEVEN = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")
TWENTY = (
    *SEVEN,
    "hardgelu_uncapped",
    *(f"{name}@{cap}" for name in ("relu", "silu", "gelu") for cap in (2, 3, 6, 123.456)),
)


def triple(mean: float, half: float = 0.01, *, one_seed: bool = False) -> dict[str, float | None]:
    if np.isnan(mean):
        return {"mean": None, "low": None, "high": None}
    return {"mean": mean} | ({"low": None, "high": None} if one_seed else {"low": mean - half, "high": mean + half})


def setting(config: StudyConfig, key: tuple[Any, ...], accuracy: np.ndarray, tie: float = 0.01) -> dict[str, Any]:
    """One setting as the judge writes it: whatever is less than `tie` behind is tied."""
    one = config.seeds == 1
    measured = np.isfinite(accuracy).any()
    top = int(np.nanargmax(accuracy)) if measured else 0
    behind = accuracy[top] - accuracy
    names = config.activations
    tied = [name for name, gap in zip(names, behind, strict=True) if gap < (1.0 if one else tie)]
    deployable = [name for name, value in zip(names, accuracy, strict=True) if value > 0.97 and not one]
    best = names[top] if measured else None
    return {
        **dict(zip(KEYS, key, strict=True)),
        "default": key
        == (config.placement, bool(config.input_bits), config.observer, "channel", config.weight_observer),
        "best": best,
        "winner": best if len(tied) == 1 and best in deployable else None,
        "tied_with": tied,
        "deployable": deployable,
        "accuracy": {n: triple(v, one_seed=one) for n, v in zip(names, accuracy.tolist(), strict=True)},
        "behind": {n: triple(v, one_seed=one) for n, v in zip(names, behind.tolist(), strict=True)},
    }


def judged(config: StudyConfig, settings: list[dict[str, Any]]) -> dict[str, Any]:
    """A section as the judge writes it, of networks that are equal in all seeds."""
    means = [[real(one["accuracy"][name]["mean"]) for name in config.activations] for one in settings]
    values = np.repeat(np.array(means)[..., None], config.seeds, axis=2)
    return {"settings": settings, **outcome(values, config.activations, settings, CHOICES)}


def said_of(run: SimpleNamespace) -> str:
    return finding(run.config, run.verdict()["placement"]["w4a4"])


def plausible(config: StudyConfig, random: np.random.Generator, missing: float) -> list[dict[str, Any]]:
    """57 settings: the last activation leads, but the first one does where its input is quantized."""
    found, own = [], (config.placement, bool(config.input_bits), config.observer)
    unclipped = ((*own, granularity, "no_clipping") for granularity in LEVELS[3])
    for key in (*itertools.product(*LEVELS, ("symmetric",)), *unclipped):
        rank = np.arange(len(config.activations)) / max(1, len(config.activations) - 1)
        skill = 1.0 - rank if key[0] == "pre" else rank
        height = 0.86 - 0.3 * (key[0] == "both") - 0.05 * key[1] + 0.06 * LEVELS[3].index(key[3])
        accuracy = (
            height + 0.1 * skill + 0.012 * random.standard_normal(len(rank)) - 0.05 * random.random(len(rank)) ** 4
        )
        accuracy[random.random(len(rank)) < missing] = np.nan
        found.append(setting(config, key, accuracy))
    return found


def build(missing: float = 0.0, **settings: Any) -> SimpleNamespace:
    """A run with a placement section at every width asked for and 8."""
    config = StudyConfig(**{"bits": (4,), "seeds": 4} | settings)
    random = np.random.default_rng(3)
    section = {}
    for bits in dict.fromkeys((*config.bits, 8)):
        section[f"w{bits}a{bits}"] = judged(config, plausible(config, random, missing))
    return SimpleNamespace(config=config, verdict=lambda: {"placement": section, "not_learned": {}})


STUDIES: dict[str, dict[str, Any]] = {
    "default": {},
    "one seed": {"seeds": 1, "activations": ("relu", "hardgelu", "silu")},
    "one activation": {"activations": ("gelu",), "bits": (8,)},
    "two activations": {"activations": ("gelu", "relu")},
    "long names": {"activations": ("relu@1000000", "hardgelu_uncapped@123.456", "silu"), "seeds": 2},
    "eight activations": {"activations": (*SEVEN, "hardgelu_uncapped")},
    "twenty activations": {"activations": TWENTY},
    "thirty activations": {"activations": (*TWENTY, *(f"hardswish@{cap}" for cap in range(1, 11)))},
    "three widths": {"bits": (2, 16, 3), "activations": ("silu", "gelu")},
    "undefined values": {"missing": 0.4},
    "nothing defined": {"missing": 1.1},
}


LARGE = ("thirty activations",)


@pytest.mark.parametrize(
    "study", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in STUDIES]
)
def test_no_text_is_cut_off_or_on_other_text(looks: Callable[[Figure], list[str]], study: str) -> None:
    figure = placement(build(**STUDIES[study]))
    figure.set_dpi(72)
    assert looks(figure) == []
    assert figure.get_figwidth() == WIDTH
    assert len(str(figure.get_label())) > 40


def run_of(accuracy: Callable[..., list[float]], **settings: Any) -> SimpleNamespace:
    """A run of relu, silu and gelu at w4a4 whose accuracies are a function of the four choices."""
    config = StudyConfig(**{"activations": ("relu", "silu", "gelu"), "seeds": 8} | settings)
    made = [setting(config, (*key, "symmetric"), np.array(accuracy(*key))) for key in itertools.product(*LEVELS)]
    verdict = {"placement": {"w4a4": judged(config, made)}, "not_learned": {}}
    return SimpleNamespace(config=config, verdict=lambda: verdict)


def table(run: SimpleNamespace) -> Table:
    return table_of("w4a4", run.verdict()["placement"]["w4a4"], run.config)


def texts(figure: Figure) -> list[str]:
    return [" ".join(text.get_text().split()) for text in figure.findobj(Text) if text.get_text()]


def boxes(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.findobj(Rectangle) if patch.axes is not None and patch is not patch.axes.patch]


def before_is_silu(placed: str, *_: Any) -> list[float]:
    return [0.5, 0.9, 0.6] if placed == "pre" else [0.9, 0.5, 0.8]


def neuron_is_gelu(*key: Any) -> list[float]:
    return [0.8, 0.5, 0.9] if key[3] == "neuron" else [0.9, 0.5, 0.8]


def coordinates_tie(_: str, coordinates: bool, *__: Any) -> list[float]:
    return [0.9, 0.895, 0.5] if coordinates else [0.9, 0.5, 0.5]


def silu_is_always_near(placed: str, *_: Any) -> list[float]:
    return [0.5, 0.9, 0.5] if placed == "pre" else [0.9, 0.895, 0.5]


START = "Over 54 ways to quantize at w4a4"
HEADLINES: dict[str, tuple[Callable[..., list[float]], str]] = {
    "placement": (
        before_is_silu,
        f"{START} relu loses least, 13.3 points (95 % CI 13.3 to 13.3) against the best of each; quantizing before the "
        "activation silu loses less, 0.0 points against 40.0",
    ),
    "granularity": (
        neuron_is_gelu,
        f"{START} relu loses least, 3.3 points (95 % CI 3.3 to 3.3) against the best of each; taking one activation "
        "range per neuron gelu loses less, 0.0 points against 10.0",
    ),
    "nothing": (
        lambda *_: [0.9, 0.5, 0.8],
        f"{START} relu loses least, 0.0 points (95 % CI 0.0 to 0.0) against the best of each",
    ),
    "a near one changes no answer": (
        coordinates_tie,
        f"{START} relu loses least, 0.0 points (95 % CI 0.0 to 0.0) against the best of each",
    ),
    "who is always near loses least": (
        silu_is_always_near,
        f"{START} silu loses least, 0.3 points (95 % CI 0.3 to 0.3) against the best of each; quantizing after the "
        "activation relu loses less, 0.0 points against 0.5",
    ),
    "one cell only": (
        lambda *key: [0.5, 0.9, 0.5] if key == ("pre", True, "mse", "neuron") else [0.9, 0.5, 0.8],
        f"{START} relu loses least, 0.7 points (95 % CI 0.7 to 0.7) against the best of each",
    ),
    "all equal": (lambda *_: [0.9] * 3, f"{START} all 3 activations lose the same"),
    "undefined": (
        lambda *_: [np.nan] * 3,
        "Which loses least over 54 ways to quantize at w4a4? Every activation lacks a value in some of them",
    ),
}


@pytest.mark.parametrize("case", HEADLINES)
def test_the_headline_says_what_the_settings_say(case: str) -> None:
    accuracy, said = HEADLINES[case]
    assert said_of(run_of(accuracy)) == said


@pytest.mark.parametrize(("leader", "change"), [(0.61, 0.95), (0.95, 0.61), (0.9, 0.9), (0.895, 0.895)])
def test_only_what_most_halves_of_the_seeds_repeat_is_told_as_a_fact(leader: float, change: float) -> None:
    run = run_of(before_is_silu)
    section = run.verdict()["placement"]["w4a4"]
    section["leader"]["stability"], section["change"]["stability"] = leader, change
    said = said_of(run)
    assert ("relu loses least, 13.3" in said) == (leader >= 0.9)
    assert (said.startswith("Open: who loses least") and "61 % of random halves" in said) == (leader == 0.61)
    assert ("activation silu loses less, 0.0 points against 40.0" in said) == (leader >= 0.9 and change >= 0.9)
    turned = "open: whether quantizing before the activation silu does, 0.0 points against 40.0, in only 61 % of random"
    assert (turned in said) == (change == 0.61)
    assert said_of(run) == texts(placement(run))[0]


def test_one_seed_names_who_comes_first_and_no_interval() -> None:
    run = run_of(before_is_silu, seeds=1)
    assert run.verdict()["placement"]["w4a4"]["settings"][0]["tied_with"] == ["relu", "silu", "gelu"]
    start = "One seed cannot say who loses least over 54 ways to quantize at w4a4: there it is relu, 13.3 points"
    assert said_of(run) == f"{start} against the best of each"
    said = texts(placement(run))
    assert not {"tied with it", "bold: deployable", "95 % interval"} & set(said)
    assert "13.3" in said
    assert "95 % interval" in texts(placement(run_of(before_is_silu)))


def test_one_activation_has_nothing_to_be_compared_with() -> None:
    run = run_of(lambda *_: [0.9], activations=("gelu",))
    assert said_of(run) == "Only gelu was run at w4a4: there is nothing to compare it with"


@pytest.mark.parametrize("study", ["default", "two activations", "undefined values", "one seed"])
def test_no_count_of_ties_is_told(study: str) -> None:
    said = " ".join(texts(placement(build(**STUDIES[study]))))
    assert not re.search(r"best or tied|in \d+ of|\d+ of \d+ settings", said)


def test_losses_are_means_over_the_settings_with_a_choice() -> None:
    """Silu is the best where its input is quantized; gelu is near it there at MSE ranges."""
    figure = placement(
        run_of(lambda *key: [0.5, 0.9, 0.895 if key[2] == "mse" else 0.5] if key[0] == "pre" else [0.9, 0.5, 0.5])
    )
    (below,) = (text for text in figure.texts if text.get_text().startswith("Every setting"))
    height = below.get_position()[1]
    upper = [text for text in figure.texts if text.get_position()[1] > height]
    shown = [text for text in upper if text.get_text().replace(".", "").isdigit()]
    columns = [[text.get_text() for text in shown[start : start + 3]] for start in range(0, len(shown), 3)]
    everywhere = ["13.3", "26.7", "35.6"]
    assert columns == [
        everywhere,
        *(["0.0", "40.0", "40.0"], ["40.0", "0.0", "26.8"], ["0.0", "40.0", "40.0"]),  # after, before, both
        *(everywhere,) * 2,  # coordinates
        *(["13.3", "26.7", "40.0"], ["13.3", "26.7", "40.0"], ["13.3", "26.7", "26.8"]),  # ranges
        *(everywhere,) * 3,  # granularity
        everywhere,  # weight scales
    ]
    bold = [text.get_text() for text in shown if text.get_weight() == "bold"]
    assert bold == ["13.3", "0.0", "0.0", "0.0", *["13.3"] * 9]
    bars = [box for box in boxes(figure) if box.get_alpha() == 0.45][1:]  # without the legend's
    assert [box.get_width() / BAR for box in bars[:3]] == pytest.approx([7.2 / 19.23, 14.4 / 19.23, 1.0])
    after = [box.get_width() for box in bars[3:6]]
    assert after[0] == 0.0
    assert after[1] == after[2] == max(box.get_width() for box in bars[3:])


def test_intervals_are_those_of_the_verdict() -> None:
    run = run_of(before_is_silu)
    section = run.verdict()["placement"]["w4a4"]
    section["regret_low"]["relu"], section["regret_high"]["relu"] = 0.1, 0.5
    drawn = [line.get_xdata() for line in placement(run).findobj(Line2D) if line.get_linewidth() == 1.6]
    width = max(abs(end - start) for start, end in drawn if end - start < BAR)
    assert width == pytest.approx(BAR * 40 / 50)  # the longest bar or interval takes all


def test_cells_marks_and_the_frame() -> None:
    run = run_of(
        lambda *key: [0.95, 0.945, 0.55] if key == ("post", False, "minmax", "channel") else [0.95, 0.75, 0.85]
    )
    figure = placement(run)
    marks = [line for line in figure.findobj(Line2D) if line.get_marker() == "o"]
    full = [line for line in marks if line.get_markerfacecolor() != "none"]
    assert len(full) == 54 + 1
    assert len(marks) - len(full) == 1 + 1  # silu at the study's own setting; each has one in the legend
    numbers = [said for said in texts(figure) if said.replace(".", "").isdigit()]
    assert numbers.count("0.0") == 54 + 1 + 12  # relu loses nothing anywhere, and with none of the choices
    assert numbers.count("0.5") == 1
    assert numbers.count("20") == numbers.count("10") == 53
    assert numbers.count("40") == 1
    assert "≥ 20.0 points behind" in texts(figure)
    colours = [to_hex(box.get_facecolor()) for box in boxes(figure)]
    ends = [to_hex(colormaps[SEQUENTIAL](end)) for end in (0.0, 1.0)]
    assert colours.count(ends[0]) == 53 + 1  # beyond the scale too
    assert colours.count(ends[1]) == 54
    frames = [box for box in boxes(figure) if to_hex(box.get_edgecolor()) == to_hex(CODES)]
    assert len(frames) == 2  # the setting and the legend
    widest = max(frames, key=lambda box: box.get_width())
    ring = max(line.get_ydata()[0] for line in marks if line.get_markerfacecolor() == "none")  # below the legend's
    assert widest.get_y() < ring < widest.get_y() + widest.get_height()


def test_a_study_whose_setting_is_none_of_these_has_no_frame() -> None:
    run = run_of(before_is_silu)
    for one in run.verdict()["placement"]["w4a4"]["settings"]:
        one["default"] = False
    figure = placement(run)
    assert "this study's own setting" not in texts(figure)
    assert not [box for box in boxes(figure) if to_hex(box.get_edgecolor()) == to_hex(CODES)]


def test_the_order_of_the_settings_does_not_matter() -> None:
    run = build(activations=("relu", "silu"))
    plain = png(placement(run))
    run.verdict()["placement"]["w4a4"]["settings"].reverse()
    assert png(placement(run)) == plain


def test_deployable_numbers_are_bold() -> None:
    run = run_of(lambda *key: [0.98, 0.5, 0.975] if key[0] == "both" else [0.9, 0.5, 0.8])
    bold = [text.get_text() for text in placement(run).texts if text.get_weight() == "bold"]
    assert bold.count("0.0") == 18 + 1 + 12  # and who loses least in each column of the losses
    assert bold.count("0.5") == 18
    assert "bold: deployable" in bold


def test_missing_values_are_hatched_and_said() -> None:
    def accuracy(*key: Any) -> list[float]:
        return [np.nan] * 3 if key[3] == "neuron" else [0.9, np.nan, 0.8]

    run = run_of(accuracy)
    figure = placement(run)
    assert sum(box.get_hatch() is not None for box in boxes(figure)) == 18 * 3 + 36 + 1  # and the legend's
    assert "no value" in texts(figure)
    assert any("18 settings without any value. n/a: some of these" in said for said in texts(figure))
    assert "n/a" in texts(figure)
    assert not any("n/a" in said for said in texts(placement(run_of(before_is_silu))))
    assert "Every activation lacks a value in some of them" in said_of(run)


def test_only_the_first_width_is_drawn() -> None:
    assert "at w2a2" in texts(placement(build(bits=(2, 16, 3), activations=("silu", "gelu"))))[0]


@pytest.mark.parametrize("section", [{}, {"placement": {}}, {"placement": {"w4a4": {"settings": []}}}])
def test_a_run_without_other_settings_says_so_in_one_line(section: dict[str, Any]) -> None:
    figure = placement(SimpleNamespace(config=StudyConfig(), verdict=lambda: section))
    assert "No other setting was measured" in texts(figure)[0]
    assert len(figure.texts) == 2
    assert figure.axes == []


@pytest.mark.slow
def test_the_callers_matplotlib_settings_do_not_matter() -> None:
    run = build(activations=("relu", "silu"))
    plain = png(placement(run))
    with matplotlib.rc_context({"font.family": "monospace", "hatch.color": "red", "image.origin": "upper"}):
        assert png(placement(run)) == plain
