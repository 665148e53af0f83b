"""The verdict in at most eight lines, for someone who has read nothing else; all their numbers are in verdict.json."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.activations.catalogue import BOUNDED, UNBOUNDED
from quantstudy.judge.facts import is_fact
from quantstudy.words import recover
from quantstudy.words.cause import with_sentences
from quantstudy.words.deployable import in_halves, this_width, too_few
from quantstudy.words.numbers import listing
from quantstudy.words.placement import phrase_of
from quantstudy.words.regret import alike, changed, loss
from quantstudy.words.things import things_of, unit_of
from quantstudy.words.verdict import certainty, marked, more_seeds, with_reasons
from quantstudy.words.widths import added_line, width_line

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

MOST_LINES = 8
"""Lines at most."""


def in_words(config: "StudyConfig", verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `judge.run.judge_run` found with its sentences, as it stands in verdict.json.

    Every scheme gets its `reason`, every row of `cause` its `sentence`, the whole its `summary`: some lines.

    Args:
        config: the study.
        verdict: its numbers.
    """
    worded, not_learned = with_reasons(verdict, things_of(config).points), list(verdict["not_learned"])
    for scheme in worded.get("recover", {}):
        if scheme in worded["schemes"] and (repaired := recover.tail(scheme, verdict)):
            reason = f"{worded['schemes'][scheme]['reason']} {marked(repaired, not_learned)}"
            worded["schemes"][scheme] = {**worded["schemes"][scheme], "reason": reason}
    if "cause" in worded:
        worded["cause"] = with_sentences(worded["cause"], not_learned, unit_of(config))
    return worded | {"summary": [marked(line, not_learned) for line in summary(config, worded)]}


def summary(config: "StudyConfig", verdict: Mapping[str, Any]) -> list[str]:
    """Return the verdict in words: a line per bit width (first the study's `bits`), what to do, what else was found.

    Where there is no room for all of it, first what is said of layers is left out, then the cause, then widths are.

    Args:
        config: the study.
        verdict: everything else that verdict.json holds.
    """
    topics = (_added, _repairs, _bits, _certainty, _conditions, _choices, _layers, _cause)
    lines = [width_line(bits, verdict, things_of(config).points) for bits in config.bit_widths]
    told = {about: line for about in topics if (line := about(config, verdict))}
    for about in (_layers, _cause):
        if len(told) + min(len(lines), 2) > MOST_LINES:
            told.pop(about, None)
    rest = list(told.values())
    room = MOST_LINES - len(rest)
    if len(lines) > room:
        left = len(lines) - room + 1
        lines = [*lines[: room - 1], f"See verdict.json for {left} more widths."]
    return [*lines, *rest]


