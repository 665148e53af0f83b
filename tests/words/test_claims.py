"""What became of a claim in words: numbers to three digits, and which parts carry the verdict."""

import math
from dataclasses import replace

import numpy as np
import pytest

from quantstudy.judge.claims import Claim, Part, judge_claims
from quantstudy.words.claims import amounts, bound, effect, sentence, short


def outcome(values, **part):
    claim = Claim("c", "says", "measured", (Part("p", "it is so", **{"smallest": 0.0, **part}),), "p")
    return judge_claims([(claim, {"p": np.array(values)})])[0].outcomes[0]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.0312], ["0.031"]),
        ([3.123, 0.004], ["3.12", "0.00"]),
        ([31.23, 9.87, -120.0], ["31", "10", "-120"]),
        ([31.23, -0.01], ["31.2", "0.0"]),
        ([3123.4, math.nan], ["3123", "n/a"]),
        ([0.0], ["0.000"]),
    ],
)
def test_three_digits(values, shown):
    assert amounts(Part("p", "", 0.0), *values) == shown


def test_effects_in_words():
    assert effect(outcome([])) == "not measured here"
    assert effect(outcome([2.0], exact=True, unit="instructions")) == "2 instructions (counted)"
    assert effect(outcome([0.25], exact=True, unit="%", scale=100.0)) == "25 % (counted)"
    assert effect(outcome([0.02] * 8, unit="points", scale=100.0)) == "2.00 [2.00, 2.00] points"
    assert effect(outcome([0.5])) == "0.500 [n/a, n/a]"
    assert bound(Part("p", "", 0.05)) == "0.050"


def test_the_sentence_says_what_carries_the_verdict_and_what_does_not():
    parts = tuple(Part(name, f"{name} is so", 0.1) for name in ("one", "two", "three", "four", "five"))
    beside = Part("six", "six is so", 0.1, decides=False)
    values = {"one": 0.0, "two": 0.5, "three": -0.5, "four": 0.1, "six": 0.5}
    claim = Claim("c", "says", "measured", (*parts, beside), "one")
    (judged,) = judge_claims([(claim, {name: np.full(32, value) for name, value in values.items()})])
    assert judged.verdict == "in part"
    assert sentence(judged) == (
        "«one is so» shows no effect that matters: 0.000 [0.000, 0.000], the main part; "
        "«two is so» holds: 0.500 [0.500, 0.500]; «three is so» is reversed: -0.500 [-0.500, -0.500]; "
        "«four is so» is undecided: 0.100 [0.100, 0.100]; «five is so» was not measured here."
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0], "Supported: the main part holds."),
        ([1.0, 1.0], "Supported: the main part and the other hold."),
        ([1.0, 1.0, 1.0], "Supported: the main part and all others hold."),
        ([-1.0, 1.0], "In part: the main part is reversed; the other holds."),
        ([0.0, -1.0, -1.0], "No effect that matters: the main part shows no effect that matters; "
         "of the 2 others 2 are reversed."),
        ([1.0, 0.0, 0.0, 1.0, 1.0], "In part: the main part holds; of the 4 others 2 hold and "
         "2 show no effect that matters."),
    ],
)  # fmt: skip
def test_how_many_parts_carry_the_verdict(values, told):
    parts = tuple(Part(f"p{place}", "it is so", 0.0, exact=True) for place in range(len(values)))
    claim = Claim("c", "says", "measured", parts, "p0")
    (judged,) = judge_claims([(claim, {part.name: [value] for part, value in zip(parts, values, strict=True)})])
    assert short(judged) == told


def test_what_the_correction_holds_back_is_said_so():
    """The interval lies above the smallest effect, and five seeds are too few for the test."""
    claim = Claim("c", "says", "measured", (Part("one", "one is so", 0.1),), "one")
    (judged,) = judge_claims([(claim, {"one": np.array([0.5, 0.51, 0.52, 0.53, 0.54])})])
    assert sentence(judged).startswith("«one is so» is undecided after the correction for all tests: 0.520 [")


def test_a_part_that_was_not_measured_is_said_so_and_not_called_undecided():
    parts = tuple(Part(name, "it is so", 0.0, exact=True) for name in ("one", "two", "three"))
    claim = Claim("c", "says", "measured", parts, "one")
    judged = [judge_claims([(replace(claim, parts=parts[:n]), {"one": [1.0]})])[0] for n in (2, 3)]
    assert short(judged[0]) == "In part: the main part holds; the other was not measured here."
    (nothing,) = judge_claims([(replace(claim, parts=parts[:1]), {})])
    assert short(nothing) == "Undecided: the main part was not measured here."
    assert short(judged[1]) == "In part: the main part holds; of the 2 others 2 were not measured here."
