"""Known numbers of a sweep in, known sentences out."""

import doctest
import math
from dataclasses import replace
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.judge.sweep import judge_sweep
from quantstudy.words import sweep_axes, table
from quantstudy.words.figures import sweep as on_figure
from quantstudy.words.numbers import NO_BREAK
from quantstudy.words.sweep import sweep_lines, title
from quantstudy.words.sweep_tables import losses, settings_of, sweep_tables
from tests.judge.sweeps import table as rows

STUDY = StudyConfig(seeds=16, activations=("relu", "silu", "gelu"), bits=(8,), quick=True)
WIDTHS = {"hidden": ((4, 4), (8, 8), (16, 16))}


def crossing(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
    """relu is best in narrow networks, gelu in wide ones, where only it loses little."""
    width = study.hidden[0]
    noise = 0.001 * math.sin(100.0 * seed + len(activation) + width)
    return 0.1 + noise + {"relu": 0.002 * (width - 8), "silu": 0.03, "gelu": -0.011 * (width - 8)}[activation]


def found(drop: Any = crossing, axes: Any = WIDTHS, study: StudyConfig = STUDY, **more: Any) -> dict[str, Any]:
    sweep = Sweep(study, axes)
    return judge_sweep(rows(sweep, drop, **more), sweep)


def test_a_choice_that_depends_on_an_axis() -> None:
    lines = sweep_lines(found())
    assert lines[0] == (
        "Over 3 settings at w8a8 gelu loses least, 1.7 points of accuracy (95 % CI 1.7 to 1.7) against the best of "
        "each. At 4 neurons per layer relu loses less, 0.0 points against 5.2."
    )
    assert lines[1] == (
        "Width: from 4 to 16 neurons per layer what is lost at w8a8 goes from 12.2 points to 8.6 points in the mean of "
        "3 activations (a difference of 3.6 points, 95 % CI 3.6 to 3.6). Best at w8a8 is relu at 4 neurons per layer "
        "and gelu at 16 neurons per layer; open at 8 neurons per layer. So the width changes the choice. Surely best "
        "otherwise: at w8, a8 and w8a8dyn relu at 4 neurons per layer and gelu at 16 neurons per layer. Deployable "
        "(at most 2.0 points lost): none at 4 and 8 neurons per layer; gelu at 16 neurons per layer."
    )
    assert len(lines) == 2


def test_a_choice_that_does_not_and_one_that_is_open() -> None:
    def apart(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
        return 0.1 + 0.001 * math.sin(100.0 * seed) + {"relu": 0.0, "silu": 0.05, "gelu": 0.06}[activation]

    line = sweep_lines(found(apart))[1]
    assert "Best at w8a8 is relu at all widths. So the width does not change the choice." in line
    assert "Nothing is deployable at any value (at most 2.0 points lost)." in line
    alike = sweep_lines(found(lambda *one: 0.1 + 0.01 * math.sin(7.0 * one[-1] + ord(one[0][0]))))
    assert "Which is best is open at every value" in alike[1]
    assert alike[0].startswith("Open: who loses least over 3 settings at w8a8")


def test_who_is_best_otherwise_is_told_for_ways_that_agree_together() -> None:
    def by_part(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
        first = {"w8a8": "", "w8": "relu", "w8a8dyn": "relu", "a8": "gelu"}[scheme]
        return 0.1 + 0.001 * math.sin(7.0 * seed + ord(activation[0])) - 0.05 * (activation == first)

    line = sweep_lines(found(by_part))[1]
    assert "Which is best is open at every value" in line
    assert "Surely best otherwise: at w8 and w8a8dyn relu at all widths; at a8 gelu at all widths." in line


def test_deployable_is_what_is_so_in_every_setting() -> None:
    def by_placement(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
        small = activation == "relu" or (activation == "gelu" and study.placement == "pre")
        return 0.01 + 0.0001 * seed if small else 0.1

    line = sweep_lines(found(by_placement, axes=WIDTHS | {"placement": ("post", "pre")}))[1]
    assert "Deployable in all 2 settings (at most 2.0 points lost): relu at all widths." in line


def test_a_change_that_too_few_halves_have_is_open() -> None:
    judged = found()
    judged["axes"][0]["views"][0]["changes"][0]["sure"] = False
    assert "Whether the width changes the choice is open" in sweep_lines(judged)[1]


def test_names_that_follow_each_other_are_no_range() -> None:
    entry = {"axis": "observer", "ordered": False, "values": ["minmax", "mse", "percentile", "fixed"]}
    assert sweep_axes.some(entry, ["minmax", "mse", "percentile"]) == "observer minmax, mse and percentile"
    many = entry | {"axis": "target", "values": [f"t{number}" for number in range(20)]}
    assert sweep_axes.some(many, many["values"][:9]) == "target t0, t1, t2, t3, t4 and 4 more"


def test_where_nobody_has_learned_nobody_is_best() -> None:
    one = sweep_lines(found(full=0.8))
    assert "No activation has learned at any value, so none is called best." in one[1]
    several = sweep_lines(found(full=0.8, axes=WIDTHS | {"placement": ("post", "pre")}))
    assert "No activation has learned in every setting at any value, so none is called best." in several[1]


def test_what_is_missing_is_said() -> None:
    axes = WIDTHS | {"placement": ("post", "pre")}
    lost = found(axes=axes, missing={("silu", 1)}, failed={("relu", 0, 3)})
    lines = sweep_lines(lost)
    assert (
        "Missing: 1 of 18 cells; means are over those settings alone in which none is missing: 1 of 2 along the width "
        "and 2 of 3 along the placement." in lines
    )
    assert "Networks without a finite value: in 1 cell, whose activations have no mean there and lead nowhere." in lines
    late = found(missing={(name, 2) for name in STUDY.activations})
    assert "Not there yet for every activation: 16 neurons per layer." in sweep_lines(late)
    first = found(missing={(name, number) for name in STUDY.activations for number in (1, 2)})
    assert sweep_lines(first)[1] == "Width: there is one value so far, 4 neurons per layer."
    nothing = found(axes=axes, missing={("relu", 0), ("silu", 1), ("gelu", 2), ("relu", 3), ("silu", 4), ("gelu", 5)})
    assert title(nothing) == "No setting of this sweep has all its cells yet"
    assert sweep_lines(nothing)[1] == ("Width: no setting has all its cells yet, so nothing is compared along it.")


def test_what_the_lists_do_not_combine_is_said() -> None:
    lines = sweep_lines(found(axes={"hidden": ((4, 4, 4), (8, 8, 8), (8, 8), (8,))}))
    assert (
        "Along the width means are over 3 hidden layers: the lists combine nothing else with all its values." in lines
    )
    assert (
        "Along the depth means are over 8 neurons per layer: the lists combine nothing else with all its values."
        in lines
    )


def test_few_seeds_say_how_many_it_takes() -> None:
    few = sweep_lines(found(study=STUDY.with_options(seeds=4)))
    assert "To tell one of 3 activations apart from the others takes 7 seeds or more; here are 4." in few
    assert "Nothing can be called deployable with 4 seeds: that takes 14." in few
    assert not any("Deployable" in line or "deployable at" in line for line in few)
    assert few[0].startswith("Open: who loses least over 3 settings at w8a8; gelu does, ")
    assert "but 4 seeds are too few to tell" in few[0]
    one = sweep_lines(found(study=STUDY.with_options(seeds=1)))
    assert one[0].startswith("One seed cannot say who loses least over 3 settings at w8a8: there it is gelu")
    assert "the seeds are too few for an interval" in one[1]
    alone = sweep_lines(found(study=STUDY.with_options(activations=("relu",))))
    assert alone[0].startswith("Only relu was studied")
    assert "by the only activation" in alone[1]


def test_rates_at_an_end_are_said() -> None:
    sweep = replace(Sweep(STUDY, WIDTHS), tune=(0.1, 0.3))
    lines = sweep_lines(judge_sweep(rows(sweep, crossing), sweep))
    assert lines[-1] == (
        "In 9 of 9 cells the best rate is the lowest or the highest of those tried: a better one may lie beyond."
    )


def test_classes_and_numbers_are_told_apart() -> None:
    both = found(lambda *one: 0.1 + 0.001 * one[-1], axes={"target": ("islands", "sine", "spirals")})
    assert "with classes" in title(both)
    assert "with numbers" in title(both)
    (line,) = [line for line in sweep_lines(both) if line.startswith("Target")]
    assert line.startswith("Target (classes): ")
    assert [name for name, _ in losses(both)][1].startswith("Over 1 setting at w8a8 with numbers: dB of PSNR lost")
    assert [one.name for one in sweep_tables(both)] == [
        "all_settings-classes",
        "all_settings-regression",
        "target-classes",
    ]


def test_the_words_on_a_figure() -> None:
    judged = found(missing={("relu", 0), ("silu", 1), ("gelu", 2)})
    (entry,) = judged["axes"]
    assert on_figure.title(entry, judged) == "Width: no setting has all its cells yet"
    judged = found(axes=WIDTHS | {"placement": ("post", "pre")}, missing={("relu", 1)}, full=0.8)
    entry = judged["axes"][0]
    assert on_figure.reading(entry, judged).endswith(
        f"Lower is better; mean over 16 seeds, band: 95{NO_BREAK}% interval."
    )
    small = on_figure.caption(entry, judged)
    assert "Left out: 1 setting in which a cell is missing." in small
    assert "At 9 of 9 points some float networks have not learned" in small


def test_the_tables_hold_what_was_found() -> None:
    judged = found()
    every, width = sweep_tables(judged)
    assert [row[0] for row in every.rows] == ["gelu", "relu", "silu"]
    assert width.head[:3] == ["Activation", "width", "w8a8: lost"]
    assert width.rows[0][:3] == ["relu", "4", "9.2 [9.2, 9.3]"]
    assert width.rows[8][-3:] == ["1 of 1", "1 of 1", "0.1"]
    lines = width.csv.splitlines()
    assert lines[0].startswith("activation,width,view,scheme,drop_mean,drop_low,drop_high,")
    assert len(lines) == 1 + 4 * 9
    told = settings_of(Sweep(STUDY, WIDTHS), "s3://bucket/x", {"state": "running", "commit": "abc"})
    assert told["[sweep] hidden"] == "4,4; 8,8; 16,16"
    assert (told["where"], told["seeds"], told["commit"]) == ("s3://bucket/x", "16", "abc")
    assert "hidden" not in told


@pytest.mark.parametrize("module", [sweep_axes, table])
def test_examples(module: Any) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0
