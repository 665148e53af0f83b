"""What the verdict says of other ways to quantize: losses with their intervals, as facts or as open."""

from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.words.summary import _conditions
from quantstudy.words.tables import tables

NAMES = ("relu", "silu", "hardgelu")
STUDY = StudyConfig(activations=NAMES, seeds=12)
OVER = "ver 8 ways to quantize at w4a4 (where, which ranges, how fine)"
LOSS = "0.4 points (95 % CI 0.2 to 0.7) against the best of each"


def verdict(leader: float = 1.0, change: float | None = 1.0, **more: Any) -> dict[str, Any]:
    other = {"factor": "placement", "level": "pre", "activation": "silu", "regret": 0.0003, "leader": 0.02}
    section = {
        "settings": [{}] * 8,
        "regret": {"relu": 0.004, "silu": 0.031, "hardgelu": None},
        "regret_low": {"relu": 0.002, "silu": 0.02, "hardgelu": None},
        "regret_high": {"relu": 0.007, "silu": 0.04, "hardgelu": None},
        "leader": {"activation": "relu", "regret": 0.004, "low": 0.002, "high": 0.007, "stability": leader},
        "change": None if change is None else other | {"settings": 4, "stability": change},
    }
    schemes = {"w4a4": {"deployable": ["relu"]}}
    return {"seeds": 12, "not_learned": {}, "placement": {"w4a4": section | more}, "schemes": schemes}


def test_a_stable_change_is_told_and_what_to_choose() -> None:
    assert _conditions(STUDY, verdict()) == (
        f"It depends on how: o{OVER}, relu loses least, {LOSS}: choose it if you cannot choose how it is quantized. "
        "Quantizing before the activation silu loses less, 0.03 points against 2.0."
    )


@pytest.mark.parametrize("change", [None, 0.89])
def test_a_change_that_is_none_in_half_the_seeds_is_not_told(change: float | None) -> None:
    said = f"O{OVER}, relu loses least, {LOSS}: choose it if you cannot choose how it is quantized."
    assert _conditions(STUDY, verdict(change=change)) == said


def test_a_leader_that_half_the_seeds_do_not_repeat_is_open() -> None:
    said = f"Open: who loses least o{OVER}; relu does, {LOSS}, but in only 61 % of random halves of the seeds."
    assert _conditions(STUDY, verdict(leader=0.61)) == said


def test_where_nothing_is_deployable_the_advice_asks_for_more_bits() -> None:
    said = _conditions(STUDY, verdict() | {"schemes": {"w4a4": {"deployable": []}}})
    assert ": choose it, with more bits, if you cannot choose how it is quantized. " in said


def test_who_has_not_learned_is_not_to_be_chosen() -> None:
    assert "choose it" not in _conditions(STUDY, verdict() | {"not_learned": {"relu": 0.5}})


def test_where_nothing_can_be_said_nothing_is() -> None:
    assert _conditions(STUDY, verdict(leader=None) | {"seeds": 1}) == ""
    assert _conditions(STUDY, verdict(regret=dict.fromkeys(NAMES, 0.0))) == ""
    section = verdict()["placement"]["w4a4"] | {"leader": None, "change": None}
    assert _conditions(STUDY, verdict() | {"placement": {"w4a4": section}}) == ""
    assert _conditions(STUDY.with_options(activations=("relu",)), verdict()) == ""


def test_the_table_of_losses() -> None:
    (table,) = tables(STUDY, verdict())["placement"]
    assert table["head"] == ["Activation", "loss"]
    assert table["rows"] == [["relu", "0.4 [0.2, 0.7]"], ["silu", "3.1 [2.0, 4.0]"], ["hardgelu", "n/a"]]
    assert "less is better" in table["caption"]
    assert "tied" not in str(table)
