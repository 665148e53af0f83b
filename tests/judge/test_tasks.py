"""Other tasks: known losses in, known shares, regrets and effects out; and every number again, slowly."""

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from quantstudy.config.tasks import BEYOND, CONTROLS, KNOWN, PREDICTION, tasks_sweep
from quantstudy.judge import foretold
from quantstudy.judge.statistics import curve
from quantstudy.judge.statistics.bootstrap import holm, paired_p, resample_indices
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.task_cause import BOUND, SHAPE, SHAPE_WITHOUT_CAP
from quantstudy.judge.tasks import judge_tasks
from tests.judge.task_frames import MEASURES, frame_of

TASKS = ("islands", "glyph", "iris", "wine", "checkers", "rings", "dusk", "chirp", "steps", "hills", "diabetes")
SEEDS = 16


def told(target, name, what):
    """Hardgelu leads on classes but for wine, where prelu does; relu on numbers; a cap saves half of what is lost.

    Nobody learns diabetes; gelu has not learned rings, and quantized it would be the best there.
    """
    place = TASKS.index(target)
    if what == "float":
        unlearned = target == "diabetes" or (target, name) == ("rings", "gelu")
        return 40.0 if unlearned else 0.5
    if (target, name, what) == ("rings", "gelu", "lost"):
        return -38.0
    base = "hardgelu" if name == "hardgelu_uncapped" else name.split("@")[0]
    capped = "@" in name or name == "hardgelu"
    if what == "range":
        return 1.6 if capped else 2.0 + 0.2 * place
    worse = {"hardgelu": 0.0, "prelu": 0.6, "relu": 1.0, "leaky_relu": 1.5, "hardswish": 2.0, "gelu": 2.5, "silu": 3.0}
    lost = 6.0 + worse[base] + 0.5 * place
    if target == "wine" and base == "prelu":
        lost -= 2.0
    if target in TASKS[7:] and base == "relu":
        lost -= 2.0
    return lost / 2.0 if "@" in name else lost + (2.0 + place if name == "hardgelu_uncapped" else 0.0)


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "RESAMPLED", 60)
        yield


@pytest.fixture(scope="module")
def sweep():
    return tasks_sweep(SEEDS, targets=TASKS)


@pytest.fixture(scope="module")
def frame(sweep):
    return frame_of(sweep, told)


@pytest.fixture(scope="module")
def found(frame, sweep):
    return judge_tasks(frame, sweep)


@pytest.fixture(scope="module")
def scores(frame):
    """Quantized scores by target and activation, [seeds]."""
    kept = frame[frame["metric"].str.endswith("_quantized")]
    return {
        key: rows.sort_values("seed")["value"].to_numpy()
        for key, rows in kept.groupby(["target", "activation"], observed=True)
    }


def test_who_is_best_where(found):
    best = {entry["target"]: entry["best"] for entry in found["table"]}
    classes, numbers = dict.fromkeys(TASKS[:7], "hardgelu"), dict.fromkeys(TASKS[7:10], "relu")
    assert best == classes | numbers | {"wine": "prelu", "diabetes": None}
    beyond = found["groups"]["beyond"]
    assert (beyond["tasks"], beyond["classes"], beyond["regression"]) == (8, 5, 3)
    assert beyond["unlearned"] == ["diabetes"]
    assert beyond["share_best"] == dict.fromkeys(found["activations"], 0.0) | {
        "hardgelu": 0.5,
        "prelu": 0.125,
        "relu": 0.375,
    }
    assert found["groups"]["known"]["share_best"]["hardgelu"] == 1.0
    assert beyond["least"]["activation"] == "hardgelu"
    assert found["scheme"] == "w4a4"
    assert found["controls"] == list(CONTROLS)
    assert found["prediction"] is None


def test_on_which_share_of_the_tasks_one_is_best_and_on_which_it_is_tied():
    sweep = tasks_sweep(12, targets=["iris", "wine"])
    alike = {("iris", "relu"): 1.0, ("iris", "prelu"): 1.0, ("wine", "relu"): 1.0}

    def two(target, name, what):
        return {"float": 0.0, "range": 2.0, "lost": alike.get((target, name), 4.0)}[what]

    group = judge_tasks(frame_of(sweep, two), sweep)["groups"]["beyond"]
    assert sorted(group["share_best"][name] for name in ("relu", "prelu")) in ([0.0, 1.0], [0.5, 0.5])
    assert [group["share_best_or_tied"][name] for name in ("relu", "prelu", "silu")] == [1.0, 0.5, 0.0]


