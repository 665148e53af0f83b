"""Who is best under other choices: known values in, known shares, leads and words out."""

import json
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from quantstudy.config.multiverse import AXES, METRICS, multiverse_of
from quantstudy.config.study import StudyConfig
from quantstudy.drift.catalogue import metric
from quantstudy.judge import multiverse
from quantstudy.judge.multiverse import HIGHER_IS_BETTER, judge_multiverse
from quantstudy.judge.rules import PERMUTATION
from quantstudy.judge.statistics.intervals import interval
from quantstudy.words import multiverse as words
from quantstudy.words.multiverse import short, with_summary

NAMES = ("relu", "silu", "gelu")
AXIS: dict[str, list[Any]] = {
    "lr": [0.05, 0.1],
    "frequency": [3.0],
    "hidden": ["8,8"],
    "placement": ["post", "pre"],
    "observer": ["minmax", "mse"],
    "metric": ["accuracy_quantized", "flip_rate"],
}
OWN = {key: values[0] for key, values in AXIS.items()}
NOISE = 0.004 * np.random.default_rng(5).standard_normal((3, 64))

Score = Callable[[Mapping[str, Any], str], float]


def frame(score: Score, seeds: int, names: tuple[str, ...] = NAMES, full: Score = lambda _, __: 0.99) -> pd.DataFrame:
    """Records in which `score` is the mean accuracy after quantization, and the flip rate is what it lacks."""
    rows = []
    keys = AXES[:-1]
    for values, (place, name) in product(product(*(AXIS[key] for key in keys)), enumerate(names)):
        choice = dict(zip(keys, values, strict=True))
        for seed in range(seeds):
            accuracy = score(choice, name) + NOISE[place % 3, seed]
            measures = {
                "accuracy_quantized": accuracy,
                "accuracy_drop": full(choice, name) - accuracy,
                "flip_rate": 1.0 - accuracy,
                "delta_logit_over_margin": 1.0,
            }
            rows += [{**choice, "scheme": "w4a4", "activation": name, "seed": seed, "metric": k, "value": v}
                     for k, v in measures.items()]  # fmt: skip
    return pd.DataFrame(rows).astype(dict.fromkeys(("hidden", "placement", "observer", "activation"), "category"))


def silu_but_not_before(choice: Mapping[str, Any], name: str) -> float:
    """Silu leads by 0.1, but where activations are quantized before the function gelu does."""
    return 0.9 if name == {"post": "silu", "pre": "gelu"}[choice["placement"]] else 0.8


def judged(score: Score, seeds: int = 12, names: tuple[str, ...] = NAMES, **settings: Any) -> dict[str, Any]:
    found = judge_multiverse(frame(score, seeds, names, **settings), names, seeds, AXIS, OWN, 0.9, rule=PERMUTATION)
    json.dumps(found, allow_nan=False)
    return with_summary(found)


def test_shares_states_and_what_they_depend_on() -> None:
    found = judged(lambda choice, name: silu_but_not_before(choice, name) + 0.05 * (choice["observer"] == "mse"))
    assert found["specifications"] == len(found["table"]) == 16
    assert found["tells"]
    assert found["share_best"] == found["share_best_or_tied"] == {"relu": 0.0, "silu": 0.5, "gelu": 0.5}
    assert found["overall_best"] == "silu"  # as often as gelu, of the same rank, and before it in the study
    assert found["states"] == {"ahead": 8, "tied": 0, "behind": 8}
    placement = found["depends_on"]["placement"]
    assert [(e["value"], e["specifications"], e["share_best_or_tied"], e["most"]) for e in placement] == [
        ("post", 8, 1.0, "silu"),
        ("pre", 8, 0.0, "gelu"),
    ]
    assert [entry["share_best"] for entry in found["depends_on"]["observer"]] == [0.5, 0.5]
    assert found["own"] == found["table"][0]
    assert (found["own"]["best"], found["own"]["tied_with"], found["own"]["state"]) == ("silu", ["silu"], "ahead")
    assert found["undefined"] == {"values": 0, "of": 16 * 3 * 12, "specifications": 0}
    assert [entry["own"] for entry in found["table"]].count(True) == 1


