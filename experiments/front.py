"""The findings on the README's front, from the tables of the claims and nothing else.

`quantstudy claims`, then, from the root of a checkout: `python -m experiments.front`. A sentence belongs to an outcome:
where the numbers come out another way it refuses, and the sentence has to be written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.blocks import with_block
from quantstudy.claims.ledger import Found, judged
from quantstudy.errors import StudyFailure
from quantstudy.judge.claims import BESIDE, NO_EFFECT, REVERSED, SUPPORTED, UNDECIDED, WORDS
from quantstudy.words.claims import effect

ROOT = Path(__file__).resolve().parents[1]
CLAIMS = ROOT / "results" / "claims"
MARKS = (
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
        "more at w8a8, in the mean of five pairs; relu alone {bound_relu_4} at w4a4, which is undecided, and so is "
        "what being smooth costs, {smooth_4}.",
        "smooth_suffers",
        {"bound_4": SUPPORTED, "bound_8": SUPPORTED, "bound_relu_4": UNDECIDED, "smooth_4": UNDECIDED},
    ),
    Finding(
        "**Lower than the article does.** Against no cap one at 3 leaves {cap_gain} more accuracy at w4a4, and "
        "one at 1 another {lower_gain}, for {lower_cost} in float against it, which may matter; a penalty on the range "
        "in place of a cap does worse.",
        "bound_doses",
        {"cap_gain": SUPPORTED, "lower_gain": SUPPORTED, "lower_cost": UNDECIDED, "penalty_gain": REVERSED},
    ),
    Finding(
        "**At 4 bits, polish.** Moving the codes themselves, without training, gives back {polish} "
        "at w4a4 where there is no bound; a cap at 3 gains {cap_all} by plain rounding and {cap_polished} where both "
        "are polished. Equalization is no substitute: {equalize} for relu and its kin, nothing that matters.",
        "bound_repairs",
        {"polish": SUPPORTED, "cap_all": SUPPORTED, "cap_polished": SUPPORTED, "equalize": NO_EFFECT},
    ),
    Finding(
        "**exp costs where the network is small.** silu and gelu slow a training step of this network by "
        "{slows_small} on a CPU, and one of a 4096-wide network by {slows_wide}, which may be nothing.",
        "special_functions",
        {"slows_small": SUPPORTED, "slows_wide": UNDECIDED},
    ),
    Finding(
        "**One network is no comparison.** The last bit of one first weight, changed before training, spreads the "
        "accuracy at w4a4 by {spread_4} (standard deviation, mean of the seven), {share_4} of the variance between "
        "seeds: two networks that differ by less than about 1.4 times that may differ by rounding alone.",
        "noise_floor",
        {"spread_4": SUPPORTED, "share_4": SUPPORTED},
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
    return (
        f"All {claims} claims of the article that started this, over paired seeds or counted, each by the rule in its "
        f"file ([results/claims/](results/claims/README.md)): {'; '.join(told)}."
    )


def _line(finding: Finding, found: Mapping[str, Found]) -> str:
    result = found[finding.claim][0]
    for part, verdict in finding.holds.items():
        if result.outcome(part).verdict != verdict:
            raise StudyFailure(
                f"{finding.claim}, {part} is {result.outcome(part).verdict}, not {verdict}: write it anew"
            )
    effects = {outcome.part.name: effect(outcome) for outcome in result.outcomes}
    return f"- {finding.says.format(**effects)} `quantstudy claim {finding.claim}`"


def main() -> None:
    """Rewrite the block in the README."""
    readme = ROOT / "README.md"
    readme.write_text(with_block(readme.read_text(), MARKS, block(judged(CLAIMS))))
    print("written to README.md")


if __name__ == "__main__":
    main()
