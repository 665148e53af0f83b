"""Bound and repair: from networks to accuracies, and outcomes of made tables."""

import numpy as np
import pandas as pd
import pytest

from experiments.claims import bound_repairs as claim
from experiments.claims.bound_repairs_figure import draw
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import judge_claims

SMALL = StudyConfig(steps=30, grid=16, batch=64, hidden=(4, 3))
LEVELS = {
    ("", claim.PLAIN): 0.75,
    ("@3", claim.PLAIN): 0.80,
    ("", claim.EQUALIZED): 0.79,
    ("@3", claim.EQUALIZED): 0.80,
    ("", claim.POLISHED): 0.90,
    ("@3", claim.POLISHED): 0.96,
    ("", claim.BOTH): 0.90,
    ("@3", claim.BOTH): 0.90,
}
"""A cap gains 5 points, equalization 4 without a cap and none with one, polish 15 and with a cap one more."""


def made(seeds: int = 32) -> pd.DataFrame:
    random = np.random.default_rng(1)
    rows = []
    for name in claim.ACTIVATIONS:
        for (bound, repair), level in LEVELS.items():
            if name in claim.STRAIGHT or repair in (claim.PLAIN, claim.POLISHED):
                case = f"{bound or 'none'}, {repair}"
                rows += [(name, s, case, np.nan, "accuracy", level + 0.003 * random.normal()) for s in range(seeds)]
        rows += [
            (name, s, f"{b or 'none'}, float", np.nan, "accuracy", 0.99) for b in claim.BOUNDS for s in range(seeds)
        ]
    return pd.DataFrame(rows, columns=["activation", "seed", "case", "x", "metric", "value"])


@pytest.mark.parametrize(
    ("part", "points", "word"),
    [
        ("cap", 5, "supported"),
        ("equalize", 4, "supported"),
        ("cap_equalized", 1, "no effect that matters"),
        ("equalize_interaction", -4, "reversed"),
        ("cap_or_equalize", 1, "no effect that matters"),
        ("cap_all", 5, "supported"),
        ("polish", 15, "supported"),
        ("cap_polished", 6, "supported"),
        ("polish_interaction", 1, "no effect that matters"),
        ("cap_polish_equalized", 0, "no effect that matters"),
    ],
)
def test_every_part_says_what_the_levels_are(part: str, points: float, word: str) -> None:
    found = judge_claims([(claim.CLAIM, claim.effects(made()))])[0].outcome(part)
    assert 100 * found.mean == pytest.approx(points, abs=0.3)
    assert found.verdict == word


def test_it_decides_nothing() -> None:
    assert judge_claims([(claim.CLAIM, claim.effects(made()))])[0].verdict == "beside"


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "bound"), [("prelu", "@3"), ("gelu", "")])
def test_networks_are_measured_after_every_repair(monkeypatch, activation: str, bound: str) -> None:
    monkeypatch.setattr(claim, "STUDY", SMALL)
    table = claim.measure(activation, bound, 0, 3).to_pandas()
    cases = {case.partition(", ")[2] for case in table["case"]}
    both = {"float, equalized", claim.EQUALIZED, claim.BOTH} if activation in claim.STRAIGHT else set()
    assert cases == {"float", claim.PLAIN, claim.POLISHED} | both
    assert sorted(table["seed"].unique()) == [0, 1, 2]
    assert table["value"].between(0.0, 1.0).all()


def test_a_figure_is_drawn() -> None:
    table = made(6)
    figure = draw(table, judge_claims([(claim.CLAIM, claim.effects(table))])[0])
    said = " ".join(text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text")))
    assert "equalized" in said
    assert all(name in said for name in claim.ACTIVATIONS)
