"""Lines for the user: where they go, and how often each is said."""

import logging
import re
from collections.abc import Callable

Notify = Callable[[str], None]
"""Called with one line for the user."""

LOGGER = logging.getLogger("quantstudy")
"""Where the engine logs: cells at level INFO; what a user should know at WARNING, unless a caller takes such lines."""

BRACKETS = re.compile(r"\(.*\)")


def log(line: str) -> None:
    """Log a line for the user: what becomes of it where no command is there to print it."""
    LOGGER.warning("%s", line)


def once(notify: Notify) -> Notify:
    """Pass every line on once, whatever it says in brackets: a cache that can't be written is noticed by every cell."""
    passed: set[str] = set()

    def pass_on(line: str) -> None:
        said = BRACKETS.sub("", line)
        if said not in passed:
            passed.add(said)
            notify(line)

    return pass_on