def test_who_has_not_learned_is_neither_best_nor_tied(found):
    rings = next(entry for entry in found["table"] if entry["target"] == "rings")
    assert rings["learned"]["not_learned"] == ["gelu"]
    assert not rings["learned"]["nobody"]
    assert rings["rows"]["gelu"]["state"] == "not learned"
    assert "gelu" not in rings["tied_with"]
    diabetes = next(entry for entry in found["table"] if entry["target"] == "diabetes")
    assert diabetes["learned"]["nobody"]
    assert {row.get("state") for row in diabetes["rows"].values()} == {"not learned", None}
    assert [entry["target"] for entry in found["cause"]["tasks"]] == list(TASKS[:-1])


def test_states_are_those_of_the_paired_comparison(found, scores):
    """Interval and test, Holm-corrected over the other six, both have to tell an activation from the best."""
    names = found["activations"]
    for entry in found["table"][:-1]:
        target, learned = entry["target"], [n for n in names if n not in entry["learned"]["not_learned"]]
        best = max(learned, key=lambda name: scores[target, name].mean())
        assert entry["best"] == best
        others = [name for name in names if name != best]  # one that has not learned counts in the correction
        differences = [scores[target, best] - scores[target, name] for name in others]
        p = [paired_p(row) if name in learned else 1.0 for name, row in zip(others, differences, strict=True)]
        apart = {
            name
            for name, row, adjusted in zip(others, differences, holm(np.array(p)), strict=True)
            if name in learned and adjusted <= 0.05 and interval(row)[1] > 0
        }
        assert set(entry["tied_with"]) == set(learned) - apart
        for name in names:
            state = "not learned" if name not in learned else "behind" if name in apart else "tied"
            assert entry["rows"][name]["state"] == ("best" if name == best else state)


def slow_regret(scores, targets, names, scale):
    """Mean over the targets of best − own, and its interval by resampled seeds."""

    def of(chosen):
        means = np.array([[scores[t, n][chosen].mean() / scale[t] for n in names] for t in targets])
        return (means.max(axis=1, keepdims=True) - means).mean(axis=0)

    draws = np.array([of(row) for row in resample_indices(SEEDS)[:800]])
    return of(np.arange(SEEDS)), draws


@pytest.mark.parametrize("kind", ["classes", "regression", "multiple"])
def test_regrets_and_their_intervals(found, scores, kind):
    beyond = {"classes": TASKS[2:7], "regression": TASKS[7:10], "multiple": TASKS[2:10]}[kind]
    scale = (
        dict.fromkeys(TASKS, 1.0)
        if kind != "multiple"
        else dict.fromkeys(TASKS[:7], 0.02) | dict.fromkeys(TASKS[7:], 1.0)
    )
    names = found["activations"]
    mean, draws = slow_regret(scores, beyond, names, scale)
    for place, name in enumerate(names):
        three = found["groups"]["beyond"]["regret"][kind][name]
        assert three["mean"] == pytest.approx(mean[place], abs=1e-9)
        for end, share in (("low", 0.025), ("high", 0.975)):
            few, many = np.quantile(draws[:, place], [max(0.0, share - 0.016), min(1.0, share + 0.016)])
            assert few - 1e-9 <= three[end] <= many + 1e-9


def test_regrets_of_one_task_and_the_worst(found, scores):
    worst = dict.fromkeys(found["activations"], (-1.0, ""))
    for entry in found["table"]:
        names, target = found["activations"], entry["target"]
        allowed = MEASURES[entry["task"]][1]
        best = max(scores[target, name].mean() for name in names)
        for name in names:
            row = entry["rows"][name]
            lost = best - scores[target, name].mean()
            assert row["regret"]["mean"] == pytest.approx(lost, abs=1e-9)
            assert row["multiple"]["mean"] == pytest.approx(lost / allowed, abs=1e-9)
            assert row["multiple"]["high"] == pytest.approx(row["regret"]["high"] / allowed, abs=1e-9)
            if not entry["known"] and target != "diabetes":
                worst[name] = max(worst[name], (lost / allowed, target))
    for name, (multiple, target) in worst.items():
        told_worst = found["groups"]["beyond"]["worst"][name]
        assert told_worst["target"] == target
        assert told_worst["multiple"] == pytest.approx(multiple, abs=1e-9)


