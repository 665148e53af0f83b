"""What repairs give back, against slow loops over made-up records."""

import json
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from quantstudy.config.metrics import RANKED
from quantstudy.judge.deployable import Limits
from quantstudy.judge.recover import judge_recover
from quantstudy.judge.repaired import Repaired
from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics.bootstrap import paired_p
from quantstudy.judge.statistics.halves import halves
from quantstudy.judge.statistics.paired import mean_interval
from tests.judge.limits import asked
from tests.judge.tables import FULL, NAMES, Drops, categorical, repaired

NAN = float("nan")


def judged(frame: pd.DataFrame, seeds: int, names: Any = NAMES, focus: str = "w4a4", **options: Any) -> dict[str, Any]:
    limits = options.pop("limits", asked())
    found = judge_recover(frame, names, seeds, limits, focus, **options)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["recover"]
    section: dict[str, Any] = found["recover"]
    return section


def row_of(entry: dict[str, Any], name: str, recipe: str) -> dict[str, Any]:
    (found,) = [row for row in entry["rows"] if (row["activation"], row["recipe"]) == (name, recipe)]
    return found


def close(value: float) -> Any:
    return None if np.isnan(value) else pytest.approx(value, abs=1e-11)


def three(values: Any) -> list[Any]:
    found = mean_interval(np.asarray([values], dtype=float))
    return [close(float(np.minimum(end[0], 1.0))) for end in (found.mean, found.low, found.high)]


def beta_low(passed: int, of: int) -> float:
    return float(scipy.stats.beta.ppf(0.05, passed, of - passed + 1)) if passed else 0.0


def noisy(means: dict[tuple[str, str, str], float], seeds: int, spread: float = 0.004) -> Drops:
    random = np.random.default_rng(seeds)
    return {key: mean + random.normal(0, spread, seeds) for key, mean in means.items()}


MEANS = {
    ("relu", "w4a4", "plain"): 0.15, ("relu", "w4a4", "polish"): 0.05, ("relu", "w4a4", "qat+polish"): 0.021,
    ("silu", "w4a4", "plain"): 0.19, ("silu", "w4a4", "polish"): 0.03, ("silu", "w4a4", "qat+polish"): 0.018,
    ("hardgelu", "w4a4", "plain"): 0.12, ("hardgelu", "w4a4", "polish"): 0.06,
}  # fmt: skip


@pytest.mark.parametrize("seeds", [2, 7, 16])
def test_rows_against_loops(seeds: int) -> None:
    drops, steps = noisy(MEANS, seeds), {key: 3000 * ("qat" in key[2]) for key in MEANS}
    entry = judged(repaired(drops, noisy(MEANS, seeds + 1), steps), seeds)["w4a4"]
    assert [(row["activation"], row["recipe"]) for row in entry["rows"]] == [
        (name, recipe) for name, _, recipe in MEANS
    ]
    raw = {}
    for name, scheme, recipe in MEANS:
        row, lost = row_of(entry, name, recipe), drops[name, scheme, recipe]
        assert [row[key] for key in ("mean", "low", "high")] == three(FULL - lost)
        assert [row[key] for key in ("drop", "drop_low", "drop_high")] == three(lost)
        passed = sum(one <= 0.02 for one in lost)
        assert row["pass_share"] == pytest.approx(passed / seeds)
        assert row["pass_low"] == pytest.approx(beta_low(passed, seeds))
        assert row["worst"] == pytest.approx(min(FULL - lost))
        assert row["deployable"] == (beta_low(passed, seeds) >= 0.5)
        assert (row["learned"], row["missing"], row["torchao"]) == (True, 0, None)
        assert row["steps"] == (3000 if "qat" in recipe else 0)
        # one network more of the best ones at a time, until enough pass
        enough = [drop for rank, drop in enumerate(sorted(lost), start=1) if beta_low(rank, seeds) >= 0.5]
        assert row["drop_to_deploy"] == (close(min(enough)) if enough else None)
        if recipe == "plain":
            assert {row[key] for key in ("won", "won_low", "won_high", "p_holm", "differs", "won_stability")} == {None}
            continue
        won = drops[name, scheme, "plain"] - lost
        assert [row[key] for key in ("won", "won_low", "won_high")] == three(won)
        raw[name, recipe] = paired_p(won)
        same = [bool(np.mean(won[half > 0]) > 0) for half in halves(seeds)]
        assert row["won_stability"] == pytest.approx(np.mean(same))
    sizes, least = sorted(raw, key=lambda key: raw[key]), 0.0
    for rank, key in enumerate(sizes):
        least = max(least, min(1.0, raw[key] * (len(raw) - rank)))
        row = row_of(entry, *key)
        assert row["p_holm"] == pytest.approx(least)
        assert row["differs"] == (least <= 0.05)


