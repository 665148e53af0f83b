"""What may be deployed: which networks pass, what bounds their share, what else is asked."""

import numpy as np
import pytest
import scipy.stats

from quantstudy.judge.deployable import passing, settled, shipping, suffices, suffices_in_halves
from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics.halves import halves
from quantstudy.words.verdict import with_reasons
from tests.judge.conftest import build
from tests.judge.limits import asked
from tests.judge.verdicts import NAN, entry, judged_of, noise, run


@pytest.mark.parametrize(
    ("allowed", "deployable"), [(0.02, ["silu"]), (np.float64(0.02), ["silu"]), (0.0199999, []), (0.1, ["silu"])]
)
def test_a_drop_exactly_as_large_as_allowed_is_deployable(allowed, deployable):
    assert 1.0 - 0.98 > 0.02  # in float64: rounding must not decide
    judged = run({"silu": np.full(8, 0.98)}, {"silu": np.ones(8)}, allowed_drop=allowed)
    assert judged["ranking"][0]["drop_bound"] == 0.02
    assert judged["ranking"][0]["pass_share"] == bool(deployable)
    assert judged["deployable"] == deployable
    assert judged["winner"] == (deployable[0] if deployable else None)


def test_drops_are_paired_by_seed():
    full = 0.9 + noise(16, std=0.05)
    judged = run({"silu": full - 0.01}, {"silu": full})
    one = judged["ranking"][0]
    assert (one["drop"], one["drop_low"], one["drop_high"]) == (0.01, 0.01, 0.01)
    assert one["high"] - one["low"] > 0.02


def test_the_networks_that_pass_decide_not_the_mean():
    (one,) = run({"silu": np.tile([0.955, 0.995], 8)})["ranking"]
    assert one["drop"] < 0.02
    assert one["pass_share"] == 0.5
    assert not one["deployable"]
    (one,) = run({"silu": np.array([*[0.98] * 15, 0.5])})["ranking"]
    assert one["drop"] > 0.02
    assert one["pass_share"] == 15 / 16
    assert one["deployable"]


def test_what_has_not_learned_is_never_deployable():
    full = {"relu": np.full(16, 0.51), "silu": np.full(16, 0.9), "gelu": np.full(16, 0.899999)}
    frame = build(full, {"w4": full})
    found = judged_of(frame, list(full), learned=0.9)
    judged = found["schemes"]["w4"]
    assert judged["deployable"] == ["silu"]
    assert found["not_learned"] == {"relu": 0.51, "gelu": 0.899999}
    assert {one["activation"]: one["learned"] for one in judged["ranking"]} == {"relu": 0, "silu": 1, "gelu": 0}
    assert entry(judged, "relu")["accuracy_float"] == 0.51
    alone = with_reasons(judged_of(frame, ["relu"], learned=0.9))["schemes"]["w4"]
    assert (alone["best"], alone["winner"], alone["deployable"]) == ("relu", None, [])
    assert alone["reason"].startswith("None is deployable at w4: the best, relu (not learned), loses 0.0 points")
    assert judged_of(frame, ["relu"], learned=0.5)["not_learned"] == {}


def test_where_the_backends_differ_nothing_is_deployable():
    values = {"relu": 0.98 + noise(16, seed=1), "silu": 0.99 + noise(16, seed=2)}
    frame = build(values, {"w4": values, "a4": values})
    apart = {"w4": {"silu": {"share": 0.2761, "at": "w4"}}, "a4": {}}
    found = with_reasons(judged_of(frame, values, ["w4", "a4"], apart, allowed_drop=0.05))["schemes"]
    assert (found["w4"]["deployable"], found["w4"]["winner"]) == (["relu"], None)
    assert found["a4"]["deployable"] == ["silu", "relu"]
    assert "torchao decides 27.61 % of the pixels of silu otherwise than the simulated path" in found["w4"]["reason"]
    assert (found["w4"]["backends_differ"], found["a4"]["backends_differ"]) == (apart["w4"], {})


def shipped(drop, accuracy=None, **limits):
    drop = np.asarray(drop, dtype=float)
    (found,) = shipping(drop[None], (0.99 - drop if accuracy is None else np.asarray(accuracy))[None], asked(**limits))
    return found


def test_a_network_without_a_finite_value_has_failed():
    drop = [0.01, NAN, -np.inf, np.inf, 0.03, -0.5]
    assert passing(np.array(drop), asked()).tolist() == [True, False, False, False, False, True]
    found = shipped(drop)
    assert (found["pass_share"], found["drop_bound"], found["worst"]) == (pytest.approx(2 / 6), None, None)
    assert found["pass_low"] == pytest.approx(scipy.stats.beta.ppf(0.05, 2, 5), abs=1e-11)
    assert shipped([0.01, 0.01], accuracy=[0.9, np.inf])["worst"] is None