def test_how_far_behind_elsewhere(found):
    for name in found["activations"]:
        for kind in ("classes", "regression"):
            behind = [
                entry["rows"][name]["regret"]["mean"]
                for entry in found["table"]
                if entry["task"] == kind
                and not entry["known"]
                and not entry["learned"]["nobody"]
                and entry["rows"][name]["state"] not in ("best", "tied")
            ]
            elsewhere = found["groups"]["beyond"]["elsewhere"][name][kind]
            assert elsewhere["tasks"] == len(behind)
            if behind:
                assert elsewhere["mean"] == pytest.approx(np.mean(behind), abs=1e-9)
            else:
                assert elsewhere["mean"] is None


def effect(scores, target, pairs, failed):
    kept = {name: pair for name, pair in pairs.items() if not set(pair) & failed}
    return {name: scores[target, one] - scores[target, other] for name, (one, other) in kept.items()}


@pytest.mark.parametrize(
    ("which", "pairs"), [("bound", BOUND), ("shape", SHAPE), ("shape_without_cap", SHAPE_WITHOUT_CAP)]
)
def test_effects_of_bound_and_shape(found, scores, which, pairs):
    entries, p = {entry["target"]: entry for entry in found["table"]}, []
    for cause in found["cause"]["tasks"]:
        failed = set(entries[cause["target"]]["learned"]["not_learned"])
        rows = effect(scores, cause["target"], pairs, failed)
        mean = np.mean(list(rows.values()), axis=0)
        p.append(paired_p(mean))
        assert cause[which]["of"] == list(rows)
        assert [cause[which][end] for end in ("mean", "low", "high")] == pytest.approx(interval(mean), abs=1e-9)
        if which == "bound":
            for point in cause["points"]:
                assert point["mean"] == pytest.approx(rows[point["activation"]].mean(), abs=1e-9)
    assert [cause[which]["p_holm"] for cause in found["cause"]["tasks"]] == pytest.approx(holm(np.array(p)).tolist())
    for cause in found["cause"]["tasks"]:
        low, high = cause[which]["low"], cause[which]["high"]
        assert cause[which]["differs"] == ((low > 0 or high < 0) and cause[which]["p_holm"] <= 0.05)
    rings = next(cause for cause in found["cause"]["tasks"] if cause["target"] == "rings")
    assert ("gelu" in rings[which]["of"]) == (which == "shape")  # gelu@3 has learned it, gelu has not


def test_what_is_told_of_the_effects_over_the_tasks(found, scores, frame):
    causes = [cause for cause in found["cause"]["tasks"] if cause["target"] not in KNOWN]
    for kind in ("all", "classes", "regression"):
        some = [cause for cause in causes if kind in ("all", cause["task"])]
        over = found["cause"][kind]
        assert over["tasks"] == len(some)
        assert over["helps"] == pytest.approx(np.mean([c["bound"]["differs"] and c["bound"]["mean"] > 0 for c in some]))
        assert over["harms"] == pytest.approx(np.mean([c["bound"]["differs"] and c["bound"]["mean"] < 0 for c in some]))
        scale = {"classes": 0.02, "regression": 1.0}
        for which in ("bound", "shape", "shape_without_cap"):
            mean = np.mean([c[which]["mean"] / scale[c["task"]] for c in some])
            assert over[which]["mean"] == pytest.approx(mean, abs=1e-9)
            assert over[which]["low"] < mean < over[which]["high"]
        points = [(p["range"], p["multiple"]) for c in some for p in c["points"]]
        assert over["points"] == len(points)
        assert over["rho"]["mean"] == pytest.approx(scipy.stats.spearmanr(*zip(*points, strict=True)).statistic)
        assert over["slope"]["mean"] == pytest.approx(scipy.stats.linregress(*zip(*points, strict=True)).slope)
        gains = [(p["lost"], p["multiple"]) for c in some for p in c["points"]]
        assert over["rho_lost"]["mean"] == pytest.approx(scipy.stats.spearmanr(*zip(*gains, strict=True)).statistic)
        lost, gained = map(sum, zip(*gains, strict=True))
        assert over["saved"]["mean"] == pytest.approx(gained / lost)
        means = [np.mean([(p["range"], p["multiple"]) for p in c["points"]], axis=0) for c in some]
        assert over["rho_between"]["mean"] == pytest.approx(scipy.stats.spearmanr(np.array(means)).statistic)
        inside = [
            (scipy.stats.spearmanr([(p["range"], p["multiple"]) for p in c["points"]]).statistic, len(c["points"]))
            for c in some
        ]
        weighted = sum(rho * count for rho, count in inside) / sum(count for _, count in inside)
        assert over["rho_within"]["mean"] == pytest.approx(weighted)
    largest = frame[(frame["metric"] == "hidden_max_log2") & (frame["activation"] == "relu")]
    for cause in causes:
        relu = next(point for point in cause["points"] if point["activation"] == "relu")
        mean = largest[largest["target"] == cause["target"]]["value"].mean()
        assert relu["range"] == pytest.approx(mean - math.log2(3), abs=1e-9)
        allowed = {"classes": 0.02, "regression": 1.0}[cause["task"]]
        whole = frame[(frame["target"] == cause["target"]) & (frame["activation"] == "relu")]
        before = whole[whole["metric"].str.endswith("_float")]["value"].mean()
        assert relu["lost"] == pytest.approx((before - scores[cause["target"], "relu"].mean()) / allowed, abs=1e-9)


