"""The findings on the README's front, from the tables of the claims and nothing else.

`quantstudy claims`, then, from the root of a checkout: `python -m experiments.front`. A sentence belongs to an outcome:
where the numbers come out another way it refuses, and the sentence has to be written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quantstudy.claims.ledger import Found, judged
from quantstudy.errors import StudyFailure
from quantstudy.judge.claims import BESIDE, NO_EFFECT, REVERSED, SUPPORTED, UNDECIDED, WORDS
from quantstudy.words.claims import effect

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


FINDINGS: tuple[Finding, ...] = (
    Finding(
        "**Bound the activation.** Unbounded ones lose {bound_4} more accuracy than bounded ones at w4a4 and {bound_8} "
        "more at w8a8, smooth and kinked alike; being smooth costs {smooth_4} at w4a4, which may be too little "
        "to matter.",
        "smooth_suffers",
        {"bound_4": SUPPORTED, "bound_8": SUPPORTED, "smooth_4": UNDECIDED},
    ),
    Finding(
        "**Take 8 bits.** Of the 2 points that may be lost the bounded ones leave {bounded_little_8} at w8a8; "
        "at w4a4, by "
        "plain rounding, they overdraw: {bounded_little_4}.",
        "smooth_suffers",
        {"bounded_little_8": SUPPORTED, "bounded_little_4": REVERSED},
    ),
    Finding(
        "**hardgelu gets there first.** To 95 % accuracy it saves {steps_95} against the mean of the six "
        "unbounded ones, "
        "each at its own learning rate, and {shared_95} with all at one rate.",
        "fast_convergence",
        {"steps_95": SUPPORTED, "shared_95": SUPPORTED},
    ),
    Finding(
        "**exp costs where the network is small.** silu and gelu slow a training step of this network by "
        "{slows_small} on "
        "a CPU, and one of a 4096-wide network by {slows_wide}.",
        "special_functions",
        {"slows_small": SUPPORTED, "slows_wide": UNDECIDED},
    ),
    Finding(
        "**None goes on outside its data.** In the ring around the trained plane the accuracy of silu and gelu is that "
        "of always naming the more frequent class plus {useful}, and that of hardgelu plus {accuracy}, which 32 seeds "
        "do not tell from a difference that matters.",
        "extrapolation",
        {"accuracy": NO_EFFECT, "useful": UNDECIDED},
    ),
)


def block(found: Mapping[str, Found]) -> str:
    """Return what the README says: the findings, each with its command, and which claims came out as what.

    Raises:
        StudyFailure: a part came out another way than its sentence says.
    """
    return "\n".join([*(_line(finding, found) for finding in FINDINGS), f"\n{words(found)}"])


def words(found: Mapping[str, Found]) -> str:
    """Return which claims came out as what, in one paragraph, the five words in their order."""
    named = {word: [name for name, (result, _, _) in found.items() if result.verdict == word] for word in WORDS}
    told = [f"**{word}** {', '.join(names)}" for word, names in named.items() if names]
    claims = sum(result.verdict != BESIDE for result, _, _ in found.values())
    return f"All {claims} claims of the article: {'; '.join(told)}."


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
