"""The sensitivity figure: shares and ranks as in verdict.json, the finding in words, nothing cut off."""

import doctest
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from quantstudy.config.study import StudyConfig
from quantstudy.judge.sensitivity import with_outcomes
from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.style import MISSING, WIDTH, luminance
from quantstudy.show.figures.sensitivity import data
from quantstudy.show.figures.sensitivity.draw import sensitivity
from quantstudy.words.sensitivity import finding

LONG = ("relu@1000000", "hardgelu_uncapped@1000000", "hardgelu_uncapped@123.456")
TWENTY = tuple(f"{name}@{cap}" for name in ("relu", "silu", "gelu", "prelu", "hardswish") for cap in (1, 2, 3, 4))
STUDIES: dict[str, dict[str, Any]] = {
    "default": {},
    "one seed": {"seeds": 1},
    "one activation, two layers": {"activations": ("gelu",), "hidden": (4,)},
    "twenty activations": {"activations": TWENTY},
    "eight hidden layers, long names": {"activations": LONG, "hidden": (2,) * 8},
    "three widths": {"bits": (16, 2, 4), "activations": ("silu", "gelu")},
    "undefined values": {"missing": 0.4},
    "nothing defined": {"missing": 1.0},
}


def three(mean: float | None, seeds: int = 16, width: float = 0.1) -> dict[str, float | None]:
    """Return a mean and its interval as verdict.json has them."""
    if mean is None or seeds == 1:
        return {"mean": mean, "low": None, "high": None}
    return {"mean": mean, "low": mean - width * abs(mean), "high": mean + width * abs(mean)}


def entry(shares: list[float | None], seeds: int = 16, width: float = 0.1) -> dict[str, Any]:
    """Return one activation's entry from its shares: total, layers, ranks."""
    order = sorted(range(len(shares)), key=lambda k: -np.inf if shares[k] is None else shares[k], reverse=True)
    total = sum(shares) if None not in shares else None
    known = [share or 0.0 for share in shares]
    layers = [
        {
            "layer": layer,
            "isolated": three(None if share is None else abs(1.2 * share), seeds, width),
            "all_but_one": three(None if share is None else max(sum(known) - share, 0.0), seeds, width),
            "accumulated": three(None if share is None else max(sum(known[: layer + 1]), 0.0), seeds, width),
            "shapley": three(share, seeds, width),
            "rank": order.index(layer) + 1,
        }
        for layer, share in enumerate(shares)
    ]
    return {"total": three(total, seeds, width), "layers": layers}


def section(config: StudyConfig, missing: float = 0.0) -> dict[str, Any]:
    """Return a plausible section: shares of either sign, some of them null."""
    random = np.random.default_rng(3)
    found: dict[str, Any] = {}
    for bits in dict.fromkeys((*config.bits, 8)):
        for index, scheme in enumerate((f"w{bits}", f"a{bits}", f"w{bits}a{bits}")):
            layers = len(config.hidden) + (scheme[0] != "a")
            found[scheme] = {}
            for name in config.activations:
                shares: list[float | None] = list(
                    0.1 * 2.0 ** (4 - bits) * (random.random(layers) ** 2 * (1 + index) - 0.12)
                )
                shares[0] += max(0.01 - sum(shares), 0.0)
                shares = [None if random.random() < missing else share for share in shares]
                found[scheme][name] = entry(shares, config.seeds)
    return found


def make(missing: float = 0.0, made: dict[str, Any] | None = None, **settings: Any) -> Any:
    config = StudyConfig(**settings)
    schemes = [str(scheme) for scheme in schemes_for(config.focus_bits)[:3]]
    found = with_outcomes(section(config, missing) if made is None else made, schemes)
    return SimpleNamespace(config=config, verdict=lambda: {"sensitivity": found, "not_learned": {}})


def study(shares: dict[str, dict[str, list[float | None]]], seeds: int = 16, width: float = 0.1) -> Any:
    """Return a run from its shares per scheme and activation."""
    made = {
        scheme: {name: entry(part, seeds, width) for name, part in entries.items()}
        for scheme, entries in shares.items()
    }
    names = tuple(next(iter(shares.values())))
    layers = max(len(part) for entries in shares.values() for part in entries.values())
    return make(made=made, activations=names, hidden=(4,) * (layers - 1), seeds=seeds)


def said(run: Any) -> str:
    return finding(run.config, run.verdict()["sensitivity"]).replace("\u00a0", " ")


def largest(run: Any) -> list[tuple[int | None, bool]]:
    entries = run.verdict()["sensitivity"]["w4a4"].values()
    return [(found["layer"], found["clearly"]) for found in (entry["largest_layer"] for entry in entries)]


def caption(run: Any) -> str:
    return " ".join(sensitivity(run).texts[2].get_text().split())


def test_examples() -> None:
    assert doctest.testmod(data).failed == 0


@pytest.mark.parametrize("name", STUDIES)
def test_no_text_is_cut_off_or_on_other_text(looks: Callable[[Figure], list[str]], name: str) -> None:
    figure = sensitivity(make(**STUDIES[name]))
    figure.set_dpi(72)
    assert looks(figure) == []
    assert figure.get_figwidth() == WIDTH
    assert len(str(figure.get_label())) > 40