def test_the_even_half_chooses_and_the_odd_half_judges() -> None:
    seeds = 16
    even = {key: np.full(seeds, mean) for key, mean in MEANS.items()}
    odd = {key: np.full(seeds, 0.3 - mean) + 0.001 * np.arange(seeds) for key, mean in MEANS.items()}
    entry = judged(repaired(odd, even), seeds)["w4a4"]
    assert entry["chosen"] == {
        "recipes": {"relu": "qat+polish", "silu": "qat+polish", "hardgelu": "polish"},
        "activation": "silu",
        "recipe": "qat+polish",
        "stability": 1.0,
    }
    assert row_of(entry, "silu", "qat+polish")["drop"] == pytest.approx(0.282 + 0.0075)
    order = entry["order"]
    assert order["plain"]["order"] == ["hardgelu", "relu", "silu"]
    assert order["repaired"]["order"] == ["silu", "relu", "hardgelu"]
    assert (order["plain"]["best"], order["repaired"]["best"]) == ("hardgelu", "silu")
    assert order["best_changed"]
    assert order["order_changed"]
    # on the odd half it is the other way round: nobody is told apart from a best that is behind
    assert [one["activation"] for one in order["repaired"]["against"]] == ["relu", "hardgelu"]
    assert [one["difference"] for one in order["repaired"]["against"]] == [pytest.approx(-0.003), pytest.approx(-0.042)]
    assert order["repaired"]["tied_with"] == ["silu", "relu", "hardgelu"]
    assert order["repaired"]["stability"] == 0.0


def test_the_order_is_tested_together() -> None:
    seeds, names = 16, ("relu", "silu", "hardgelu")
    drops = noisy(MEANS, seeds)
    order = judged(repaired(drops), seeds)["w4a4"]["order"]
    recipes = {"relu": "qat+polish", "silu": "qat+polish", "hardgelu": "polish"}
    raw: dict[tuple[str, str], float] = {}
    for way, best in (("plain", "hardgelu"), ("repaired", "silu")):
        assert order[way]["best"] == best
        of = {name: drops[name, "w4a4", "plain" if way == "plain" else recipes[name]] for name in names}
        assert order[way]["order"] == sorted(names, key=lambda name: of[name].mean())
        for one in order[way]["against"]:
            difference = of[one["activation"]] - of[best]
            assert [one[key] for key in ("difference", "low", "high")] == three(difference)
            raw[way, one["activation"]] = paired_p(difference)
        first = [
            np.argmin([of[name][half > 0].mean() for name in names]) == names.index(best) for half in halves(seeds)
        ]
        assert order[way]["stability"] == pytest.approx(np.mean(first))
    least = 0.0
    for rank, (way, name) in enumerate(sorted(raw, key=lambda key: raw[key])):
        least = max(least, min(1.0, raw[way, name] * (4 - rank)))
        (found,) = [one for one in order[way]["against"] if one["activation"] == name]
        assert found["p_holm"] == pytest.approx(least)
    assert order["plain"]["tied_with"] == ["hardgelu"]


