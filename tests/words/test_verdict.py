"""The words of the verdict, whole sentences at a time."""

import numpy as np
import pytest

from quantstudy.judge.verdict import judge
from quantstudy.words import verdict
from quantstudy.words.numbers import limit, listing, points
from quantstudy.words.verdict import FEW_SEEDS, with_reasons
from tests.judge.limits import asked

NAN = float("nan")
SPREAD = np.tile([-0.001, 0.001], 8)  # 16 seeds
CALLS = "special-function calls"
PASS = "of its 16 networks lose at most the allowed 2.0 points"
PROVEN = f"16 {PASS}, so at least 82 % of such networks do (95 % confidence)"
MORE_BITS = "no winner; take more bits, or allow a larger loss."
ENOUGH = "Deployable at w4, with enough networks within the allowed 2.0 points: "


@pytest.fixture
def say(metrics):
    """Return the reason of one scheme; accuracies are `{activation: [seeds]}`, the float ones 1 unless given."""

    def build(quantized, full=None, allowed=0.02, scheme="w4", stability=None, by_chance=False, open_for="", **options):
        full = full or {a: np.ones(len(v)) for a, v in quantized.items()}
        frame = metrics(full, {scheme: quantized}, flips={scheme: {a: np.zeros(len(v)) for a, v in quantized.items()}})
        demands = {key: options.pop(key) for key in ("learned", "assurance", "min_accuracy") if key in options}
        limits = asked(allowed, **{"assurance": 0.8, **demands})
        found = judge(frame, activations=list(quantized), schemes=[scheme], focus=scheme, limits=limits, **options)
        judged = found["schemes"][scheme]
        judged["stability"] = stability or judged["stability"]
        judged["sure"] &= not (stability or by_chance)
        for entry in judged["ranking"]:
            entry["stability"] = 0.5 if entry["activation"] == open_for else entry["stability"]
        return with_reasons(found)["schemes"][scheme]["reason"]

    return build


def test_a_winner(say):
    reason = say({"relu": np.full(16, 0.95), "silu": np.full(16, 0.99), "gelu": np.full(16, 0.9)})
    assert reason == (
        f"Deploy silu at w4: it loses 1.0 points in the mean (95 % CI 1.0 to 1.0); {PROVEN}. "
        "It is ahead of all others, of the next (relu) by 4.0 points (95 % CI 4.0 to 4.0)."
    )


def test_intervals_stand_in_order(say):
    reason = say({"relu": 0.95 - 20 * SPREAD, "silu": 0.99 + SPREAD}, allowed=0.05)
    assert "it loses 1.0 points in the mean (95 % CI 0.9 to 1.1); 16 of its 16" in reason
    assert reason.endswith("of the next (relu) by 4.0 points (95 % CI 2.8 to 5.2).")


def test_the_only_activation(say):
    reason = say({"silu": 0.99 + SPREAD})
    assert reason.endswith("do (95 % confidence). It is the only activation measured.")
    reason = say({"silu": 0.9 + SPREAD})
    assert reason.endswith(". No winner; take more bits, or allow a larger loss.")


def test_none_deployable_and_tied(say):
    reason = say(
        {"silu": 0.9 + 4 * SPREAD, "relu": 0.8 + SPREAD, "gelu": 0.9 - 4 * SPREAD, "prelu": 0.9 + 4 * SPREAD},
        scheme="w4a4",
    )
    best = f"loses 10.0 points in the mean (95 % CI 9.8 to 10.2) and passes too seldom: 0 {PASS}"
    none = f"None is deployable at w4a4: the first in the ranking, silu, {best}."  # silu and prelu are equal
    assert reason == f"{none} silu, gelu and prelu are tied: {MORE_BITS}"


def test_none_deployable_and_ahead(say):
    reason = say({"silu": np.full(16, 0.9), "relu": np.full(16, 0.8)})
    assert reason == (
        "None is deployable at w4: the best, silu, loses 10.0 points in the mean (95 % CI 10.0 to 10.0) and passes too "
        f"seldom: 0 {PASS}. silu is ahead of all others but not deployable: {MORE_BITS}"
    )


