"""What stands on the figures of the claims."""

from quantstudy.judge.claims import Judged, Outcome

HEADS = ("effect [95 % interval]", "matters from", "outcome")
"""What stands above the columns beside the parts."""


def title(question: str, judged: Judged) -> str:
    """Return the title of a claim's figure: the question and the verdict on the claim."""
    return f"{question} {judged.verdict.capitalize()}"


def verdict_on(outcome: Outcome) -> str:
    """Return the outcome of a part; in brackets where it does not decide."""
    return outcome.verdict if outcome.part.decides else f"({outcome.verdict})"
