"""The layers' part of the flips, against slow loops over made-up records."""

import json
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

from quantstudy.judge.sensitivity import judge_sensitivity
from tests.judge.tables import NAMES, categorical, three


def sensitivity(seeds: int, draw: Callable[..., float]) -> pd.DataFrame:
    rows = []
    for scheme, layers in (("w4", 3), ("a4", 2)):
        for name, seed in product(NAMES, range(seeds)):
            for layer, view in product(range(layers), ("isolated", "all_but_one", "accumulated", "shapley")):
                rows.append((name, scheme, view, layer, seed, "flip_rate", draw()))
                if view != "shapley":
                    rows.append((name, scheme, view, layer, seed, "heldout_accuracy_drop", 9.0))  # must not be read
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
