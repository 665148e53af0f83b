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
    "metric": ["heldout_accuracy_quantized", "flip_rate"],
}
OWN = {key: values[0] for key, values in AXIS.items()}
NOISE = 0.004 * np.random.default_rng(5).standard_normal((3, 64))

KEYS = ("regret", "regret_low", "regret_high")

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
                "heldout_accuracy_quantized": accuracy,
                "heldout_accuracy_drop": full(choice, name) - accuracy,
                "flip_rate": 1.0 - accuracy,
                "delta_logit_over_margin": 1.0,
            }
            rows += [{**choice, "scheme": "w4a4", "activation": name, "seed": seed, "metric": k, "value": v}
                     for k, v in measures.items()]  # fmt: skip
    return pd.DataFrame(rows).astype(dict.fromkeys(("hidden", "placement", "observer", "activation"), "category"))


def silu_but_not_before(choice: Mapping[str, Any], name: str) -> float:
    """Silu leads by 0.1, but where activations are quantized before the function gelu does by 0.08."""
    lead = {"post": ("silu", 0.9), "pre": ("gelu", 0.88)}[choice["placement"]]
    return lead[1] if name == lead[0] else 0.8


def judged(score: Score, seeds: int = 12, names: tuple[str, ...] = NAMES, **settings: Any) -> dict[str, Any]:
    found = judge_multiverse(frame(score, seeds, names, **settings), names, seeds, AXIS, OWN, 0.9, rule=PERMUTATION)
    json.dumps(found, allow_nan=False)
    return with_summary(found)


