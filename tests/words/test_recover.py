"""What repairs give back, in words: whole sentences of made-up records, whose numbers are those of the verdict."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantstudy.config.metrics import RANKED
from quantstudy.config.study import StudyConfig
from quantstudy.judge.deployable import Limits
from quantstudy.judge.recover import judge_recover
from quantstudy.judge.rules import PERMUTATION
from quantstudy.words import recover, repair_notes
from quantstudy.words.figures import recover as figure
from quantstudy.words.recipes import row_of
from quantstudy.words.summary import MOST_LINES, in_words, summary
from quantstudy.words.tables import tables
from tests.judge.limits import asked
from tests.judge.tables import NAMES, Drops, repaired
from tests.words.test_summary import STUDY, beyond, judged

SEEDS = 16
HALF = "on half of the held-out points"
POLISH = "moves codes, scales and biases one at a time while that lowers the loss"
WIDER = "--scheme w4a8, activations at 8 bits, may win back more"
TRY = f"quantstudy recover RUN --recipes qat+polish --scheme w4a4, or {WIDER}"


def verdict_of(frame: pd.DataFrame, seeds: int = SEEDS, limits: Limits | None = None, **options: Any) -> dict[str, Any]:
    """Return what a verdict says of repairs, and of what was asked."""
    limits = limits or asked(0.02, assurance=0.8)
    not_learned = options.get("not_learned", {})
    found = judge_recover(
        frame, options.get("names", NAMES), seeds, limits, "w4a4", not_learned, *options.get("more", ())
    )
    return {**limits.said(), "seeds": seeds, "not_learned": not_learned, "test": "permutation", **found}


def line(verdict: dict[str, Any], scheme: str = "", config: StudyConfig = STUDY) -> str:
    """Return what the summary says, or what is said of one scheme."""
    return recover.line(config, scheme, verdict) if scheme else recover.summed_up(config, verdict)


def notes(verdict: dict[str, Any]) -> list[str]:
    return repair_notes.notes(STUDY, verdict)


def spread(mean: float, seeds: int = SEEDS) -> Any:
    return mean + 0.001 * np.linspace(-1, 1, seeds)


def pair(plain: float, polish: float, scheme: str = "w4a4", recipe: str = "polish", name: str = "relu") -> Drops:
    return {(name, scheme, "plain"): spread(plain), (name, scheme, recipe): spread(polish)}


def test_what_to_do_where_that_is_not_enough() -> None:
    verdict = verdict_of(repaired(pair(0.154, 0.063)))
    assert line(verdict) == (
        f"What to do: repair relu with polish ({POLISH}, without training): at w4a4 its mean loss {HALF} falls "
        "from 15.4 to 6.3 points (95 % CI 6.3 to 6.3); still not deployable, it passes too seldom: 0 of its 16 "
        f"networks lose at most the allowed 2.0 points; {TRY}; with a loss of 6.4 points allowed it would be "
        "deployable."
    )
    assert recover.tail("w4a4", verdict) == (
        f"With polish the mean loss of relu {HALF} falls from 15.4 to 6.3 points (95 % CI 6.3 to 6.3); still not "
        "deployable, it passes too seldom: 0 of its 16 networks lose at most the allowed 2.0 points."
    )
    assert figure.title(verdict) == (
        "polish wins back 9.1 of the 15.4 points that relu loses at w4a4; that is not enough to deploy it"
    )


def test_from_how_many_bits_on() -> None:
    drops = pair(0.154, 0.063) | pair(0.04, 0.01, "w6a6") | pair(0.01, 0.001, "w8a8")
    verdict = verdict_of(repaired(drops))
    assert f"points; deployable from 6 bits on with polish, from 8 without; {TRY}." in line(verdict)
    assert figure.title(verdict).endswith("; deployable from 6 bits on")
    assert figure.cliff_heading(verdict["recover"]["w4a4"]["cliff"], verdict) == (
        "relu at other widths", "with polish deployable from 6 bits on"
    )  # fmt: skip
    never = verdict_of(repaired(pair(0.154, 0.063) | pair(0.05, 0.03, "w6a6")))
    assert "; deployable at no measured width (4 to 6 bits) with polish; " in line(never)
    assert figure.cliff_heading(never["recover"]["w4a4"]["cliff"], never)[1] == "with polish deployable at none of them"


def test_what_else_to_try_is_not_what_was_tried() -> None:
    tried = pair(0.154, 0.063) | pair(0.154, 0.03, recipe="qat@9000+polish")
    steps: Drops = {("relu", "w4a4", "qat@9000+polish"): 9000}
    said = line(verdict_of(repaired(tried, steps=steps)))
    assert "repair relu with qat@9000+polish (9,000 training steps in all): at w4a4" in said
    tell = f"2.0 points; quantstudy recover RUN --recipes qat+polish {WIDER}; with a loss of 3.1 points allowed"
    assert said.endswith(f"{tell} it would be deployable.")
    all_tried = tried | pair(0.1, 0.03, "w4a8") | pair(0.1, 0.03, "w4a8", "qat@9000+polish")
    assert "RUN" not in line(verdict_of(repaired(all_tried)))
    weights = line(verdict_of(repaired(pair(0.154, 0.063, "w4"))))
    assert "; quantstudy recover RUN --recipes qat+polish --scheme w4 may win back more; with" in weights


def test_what_a_repair_makes_deployable() -> None:
    verdict = verdict_of(repaired(pair(0.154, 0.01)))
    proof = "16 of its 16 networks lose at most the allowed 2.0 points, so at least 82 % of such networks do"
    assert line(verdict).endswith(f"; {proof} (95 % confidence): deployable.")
    assert figure.title(verdict).endswith("; that makes it deployable")
    few = pair(0.154, 0.01)
    few["relu", "w4a4", "polish"] = np.where(np.arange(SEEDS) < 3, 0.05, 0.01)
    opened = verdict_of(repaired(few), limits=asked(0.02, assurance=0.58))
    stability = row_of(opened["recover"]["w4a4"], "relu", "polish")["stability"]
    assert stability == 1.0
    opened["recover"]["w4a4"]["rows"][1]["stability"] = 0.71
    assert line(opened).endswith(
        ": deployable, but that is open: enough pass in only 71 % of random halves of the seeds; run more seeds."
    )
    assert figure.title(opened).endswith("; whether that makes it deployable is open")
    assert tables_of(opened)[0]["rows"][0][6] == "yes (open)"


def test_what_needs_no_repair_or_is_not_helped_by_it() -> None:
    fine = verdict_of(repaired(pair(0.01, 0.005)))
    assert line(fine) == (
        f"Repairs at w4a4: relu is deployable without any; with polish, without training, its mean loss {HALF} falls "
        "from 1.0 to 0.5 points (95 % CI 0.5 to 0.5); it stays deployable."
    )
    worse = verdict_of(repaired(pair(0.1, 0.12) | pair(0.1, 0.2, recipe="qat+polish")))
    assert line(worse) == (
        "Repairs at w4a4: relu is best without polish or qat+polish, so leave it as it is; quantstudy recover RUN "
        f"--recipes qat+polish {WIDER}; with a loss of 10.1 points allowed it would be deployable."
    )
    assert recover.tail("w4a4", worse) == ""
    assert (
        figure.title(worse) == "Nothing of the 10.0 points that relu loses at w4a4 is won back by polish or qat+polish"
    )


def test_what_may_be_chance_is_said() -> None:
    drops = pair(0.154, 0.154)
    drops["relu", "w4a4", "polish"] = drops["relu", "w4a4", "plain"] - np.tile([0.011, -0.01], 8)
    verdict = verdict_of(repaired(drops))
    assert (
        f"its mean loss {HALF} goes from 15.4 to 15.3 points (95 % CI 14.7 to 15.9), not told apart from nothing;"
        in (line(verdict))
    )
    assert figure.title(verdict).startswith("polish is not shown to win back anything of the 15.4 points")
    both = {key: value[:5] for key, value in pair(0.154, 0.05).items()}
    few = verdict_of(repaired(both), 5)  # five seeds tell nothing apart
    assert ", which may be chance, all comparisons counted (p = 0.062); " in line(few)
    assert line(few).endswith("; 0 of its 5 networks lose at most the allowed 2.0 points; run --seeds 14 or more.")
    assert figure.title(few) == (
        "polish may win back 10.4 of the 15.3 points that relu loses at w4a4; to show it deployable takes 14 seeds or "
        "more"
    )
    even: Drops = {key: np.full(SEEDS, 0.1 if "plain" in key else 0.05) for key in pair(0.0, 0.0)}
    turned = verdict_of(repaired(pair(0.05, 0.1), even))  # chosen on one half, and worse on the other
    assert "its mean loss on half of the held-out points rises from 5.0 to 10.0 points" in line(turned)
    assert line(turned).startswith("What not to do: repair relu with polish (moves ")
    assert line(few).startswith("Open: whether to repair relu with polish (moves ")
    assert figure.title(turned) == "polish makes it worse: relu loses 5.0 points more with it at w4a4"


def test_one_seed_and_nothing_at_all() -> None:
    one = verdict_of(repaired({key: value[:1] for key, value in pair(0.155, 0.064).items()}), 1)
    assert line(one) == (
        "One seed cannot say what a repair is worth: at w4a4 relu loses 15.4 points without one and 6.3 points with "
        "polish; run --seeds 14 or more."
    )
    assert recover.tail("w4a4", one) == ""
    assert figure.title(one) == "One seed: polish wins back 9.1 of the 15.4 points that relu loses at w4a4"
    assert figure.reading(one).endswith("One seed was run: no intervals, nothing is deployable.")
    dead = verdict_of(repaired(pair(np.nan, np.nan)))
    assert line(dead) == ("Repairs at w4a4: relu has no network with a finite value, so there is nothing to choose.")
    assert figure.title(dead).endswith("No value was recorded")
    assert recover.tail("w4a4", dead) == ""
    for nothing in ({}, {"recover": {}}):
        assert line(nothing) == recover.tail("w4a4", nothing | {"seeds": 16}) == ""
        assert notes(nothing) == []
        assert figure.title(nothing).endswith("None was tried")


def test_what_has_not_learned_is_said_to() -> None:
    verdict = verdict_of(repaired(pair(0.154, 0.01)), not_learned={"relu": 0.61})
    assert line(verdict) == (
        "Repairs at w4a4: relu gets only 61.0 % right in float: train it first, before you repair it."
    )
    assert recover.tail("w4a4", verdict).endswith("; still not deployable, it gets only 61.0 % right in float.")
    assert figure.title(verdict).endswith("; it has not learned in float")


def test_networks_that_torchao_decides_otherwise() -> None:
    verdict = verdict_of(repaired(pair(0.154, 0.01)), more=({"w4a4": {"relu": {"share": 0.1, "at": "w4"}}},))
    assert line(verdict).endswith(
        "still not deployable, it is quantized otherwise by torchao; look at both on the device before you choose it."
    )


def two(hardgelu: float, relu: float, plain: float = 0.2) -> dict[str, Any]:
    """Return a verdict in which hardgelu is best without repair."""
    return verdict_of(repaired(pair(0.1, hardgelu, name="hardgelu") | pair(plain, relu)))


def test_whether_another_activation_comes_first() -> None:
    def order(verdict: dict[str, Any]) -> str:
        return recover.order(verdict["recover"]["w4a4"])

    assert order(two(0.05, 0.03)) == (
        "With repair relu comes first, without it hardgelu: choose by what is repaired, not by what is not."
    )
    assert order(two(0.03, 0.05)) == ("hardgelu comes first with repair as without: the choice stays.")
    near = two(0.0500001, 0.05)
    near["recover"]["w4a4"]["order"]["repaired"]["tied_with"] = ["relu", "hardgelu"]
    assert order(near).endswith("; the two are not told apart once repaired: take either.")
    opened = two(0.05, 0.03)
    opened["recover"]["w4a4"]["order"]["repaired"]["stability"] = 0.6
    assert order(opened).endswith("; that is open: relu is first in only 60 % of random halves of the seeds.")
    assert recover.tail("w4a4", two(0.05, 0.03)).endswith(order(two(0.05, 0.03)))
    assert order(verdict_of(repaired(pair(0.1, 0.05)))) == ""


def test_the_notes_of_the_page() -> None:
    verdict = two(0.05, 0.03)
    what, how, told = notes(verdict)
    assert f"«polish» {POLISH}." in what
    assert "all numbers here are those of the other half" in how
    assert "The seeds are the same in both halves: what was chosen may still owe a little to their luck." in how
    assert told == f"{line(verdict)} {recover.order(verdict['recover']['w4a4'])}"
    verdict["recover"]["w4a4"]["chosen"]["stability"] = 0.5
    opened = "That relu with polish is the best of all is open: it is in only 50 % of random halves of the seeds."
    assert f" {opened} " in notes(verdict)[2]


def tables_of(verdict: dict[str, Any], config: StudyConfig = STUDY, seconds: Any = None) -> list[dict[str, Any]]:
    return tables(config, verdict, seconds)["recover"]


def test_the_tables_of_the_page() -> None:
    drops = pair(0.154, 0.063) | pair(0.154, 0.17, recipe="qat") | pair(0.01, 0.001, "w8a8")
    verdict = verdict_of(repaired(drops, steps={("relu", "w4a4", "qat"): 3000}))
    seconds = {"w4a4": {"polish": {"relu": 0.5}}}
    main, cliff = tables_of(verdict, seconds=seconds)
    assert [len(row) for row in main["rows"]] == [len(main["head"])] * 2
    assert main["rows"] == [
        ["relu", "polish (chosen)", "15.4 [15.4, 15.4]", "6.3 [6.3, 6.3]", "+9.1 [9.1, 9.1]", "0 of 16, so ≥ 0 %", "no",
         "6.4", "8", "0", "0.50"],
        ["relu", "qat", "15.4 [15.4, 15.4]", "17.0 [17.0, 17.0]", "−1.6 [−1.6, −1.6]", "0 of 16, so ≥ 0 %", "no",
         "17.1", "not measured", "3,000", ""],
    ]  # fmt: skip
    assert [row[0] for row in cliff["rows"]] == ["w4a4", "w8a8"]
    assert [len(row) for row in cliff["rows"]] == [len(cliff["head"])] * 2
    assert cliff["rows"][1][1:] == [
        *("1.0 [1.0, 1.0]", "16 of 16, so ≥ 82 %", "yes"),
        *("0.1 [0.1, 0.1]", "16 of 16, so ≥ 82 %", "yes"),
    ]
    assert tables_of(verdict_of(repaired(pair(0.154, 0.063) | pair(0.05, 0.03, "w6a6"))))[0]["rows"][0][8] == (
        "more than 6"
    )


def test_decibels() -> None:
    by = RANKED["regression"]
    rows = [
        ("relu", "w4a4", recipe, seed, metric, value)
        for recipe, lost in (("plain", 6.0), ("polish", 2.5))
        for seed in range(SEEDS)
        for metric, value in (
            *((by.even, 30.0 - lost), (by.odd, 30.0 - lost), (by.drop_even, lost), (by.drop_odd, lost)),
        )
    ]
    frame = pd.DataFrame(rows, columns=["activation", "scheme", "recipe", "seed", "metric", "value"])
    verdict = verdict_of(frame, limits=Limits(1.0, 0.8, 0.0, 0.0, PERMUTATION, by))
    assert f"its mean loss {HALF} falls from 6.0 to 2.5 dB (95 % CI 2.5 to 2.5);" in line(verdict)
    assert line(verdict).endswith("; with a loss of 2.5 dB allowed it would be deployable.")
    assert "(moves codes, scales and biases one at a time while that lowers the loss): at w4a4" in (line(verdict))
    assert figure.title(verdict).startswith("polish wins back 3.5 of the 6.0 dB that relu loses at w4a4")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_summary_says_what_to_do_in_eight_lines(metrics: Any, count: int) -> None:
    verdict = beyond(judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.985)))
    least = {"metric": "heldout_accuracy_quantized", "activation": "relu", "stability": 1.0}
    whole = verdict | {"multiverse": {"summary": ["Over 7 ways relu loses least."], "least_regret": least}}
    config = STUDY.with_options(bits=(4, 8)[: min(count, 2)] if count < 5 else (4, 4 + 1, 6, 7))
    for bits in (5, 6, 7):
        for scheme in (f"w{bits}", f"a{bits}", f"w{bits}a{bits}", f"w{bits}a8dyn"):
            whole["schemes"][scheme] = whole["schemes"]["w4a4"]
    repairs = verdict_of(repaired(pair(0.154, 0.063)))["recover"]
    before, after = summary(config, whole), summary(config, whole | {"recover": repairs})
    assert len(after) == MOST_LINES
    (new,) = [line for line in after if line not in before and "more widths" not in line]
    assert new == line(whole | {"recover": repairs})
    lost = [line for line in before if line not in after and "more widths" not in line]
    assert [("layer" in line) for line in lost][:1] == [True]
    assert after.index(new) == sum(" bits: " in line or "more widths" in line for line in after)


def test_the_reason_of_a_scheme_goes_on_with_its_repair(metrics: Any) -> None:
    verdict = judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.985))
    repairs = verdict_of(repaired(pair(0.154, 0.063) | pair(0.1, 0.05, "w3a3", "qat")))["recover"]
    assert set(repairs) == {"w4a4", "w3a3"}
    plain, more = in_words(STUDY, verdict), in_words(STUDY, verdict | {"recover": repairs})
    tail = recover.tail("w4a4", verdict | {"recover": repairs})
    assert more["schemes"]["w4a4"]["reason"] == f"{plain['schemes']['w4a4']['reason']} {tail}"
    assert more["schemes"]["w8a8"] == plain["schemes"]["w8a8"]
    verdict["not_learned"] = {"relu": 0.5}
    repairs["w4a4"]["rows"][1]["learned"] = False
    told = in_words(STUDY, verdict | {"recover": repairs})
    assert "the mean loss of relu (not learned)" in told["schemes"]["w4a4"]["reason"]
    assert "Repairs at w4a4: relu (not learned) gets only 50.0 % right in float" in " ".join(told["summary"])
