"""The bit-cliff figure: curves and smallest widths as in verdict.json, nothing cut off."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from quantstudy.config.study import StudyConfig
from quantstudy.show.canvas.style import DEPLOYABLE, WIDTH
from quantstudy.show.figures.cliff.data import cliffs
from quantstudy.show.figures.cliff.draw import bit_cliff
from quantstudy.show.figures.cliff.panel import look_of, places_of, top_of

LONG = ("relu@1000000", "hardgelu_uncapped@1000000", "hardgelu_uncapped@123.456")
TWENTY = tuple(f"{name}@{cap}" for name in ("relu", "silu", "gelu", "prelu", "hardswish") for cap in (1, 2, 3, 4))
BITS = (2, 3, 4, 5, 6, 7, 8, 16)
STUDIES: dict[str, dict[str, Any]] = {
    "default": {},
    "one seed": {"seeds": 1},
    "one activation, two layers": {"activations": ("gelu",), "hidden": (4,), "bits": (12,)},
    "twenty activations": {"activations": TWENTY},
    "eight hidden layers, long names": {"activations": LONG, "hidden": (2,) * 8},
    "three widths": {"bits": (16, 2, 4), "activations": ("silu", "gelu")},
    "undefined values": {"missing": 0.4},
    "nothing defined": {"missing": 1.0},
}


def entry(rates: list[float | None], seeds: int = 16) -> dict[str, Any]:
    """Return one activation's entry from its mean flip rates at `BITS`."""
    curve = [
        {"bits": bits, "mean": rate}
        | {end: None if rate is None or seeds == 1 else rate * by for end, by in (("low", 0.7), ("high", 1.4))}
        for bits, rate in zip(BITS, rates, strict=True)
    ]

    def smallest(limit: float) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for key, end in (("bits", "mean"), ("low", "low"), ("high", "high")):
            held: int | None = None
            for point in reversed(curve):
                if point[end] is None or point[end] > limit:
                    break
                held = point["bits"]
            found[key] = held
        return found

    deployable = {"bits": None if seeds == 1 else smallest(0.02)["high"], "low": None, "high": None}
    return {"curve": curve, "smallest": {"0.01": smallest(0.01), "0.05": smallest(0.05)}, "deployable": deployable}


def section(config: StudyConfig, missing: float = 0.0) -> dict[str, Any]:
    """Return a plausible section: falling curves, zero at 16 bits, some values null, one activation never below 1 %."""
    random = np.random.default_rng(5)
    found: dict[str, Any] = {}
    for part, worst in (("weights", 0.6), ("activations", 0.8), ("both", 1.2)):
        found[part] = {}
        for row, name in enumerate(config.activations):
            rates: list[float | None] = [
                float(min(0.5, worst * (1 + 0.4 * row % 3) * random.uniform(0.4, 1.0) * 2.0 ** -(1.1 * bits - 2)))
                for bits in BITS
            ]
            rates[-1] = 0.0 if row % 2 == 0 else rates[-1]
            rates = [0.03 if row == 5 and rate < 0.03 else rate for rate in rates]
            rates = [None if random.random() < missing else rate for rate in rates]
            found[part][name] = entry(rates, config.seeds)
    return found


def make(missing: float = 0.0, made: dict[str, Any] | None = None, **settings: Any) -> Any:
    config = StudyConfig(**settings)
    found = section(config, missing) if made is None else made
    return SimpleNamespace(config=config, verdict=lambda: {"bit_cliff": found, "not_learned": {}})


def study(both: dict[str, list[float | None]], seeds: int = 16, **settings: Any) -> Any:
    """Return a run whose three parts all have these curves."""
    made = {
        part: {name: entry(rates, seeds) for name, rates in both.items()} for part in ("weights", "activations", "both")
    }
    return make(made=made, activations=tuple(both), seeds=seeds, **settings)


def top(run: Any) -> float:
    return top_of([cliff.curve for cliff in cliffs(run.config, run.verdict()["bit_cliff"])])


def panels(figure: Figure) -> list[Any]:
    return [ax for ax in figure.axes if ax.axison]


def curves(ax: Any, count: int) -> list[Any]:
    """Return the lines of the activations: those that have a marker."""
    lines = [line for line in ax.lines if line.get_marker() not in ("None", "")]
    assert len(lines) == count
    return lines


def bands(ax: Any) -> list[Any]:
    return [found for found in ax.collections if isinstance(found, PolyCollection)]


@pytest.mark.parametrize("name", STUDIES)
def test_no_text_is_cut_off_or_on_other_text(looks: Callable[[Figure], list[str]], name: str) -> None:
    figure = bit_cliff(make(**STUDIES[name]))
    figure.set_dpi(72)
    assert looks(figure) == []
    assert figure.get_figwidth() == WIDTH
    assert len(str(figure.get_label())) > 40


def test_a_section_without_anything_is_drawn(words: Callable[[Figure], list[str]]) -> None:
    figure = bit_cliff(make(made={}, activations=("relu", "silu")))
    assert figure.texts[0].get_text() == "From how many bits on is it safe? No value was recorded"
    assert words(figure).count("n/a") == 3 * (1 + 2 * 3)  # a panel and its table, two rows of three columns


