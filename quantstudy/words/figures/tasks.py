"""What stands on the figure of tasks beside its finding (`words.tasks`)."""

from collections.abc import Mapping
from typing import Any

from quantstudy.words.numbers import plural
from quantstudy.words.tasks import cause, caveats, curve, finding

LOST = "What each activation loses against the best of the task"
"""Above the tiles."""

GAINED = "What a cap gains, over the range without it"
"""Above the points."""

EFFECTS = "Gained, × the loss allowed"
"""Above the marks at the right of the tiles."""

SCALE = ("as good as the best", "{:g} times the loss allowed, or more")
"""What the ends of the colours mean."""

BOUND, SHAPE = "by the cap", "by hardgelu's shape"
"""What the marks at the right are."""

BEST, TIED = "bold: the best", "•: not told apart from it"
"""How the tiles say so."""

CURVE = "best rising curve"
NOTHING = "There is nothing to draw; the numbers are in tasks.json."


def title(found: Mapping[str, Any]) -> str:
    """Return who loses least."""
    return f"{finding(found)}."


def reading(found: Mapping[str, Any]) -> str:
    """Return how to read the figure, and what is not known."""
    seeds = "One seed" if found["seeds"] == 1 else f"Mean over {plural(found['seeds'], 'seed')} with its 95 % interval"
    allowed = f"{100.0 * found['allowed']['classes']:g} points or {found['allowed']['regression']:g} dB"
    said = [f"{seeds}; colours are multiples of the loss allowed, {allowed}.", *caveats(found)]
    return " ".join(said)


def caption(found: Mapping[str, Any]) -> str:
    """Return the small print."""
    return (
        f"{found['scheme']}, simulated, held-out points, paired by seed; every activation at its own best rate on each "
        "task, found on other seeds. Tied: not told apart from the best by the paired comparison after Holm's "
        "correction. By the cap: mean over relu, silu, gelu, hardswish with a cap less without, and hardgelu less "
        "itself without one; by the shape: hardgelu less the four with the cap. Range: largest output of a hidden "
        "layer in float, mean over layers and seeds. Hatched: not learned, or without a value. What reaches far beyond "
        "all others is cut off at the frame."
    )


def below(found: Mapping[str, Any]) -> str:
    """Return what the points say."""
    return " ".join(filter(None, (cause(found), curve(found))))


def block_name(kind: str, known: bool) -> str:
    """Return what the tasks of one kind are called.

    >>> block_name("classes", False), block_name("regression", True)
    ('new classes, points', 'known numbers, dB')
    """
    what = "classes, points" if kind == "classes" else "numbers, dB"
    return f"known {what}" if known else f"new {what}"


def kind_name(kind: str, known: bool) -> str:
    """Return what the points of one kind are called in the legend.

    >>> kind_name("classes", False), kind_name("regression", True)
    ('classes', 'numbers, known')
    """
    what = "classes" if kind == "classes" else "numbers"
    return f"{what}, known" if known else what


def axes(found: Mapping[str, Any]) -> tuple[str, str]:
    """Return what stands below and above the points."""
    cap = f"{found['cause']['cap']:g}"
    return f"bits of range without the cap beyond it: log2(largest output / {cap})", "gained by the cap, × allowed loss"
