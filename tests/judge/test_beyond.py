"""The sections beyond the schemes, each against slow loops over made-up records."""

import json
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantstudy.judge.cause import judge_cause, questions
from quantstudy.judge.cliff import judge_cliff, smallest
from quantstudy.judge.placement import judge_placement
from quantstudy.judge.rules import PERMUTATION
from quantstudy.judge.sensitivity import judge_sensitivity
from quantstudy.judge.statistics.bootstrap import holm, paired_p, resample_indices
from quantstudy.judge.statistics.paired import mean_interval, paired_against_best
from quantstudy.judge.statistics.seeds import by_seed
from quantstudy.words.cause import with_sentences

NAMES = ("relu", "silu", "hardgelu")
DEFAULT = {
    "placement": "post",
    "coordinates": False,
    "observer": "minmax",
    "granularity": "channel",
    "weight_observer": "symmetric",
}


def categorical(frame: pd.DataFrame) -> pd.DataFrame:
    """Strings as the records have them."""
    texts = [name for name in frame.columns if frame[name].map(type).eq(str).any()]
    return frame.astype(dict.fromkeys(texts, "category"))


def three(values: Any, least: float = 0.0) -> dict[str, Any]:
    """Mean and interval of fractions that are not less than `least`: neither do their intervals reach further."""
    found = mean_interval(np.asarray([values], dtype=float))
    ends = (float(found.mean[0]), *(float(np.clip(end[0], least, 1)) for end in (found.low, found.high)))
    return dict(
        zip(("mean", "low", "high"), (None if np.isnan(end) else pytest.approx(end) for end in ends), strict=True)
    )


def sensitivity(seeds: int, draw: Callable[..., float]) -> pd.DataFrame:
    rows = []
    for scheme, layers in (("w4", 3), ("a4", 2)):
        for name, seed in product(NAMES, range(seeds)):
            for layer, view in product(range(layers), ("isolated", "all_but_one", "accumulated", "shapley")):
                rows.append((name, scheme, view, layer, seed, "flip_rate", draw()))
                if view != "shapley":
                    rows.append((name, scheme, view, layer, seed, "accuracy_drop", 9.0))  # must not be read
            rows.append((name, scheme, "total", None, seed, "flip_rate", draw()))
    columns = ["activation", "scheme", "view", "layer", "seed", "metric", "value"]
    return categorical(pd.DataFrame(rows, columns=columns)).astype({"layer": "Int16"})


@pytest.mark.parametrize("seeds", [1, 2, 9])
def test_the_layers_of_every_scheme(seeds: int) -> None:
    random = np.random.default_rng(seeds)
    frame = sensitivity(seeds, random.random)
    found = judge_sensitivity(frame, NAMES, seeds, ("w4", "a4", "w4a4"))
    assert list(found) == ["w4", "a4"]
    for scheme, name in product(found, NAMES):
        mine = frame[(frame["scheme"] == scheme) & (frame["activation"] == name) & (frame["metric"] == "flip_rate")]
        judged = found[scheme][name]
        assert judged["total"] == three(mine[mine["view"] == "total"].sort_values("seed")["value"])
        assert [layer["layer"] for layer in judged["layers"]] == list(range(3 if scheme == "w4" else 2))
        means = []
        for layer in judged["layers"]:
            own = mine[mine["layer"] == layer["layer"]]
            for view in ("isolated", "all_but_one", "accumulated", "shapley"):
                assert layer[view] == three(
                    own[own["view"] == view].sort_values("seed")["value"], -1.0 if view == "shapley" else 0.0
                )
            means.append(layer["shapley"]["mean"])
        ranks = [layer["rank"] for layer in judged["layers"]]
        assert sorted(ranks) == list(range(1, len(ranks) + 1))
        assert means[ranks.index(1)] == max(means)
        assert means[ranks.index(len(ranks))] == min(means)
    json.dumps(found, allow_nan=False)


def test_undefined_rates_have_no_mean_and_are_counted() -> None:
    frame = sensitivity(5, lambda: 0.25)
    frame.loc[(frame["view"] == "total") & (frame["activation"] == "silu") & (frame["seed"] == 1), "value"] = np.nan
    frame.loc[(frame["view"] == "shapley") & (frame["activation"] == "relu"), "value"] = np.nan
    found = judge_sensitivity(frame, NAMES, 5, ("w4", "a4", "w4a4"))["w4"]
    nothing = {"mean": None, "low": None, "high": None}
    assert found["silu"]["total"] == found["relu"]["layers"][0]["shapley"] == nothing
    assert found["silu"]["layers"][0]["isolated"] == {"mean": 0.25, "low": 0.25, "high": 0.25}
    assert [found[name]["missing"] for name in NAMES] == [{"relu": 5, "silu": 1}.get(name, 0) for name in NAMES]
    json.dumps(found, allow_nan=False)


