"""Other placements and observers, against slow loops over made-up records."""

import json

import numpy as np
import pytest
import scipy.stats

from quantstudy.judge.placement import CHOICES, judge_placement
from quantstudy.judge.statistics.bootstrap import paired_p
from quantstudy.judge.statistics.halves import halves
from quantstudy.judge.statistics.paired import paired_against_best
from quantstudy.judge.statistics.regret import regret
from tests.judge.limits import asked
from tests.judge.tables import DEFAULT, NAMES, SETTINGS, placement, three


def test_the_ranking_under_every_setting() -> None:
    random = np.random.default_rng(8)
    accuracy = {}
    for number, setting in enumerate(SETTINGS):
        base = random.uniform(0.925, 0.935, (3, 10))
        base[number % 3] += 0.05 if number % 4 else 0.0
        accuracy[setting] = base
    found = judge_placement(placement(10, accuracy), NAMES, 10, asked(), DEFAULT)["w4a4"]
    entries = {tuple(entry[key] for key in DEFAULT): entry for entry in found["settings"]}
    assert list(entries) == SETTINGS  # in the order of the records
    assert [setting for setting in entries if entries[setting]["default"]] == [tuple(DEFAULT.values())]
    best = []
    for setting, entry in entries.items():
        values = accuracy[setting]
        top = int(values.mean(axis=1).argmax())
        against = paired_against_best(values, test=paired_p)
        assert entry["best"] == NAMES[top]
        assert entry["tied_with"] == [name for name, tied in zip(NAMES, against.tied, strict=True) if tied]
        passed = [int((0.99 - row <= 0.02).sum()) for row in values]
        low = [scipy.stats.beta.ppf(0.05, k, 11 - k) if k else 0.0 for k in passed]
        assert entry["deployable"] == [name for name, end in zip(NAMES, low, strict=True) if end >= 0.5]
        alone = entry["tied_with"] == [entry["best"]] and entry["best"] in entry["deployable"]
        assert entry["winner"] == (entry["best"] if alone else None)
        for row, name in enumerate(NAMES):
            assert entry["accuracy"][name] == three(values[row])
            assert entry["behind"][name] == three(values[top] - values[row], -1.0)
        best.append(entry["best"])
    assert len(set(best)) == 3
    assert {entry["winner"] for entry in entries.values()} >= {None, "relu"}
    for name in NAMES:
        assert found["best_share"][name] == best.count(name) / len(SETTINGS)
        tied = [name in entry["tied_with"] for entry in entries.values()]
        assert found["tied_share"][name] == np.mean(tied)
    json.dumps(found, allow_nan=False)


def test_who_lacks_a_network_is_not_the_best_of_a_setting() -> None:
    accuracy = {setting: np.array([[0.9] * 8, [*[0.95] * 7, np.nan], [0.8] * 8]) for setting in SETTINGS}
    found = judge_placement(placement(8, accuracy), NAMES, 8, asked(), DEFAULT)["w4a4"]
    assert found["tied_share"] == found["best_share"] == {"relu": 1.0, "silu": 0.0, "hardgelu": 0.0}
    assert all(entry["missing"] == {"silu": 1} for entry in found["settings"])


def test_the_best_that_is_not_deployable_wins_no_setting() -> None:
    accuracy = {setting: np.array([[0.9], [0.95], [0.8]]) + np.linspace(0, 0.001, 10) for setting in SETTINGS}
    found = judge_placement(placement(10, accuracy), NAMES, 10, asked(), DEFAULT)["w4a4"]
    for entry in found["settings"]:
        assert (entry["best"], entry["tied_with"], entry["deployable"], entry["winner"]) == ("silu", ["silu"], [], None)


def test_one_seed_decides_nothing_about_placements() -> None:
    accuracy = {setting: np.array([[0.9], [0.95], [0.8]]) for setting in SETTINGS}
    found = judge_placement(placement(1, accuracy), NAMES, 1, asked(), DEFAULT)["w4a4"]
    for entry in found["settings"]:
        assert (entry["best"], entry["winner"], entry["deployable"]) == ("silu", None, [])
        assert entry["tied_with"] == list(NAMES)
        assert entry["accuracy"]["silu"] == {"mean": 0.95, "low": None, "high": None}


def test_an_activation_without_values_is_neither_best_nor_tied() -> None:
    accuracy = {setting: np.array([[np.nan] * 8, [0.95] * 8, [0.8] * 8]) for setting in SETTINGS}
    found = judge_placement(placement(8, accuracy), NAMES, 8, asked(), DEFAULT)["w4a4"]
    assert found["tied_share"] == {"relu": 0.0, "silu": 1.0, "hardgelu": 0.0}
    json.dumps(found, allow_nan=False)


