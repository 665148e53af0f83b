"""Other tasks in words: known numbers in, known sentences out."""

import copy
from typing import Any

import pytest

from quantstudy.words.foretold import prediction
from quantstudy.words.task_tables import headings, rows
from quantstudy.words.tasks import cause, caveats, curve, finding, tasks_lines

NAMES = ("relu", "prelu", "hardgelu")


def three(mean: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"mean": mean, "low": low, "high": high}


def numbers(**found: float) -> dict[str, dict[str, Any]]:
    expected = {
        "best_or_tied": (0.8, 0.6, 0.95), "regret_points": (1.0, 0.3, 2.5), "regret_db": (1.0, 0.3, 2.5),
        "bound_helps": (0.75, 0.5, 0.9), "bound_rho": (0.5, 0.2, 0.8), "one_curve": (0.4, 0.1, 0.7),
        "db_per_bit": (1.6, 0.8, 3.0), "shape": (0.0, -0.5, 0.5),
    }  # fmt: skip
    return {
        key: {"expected": value, "from": low, "to": high, "found": (here := found.get(key, value))}
        | {"low": None, "high": None, "inside": None if here is None else low <= here <= high}
        for key, (value, low, high) in expected.items()
    }


def entry(target: str, *, nobody: bool = False, **states: str) -> dict[str, Any]:
    rows = {name: {"state": states.get(name, "tied")} for name in NAMES}
    return {"target": target, "learned": {"nobody": nobody}, "rows": rows}


def built() -> dict[str, Any]:
    regret = {
        "classes": {
            "relu": three(0.02, 0.015, 0.03),
            "prelu": three(0.01, 0.005, 0.02),
            "hardgelu": three(0.004, 0.002, 0.008),
        },
        "regression": {"relu": three(0.5, 0.2, 1.0), "prelu": three(2.0, 1.5, 2.5), "hardgelu": three(0.75, 0.4, 1.5)},
        "multiple": {"relu": three(0.8), "prelu": three(1.0), "hardgelu": three(0.4)},
    }
    nothing = {"tasks": 0, "mean": None}
    group = {
        "tasks": 21, "classes": 12, "regression": 9, "unlearned": ["linnerud"],
        "share_best": {"relu": 8 / 21, "prelu": 4 / 21, "hardgelu": 9 / 21},
        "share_best_or_tied": {"relu": 14 / 21, "prelu": 7 / 21, "hardgelu": 18 / 21},
        "regret": regret,
        "elsewhere": {
            name: {"classes": nothing, "regression": {"tasks": 3, "mean": 2.0}, "multiple": {"tasks": 3, "mean": 2.0}}
            for name in NAMES
        },
        "least": {"activation": "hardgelu", "stability": 0.97},
    }  # fmt: skip
    over = {
        "tasks": 21, "points": 105, "helps": 15 / 21, "harms": 0.0, "bound": three(1.5, 1.2, 1.8),
        "shape": three(-0.1, -0.3, 0.1), "rho": three(0.3, 0.1, 0.5), "rho_within": three(0.4, 0.2, 0.5),
        "explained": three(0.2, 0.0, 0.4),
        "between": three(0.6, 0.4, 0.8),
    }  # fmt: skip
    saved = {"classes": {"saved": three(0.4, 0.35, 0.45)}, "regression": {"saved": three(0.08)}}
    return {
        "scheme": "w4a4", "seeds": 32, "activations": list(NAMES), "tells": True, "seeds_needed": 7,
        "groups": {"beyond": group, "known": {"tasks": 0, "unlearned": []}},
        "cause": {"cap": 3.0, "all": over, **saved},
        "prediction": {"date": "2026-11-30", "activation": "hardgelu", "least": "hardgelu", "numbers": numbers()},
        "table": [
            entry("dusk", relu="not learned", hardgelu="best"),
            entry("linnerud", nobody=True, relu="missing", prelu="not learned"),
        ],
    }  # fmt: skip


