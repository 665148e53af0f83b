"""The findings on the README's front, from the tables of the claims and nothing else.

`quantstudy claims`, then, from the root of a checkout: `python -m experiments.front`. A sentence belongs to an outcome:
where the numbers come out another way it refuses, and the sentence has to be written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quantstudy.claims.ledger import Found, judged
from quantstudy.errors import StudyFailure
from quantstudy.judge.claim_words import effect

ROOT = Path(__file__).resolve().parents[1]
CLAIMS = ROOT / "results" / "claims"
BEGIN, END = (
    "<!-- results/claims: made by experiments/front.py, do not edit -->",
    "<!-- end of results/claims -->",
)


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        says: in words; `{PART}` stands for the effect of a part with its interval and unit.
        claim: whose parts those are.
        holds: per part the outcome that the words speak of.
    """

    says: str
    claim: str
    holds: Mapping[str, str]


FINDINGS: tuple[Finding, ...] = ()


def block(found: Mapping[str, Found]) -> str:
    """Return what the README says: the findings, each with its command, and the verdict on every claim.

    Raises:
        StudyFailure: a part came out another way than its sentence says.
    """
    lines = [_line(finding, found) for finding in FINDINGS]
    lines += ["", "| claim of the article | verdict |", "|---|---|"]
    lines += [
        f"| {result.claim.says} | [{result.verdict}](results/claims/README.md#{name}-{result.verdict}) |"
        for name, (result, _, _) in found.items()
    ]
    return "\n".join(lines)


def _line(finding: Finding, found: Mapping[str, Found]) -> str:
    result = found[finding.claim][0]
    for part, verdict in finding.holds.items():
        if result.outcome(part).verdict != verdict:
            raise StudyFailure(
                f"{finding.claim}, {part} is {result.outcome(part).verdict}, not {verdict}: write it anew"
            )
    effects = {outcome.part.name: effect(outcome) for outcome in result.outcomes}
    return f"- {finding.says.format(**effects)} `quantstudy claim {finding.claim}`"


def with_block(text: str, lines: str) -> str:
    """Return the README's text with its block of findings replaced."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{lines}\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Rewrite the block in the README."""
    readme = ROOT / "README.md"
    readme.write_text(with_block(readme.read_text(), block(judged(CLAIMS))))
    print("written to README.md")


if __name__ == "__main__":
    main()