def test_a_mean_that_is_allowed_and_too_few_networks_that_pass(say):
    reason = say({"silu": 0.985 + 10 * SPREAD})
    assert f"loses 1.5 points in the mean (95 % CI 0.9 to 2.1) and passes too seldom: 8 {PASS}. " in reason


def test_a_share_that_may_be_enough_is_not_shown_to_be(say):
    reason = say({"silu": np.array([0.95, 0.96] + [0.99] * 14)})
    assert reason.startswith("None is shown to be deployable at w4: the best, silu, ")
    assert reason.endswith("No winner; run more seeds, or take more bits.")
    assert (
        f"and is not shown to be safe: 14 {PASS}, so at least 65 % of such networks do (95 % confidence), fewer "
        "than the 80 % asked for. " in reason
    )


def test_a_network_below_the_accuracy_that_all_must_have(say):
    reason = say({"silu": np.full(16, 0.985)}, min_accuracy=0.99)
    assert "and has a network that gets 98.5 %, where every one must get 99.0 %." in reason
    assert say({"silu": np.full(16, 0.985)}, min_accuracy=0.98).startswith("Deploy silu at w4")


def test_all_that_are_deployable_are_tied(say):
    reason = say({"silu": 0.99 + SPREAD, "gelu": 0.99 - SPREAD, "relu": 0.5 + SPREAD})
    assert reason == f"{ENOUGH}silu and gelu. They are tied: no winner."


def test_some_that_are_deployable_are_tied(say):
    reason = say({"silu": 0.99 + SPREAD, "gelu": 0.99 - SPREAD, "relu": np.full(16, 0.985)})
    assert reason == f"{ENOUGH}silu, gelu and relu. silu and gelu are tied: no winner."


def test_a_lead_that_half_the_seeds_may_not_have_is_open(say):
    quantized = {"silu": 0.99 + SPREAD, "relu": 0.98 + SPREAD}
    found = {"w4": {"silu": 0.5}}
    assert say(quantized).startswith("Deploy silu")
    reason = say(quantized, stability=found["w4"]["silu"])
    assert reason.endswith(
        "silu leads, but that is open: it is first in only 50 % of random halves of the seeds; take any that is "
        "deployable, or run more seeds."
    )
    assert reason.startswith(f"{ENOUGH}silu. ")
    assert "silu leads, but that is open: it may be chance, all schemes counted; take any" in say(
        quantized, by_chance=True
    )


def test_what_is_deployable_in_some_halves_only_is_open(say):
    reason = say({"silu": 0.99 + SPREAD, "gelu": 0.99 - SPREAD}, open_for="gelu")
    assert (
        " That gelu is so is open: enough networks pass in only 50 % of random halves of the seeds; run more seeds."
        in reason
    )


def costs(**calls):
    return {"activations": {name: {"mufu_forward": value} for name, value in calls.items()}}


def test_a_tie_broken_by_cost_in_words(say):
    tied = {"silu": 0.99 + SPREAD, "gelu": 0.99 - SPREAD, "relu": 0.5 + SPREAD}
    fate = f"{ENOUGH}silu and gelu. They are tied: no winner"
    reason = say(tied, cost=costs(silu=2, gelu=1))
    assert reason == f"{fate}. By counted cost ({CALLS}) gelu comes first: 1 special-function call per element."
    reason = say(tied, cost=costs(silu=2, gelu=2))
    assert reason.endswith(" silu and gelu come first: 2 special-function calls per element.")
    reason = say(tied, cost=costs(silu=1))
    assert reason == f"{fate}, and the cost of gelu is not counted: quantstudy cost --out RUN measures it."


