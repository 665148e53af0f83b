"""From metrics to verdict: ranking, ties, deployability, missing values, and JSON that is strictly valid."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.errors import BadInput, StudyFailure
from quantstudy.judge import verdict
from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics import seeds
from quantstudy.judge.statistics.bootstrap import paired_p
from quantstudy.judge.statistics.intervals import coverage
from quantstudy.judge.statistics.paired import mean_interval, paired_against_best, probability_of_best
from quantstudy.judge.statistics.power import more_seeds
from quantstudy.judge.statistics.robust import iqm_interval, probability_of_improvement
from quantstudy.judge.statistics.seeds import json_number
from quantstudy.judge.statistics.sequential import anytime_p
from quantstudy.judge.verdict import COLUMNS, judge
from quantstudy.words.verdict import with_reasons

NAN = float("nan")
NAMES = ["relu", "silu", "gelu"]
ENTRY = {
    "activation", "seeds", "mean", "low", "high", "drop", "drop_low", "drop_high", "deployable", "probability_best",
    "difference_to_best", "difference_low", "difference_high", "p_holm", "flip_rate", "flip_rate_low", "flip_rate_high",
    "iqm", "iqm_low", "iqm_high", "improvement", "improvement_low", "improvement_high", "accuracy_float", "learned",
    "missing",
}  # fmt: skip


def noise(*shape, seed=0, std=0.002):
    return np.random.default_rng(seed).normal(0, std, shape)


def run(metrics, quantized, full=None, allowed_drop=0.02, **options):
    """Judge one scheme, w4, of arrays `{activation: [seeds]}`."""
    full = full or {a: np.full(len(v), 0.99) for a, v in quantized.items()}
    frame = metrics(full, {"w4": quantized}, **options)
    found = judge(frame, activations=list(quantized), schemes=["w4"], allowed_drop=allowed_drop, rule=PERMUTATION)
    json.dumps(found, allow_nan=False)
    return with_reasons(found)["schemes"]["w4"]


def entry(judged, name):
    return next(one for one in judged["ranking"] if one["activation"] == name)


def test_names_and_places():
    assert (verdict.BACKEND, verdict.RANKED, verdict.FLOAT) == ("simulated", "accuracy_quantized", "accuracy_float")
    assert (verdict.FLIPS, seeds.DIGITS) == ("flip_rate", 12)


def test_schema_and_order_of_schemes(metrics):
    values = {a: 0.9 + noise(6, seed=i) for i, a in enumerate(NAMES)}
    frame = metrics(values, {"w8": values, "a4": values, "w4": values})
    found = judge(frame, activations=NAMES, schemes=["w4", "w8", "a4"], allowed_drop=0.02, rule=PERMUTATION)
    assert list(found) == [*("schemes", "seeds", "allowed_drop", "learned", "not_learned", "coverage", "test")]
    assert (found["seeds"], found["allowed_drop"], found["learned"], found["not_learned"]) == (6, 0.02, 0.0, {})
    assert list(found["schemes"]) == ["w4", "w8", "a4"]
    for judged in found["schemes"].values():
        assert set(judged) == {
            "backend", "seeds", "ranking", "best", "winner", "tied_with", "more_seeds", "deployable", "missing",
            "backends_differ", "seeds_needed", "flips"
        }  # fmt: skip
        assert judged["seeds"] == 6
        assert judged["backend"] == "simulated"
        assert all(set(one) == ENTRY for one in judged["ranking"])
        assert judged["missing"] == {}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_numbers_are_those_of_the_paired_bootstrap(metrics):
    quantized = {a: 0.97 + 0.002 * i + noise(16, seed=i, std=0.004) for i, a in enumerate(NAMES)}
    full = {a: 0.99 + noise(16, seed=10 + i) for i, a in enumerate(NAMES)}
    flips = {a: 0.05 + noise(16, seed=20 + i) for i, a in enumerate(NAMES)}
    judged = run(metrics, quantized, full, flips={"w4": flips})
    table = np.array(list(quantized.values()))
    accuracy, drop = mean_interval(table), mean_interval(np.array(list(full.values())) - table)
    rates, robust = mean_interval(list(flips.values())), iqm_interval(table)
    against, chances = paired_against_best(table, test=paired_p), probability_of_best(table).probability
    ahead = probability_of_improvement(table)
    for row, name in enumerate(NAMES):
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
        }  # fmt: skip
        found = entry(judged, name)
        assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-11)
        assert found["seeds"] == 16
    means = [one["mean"] for one in judged["ranking"]]
    assert means == sorted(means, reverse=True)
    assert judged["best"] == judged["ranking"][0]["activation"] == NAMES[against.reference]


def test_how_many_more_seeds_would_tell_the_tied_apart(metrics):
    quantized = {"relu": 0.97 + noise(16), "silu": 0.9705 + noise(16, seed=1), "gelu": 0.9 + noise(16, seed=2)}
    judged = run(metrics, quantized)
    assert judged["tied_with"] == ["silu", "relu"]
    difference = quantized["silu"] - quantized["relu"]
    expected = [{"pair": ["silu", "relu"], "seeds": more_seeds(difference, 0.05 / 2)}]
    assert judged["more_seeds"] == expected
    assert expected[0]["seeds"] > 1
    twins = run(metrics, {"relu": quantized["relu"], "silu": quantized["relu"]})
    assert twins["more_seeds"] == [{"pair": ["relu", "silu"], "seeds": None}]
    assert run(metrics, {"relu": 0.8 + noise(16), "silu": 0.9 + noise(16)})["more_seeds"] == []


def test_a_verdict_after_looking_often_uses_the_other_test(metrics):
    quantized = {"relu": 0.96 + noise(16, std=0.01), "silu": 0.9655 + noise(16, seed=1, std=0.01)}
    frame = metrics({a: np.full(16, 0.99) for a in quantized}, {"w4": quantized})
    options = {"activations": list(quantized), "schemes": ["w4"], "allowed_drop": 0.02}
    once, often = (judge(frame, **options, rule=rule) for rule in (PERMUTATION, ANYTIME))
    assert (once["test"], often["test"]) == ("permutation", "anytime")
    values = [entry(found["schemes"]["w4"], "relu")["p_holm"] for found in (once, often)]
    difference = quantized["silu"] - quantized["relu"]
    assert values == pytest.approx([paired_p(difference), anytime_p(difference)])
    assert values[0] < 0.05 < values[1]
    assert (once["schemes"]["w4"]["tied_with"], often["schemes"]["w4"]["tied_with"]) == (["silu"], ["silu", "relu"])


def test_rows_of_torchao_decide_nothing(metrics):
    quantized = {a: 0.97 + 0.002 * i + noise(12, seed=i, std=0.004) for i, a in enumerate(NAMES)}
    frame = metrics({a: np.full(12, 0.99) for a in NAMES}, {"w4": quantized})
    theirs = frame["backend"] == "torchao"
    assert theirs.any()
    options = {"activations": NAMES, "schemes": ["w4"], "allowed_drop": 0.02}
    other = frame.assign(value=frame["value"].mask(theirs, 0.999))
    assert (
        judge(frame, **options, rule=PERMUTATION)
        == judge(frame[~theirs], **options, rule=PERMUTATION)
        == judge(other, **options, rule=PERMUTATION)
    )


def test_coverage_stands_with_the_verdict(metrics):
    values = {"relu": 0.9 + noise(16)}
    found = judge(
        metrics(values, {"w4": values}), activations=["relu"], schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION
    )
    assert found["coverage"] == coverage(16)
    one = {"relu": [0.9]}
    found = judge(metrics(one, {"w4": one}), activations=["relu"], schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION)
    assert found["coverage"] is None


def test_a_clear_and_deployable_best_wins(metrics):
    judged = run(metrics, {"relu": 0.90 + noise(16), "silu": 0.98 + noise(16, seed=1), "gelu": 0.5 + noise(16)})
    assert (judged["best"], judged["winner"], judged["tied_with"]) == ("silu", "silu", ["silu"])
    assert judged["deployable"] == ["silu"]
    assert [one["activation"] for one in judged["ranking"]] == ["silu", "relu", "gelu"]
    assert [one["deployable"] for one in judged["ranking"]] == [True, False, False]


def test_a_clear_best_that_is_not_deployable_does_not_win(metrics):
    judged = run(metrics, {"relu": 0.80 + noise(16), "silu": 0.90 + noise(16, seed=1)})
    assert (judged["best"], judged["winner"], judged["tied_with"]) == ("silu", None, ["silu"])
    assert judged["deployable"] == []


def test_another_may_be_deployable_than_the_best(metrics):
    judged = run(
        metrics,
        {"relu": 0.80 + noise(16), "silu": 0.90 + noise(16, seed=1)},
        {"relu": 0.80 + noise(16), "silu": np.full(16, 0.99)},
    )
    assert (judged["best"], judged["winner"], judged["deployable"]) == ("silu", None, ["relu"])


def test_ties_keep_the_study_s_order_and_name_no_winner(metrics):
    same = 0.98 + noise(16)
    judged = run(metrics, {"gelu": same, "relu": same - 0.1, "silu": same, "prelu": np.roll(same, 1)})
    assert [one["activation"] for one in judged["ranking"]] == ["gelu", "silu", "prelu", "relu"]
    assert judged["tied_with"] == ["gelu", "silu", "prelu"]
    assert judged["winner"] is None
    assert judged["deployable"] == ["gelu", "silu", "prelu"]
    chances = {one["activation"]: one["probability_best"] for one in judged["ranking"]}
    assert chances["gelu"] == chances["silu"]
    assert chances["relu"] == 0


def test_dead_networks_tie_exactly(metrics):
    judged = run(metrics, {a: np.full(16, 0.5) for a in NAMES}, {a: np.full(16, 0.5) for a in NAMES})
    assert judged["tied_with"] == NAMES
    assert judged["winner"] is None
    for one in judged["ranking"]:
        assert (one["mean"], one["low"], one["high"], one["drop_high"]) == (0.5, 0.5, 0.5, 0)
        assert (one["difference_to_best"], one["p_holm"]) == (0, 1)
        assert one["probability_best"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("allowed", "deployable"), [(0.02, ["silu"]), (np.float64(0.02), ["silu"]), (0.0199999, []), (0.1, ["silu"])]
)
def test_a_drop_exactly_as_large_as_allowed_is_deployable(metrics, allowed, deployable):
    assert 1.0 - 0.98 > 0.02  # in float64: rounding must not decide
    judged = run(metrics, {"silu": np.full(8, 0.98)}, {"silu": np.ones(8)}, allowed_drop=allowed)
    assert judged["ranking"][0]["drop_high"] == 0.02
    assert judged["deployable"] == deployable
    assert judged["winner"] == (deployable[0] if deployable else None)


def test_drops_are_paired_by_seed(metrics):
    full = 0.9 + noise(16, std=0.05)
    judged = run(metrics, {"silu": full - 0.01}, {"silu": full})
    one = judged["ranking"][0]
    assert (one["drop"], one["drop_low"], one["drop_high"]) == (0.01, 0.01, 0.01)
    assert one["high"] - one["low"] > 0.02


def test_the_upper_end_decides_not_the_mean(metrics):
    judged = run(metrics, {"silu": np.tile([0.955, 0.995], 8)})
    one = judged["ranking"][0]
    assert one["drop"] < 0.02 < one["drop_high"]
    assert not one["deployable"]


def test_one_seed_claims_nothing(metrics):
    judged = run(metrics, {"relu": [0.9], "silu": [0.99]})
    assert [one["activation"] for one in judged["ranking"]] == ["silu", "relu"]
    assert (judged["best"], judged["winner"], judged["deployable"]) == ("silu", None, [])
    assert judged["tied_with"] == ["silu", "relu"]
    for one in judged["ranking"]:
        assert [one[key] for key in ("low", "high", "drop_low", "drop_high", "flip_rate_low", "difference_low")] == [
            None
        ] * 6
        assert one["probability_best"] is None
        assert one["mean"] is not None
        assert one["deployable"] is False


def test_one_seed_of_one_activation_claims_nothing(metrics):
    judged = run(metrics, {"silu": [0.99]})
    assert (judged["best"], judged["winner"], judged["tied_with"]) == ("silu", None, ["silu"])


def test_two_seeds_name_no_winner(metrics):
    judged = run(metrics, {"relu": [0.5, 0.51], "silu": [0.99, 0.98]})
    assert judged["winner"] is None
    assert judged["deployable"] == []  # of two seeds the interval reaches far
    assert run(metrics, {"relu": [0.5, 0.51], "silu": [0.99, 0.9899]})["deployable"] == ["silu"]


def test_intervals_end_where_no_mean_can_lie(metrics):
    judged = run(metrics, {"relu": [0.2, 0.9], "silu": [0.99, 0.6]}, {"relu": [0.21, 1.0], "silu": [1.0, 0.62]})
    for one in judged["ranking"]:
        assert (one["low"], one["high"], one["iqm_low"], one["iqm_high"]) == (0, 1, 0, 1)
        assert -1 <= one["drop_low"] <= one["drop_high"] <= 1
        assert 0 <= one["flip_rate_low"] <= one["flip_rate_high"] <= 1


def test_one_activation_wins_if_deployable(metrics):
    judged = run(metrics, {"silu": 0.98 + noise(16)})
    assert (judged["winner"], judged["tied_with"]) == ("silu", ["silu"])
    assert judged["ranking"][0]["probability_best"] == 1


def test_missing_values_are_counted(metrics):
    quantized = {a: 0.98 - 0.05 * i + noise(16, seed=i) for i, a in enumerate(NAMES)}
    quantized["silu"][[1, 3]] = NAN, math.inf
    full = {a: np.full(16, 0.99) for a in NAMES}
    full["relu"][0] = NAN
    flips = {a: np.full(16, 0.02) for a in NAMES}
    judged = run(metrics, quantized, full, flips={"w4": flips})
    assert judged["missing"] == {"accuracy_quantized": {"silu": 2}, "accuracy_float": {"relu": 1}}
    assert entry(judged, "silu")["seeds"] == 14
    assert entry(judged, "silu")["mean"] == pytest.approx(np.delete(quantized["silu"], [1, 3]).mean(), abs=1e-11)
    assert entry(judged, "relu")["drop"] == pytest.approx(0.99 - quantized["relu"][1:].mean(), abs=1e-11)
    assert [entry(judged, name)["missing"] for name in NAMES] == [{"relu": 1, "silu": 2}.get(name, 0) for name in NAMES]
    assert "relu" not in judged["deployable"]
    assert "silu" not in judged["deployable"]
    assert judged["winner"] is None  # relu alone is best, and a float network of it failed


def test_a_failed_network_is_neither_left_out_of_the_best_nor_of_what_is_deployable(metrics):
    quantized = {"relu": 0.97 + noise(16, seed=1), "silu": 0.99 + noise(16, seed=2)}
    quantized["silu"][5] = NAN
    judged = run(metrics, quantized, {a: np.full(16, 0.99) for a in quantized}, allowed_drop=0.05)
    assert (judged["best"], judged["deployable"], judged["winner"]) == ("relu", ["relu"], None)
    assert judged["tied_with"] == ["relu", "silu"]  # silu is ahead wherever it has a value
    assert "silu in 1 of 16 networks" in judged["reason"]


def test_what_has_not_learned_is_never_deployable(metrics):
    full = {"relu": np.full(16, 0.51), "silu": np.full(16, 0.9), "gelu": np.full(16, 0.899999)}
    frame = metrics(full, {"w4": full})
    found = judge(frame, activations=list(full), schemes=["w4"], allowed_drop=0.02, learned=0.9, rule=PERMUTATION)
    judged = found["schemes"]["w4"]
    assert judged["deployable"] == ["silu"]
    assert found["not_learned"] == {"relu": 0.51, "gelu": 0.899999}
    assert {one["activation"]: one["learned"] for one in judged["ranking"]} == {"relu": 0, "silu": 1, "gelu": 0}
    assert entry(judged, "relu")["accuracy_float"] == 0.51
    alone = with_reasons(
        judge(frame, activations=["relu"], schemes=["w4"], allowed_drop=0.02, learned=0.9, rule=PERMUTATION)
    )
    alone = alone["schemes"]["w4"]
    assert (alone["best"], alone["winner"], alone["deployable"]) == ("relu", None, [])
    assert alone["reason"].startswith("None is deployable at w4: the best, relu (not learned), loses 0.0 points")
    assert (
        judge(frame, activations=["relu"], schemes=["w4"], allowed_drop=0.02, learned=0.5, rule=PERMUTATION)[
            "not_learned"
        ]
        == {}
    )


def test_where_the_backends_differ_nothing_is_deployable(metrics):
    values = {"relu": 0.98 + noise(16, seed=1), "silu": 0.99 + noise(16, seed=2)}
    frame = metrics(values, {"w4": values, "a4": values})
    apart = {"w4": {"silu": {"share": 0.2761, "at": "w4"}}, "a4": {}}
    options = {"activations": list(values), "schemes": ["w4", "a4"], "allowed_drop": 0.05, "differences": apart}
    found = with_reasons(judge(frame, **options, rule=PERMUTATION))["schemes"]
    assert (found["w4"]["deployable"], found["w4"]["winner"]) == (["relu"], None)
    assert found["a4"]["deployable"] == ["silu", "relu"]
    assert "torchao decides 27.61 % of the pixels of silu otherwise than the simulated path" in found["w4"]["reason"]
    assert (found["w4"]["backends_differ"], found["a4"]["backends_differ"]) == (apart["w4"], {})


def test_rows_that_are_not_there_count_as_missing(metrics):
    values = {a: 0.98 - 0.1 * i + noise(8, seed=i) for i, a in enumerate(NAMES)}
    frame = metrics(values, {"w4": values})
    gone = (frame["activation"] == "gelu") & (frame["metric"] == "accuracy_quantized")
    judged = judge(frame[~gone], activations=NAMES, schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION)["schemes"][
        "w4"
    ]
    assert judged["missing"] == {"accuracy_quantized": {"gelu": 8}}
    last = judged["ranking"][-1]
    assert last["activation"] == "gelu"
    assert last["deployable"] is False
    assert last["seeds"] == 0
    assert [last[key] for key in ("mean", "low", "drop", "probability_best", "difference_to_best", "p_holm")] == [
        None
    ] * 6
    assert last["flip_rate"] == 0
    assert (judged["winner"], judged["tied_with"]) == ("relu", ["relu"])
    assert judged["ranking"][1]["p_holm"] == pytest.approx(1 / 128)  # one other, not two


def test_without_float_accuracy_nothing_is_deployable(metrics):
    values = {"silu": 0.98 + noise(8), "relu": 0.5 + noise(8)}
    frame = metrics(values, {"w4": values})
    frame = frame[frame["metric"] != "accuracy_float"]
    judged = judge(frame, activations=["silu", "relu"], schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION)["schemes"][
        "w4"
    ]
    assert (judged["best"], judged["winner"], judged["deployable"]) == ("silu", None, [])
    assert judged["ranking"][0]["drop"] is None


def test_a_scheme_without_values_is_judged_as_such(metrics):
    values = {"silu": 0.98 + noise(8)}
    frame = metrics(values, {"w4": values})
    found = judge(frame, activations=["silu"], schemes=["w4", "a3"], allowed_drop=0.02, rule=PERMUTATION)
    judged = found["schemes"]["a3"]
    assert (judged["best"], judged["winner"], judged["tied_with"], judged["deployable"]) == (None, None, [], [])
    assert [one["activation"] for one in judged["ranking"]] == ["silu"]
    assert judged["missing"] == {"accuracy_quantized": {"silu": 8}, "flip_rate": {"silu": 8}}
    empty = judge(frame[:0], activations=["silu"], schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION)
    assert (empty["seeds"], empty["schemes"]["w4"]["best"]) == (0, None)
    json.dumps([found, empty], allow_nan=False)


def test_others_in_the_metrics_are_ignored(metrics):
    values = {"relu": 0.9 + noise(8), "silu": 0.98 + noise(8), "other": 0.99 + noise(12)}
    frame = metrics(values, {"w4": values})
    found = judge(frame, activations=["relu", "silu"], schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION)
    assert found["seeds"] == 8
    assert found["schemes"]["w4"]["best"] == "silu"


def test_plain_strings_and_shuffled_rows_give_the_same(metrics):
    values = {a: 0.98 - 0.002 * i + noise(8, seed=i) for i, a in enumerate(NAMES)}
    frame = metrics(values, {"w4": values})
    plain = frame.astype(dict.fromkeys(["activation", "scheme", "backend", "scope", "metric"], str))
    options = {"activations": NAMES, "schemes": ["w4"], "allowed_drop": 0.02}
    assert judge(plain.sample(frac=1, random_state=1), **options, rule=PERMUTATION) == judge(
        frame, **options, rule=PERMUTATION
    )


def test_a_value_recorded_twice_is_refused(metrics):
    values = {"silu": 0.98 + noise(8)}
    frame = metrics(values, {"w4": values})
    again = frame[(frame["metric"] == "accuracy_quantized") & (frame["seed"] == 3)]
    message = "^metrics: accuracy_quantized of silu, seed 3, w4, simulated is recorded twice$"
    with pytest.raises(StudyFailure, match=message):
        judge(pd.concat([frame, again]), activations=["silu"], schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION)


def test_missing_columns_are_named(metrics):
    values = {"silu": 0.98 + noise(8)}
    frame = metrics(values, {"w4": values}).drop(columns=["scope", "value", "layer"])
    with pytest.raises(StudyFailure, match=r"^metrics: no column scope, value$"):
        judge(frame, activations=["silu"], schemes=["w4"], allowed_drop=0.02, rule=PERMUTATION)
    assert COLUMNS == ("activation", "seed", "scheme", "backend", "scope", "metric", "value")


def test_no_activation_is_bad_input(metrics):
    with pytest.raises(BadInput, match=r"^activations: \[\] is not allowed; at least one name$"):
        judge(metrics({"a": [1.0]}, {}), activations=[], schemes=[], allowed_drop=0.02, rule=PERMUTATION)


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
)
def test_what_always_holds(activations, seeds, key, gap, allowed, holes):
    random, names = np.random.default_rng(key), [f"act{i}" for i in range(activations)]
    rows = []
    for i, name in enumerate(names):
        for seed in range(seeds):
            full = random.normal(0.98, 0.005)
            got = NAN if random.random() < holes else full - 0.015 - gap * i + random.normal(0, 0.004)
            rows += [(name, seed, "float", "float", "network", "accuracy_float", full)]
            rows += [(name, seed, "w4", "simulated", "network", "accuracy_quantized", got)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    found = judge(frame, activations=names, schemes=["w4"], allowed_drop=allowed, rule=PERMUTATION)
    judged = found["schemes"]["w4"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
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
        within = one["drop_high"] is not None and one["drop_high"] <= allowed
        assert one["deployable"] == (within and one["missing"] == 0)
        assert one["seeds"] + one["missing"] == seeds
        assert one["deployable"] == (one["activation"] in judged["deployable"])
        assert (one["low"] is None) == (one["seeds"] < 2)
    assert with_reasons(found)["schemes"]["w4"]["reason"]