def cliff(seeds: int, widths: tuple[int, ...], rate: Callable[..., float]) -> pd.DataFrame:
    rows = [
        (
            name,
            part,
            bits,
            f"{part}{bits}",
            seed,
            metric,
            rate(name, part, bits, seed) * (0.5 if "drop" in metric else 1),
        )
        for name, part, bits, seed in product(NAMES, ("weights", "activations", "both"), widths, range(seeds))
        for metric in ("flip_rate", "accuracy_drop")
    ]
    columns = ["activation", "quantized", "bits", "scheme", "seed", "metric", "value"]
    return categorical(pd.DataFrame(rows, columns=columns))


def slow_smallest(rates: np.ndarray, widths: tuple[int, ...], limit: float) -> Any:
    for place in range(len(widths)):
        if all(rates[later].mean() <= limit for later in range(place, len(widths))):
            return widths[place]
    return None


@pytest.mark.parametrize("seeds", [1, 7])
def test_the_cliff_of_every_part(seeds: int) -> None:
    widths = (2, 4, 8, 16)
    random = np.random.default_rng(5)
    noise = {key: random.uniform(0.5, 2) for key in product(NAMES, range(seeds), widths)}
    frame = cliff(seeds, widths, lambda name, part, bits, seed: 0.4 * 2.0**-bits * noise[name, seed, bits])
    found = judge_cliff(frame, NAMES, seeds, 0.02)
    assert list(found) == ["weights", "activations", "both"]
    for part, name in product(found, NAMES):
        mine = frame[(frame["quantized"] == part) & (frame["activation"] == name)]
        rates = np.array([by_seed(mine, "flip_rate", ["bits"], seeds).rows[bits,] for bits in widths])
        judged = found[part][name]
        assert [point["bits"] for point in judged["curve"]] == list(widths)
        assert judged["curve"][1] == {"bits": 4, **three(rates[1])}
        for limit in ("0.01", "0.05"):
            assert judged["smallest"][limit]["bits"] == slow_smallest(rates, widths, float(limit))
        high = [three(row, -1.0)["high"] for row in rates / 2]
        fits = [end is not None and end.expected <= 0.02 for end in high]
        expected = next((bits for place, bits in enumerate(widths) if all(fits[place:])), None)
        assert judged["deployable"]["bits"] == (expected if seeds > 1 else None)
    json.dumps(found, allow_nan=False)


def test_the_interval_of_the_least_width_is_that_of_resampled_seeds() -> None:
    random = np.random.default_rng(1)  # 7 % of resamples end at the least width, 3 % at the widest but one
    rates = np.array([0.2, 0.06, 0.05, 0.04, 0.001])[:, None] * random.uniform(0.1, 1.9, (5, 12))
    widths = (3, 4, 5, 6, 8)
    least = [slow_smallest(rates[:, index], widths, 0.05) or 99 for index in resample_indices(12)[:, :].tolist()]
    ordered = sorted(least)
    found = smallest(rates, widths, 0.05)
    assert found["bits"] == slow_smallest(rates, widths, 0.05)
    assert found["low"] == ordered[int(np.ceil(0.025 * len(ordered))) - 1]
    assert found["high"] == ordered[int(np.ceil(0.975 * len(ordered))) - 1]
    assert found["low"] < found["high"]


def test_a_width_that_is_safe_by_chance_is_not_the_least() -> None:
    rates = np.array([[0.01] * 4, [0.2] * 4, [0.03] * 4, [0.0] * 4])
    assert smallest(rates, (4, 5, 6, 8), 0.05) == {"bits": 6, "low": 6, "high": 6}
    assert smallest(rates, (4, 5, 6, 8), 0.3) == {"bits": 4, "low": 4, "high": 4}
    assert smallest(rates[:3], (4, 5, 6), 0.02) == {"bits": None, "low": None, "high": None}


def test_at_the_limit_itself_is_within_it() -> None:
    assert smallest(np.full((1, 3), 0.05), (4,), 0.05)["bits"] == 4


def test_no_width_at_which_a_network_failed_is_within_a_limit() -> None:
    nothing = {"bits": None, "low": None, "high": None}
    assert smallest(np.full((2, 3), np.nan), (4, 5), 0.05) == nothing
    one = np.array([[0.01, np.nan], [0.01, 0.02]])
    assert smallest(one, (4, 5), 0.05) == {"bits": 5, "low": 5, "high": 5}
    assert smallest(one[::-1], (4, 5), 0.05) == nothing  # at all wider ones, too
    assert smallest(one[:, :1], (4, 5), 0.05) == {"bits": 4, "low": None, "high": None}