def test_what_is_known_of_the_network_that_ships():
    drop, right = 0.02 + noise(16, std=0.002), 0.9 + noise(16, seed=1)
    found = shipped(drop, right)
    passed = int(sum(value <= 0.02 for value in drop))
    assert 0 < passed < 16
    bound = drop.mean() + scipy.stats.t.ppf(0.95, 15) * drop.std(ddof=1) * np.sqrt(1 + 1 / 16)
    expected = {"pass_share": passed / 16, "pass_low": scipy.stats.beta.ppf(0.05, passed, 17 - passed)}
    assert found == pytest.approx(expected | {"drop_bound": bound, "worst": min(right)}, abs=1e-11)
    assert shipped(drop, right, rule=ANYTIME)["pass_low"] == pytest.approx(ANYTIME.share_low(drop <= 0.02), abs=1e-11)
    assert shipped([0.01])["drop_bound"] is None


@pytest.mark.parametrize(("rule", "needed"), [(PERMUTATION, 14), (ANYTIME, 18)])
def test_with_the_default_assurance_so_many_networks_are_needed(rule, needed):
    limits = asked(assurance=0.8, rule=rule)
    assert limits.seeds_to_deploy == needed
    for seeds in (needed - 1, needed):
        assert suffices(shipped(np.zeros(seeds), assurance=0.8, rule=rule), limits) == (seeds == needed)
    judged = run({"silu": np.full(needed, 0.98)}, assurance=0.8, rule=rule)
    assert judged["deployable"] == ["silu"]
    assert run({"silu": np.full(needed - 1, 0.98)}, assurance=0.8, rule=rule)["deployable"] == []


def test_the_least_accuracy_is_that_of_every_network():
    right = np.array([*[0.98] * 15, 0.95])
    for least, deployable in ((0.0, ["silu"]), (0.95, ["silu"]), (0.950001, [])):
        judged = run({"silu": right}, allowed_drop=0.05, min_accuracy=least)
        assert judged["deployable"] == deployable
        assert judged["ranking"][0]["worst"] == 0.95
    right[3] = NAN
    assert run({"silu": right}, allowed_drop=0.05)["deployable"] == ["silu"]
    assert run({"silu": right}, allowed_drop=0.05, min_accuracy=0.01)["deployable"] == []  # a failed one has none


def test_in_the_halves_their_share_alone_counts():
    drop = np.array([0.03] * 5 + [0.01] * 11)
    found = suffices_in_halves(drop, asked(assurance=0.7))
    assert found.tolist() == [half[5:].sum() / 8 >= 0.7 for half in halves(16)]
    assert 0 < found.mean() < 1
    one = entry(run({"silu": 0.99 - drop}, assurance=0.7), "silu")
    assert (one["deployable"], one["stability"]) == (False, np.mean(~found))
    assert suffices_in_halves(np.array([0.01]), asked()).sum() == 0


def test_an_answer_that_does_not_hang_on_the_networks_is_stable():
    drop = np.array([0.03] * 5 + [0.01] * 11)
    full = {"silu": np.full(16, 0.99)}
    frame = build(full, {"w4": {"silu": 0.99 - drop}})
    for why in ({"learned": 0.999}, {"differences": {"w4": {"silu": {"share": 0.5, "at": "w4"}}}}):
        (one,) = judged_of(frame, ["silu"], **why)["schemes"]["w4"]["ranking"]
        assert (one["deployable"], one["stability"]) == (False, 1.0)


def test_it_is_settled_when_it_can_no_longer_change():
    limits = {"assurance": 0.8, "rule": ANYTIME, "learned": 0.9}

    def told(drop, right=0.98, **other):
        return settled(np.asarray(drop, float), np.full(len(drop), right), asked(**limits | other))

    assert not told([0.0] * 17)
    assert told([0.0] * 18)  # deployable
    assert told([0.1] * 18)  # not: the share is shown to be below the assurance
    assert not told([0.1])
    assert not told([0.0, 0.1] * 2)
    assert told([0.0, 0.1] * 20)
    assert not told([0.0, 0.0, 0.0, 0.0, 0.1] * 6)  # four of five pass: just what is asked
    assert told([0.0] * 3, right=0.5, min_accuracy=0.6)  # a network too bad is there for good
    assert told([0.0] * 3, right=0.5)  # it has not learned
    assert told([NAN] * 3)