def test_shares_states_and_what_they_depend_on() -> None:
    found = judged(lambda choice, name: silu_but_not_before(choice, name) + 0.05 * (choice["observer"] == "mse"))
    assert found["specifications"] == len(found["table"]) == 16
    assert found["tells"]
    assert found["share_best"] == found["share_best_or_tied"] == {"relu": 0.0, "silu": 0.5, "gelu": 0.5}
    assert found["overall_best"] == found["least_regret"]["activation"] == "silu"
    assert found["states"] == {"ahead": 8, "tied": 0, "behind": 8}
    placement = found["depends_on"]["placement"]
    assert [(e["value"], e["specifications"], e["share_best_or_tied"]) for e in placement] == [
        ("post", 8, 1.0),
        ("pre", 8, 0.0),
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
        expected = interval(rows[0] - rows[1]) if post else interval(rows[0] - 0.1 - rows[1] - 0.08)
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


def slow_regrets(score: Score, seeds: int, **chosen: Any) -> dict[str, float]:
    """The regrets by accuracy with some choices fixed, one setting after another."""
    axes = {axis: [chosen[axis]] if axis in chosen else AXIS[axis] for axis in AXES[:-1]}
    lost = dict.fromkeys(NAMES, 0.0)
    settings = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    for choice in settings:
        means = {name: np.mean(score(choice, name) + NOISE[row, :seeds]) for row, name in enumerate(NAMES)}
        for name in NAMES:
            lost[name] += (max(means.values()) - means[name]) / len(settings)
    return lost


def uneven(choice: Mapping[str, Any], name: str) -> float:
    """Silu leads after the function and gelu, by less, before it; the learning rate moves relu."""
    lead = {"post": ("silu", 0.1), "pre": ("gelu", 0.04)}[choice["placement"]]
    return 0.8 + lead[1] * (name == lead[0]) + 0.03 * (name == "relu") * (choice["lr"] == 0.1)


def test_regrets_are_those_of_a_plain_loop_over_all_settings_and_with_each_choice() -> None:
    found = judged(uneven)
    assert found["regret"] == pytest.approx(slow_regrets(uneven, 12))
    assert all(found["regret_low"][name] <= found["regret"][name] <= found["regret_high"][name] for name in NAMES)
    assert found["least_regret"] == {
        "metric": "heldout_accuracy_quantized", "activation": "silu", "stability": 1.0
    }  # fmt: skip
    for axis in AXES[:-1]:
        for entry in found["depends_on"][axis]:
            assert entry["regret"] == pytest.approx(slow_regrets(uneven, 12, **{axis: entry["value"]})), axis
    accuracy, flips = (entry["regret"] for entry in found["depends_on"]["metric"])
    assert accuracy == found["regret"]
    assert flips == pytest.approx(accuracy)  # the flip rate is what accuracy lacks: less of it is better
    change = found["change"]
    before = slow_regrets(uneven, 12, placement="pre")
    assert (change["factor"], change["level"], change["activation"]) == ("placement", "pre", "gelu")
    assert (change["regret"], change["leader"]) == pytest.approx((before["gelu"], before["silu"]))
    assert (change["settings"], change["stability"]) == (4, 1.0)


def test_the_overall_best_does_not_depend_on_how_many_seeds_there_are() -> None:
    """Of two that lead equally often, by much and by little, the one that loses little is the best with any number."""
    for seeds in (2, 8, 64):
        assert judged(uneven, seeds=seeds)["overall_best"] == "silu"
    turned: Score = lambda choice, name: uneven(choice, {"silu": "gelu", "gelu": "silu"}.get(name, name))  # noqa: E731
    assert judged(turned)["overall_best"] == "gelu"
    assert judged(lambda choice, name: 0.9 if name == "silu" else 0.8)["change"] is None


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
    assert ("One seed cannot say who loses least" in text) == (seeds == 1)
    assert found["least_regret"]["stability"] is None if seeds == 1 else found["least_regret"]["stability"] > 0
    assert "in a single specification takes 7 seeds or more" in text
    assert "tied" not in text
    assert judged(silu_but_not_before, seeds=7)["tells"]


def test_one_activation() -> None:
    found = judged(lambda choice, name: 0.9, names=("gelu",))
    assert found["overall_best"] == "gelu"
    assert found["share_best"] == {"gelu": 1.0}
    assert not found["tells"]
    assert {entry["state"] for entry in found["table"]} == {None}
    assert found["table"][0]["lead"] == {"over": None, "mean": None, "low": None, "high": None}
    assert found["summary"] == [
        "Only gelu was studied: there is nothing to compare it with over 8 ways to train and quantize at w4a4."
    ]


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
    assert found["overall_best"] == "silu"  # its accuracies are all there
    lost = [e for e in found["table"] if e["metric"] == "flip_rate" and e["placement"] == "post"]
    assert ["silu" in entry["tied_with"] for entry in lost] == [False, False] * 2
    assert "28 of 576 values are undefined, in 4 specifications" in found["summary"][-1]


def test_who_lacks_an_accuracy_has_no_regret_and_is_not_the_overall_best() -> None:
    table = frame(lambda choice, name: {"silu": 0.9, "gelu": 0.85}.get(name, 0.8), 4)
    gone = (table["activation"] == "silu") & (table["lr"] == 0.1) & (table["observer"] == "mse")
    table.loc[gone, "value"] = np.nan
    found = with_summary(judge_multiverse(table, NAMES, 4, AXIS, OWN, 0.9, rule=PERMUTATION))
    assert not found["tells"]
    assert (found["overall_best"], found["regret"]["silu"]) == ("gelu", None)
    assert "silu" not in found["summary"][1]
    table.loc[table["observer"] == "mse", "value"] = np.nan
    found = with_summary(judge_multiverse(table, NAMES, 4, AXIS, OWN, 0.9, rule=PERMUTATION))
    json.dumps(found, allow_nan=False)
    assert found["overall_best"] is None
    assert found["summary"][0] == (
        "Who loses least is unknown: every activation lacks a value in some of 16 specifications."
    )


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
    found = judged(uneven)
    lost, low, high = ({name: f"{100 * value:.1f}" for name, value in found[key].items()} for key in KEYS)
    lead = [f"{100 * found['own']['lead'][key]:.1f}" for key in ("mean", "low", "high")]
    after, before = (f"{100 * entry['regret']['silu']:.1f}" for entry in found["depends_on"]["placement"])
    gelu = f"{100 * found['depends_on']['placement'][1]['regret']['gelu']:.1f}"
    assert found["summary"] == [
        f"Over 8 ways to train and quantize at w4a4 silu loses least, {lost['silu']} points of held-out accuracy (95 % "
        f"CI {low['silu']} to {high['silu']}) against the best of each.",
        f"Of the others gelu {lost['gelu']} (95 % CI {low['gelu']} to {high['gelu']}) and relu {lost['relu']} (95 % CI "
        f"{low['relu']} to {high['relu']}).",
        f"By placement silu loses {after} at post and {before} at pre. With pre as placement gelu loses less, {gelu} "
        f"points against {before}.",
        f"At the study's own choices silu is {lead[0]} points (95 % CI {lead[1]} to {lead[2]}) ahead of "
        f"{found['own']['lead']['over']}.",
    ]
    always = judged(lambda choice, name: 0.9 if name == "silu" else 0.8)["summary"]
    assert not any("By " in line or "less" in line for line in always)


def test_what_half_the_seeds_do_not_repeat_is_open() -> None:
    found = judged(uneven)
    found["least_regret"]["stability"], found["change"]["stability"] = 0.89, 0.5
    lines = words.multiverse_lines(found)
    assert lines[0].startswith("Open: who loses least over 8 ways to train and quantize at w4a4; silu does, ")
    assert lines[0].endswith("against the best of each, but in only 89 % of random halves of the seeds.")
    assert "pre as placement gelu loses less" not in lines[2]
    assert "Open: whether with pre as placement gelu does, " in lines[2]


def test_all_equal_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "NOISE", np.zeros((3, 64)))
    said = judged(lambda choice, name: 0.9)["summary"][0]
    assert said == "Over 8 ways to train and quantize at w4a4 all 3 activations lose the same."


def test_an_own_choice_that_is_not_there() -> None:
    found = with_summary(
        judge_multiverse(
            frame(silu_but_not_before, 12),
            NAMES,
            12,
            AXIS,
            OWN | {"metric": "heldout_accuracy_drop"},
            0.9,
            rule=PERMUTATION,
        )
    )
    assert found["own"] is None
    assert not any("own choices" in line for line in found["summary"])


def test_the_short_form() -> None:
    found = judged(silu_but_not_before)
    told = short(found, "quantstudy multiverse study.toml")
    assert told["command"] == "quantstudy multiverse study.toml"
    assert "table" not in told
    assert all(told[key] == found[key] for key in ("specifications", "regret", "overall_best", "change", "summary"))
    assert not {"states", "share_best", "share_best_or_tied"} & set(told)  # counts of ties


def test_which_way_the_metrics_go() -> None:
    assert {name for name in METRICS if metric(name).better == "higher"} == set(HIGHER_IS_BETTER)
    assert tuple(words.NAMES) == AXES == tuple(multiverse_of(StudyConfig()).axes)