def slow_regrets(values, seeds):
    """Mean over the settings of best − own mean, `[activations]`."""
    means = values[:, :, seeds].mean(axis=2)
    return (means.max(axis=1, keepdims=True) - means).mean(axis=0)


def test_regret_over_the_settings_and_the_choice_that_changes_the_answer() -> None:
    random = np.random.default_rng(2)
    accuracy = {}
    for setting in SETTINGS:
        pre, mse = setting[0] == "pre", setting[2] == "mse"
        ahead = [0.05 * (not pre and not mse), 0.003 * pre, 0.02 * (mse and not pre)]
        accuracy[setting] = 0.9 + np.array(ahead)[:, None] + random.normal(0, 0.02, (3, 12))
    found = judge_placement(placement(12, accuracy), NAMES, 12, asked(), DEFAULT)["w4a4"]
    values = np.stack(list(accuracy.values()))
    expected = regret(values)
    slow = slow_regrets(values, np.arange(12))
    assert slow.argmin() == 0
    for row, name in enumerate(NAMES):
        assert found["regret"][name] == pytest.approx(slow[row], abs=1e-11)
        assert found["regret_low"][name] == pytest.approx(expected.low[row], abs=1e-11)
        assert found["regret_high"][name] == pytest.approx(expected.high[row], abs=1e-11)
    members = [np.flatnonzero(half) for half in halves(12)]
    again = [slow_regrets(values, half).argmin() == 0 for half in members]
    own = {key: found[f"regret{end}"]["relu"] for key, end in (("regret", ""), ("low", "_low"), ("high", "_high"))}
    assert found["leader"] == {"activation": "relu", **own, "stability": np.mean(again)}
    changes = {}
    for place, (factor, levels) in enumerate(CHOICES.items()):
        for level in levels:
            rows = np.array([setting[list(DEFAULT).index(factor)] == level for setting in SETTINGS])
            assert place < len(DEFAULT)
            if rows.any() and (other := int(slow_regrets(values[rows], np.arange(12)).argmin())):
                share = np.mean([np.diff(slow_regrets(values[rows], half)[[other, 0]])[0] >= 0 for half in members])
                changes[factor, level] = (NAMES[other], int(rows.sum()), share)
    assert ("placement", "pre") in changes
    change = found["change"]
    told = (change["activation"], change["settings"], change["stability"])
    assert told == changes[change["factor"], change["level"]]
    assert told[2] == max(share for *_, share in changes.values())
    assert told != next(iter(changes.values()))  # not the first that changes the answer, but the surest
    assert change["regret"] < change["leader"]
    json.dumps(found, allow_nan=False)


def test_no_choice_changes_the_answer_by_rounding_alone() -> None:
    random = np.random.default_rng(4)
    accuracy = {}
    for number, setting in enumerate(SETTINGS):
        row = random.uniform(0.8, 0.9, 10)
        accuracy[setting] = np.array([row, np.roll(row, 3) + 1e-16 * (number % 2), row - 0.1])
        accuracy[setting][1, 0] += (setting[0] == "pre") * 2e-16
    found = judge_placement(placement(10, accuracy), NAMES, 10, asked(), DEFAULT)["w4a4"]
    assert (found["leader"]["activation"], found["change"]) == ("relu", None)
    assert (found["leader"]["regret"], found["leader"]["low"] >= 0) == (0.0, True)


def test_who_lacks_a_network_anywhere_leads_nowhere() -> None:
    accuracy = {setting: np.array([[0.9] * 8, [0.95] * 8, [0.8] * 8]) for setting in SETTINGS}
    accuracy[SETTINGS[0]] = np.array([[0.9] * 8, [*[0.95] * 7, np.nan], [0.8] * 8])
    found = judge_placement(placement(8, accuracy), NAMES, 8, asked(), DEFAULT)["w4a4"]
    assert found["regret"]["silu"] is found["regret_low"]["silu"] is None
    assert found["leader"]["activation"] == "relu"
    assert found["regret"]["relu"] == pytest.approx(0.05 * (len(SETTINGS) - 1) / len(SETTINGS), abs=1e-11)
    assert found["change"]["activation"] == "silu"
    nothing = {setting: np.full((3, 8), np.nan) for setting in SETTINGS}
    found = judge_placement(placement(8, nothing), NAMES, 8, asked(), DEFAULT)["w4a4"]
    assert (found["leader"], found["change"]) == (None, None)
    json.dumps(found, allow_nan=False)