def test_who_lacks_a_value_or_has_not_learned_is_deployable_at_no_width() -> None:
    frame = cliff(6, (4, 8), lambda *_: 0.001)
    assert judge_cliff(frame, NAMES, 6, 0.02)["both"]["relu"]["deployable"]["bits"] == 4
    lost = (frame["activation"] == "relu") & (frame["quantized"] == "both") & (frame["bits"] == 8)
    frame.loc[lost & (frame["seed"] == 2), "value"] = np.nan
    found = judge_cliff(frame, NAMES, 6, 0.02, ["silu"])["both"]
    assert found["relu"]["deployable"]["bits"] is None
    assert found["relu"]["smallest"]["0.05"]["bits"] is None
    assert found["relu"]["curve"][1] == {"bits": 8, "mean": None, "low": None, "high": None}
    assert (found["relu"]["missing"], found["silu"]["missing"]) == (1, 0)
    assert found["silu"]["deployable"]["bits"] is None
    assert found["silu"]["smallest"]["0.05"]["bits"] == 4


SETTINGS = list(product(("post", "pre"), (False, True), ("minmax", "mse"), ("tensor", "channel"), ("symmetric",)))
SETTINGS.insert(2, ("post", False, "minmax", "channel", "no_clipping"))


def placement(seeds: int, accuracy: dict[Any, np.ndarray]) -> pd.DataFrame:
    rows = [
        (name, "w4a4", *setting, seed, metric, value if metric == "accuracy_quantized" else 0.99 - value)
        for setting, table in accuracy.items()
        for name, row in zip(NAMES, table, strict=True)
        for seed, value in enumerate(row)
        for metric in ("accuracy_quantized", "accuracy_drop")
    ]
    columns = ["activation", "scheme", *DEFAULT, "seed", "metric", "value"]
    return categorical(pd.DataFrame(rows, columns=columns))


def test_the_ranking_under_every_setting() -> None:
    random = np.random.default_rng(8)
    accuracy = {}
    for number, setting in enumerate(SETTINGS):
        base = random.uniform(0.925, 0.935, (3, 10))
        base[number % 3] += 0.05 if number % 4 else 0.0
        accuracy[setting] = base
    found = judge_placement(placement(10, accuracy), NAMES, 10, 0.02, DEFAULT, rule=PERMUTATION)["w4a4"]
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
        drops = [three(0.99 - row, -1.0)["high"].expected for row in values]
        assert entry["deployable"] == [name for name, high in zip(NAMES, drops, strict=True) if high <= 0.02]
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


def test_where_the_backends_differ_nothing_is_deployable_in_any_setting_or_at_any_width() -> None:
    accuracy = {setting: np.full((3, 10), 0.995) for setting in SETTINGS}
    for differ, left in (({"w4a4": {"silu": {}}}, ["relu", "hardgelu"]), ({"w4a4": {}, "w4": {"silu": {}}}, [*NAMES])):
        judged = judge_placement(placement(10, accuracy), NAMES, 10, 0.02, DEFAULT, PERMUTATION, (), differ)["w4a4"]
        assert all(entry["deployable"] == left for entry in judged["settings"])
    frame = cliff(6, (2, 4, 8), lambda *_: 0.001)
    apart = {"w4": {"silu": {}}, "a4": {}, "w4a4": {}, "w8": {}, "a8": {}, "w8a8": {}}
    found = judge_cliff(frame, NAMES, 6, 0.02, (), apart)
    bits = {part: {name: judged["deployable"]["bits"] for name, judged in of.items()} for part, of in found.items()}
    assert bits["weights"] == {"relu": 2, "silu": 8, "hardgelu": 2}
    assert bits["activations"] == bits["both"] == {"relu": 2, "silu": 4, "hardgelu": 2}  # at 2 bits nothing was tried


def test_who_lacks_a_network_is_not_the_best_of_a_setting() -> None:
    accuracy = {setting: np.array([[0.9] * 8, [*[0.95] * 7, np.nan], [0.8] * 8]) for setting in SETTINGS}
    found = judge_placement(placement(8, accuracy), NAMES, 8, 0.02, DEFAULT, rule=PERMUTATION)["w4a4"]
    assert found["tied_share"] == found["best_share"] == {"relu": 1.0, "silu": 0.0, "hardgelu": 0.0}
    assert all(entry["missing"] == {"silu": 1} for entry in found["settings"])


