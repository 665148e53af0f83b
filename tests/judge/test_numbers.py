"""Targets of numbers are judged by PSNR, in dB: no fraction's ends cut it, and no accuracy is read."""

import json

import numpy as np
import pandas as pd
import pytest

from quantstudy.judge.cause import judge_cause
from quantstudy.judge.cliff import judge_cliff
from quantstudy.judge.placement import judge_placement
from quantstudy.judge.sensitivity import judge_sensitivity
from quantstudy.judge.statistics.paired import mean_interval
from quantstudy.judge.verdict import judge
from tests.judge.numbers import PSNR, asked, build, decibels
from tests.judge.tables import DEFAULT, categorical

NAMES = ("relu", "silu")
FULL = {"relu": decibels(12, 31.0), "silu": decibels(12, 34.0, seed=1)}
LOST = {"relu": decibels(12, 0.4, seed=2), "silu": decibels(12, 3.2, seed=3)}
AFTER = {name: FULL[name] - LOST[name] for name in NAMES}


def judged(**limits):
    found = judge(build(FULL, AFTER), activations=NAMES, schemes=["w4"], focus="w4", limits=asked(**limits))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def of(found, name):
    return next(entry for entry in found["schemes"]["w4"]["ranking"] if entry["activation"] == name)


def test_the_ranking_is_in_decibels():
    found = judged()
    assert (found["metric"], found["unit"], found["allowed_drop"]) == (PSNR.quantized, "dB", 1.0)
    for name in NAMES:
        entry = of(found, name)
        for key, values in (("mean", AFTER[name]), ("drop", LOST[name]), ("psnr_drop", 2.0 * LOST[name])):
            expected = mean_interval(values[None])
            ends = [key.replace("mean", "")] if key == "mean" else [f"{key}_"]
            low, high = (entry[f"{ends[0]}{end}"] for end in ("low", "high"))
            assert (entry[key], low, high) == pytest.approx(
                [float(part[0]) for part in (expected.mean, expected.low, expected.high)], abs=1e-9
            )
        assert entry["float"] == pytest.approx(np.mean(FULL[name]))
        assert entry["worst"] == pytest.approx(min(AFTER[name]))
    assert of(found, "silu")["drop_high"] > 1.0  # where a fraction would end


def test_nothing_is_named_after_accuracy():
    scheme = judged()["schemes"]["w4"]
    for entry in scheme["ranking"]:
        assert not [key for key in entry if "accuracy" in key or "flip" in key]
        assert [set(row) for row in entry["best_of"]] == [{"n", "value"}] * 2
    assert "flips" not in scheme
    assert scheme["disturbed"] == {"reference": "relu", "fewest": "relu", "below": 0.0, "fewer": []}


def test_what_may_be_lost_is_in_decibels():
    found = judged()["schemes"]["w4"]
    assert (found["best"], found["winner"], found["deployable"]) == ("silu", None, ["relu"])
    assert judged(allowed=4.0)["schemes"]["w4"]["deployable"] == ["silu", "relu"]
    assert judged(allowed=0.2)["schemes"]["w4"]["deployable"] == []


def test_who_has_not_learned_is_told_by_decibels():
    found = judged(learned=33.0)
    assert found["not_learned"] == {"relu": pytest.approx(np.mean(FULL["relu"]))}
    assert found["schemes"]["w4"]["deployable"] == []


def variation(keys, rows):
    """`rows`: identity, metric → values per seed."""
    flat = [
        (*what, seed, metric, float(value))
        for what, metrics in rows
        for metric, values in metrics.items()
        for seed, value in enumerate(values)
    ]
    return categorical(pd.DataFrame(flat, columns=[*keys, "seed", "metric", "value"]))


def test_the_cliff_is_measured_by_psnr():
    keys, widths = ("activation", "quantized", "bits"), {4: 5.0, 6: 2.0, 8: -0.1}
    rows = []
    for bits, lost in widths.items():
        kept = {PSNR.disturbed: lost, PSNR.drop: lost, PSNR.quantized: 30.0 - lost, "flip_rate": 0.0}
        rows.append((("relu", "both", bits), {metric: decibels(6, mean) for metric, mean in kept.items()}))
    found = judge_cliff(variation(keys, rows), ["relu"], 6, asked())["bit_cliff"]["both"]["relu"]
    assert {key: one["bits"] for key, one in found["smallest"].items()} == {"1": 8, "3": 6}
    assert found["deployable"]["bits"] == 8
    curve = {point["bits"]: point for point in found["curve"]}
    assert curve[4]["mean"] == pytest.approx(5.0, abs=0.1)
    assert curve[8]["low"] < 0.0  # noise may help: it is not cut at 0


def test_layers_are_blamed_for_what_they_cost():
    keys, shares = ("activation", "scheme", "view", "layer"), {0: 4.0, 1: -0.5}
    rows = [
        (("relu", "w4", view, layer), {PSNR.disturbed: decibels(6, lost), "flip_rate": [0.1 * (1 - layer)] * 6})
        for layer, lost in shares.items()
        for view in ("isolated", "all_but_one", "accumulated", "shapley")
    ]
    rows += [(("relu", "w4", "total", None), {PSNR.disturbed: decibels(6, 3.5)})]
    table = variation(keys, rows).astype({"layer": "Int16"})
    found = judge_sensitivity(table, ["relu"], 6, ("w4", "a4", "w4a4"), PSNR)["w4"]["relu"]
    assert found["total"]["mean"] == pytest.approx(3.5, abs=0.1)
    assert [layer["shapley"]["mean"] for layer in found["layers"]] == pytest.approx([4.0, -0.5], abs=0.1)
    assert found["layers"][1]["isolated"]["high"] < 0.0  # neither end of a fraction cuts it
    assert found["largest_layer"]["layer"] == 0


def test_causes_and_settings_are_in_decibels():
    keys = ("activation", "variant", "scheme")
    means = {("hardgelu", "plain"): 30.0, ("hardgelu", "calibrated"): 33.0, ("hardgelu_uncapped", "plain"): 25.0}
    rows = [((name, variant, "w4a4"), {PSNR.quantized: decibels(12, mean)}) for (name, variant), mean in means.items()]
    rows += [((name, "plain", "float"), {PSNR.float: [mean + 1.0] * 12}) for (name, _), mean in means.items()][::2]
    found = {
        row["question"]: row
        for row in judge_cause(variation(keys, rows), ["hardgelu"], 12, asked(learned=28.0))["w4a4"]
    }
    assert found["bound"]["mean"] == pytest.approx(5.0)
    assert found["bound"]["high"] > 1.0
    assert found["bound"]["not_learned"] == ["hardgelu_uncapped"]
    assert found["calibration"]["mean"] == pytest.approx(3.0)

    setting = ("w4a4", *DEFAULT.values())
    rows = [
        (
            (name, *setting),
            {PSNR.quantized: AFTER[name], PSNR.drop: LOST[name], "heldout_accuracy_quantized": [0.5] * 12},
        )
        for name in NAMES
    ]
    table = variation(("activation", "scheme", *DEFAULT), rows)
    (one,) = judge_placement(table, NAMES, 12, asked(), DEFAULT)["w4a4"]["settings"]
    assert "accuracy" not in one
    assert one["value"]["relu"]["mean"] == pytest.approx(np.mean(AFTER["relu"]))
    assert one["deployable"] == ["relu"]
