"""What stands on the figures of the claims."""

from quantstudy.judge.claims import BESIDE, Judged, Outcome

HEADS = ("effect [95 % interval]", "matters from", "outcome")
"""What stands above the columns beside the parts."""


def title(question: str, judged: Judged) -> str:
    """Return the title of a claim's figure: the question and the verdict on the claim, if there is one."""
    return question if judged.verdict == BESIDE else f"{question} {judged.verdict.capitalize()}"


def says(outcome: Outcome, judged: Judged) -> str:
    """Return what a part says, and that it is the main one."""
    return f"{outcome.part.says} (main part)" if outcome.part.name == judged.claim.main else outcome.part.says


def verdict_on(outcome: Outcome) -> str:
    """Return the outcome of a part, and if only the correction keeps it open; in brackets if it does not decide."""
    if outcome.held_back:
        return f"{outcome.verdict} after correction"
    return outcome.verdict if outcome.part.decides else f"({outcome.verdict})"
