"""The user's own files, read whole; what is wrong with one is said in one line."""

import functools
import hashlib
from pathlib import Path

from quantstudy.errors import BadInput

MOST_BYTES = 1 << 29
"""Size of the largest file that is read."""


class Unusable(ValueError):
    """What a file or a function holds is no target; the message says why, in words that follow «… is not allowed;»."""


def contents(text: str) -> bytes:
    """Return the bytes of a file.

    Args:
        text: its path, as the user gave it; `~` is the user's home.

    Raises:
        BadInput: there is no such file, it can't be read, is empty, or too large.
    """
    try:
        path = Path(text).expanduser()
        if path.is_dir():
            raise Unusable("a file is needed, and this is a folder")
        if not path.exists():
            raise Unusable("there is no such file")
        if not path.is_file():
            raise Unusable("a file is needed")
        size = path.stat().st_size
        if not size:
            raise Unusable("the file is empty")
        if size > MOST_BYTES:
            raise Unusable(f"files of at most {MOST_BYTES >> 20} MiB, and it has {size >> 20}")
        return path.read_bytes()
    except Unusable as error:
        raise BadInput("target", text, str(error)) from None
    except (OSError, ValueError, RuntimeError) as error:  # a path with a zero, a user without home
        reason = getattr(error, "strerror", None) or error
        raise BadInput("target", text, f"a readable file is needed ({reason})") from None


def file_digest(text: str) -> str:
    """Return a digest of a file's bytes, 16 hex digits; found once, as long as the file's time and size stay.

    Raises:
        BadInput: as `contents`.
    """
    try:
        found = Path(text).expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return _digest(contents(text))  # which says what is wrong
    return _digest_of(text, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _digest_of(text: str, *_found: int) -> str:
    return _digest(contents(text))


def _digest(held: bytes) -> str:
    return hashlib.sha256(held).hexdigest()[:16]


def short(cell: object) -> str:
    """Return what stands somewhere in a file, as a message shows it.

    >>> short("a"), short("a" * 50)
    ("'a'", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa...")
    """
    shown = repr(cell)
    return shown if len(shown) <= 32 else f"{shown[:30]}..."
