"""The ledger of the claims: one page of Markdown, made from their tables and nothing else."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from quantstudy.claims.checkout import NAMES, experiment
from quantstudy.claims.records import read_claim
from quantstudy.judge.claims import BESIDE, WORDS, Judged, judge_claims
from quantstudy.judge.statistics.bootstrap import CONFIDENCE
from quantstudy.words.claims import bound, effect, sentence

FEW = 32
"""Seeds below which the page says that it is a trial."""

HEADING = "# The article's claims, measured"
"""How the page begins."""

HEADS = ("claim", "measured", "effect [95 % interval]", "seeds", "verdict", "figure", "command")
"""Columns of the table of the claims."""

Found = tuple[Judged, pd.DataFrame, dict[str, Any]]
"""A claim and its outcomes, its table, where it comes from."""


def judged(folder: Path) -> dict[str, Found]:
    """Return every claim that has a table in the folder, decided together.

    Raises:
        StudyFailure: a table is damaged or of another version.
    """
    held = {name: found for name in NAMES if (found := read_claim(folder, name)) is not None}
    experiments = {name: experiment(name) for name in held}
    decided = judge_claims([(one.claim, one.effects(held[name][0])) for name, one in experiments.items()])
    return {name: (result, *held[name]) for name, result in zip(held, decided, strict=True)}


def seeds_of(result: Judged) -> str:
    """Return how many values the deciding parts have: `32 seeds`, `counted`, or both; what is timed has rounds."""
    deciding = [outcome for outcome in result.outcomes if outcome.part.decides] or result.outcomes
    counts = sorted({outcome.seeds for outcome in deciding if outcome.seeds and not outcome.part.exact})
    called = "rounds" if result.claim.alone else "seeds"
    words = [f"{', '.join(str(count) for count in counts)} {called}"] if counts else []
    if any(outcome.part.exact for outcome in deciding):
        words.append("counted")
    return ", ".join(words) or "none"


def ledger(found: Mapping[str, Found]) -> str:
    """Return the page: a table of the claims and of what stands beside, then each with parts, figure and command."""
    claimed = {name: one for name, one in found.items() if one[0].verdict != BESIDE}
    beside = {name: one for name, one in found.items() if name not in claimed}
    lines = [HEADING, "", *_introduction(claimed, beside), ""]
    lines += [_table_row(*HEADS), "|---" * len(HEADS) + "|"]
    lines += [_row(name, result) for name, (result, _, _) in claimed.items()]
    if beside:
        lines += ["", "Beside the claims, for what they rest on; nothing is claimed and nothing decided:", ""]
        lines += [_table_row("asked", *HEADS[1:]), "|---" * len(HEADS) + "|"]
        lines += [_row(name, result) for name, (result, _, _) in beside.items()]
    for name, (result, _, about) in found.items():
        lines += ["", *_section(name, result, about)]
    return "\n".join(lines) + "\n"


def counts(found: Mapping[str, Found]) -> str:
    """Return how many claims came out as what: `14 claims: 3 supported, 6 in part, …`."""
    verdicts = [result.verdict for result, _, _ in found.values() if result.verdict != BESIDE]
    return f"{len(verdicts)} claims: " + ", ".join(f"{verdicts.count(word)} {word}" for word in WORDS)


def _introduction(claimed: Mapping[str, Found], beside: Mapping[str, Found]) -> Sequence[str]:
    everything = {**claimed, **beside}
    bounds = [o.part.smallest for result, _, _ in claimed.values() for o in result.outcomes if math.isfinite(o.p)]
    tested, tests = len(bounds), sum(1 + (bound != 0) for bound in bounds)
    few = min((about["seeds"] for _, _, about in everything.values()), default=0) < FEW
    return [
        f"{counts(claimed)}. Made by `quantstudy claims` from the tables beside this page; do not edit.",
        *(["", f"**A trial**: fewer than {FEW} seeds."] if few else []),
        "",
        "Each claim is split into parts, each a number per seed that the claim wants high, and each with the smallest "
        "effect that matters, which its file gives a reason for. This is the second reading: parts and bounds were "
        "revised knowing the first one's numbers, which the same seeds gave, and each file says what changed; what is "
        "new was committed before it was measured. A part is **supported** where the 95 % "
        "interval lies above that, **reversed** where it lies below its negative, shows **no effect that matters** "
        "where it lies between the two, and is **undecided** otherwise; the first three only if a paired permutation "
        f"test agrees (p ≤ {1 - CONFIDENCE:.2f} after Holm's correction over the {tests} tests of the {tested} tested "
        "parts of all claims, two a part, one where the bound is 0). Parts beside go by the interval alone. Each claim "
        "names its main part. It is **supported** if that part and all others that "
        "decide are, and holds **in part** if only some of them are; where none is, the main part's word stands. All "
        "differences are paired by seed; the intervals are those of the verdict (README, «How sure»).",
    ]


def _row(name: str, result: Judged) -> str:
    cells = (
        result.claim.says,
        result.claim.measured,
        sentence(result) or "; ".join(f"{one.part.says}: {effect(one)}" for one in result.outcomes),
        seeds_of(result),
        f"**{result.verdict}**",
        f"[{name}.png](figures/{name}.png)",
        f"`quantstudy claim {name}`",
    )
    return _table_row(*cells)


def _table_row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _section(name: str, result: Judged, about: Mapping[str, Any]) -> Sequence[str]:
    lines = [f"## {name}: {result.verdict}", "", f"{result.claim.says} {result.claim.measured}", ""]
    if told := sentence(result):
        lines += [f"**{result.verdict.capitalize()}**: {told}", ""]
    lines += ["| part | effect [95 % interval] | matters from | p (Holm) | outcome |", "|---" * 5 + "|"]
    for outcome in result.outcomes:
        part = outcome.part
        p = f"{outcome.p:.4f}" if math.isfinite(outcome.p) else "–"
        open_still = " after the correction" if outcome.held_back else ""
        verdict = f"{outcome.verdict}{open_still}" if part.decides else f"({outcome.verdict}, beside)"
        main = " **(main part)**" if part.name == result.claim.main else ""
        lines.append(_table_row(part.says + main, effect(outcome), bound(part), p, verdict))
    lines += [
        "",
        f"![{name}](figures/{name}.png)",
        "",
        f"`quantstudy claim {name}` · {seeds_of(result)} · table [{name}.parquet]({name}.parquet) · "
        f"all pieces together {about['seconds']:.0f} s on {about['processor']}, commit {about['commit'] or 'unknown'}",
    ]
    return lines