def test_one_seed_has_no_intervals_and_deploys_nothing() -> None:
    drops = {key: np.array([0.0]) for key in MEANS}
    entry = judged(repaired(drops), 1, limits=asked(assurance=0.01))["w4a4"]
    for row in entry["rows"]:
        assert (row["pass_share"], row["deployable"], row["stability"], row["drop_bound"]) == (1.0, False, None, None)
        assert (row["drop"], row["drop_low"], row["drop_high"]) == (0.0, None, None)
    assert row_of(entry, "relu", "polish")["won_low"] is None
    assert not row_of(entry, "relu", "polish")["differs"]
    assert entry["chosen"]["stability"] is None
    assert entry["order"]["repaired"]["tied_with"] == ["relu", "silu", "hardgelu"]


def test_networks_that_failed_are_counted_and_do_not_pass() -> None:
    seeds = 16
    drops = {key: np.full(seeds, 0.01) + 0.0001 * np.arange(seeds) for key in MEANS}
    drops["relu", "w4a4", "polish"][3] = NAN
    drops["silu", "w4a4", "polish"][:] = NAN
    entry = judged(repaired(drops), seeds, limits=asked(assurance=0.8))["w4a4"]
    row = row_of(entry, "relu", "polish")
    kept = np.delete(np.arange(seeds), 3)
    assert row["drop"] == pytest.approx(np.mean(0.01 + 0.0001 * kept))
    assert (row["missing"], row["pass_share"], row["worst"], row["drop_bound"]) == (1, 15 / 16, None, None)
    assert not row["deployable"]  # 14 of 14 would do, and 15 of 16 do not
    assert row_of(entry, "relu", "plain")["deployable"]
    dead = row_of(entry, "silu", "polish")
    assert (dead["drop"], dead["won"], dead["won_low"], dead["drop_to_deploy"]) == (None, None, None, None)
    assert (dead["missing"], dead["pass_share"], dead["differs"], dead["won_stability"]) == (16, 0.0, False, 0.0)
    assert entry["chosen"]["recipes"]["relu"] == "plain"  # what has all its networks comes before what has not
    assert entry["order"] is not None


def test_where_all_failed_nothing_is_compared() -> None:
    drops = {key: np.full(8, NAN) for key in MEANS}
    entry = judged(repaired(drops), 8)["w4a4"]
    assert entry["order"] is None
    assert {row["drop"] for row in entry["rows"]} == {None}
    assert entry["chosen"]["activation"] == "relu"
    assert not any(row["deployable"] for row in entry["rows"])


def test_ties_go_to_plain_and_to_the_first_activation() -> None:
    drops = {key: np.full(8, 0.1) for key in MEANS}
    drops |= {("relu", "w8a8", recipe): np.zeros(8) for recipe in ("plain", "polish")}
    entry = judged(repaired(drops), 8)["w4a4"]
    assert entry["chosen"] == {
        "recipes": dict.fromkeys(NAMES, "plain"), "activation": "relu", "recipe": "plain", "stability": 1.0
    }  # fmt: skip
    assert entry["order"]["plain"]["order"] == list(NAMES)
    assert entry["cliff"] is None
    assert not entry["order"]["best_changed"]
    assert not entry["order"]["order_changed"]
    assert [one["p_holm"] for one in entry["order"]["repaired"]["against"]] == [1.0, 1.0]


def test_one_activation_has_no_order_and_plain_alone_is_no_repair() -> None:
    drops = {("relu", "w4a4", "plain"): [0.2] * 8, ("silu", "w4a4", "plain"): [0.1] * 8}
    assert judged(repaired(drops), 8) == {}
    entry = judged(repaired(drops | {("relu", "w4a4", "polish"): [0.15] * 8}), 8)["w4a4"]
    assert entry["order"] is None
    assert [(row["activation"], row["recipe"]) for row in entry["rows"]] == [("relu", "plain"), ("relu", "polish")]
    assert entry["chosen"]["activation"] == "relu"


