"""What is measured of the C file: the tables are made from what is kept, and trained networks keep the limits."""

import json
from pathlib import Path

import pytest

from experiments import device_flips, device_table, float_c
from experiments.blocks import with_block
from experiments.deployed_networks import networks
from quantstudy import StudyConfig, run_study, workers
from quantstudy.deploy.integer.functions import DEPARTURES
from tests.deploy.random_networks import SCHEMES, SEVEN, network

MOST_FLIPS = {False: 2, True: 8}
"""Of 16 384 points: functions in exact pieces, and those that are looked up."""


def within_limits(row: dict[str, object]) -> bool:
    """Whether a network does what C has to do."""
    same = row["apart_from_emulator"] == 0 and row["flips_given_codes"] == 0
    return same and row["largest_code_difference"] in (0, 1) and "unexplained" not in str(row["operations"])


def test_the_table_of_flips_is_made_from_what_is_kept() -> None:
    found = json.loads(device_flips.TO.read_text())
    text = device_flips.PAGE.read_text()
    assert with_block(text, device_flips.MARKS, device_flips.table(found)) == text
    islands = [row for row in found["rows"] if row["target"] == "islands"]
    assert {(row["activation"], row["scheme"]) for row in islands} == {(a, s) for a in SEVEN for s in SCHEMES}
    assert all(map(within_limits, found["rows"]))
    assert all(row["flips"] <= MOST_FLIPS[row["activation"] in DEPARTURES] for row in islands)
    found["rows"][0]["flips"] += 1
    assert device_flips.table(found) not in text


def test_the_table_of_sizes_is_made_from_what_is_kept_and_shows_what_is_said() -> None:
    found = json.loads(device_table.TO.read_text())
    text = device_table.PAGE.read_text()
    assert with_block(text, device_table.MARKS, device_table.table(found)) == text
    text = device_table.README.read_text()
    assert with_block(text, device_table.README_MARKS, device_table.brief(found)) == text
    rows = {
        (row["activation"], row["scheme"] if row["kind"] == "integers" else row["kind"]): row for row in found["rows"]
    }
    assert len(rows) == len(SEVEN) * 5
    for name in SEVEN:
        eight, four, real, soft = (rows[name, kind] for kind in ("w8a8", "w4a8", "float", "float without unit"))
        assert 76 <= eight["flash-Os"] - four["flash-Os"] <= 110
        assert 0.07 <= round(1 - four["flash-Os"] / eight["flash-Os"], 2) <= 0.12
        assert max(four[f"instructions{o}"] / eight[f"instructions{o}"] for o in ("-Os", "-O2")) <= 1.05
        assert 1.3 <= four["callgrind"] / eight["callgrind"] <= 1.7
        assert soft["instructions-O2"] >= 8 * eight["instructions-O2"]
        assert (eight["instructions-O2"] < real["instructions-O2"]) == (name in DEPARTURES)
        assert four["flash-Os"] < real["flash-Os"]
        assert eight["ram"] < real["ram"]


def test_float_c_has_every_function_of_the_article() -> None:
    for name in SEVEN:
        text = float_c.header(network(name, "w8a8"))
        assert text.count("static inline void layer") == 4
        assert ("erff" in text, "expf" in text) == (name == "gelu", name == "silu")


@pytest.mark.slow
def test_trained_networks_keep_the_limits(tmp_path: Path) -> None:
    with workers(2) as executor:
        run_study(StudyConfig(bits=(4,), seeds=3), tmp_path / "run", executor=executor)
    for one in networks(tmp_path / "run", SCHEMES, 3):
        row = device_flips.compared(one)
        assert within_limits(row), row
        assert row["points"] == 16384
        assert row["flips"] <= MOST_FLIPS[one.activation in DEPARTURES], row