def test_the_lead_is_the_paired_difference_and_positive_where_it_leads_by_any_metric() -> None:
    found = judged(silu_but_not_before)
    for entry in found["table"]:
        post = entry["placement"] == "post"
        second = "gelu" if not post else "relu" if NOISE[0, :12].mean() > NOISE[2, :12].mean() else "gelu"
        assert entry["lead"]["over"] == second
        rows = [0.9 - 0.1 * (name != "silu") + NOISE[NAMES.index(name), :12] for name in ("silu", second)]
        expected = interval(rows[0] - rows[1]) if post else interval(rows[0] - 0.1 - rows[1] - 0.1)
        assert [entry["lead"][key] for key in ("mean", "low", "high")] == pytest.approx(expected, abs=1e-9)
        assert (entry["lead"]["mean"] > 0) == post
        assert entry["lead"] == {"over": second, **entry["ahead_of"][second]}
        assert set(entry["ahead_of"]) == {"relu", "gelu"}


def test_ranks_are_those_of_an_independent_implementation() -> None:
    heights = {"relu": 0.81, "silu": 0.8, "gelu": 0.9}
    found = judged(lambda choice, name: heights[name] + 0.03 * (choice["lr"] == 0.1) * (name == "silu"))
    means = [
        [heights[name] + 0.03 * (lr == 0.1) * (name == "silu") + NOISE[k, :12].mean() for k, name in enumerate(NAMES)]
        for lr in AXIS["lr"]
    ]
    expected = np.mean([scipy.stats.rankdata(-np.array(row)) for row in means], axis=0)
    assert list(found["mean_rank"].values()) == pytest.approx(expected)
    assert list(found["mean_rank"]) == list(NAMES)


