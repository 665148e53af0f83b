"""Where the two backends decide differently."""

import pandas as pd

from quantstudy.judge.parity import TOLERATED, backend_differences

SCHEMES = ["w4", "a4", "w4a4", "w4a8dyn"]


def flips(**counts):
    """`NAME__SCHEME` → pixels that differ, per seed; text columns as records have them."""
    rows = [(*key.split("__"), seed, count) for key, of_seeds in counts.items() for seed, count in enumerate(of_seeds)]
    frame = pd.DataFrame(rows, columns=["activation", "scheme", "seed", "flips"])
    return frame.astype({"activation": "category", "scheme": "category"})


def test_a_share_of_the_pixels_of_all_its_networks():
    assert TOLERATED == 0.001
    table = flips(relu__w4=[1, 1], silu__w4=[2, 1])  # of 2 × 1000 pixels: exactly tolerated, and more
    found = backend_differences(table, ["relu", "silu"], SCHEMES, 1000)
    assert found["w4"] == {"silu": {"share": 0.0015, "at": "w4"}}


def test_a_scheme_that_torchao_lacks_takes_the_worst_of_the_others():
    table = flips(gate__w4=[100], gate__w4a8dyn=[300], relu__w4=[0], relu__w4a8dyn=[0])
    found = backend_differences(table, ["gate", "relu"], SCHEMES, 1000)
    assert found["w4"] == {"gate": {"share": 0.1, "at": "w4"}}
    assert found["w4a8dyn"] == {"gate": {"share": 0.3, "at": "w4a8dyn"}}
    assert found["a4"] == found["w4a4"] == {"gate": {"share": 0.3, "at": "w4a8dyn"}}


def test_a_scheme_at_which_they_agree_is_not_held_responsible_for_another():
    table = flips(silu__w4=[0, 0], silu__w4a8dyn=[50, 0])
    found = backend_differences(table, ["silu"], SCHEMES, 1000)
    assert found["w4"] == {}
    assert found["w4a8dyn"] == {"silu": {"share": 0.025, "at": "w4a8dyn"}}


def test_where_torchao_ran_nothing_nothing_differs():
    assert backend_differences(flips(), ["relu"], SCHEMES, 1000) == {scheme: {} for scheme in SCHEMES}
