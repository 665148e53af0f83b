"""Lines for the user: who is told them, and how often."""

import re
from collections.abc import Callable

Notify = Callable[[str], None]
"""Called with one line for the user."""

BRACKETS = re.compile(r"\(.*\)")


def once(notify: Notify) -> Notify:
    """Tell every line once, whatever it says in brackets: a cache that can't be written is noticed by every cell."""
    told: set[str] = set()

    def tell(line: str) -> None:
        said = BRACKETS.sub("", line)
        if said not in told:
            told.add(said)
            notify(line)

    return tell