def test_a_cause_that_is_one_curve_is_told_as_one():
    """What the cap gains follows the range on every task alike; or each task has a level of its own."""
    names = (*BEYOND[:9], *BEYOND[12:18])

    def one_curve(target, name, what):
        if what == "float":
            return 0.0
        capped = "@" in name or name == "hardgelu"
        x = (
            1.0 + 0.3 * names.index(target) + 0.1 * ["relu", "silu", "gelu", "hardswish"].index(name)
            if (name in ("relu", "silu", "gelu", "hardswish"))
            else 1.0 + 0.3 * names.index(target)
        )
        return (1.6 if capped else x) if what == "range" else 2.0 if capped else 2.0 + x

    def own_levels(target, name, what):
        if what == "lost" and not ("@" in name or name == "hardgelu"):
            return 2.0 + (7.0 * (names.index(target) * 5 % 8)) / 8.0
        return one_curve(target, name, what)

    sweep = tasks_sweep(8, targets=names)
    one, other = (judge_tasks(frame_of(sweep, shape), sweep)["cause"]["all"] for shape in (one_curve, own_levels))
    assert one["explained"]["mean"] > 0.95
    assert one["explained"]["low"] > 0.7
    assert one["rho"]["low"] > 0.9
    assert one["left"] < 0.3
    assert other["explained"]["mean"] < 0.3
    assert other["between"]["mean"] > 0.9


def test_a_network_without_a_value_is_missing_and_leaves_its_pairs(frame, sweep):
    broken = frame.copy()
    lost = (broken["target"] == "iris") & (broken["activation"] == "hardgelu") & (broken["seed"] == 3)
    broken.loc[lost & (broken["metric"] == "heldout_accuracy_quantized"), "value"] = math.nan
    found = judge_tasks(broken, sweep)
    iris = next(entry for entry in found["table"] if entry["target"] == "iris")
    assert iris["rows"]["hardgelu"]["state"] == "missing"
    assert iris["rows"]["hardgelu"]["regret"] == {"mean": None, "low": None, "high": None}
    assert iris["best"] == "prelu"
    cause = next(cause for cause in found["cause"]["tasks"] if cause["target"] == "iris")
    assert cause["shape"] is None
    assert cause["bound"]["of"] == ["relu", "silu", "gelu", "hardswish"]
    assert found["groups"]["beyond"]["regret"]["classes"]["hardgelu"]["mean"] is None
    assert found["groups"]["beyond"]["worst"]["hardgelu"]["target"] is not None


@pytest.mark.parametrize("seeds", [1, 4])
def test_few_seeds_tell_nothing_apart(seeds):
    sweep = tasks_sweep(seeds, targets=["iris", "chirp"])
    found = judge_tasks(frame_of(sweep, told), sweep)
    assert not found["tells"]
    assert found["seeds_needed"] == 8
    assert [entry["tied_with"] for entry in found["table"]] == [[], []]
    assert found["groups"]["beyond"]["share_best_or_tied"] == dict.fromkeys(found["activations"])
    assert set(found["groups"]["beyond"]["elsewhere"].values()) == {None} if seeds else True
    assert {row["state"] for entry in found["table"] for row in list(entry["rows"].values())[:7]} == {"best", None}
    assert (found["cause"]["all"]["bound"]["low"] is None) == (seeds == 1)