def test_what_has_not_learned_is_neither_deployable_nor_chosen() -> None:
    drops = {key: np.full(16, 0.01 if key[0] == "silu" else 0.015) for key in MEANS}
    frame = repaired(drops)
    entry = judged(frame, 16, not_learned=["silu"])["w4a4"]
    assert [row["deployable"] for row in entry["rows"]] == [True] * 3 + [False] * 3 + [True] * 2
    assert not row_of(entry, "silu", "polish")["learned"]
    assert {row["stability"] for row in entry["rows"]} == {1.0}
    assert entry["chosen"]["activation"] == "relu"
    assert entry["order"]["repaired"]["best"] == "silu"
    assert judged(frame, 16)["w4a4"]["chosen"]["activation"] == "silu"
    assert judged(frame, 16, not_learned=NAMES)["w4a4"]["chosen"]["activation"] == "silu"


def test_backends_that_differ_forbid_unless_torchao_ran_the_repaired_networks() -> None:
    keys = [("relu", "w4a4", recipe) for recipe in ("plain", "polish", "qat", "qat+polish")]
    drops: Drops = {key: np.full(16, 0.01) for key in keys}
    apart = {"w4a4": {"relu": {"share": 0.1, "at": "w4"}}}
    equal: Drops = {keys[1]: np.ones(16), keys[2]: np.append(np.ones(15), 0.0), keys[3]: np.ones(16)}
    flips: Drops = {keys[1]: np.append(np.zeros(15), 1.6), keys[2]: np.zeros(16), keys[3]: np.append(np.zeros(15), 1.7)}
    frame = repaired(drops, weights_equal=equal, torchao_flips=flips)
    rows = judged(frame, 16, ("relu",), differences=apart, points=100)["w4a4"]["rows"]
    assert [row["torchao"] for row in rows] == [
        None,
        {"weights_equal": True, "share": 0.001, "differs": False},
        {"weights_equal": False, "share": 0.0, "differs": True},
        {"weights_equal": True, "share": pytest.approx(0.0010625), "differs": True},
    ]
    assert [row["deployable"] for row in rows] == [False, True, False, False]
    assert judged(frame, 16, ("relu",), points=100)["w4a4"]["rows"][0]["deployable"]


def test_no_allowed_drop_is_named_where_something_else_forbids() -> None:
    drops: Drops = {("relu", "w4a4", recipe): np.full(16, 0.06) for recipe in ("plain", "polish")}
    apart = {"w4a4": {"relu": {"share": 0.1, "at": "w4"}}}
    forbidden: list[dict[str, Any]] = [
        {"limits": asked(min_accuracy=0.95)}, {"differences": apart}, {"not_learned": ["relu"]}
    ]  # fmt: skip
    for options in forbidden:
        rows = judged(repaired(drops), 16, ("relu",), **options)["w4a4"]["rows"]
        assert [row["drop_to_deploy"] for row in rows] == [None, None], options
    (_, row) = judged(repaired(drops), 16, ("relu",))["w4a4"]["rows"]
    assert row["drop_to_deploy"] == pytest.approx(0.06)


@pytest.mark.parametrize("lost", ["plain", "polish"])
def test_a_failed_network_makes_no_difference_open(lost: str) -> None:
    drops = {
        ("relu", "w4a4", recipe): mean + 0.001 * np.arange(16) for recipe, mean in (("plain", 0.15), ("polish", 0.01))
    }
    drops["relu", "w4a4", lost][5] = NAN
    row = row_of(judged(repaired(drops), 16, ("relu",))["w4a4"], "relu", "polish")
    assert row["won"] == pytest.approx(0.14)
    assert row["differs"]
    assert row["won_stability"] == 1.0


def test_a_network_that_is_too_bad_forbids() -> None:
    drops: Drops = {("relu", "w4a4", recipe): np.append(np.full(15, 0.01), 0.3) for recipe in ("plain", "polish")}
    ways = {floor: judged(repaired(drops), 16, limits=asked(min_accuracy=floor))["w4a4"] for floor in (0.0, 0.7)}
    assert [entry["rows"][1]["deployable"] for entry in ways.values()] == [True, False]
    assert [entry["rows"][1]["stability"] for entry in ways.values()] == [1.0, 1.0]


CLIFF = {2: 0.3, 4: 0.06, 5: 0.03, 6: 0.012, 8: 0.001}
"""Mean drop of what was repaired, by its bits; without repair it is twice that."""


