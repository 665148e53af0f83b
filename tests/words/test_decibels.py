"""What is said of targets of numbers is said in dB; of classes on no plane nothing is called a pixel or an island."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.judge.verdict import judge
from quantstudy.words import cause, deployable, headline, placement, sensitivity, summary, verdict, widths
from quantstudy.words.figures import cliff, decision, maps
from quantstudy.words.figures import verdict as figure
from quantstudy.words.units import UNITS
from tests.judge.numbers import asked, build

DB = UNITS["dB"]
NUMBERS = StudyConfig(target="sine", task="regression", activations=("relu", "silu"), seeds=16)
DIGITS = StudyConfig(target="digits", activations=("relu", "silu"), seeds=16)
SCHEMES = ("w4", "a4", "w4a4", "w4a8dyn", "w8", "a8", "w8a8", "w8a8dyn")


def found_of(full: Mapping[str, float], lost: Mapping[str, float], **limits: Any) -> dict[str, Any]:
    """A verdict on 16 seeds of networks that reach so many dB in float and lose so many."""
    wobble = np.linspace(-0.05, 0.05, 16)
    before = {name: value + wobble for name, value in full.items()}
    after = {name: before[name] - lost[name] - 0.1 * wobble for name in full}
    frame = build(before, after, SCHEMES)
    return judge(frame, activations=list(full), schemes=SCHEMES, focus="w4a4", limits=asked(**limits))


def said(found: dict[str, Any], scheme: str = "w4a4") -> str:
    """What is said of one scheme."""
    return verdict.with_reasons(found)["schemes"][scheme]["reason"]


GOOD = found_of({"relu": 31.2, "silu": 28.0}, {"relu": 0.4, "silu": 0.5})


def test_who_wins_loses_and_leads_in_decibels() -> None:
    assert said(GOOD) == (
        "Deploy relu at w4a4: it loses 0.4 dB in the mean (95 % CI 0.4 to 0.4); 16 of its 16 networks lose at most "
        "the allowed 1.0 dB, so at least 82 % of such networks do (95 % confidence). It is ahead of all others, of the "
        "next (silu) by 3.3 dB (95 % CI 3.3 to 3.3)."
    )


def test_who_is_deployable_and_who_is_not() -> None:
    found = found_of({"relu": 35.0, "silu": 30.0}, {"relu": 4.0, "silu": 0.5})
    assert said(found).startswith(
        "Deployable at w4a4, with enough networks within the allowed 1.0 dB: silu; the best, relu, loses 4.0 dB in the "
        "mean (95 % CI 4.0 to 4.0) and passes too seldom: 0 of its 16 networks lose at most the allowed 1.0 dB."
    )
    found = found_of({"relu": 31.2, "silu": 30.0}, {"relu": 1.5, "silu": 1.75}, allowed=1.25)
    assert said(found).startswith(
        "None is deployable at w4a4: the best, relu, loses 1.5 dB in the mean (95 % CI 1.5 to 1.5) and passes too "
        "seldom: 0 of its 16 networks lose at most the allowed 1.25 dB."
    )
    assert headline.headline(NUMBERS, found) == (
        "No activation is deployable at w4a4; the best, relu, passes too seldom: 0 of its 16 networks lose at most the "
        "allowed 1.25 dB"
    )


def test_who_has_not_learned() -> None:
    found = found_of({"relu": 12.0, "silu": 11.0}, {"relu": 0.1, "silu": 0.1}, learned=20.0)
    assert (
        "relu (not learned), loses 0.1 dB in the mean (95 % CI 0.1 to 0.1) and reaches only 12.0 dB in float"
        in said(found)
    )
    assert (
        "Less than 20.0 dB in float is not learned, and not deployable, however little it loses: relu reaches"
        in said(found)
    )
    assert "12.0 dB and silu (not learned) reaches 11.0 dB." in said(found)
    found["learned_from"] = {"trivial": 10.0, "best": 30.0}
    line = "Less than 20.0 dB (halfway from 10.0 dB, the best constant answer, to 30.0 dB, the best mean) in float is"
    assert line in said(found)
    accuracies = {"unit": "fraction", "learned": 0.53, "learned_from": {"trivial": 0.1, "best": 0.96}}
    assert verdict.line_of_learning(accuracies) == (
        "53.0 % right (halfway from 10.0 %, the best constant answer, to 96.0 %, the best mean)"
    )


def test_where_nothing_was_recorded() -> None:
    found = found_of({"relu": np.nan}, {"relu": 0.1})
    assert said(found).startswith("No PSNR was recorded at w4a4: there is nothing to judge.")
    assert "No PSNR was recorded at w4a4." in widths.width_line(4, found)
    unknown = {"deployable": False, "learned": False, "float": None}
    assert deployable.hindrance(unknown, GOOD) == "has no PSNR in float"


def test_the_line_of_a_width() -> None:
    assert widths.width_line(4, GOOD) == (
        "4 bits: deploy relu at w4, a4, w4a4 and w4a8dyn. The best at w4a4, relu, loses 0.4 dB (95 % CI 0.4 to 0.4) of "
        "its 31.2 dB in float; 16 of its 16 networks lose at most the allowed 1.0 dB, so at least 82 % of such "
        "networks do (95 % confidence)."
    )


def test_backends_that_differ() -> None:
    differ = {"relu": {"share": 0.0033, "at": "w4"}}
    assert verdict.disagreements(differ, {"unit": "dB"}, "points")[0].startswith(
        "torchao puts out something else than the simulated path at 0.33 % of the points of relu (at w4):"
    )
    assert verdict.disagreements(differ, {"unit": "fraction"}, "points")[0].startswith(
        "torchao decides 0.33 % of the points of relu otherwise than the simulated path (at w4):"
    )


def three(mean: float, half: float = 0.25) -> dict[str, float]:
    return {"mean": mean, "low": mean - half, "high": mean + half}


def line(config: StudyConfig, start: str, **sections: Any) -> str:
    """Return the line of the summary that starts so."""
    (found,) = [text for text in summary.summary(config, {**GOOD, **sections}) if text.startswith(start)]
    return found


def test_the_seeds_have_the_same_data() -> None:
    assert line(NUMBERS, "16 seeds").startswith("16 seeds, each with the same data, first weights and batches for all")
    islands = StudyConfig(activations=("relu", "silu"), seeds=16)
    assert line(islands, "16 seeds").startswith("16 seeds, each with the same islands, first weights")


def test_the_layer_that_costs_most() -> None:
    layers = [{"layer": 1, "rank": 1, "shapley": three(3.25), "all_but_one": three(1.5)}]
    section = {"w4a4": {"relu": {"total": three(8.0), "layers": layers, "stability": 1.0}}}
    start = "In relu at w4a4 layer 1 is answerable for "
    assert line(NUMBERS, start, sensitivity=section) == (
        f"{start}3.2 of the 8.0 dB that are lost; leave it in float and 1.5 dB are."
    )
    layers[0] |= {"shapley": three(0.1, 0.01), "all_but_one": three(0.05, 0.01)}
    section["w4a4"]["relu"]["total"] = three(0.25, 0.01)
    assert line(DIGITS, start, sensitivity=section) == (
        f"{start}10.0 of the 25.0 % of decisions that flip; leave it in float and 5.0 % do."
    )


LEADER = {"activation": "relu", "regret": 1.25, "low": 1.0, "high": 1.5, "stability": 1.0}
CHANGE = {"factor": "coordinates", "level": True, "activation": "silu", "regret": 0.5, "leader": 2.0, "stability": 1.0}
SETTINGS = {"settings": [{}] * 9, "regret": {"relu": 1.25, "silu": 2.0}, "leader": LEADER, "change": CHANGE}


def test_who_loses_least_however_it_is_quantized() -> None:
    assert line(NUMBERS, "It depends", placement={"w4a4": SETTINGS}) == (
        "It depends on how: over 9 ways to quantize at w4a4 (where, which ranges, how fine), relu loses least, 1.2 dB "
        "(95 % CI 1.0 to 1.5) against the best of each: choose it if you cannot choose how it is quantized. Quantizing "
        "the inputs too silu loses less, 0.5 dB against 2.0."
    )
    assert placement.finding(NUMBERS, SETTINGS) == (
        "Over 9 ways to quantize at w4a4 relu loses least, 1.2 dB (95 % CI 1.0 to 1.5) against the best of each; "
        "quantizing the inputs too silu loses less, 0.5 dB against 2.0"
    )
    islands = StudyConfig(activations=("relu", "silu"), seeds=16)
    assert "quantizing the coordinates too" in placement.finding(islands, SETTINGS)


def asks(question: str, mean: float, **more: Any) -> dict[str, Any]:
    row = {"question": question, "of": "relu", "variant": "hardgelu", "against": "relu", "differs": True, "seeds": 16}
    return row | three(mean) | {"stability": 1.0, "missing": 0, "not_learned": [], "p_holm": 0.001} | more


def test_the_cause_is_told_in_decibels() -> None:
    rows = [asks("gap", 3.0), asks("bound", 4.0), asks("shape", -1.0)]
    (first, *_) = cause.with_sentences({"w4a4": rows}, [], DB)["w4a4"]
    assert first["sentence"] == "hardgelu is ahead of relu by 3.0 dB (95 % CI 2.8 to 3.2)."
    assert cause.sum_of_parts(rows, DB) == "gap 3.0 = bound 4.0 − shape 1.0"
    assert cause.finding("w4a4", {"relu": rows}, 16, DB) == (
        "hardgelu beats relu at w4a4; of its lead over relu, 3.0 dB, the bound makes 4.0 and the shape −1.0"
    )
    itself = {"hardgelu": [asks("bound", 1.5, of="hardgelu")]}
    assert cause.finding("w4a4", itself, 16, DB) == "hardgelu at w4a4: its bound makes +1.5 dB"
    config = StudyConfig(target="sine", task="regression", activations=("relu", "hardgelu"), seeds=16)
    (why,) = [
        text for text in summary.summary(config, {**GOOD, "cause": {"w4a4": itself["hardgelu"]}}) if "Why" in text
    ]
    assert why == "Why: its cap changes the PSNR of hardgelu at w4a4 by 1.5 dB (95 % CI 1.2 to 1.8)."


def entry(total: float, layer: int | None, worse: str = "w4") -> dict[str, Any]:
    layers = [{"layer": one, "shapley": three(total / 2)} for one in range(4)]
    largest, larger = {"layer": layer, "clearly": True}, {"scheme": worse, "clearly": True}
    return {"total": three(total), "layers": layers, "largest_layer": largest, "larger_part": larger}


def test_which_layer_costs_most() -> None:
    section = {
        scheme: dict.fromkeys(("relu", "silu"), entry(total, 1))
        for scheme, total in zip(("w4", "a4", "w4a4"), (4.0, 3.0, 6.0), strict=True)
    }
    assert sensitivity.finding(NUMBERS, section) == (
        "At w4a4 layer 1 costs the most in 2 of 2 activations (clearly in both); w4 alone loses more than a4 alone in "
        "2 of 2 (clearly in both)"
    )
    alone = StudyConfig(target="sine", task="regression", activations=("relu",), seeds=16)
    assert sensitivity.finding(alone, section).replace("\u00a0", " ") == (
        "At w4a4 layer 1 costs the most of relu: 3.0 of 6.0 dB; w4 alone loses more than a4 alone: 4.0 dB against "
        "3.0 dB"
    )
    nobody = {scheme: dict.fromkeys(("relu", "silu"), entry(1.0, None)) for scheme in ("w4", "a4", "w4a4")}
    for entries in nobody.values():
        for one in entries.values():
            one["larger_part"] = {"scheme": None, "clearly": False}
    assert (
        sensitivity.finding(NUMBERS, nobody)
        == "At w4a4 no layer costs more than the others; w4 and a4 alone lose the same"
    )


BITS = np.array((4, 6, 8))


def cliff_title(config: StudyConfig, curves: Sequence[Sequence[float]], *bits: Sequence[int | None]) -> str:
    keys = cliff.limits(config.ranked.disturbed)
    smallest = {key: [{"bits": one} for one in each] for key, each in zip(keys, bits, strict=True)}
    return cliff.title(config, BITS, np.array(curves), smallest).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("curves", "loose", "strict", "text"),
    [
        ([[5.0, 2.0, 0.5]] * 2, (6, 6), (8, 8),
         "2 of 2 activations lose more than 3 dB; from 6 bits on every activation loses at most 3 dB, from 8 on at "
         "most 1 dB"),
        ([[2.0, 0.5, 0.1]] * 2, (4, 4), (6, 6),
         "2 of 2 activations lose more than 1 dB; from 4 bits on every activation loses at most 3 dB, from 6 on at "
         "most 1 dB"),
        ([[0.5, 0.2, 0.1]] * 2, (4, 4), (4, 4),
         "2 of 2 activations lose at most 1 dB; from 4 bits on every activation loses at most 1 dB"),
        ([[9.0, 8.0, 7.0], [5.0, 2.0, 0.5]], (None, 6), (None, 8),
         "2 of 2 activations lose more than 3 dB; 1 of 2 still loses more than 3 dB at 8 bits"),
    ],
)  # fmt: skip
def test_the_cliff(curves: Any, loose: Any, strict: Any, text: str) -> None:
    assert cliff_title(NUMBERS, curves, loose, strict) == f"With weights and activations at 4 bits {text}"


def test_the_cliff_of_one_activation_and_of_decisions() -> None:
    alone = StudyConfig(target="sine", task="regression", activations=("relu",), seeds=16)
    assert cliff_title(alone, [[5.0, 4.0, 3.5]], [None], [None]) == (
        "With weights and activations at 4 bits relu loses 5.0 dB; even at 8 bits relu loses more than 3 dB"
    )
    assert cliff_title(DIGITS, [[0.3, 0.02, 0.001]] * 2, (6, 6), (8, 8)).startswith(
        "With weights and activations at 4 bits 2 of 2 activations flip more than 5 % of the decisions;"
    )


def test_what_changes_at_the_focus_scheme() -> None:
    flips = {"reference": "relu", "fewest": "silu", "below": 1.25, "fewer": ["silu"]}

    def title(config: StudyConfig, rates: list[float], **more: Any) -> str:
        return decision.title(config, rates, 1, flips | more).replace("\u00a0", " ")

    assert title(NUMBERS, [4.0, 2.8]) == "w4a4 loses 2.8–4.0 dB; silu loses the least on average, 1.2 dB below relu"
    assert title(NUMBERS, [4.0, 2.8], fewer=[]) == "w4a4 loses 2.8–4.0 dB; no activation loses clearly less than relu"
    assert title(NUMBERS, [4.0, 2.8], fewest="relu") == "w4a4 loses 2.8–4.0 dB; clearly less than with relu: silu"
    assert title(NUMBERS, []) == "How much PSNR is lost at w4a4? No value was recorded"
    assert title(DIGITS, [0.2, 0.1], below=0.1).startswith(
        "w4a4 flips 10.0–20.0 % of the decisions; silu flips the fewest"
    )
    assert title(DIGITS, []) == "How many decisions change at w4a4? No value was recorded"
    assert decision.cell("psnr_drop", 1.25, (0.5, 0.25, 0.75), 1, is_reference=False) == ("1.2", "+0.5 [0.2, 0.8]")


def test_pictures_and_curves() -> None:
    assert (
        maps.title({"relu": 3.25, "silu": 0.5}, NUMBERS)
        == "w4a4 costs the curve of silu 0.5 dB and that of relu 3.2 dB"
    )
    picture = StudyConfig(target="texture", task="regression")
    assert maps.title({"relu": 3.25}, picture) == "w4a4 costs the picture of relu 3.2 dB"
    assert maps.title({}, picture) == "What does quantization do to the picture? No map at w4a4 was recorded"
    assert maps.under("PSNR", 31.25).replace("\u00a0", " ") == "PSNR 31.2 dB"


def test_the_legend_of_the_verdict() -> None:
    assert figure.kinds(NUMBERS)[3] == "allowed drop (1.0 dB)"
    assert (figure.axis(DB), figure.drop(DB)) == ("PSNR, dB", "drop, dB")
    assert "lose no more than 1.0 dB" in figure.reading(NUMBERS)
    assert figure.reading(NUMBERS).startswith("Held-out PSNR after quantization")