def test_the_best_that_is_not_deployable_wins_no_setting() -> None:
    accuracy = {setting: np.array([[0.9], [0.95], [0.8]]) + np.linspace(0, 0.001, 10) for setting in SETTINGS}
    found = judge_placement(placement(10, accuracy), NAMES, 10, 0.02, DEFAULT, rule=PERMUTATION)["w4a4"]
    for entry in found["settings"]:
        assert (entry["best"], entry["tied_with"], entry["deployable"], entry["winner"]) == ("silu", ["silu"], [], None)


def test_one_seed_decides_nothing_about_placements() -> None:
    accuracy = {setting: np.array([[0.9], [0.95], [0.8]]) for setting in SETTINGS}
    found = judge_placement(placement(1, accuracy), NAMES, 1, 0.02, DEFAULT, rule=PERMUTATION)["w4a4"]
    for entry in found["settings"]:
        assert (entry["best"], entry["winner"], entry["deployable"]) == ("silu", None, [])
        assert entry["tied_with"] == list(NAMES)
        assert entry["accuracy"]["silu"] == {"mean": 0.95, "low": None, "high": None}


def test_an_activation_without_values_is_neither_best_nor_tied() -> None:
    accuracy = {setting: np.array([[np.nan] * 8, [0.95] * 8, [0.8] * 8]) for setting in SETTINGS}
    found = judge_placement(placement(8, accuracy), NAMES, 8, 0.02, DEFAULT, rule=PERMUTATION)["w4a4"]
    assert found["tied_share"] == {"relu": 0.0, "silu": 1.0, "hardgelu": 0.0}
    json.dumps(found, allow_nan=False)


def cause(seeds: int, values: dict[tuple[str, str], np.ndarray]) -> pd.DataFrame:
    rows = [
        (name, variant, scheme, seed, metric, value)
        for (name, variant), row in values.items()
        for seed, value in enumerate(row)
        for scheme, metric in (("float", "accuracy_float"), ("w4a4", "accuracy_quantized"), ("w4a4", "flip_rate"))
    ]
    columns = ["activation", "variant", "scheme", "seed", "metric", "value"]
    return categorical(pd.DataFrame(rows, columns=columns))


def networks(seeds: int, spread: float = 0.01) -> dict[tuple[str, str], np.ndarray]:
    random = np.random.default_rng(seeds)
    base = {
        ("relu", "plain"): 0.8, ("relu", "capped"): 0.75, ("relu", "calibrated"): 0.8, ("relu@3", "plain"): 0.9,
        ("silu", "plain"): 0.7, ("silu", "capped"): 0.71, ("silu", "calibrated"): 0.78, ("silu@3", "plain"): 0.9,
        ("hardgelu", "plain"): 0.9, ("hardgelu", "calibrated"): 0.9,
        ("hardgelu_uncapped", "plain"): 0.8, ("hardgelu_uncapped", "capped"): 0.8,
    }  # fmt: skip
    return {key: mean + random.normal(0, spread, seeds) for key, mean in base.items()}


def told(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    learned: float = 0.0,
    not_learned: Sequence[str] = (),
) -> dict[str, list[dict[str, Any]]]:
    return with_sentences(judge_cause(frame, activations, seeds, learned, rule=PERMUTATION), not_learned)


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
        if row["differs"]:
            assert "not told apart" not in row["sentence"]
        else:
            assert row["sentence"].endswith("not told apart from nothing.")
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
    assert all(row["low"] is None for row in rows)


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
    assert (gap["missing"], gap["mean"], gap["differs"]) == (1, None, False)
    assert gap["sentence"].endswith("not known, a value is missing at 1 of 8 seeds.")
    json.dumps(rows, allow_nan=False)


def test_no_cause_without_the_bounded_activation() -> None:
    assert list(questions(["relu", "silu"])) == []
    empty = cause(2, {})
    assert judge_cause(empty, ["relu", "silu"], 2, 0.0, rule=PERMUTATION) == {}


def test_a_value_recorded_twice() -> None:
    frame = cause(2, {("relu", "plain"): np.array([0.1, 0.2])})
    with pytest.raises(ValueError, match="duplicate"):
        by_seed(pd.concat([frame, frame]), "flip_rate", ["activation", "variant", "scheme"], 2)


def test_seeds_without_a_value_are_nan() -> None:
    frame = cause(2, {("relu", "plain"): np.array([0.1, 0.2])})
    table = by_seed(frame[frame["seed"] == 1], "flip_rate", ["activation"], 3)
    assert table.rows["relu",][1] == 0.2
    assert np.isnan(table.rows["relu",][[0, 2]]).all()
    assert np.isnan(table.of(["silu"])).all()
