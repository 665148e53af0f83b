"""From a tidy table to numbers per seed."""

import pandas as pd
import pytest

from quantstudy.judge.statistics.contrasts import by_seed, contrast


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        (name, seed, case, x, "drop", value + 10 * seed + (100 if case == "w8" else 0))
        for value, name in enumerate(("relu", "silu", "gelu"))
        for seed in (2, 0, 1)
        for case in ("w4", "w8")
        for x in (0.5,)
    ]
    frame = pd.DataFrame(rows, columns=["activation", "seed", "case", "x", "metric", "value"])
    return frame.astype({"activation": "category", "case": "category", "metric": "category"})


def test_seeds_ascend_and_columns_are_activations(table):
    wide = by_seed(table, "drop", case="w8")
    assert wide.index.tolist() == [0, 1, 2]
    assert wide["silu"].tolist() == [101, 111, 121]
    assert set(wide.columns) == {"relu", "silu", "gelu"}


def test_where_restricts_every_column(table):
    assert by_seed(table, "drop", case="w4", x=0.5).shape == (3, 3)
    assert by_seed(table, "drop", case="w4", x=0.7).empty


def test_two_rows_for_one_seed_are_refused(table):
    with pytest.raises(ValueError, match="duplicate"):
        by_seed(table, "drop")


def test_contrast_is_a_difference_of_group_means(table):
    wide = by_seed(table, "drop", case="w4")
    assert contrast(wide, ["silu", "gelu"], ["relu"]).tolist() == [1.5, 1.5, 1.5]
    assert contrast(wide, ["relu"], ["silu", "gelu"]).tolist() == [-1.5, -1.5, -1.5]
    with pytest.raises(KeyError):
        contrast(wide, ["mish"], ["relu"])
