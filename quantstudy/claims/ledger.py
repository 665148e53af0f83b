"""The ledger of the claims: one page of Markdown, made from their tables and nothing else."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from quantstudy.claims.checkout import CLAIMS, experiment
from quantstudy.claims.records import read_claim
from quantstudy.judge.claims import UNDECIDED, Judged, judge_claims
from quantstudy.judge.statistics.bootstrap import CONFIDENCE
from quantstudy.words.claims import bound, effect

FEW = 32
"""Seeds below which the page says that it is a trial."""

HEADING = "# The article's claims, measured"
"""How the page begins."""

Found = tuple[Judged, pd.DataFrame, dict[str, Any]]
"""A claim and its outcomes, its table, where it comes from."""


def judged(folder: Path) -> dict[str, Found]:
    """Return every claim that has a table in the folder, decided together.

    Raises:
        StudyFailure: a table is damaged or of another version.
    """
    held = {name: found for name in CLAIMS if (found := read_claim(folder, name)) is not None}
    experiments = {name: experiment(name) for name in held}
    decided = judge_claims([(one.claim, one.effects(held[name][0])) for name, one in experiments.items()])
    return {name: (result, *held[name]) for name, result in zip(held, decided, strict=True)}


def seeds_of(result: Judged) -> str:
    """Return how many values the parts have: `32 seeds`, `counted`, or both; what is timed has rounds."""
    counts = sorted({outcome.seeds for outcome in result.outcomes if outcome.seeds and not outcome.part.exact})
    called = "rounds" if result.claim.alone else "seeds"
    words = [f"{', '.join(str(count) for count in counts)} {called}"] if counts else []
    if any(outcome.part.exact for outcome in result.outcomes):
        words.append("counted")
    return ", ".join(words) or "none"


def ledger(found: Mapping[str, Found]) -> str:
    """Return the page: a table of the claims, then each with its parts, its figure and its command."""
    tests = sum(math.isfinite(outcome.p) for result, _, _ in found.values() for outcome in result.outcomes)
    lines = [HEADING, "", *_introduction(found, tests), ""]
    lines += ["| claim | measured | effect [95 % interval] | seeds | verdict | figure | command |", "|---" * 7 + "|"]
    lines += [_row(name, result) for name, (result, _, _) in found.items()]
    for name, (result, _, about) in found.items():
        lines += ["", *_section(name, result, about)]
    return "\n".join(lines) + "\n"


def _introduction(found: Mapping[str, Found], tests: int) -> Sequence[str]:
    verdicts = [result.verdict for result, _, _ in found.values()]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("supported", "contradicted", "undecided"))
    few = min((about["seeds"] for _, _, about in found.values()), default=0) < FEW
    return [
        f"{len(found)} claims: {counts}. Made by `quantstudy claims` from the tables beside this page; do not edit.",
        *(["", f"**A trial**: fewer than {FEW} seeds."] if few else []),
        "",
        "Each claim is split into parts, each a number per seed, and each with the smallest effect that matters, "
        "written down in its file before it was measured. A part is supported where the 95 % interval lies above that, "
        "contradicted where it lies below, and a paired permutation test agrees "
        f"(p ≤ {1 - CONFIDENCE:.2f} after Holm's correction over the {tests} tested parts of all claims); else "
        "undecided. A claim is supported if all its deciding parts are, contradicted if one of them is. Contradicted "
        "therefore says: no effect that matters, be it too small or reversed. All differences are paired by seed; the "
        "intervals are those of the verdict (README, «How sure»).",
    ]


def _row(name: str, result: Judged) -> str:
    effects = "<br>".join(
        f"{outcome.part.name}: {effect(outcome)}" for outcome in result.outcomes if outcome.part.decides
    )
    cells = (
        result.claim.says,
        result.claim.measured,
        effects,
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
    lines += ["| part | effect [95 % interval] | matters from | p (Holm) | outcome |", "|---" * 5 + "|"]
    for outcome in result.outcomes:
        part = outcome.part
        p = f"{outcome.p:.4f}" if math.isfinite(outcome.p) else "–"
        verdict = outcome.verdict if part.decides else f"({outcome.verdict}, beside)"
        if not outcome.seeds:
            verdict = UNDECIDED if part.decides else f"({UNDECIDED}, beside)"
        lines.append(_table_row(part.says, effect(outcome), bound(part), p, verdict))
    lines += [
        "",
        f"![{name}](figures/{name}.png)",
        "",
        f"`quantstudy claim {name}` · {seeds_of(result)} · table [{name}.parquet]({name}.parquet) · "
        f"all pieces together {about['seconds']:.0f} s on {about['processor']}",
    ]
    return lines