def test_the_prediction_stands_beside_what_was_found(monkeypatch):
    few = ("checkers", "iris", "rings", "hills", "chirp", "grey")
    monkeypatch.setattr(foretold, "BEYOND", few)

    def as_expected(target, name, what):
        worse = 0.0 if name in ("hardgelu", *CONTROLS[:4]) else 0.6
        if (target, name) == ("iris", "prelu"):
            worse = -2.0
        return {"float": 0.0, "range": 2.0, "lost": 3.0 + worse + (4.0 if name == "silu" else 0.0)}[what]

    sweep = tasks_sweep(12, targets=few)
    found = judge_tasks(frame_of(sweep, as_expected), sweep)
    told_before, beyond = found["prediction"], found["groups"]["beyond"]
    assert told_before["activation"] == told_before["least"] == PREDICTION.activation == "hardgelu"
    numbers = told_before["numbers"]
    share = numbers["best_or_tied"]
    assert share["found"] == beyond["share_best_or_tied"]["hardgelu"] == pytest.approx(5 / 6)
    assert share | {"expected": 0.8, "from": 0.6, "to": 0.95, "low": None, "inside": True} == share
    assert numbers["regret_points"]["found"] == pytest.approx(100 * beyond["regret"]["classes"]["hardgelu"]["mean"])
    assert numbers["regret_db"]["found"] == beyond["regret"]["regression"]["hardgelu"]["mean"]
    assert numbers["regret_points"]["found"] == pytest.approx(4 / 3, abs=0.2)  # two allowed losses on one of three
    assert numbers["regret_points"]["inside"]
    assert not numbers["regret_db"]["inside"]
    assert numbers["shape"]["inside"]
    assert numbers["shape"]["found"] == found["cause"]["all"]["shape"]["mean"]
    assert numbers["bound_helps"]["found"] == found["cause"]["all"]["helps"] == 1.0
    assert numbers["db_per_bit"]["found"] == found["cause"]["regression"]["slope"]["mean"]
    assert numbers["one_curve"]["found"] == found["cause"]["all"]["explained"]["mean"]
    wider = tasks_sweep(2, 8, targets=few)
    rows = frame_of(wider, as_expected)
    rows["scheme"] = rows["scheme"].cat.rename_categories({"w4a4": "w8a8"})
    assert judge_tasks(rows, wider)["prediction"] is None
    with_known = tasks_sweep(2, targets=("islands", *few))
    assert judge_tasks(frame_of(with_known, as_expected), with_known)["prediction"] is not None
    with_others = tasks_sweep(2, targets=(*few, "wine"))
    assert judge_tasks(frame_of(with_others, as_expected), with_others)["prediction"] is None
    fewer = tasks_sweep(2, targets=few[:5])
    assert judge_tasks(frame_of(fewer, as_expected), fewer)["prediction"] is None


def test_what_was_expected_stays():
    """Committed before a network was trained on any of these tasks."""
    values = [getattr(PREDICTION, name) for name in PREDICTION.__annotations__ if name not in ("date", "activation")]
    assert [(one.low, one.value, one.high) for one in values] == [
        (0.6, 0.8, 0.95),
        (0.3, 1.0, 2.5),
        (0.3, 1.0, 2.5),
        (0.5, 0.75, 0.9),
        (0.2, 0.5, 0.8),
        (0.1, 0.4, 0.7),
        (0.8, 1.6, 3.0),
        (-0.5, 0.0, 0.5),
    ]
    assert (PREDICTION.date, PREDICTION.activation, len(BEYOND)) == ("2026-11-30", "hardgelu", 22)
    assert all(one.low < one.value < one.high for one in values)
    assert len(list(pairwise(values))) == 7


def test_a_value_that_is_recorded_twice_is_refused(frame, sweep):
    import pandas as pd

    with pytest.raises(ValueError, match="duplicate"):
        judge_tasks(pd.concat([frame, frame.iloc[:1]]), sweep)