def _repairs(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """What repairing the best one is worth."""
    return recover.summed_up(config, verdict)


def _added(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """What can be deployed at schemes beside those of the widths."""
    return added_line(config.added_schemes, verdict, things_of(config).points)


def _bits(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """From how many bits on something is deployable."""
    if "first_width" not in verdict or _seeds(verdict) == 1 or too_few(verdict):
        return ""
    first = verdict["first_width"]
    weights, activations = (_from(first[part]) for part in ("weights", "activations"))
    apart = f"with weights alone the first {weights}, with activations alone {activations}"
    both = first["both"]
    if both["bits"] is None:
        none = "none is deployable" if both["sure"] else "none is shown to be deployable"
        return f"With both quantized {none} at any width up to 16 bits; {apart}."
    names = both["activations"]
    who = f"the first shown to be deployable {'are' if len(names) > 1 else 'is'} {listing(names)}"
    if len(names) == len(config.activations) > 1:
        who = "all are shown to be deployable"
    return f"With both quantized {who}, {_from(both)}; {apart}: plan with no fewer bits."


def _from(first: Mapping[str, Any]) -> str:
    said = "at no width" if first["bits"] is None else f"from {first['bits']} bits on"
    if first["sure"]:
        return said
    if is_fact(first["stability"]):
        return f"{said} (open: with so many activations it may be chance)"
    return f"{said} (open: {this_width(first['stability'])})"


def _certainty(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """How sure: the seeds, what their intervals really cover, how many more would decide what is tied."""
    if _seeds(verdict) == 1:
        return ""
    covered = sorted(100 * share for share in verdict["coverage"].values())
    said = (
        f"{_seeds(verdict)} seeds, each with the same {things_of(config).data}, first weights and batches for all: a "
        f"95 % interval of so many holds the truth in {covered[0]:.0f} to {covered[-1]:.0f} % of cases"
    )
    if verdict["test"] == "anytime":  # how many more is reckoned for the other test
        judged = verdict["schemes"][config.focus_scheme]
        by = "by a test and a bound that allow for looking after every batch"
        if judged["best"] is None:
            return f"{said}."
        if judged["sure"] and judged["settled"]:
            return f"{said}; seeds were added until decided, {by}."
        alone = "known to be deployable or not" if judged["sure"] else "surely ahead of all others"
        what = "told apart from all others" if len(judged["tied_with"]) > 1 else alone
        return (
            f"{said}; at {config.max_seeds} seeds, as many as were allowed, the best at {config.focus_scheme} was not "
            f"yet {what}, {by}."
        )
    waits = [
        (scheme, pair)
        for scheme in (config.focus_scheme, "w8a8")
        for pair in verdict["schemes"][scheme]["more_seeds"]
        if verdict["schemes"][scheme]["best"] in pair["pair"] and not set(pair["pair"]) & set(verdict["not_learned"])
    ]
    if not waits:
        return f"{said}; more seeds make it narrower."
    scheme, pair = min(waits, key=lambda wait: wait[1]["seeds"] or math.inf)
    number = f"{'perhaps ' if pair['low'] else ''}{more_seeds(pair)}"
    return f"{said}; {number} would tell {listing(pair['pair'])} apart at {scheme}."


def _conditions(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """Who loses least however it is quantized, what that is good for, and with which choice another one loses least."""
    scheme, unit, scale = config.focus_scheme, unit_of(config).amount, unit_of(config).scale
    if "placement" not in verdict or _seeds(verdict) == 1 or len(config.activations) == 1:
        return ""
    judged = verdict["placement"][scheme]
    leader, change = judged["leader"], judged["change"]
    if leader is None or alike(judged["regret"]):
        return ""
    over = f"over {len(judged['settings'])} ways to quantize at {scheme} (where, which ranges, how fine)"
    who, lost = leader["activation"], loss(leader, unit, scale)
    if not is_fact(leader["stability"]):
        return f"Open: who loses least {over}; {who} does, {lost}, but {in_halves(leader['stability'])}."
    with_more = "" if verdict["schemes"][scheme]["deployable"] else ", with more bits,"
    advice = "" if who in verdict["not_learned"] else f": choose it{with_more} if you cannot choose how it is quantized"
    said = f"{over}, {who} loses least, {lost}{advice}."
    if not change or not is_fact(change["stability"]):
        return f"{said[0].upper()}{said[1:]}"
    turned = changed(change, phrase_of(config, change), unit, scale)
    return f"It depends on how: {said} {turned[0].upper()}{turned[1:]}."


def _choices(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """Who loses least under other reasonable choices, trained and evaluated anew."""
    if "multiverse" not in verdict:
        return ""
    found = verdict["multiverse"]
    (finding, *_) = found["summary"]
    if not is_fact(found["least_regret"]["stability"]) or found["least_regret"]["activation"] in verdict["not_learned"]:
        return str(finding)
    return f"{finding.removesuffix('.')}: choose it if learning rate, islands, widths and quantizers may change."


def _layers(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """Where the damage is done in the best one, and what sparing that layer would give."""
    scheme = config.focus_scheme
    best = verdict["schemes"][scheme]["best"]
    if "sensitivity" not in verdict or best is None or _seeds(verdict) == 1:
        return ""
    judged = verdict["sensitivity"][scheme][best]
    worst = min(judged["layers"], key=lambda layer: layer["rank"])
    total, share, spared = judged["total"]["mean"], worst["shapley"]["mean"], worst["all_but_one"]["mean"]
    if not total or share is None or spared is None:
        return ""
    if not is_fact(judged["stability"]):
        return (
            f"Which layer of {best} does most damage at {scheme} is open: layer {worst['layer']} does "
            f"{in_halves(judged['stability'])}; run more seeds before you spare one."
        )
    unit = unit_of(config)
    flipped, do = f"of {things_of(config).flipped} that flip", "do"
    if config.ranked.disturbed != "flip_rate":
        flipped, do = "that are lost", "are"
    return (
        f"In {best} at {scheme} layer {worst['layer']} is answerable for {unit.bare(share)} of the {unit.value(total)} "
        f"{flipped}; leave it in float and {unit.value(spared)} {do}."
    )


def _cause(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """Whether the bound or the shape of hardgelu makes the difference."""
    rows = verdict.get("cause", {}).get(config.focus_scheme, ())
    by_kind = {(row["question"], row["of"]): row for row in rows}
    own = by_kind.get(("bound", BOUNDED))
    if own is None or own["low"] is None:
        return ""
    unit = unit_of(config)
    effect = f"{unit.difference(own['mean'])} {unit.ends(own['low'], own['high'])}"
    said = f"Why: its cap changes the {unit.noun} of {BOUNDED} at {config.focus_scheme} by {effect}{certainty(own)}"
    if UNBOUNDED in own["not_learned"]:
        return f"{said}; that says little, since {UNBOUNDED}, the same activation without its cap, has not learned."
    if not own["differs"]:
        return f"{said}: keep it or leave it."
    behind = [of for (kind, of), row in by_kind.items() if kind == "gap" and row["differs"] and row["mean"] > 0]
    if not behind:
        return f"{said}."
    apart = [of for of in behind if by_kind["shape", of]["differs"]]
    if apart:
        return f"{said}; trained with the same cap, of {listing(behind)} still told apart from it: {listing(apart)}."
    verb = "are" if len(behind) > 1 else "is"
    return (
        f"{said}; trained with the same cap, {listing(behind)} {verb} not told apart from it, so the cap may be all it "
        "takes: try it on yours."
    )


def _seeds(verdict: Mapping[str, Any]) -> int:
    return int(verdict["seeds"])
