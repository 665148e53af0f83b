"""The picture of a comparison: no text cut off or on other text, real differences marked, sameness said."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from quantstudy.config.study import StudyConfig
from quantstudy.judge.compare import Side, compare
from quantstudy.show.canvas.style import WIDTH, contrast
from quantstudy.show.figures.compare.draw import BETTER, UNSURE, WORSE, comparison

LONG = ("hardgelu_uncapped@1000000", "leaky_relu@0.000123457", "hardswish@1234.57")
TWELVE = (*StudyConfig().activations, "relu@3", "relu@2", "silu@3", "gelu@3", "silu@2")

RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "seven activations": ({"seeds": 16}, {"seeds": 16, "lr": 0.03}),
    "two activations, other bits": ({"activations": ("relu", "gelu")}, {"activations": ("gelu", "silu"), "bits": (6,)}),
    "one activation, other bits": ({"activations": ("gelu",), "seeds": 16}, {"seeds": 16, "bits": (16,)}),
    "one seed": ({"seeds": 1}, {"lr": 1.0}),
    "twelve": ({"activations": TWELVE}, {"activations": TWELVE, "hidden": (256,) * 8, "steps": 300, "batch": 77}),
    "long names, three widths": (
        {"activations": LONG, "bits": (2, 3, 16), "seeds": 2},
        {"activations": LONG, "bits": (16, 12, 10), "lr": 0.1234567, "frequency": 3.25},
    ),
    "undefined values": ({"missing": 0.4}, {"missing": 0.3}),
    "nothing defined": ({"missing": 1.1}, {}),
}


def shifted(run: Any, amounts: Callable[[int], float]) -> Any:
    """The same run, the values of every activation moved by an amount of its own and a little per seed."""
    table = run.metrics().copy()
    ranks = {name: rank for rank, name in enumerate(run.config.activations)}
    by = [amounts(ranks[name]) for name in table["activation"]]
    table["value"] += np.array(by) * (1 + 0.01 * table["seed"].to_numpy())
    return replace(run, tables=run.tables | {"metrics": table})


def side(run: Any) -> Side:
    masks = np.zeros((run.config.seeds, 4, 4), dtype=bool)
    return Side(run.config, run.manifest(), run.verdict(), run.summaries(), masks)


def compared(a: Any, b: Any, names: tuple[str, str] = ("default-8c3f66ef", "default-01234567")) -> dict[str, Any]:
    runs = {key: {"folder": f"results/{name}", "id": name} for key, name in zip("ab", names, strict=True)}
    return {"runs": runs, **compare(side(a), side(b))}


def markers(figure: Figure) -> list[tuple[str, str, str]]:
    """Colour, marker and face of every mean that is drawn in a panel."""
    lines = [line for ax in figure.axes[1:] for line in ax.lines if line.get_marker() not in ("None", "", None)]
    return [(to_hex(line.get_color()), line.get_marker(), to_hex(line.get_markerfacecolor())) for line in lines]


def looking(kind: tuple[str, str, str]) -> tuple[str, str, str]:
    return to_hex(kind[0]), kind[1], to_hex(kind[2])


SLOW = ("twelve", "undefined values", "one seed")


@pytest.mark.parametrize("runs", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in RUNS])
def test_no_text_is_cut_off_or_on_other_text(
    make_run: Callable[..., Any], looks: Callable[[Figure], list[str]], runs: str
) -> None:
    a, b = (make_run(**settings) for settings in RUNS[runs])
    long = "a-long-name-of-a-study-" * 2
    for found in (
        compared(a, shifted(b, lambda rank: 0.03 * (-1) ** rank)),
        compared(a, shifted(b, lambda rank: 0.001 * rank), (long, long)),
    ):
        figure = comparison(found)
        figure.set_dpi(72)
        assert looks(figure) == []
        assert figure.get_figwidth() == WIDTH
        assert len(str(figure.get_label())) > 40


def test_better_worse_and_neither_look_different(make_run: Callable[..., Any], words: Callable[..., Any]) -> None:
    names = ("relu", "silu", "gelu")
    a = make_run(activations=names, seeds=16, bits=(8,))
    b = shifted(a, lambda rank: (-0.05, 0.0, 0.05)[rank])
    figure = comparison(compared(a, b))
    float_and_four = [looking(kind) for kind in (WORSE, UNSURE, BETTER)] * 5
    flips = [looking(kind) for kind in (BETTER, UNSURE, WORSE)] * 4  # fewer flips are better
    assert markers(figure) == float_and_four + flips
    assert words(figure).count("2 of 3 real") == 9
    assert any("4 really rise and 4 really fall" in text.replace("\n", " ") for text in words(figure))
    assert len({kind[1:] for kind in (looking(k) for k in (BETTER, WORSE, UNSURE))}) == 3  # not by hue alone
    assert min(contrast(kind[0], "white") for kind in (BETTER, WORSE, UNSURE)) > 3


def test_a_marker_stands_at_its_difference_and_its_line_spans_the_interval(make_run: Callable[..., Any]) -> None:
    a = make_run(activations=("relu", "gelu"), seeds=4, bits=(8,))
    found = compared(a, shifted(a, lambda rank: 0.01 * (rank + 1)))
    ax = comparison(found).axes[1]
    rows = [row for row in found["comparisons"] if row["metric"] == "heldout_accuracy_float"]
    lines = [line.get_xdata() for line in ax.lines[1:]]  # the first is that at 0
    for row, interval, mean in zip(rows, lines[::2], lines[1::2], strict=True):
        assert list(interval) == pytest.approx([100 * row["low"], 100 * row["high"]])
        assert list(mean) == pytest.approx([100 * row["difference"]])
    low, high = ax.get_xlim()
    assert low < 0 < 100 * max(row["high"] for row in rows) < high


def test_what_is_the_same_is_said_in_one_line_and_not_drawn(
    make_run: Callable[..., Any], words: Callable[..., Any]
) -> None:
    a = make_run(activations=("relu", "gelu"))
    figure = comparison(compared(a, a))
    assert markers(figure) == []
    assert words(figure).count("w4, a4, w4a4 and w4a8dyn: the same to the last digit") == 2
    assert any(text.replace("\n", " ").endswith(": no differences") for text in words(figure))
    other = comparison(compared(a, replace(a, config=a.config.with_options(lr=0.5))))
    assert any(text.replace("\n", " ").endswith(": the same numbers") for text in words(other))
    assert "settings: lr 0.1 → 0.5" in words(other)


def test_many_changes_of_the_verdict_find_room(
    make_run: Callable[..., Any], looks: Callable[..., list[str]], words: Callable[..., Any]
) -> None:
    run = make_run(activations=("relu", "gelu"))
    found = compared(run, run) | {"same": False}
    for entry, name in zip(found["verdicts"], LONG * 3, strict=False):  # each pair of schemes says something else
        entry |= {"changed": ["best", "deployable"], "b": {"best": name + entry["scheme_a"], "deployable": [name] * 3}}
    figure = comparison(found)
    figure.set_dpi(72)
    assert looks(figure) == []
    assert "more in compare.json" in words(figure)


def test_one_seed_and_missing_values_are_said(make_run: Callable[..., Any], words: Callable[..., Any]) -> None:
    one = make_run(seeds=1, activations=("relu", "gelu"))
    figure = comparison(compared(one, shifted(one, lambda rank: 0.1)))
    assert set(markers(figure)) == {looking(UNSURE)}
    assert "one seed: shown, not judged" in words(figure)
    assert any("one common seed tells no difference" in text.replace("\n", " ") for text in words(figure))
    whole, holes = make_run(activations=("relu",)), make_run(activations=("relu",), missing=0.5)
    found = compared(whole, holes)
    missing = sum(row["missing"] for row in found["comparisons"])
    assert missing > 0
    figure = comparison(found)
    assert any(f"{missing} pairs left out" in text.replace("\n", " ") for text in words(figure))
    figure = comparison(compared(whole, make_run(activations=("relu",), missing=1.1)))
    assert words(figure).count("n/a") == 17  # float, and twice eight schemes


def test_too_few_seeds_are_said(make_run: Callable[..., Any], words: Callable[..., Any]) -> None:
    a = make_run(seeds=4, activations=("relu", "gelu"))
    told = " ".join(words(comparison(compared(a, shifted(a, lambda rank: 0.1))))).replace("\n", " ")
    assert "4 common seeds are too few to tell them apart" in told
    assert "it takes 10" in told
