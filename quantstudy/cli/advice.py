"""What to do about an error of the operating system: the same command again helps against few of them."""

import errno

from quantstudy.cli.streams import OUTPUT

AGAIN = "what is finished is kept, run the same command again"

_FREE = f"free some space: {AGAIN}"
_ELSEWHERE = "choose another folder with --out, or allow to write there"
_MORE_FILES = "raise their number (ulimit -n), or use fewer processes (--jobs 1)"
_A_FILE = "a part of this path is a file and no folder: choose another folder with --out"
_A_CIRCLE = "links in this path lead in a circle: choose another folder with --out"

WAYS = {
    errno.ENOENT: f"it, or a folder above it, is not there: choose another with --out, or if it was deleted: {AGAIN}",
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EFBIG: f"raise the size that a file may have (ulimit -f): {AGAIN}",
    errno.EROFS: _ELSEWHERE,
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EMFILE: _MORE_FILES,
    errno.ENFILE: _MORE_FILES,
    errno.ENOMEM: f"use fewer processes (--jobs 1): {AGAIN}",
    errno.ENAMETOOLONG: "choose a shorter path with --out",
    errno.ENOTDIR: _A_FILE,
    errno.EEXIST: "something else stands in its place: choose another folder with --out",
    errno.ELOOP: _A_CIRCLE,
}
"""Ways round by the error's number."""


def told(error: OSError) -> str:
    """Return one line for the user about an error of the operating system: its path, its message, what to do."""
    reason = error.strerror or str(error)
    if error.filename == OUTPUT:
        return f"{OUTPUT}: {reason}"
    where = f"{error.filename}: " if error.filename else ""
    way = "" if error.errno is None else f"; {WAYS.get(error.errno, AGAIN)}"
    return f"{where}{reason}{way}"


def out_of_memory(error: Exception) -> str | None:
    """Return one line for the user if an error means that memory ran out, else None."""
    _, by_torch, asked = str(error).partition("can't allocate memory: ")
    if not isinstance(error, MemoryError) and not by_torch:
        return None
    reason = asked.partition("\n")[0] or str(error) or "in Python"
    return (
        f"memory ran out ({reason}); what is finished is kept, run the same command again with --jobs 1 or more memory"
    )
