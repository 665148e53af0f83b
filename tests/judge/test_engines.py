"""What engines made of networks, summed up from records by hand."""

import numpy as np
import pandas as pd

from quantstudy.judge.engines import judge_engines


def record(**cells: object) -> dict[str, object]:
    usual = {
        "activation": "relu",
        "seed": 0,
        "scheme": "w4a4",
        "recipe": "plain",
        "engine": "onnx",
        "version": "1.32.0",
    }
    usual |= {"settings": "as usual", "processor": "some", "over": "measured", "mode": None, "tensor": None}
    return usual | {"operation": None, "lsb": None} | cells


def network(flips: dict[str, int], points: int = 100, **of: object) -> list[dict[str, object]]:
    rows = [
        record(metric="points", value=points, **of),
        record(metric="flips", value=sum(flips.values()), **of),
        record(metric="ties", value=1, **of),
        record(metric="forced_flips", value=0.0, **of),
        record(metric="max_abs_difference", value=0.5, **of),
        record(metric="bytes", value=1000, **of),
    ]
    return rows + [record(metric="flips_by", operation=name, value=count, **of) for name, count in flips.items()]


def codes(mode: str, counts: dict[int, int], **of: object) -> list[dict[str, object]]:
    of = {"tensor": "layers.0.output", "mode": mode, **of}
    return [record(metric="codes", lsb=lsb, value=count, **of) for lsb, count in counts.items()]


def test_flips_and_codes_are_added_up() -> None:
    rows = network({"float order": 2, "tie": 1}) + network({"float order": 4}, seed=1)
    rows += network({}, over="heldout")
    rows += codes("free", {0: 90, -3: 6, 1: 4}) + codes("forced", {0: 99, 1: 1}) + codes("free", {0: 100}, seed=1)
    (row,) = judge_engines(pd.DataFrame(rows), ["relu"], "w4a4")
    assert (row["networks"], row["points"], row["flips"], row["worst"]) == (2, 300, 7, 4)
    assert row["by"] == {"float order": 6, "tie": 1}
    assert (row["ties"], row["forced_flips"], row["apart"], row["bytes"]) == (3, 0, 0.5, 1000)
    assert row["free"] == {"codes": 200, "differ": 10, "lsb": 3}
    assert row["forced"] == {"codes": 100, "differ": 1, "lsb": 1}


def test_the_worst_network_is_that_of_all_its_points() -> None:
    rows = network({"tie": 3}) + network({"tie": 3}, over="heldout") + network({"tie": 5}, seed=1)
    (row,) = judge_engines(pd.DataFrame(rows), ["relu"], "w4a4")
    assert row["worst"] == 6


def test_the_focus_comes_first_and_activations_in_the_studys_order() -> None:
    rows = [row for name in ("gelu", "relu") for scheme in ("w8a8", "w4a4") for row in
            network({}, activation=name, scheme=scheme)]  # fmt: skip
    found = judge_engines(pd.DataFrame(rows), ["relu", "gelu"], "w8a8")
    assert [(row["scheme"], row["activation"]) for row in found] == [
        *(("w8a8", "relu"), ("w8a8", "gelu"), ("w4a4", "relu"), ("w4a4", "gelu")),
    ]


def test_an_engine_that_shows_nothing() -> None:
    rows = [row for row in network({}) if row["metric"] not in ("bytes", "forced_flips", "max_abs_difference")]
    rows += [record(metric="forced_flips", value=np.nan), record(metric="max_abs_difference", value=np.nan)]
    (row,) = judge_engines(pd.DataFrame(rows), ["relu"], "w4a4")
    assert all(row[key] is None for key in ("forced_flips", "apart", "bytes", "free", "forced"))
