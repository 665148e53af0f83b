"""What a lead is due to, against slow loops over made-up records."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantstudy.judge.cause import judge_cause, questions
from quantstudy.judge.statistics.bootstrap import holm, paired_p
from quantstudy.judge.statistics.halves import halves
from quantstudy.words.cause import with_sentences
from tests.judge.limits import asked
from tests.judge.tables import NAMES, cause, networks, three


def told(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    learned: float = 0.0,
    not_learned: Sequence[str] = (),
) -> dict[str, list[dict[str, Any]]]:
    return with_sentences(judge_cause(frame, activations, seeds, asked(learned=learned)), not_learned)


def test_every_question_about_the_cause() -> None:
    values = networks(12)
    rows = told(cause(12, values), NAMES, 12)["w4a4"]
    expected = []
    for base in ("relu", "silu"):
        expected += [
            ("gap", ("hardgelu", "plain"), (base, "plain")),
            ("bound", (f"{base}@3", "plain"), (base, "plain")),
            ("bound_at_inference", (base, "capped"), (base, "plain")),
            ("calibration", (base, "calibrated"), (base, "plain")),
            ("gap_calibrated", ("hardgelu", "calibrated"), (base, "calibrated")),
            ("shape", ("hardgelu", "plain"), (f"{base}@3", "plain")),
        ]
    expected += [
        ("bound", ("hardgelu", "plain"), ("hardgelu_uncapped", "plain")),
        ("bound_at_inference", ("hardgelu_uncapped", "capped"), ("hardgelu_uncapped", "plain")),
        ("calibration", ("hardgelu", "calibrated"), ("hardgelu", "plain")),
    ]
    assert [row["question"] for row in rows] == [kind for kind, *_ in expected]
    differences = [values[one] - values[other] for _, one, other in expected]
    adjusted = holm(np.array([paired_p(row) for row in differences]))
    for row, difference, p in zip(rows, differences, adjusted, strict=True):
        assert {key: row[key] for key in ("mean", "low", "high")} == three(difference, -1.0)
        assert row["p_holm"] == pytest.approx(p)
        assert row["differs"] == (abs(difference.mean()) > 0.02), row["sentence"]
        again = [np.sign(difference[half > 0].mean()) == np.sign(difference.mean()) for half in halves(12)]
        assert row["stability"] == np.mean(again)
        if row["differs"]:
            assert "not told apart" not in row["sentence"]
        else:
            assert row["sentence"].endswith("not told apart from nothing.")
    assert {row["stability"] == 1.0 for row in rows if not row["differs"]} == {False}
    json.dumps(rows, allow_nan=False)


def test_the_sentences_say_who_gains_and_who_loses() -> None:
    values = networks(12, 0.0)
    values["relu", "plain"] += np.tile([0.001, -0.001], 6)
    rows = told(cause(12, values), NAMES, 12)["w4a4"]
    said = {(row["of"], row["question"]): row["sentence"] for row in rows}
    assert said["silu", "gap"] == "hardgelu is ahead of silu by 20.0 points (95 % CI 20.0 to 20.0)."
    assert said["silu", "bound"] == "Training silu with a cap at 3 gains 20.0 points (95 % CI 20.0 to 20.0)."
    assert said["relu", "bound_at_inference"].startswith(
        "Capping relu at 3 at inference alone costs 5.0 points (95 % CI"
    )
    assert said["silu", "calibration"].startswith("Ranges of least squared error gain silu 8.0 points")
    assert said["silu", "gap_calibrated"].startswith(
        "With such ranges for both, hardgelu is ahead of silu by 12.0 points"
    )
    assert said["silu", "shape"].startswith(
        "Both capped at 3, the shape of hardgelu is ahead of that of silu by 0.0 points"
    )


def test_interval_and_permutation_test_must_agree_on_a_cause() -> None:
    values = {key: row[:4] for key, row in networks(12, 0.0).items()}
    rows = told(cause(4, values), NAMES, 4)["w4a4"]
    assert all(row["low"] is None for row in rows)  # four equal differences have no interval
    assert all(row["sentence"].endswith("points on each of 4 seeds, too few to tell.") for row in rows)
    values = {key: row[:5] for key, row in networks(12, 0.0).items()}
    rows = told(cause(5, values), NAMES, 5)["w4a4"]
    clear = [row for row in rows if row["low"] > 0 or row["high"] < 0]
    assert clear  # by the intervals, which are points here
    assert not any(row["differs"] for row in rows)  # but five seeds can never pass the test
    values = networks(16)
    step = np.array([0.004] * 13 + [-0.016] * 3)
    values["silu", "calibrated"] = values["silu", "plain"] + step
    (row,) = [
        row
        for row in told(cause(16, values), NAMES, 16)["w4a4"]
        if (row["of"], row["question"]) == ("silu", "calibration")
    ]
    assert row["low"] < 0 < row["high"]
    assert not row["differs"]


def test_what_a_cause_is_held_against_and_has_not_learned_is_told() -> None:
    values = networks(12)
    values["silu@3", "plain"] -= 0.5
    values["hardgelu_uncapped", "plain"] -= 0.5
    values["silu", "plain"] -= 0.5
    said = {
        (row["of"], row["question"]): (row["not_learned"], row["sentence"])
        for row in told(cause(12, values), NAMES, 12, 0.6, ["silu"])["w4a4"]
    }
    assert said["relu", "gap"][0] == []
    assert "learned" not in said["relu", "gap"][1]
    low, text = said["silu", "bound"]
    assert low == ["silu@3", "silu"]
    assert text.startswith("Training silu (not learned) with a cap at 3 gains")
    assert text.endswith(". silu@3 has not learned.")
    low, text = said["hardgelu", "bound"]
    assert low == ["hardgelu_uncapped"]
    assert text.endswith(". hardgelu_uncapped has not learned.")
    assert "hardgelu_uncapped (not learned)" in said["hardgelu", "bound_at_inference"][1]


def test_an_interval_without_0_that_may_be_chance_says_so() -> None:
    values = {key: row[:6] for key, row in networks(12, 0.002).items()}
    row = told(cause(6, values), NAMES, 6)["w4a4"][0]
    assert row["low"] > 0
    assert not row["differs"]  # six seeds can't pass the test of fifteen comparisons
    assert row["sentence"].endswith(f"), which may be chance, all comparisons counted (p = {row['p_holm']:.2g}).")


def test_one_seed_tells_no_cause() -> None:
    rows = told(cause(1, networks(1)), NAMES, 1)["w4a4"]
    assert not any(row["differs"] for row in rows)
    assert all(row["sentence"].endswith("on one seed, which tells nothing.") for row in rows)
    assert all(row["low"] is row["stability"] is None for row in rows)


def test_missing_networks_are_said() -> None:
    values = networks(8)
    del values["relu@3", "plain"]
    values["silu", "plain"] = np.full(8, np.nan)
    rows = told(cause(8, values), NAMES, 8)["w4a4"]
    missing = [row for row in rows if row["mean"] is None]
    assert {(row["of"], row["question"]) for row in missing} >= {("relu", "bound"), ("relu", "shape"), ("silu", "gap")}
    assert all(row["sentence"].endswith("not known, a value is missing at 8 of 8 seeds.") for row in missing)
    values = networks(8)
    values["silu", "plain"][3] = np.nan
    (gap,) = [
        row for row in told(cause(8, values), NAMES, 8)["w4a4"] if (row["of"], row["question"]) == ("silu", "gap")
    ]
    assert (gap["missing"], gap["mean"], gap["differs"], gap["stability"]) == (1, None, False, 0.0)
    assert gap["sentence"].endswith("not known, a value is missing at 1 of 8 seeds.")
    json.dumps(rows, allow_nan=False)


def test_no_cause_without_the_bounded_activation() -> None:
    assert list(questions(["relu", "silu"])) == []
    empty = cause(2, {})
    assert judge_cause(empty, ["relu", "silu"], 2, asked()) == {}
