"""When a finding is told as a fact. Loads nothing."""

STABLE = 0.9
"""Least share of the random halves of the seeds (`statistics.halves`) in which a finding comes again, for a fact."""


def is_fact(stability: float | None) -> bool:
    """Return whether a finding comes again in enough halves of the seeds to be told as a fact; None is with one seed.

    >>> is_fact(0.9), is_fact(0.61), is_fact(None)
    (True, False, False)
    """
    return stability is not None and stability >= STABLE
