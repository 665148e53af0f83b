"""Tables as rows over seeds."""

import numpy as np
import pandas as pd
import pytest

from quantstudy.judge.statistics.seeds import by_seed
from tests.judge.tables import cause


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