def test_every_criterion_in_words(say):
    relu = {"mufu_forward": 0, "added_bytes": {"plain": 0.0}, "bounded": False}
    cost = {"activations": {"relu": relu, "silu": relu | {"mufu_forward": 2}}}
    reason = say({"silu": 0.99 + SPREAD, "relu": 0.99 - SPREAD}, cost=cost)
    assert reason.endswith(
        "no winner. By counted cost (special-function calls, then bytes kept for backward, then boundedness) relu "
        "comes first: 0 special-function calls per element, 0 bytes per element kept for backward, unbounded."
    )
    cost["activations"]["silu"] = relu | {"bounded": True}
    reason = say({"silu": 0.99 + SPREAD, "relu": 0.99 - SPREAD}, cost=cost)
    assert reason.endswith("bytes per element kept for backward, bounded.")


def test_calls_that_are_not_counted_are_told(say):
    bytes_alone = {"mufu_forward": None, "added_bytes": {"plain": 0.0}, "bounded": True}
    cost = {"activations": {"silu": bytes_alone | {"mufu_forward": 2, "bounded": False}, "tanh": bytes_alone}}
    reason = say({"silu": 0.99 + SPREAD, "tanh": 0.99 - SPREAD}, cost=cost)
    assert reason.endswith(
        "no winner. By counted cost (bytes kept for backward, then boundedness; special-function calls are not counted "
        "of all of them) tanh comes first: 0 bytes per element kept for backward, bounded."
    )


def test_cost_is_not_spoken_of_where_it_decides_nothing(say):
    cost = costs(silu=2, relu=0)
    winner = {"silu": 0.99 + SPREAD, "relu": np.full(16, 0.9)}
    assert say(winner, cost=cost) == say(winner)
    hopeless = {"silu": 0.9 + SPREAD, "relu": 0.9 - SPREAD}
    reason = say(hopeless, cost=cost)
    assert reason.endswith(f"silu and relu are tied: {MORE_BITS}")
    one_seed = {"silu": [0.99], "relu": [0.99]}
    assert say(one_seed, cost=cost) == say(one_seed)


def test_the_best_is_not_deployable_but_another_is(say):
    full = {"silu": np.ones(16), "relu": np.full(16, 0.9)}
    reason = say({"silu": np.full(16, 0.95), "relu": np.full(16, 0.9)}, full)
    assert reason == (
        f"{ENOUGH}relu; the best, silu, loses 5.0 points in the mean (95 % CI 5.0 to 5.0) and passes too seldom: 0 "
        f"{PASS}. silu is ahead of all others but not deployable: {MORE_BITS}"
    )


def test_one_seed(say):
    reason = say({"silu": [0.99], "relu": [0.9]})
    assert reason == "One seed: no interval, so nothing is called deployable and no winner is named; run more seeds."


def test_few_seeds(say):
    assert FEW_SEEDS == 5
    reason = say({"silu": [0.99, 0.98, 0.97], "relu": [0.9, 0.9, 0.9]})
    assert reason.endswith("Only 3 seeds: the intervals are rough, and fewer than 6 cannot tell 2 activations apart.")
    five = np.full(5, 0.9)
    assert " Only 5 seeds: the intervals are rough, and fewer than 6" in say({"silu": five, "relu": five})
    assert "Only" not in say({"silu": np.full(6, 0.9), "relu": np.full(6, 0.9)})
    assert say({"silu": np.full(4, 0.9)}).endswith("Only 4 seeds: the intervals are rough.")
    assert say({"silu": np.full(2, 0.9)}).endswith("Only 2 seeds: the intervals are rough.")
    assert "Only" not in say({"silu": five})


def test_thirteen_seeds_show_nothing_to_be_deployable_however_good_they_are(say):
    reason = say({"silu": np.full(13, 0.99), "relu": np.full(13, 0.98)})
    assert reason == (
        "Nothing can be called deployable with 13 seeds: to show that 80 % of networks pass takes 14. "
        "silu is ahead of all others but not deployable: no winner; run --seeds 14 or more."
    )
    assert say({"silu": np.full(14, 0.99), "relu": np.full(14, 0.98)}).startswith("Deploy silu")


