"""Made-up tables of the questions beyond the schemes, and the numbers that they should give."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantstudy.judge.statistics.paired import mean_interval

NAMES = ("relu", "silu", "hardgelu")
DEFAULT = {
    "placement": "post",
    "coordinates": False,
    "observer": "minmax",
    "granularity": "channel",
    "weight_observer": "symmetric",
}
SETTINGS = list(product(("post", "pre"), (False, True), ("minmax", "mse"), ("tensor", "channel"), ("symmetric",)))
SETTINGS.insert(2, ("post", False, "minmax", "channel", "no_clipping"))


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


FULL = 0.99
"""Accuracy of every network in float, where networks are repaired."""

Drops = dict[tuple[str, str, str], Any]
"""(activation, scheme, recipe) → drop of every seed."""


def repaired(drops: Drops, even: Drops | None = None, steps: Drops | None = None, **more: Drops) -> pd.DataFrame:
    """Records whose drops on the odd half are `drops`, on the even half `even` or the same; all points are not read."""
    rows = []
    for key, values in drops.items():
        for seed, drop in enumerate(np.asarray(values, dtype=float)):
            other = drop if even is None or key not in even else float(even[key][seed])
            measured = {
                "heldout_accuracy_quantized": 0.123,
                "heldout_accuracy_drop": 0.9,
                "heldout_accuracy_quantized_even": FULL - other,
                "heldout_accuracy_quantized_odd": FULL - drop,
                "heldout_accuracy_drop_even": other,
                "heldout_accuracy_drop_odd": drop,
                "steps": (steps or {}).get(key, 0),
            }
            measured |= {metric: table[key][seed] for metric, table in more.items() if key in table}
            rows += [(*key, seed, metric, value) for metric, value in measured.items()]
    columns = ["activation", "scheme", "recipe", "seed", "metric", "value"]
    return categorical(pd.DataFrame(rows, columns=columns))


def placement(seeds: int, accuracy: dict[Any, np.ndarray]) -> pd.DataFrame:
    rows = [
        (name, "w4a4", *setting, seed, metric, one)
        for setting, table in accuracy.items()
        for name, row in zip(NAMES, table, strict=True)
        for seed, value in enumerate(row)
        for metric, one in (
            *(("heldout_accuracy_quantized", value), ("heldout_accuracy_drop", 0.99 - value)),
            *(("accuracy_quantized", 0.5), ("accuracy_drop", 0.0)),  # on the plane: must not be read
        )
    ]
    columns = ["activation", "scheme", *DEFAULT, "seed", "metric", "value"]
    return categorical(pd.DataFrame(rows, columns=columns))


def cause(seeds: int, values: dict[tuple[str, str], np.ndarray]) -> pd.DataFrame:
    rows = [
        (name, variant, scheme, seed, metric, value)
        for (name, variant), row in values.items()
        for seed, value in enumerate(row)
        for scheme, metric in (
            ("float", "heldout_accuracy_float"),
            ("w4a4", "heldout_accuracy_quantized"),
            ("w4a4", "flip_rate"),
        )
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
