"""Who wins: ties, what is clear but not deployable, few seeds."""

import numpy as np
import pytest

from tests.judge.verdicts import NAMES, noise, run


def test_a_clear_and_deployable_best_wins():
    judged = run({"relu": 0.90 + noise(16), "silu": 0.98 + noise(16, seed=1), "gelu": 0.5 + noise(16)})
    assert (judged["best"], judged["winner"], judged["tied_with"]) == ("silu", "silu", ["silu"])
    assert judged["deployable"] == ["silu"]
    assert [one["activation"] for one in judged["ranking"]] == ["silu", "relu", "gelu"]
    assert [one["deployable"] for one in judged["ranking"]] == [True, False, False]


def test_a_clear_best_that_is_not_deployable_does_not_win():
    judged = run({"relu": 0.80 + noise(16), "silu": 0.90 + noise(16, seed=1)})
    assert (judged["best"], judged["winner"], judged["tied_with"]) == ("silu", None, ["silu"])
    assert judged["deployable"] == []


def test_another_may_be_deployable_than_the_best():
    judged = run(
        {"relu": 0.80 + noise(16), "silu": 0.90 + noise(16, seed=1)},
        {"relu": 0.80 + noise(16), "silu": np.full(16, 0.99)},
    )
    assert (judged["best"], judged["winner"], judged["deployable"]) == ("silu", None, ["relu"])


def test_ties_keep_the_study_s_order_and_name_no_winner():
    same = 0.98 + noise(16)
    judged = run({"gelu": same, "relu": same - 0.1, "silu": same, "prelu": np.roll(same, 1)})
    assert [one["activation"] for one in judged["ranking"]] == ["gelu", "silu", "prelu", "relu"]
    assert judged["tied_with"] == ["gelu", "silu", "prelu"]
    assert judged["winner"] is None
    assert judged["deployable"] == ["gelu", "silu", "prelu"]
    chances = {one["activation"]: one["probability_best"] for one in judged["ranking"]}
    assert chances["gelu"] == chances["silu"]
    assert chances["relu"] == 0


def test_dead_networks_tie_exactly():
    judged = run({a: np.full(16, 0.5) for a in NAMES}, {a: np.full(16, 0.5) for a in NAMES})
    assert judged["tied_with"] == NAMES
    assert judged["winner"] is None
    for one in judged["ranking"]:
        assert (one["mean"], one["low"], one["high"], one["drop_high"]) == (0.5, 0.5, 0.5, 0)
        assert (one["difference_to_best"], one["p_holm"]) == (0, 1)
        assert one["probability_best"] == pytest.approx(1 / 3)


def test_one_seed_claims_nothing():
    judged = run({"relu": [0.9], "silu": [0.99]})
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


def test_one_seed_of_one_activation_claims_nothing():
    judged = run({"silu": [0.99]})
    assert (judged["best"], judged["winner"], judged["tied_with"]) == ("silu", None, ["silu"])


def test_two_seeds_name_no_winner():
    judged = run({"relu": [0.5, 0.51], "silu": [0.99, 0.9899]})
    assert judged["winner"] is None
    assert judged["deployable"] == []  # that two of two pass shows little
    assert run({"relu": [0.5, 0.51], "silu": [0.99, 0.9899]}, assurance=0.2)["deployable"] == ["silu"]


def test_intervals_end_where_no_mean_can_lie():
    judged = run({"relu": [0.2, 0.9], "silu": [0.99, 0.6]}, {"relu": [0.21, 1.0], "silu": [1.0, 0.62]})
    for one in judged["ranking"]:
        assert (one["low"], one["high"], one["iqm_low"], one["iqm_high"]) == (0, 1, 0, 1)
        assert -1 <= one["drop_low"] <= one["drop_high"] <= 1
        assert 0 <= one["flip_rate_low"] <= one["flip_rate_high"] <= 1


def test_one_activation_wins_if_deployable():
    judged = run({"silu": 0.98 + noise(16)})
    assert (judged["winner"], judged["tied_with"]) == ("silu", ["silu"])
    assert judged["ranking"][0]["probability_best"] == 1
