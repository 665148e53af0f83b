"""Read-only folders: a finished run or multiverse in one is shown without being judged or drawn again."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from quantstudy.config.multiverse import Multiverse, held_multiverse
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.folders import held_file
from quantstudy.records.run import Run, open_run

T = TypeVar("T")

DENIED = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Error numbers that the system gives for a folder that can't be written."""


def as_it_stands(folder: Path, error: OSError, found: Callable[[], T], notify: Callable[[str], None]) -> T:
    """Return the finished result in a folder that can't be written, and notify the user that it is not made again.

    Args:
        folder: of a run or a multiverse.
        error: the error that writing raised.
        found: returns the result in the folder; raises an error if it is unfinished or damaged.
        notify: called with one line for the user.

    Raises:
        OSError: `error` itself, if it has another cause or the folder holds nothing finished.
    """
    if error.errno not in DENIED or not Path(error.filename or "").is_relative_to(folder):
        raise error
    try:
        standing = found()
    except (BadInput, StudyFailure, OSError, ValueError):
        raise error from None
    notify(f"{error.filename}: {error.strerror}: nothing is judged or drawn again, what follows stands there already")
    return standing


def judged_run(folder: Path) -> Run:
    """Return the finished run in a folder, its verdict readable.

    Raises:
        BadInput: no run there, an unfinished one, or one of another version.
        StudyFailure: a record or the verdict is missing or damaged.
    """
    run = open_run(folder)
    run.verdict()
    return run


def finished_multiverse(multiverse: Multiverse, folder: Path) -> dict[str, Any]:
    """Return the judgement of a finished multiverse from its folder.

    Raises:
        BadInput: the folder holds another multiverse, an unfinished one, or none.
        StudyFailure: a record is damaged.
        OSError, ValueError: the manifest is missing or damaged.
    """
    run, file = Run(folder, multiverse.base), held_file(folder)
    found = run.multiverse()
    same = file is not None and held_multiverse(file) == multiverse
    if not same or run.manifest()["state"] != "complete" or run.damaged() or found is None:
        raise BadInput("out", str(folder), "a finished run of this multiverse is needed")
    return found
