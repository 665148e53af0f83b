"""What is said of a sweep that is about to run, or has run."""

from collections.abc import Iterator
from typing import Protocol

from quantstudy.config.sweep import Sweep
from quantstudy.words.numbers import plural


class Went(Protocol):
    """How a sweep went: cells that were there, that were made, and the seconds that these took."""

    @property
    def there(self) -> int:
        """Cells that were in the store before."""

    @property
    def made(self) -> int:
        """Cells that were run."""

    @property
    def seconds(self) -> float:
        """That they took, all together."""


def went(sweep: Sweep, found: Went) -> str:
    """Return what a finished sweep has, in one sentence."""
    if not found.made:
        return f"All {plural(sweep.cells, 'cell')} were there already."
    before = f", {found.there} of them before" if found.there else ""
    return f"All {plural(sweep.cells, 'cell')} are there{before}; {time(found.seconds)} of work."


def outlook(sweep: Sweep, missing: int, seconds: float) -> Iterator[str]:
    """Yield how much of a sweep is missing and how long that takes."""
    if not missing:
        yield f"All {plural(sweep.cells, 'cell')} are there: nothing is left to run."
        return
    there = f"{sweep.cells - missing} of {plural(sweep.cells, 'cell')} are there; " if missing < sweep.cells else ""
    yield (
        f"{there}{plural(missing, 'cell')} to run, about {time(seconds)} of work for one core, in so much less time as "
        "there are workers; cells that are there make the estimate better."
    )


def time(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    >>> time(42.3), time(420), time(42_000), time(4_200_000)
    ('42 s', '7 min', '11.7 h', '48.6 days')
    """
    for unit, length, until, digits in (("s", 1, 120, 0), ("min", 60, 7200, 0), ("h", 3600, 259_200, 1)):
        if seconds < until:
            return f"{seconds / length:.{digits}f} {unit}"
    return f"{seconds / 86_400:.1f} days"