def test_the_seeds_that_were_run_count_and_not_those_that_have_a_value(say):
    reason = say({"silu": np.full(6, 0.9), "relu": [0.9, NAN, NAN, NAN, NAN, NAN]})
    assert "Only" not in reason
    reason = say({"silu": [0.9, NAN], "relu": [NAN, 0.9]})
    assert "One seed" not in reason
    assert "No finite value: silu in 1 of 2 networks and relu in 1 of 2 networks; these count as failed" in reason


def test_missing_values(say):
    full = {"silu": np.ones(16), "relu": np.array([NAN] + [1.0] * 15), "gelu": np.ones(16)}
    quantized = {"silu": np.full(16, 0.99), "relu": np.full(16, 0.9), "gelu": np.full(16, 0.8)}
    quantized["relu"][:2] = quantized["gelu"][0] = NAN
    reason = say(quantized, full)
    assert reason.endswith(
        " No finite value: relu in 2 of 16 networks and gelu in 1 of 16 networks; these count as failed, and a mean is "
        "that of the others."
    )


def test_nothing_recorded(say):
    reason = say({"silu": [NAN, NAN]})
    assert reason == (
        "No accuracy was recorded at w4: there is nothing to judge. "
        "Only 2 seeds: the intervals are rough. "
        "No finite value: silu in 2 of 2 networks; these count as failed, and a mean is that of the others."
    )


def test_no_float_accuracy(say):
    reason = say({"silu": np.full(16, 0.99)}, {"silu": np.full(16, NAN)})
    assert reason.startswith(
        "None is deployable at w4: the best, silu (not learned), has no interval for its mean loss and has no "
        "accuracy in float."
    )


def test_small_words():
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert points(0.12345) == "12.3"
    assert points(0.12345, 3) == "12.345"
    assert points(-0.0004) == points(0.0) == "0.0"
    assert points(-0.012) == "-1.2"
    assert [limit(x) for x in (0.0, 0.005, 0.02, 0.025, 0.0205, 1.0)] == ["0.0", "0.5", "2.0", "2.5", "2.05", "100.0"]


def test_networks_that_did_not_learn(say):
    quantized = {"relu": np.full(16, 0.5), "silu": np.full(16, 0.89), "gelu": np.full(16, 0.9)}
    full = {"relu": np.full(16, 0.5), "silu": np.full(16, 0.899), "gelu": np.full(16, 0.9)}
    reason = say(quantized, full, learned=0.9)
    assert reason.startswith("Deploy gelu at w4: it loses 0.0 points")
    assert "of the next (silu (not learned)) by" in reason
    assert reason.endswith(
        "Less than 90.0 % right in float is not learned, and not deployable, however little it loses: silu gets 89.9 % "
        "and relu (not learned) gets 50.0 %."
    )


def test_who_has_not_learned_is_told_to_be_so_where_it_is_named_first():
    line = "relu@3, leaky_relu, relu and mine:relu lead; relu is next, then hardgelu and gelu."
    marked = verdict.marked(line, ["relu", "gelu", "mine:relu"])
    assert marked == (
        "relu@3, leaky_relu, relu (not learned) and mine:relu (not learned) lead; relu is next, then hardgelu and gelu "
        "(not learned)."
    )
    assert verdict.marked(marked, ["relu", "gelu", "mine:relu"]) == marked
    assert verdict.marked("relu: 3", ["relu"]) == "relu (not learned): 3"
    assert verdict.marked(line, []) == line


def test_backends_that_differ(say):
    apart = {"w4": {"silu": {"share": 0.2761, "at": "w4"}}}
    reason = say({"silu": np.full(16, 0.99), "relu": np.full(16, 0.99)}, differences=apart)
    assert reason.endswith(
        "torchao decides 27.61 % of the pixels of silu otherwise than the simulated path (at w4): what a device "
        "would do may be either, so it is not deployable."
    )
    assert reason.startswith(
        f"{ENOUGH}relu; the best, silu, loses 1.0 points in the mean (95 % CI 1.0 to 1.0) and is quantized otherwise "
        "by torchao."
    )