def test_the_overall_best_is_tied_most_often_then_best_most_often_then_of_the_lowest_rank() -> None:
    best = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)
    tied = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=bool)
    rank = np.array([[1.0, 3.0, 2.0], [1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    assert multiverse._first(best, tied, rank) == 2  # never the best, and tied with it everywhere
    tied[0, 2] = False
    assert multiverse._first(best, tied, rank) == 0  # all tied twice
    best[1] = [False, False, True]
    assert multiverse._first(best, tied, rank) == 0  # all best once, it has the lowest mean rank
    rank[:, 1] = 0.5
    assert multiverse._first(best, tied, rank) == 1


def test_what_is_not_told_apart_is_tied_and_no_lead() -> None:
    ahead = {"minmax": "silu", "mse": "gelu"}
    level = dict(zip(NAMES, -NOISE[:, :12].mean(axis=1), strict=True))  # so that all have the same mean
    found = judged(
        lambda choice, name: level[name] + 0.9 + 1e-4 * (name == ahead[choice["observer"]]) - 0.1 * (name == "relu")
    )
    assert found["share_best_or_tied"] == {"relu": 0.0, "silu": 1.0, "gelu": 1.0}
    assert found["share_best"] == {"relu": 0.0, "silu": 0.5, "gelu": 0.5}
    assert found["states"] == {"ahead": 0, "tied": 16, "behind": 0}
    assert [(entry["share_best"], entry["share_best_or_tied"]) for entry in found["depends_on"]["observer"]] == [
        (1.0, 1.0),
        (0.0, 1.0),
    ]


def test_all_values_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "NOISE", np.zeros((3, 64)))
    found = judged(lambda choice, name: 0.9)
    assert found["overall_best"] == "relu"
    assert found["share_best_or_tied"] == dict.fromkeys(NAMES, 1.0)
    assert found["mean_rank"] == dict.fromkeys(NAMES, 2.0)
    assert {json.dumps(entry["lead"]) for entry in found["table"]} == {
        json.dumps({"over": "silu", "mean": 0.0, "low": 0.0, "high": 0.0})
    }


@pytest.mark.parametrize("seeds", [1, 6])
def test_too_few_seeds_tell_nothing_apart(seeds: int) -> None:
    found = judged(silu_but_not_before, seeds=seeds)
    assert found["seeds_needed"] == 7
    assert not found["tells"]
    assert set(found["share_best_or_tied"].values()) == {None}
    assert found["states"] == {"ahead": 0, "tied": 0, "behind": 0}
    assert found["overall_best"] == "silu"
    assert found["share_best"]["silu"] == 0.5
    assert {entry["state"] for entry in found["table"]} == {None}
    assert all(entry["tied_with"] == [] for entry in found["table"])
    assert all((entry["lead"]["low"] is None) == (seeds == 1) for entry in found["table"])
    text = " ".join(found["summary"])
    assert ("one seed tells nothing apart" if seeds == 1 else "6 seeds tell nothing apart") in text
    assert "takes 7 seeds or more" in text
    assert "tied" not in text
    assert judged(silu_but_not_before, seeds=7)["tells"]


def test_one_activation() -> None:
    found = judged(lambda choice, name: 0.9, names=("gelu",))
    assert found["overall_best"] == "gelu"
    assert found["share_best"] == {"gelu": 1.0}
    assert not found["tells"]
    assert {entry["state"] for entry in found["table"]} == {None}
    assert found["table"][0]["lead"] == {"over": None, "mean": None, "low": None, "high": None}
    assert found["summary"] == ["Only gelu was studied: there is nothing to compare it with in 16 specifications."]


def test_who_lacks_a_value_is_neither_best_nor_tied_and_counted() -> None:
    table = frame(silu_but_not_before, 12)
    gone = (table["activation"] == "silu") & (table["placement"] == "post") & (table["metric"] == "flip_rate")
    some = gone & (table["observer"] == "mse") & (table["seed"] < 2)
    table.loc[(gone & (table["observer"] == "minmax")) | some, "value"] = np.nan
    found = with_summary(judge_multiverse(table, NAMES, 12, AXIS, OWN, 0.9, rule=PERMUTATION))
    json.dumps(found, allow_nan=False)
    complete = judged(silu_but_not_before)
    assert found["mean_rank"]["silu"] == complete["mean_rank"]["silu"] + 4 * (3 - 1) / 16  # last where it lacks one
    assert found["undefined"] == {"values": 2 * 12 + 2 * 2, "of": 576, "specifications": 4}
    assert found["share_best"]["silu"] == 4 / 16
    assert found["overall_best"] == "gelu"
    lost = [e for e in found["table"] if e["metric"] == "flip_rate" and e["placement"] == "post"]
    assert ["silu" in entry["tied_with"] for entry in lost] == [False, False] * 2
    assert "28 of 576 values are undefined, in 4 specifications" in found["summary"][-1]


def test_too_few_seeds_rank_by_who_is_best_and_not_by_who_has_values() -> None:
    table = frame(lambda choice, name: 0.9 if name == "silu" else 0.8, 4)
    gone = (table["activation"] == "silu") & (table["lr"] == 0.1) & (table["observer"] == "mse")
    table.loc[gone, "value"] = np.nan
    found = with_summary(judge_multiverse(table, NAMES, 4, AXIS, OWN, 0.9, rule=PERMUTATION))
    assert not found["tells"]
    assert found["overall_best"] == "silu"  # the best in three of four


def test_nothing_measured() -> None:
    table = frame(silu_but_not_before, 12)
    table["value"] = np.nan
    found = with_summary(judge_multiverse(table, NAMES, 12, AXIS, OWN, 0.9, rule=PERMUTATION))
    json.dumps(found, allow_nan=False)
    assert found["overall_best"] is None
    assert set(found["share_best_or_tied"].values()) == {0.0}
    assert found["states"] == {"ahead": 0, "tied": 0, "behind": 0}
    assert {entry["best"] for entry in found["table"]} == {None}
    assert found["summary"][0] == "Nothing was measured in any of 16 specifications."


def test_networks_that_did_not_learn_are_named_and_are_not_the_best() -> None:
    failing: Score = lambda choice, name: 0.85 if (choice["lr"], name) == (0.1, "gelu") else 0.99  # noqa: E731
    found = judged(silu_but_not_before, full=failing)
    assert found["not_learned"] == {
        "specifications": 8,
        "networks": [{"lr": 0.1, "frequency": 3.0, "hidden": "8,8", "activation": "gelu", "accuracy_float": 0.85}],
        "never": [],
    }
    share = {"relu": 0.0, "silu": 0.5, "gelu": 0.5}
    assert judged(silu_but_not_before)["share_best"] == share
    assert found["share_best"]["gelu"] == found["share_best_or_tied"]["gelu"] == 0.25
    assert sum(found["share_best"].values()) == 1  # there the others are the best
    assert found["undefined"]["values"] == 0
    assert "gelu at lr 0.1, frequency 3, hidden 8,8 (85.0 %)" in found["summary"][-1]
    assert short(found, "x")["not_learned"] == 8


def test_who_never_learned_is_told_to_be_so_in_every_line() -> None:
    failing: Score = lambda choice, name: 0.51 if name == "silu" else 0.99  # noqa: E731
    found = judged(silu_but_not_before, full=failing)
    assert found["not_learned"]["never"] == ["silu"]
    naming = [line for line in found["summary"] if "silu" in line]
    assert len(naming) > 1
    assert all("silu (not learned)" in line for line in naming)
    assert found["learned"] == 0.9


def test_where_nothing_learned_nothing_is_best() -> None:
    found = judged(silu_but_not_before, full=lambda choice, name: 0.5 if choice["lr"] == 0.1 else 0.99)
    assert (found["share_best"], found["states"]["ahead"]) == ({"relu": 0.0, "silu": 0.25, "gelu": 0.25}, 4)
    assert {entry["best"] for entry in found["table"] if entry["lr"] == 0.1} == {None}
    found = judged(silu_but_not_before, full=lambda choice, name: 0.5)
    assert found["overall_best"] is None
    assert found["summary"][0] == "No activation has learned in any of 16 specifications."


def test_words() -> None:
    said = judged(silu_but_not_before)["summary"]
    assert said == [
        "At w4a4 silu is best or tied in 50 % of 16 specifications, alone best in 50 %.",
        "Next come gelu (50 %) and relu (0 %).",
        "That depends most on the placement: 100 % at post and 0 % at pre, where gelu leads.",
        "At the study's own choices the best is silu.",
    ]
    always = judged(lambda choice, name: 0.9 if name == "silu" else 0.8)["summary"]
    assert "On none of the choices does that depend." in always


def test_an_own_choice_that_is_not_there() -> None:
    found = with_summary(
        judge_multiverse(
            frame(silu_but_not_before, 12), NAMES, 12, AXIS, OWN | {"metric": "accuracy_drop"}, 0.9, rule=PERMUTATION
        )
    )
    assert found["own"] is None
    assert not any("own choices" in line for line in found["summary"])


def test_the_short_form() -> None:
    found = judged(silu_but_not_before)
    told = short(found, "quantstudy multiverse study.toml")
    assert told["command"] == "quantstudy multiverse study.toml"
    assert "table" not in told
    assert all(told[key] == found[key] for key in ("specifications", "share_best", "overall_best", "states", "summary"))


def test_which_way_the_metrics_go() -> None:
    assert {name for name in METRICS if metric(name).better == "higher"} == set(HIGHER_IS_BETTER)
    assert tuple(words.NAMES) == AXES == tuple(multiverse_of(StudyConfig()).axes)