def cliff_table(seeds: int, spread: float = 0.001) -> Drops:
    means = {(("relu", f"w{bits}a{bits}", "polish")): drop for bits, drop in CLIFF.items()}
    return noisy(means | {("relu", scheme, "plain"): 2 * drop for (_, scheme, _), drop in means.items()}, seeds, spread)


@pytest.mark.parametrize("seeds", [1, 6, 16])
def test_the_cliff_after_repair(seeds: int) -> None:
    drops = cliff_table(seeds)
    more: Drops = {("relu", "w4a4", "qat"): np.full(seeds, 0.2)}
    section = judged(repaired(more | drops), seeds)
    assert list(section) == ["w4a4"]  # all other schemes stand in its cliff
    cliff = section["w4a4"]["cliff"]
    assert (cliff["activation"], cliff["recipe"]) == ("relu", "polish")
    assert [(point["bits"], point["scheme"]) for point in cliff["curve"]] == [
        (bits, f"w{bits}a{bits}") for bits in CLIFF
    ]
    passes = {}
    for point, (way, recipe) in product(cliff["curve"], (("plain", "plain"), ("repaired", "polish"))):
        lost = drops["relu", point["scheme"], recipe]
        assert [point[way][key] for key in ("drop", "drop_low", "drop_high")] == three(lost)
        passed = int((lost <= 0.02).sum())
        passes[point["bits"], way] = point[way]["deployable"]
        assert point[way]["deployable"] == (seeds > 1 and beta_low(passed, seeds) >= 0.5)
        assert point[way]["pass_low"] == pytest.approx(beta_low(passed, seeds))
    expected: dict[str, int | None] = {}
    for way in ("plain", "repaired"):
        from_here = [bits for bits in CLIFF if all(passes[wider, way] for wider in CLIFF if wider >= bits)]
        expected[way] = min(from_here, default=None)
    assert (cliff["plain_from_bits"], cliff["from_bits"]) == (expected["plain"], expected["repaired"])
    assert expected == ({"plain": None, "repaired": None} if seeds == 1 else {"plain": 8, "repaired": 6})


def test_a_width_that_fails_between_others_pushes_the_cliff_up_and_halves_are_counted() -> None:
    seeds, widths = 16, (4, 6, 8)
    losing = {4: 0, 6: 4, 8: 0}  # networks that lose too much
    drops: Drops = {
        ("relu", f"w{bits}a8", recipe): np.where(np.arange(seeds) < losing[bits], 0.1, 0.01)
        for bits, recipe in product(widths, ("plain", "polish"))
    }
    frame = repaired(drops, {key: np.full(seeds, 0.1 if key[2] == "plain" else 0.05) for key in drops})
    (cliff,) = [entry["cliff"] for entry in judged(frame, seeds, focus="w4a8", limits=asked(assurance=0.65)).values()]
    assert [point["scheme"] for point in cliff["curve"]] == ["w4a8", "w6a8", "w8a8"]
    assert beta_low(12, 16) < 0.65
    assert cliff["from_bits"] == 8
    share = np.mean([half[4:].sum() / 8 < 0.65 for half in halves(seeds)])
    assert 0 < share < 1
    assert cliff["stability"] == pytest.approx(share)
    low = judged(frame, seeds, focus="w4a8", not_learned=["relu"])["w4a8"]["cliff"]
    assert (low["from_bits"], low["stability"]) == (None, 1.0)


def test_what_was_chosen_before_adds_no_schemes() -> None:
    """Two recipes at once leave one cliff in the table, one after the other may leave two."""
    asked_for = list(product(("relu", "silu"), ("w4a4",), ("polish", "qat+polish")))
    beside = {one: [("relu", f"w{bits}a{bits}", one) for bits in range(2, 9)] for one in ("polish", "qat+polish")}

    def table(*networks: tuple[str, str, str]) -> Drops:
        left = {"plain": 0.2, "polish": 0.05, "qat+polish": 0.06}
        return {
            (name, scheme, one): np.full(8, left[one] + 0.01 * (name == "silu"))
            for name, scheme, recipe in networks
            for one in ("plain", recipe)
        }

    once = judged(repaired(table(*asked_for, *beside["polish"])), 8)
    twice = judged(repaired(table(*asked_for, *beside["polish"], *beside["qat+polish"])), 8)
    assert list(once) == ["w4a4"]
    assert once == twice
    wider = [(name, "w6a6", recipe) for name, _, recipe in asked_for]
    both = judged(repaired(table(*asked_for, *beside["polish"], *wider)), 8)
    assert list(both) == ["w4a4", "w6a6"]  # asked for as a whole, it has results of its own


