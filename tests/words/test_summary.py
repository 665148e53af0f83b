"""The verdict in a few lines: what it says for every kind of outcome, and that its numbers are those of the verdict."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.judge.verdict import judge
from quantstudy.words.summary import summary
from tests.judge.limits import asked

NAMES = ("relu", "silu", "hardgelu")
SCHEMES = ("w4", "a4", "w4a4", "w4a8dyn", "w8", "a8", "w8a8", "w8a8dyn")


def three(mean: float | None, half: float = 0.01) -> dict[str, float | None]:
    if mean is None:
        return dict.fromkeys(("mean", "low", "high"))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def judged(
    metrics: Callable[..., pd.DataFrame], four: dict[str, float], eight: dict[str, float], seeds: int = 16
) -> dict[str, Any]:
    """A verdict in which the mean accuracy after quantization to 4 and to 8 bits is given."""
    random = np.random.default_rng(4)
    noise = random.normal(0, 0.001, (len(NAMES), seeds))
    full = {name: np.full(seeds, 0.99) for name in NAMES}
    quantized = {
        scheme: {name: (four if "4" in scheme else eight)[name] + noise[row] for row, name in enumerate(NAMES)}
        for scheme in SCHEMES
    }
    return judge(
        metrics(full, quantized), activations=NAMES, schemes=SCHEMES, focus="w4a4", limits=asked(0.02, assurance=0.8)
    )


def beyond(
    verdict: dict[str, Any], gain: float = 0.075, differs: tuple[str, ...] = (), ahead: dict[str, float] | None = None
) -> dict[str, Any]:
    ahead = ahead or {}
    layer = {"isolated": three(0.1), "accumulated": three(0.12)}
    layers = [
        layer | {"layer": 0, "all_but_one": three(0.09), "shapley": three(0.05), "rank": 2},
        layer | {"layer": 1, "all_but_one": three(0.062), "shapley": three(0.088), "rank": 1},
    ]
    least = {"relu": 7, "silu": 8, "hardgelu": 7}
    cliff = {name: {"deployable": {"bits": bits, "low": None, "high": None}} for name, bits in least.items()}
    first = {"bits": 7, "activations": ["relu", "hardgelu"], "stability": 1.0, "sure": True}
    regrets = {"relu": 0.05, "silu": 0.03, "hardgelu": 0.004}
    leader = {"activation": "hardgelu", "regret": 0.004, "low": 0.002, "high": 0.007, "stability": 1.0}
    of_bound = {"of": "hardgelu", "question": "bound", "p_holm": 0.001 if gain else 1.0, "not_learned": []}
    rows: list[dict[str, Any]] = [of_bound | three(gain) | {"differs": gain != 0, "stability": 1.0}]
    for name in ("relu", "silu"):
        rows.append({"of": name, "question": "gap", **three(ahead.get(name, 0.1)), "differs": name not in ahead})
        rows.append({"of": name, "question": "shape", **three(0.0), "differs": name in differs})
    return verdict | {
        "sensitivity": {"w4a4": {key: {"total": three(0.138), "layers": layers, "stability": 0.9} for key in NAMES}},
        "bit_cliff": dict.fromkeys(("both", "weights", "activations"), cliff),
        "first_width": dict.fromkeys(("both", "weights", "activations"), first),
        "placement": {"w4a4": {"settings": [{}] * 8, "regret": regrets, "leader": leader, "change": None}},
        "cause": {"w4a4": rows},
    }


STUDY = StudyConfig(activations=NAMES, seeds=16)


def test_nothing_is_deployable_and_all_are(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, {"relu": 0.80, "silu": 0.81, "hardgelu": 0.85}, dict.fromkeys(NAMES, 0.985))
    lines = summary(STUDY, beyond(verdict))
    assert lines[0].startswith(
        "4 bits: nothing is deployable at w4, a4, w4a4 and w4a8dyn. The best at w4a4, hardgelu, "
    )
    passes = "of its 16 networks lose at most the allowed 2.0 points"
    way_out = "It leads all others, but is not good enough; take more bits, or allow a larger loss."
    first = verdict["schemes"]["w4a4"]["ranking"][0]
    drop, low, high = (f"{100 * first[key]:.1f}" for key in ("drop", "drop_low", "drop_high"))
    told = f"loses {drop} points (95 % CI {low} to {high})"
    assert f"{told} of its 99.0 % in float; it passes too seldom: 0 {passes}. {way_out}" in lines[0]
    assert lines[1].startswith(
        "8 bits: all 3 are deployable at w8, a8, w8a8 and w8a8dyn. The first in the ranking at w8a8"
    )
    assert f"; 16 {passes}, so at least 82 % of such networks do (95 % confidence). No winner: " in lines[1]
    assert lines[1].endswith("are tied there; take one that is deployable.")
    assert lines[2] == (
        "With both quantized the first shown to be deployable are relu and hardgelu, from 7 bits on; with weights "
        "alone the first from 7 bits on, with activations alone from 7 bits on: plan with no fewer bits."
    )
    assert "16 seeds" in lines[3]
    assert lines[4] == (
        "Over 8 ways to quantize at w4a4 (where, which ranges, how fine), hardgelu loses least, 0.4 "
        "points (95 % CI 0.2 to 0.7) against the best of each: choose it, with more bits, if you cannot "
        "choose how it is quantized."
    )
    assert "layer 1 is answerable for 8.8 of the 13.8 % of pixels that flip" in lines[5]
    assert lines[5].endswith("; leave it in float and 6.2 % do.")
    assert "by 7.5 points (95 % CI 6.5 to 8.5); trained with the same cap, relu and silu are not told apart" in lines[6]
    assert len(lines) == 7


def test_a_winner(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(
        metrics, {"relu": 0.9, "silu": 0.9, "hardgelu": 0.985}, {"relu": 0.95, "silu": 0.95, "hardgelu": 0.989}
    )
    lines = summary(STUDY, verdict)
    assert lines[0].startswith(
        "4 bits: deploy hardgelu at w4, a4, w4a4 and w4a8dyn. The best at w4a4, hardgelu, loses 0.5"
    )
    assert "winner" not in lines[0]
    assert "more bits" not in lines[0]
    assert len(lines) == 3  # a quick run: nothing beyond the schemes
    assert "more would tell" not in lines[2]


def test_a_leader_of_too_few_seeds_is_not_called_bad(metrics: Callable[..., pd.DataFrame]) -> None:
    accuracies = {"relu": 0.9, "silu": 0.9, "hardgelu": 0.985}
    line = summary(STUDY, judged(metrics, accuracies, accuracies, seeds=13))[0]
    assert line.startswith("4 bits: too few seeds to call anything deployable at w4, a4, w4a4 and w4a8dyn. ")
    assert line.endswith(" 2.0 points. It leads all others; run --seeds 14 or more.")


def test_schemes_of_one_width_that_end_otherwise(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, {"relu": 0.985, "silu": 0.985, "hardgelu": 0.9}, dict.fromkeys(NAMES, 0.985))
    other = judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.8))
    verdict["schemes"]["a4"] = other["schemes"]["a4"]
    (line, *_) = summary(STUDY, verdict)
    assert line.startswith("4 bits: deployable: relu and silu at w4, w4a4 and w4a8dyn; nothing is deployable at a4. ")


def test_schemes_beside_the_widths_have_a_line_of_their_own(metrics: Callable[..., pd.DataFrame]) -> None:
    config = STUDY.with_options(schemes="w4a8,wf8,wf8af8")
    good, bad = dict.fromkeys(NAMES, 0.985), dict.fromkeys(NAMES, 0.8)
    verdict = judged(metrics, bad, good)
    assert not [line for line in summary(config, verdict) if line.startswith("Further")]
    for name, of in (("w4a8", "w4a4"), ("wf8", "w8"), ("wf8af8", "w8a8")):
        verdict["schemes"][name] = verdict["schemes"][of]
    line = summary(config, verdict)[2]
    assert line == "Further schemes: nothing is deployable at w4a8; all 3 are deployable at wf8 and wf8af8."
    verdict["schemes"]["wf8"] = verdict["schemes"]["wf8"] | {"backends_differ": {"silu": {"share": 0.2, "at": "wf8"}}}
    assert "silu" in summary(config, verdict)[2]
    assert summary(STUDY, verdict) == [line for line in summary(config, verdict) if not line.startswith("Further")]
    one = judged(metrics, bad, good, seeds=1)
    assert not [line for line in summary(config.with_options(seeds=1), one) if line.startswith("Further")]


def test_how_many_more_seeds(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, {"relu": 0.8495, "silu": 0.85, "hardgelu": 0.85}, dict.fromkeys(NAMES, 0.985))
    pairs = verdict["schemes"]["w4a4"]["more_seeds"]
    assert {tuple(sorted(pair["pair"])) for pair in pairs} == {
        ("hardgelu", "relu"), ("hardgelu", "silu"), ("relu", "silu")
    }  # fmt: skip
    best = verdict["schemes"]["w4a4"]["best"]
    least = min(
        pair["seeds"] or 10**9
        for scheme in ("w4a4", "w8a8")
        for pair in verdict["schemes"][scheme]["more_seeds"]
        if verdict["schemes"][scheme]["best"] in pair["pair"]
    )
    line = summary(STUDY, verdict)[2]
    (pair,) = [
        pair
        for scheme in ("w4a4", "w8a8")
        for pair in verdict["schemes"][scheme]["more_seeds"]
        if pair["seeds"] == least and verdict["schemes"][scheme]["best"] in pair["pair"]
    ]
    assert pair["low"] <= least
    upper = f"to {pair['high']:,} more" if pair["high"] else "more or no number within reach"
    assert f"; perhaps {pair['low']:,} {upper} would tell " in line
    for scheme in SCHEMES:
        verdict["schemes"][scheme]["more_seeds"] = [{"pair": [best, "relu"], "seeds": None, "low": None, "high": None}]
    verdict["schemes"]["w8a8"]["best"] = best
    assert "; no number within reach would tell " in summary(STUDY, verdict)[2]


def test_the_bound_is_not_all(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.98))
    line = summary(STUDY, beyond(verdict, gain=-0.02, differs=("silu",)))[-1]
    assert "by -2.0 points (95 % CI -3.0 to -1.0)" in line
    assert line.endswith("of relu and silu still told apart from it: silu.")


def test_one_seed(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.98), seeds=1)
    lines = summary(STUDY.with_options(seeds=1), beyond(verdict))
    assert lines[0] == "4 bits: one seed gives no interval, so nothing is called deployable; run --seeds 14 or more."
    assert not any("depends" in line or "95 %" in line for line in lines[:2])
    assert len(lines) <= 8


def test_no_accuracy_was_recorded(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, dict.fromkeys(NAMES, np.nan), dict.fromkeys(NAMES, 0.98))
    lines = summary(STUDY, verdict)
    assert "No accuracy was recorded at w4a4." in lines[0]


@pytest.mark.parametrize("count", [1, 3, 7, 15])
def test_at_most_eight_lines(metrics: Callable[..., pd.DataFrame], count: int) -> None:
    bits = tuple(range(2, 2 + count))
    config = STUDY.with_options(bits=bits)
    random = np.random.default_rng(1)
    full = {name: np.full(3, 0.99) for name in NAMES}
    quantized = {str(scheme): {name: random.uniform(0.8, 0.9, 3) for name in NAMES} for scheme in config.all_schemes}
    focus, limits = f"w{bits[0]}a{bits[0]}", asked(0.02, assurance=0.8)
    verdict = judge(metrics(full, quantized), activations=NAMES, schemes=list(quantized), focus=focus, limits=limits)
    verdict |= {"sensitivity": {}, "bit_cliff": {}, "placement": {}, "cause": {}}
    for key in ("sensitivity", "placement", "cause"):
        verdict[key] = {f"w{bits[0]}a{bits[0]}": beyond(verdict)[key]["w4a4"]}
    verdict |= {key: beyond(verdict)[key] for key in ("bit_cliff", "first_width")}
    lines = summary(config, verdict)
    assert len(lines) <= 8
    assert lines[0].startswith(f"{bits[0]} bits: ")
    shown = sum(re.match(r"\d+ bits: ", line) is not None for line in lines)
    missing = len(config.bit_widths) - shown
    assert (f"See verdict.json for {missing} more widths." in lines) == (missing > 0)


def test_looking_often_is_said(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, {"relu": 0.8, "silu": 0.8, "hardgelu": 0.9}, dict.fromkeys(NAMES, 0.98))
    line = summary(STUDY, verdict | {"test": "anytime"})[2]
    assert "seeds were added until decided, by a test and a bound that allow for looking after every batch" in line
    verdict["schemes"]["w4a4"]["settled"] = False
    line = summary(STUDY, verdict | {"test": "anytime"})[2]
    assert "the best at w4a4 was not yet known to be deployable or not" in line
    verdict["schemes"]["w4a4"]["settled"] = True
    assert "more would tell" not in line  # that is reckoned for the test of a fixed number of seeds
    assert "added" not in summary(STUDY, verdict)[2]


def test_a_tie_that_cost_breaks(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.985))
    assert summary(STUDY, verdict)[1].endswith("are tied there; take one that is deployable.")
    verdict["schemes"]["w8a8"]["tie_break"] = {"cheapest": ["relu"]}
    assert summary(STUDY, verdict)[1].endswith(
        "are tied there; take one that is deployable, and by counted cost relu comes first."
    )
    verdict["schemes"]["w8a8"]["tie_break"] = {"cheapest": ["relu", "silu"]}
    assert summary(STUDY, verdict)[1].endswith(
        "take one that is deployable, and by counted cost relu and silu come first."
    )


def test_a_multiverse_is_quoted(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = beyond(judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.985)))
    without = summary(STUDY, verdict)
    least = {"metric": "heldout_accuracy_quantized", "activation": "relu", "stability": 1.0}
    quoted = summary(
        STUDY, verdict | {"multiverse": {"summary": ["Over 7 ways relu loses least.", "more"], "least_regret": least}}
    )
    (line,) = [line for line in quoted if line not in without]
    assert line == (
        "Over 7 ways relu loses least: choose it if learning rate, islands, widths and quantizers may change."
    )
    least["stability"] = 0.61
    opened = {"summary": ["Open: who.", "more"], "least_regret": least}
    assert "Open: who." in summary(STUDY, verdict | {"multiverse": opened})
    assert len(quoted) == len(without) + 1 == 8


def test_from_how_many_bits_on(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = beyond(judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.985)))

    def first(bits: int | None, names: tuple[str, ...] = (), stability: float = 1.0) -> dict[str, Any]:
        return {"bits": bits, "activations": list(names), "stability": stability, "sure": stability == 1.0}

    verdict["first_width"] = {"both": first(8, NAMES), "weights": first(5, ("silu",), 0.46), "activations": first(None)}
    assert summary(STUDY, verdict)[2] == (
        "With both quantized all are shown to be deployable, from 8 bits on; with weights alone the first from 5 bits "
        "on (open: only 46 % of random halves of the seeds give this width), with activations alone at no width: "
        "plan with no fewer bits."
    )
    verdict["first_width"]["both"] = first(None)
    assert summary(STUDY, verdict)[2].startswith("With both quantized none is deployable at any width up to 16 bits; ")
    verdict["first_width"]["both"] = first(None, stability=0.3)
    assert "none is shown to be deployable at any width" in summary(STUDY, verdict)[2]
    verdict["first_width"]["both"] = first(8, NAMES) | {"sure": False}
    assert "from 8 bits on (open: with so many activations it may be chance); " in summary(STUDY, verdict)[2]


def test_no_cause_is_named_where_none_is_seen(metrics: Callable[..., pd.DataFrame]) -> None:
    verdict = judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.985))
    line = summary(STUDY, beyond(verdict, gain=0.0))[-1]
    assert line.endswith("by 0.0 points (95 % CI -1.0 to 1.0), not told apart from nothing: keep it or leave it.")
    line = summary(STUDY, beyond(verdict, ahead={"relu": 0.01, "silu": 0.01}))[-1]
    assert line.endswith("by 7.5 points (95 % CI 6.5 to 8.5).")  # nobody is behind: there is no lead to explain
    line = summary(STUDY, beyond(verdict, ahead={"relu": 0.01}))[-1]
    assert line.endswith(
        "trained with the same cap, silu is not told apart from it, so the cap may be all it takes: try it on yours."
    )


def test_networks_that_learned_little_and_missing_values_are_said(metrics: Callable[..., pd.DataFrame]) -> None:
    random = np.random.default_rng(2)
    full = {name: np.full(16, 0.7) for name in NAMES}
    quantized = {scheme: {name: random.uniform(0.6, 0.7, 16) for name in NAMES} for scheme in SCHEMES}
    quantized["w4"]["relu"][:3] = quantized["w4a4"]["silu"][1] = np.nan
    limits = asked(0.02, assurance=0.8, learned=0.9)
    verdict = judge(metrics(full, quantized), activations=NAMES, schemes=SCHEMES, focus="w4a4", limits=limits)
    four, eight, *_ = summary(STUDY, verdict)
    assert "of its only 70.0 % in float" in four
    for said in (
        "relu in 3 of 16 networks",
        "silu in 1 of 16 networks",
        "these count as failed, and a mean is that of the oth",
    ):
        assert said in four
    assert "No finite value" not in eight


def test_the_best_without_an_interval_or_that_has_not_learned_says_why_it_is_not_deployable(
    metrics: Callable[..., pd.DataFrame],
) -> None:
    def line(full: float) -> str:
        same = {name: np.full(3, full) for name in NAMES}
        judged = judge(
            metrics(same, dict.fromkeys(SCHEMES, same)),
            activations=NAMES,
            schemes=SCHEMES,
            focus="w4a4",
            limits=asked(0.02, assurance=0.8, learned=0.9),
        )
        return summary(STUDY, judged)[0]

    assert "loses 0.0 points (no interval) of its 95.0 % in float; 3 of its 3 networks lose at most" in line(0.95)
    assert line(0.95).endswith("are tied there; run --seeds 14 or more.")
    assert (
        "loses 0.0 points (no interval) of its only 50.0 % in float; it gets only 50.0 % right in float. No winner"
        in line(0.5)
    )
    assert line(0.5).endswith("; train longer, or an easier task.")


def test_an_effect_of_the_cap_is_no_finding_where_the_other_network_has_not_learned(
    metrics: Callable[..., pd.DataFrame],
) -> None:
    verdict = beyond(judged(metrics, dict.fromkeys(NAMES, 0.8), dict.fromkeys(NAMES, 0.985)))
    verdict["cause"]["w4a4"][0]["not_learned"] = ["hardgelu_uncapped"]
    line = summary(STUDY, verdict)[-1]
    last = "; that says little, since hardgelu_uncapped, the same activation without its cap, has not learned."
    assert line.endswith(f"){last}")