@pytest.fixture
def found() -> dict[str, Any]:
    return copy.deepcopy(built())


def test_all_lines(found: dict[str, Any]) -> None:
    assert tasks_lines(found) == [
        "Over 21 tasks that nobody tuned on at w4a4 hardgelu loses least, 0.4 points (95 % CI 0.2 to 0.8) on 12 tasks "
        "of classes and 0.8 dB (95 % CI 0.4 to 1.5) on 9 tasks of numbers against the best of each; it is best on 43 % "
        "of them and best or tied on 86 %, elsewhere behind by 2.0 dB on 3 tasks of numbers.",
        "Of the others relu on 67 % and prelu on 33 % are best or tied.",
        "A cap of 3 is shown to gain accuracy or PSNR on 71 % of 21 tasks, and to lose some on none; in the mean it is "
        "worth 1.5 [1.2, 1.8] times the loss allowed, hardgelu's shape −0.1 [−0.3, 0.1] times beside others with the "
        "cap.",
        "What the cap gains follows, if only a little, log2 of the range without it over the cap: Spearman's "
        "correlation 0.30 [0.10, 0.50], between the activations of one task 0.40 [0.20, 0.50]. It is no one curve: on "
        "tasks that it was not fitted to a rising one explains 20 % [0, 40] of the variance beyond measurement "
        "error; 60 % of what varies beyond measurement error does so between tasks.",
        "Looked at afterwards: of what is lost without a cap, one gives back 40 % [35, 45] on tasks of classes and 8 % "
        "on tasks of numbers.",
        "Foretold on 2026-11-30 from the islands alone: deploy hardgelu, the one that loses least; of 8 numbers 8 lie "
        "in the range that was expected.",
        "Left out, since in float no activation has learned there: linnerud.",
        "Not learned, so neither best nor tied there: relu on dusk.",
    ]


def test_the_table(found: dict[str, Any]) -> None:
    assert rows(found) == [
        ("hardgelu", "43", "86", "0.4", "0.2 to 0.8", "0.8", "0.4 to 1.5"),
        ("relu", "38", "67", "2.0", "1.5 to 3.0", "0.5", "0.2 to 1.0"),
        ("prelu", "19", "33", "1.0", "0.5 to 2.0", "2.0", "1.5 to 2.5"),
    ]
    assert all(len(row) == len(headings()) for row in rows(found))


def test_who_loses_least_is_told_as_open_where_halves_disagree(found: dict[str, Any]) -> None:
    found["groups"]["beyond"]["least"]["stability"] = 0.7
    assert finding(found) == (
        "Open: who loses least over 21 tasks that nobody tuned on at w4a4; hardgelu does, 0.4 points (95 % CI 0.2 to "
        "0.8) on 12 tasks of classes and 0.8 dB (95 % CI 0.4 to 1.5) on 9 tasks of numbers against the best of each, "
        "but in only 70 % of random halves of the seeds"
    )


def test_one_seed_says_so_and_few_tie_nobody(found: dict[str, Any]) -> None:
    group = found["groups"]["beyond"]
    found |= {"seeds": 1, "tells": False}
    group["regret"] = {
        kind: {name: three(one["mean"]) for name, one in each.items()} for kind, each in group["regret"].items()
    }
    group |= {"share_best_or_tied": dict.fromkeys(NAMES), "elsewhere": dict.fromkeys(NAMES)}
    assert finding(found).startswith("One seed cannot say who loses least over 21 tasks that nobody tuned on at w4a4: ")
    assert rows(found)[0] == ("hardgelu", "43", "-", "0.4", "-", "0.8", "-")
    assert caveats(found)[0] == (
        "To tell one of 3 activations apart from the others on a single task takes 7 seeds or more."
    )
    found["seeds"] = 4
    assert finding(found).startswith("Open: who loses least over 21 tasks")
    assert finding(found).endswith("against the best of each, but 4 seeds are too few to tell")


