"""Lines for the user: where they go, and how often each is said."""

import logging
import re
from collections.abc import Callable

Notify = Callable[[str], None]
"""Called with one line for the user."""

LOGGER = logging.getLogger("quantstudy")
"""The engine's logger: finished cells at level INFO, lines for the user at WARNING unless a caller handles those."""

BRACKETS = re.compile(r"\(.*\)")


def log(line: str) -> None:
    """Log a line for the user; the default where no command prints it."""
    LOGGER.warning("%s", line)


def once(notify: Notify) -> Notify:
    """Return a `notify` that passes each line on once, whatever its brackets hold: many cells give the same notice."""
    passed: set[str] = set()

    def pass_on(line: str) -> None:
        said = BRACKETS.sub("", line)
        if said not in passed:
            passed.add(said)
            notify(line)

    return pass_on