def test_schemes_of_other_kinds_stand_apart_and_the_focus_comes_first() -> None:
    drops: Drops = {
        ("relu", scheme, recipe): np.full(8, 0.1 if recipe == "plain" else 0.05)
        for scheme, recipe in product(("wf8", "w3", "w4", "w4a4", "w8a8"), ("plain", "polish", "qat"))
    }
    drops |= {("silu", "w3", recipe): np.full(8, 0.1) for recipe in ("plain", "polish")}
    drops |= {("relu", scheme, recipe): np.full(8, 0.1) for scheme in ("w6", "w6a6") for recipe in ("plain", "polish")}
    section = judged(repaired(drops), 8)
    assert list(section) == ["w4a4", "w3", "wf8", "w4", "w8a8"]  # qat stands in no cliff: so none is left out
    cliffs = {scheme: entry["cliff"] for scheme, entry in section.items()}
    assert cliffs["wf8"] is None
    assert [point["scheme"] for point in cliffs["w4"]["curve"]] == ["w3", "w4", "w6"]
    assert [point["scheme"] for point in cliffs["w4a4"]["curve"]] == ["w4a4", "w6a6", "w8a8"]
    assert next(iter(judged(repaired(drops), 8, focus="w2a2"))) == "w3"


def test_decibels_may_exceed_one_and_looking_often_needs_more_networks() -> None:
    seeds, by = 16, RANKED["regression"]
    limits = [Limits(1.0, 0.8, 0.0, 0.0, rule, by) for rule in (PERMUTATION, ANYTIME)]
    lost = 0.5 + 0.01 * np.arange(seeds)
    rows = [
        ("relu", "w4a4", recipe, seed, metric, value)
        for recipe, scale in (("plain", 10.0), ("polish", 1.0))
        for seed in range(seeds)
        for metric, value in (
            *((by.even, 30.0 - scale * lost[seed]), (by.odd, 30.0 - scale * lost[seed])),
            *((by.drop_even, scale * lost[seed]), (by.drop_odd, scale * lost[seed])),
        )
    ]
    frame = categorical(pd.DataFrame(rows, columns=["activation", "scheme", "recipe", "seed", "metric", "value"]))
    found = [judged(frame, seeds, ("relu",), limits=one)["w4a4"] for one in limits]
    row = row_of(found[0], "relu", "polish")
    assert row["mean"] == pytest.approx(30.0 - lost.mean())
    assert row["won"] == pytest.approx(9 * lost.mean())
    assert row["won_high"] > 1.0
    assert beta_low(15, 16) < 0.8
    assert row["drop_to_deploy"] == pytest.approx(lost[15])
    assert [entry["rows"][1]["deployable"] for entry in found] == [True, False]
    assert found[1]["rows"][1]["drop_to_deploy"] is None
    assert row["steps"] is None


def test_the_choice_is_open_to_whoever_measures_on() -> None:
    found = Repaired.of(repaired(noisy(MEANS, 8)), NAMES, 8, RANKED["classes"])
    assert found.chosen("w4a4").pair == ("silu", "qat+polish")
    assert found.chosen("w4a4", ["silu"]).pair == ("relu", "qat+polish")


def test_a_value_that_is_recorded_twice_is_refused() -> None:
    frame = repaired({("relu", "w4a4", recipe): [0.1, 0.1] for recipe in ("plain", "polish")})
    with pytest.raises(ValueError, match="duplicate"):
        judged(pd.concat([frame, frame]), 2)