def test_lines_and_bands_are_the_curves_and_null_is_a_gap() -> None:
    rates = [0.4, 0.3, None, 0.1, 0.05, 0.02, 0.01, 0.0]
    (line,) = curves(panels(bit_cliff(study({"relu": rates})))[2], 1)
    expected = [np.nan if rate is None else rate for rate in rates]
    np.testing.assert_allclose(np.array(line.get_ydata(), dtype=float), expected)
    np.testing.assert_allclose(line.get_xdata(), [0, 1, 2, 3, 4, 5, 6, 7.6])
    (band,) = bands(panels(bit_cliff(study({"relu": rates})))[2])
    corners = np.concatenate([path.vertices for path in band.get_paths()])
    assert corners[:, 1].max() == pytest.approx(1.4 * 0.4)
    at_seven = corners[corners[:, 0] == 5.0][:, 1]
    assert at_seven.min() == pytest.approx(0.7 * 0.02)
    assert at_seven.max() == pytest.approx(1.4 * 0.02)


def test_zero_has_a_place_and_the_limits_have_lines() -> None:
    for ax in panels(bit_cliff(make())):
        low, high = ax.get_ylim()
        assert low < 0.0
        assert high > 0.5
        at = ax.transData.transform([(0.0, rate) for rate in (0.0, 1e-5, 0.001, 0.01, 0.1)])[:, 1]
        assert (np.diff(at) > 0.0).all()
        assert at[4] - at[3] == pytest.approx(at[3] - at[2])  # logarithmic from 0.1 % on
        level = [
            line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 2
        ]
        assert sorted(level)[-2:] == [0.01, 0.05]


def test_one_seed_has_no_bands_and_no_intervals(words: Callable[[Figure], list[str]]) -> None:
    figure = bit_cliff(make(seeds=1))
    assert "One seed was run: no bands, no intervals." in " ".join(figure.texts[1].get_text().split())
    assert not [text for text in words(figure) if text.startswith("[")]
    assert not [path for ax in panels(figure) for band in bands(ax) for path in band.get_paths()]
    assert [path for ax in panels(bit_cliff(make())) for band in bands(ax) for path in band.get_paths()]
    assert words(figure).count("n/a") == 3 * 7  # deployable: one seed judges nothing


def test_the_table_says_bits_interval_and_what_the_first_width_is_enough_for(
    words: Callable[[Figure], list[str]],
) -> None:
    relu: list[float | None] = [0.5, 0.045, 0.02, 0.012, 0.009, 0.004, 0.001, 0.0]
    silu: list[float | None] = [0.5, 0.4, 0.3, 0.2, 0.1, 0.09, 0.08, 0.07]
    figure = bit_cliff(study({"relu": relu, "silu": silu}, bits=(4, 2)))
    found = words(figure)
    assert found.count("[3, 4]") == found.count("[5, 7]") == 3  # relu: ≤ 5 % and ≤ 1 %
    assert found.count("[16, >16]") == 3  # silu, ≤ 5 %: its lower end is 4.9 %
    assert found.count(">16") == 9
    green = [text.get_text() for text in figure.texts if to_hex(text.get_color()) == to_hex(DEPLOYABLE)]
    assert green == ["3"] * 3  # ≤ 5 % at 4 bits; ≤ 1 % and deployable need 5 … 6
    numbers = [text.get_text() for text in figure.texts]
    assert numbers.count("5") == numbers.count("6") == 3  # they stand there in black


def test_widths_that_were_left_out_are_said_and_marked() -> None:
    figure = bit_cliff(make())
    assert "Not measured: 9–15 bits." in " ".join(figure.texts[2].get_text().split())
    run = make()
    for entries in run.verdict()["bit_cliff"].values():
        for part in entries.values():
            part["curve"].pop()
    figure = bit_cliff(run)
    assert "Not measured" not in figure.texts[2].get_text()
    np.testing.assert_allclose(places_of(np.array([2, 4, 5, 16])), [0.0, 1.6, 2.6, 4.2])


def test_every_line_looks_different_and_the_table_shows_the_same_looks() -> None:
    looks = [(look["color"], look["marker"], look["linestyle"]) for look in map(look_of, range(60))]
    assert len(set(looks)) == 60
    figure = bit_cliff(make())
    shown = [(line.get_color(), line.get_marker()) for line in curves(panels(figure)[0], 7)]
    legend = [line for ax in figure.axes if not ax.axison for line in ax.lines]
    assert [(line.get_color(), line.get_marker()) for line in legend] == shown
    assert len(set(shown)) == 7


def test_axes_reach_above_the_limits_and_the_largest_value() -> None:
    small = study({"relu": [1e-4] * 8})
    assert top(small) > 0.05
    large = study({"relu": [0.9, *[0.1] * 7]})
    assert top(large) > 1.4 * 0.9


def test_undefined_values_are_counted() -> None:
    run = study({"relu": [0.3, None, 0.1, None, 0.05, 0.02, 0.01, 0.0]})
    assert " ".join(bit_cliff(run).texts[2].get_text().split()).endswith("6 values undefined: no point there.")