def test_networks_without_a_value_are_told_of_and_have_not_failed_to_learn(found: dict[str, Any]) -> None:
    found["table"] += [entry("iris", relu="missing", prelu="not learned"), entry("wine", relu="missing")]
    assert caveats(found)[-2:] == [
        "Networks without a finite value, so no mean there nor over all tasks: relu on iris and relu on wine.",
        "Not learned, so neither best nor tied there: relu on dusk and prelu on iris.",
    ]


def test_nothing_learned_nothing_told(found: dict[str, Any]) -> None:
    found["groups"]["beyond"] = {"tasks": 0, "unlearned": ["linnerud", "diabetes"]}
    found["cause"]["all"] = {
        "tasks": 0,
        "helps": None,
        "rho": three(None),
        "rho_within": three(None),
        "explained": three(None),
    }
    found["cause"] |= {"classes": {"saved": three(None)}, "regression": {"saved": three(None)}}
    found["prediction"] = None
    assert tasks_lines(found)[:2] == [
        "No activation has learned any of the tasks at w4a4: there is nothing to compare.",
        "Left out, since in float no activation has learned there: linnerud and diabetes.",
    ]
    assert rows(found) == []


def test_unknown_losses(found: dict[str, Any]) -> None:
    found["groups"]["beyond"]["least"] = {"activation": None, "stability": None}
    assert finding(found) == (
        "Who loses least over 21 tasks that nobody tuned on at w4a4 is unknown: every activation lacks a value on some "
        "of them"
    )


@pytest.mark.parametrize(
    ("rho", "says"),
    [
        ((0.7, 0.5, 0.8), "What the cap gains follows log2 of"),
        ((0.2, 0.01, 0.3), "What the cap gains follows, if only a little, log2 of"),
        ((0.2, -0.1, 0.3), "What the cap gains is not shown to follow log2 of"),
    ],
)
def test_whether_gains_follow_the_range(found: dict[str, Any], rho: tuple[float, ...], says: str) -> None:
    found["cause"]["all"]["rho"] = three(*rho)
    assert curve(found).startswith(says)


@pytest.mark.parametrize(
    ("share", "says"),
    [
        ((0.8, 0.6, 0.9), "It is one curve: on tasks that it was not fitted to a rising one explains 80 % [60, 90] of"),
        ((0.4, 0.1, 0.6), "Whether it is one curve is open: on tasks"),
        (
            (-0.2, -0.4, 0.3),
            "It is no one curve: on tasks that it was not fitted to a rising one says no more than the ",
        ),
    ],
)
def test_whether_it_is_one_curve(found: dict[str, Any], share: tuple[float, ...], says: str) -> None:
    found["cause"]["all"]["explained"] = three(*share)
    assert says in curve(found)


def test_few_tasks_say_nothing_of_a_curve(found: dict[str, Any]) -> None:
    found["cause"]["all"]["rho"] = three(0.9)
    assert curve(found) == ""
    found["cause"]["all"] |= {"rho": three(0.3, 0.1, 0.5), "rho_within": three(None), "explained": three(None)}
    assert curve(found).endswith("Spearman's correlation 0.30 [0.10, 0.50].")


def test_where_a_cap_harms_it_is_told(found: dict[str, Any]) -> None:
    found["cause"]["all"]["harms"] = 2 / 21
    assert "and to lose some on 10 %; in the mean" in cause(found)


def test_what_was_foretold_wrongly_is_told(found: dict[str, Any]) -> None:
    found["prediction"] |= {"least": "relu", "numbers": numbers(best_or_tied=0.5, regret_db=4.25, one_curve=-0.3)}
    assert prediction(found) == (
        "Foretold on 2026-11-30 from the islands alone: deploy hardgelu, and relu loses least; of 8 numbers 5 lie in "
        "the range that was expected, not so: best or tied on 80 % of the tasks (it is 50 %); loses 1.0 dB on numbers "
        "(it is 4.2 dB); one rising curve explains 40 % of what a cap gains (it is −30 %)."
    )
