"""Folders that can't be written: what is finished there is shown as it stands."""

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
"""What the system says of a folder that can't be written."""


def as_it_stands(folder: Path, error: OSError, found: Callable[[], T], notify: Callable[[str], None]) -> T:
    """Return what is finished in a folder that can't be written, and tell that nothing is done there again.

    Args:
        folder: of a run or a multiverse.
        error: what writing has raised.
        found: returns what stands there, or raises what commands raise where that is unfinished or damaged.
        notify: told in one line.

    Raises:
        OSError: the one that was given: it tells of something else, or nothing finished is there.
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
    """Return what a finished multiverse in a folder has found.

    Raises:
        BadInput: another one is there, an unfinished one, or none.
        StudyFailure: a record is damaged.
        OSError, ValueError: so is the manifest.
    """
    run, file = Run(folder, multiverse.base), held_file(folder)
    found = run.multiverse()
    same = file is not None and held_multiverse(file) == multiverse
    if not same or run.manifest()["state"] != "complete" or run.damaged() or found is None:
        raise BadInput("out", str(folder), "a finished run of this multiverse is needed")
    return found
