"""The bit cliff and the first width at which something can be deployed, against slow loops over made-up records."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from quantstudy.judge.cliff import judge_cliff, smallest
from quantstudy.judge.placement import judge_placement
from quantstudy.judge.statistics.bootstrap import resample_indices
from quantstudy.judge.statistics.halves import halves
from quantstudy.judge.statistics.seeds import by_seed
from tests.judge.limits import asked
from tests.judge.tables import DEFAULT, NAMES, SETTINGS, categorical, placement, three


def cliff(seeds: int, widths: tuple[int, ...], rate: Callable[..., float]) -> pd.DataFrame:
    """Flip rates as given, drops half as large; the drops on the plane must not be read."""
    rows = [
        (name, part, bits, f"{part}{bits}", seed, metric, value)
        for name, part, bits, seed in product(NAMES, ("weights", "activations", "both"), widths, range(seeds))
        for flips in [rate(name, part, bits, seed)]
        for metric, value in (
            *(("flip_rate", flips), ("accuracy_drop", 0.0), ("accuracy_quantized", 0.99)),
            *(("heldout_accuracy_drop", flips / 2), ("heldout_accuracy_quantized", 0.99 - flips / 2)),
        )
    ]
    columns = ["activation", "quantized", "bits", "scheme", "seed", "metric", "value"]
    return categorical(pd.DataFrame(rows, columns=columns))


def slow_smallest(rates: np.ndarray, widths: tuple[int, ...], limit: float) -> Any:
    for place in range(len(widths)):
        if all(rates[later].mean() <= limit for later in range(place, len(widths))):
            return widths[place]
    return None


def slow_first(passes: np.ndarray, fits: Callable[[np.ndarray], bool]) -> int:
    """The place in the bit widths from which on all fit."""
    return next((place for place in range(len(passes)) if all(map(fits, passes[place:]))), len(passes))


def enough(passes: np.ndarray) -> bool:
    passed = int(passes.sum())
    return bool(passed and scipy.stats.beta.ppf(0.05, passed, len(passes) - passed + 1) >= 0.5)


def half_enough(passes: np.ndarray) -> bool:
    return bool(len(passes) and passes.mean() >= 0.5)


@pytest.mark.parametrize("seeds", [1, 7, 16])
def test_the_cliff_of_every_part(seeds: int) -> None:
    widths = (2, 4, 8, 16)
    random = np.random.default_rng(5)
    noise = {key: random.uniform(0.5, 2) for key in product(NAMES, range(seeds), widths)}
    frame = cliff(seeds, widths, lambda name, part, bits, seed: 0.4 * 2.0**-bits * noise[name, seed, bits])
    judged_all = judge_cliff(frame, NAMES, seeds, asked())
    found = judged_all["bit_cliff"]
    places: dict[str, list[int]] = {}
    assert list(judged_all["first_width"]) == list(found) == ["weights", "activations", "both"]
    for part, name in product(found, NAMES):
        mine = frame[(frame["quantized"] == part) & (frame["activation"] == name)]
        rates = np.array([by_seed(mine, "flip_rate", ["bits"], seeds).rows[bits,] for bits in widths])
        judged = found[part][name]
        assert [point["bits"] for point in judged["curve"]] == list(widths)
        assert judged["curve"][1] == {"bits": 4, **three(rates[1])}
        for limit in ("0.01", "0.05"):
            assert judged["smallest"][limit]["bits"] == slow_smallest(rates, widths, float(limit))
        passes = rates / 2 <= 0.02
        place = slow_first(passes, enough)
        same = [slow_first(passes[:, half > 0], half_enough) == place for half in halves(seeds)]
        expected = {"bits": [*widths, None][place], "low": None, "high": None}
        assert judged["deployable"] == expected | {"stability": float(np.mean(same)) if seeds > 1 else None}
        places.setdefault(part, []).append(place)
    for part, of_names in places.items():
        first = judged_all["first_width"][part]
        bits = [*widths, None][min(of_names)]
        assert first["bits"] == bits
        who = [name for name, place in zip(NAMES, of_names, strict=True) if place == min(of_names)]
        assert first["activations"] == ([] if bits is None else who)
    json.dumps(judged_all, allow_nan=False)


def test_the_first_width_is_that_of_any_activation_and_comes_again_in_halves() -> None:
    fails = {"relu": 16, "silu": 3, "hardgelu": 3}  # networks that lose too much at 4 bits
    frame = cliff(16, (2, 4, 8), lambda name, _, bits, seed: {2: 0.2, 4: 0.1 * (seed < fails[name]), 8: 0.0}[bits])
    found = judge_cliff(frame, NAMES, 16, asked(assurance=0.58))
    assert scipy.stats.beta.ppf(0.05, 13, 4) > 0.58
    first = found["first_width"]["both"]
    assert (first["bits"], first["activations"]) == (4, ["silu", "hardgelu"])
    same = np.mean([half[3:].sum() / 8 >= 0.58 for half in halves(16)])  # 5 of 8 pass where all three are in the half
    assert first["stability"] == found["bit_cliff"]["both"]["silu"]["deployable"]["stability"] == same == 1.0
    found = judge_cliff(frame, NAMES, 16, asked(assurance=0.65))
    assert scipy.stats.beta.ppf(0.05, 13, 4) < 0.65
    first = found["first_width"]["both"]
    assert (first["bits"], first["activations"]) == (8, list(NAMES))
    assert first["stability"] == np.mean([half[3:].sum() / 8 < 0.65 for half in halves(16)])
    assert 0 < first["stability"] < 0.3  # most halves have a share of passing networks that would do
    nothing = judge_cliff(frame, NAMES, 16, asked(assurance=0.83))["first_width"]["both"]
    assert (nothing["bits"], nothing["activations"], nothing["stability"]) == (None, [], 0.0)


def test_the_least_accuracy_of_every_network_holds_at_every_width() -> None:
    frame = cliff(16, (4, 8), lambda *place: 0.03 * (place[2] == 4 and place[3] == 5))
    found = [judge_cliff(frame, NAMES, 16, asked(min_accuracy=least))["first_width"]["both"] for least in (0, 0.98)]
    assert [(first["bits"], first["stability"]) for first in found] == [(4, 1.0), (8, 1.0)]


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
    assert judge_cliff(frame, NAMES, 6, asked())["bit_cliff"]["both"]["relu"]["deployable"]["bits"] == 4
    lost = (frame["activation"] == "relu") & (frame["quantized"] == "both") & (frame["bits"] == 8)
    frame.loc[lost & (frame["seed"] == 2), "value"] = np.nan
    found = judge_cliff(frame, NAMES, 6, asked(assurance=0.6), ["silu"])["bit_cliff"]["both"]  # five of six are too few
    assert found["relu"]["deployable"]["bits"] is None
    assert found["relu"]["smallest"]["0.05"]["bits"] is None
    assert found["relu"]["curve"][1] == {"bits": 8, "mean": None, "low": None, "high": None}
    assert (found["relu"]["missing"], found["silu"]["missing"]) == (1, 0)
    assert found["silu"]["deployable"]["bits"] is None
    assert found["silu"]["smallest"]["0.05"]["bits"] == 4


def test_where_the_backends_differ_nothing_is_deployable_in_any_setting_or_at_any_width() -> None:
    accuracy = {setting: np.full((3, 10), 0.995) for setting in SETTINGS}
    for differ, left in (({"w4a4": {"silu": {}}}, ["relu", "hardgelu"]), ({"w4a4": {}, "w4": {"silu": {}}}, [*NAMES])):
        judged = judge_placement(placement(10, accuracy), NAMES, 10, asked(), DEFAULT, (), differ)["w4a4"]
        assert all(entry["deployable"] == left for entry in judged["settings"])
    frame = cliff(6, (2, 4, 8), lambda *_: 0.001)
    apart = {"w4": {"silu": {}}, "a4": {}, "w4a4": {}, "w8": {}, "a8": {}, "w8a8": {}}
    found = judge_cliff(frame, NAMES, 6, asked(), (), apart)["bit_cliff"]
    bits = {part: {name: judged["deployable"]["bits"] for name, judged in of.items()} for part, of in found.items()}
    assert bits["weights"] == {"relu": 2, "silu": 8, "hardgelu": 2}
    assert bits["activations"] == bits["both"] == {"relu": 2, "silu": 4, "hardgelu": 2}  # at 2 bits nothing was tried
