"""The two ways in which a command can fail, each with its exit code."""

import difflib
from collections.abc import Iterable


class BadInput(ValueError):
    """The user asked for something that is not allowed; exit code 2.

    Args:
        field: the name of the option, TOML key or argument.
        value: what was given.
        allowed: what is allowed, in words.
    """

    exit_code = 2

    def __init__(self, field: str, value: object, allowed: str) -> None:
        shown = repr(value) if isinstance(value, str) else str(value)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        super().__init__(" ".join(f"{field}: {shown} is not allowed; {allowed}".split()))
        self.field, self.value, self.allowed = field, value, allowed

    def __reduce__(self) -> tuple[type["BadInput"], tuple[str, object, str]]:
        return type(self), (self.field, self.value, self.allowed)


class StudyFailure(RuntimeError):
    """The machine or the data failed (disk full, folder locked, audit failed); exit code 1."""

    exit_code = 1


def choices(given: str, known: Iterable[str]) -> str:
    """Return «did you mean …» for a misspelled name, followed by every name that is known.

    >>> choices("reul", ["relu", "gelu"])
    'did you mean relu? allowed: relu, gelu'
    >>> choices("zzz", ["relu", "gelu"])
    'allowed: relu, gelu'
    """
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}allowed: {', '.join(names)}"
