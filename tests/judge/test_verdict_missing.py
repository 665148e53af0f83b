"""Values that are missing, schemes and activations without any, and records that are damaged."""

import math

import numpy as np
import pandas as pd
import pytest

from quantstudy.errors import BadInput, StudyFailure
from quantstudy.judge.verdict import COLUMNS
from tests.judge.conftest import build
from tests.judge.verdicts import NAMES, NAN, entry, judged_of, noise, run


def test_missing_values_are_counted():
    quantized = {a: 0.98 - 0.05 * i + noise(16, seed=i) for i, a in enumerate(NAMES)}
    quantized["silu"][[1, 3]] = NAN, math.inf
    full = {a: np.full(16, 0.99) for a in NAMES}
    full["relu"][0] = NAN
    flips = {a: np.full(16, 0.02) for a in NAMES}
    judged = run(quantized, full, flips, assurance=0.8)
    assert judged["missing"] == {"heldout_accuracy_quantized": {"silu": 2}, "heldout_accuracy_float": {"relu": 1}}
    assert entry(judged, "silu")["seeds"] == 14
    assert entry(judged, "silu")["mean"] == pytest.approx(np.delete(quantized["silu"], [1, 3]).mean(), abs=1e-11)
    assert entry(judged, "relu")["drop"] == pytest.approx(0.99 - quantized["relu"][1:].mean(), abs=1e-11)
    assert [entry(judged, name)["missing"] for name in NAMES] == [{"relu": 1, "silu": 2}.get(name, 0) for name in NAMES]
    assert "relu" not in judged["deployable"]
    assert "silu" not in judged["deployable"]
    assert judged["winner"] is None  # relu alone is best, and a float network of it failed: 15 of 16 are too few
    assert (entry(judged, "relu")["pass_share"], entry(judged, "relu")["drop_bound"]) == (15 / 16, None)
    judged = run(quantized, full, flips, assurance=0.7)
    assert (judged["winner"], judged["deployable"]) == ("relu", ["relu"])  # one failed network of many may be afforded
    assert entry(judged, "silu")["worst"] is None


def test_a_failed_network_is_neither_left_out_of_the_best_nor_of_what_is_deployable():
    quantized = {"relu": 0.97 + noise(16, seed=1), "silu": 0.99 + noise(16, seed=2)}
    quantized["silu"][5] = NAN
    judged = run(quantized, {a: np.full(16, 0.99) for a in quantized}, allowed_drop=0.05, assurance=0.8)
    assert (judged["best"], judged["deployable"], judged["winner"]) == ("relu", ["relu"], None)
    assert judged["tied_with"] == ["relu", "silu"]  # silu is ahead wherever it has a value
    assert "silu in 1 of 16 networks" in judged["reason"]


def test_rows_that_are_not_there_count_as_missing():
    values = {a: 0.98 - 0.1 * i + noise(8, seed=i) for i, a in enumerate(NAMES)}
    frame = build(values, {"w4": values})
    gone = (frame["activation"] == "gelu") & (frame["metric"] == "heldout_accuracy_quantized")
    judged = judged_of(frame[~gone], NAMES)["schemes"]["w4"]
    assert judged["missing"] == {"heldout_accuracy_quantized": {"gelu": 8}}
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


def test_without_float_accuracy_nothing_is_deployable():
    values = {"silu": 0.98 + noise(8), "relu": 0.5 + noise(8)}
    frame = build(values, {"w4": values})
    frame = frame[frame["metric"] != "heldout_accuracy_float"]
    judged = judged_of(frame, ["silu", "relu"])["schemes"]["w4"]
    assert (judged["best"], judged["winner"], judged["deployable"]) == ("silu", None, [])
    assert judged["ranking"][0]["drop"] is None


def test_a_scheme_without_values_is_judged_as_such():
    values = {"silu": 0.98 + noise(8)}
    frame = build(values, {"w4": values})
    found = judged_of(frame, ["silu"], ["w4", "a3"])
    judged = found["schemes"]["a3"]
    assert (judged["best"], judged["winner"], judged["tied_with"], judged["deployable"]) == (None, None, [], [])
    assert [one["activation"] for one in judged["ranking"]] == ["silu"]
    assert judged["missing"] == {"heldout_accuracy_quantized": {"silu": 8}, "flip_rate": {"silu": 8}}
    empty = judged_of(frame[:0], ["silu"])
    assert (empty["seeds"], empty["schemes"]["w4"]["best"]) == (0, None)


def test_a_value_recorded_twice_is_refused():
    values = {"silu": 0.98 + noise(8)}
    frame = build(values, {"w4": values})
    again = frame[(frame["metric"] == "heldout_accuracy_quantized") & (frame["seed"] == 3)]
    message = "^metrics: heldout_accuracy_quantized of silu, seed 3, w4, simulated is recorded twice$"
    with pytest.raises(StudyFailure, match=message):
        judged_of(pd.concat([frame, again]), ["silu"])


def test_missing_columns_are_named():
    values = {"silu": 0.98 + noise(8)}
    frame = build(values, {"w4": values}).drop(columns=["scope", "value", "layer"])
    with pytest.raises(StudyFailure, match=r"^metrics: no column scope, value$"):
        judged_of(frame, ["silu"])
    assert COLUMNS == ("activation", "seed", "scheme", "backend", "scope", "metric", "value")


def test_no_activation_is_bad_input():
    with pytest.raises(BadInput, match=r"^activations: \[\] is not allowed; at least one name$"):
        judged_of(build({"a": [1.0]}, {}), [], [])
