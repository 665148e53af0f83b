"""From metrics to verdict: what stands in it, and what always holds."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.judge import verdict
from quantstudy.judge.best_of import best_of
from quantstudy.judge.deployable import suffices_in_halves
from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics import seeds
from quantstudy.judge.statistics.bootstrap import holm, paired_p
from quantstudy.judge.statistics.halves import first_in_halves
from quantstudy.judge.statistics.intervals import coverage
from quantstudy.judge.statistics.paired import mean_interval, paired_against_best, probability_of_best
from quantstudy.judge.statistics.power import more_seeds, more_seeds_range
from quantstudy.judge.statistics.robust import iqm_interval, probability_of_improvement
from quantstudy.judge.statistics.seeds import json_number
from quantstudy.judge.statistics.sequential import anytime_p
from quantstudy.judge.statistics.shares import prediction_bound, share_low
from quantstudy.judge.verdict import COLUMNS
from quantstudy.words.verdict import with_reasons
from tests.judge.conftest import EVEN, FLOAT, ODD, build
from tests.judge.conftest import QUANTIZED as RANKED
from tests.judge.limits import asked
from tests.judge.verdicts import NAMES, NAN, entry, judged_of, noise, run

ENTRY = {
    "activation", "seeds", "mean", "low", "high", "drop", "drop_low", "drop_high", "deployable", "probability_best",
    "difference_to_best", "difference_low", "difference_high", "p_holm", "flip_rate", "flip_rate_low", "flip_rate_high",
    "iqm", "iqm_low", "iqm_high", "improvement", "improvement_low", "improvement_high", "accuracy_float", "float",
    "learned", "missing", "pass_share", "pass_low", "drop_bound", "worst", "best_of", "stability",
}  # fmt: skip


def test_names_and_places():
    by = asked().ranked
    assert (verdict.BACKEND, by.quantized, by.float, by.unit) == ("simulated", RANKED, FLOAT, "fraction")
    assert (RANKED, FLOAT) == ("heldout_accuracy_quantized", "heldout_accuracy_float")
    assert (by.even, by.odd) == (EVEN, ODD) == (f"{RANKED}_even", f"{RANKED}_odd")
    assert (by.disturbed, seeds.DIGITS) == ("flip_rate", 12)


def test_schema_and_order_of_schemes():
    values = {a: 0.9 + noise(6, seed=i) for i, a in enumerate(NAMES)}
    frame = build(values, {"w8": values, "a4": values, "w4": values})
    found = judged_of(frame, NAMES, ["w4", "w8", "a4"])
    assert {key: value for key, value in found.items() if key not in ("schemes", "coverage")} == {
        "seeds": 6, "allowed_drop": 0.02, "assurance": 0.5, "min_accuracy": 0.0, "seeds_to_deploy": 5, "learned": 0.0,
        "not_learned": {}, "test": "permutation", "metric": RANKED, "unit": "fraction", "learned_from": None,
    }  # fmt: skip
    assert list(found["schemes"]) == ["w4", "w8", "a4"]
    for judged in found["schemes"].values():
        assert set(judged) == {
            "backend", "seeds", "ranking", "best", "winner", "tied_with", "more_seeds", "deployable", "missing",
            "backends_differ", "seeds_needed", "flips", "stability", "settled", "sure",
        }  # fmt: skip
        assert judged["seeds"] == 6
        assert judged["backend"] == "simulated"
        assert all(set(one) == ENTRY for one in judged["ranking"])
        assert judged["missing"] == {}


def test_numbers_are_those_of_the_paired_bootstrap():
    quantized = {a: 0.97 + 0.002 * i + noise(16, seed=i, std=0.004) for i, a in enumerate(NAMES)}
    full = {a: 0.99 + noise(16, seed=10 + i) for i, a in enumerate(NAMES)}
    flips = {a: 0.05 + noise(16, seed=20 + i) for i, a in enumerate(NAMES)}
    judged = run(quantized, full, flips)
    table = np.array(list(quantized.values()))
    accuracy, drop = mean_interval(table), mean_interval(np.array(list(full.values())) - table)
    rates, robust = mean_interval(list(flips.values())), iqm_interval(table)
    against, chances = paired_against_best(table, test=paired_p), probability_of_best(table).probability
    ahead = probability_of_improvement(table)
    for row, name in enumerate(NAMES):
        found = entry(judged, name)
        expected = {
            "mean": accuracy.mean[row], "low": accuracy.low[row], "high": accuracy.high[row],
            "drop": drop.mean[row], "drop_low": drop.low[row], "drop_high": drop.high[row],
            "flip_rate": rates.mean[row], "flip_rate_low": rates.low[row], "flip_rate_high": rates.high[row],
            "probability_best": chances[row], "difference_to_best": against.difference[row],
            "difference_low": against.low[row], "difference_high": against.high[row], "p_holm": against.p_holm[row],
            "iqm": robust.mean[row], "iqm_low": robust.low[row], "iqm_high": robust.high[row],
            "improvement": ahead.probability[against.reference, row],
            "improvement_low": ahead.low[against.reference, row],
            "improvement_high": ahead.high[against.reference, row],
            "pass_share": np.mean(full[name] - quantized[name] <= 0.02), "worst": min(quantized[name]),
            "pass_low": share_low(full[name] - quantized[name] <= 0.02), "accuracy_float": np.mean(full[name]),
            "float": np.mean(full[name]),
            "drop_bound": prediction_bound(full[name] - quantized[name]),
            "stability": np.mean((suffices_in_halves(full[name] - quantized[name], asked())) == found["deployable"]),
        }  # fmt: skip
        assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-11)
        assert found["seeds"] == 16
        assert found["best_of"] == best_of(quantized[name], quantized[name])
    means = [one["mean"] for one in judged["ranking"]]
    assert means == sorted(means, reverse=True)
    assert judged["best"] == judged["ranking"][0]["activation"] == NAMES[against.reference]
    first = first_in_halves(table, against.reference)
    assert judged["stability"] == np.mean(first)
    assert 0.5 < judged["stability"] < 1


def test_how_many_more_seeds_would_tell_the_tied_apart():
    quantized = {"relu": 0.97 + noise(16), "silu": 0.9705 + noise(16, seed=1), "gelu": 0.9 + noise(16, seed=2)}
    judged = run(quantized)
    assert judged["tied_with"] == ["silu", "relu"]
    difference = quantized["silu"] - quantized["relu"]
    low, high = more_seeds_range(difference, 0.05 / 2)
    expected = {"pair": ["silu", "relu"], "seeds": more_seeds(difference, 0.05 / 2), "low": low, "high": high}
    assert judged["more_seeds"] == [expected]
    assert 1 <= low < expected["seeds"]
    alone = run({name: quantized[name] for name in ("relu", "silu")})  # nothing to correct for
    assert alone["more_seeds"][0]["seeds"] == more_seeds(difference, 0.05) < expected["seeds"]
    twins = run({"relu": quantized["relu"], "silu": quantized["relu"]})
    assert twins["more_seeds"] == [{"pair": ["relu", "silu"], "seeds": None, "low": None, "high": None}]
    assert run({"relu": 0.8 + noise(16), "silu": 0.9 + noise(16)})["more_seeds"] == []


def test_a_verdict_after_looking_often_uses_the_other_test():
    quantized = {"relu": 0.96 + noise(16, std=0.01), "silu": 0.9655 + noise(16, seed=1, std=0.01)}
    frame = build({a: np.full(16, 0.99) for a in quantized}, {"w4": quantized})
    once, often = (judged_of(frame, quantized, rule=rule) for rule in (PERMUTATION, ANYTIME))
    assert (once["test"], often["test"]) == ("permutation", "anytime")
    values = [entry(found["schemes"]["w4"], "relu")["p_holm"] for found in (once, often)]
    difference = quantized["silu"] - quantized["relu"]
    assert values == pytest.approx([paired_p(difference), anytime_p(difference)])
    assert values[0] < 0.05 < values[1]
    assert (once["seeds_to_deploy"], often["seeds_to_deploy"]) == (5, 6)
    assert (once["schemes"]["w4"]["tied_with"], often["schemes"]["w4"]["tied_with"]) == (["silu"], ["silu", "relu"])


def test_rows_of_torchao_and_of_the_plane_decide_nothing():
    quantized = {a: 0.97 + 0.002 * i + noise(12, seed=i, std=0.004) for i, a in enumerate(NAMES)}
    frame = build({a: np.full(12, 0.99) for a in NAMES}, {"w4": quantized})
    found = judged_of(frame, NAMES)
    for others in (frame["backend"] == "torchao", frame["metric"].str.startswith("accuracy_")):
        assert others.any()
        assert found == judged_of(frame[~others], NAMES)
        assert found == judged_of(frame.assign(value=frame["value"].mask(others, 0.999)), NAMES)


def test_the_best_of_several_is_chosen_by_one_half_of_the_points_and_judged_by_the_other():
    quantized, even, odd = ({"relu": row} for row in 0.9 + noise(3, 16, std=0.01))
    (found,) = run(quantized, halves={EVEN: {"w4": even}, ODD: {"w4": odd}})["ranking"]
    assert found["best_of"] == best_of(even["relu"], odd["relu"])
    assert [one["n"] for one in found["best_of"]] == [1, 4, 16]
    assert found["best_of"][2]["accuracy"] == pytest.approx(odd["relu"][even["relu"].argmax()], abs=1e-11)


def test_schemes_that_were_not_named_beforehand_are_corrected_together():
    gaps = {"w4a4": 0.004, "w4": 0.004, "a4": 0.003, "w8": 0.0}
    values = {k: {"relu": 0.9 + noise(16, seed=1), "silu": 0.9 + gap + noise(16)} for k, gap in gaps.items()}
    frame = build({a: np.full(16, 0.99) for a in ("relu", "silu")}, values)
    found = judged_of(frame, ("relu", "silu"), list(gaps))["schemes"]
    p = {k: paired_p(two["silu"] - two["relu"]) for k, two in values.items()}
    corrected = dict(zip(("w4", "a4", "w8"), holm(np.array([p[k] for k in ("w4", "a4", "w8")])), strict=True))
    got = {
        k: next(one["p_holm"] for one in of["ranking"] if one["activation"] != of["best"]) for k, of in found.items()
    }
    assert got == pytest.approx({"w4a4": p["w4a4"]} | corrected, abs=1e-11)
    assert got["w4"] == pytest.approx(3 * got["w4a4"], abs=1e-11)
    assert [of["seeds_needed"] for of in found.values()] == [6, 7, 7, 7]  # 2^(1 - 7) · 3 ≤ 0.05
    tied = found["w8"]["more_seeds"][0]
    assert tied["seeds"] == more_seeds(values["w8"]["silu"] - values["w8"]["relu"], 0.05 / 3)


def test_coverage_stands_with_the_verdict():
    values = {"relu": 0.9 + noise(16)}
    found = judged_of(build(values, {"w4": values}), ["relu"])
    assert found["coverage"] == coverage(16)
    one = {"relu": [0.9]}
    found = judged_of(build(one, {"w4": one}), ["relu"])
    assert found["coverage"] is None


def test_others_in_the_metrics_are_ignored():
    values = {"relu": 0.9 + noise(8), "silu": 0.98 + noise(8), "other": 0.99 + noise(12)}
    frame = build(values, {"w4": values})
    found = judged_of(frame, ["relu", "silu"])
    assert found["seeds"] == 8
    assert found["schemes"]["w4"]["best"] == "silu"


def test_plain_strings_and_shuffled_rows_give_the_same():
    values = {a: 0.98 - 0.002 * i + noise(8, seed=i) for i, a in enumerate(NAMES)}
    frame = build(values, {"w4": values})
    plain = frame.astype(dict.fromkeys(["activation", "scheme", "backend", "scope", "metric"], str))
    assert judged_of(plain.sample(frac=1, random_state=1), NAMES) == judged_of(frame, NAMES)


def test_numbers_fit_json():
    assert json_number(0.12345678901249) == 0.123456789012
    assert json_number(np.float64(0.5)) == 0.5
    assert json_number(math.inf) is json_number(-math.inf) is json_number(NAN) is None
    assert math.copysign(1, json_number(-1e-14)) == 1


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.001, 0.01, 0.1]),
    st.sampled_from([0.0, 0.01, 0.02, 0.5]),
    st.sampled_from([0.0, 0.1, 0.6]),
    st.sampled_from([0.0, 0.95]),
)
def test_what_always_holds(activations, seeds, key, gap, allowed, holes, least):
    random, names = np.random.default_rng(key), [f"act{i}" for i in range(activations)]
    rows = []
    for i, name in enumerate(names):
        for seed in range(seeds):
            full = random.normal(0.98, 0.005)
            got = NAN if random.random() < holes else full - 0.015 - gap * i + random.normal(0, 0.004)
            rows += [(name, seed, "float", "float", "network", "heldout_accuracy_float", full)]
            rows += [(name, seed, "w4", "simulated", "network", "heldout_accuracy_quantized", got)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    found = judged_of(frame, names, allowed_drop=allowed, min_accuracy=least)
    judged = found["schemes"]["w4"]
    ranking = judged["ranking"]
    assert sorted(one["activation"] for one in ranking) == names
    measured = [one for one in ranking if one["mean"] is not None]
    assert ranking[: len(measured)] == measured
    assert judged["best"] == (measured[0]["activation"] if measured else None)
    assert (judged["best"] in judged["tied_with"]) or judged["best"] is None
    winner = judged["winner"]
    separated = judged["best"] is not None and judged["tied_with"] == [judged["best"]]
    assert (winner is not None) == (separated and judged["best"] in judged["deployable"])
    if winner is not None:
        assert winner == judged["best"]
        for one in measured[1:]:
            assert one["p_holm"] <= 0.05
            assert one["difference_low"] > 0
    whole = [one["missing"] == 0 for one in ranking]
    assert whole == sorted(whole, reverse=True)
    for one in ranking:
        enough = one["pass_low"] >= 0.5 and (not least or (one["missing"] == 0 and one["worst"] >= least))
        assert one["deployable"] == enough
        assert one["pass_low"] <= one["pass_share"] <= 1 - one["missing"] / seeds + 1e-9
        assert (one["drop_bound"] is None) == (one["missing"] > 0 or seeds < 2)
        assert one["seeds"] + one["missing"] == seeds
        assert one["deployable"] == (one["activation"] in judged["deployable"])
        assert (one["low"] is None) == (one["seeds"] < 2)
    assert with_reasons(found)["schemes"]["w4"]["reason"]