def test_a_section_without_anything_is_drawn(words: Callable[[Figure], list[str]]) -> None:
    figure = sensitivity(make(made={}, activations=("relu", "silu")))
    assert figure.texts[0].get_text() == "Which layer does the damage at w4a4? No value was recorded"
    assert words(figure).count("n/a") == 2 * (3 + 4 * 4)  # totals, and four lines of four layers
    (ax,) = [ax for ax in figure.axes if ax.axison]
    assert [to_hex(box.get_facecolor()) for box in ax.patches] == [MISSING] * 6


def test_bars_are_the_shares_and_their_ends_add_up_to_the_total() -> None:
    shares: dict[str, dict[str, list[float | None]]] = {
        "w4": {"relu": [0.04, None, 0.02]},
        "a4": {"relu": [0.03, 0.01]},
        "w4a4": {"relu": [-0.02, -0.01, 0.1]},
    }
    run = study(shares)
    run.verdict()["sensitivity"]["w4"]["relu"]["total"] = three(0.05)
    (ax,) = [ax for ax in sensitivity(run).axes if ax.axison]
    bars = [(round(box.get_x(), 6), round(box.get_width(), 6)) for box in ax.patches if isinstance(box, Rectangle)]
    assert bars == [(0.0, 4.0), (4.0, 2.0), (0.0, 3.0), (3.0, 1.0), (0.0, -2.0), (-2.0, -1.0), (0.0, 10.0)]
    diamonds = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "D"]
    assert diamonds == pytest.approx([5.0, 4.0, 7.0])
    whiskers = [list(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert [w for w in whiskers if w[0] != w[1]] == [
        pytest.approx(ends) for ends in ([4.5, 5.5], [3.6, 4.4], [6.3, 7.7])
    ]
    low, high = ax.get_xlim()
    assert low < -3.0
    assert high > 10.0


def test_the_table_says_rank_share_interval_and_flip_rates(words: Callable[[Figure], list[str]]) -> None:
    shares: list[float | None] = [0.03, 0.05, -0.01]
    figure = sensitivity(study({scheme: {"relu": shares} for scheme in ("w4", "w4a4")}))
    found = words(figure)
    for text in ("#2  3.0", "#1  5.0", "#3  −1.0", "[2.7, 3.3]", "[4.5, 5.5]", "[−1.1, −0.9]", "3.6", "6.0", "1.2"):
        assert text in found, text
    bold = [text.get_text() for text in figure.texts if text.get_weight() == "bold"]
    assert bold[-3:] == ["#1  5.0", "6.0", "2.0"]  # the rank, isolated, all but it: layer 1 in all three views
    assert {"layer 0", "layer 1", "output"} <= set(found)


def test_intervals_are_left_out_for_one_seed(words: Callable[[Figure], list[str]]) -> None:
    figure = sensitivity(make(seeds=1))
    found = words(figure)
    assert not [text for text in found if text.startswith("[") or text == "95 %"]
    assert figure.texts[1].get_text().startswith("One seed was run: no intervals.")
    assert "[" in "".join(words(sensitivity(make(seeds=2))))


def test_intervals_that_do_not_fit_are_left_out_of_the_table(
    words: Callable[[Figure], list[str]], looks: Callable[[Figure], list[str]]
) -> None:
    rates: list[float | None] = [0.00012, *[-0.00001] * 8]  # four decimals
    run = study({scheme: {LONG[0]: rates, LONG[1]: rates} for scheme in ("w4", "a4", "w4a4")})
    figure = sensitivity(run)
    assert not [text for text in words(figure) if text.startswith("[") or text == "95 %"]
    assert "#1  0.0120" in words(figure)
    figure.set_dpi(72)
    assert looks(figure) == []


def test_the_legend_names_negative_shares_where_there_are_some(words: Callable[[Figure], list[str]]) -> None:
    note = "left of zero: undoes flips of others"
    assert note in words(sensitivity(study({"w4a4": {"relu": [0.1, -0.01]}})))
    assert note not in words(sensitivity(study({"w4a4": {"relu": [0.1, 0.01]}})))


def test_small_rates_get_the_decimals_they_need(words: Callable[[Figure], list[str]]) -> None:
    shares: list[float | None] = [0.00003, 0.00002]
    found = words(sensitivity(study({scheme: {"relu": shares} for scheme in ("w4", "a4", "w4a4")})))
    assert "#1  0.0030" in found
    assert "0.0050\u00a0%" in found


def test_layers_differ_in_lightness_and_the_first_width_is_drawn(words: Callable[[Figure], list[str]]) -> None:
    figure = sensitivity(make(bits=(3, 4), hidden=(2,) * 8))
    chips = [box.get_facecolor() for ax in figure.axes for box in ax.patches][:9]
    steps = np.diff([luminance(colour[:3]) for colour in chips])
    assert (steps < 0.0).all()
    assert {"w3", "a3", "w3a3"} <= set(words(figure))
    assert "w4" not in words(figure)


def test_undefined_values_are_counted() -> None:
    run = study({scheme: {"relu": [0.1, 0.2]} for scheme in ("w4", "a4", "w4a4")})
    assert "undefined" not in caption(run)
    run.verdict()["sensitivity"]["w4"]["relu"]["layers"][0]["isolated"] = three(None)
    run.verdict()["sensitivity"]["a4"]["relu"]["total"] = three(None)
    assert caption(run).endswith("2 values undefined (n/a) and left out.")


def test_the_worst_layer_is_alone_above_zero_and_clear_above_all_other_intervals() -> None:
    shares: dict[str, list[float | None]] = {
        "relu": [0.1, 0.3, 0.0],  # clear
        "silu": [0.28, 0.3, 0.0],  # intervals overlap
        "gelu": [0.1, 0.1, 0.1],  # all equal
        "prelu": [-0.1, -0.2, -0.3],
        "hardswish": [None, 0.2, None],
        "hardgelu": [None, None, None],
    }
    run = study({"w4a4": shares})
    assert largest(run) == [(1, True), (1, False), (None, False), (None, False), (1, True), (None, False)]
    run = study({"w4a4": shares}, seeds=1)
    assert largest(run) == [(1, False), (1, False), (None, False), (None, False), (1, False), (None, False)]


FIRST, SECOND, OUT, SAME, NONE = [0.3, 0.1, 0.0], [0.1, 0.3, 0.0], [0.0, 0.1, 0.3], [0.0, 0.0, 0.0], [None, None, None]


@pytest.mark.parametrize(
    ("both", "words_of_it"),
    [
        ([FIRST, FIRST, SECOND], "layer 0 causes the most flips in 2 of 3 activations (clearly in both)"),
        ([FIRST, FIRST, FIRST], "layer 0 causes the most flips in all 3 activations (clearly in all 3)"),
        ([OUT, OUT, SAME], "the output layer causes the most flips in 2 of 3 activations (clearly in both)"),
        ([OUT, OUT, NONE], "the output layer causes the most flips in 2 of 2 measured activations (clearly in both)"),
        ([FIRST, [0.3, 0.29, 0.0], OUT], "layer 0 causes the most flips in 2 of 3 activations (clearly in 1)"),
        ([FIRST, SECOND, SAME], "layer 0 and layer 1 each cause the most flips in 1 of 3 activations"),
        ([SAME, SAME, SAME], "no layer causes more flips than the others"),
    ],
)
def test_the_finding_names_the_layer(both: list[list[float | None]], words_of_it: str) -> None:
    run = study({"w4a4": dict(zip(("relu", "silu", "gelu"), both, strict=True))})
    assert said(run) == f"At w4a4 {words_of_it}"


@pytest.mark.parametrize(
    ("weights", "outputs", "words_of_it"),
    [
        ([0.1, 0.1, 0.3], [0.3, 0.11, 0.1], "a4 alone flips more than w4 alone in 2 of 3 (clearly in 1)"),
        ([0.3, 0.3, 0.3], [0.1, 0.1, 0.1], "w4 alone flips more than a4 alone in all 3 (clearly in all 3)"),
        ([0.1, 0.3, 0.2], [0.3, 0.1, 0.2], "a4 alone flips more than w4 alone in 1 of 3 and fewer in 1"),
        ([0.2, 0.2, 0.2], [0.2, 0.2, 0.2], "w4 and a4 alone flip equally many"),
        ([0.1, 0.1, None], [0.11, 0.11, 0.3], "a4 alone flips more than w4 alone in 2 of 2 (clearly in none)"),
    ],
)
def test_the_finding_compares_weights_and_activations(
    weights: list[float | None], outputs: list[float | None], words_of_it: str
) -> None:
    names = ("relu", "silu", "gelu")
    totals = {
        "w4": {name: [value, 0.0] for name, value in zip(names, weights, strict=True)},
        "a4": {name: [value, 0.0] for name, value in zip(names, outputs, strict=True)},
        "w4a4": {name: [None, None] for name in names},
    }
    assert said(study(totals)) == f"At w4a4 {words_of_it}"


def test_the_finding_of_one_activation_gives_numbers_and_of_one_seed_says_so() -> None:
    shares: dict[str, dict[str, list[float | None]]] = {
        "w4": {"gelu": [0.02, 0.01]},
        "a4": {"gelu": [0.05]},
        "w4a4": {"gelu": [0.07, 0.01]},
    }
    numbers = (
        "layer 0 causes the most flips of gelu: 7.0 of 8.0 points; a4 alone flips more than w4 alone: 5.0 % against"
    )
    assert said(study(shares)) == f"At w4a4 {numbers} 3.0 %"
    assert said(study(shares, seeds=1)) == f"One seed: at w4a4 {numbers} 3.0 %"
    several = {"w4a4": {"relu": FIRST, "silu": FIRST, "gelu": SECOND}}
    assert said(study(several, seeds=1)) == "One seed: at w4a4 layer 0 causes the most flips in 2 of 3 activations"
