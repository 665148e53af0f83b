"""Files that are whole or not there: write beside, fsync, rename; digests; a lock that no killed process leaves."""

import contextlib
import errno
import hashlib
import os
import platform
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from quantstudy.errors import StudyFailure

try:
    import fcntl
except ModuleNotFoundError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

NOT_OFFERED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What file systems say, most of them in a network, that have no locks or can't sync a folder."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` as `opened_atomically` does.

    Raises:
        OSError: disk full, read-only folder; the file beside is removed again.
    """
    with opened_atomically(path) as file:
        file.write(data)


@contextlib.contextmanager
def opened_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing so that a reader, or a kill at any moment, sees the old file or the new one and no part.

    What is written goes into a file beside it, which takes its place when the block ends, or is removed when it fails.
    One that a killed process left is removed by whoever writes the same file next on that machine.

    Raises:
        OSError: disk full, read-only folder.
    """
    ours = f".{path.name}.{platform.node()}."
    beside = path.with_name(f"{ours}{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            with contextlib.suppress(OSError):  # there are file systems without locks
                _lock(file)  # as long as it is written, for `_remove_left`
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk is told by the write, which knows no name
        raise
    sync_folder(path.parent)
    _remove_left(path.parent, ours)


def _remove_left(folder: Path, ours: str) -> None:
    """Remove files whose names begin like ours, whose process has ended and which nobody holds, if that is allowed."""
    for name in os.listdir(folder):
        if name.startswith(ours) and name.endswith(".part") and not _runs(name.removeprefix(ours)):
            # a container has processes of its own, which may write here under our name and are none of ours
            with contextlib.suppress(OSError), (folder / name).open("rb") as left:
                _lock(left)
                (folder / name).unlink()


def _runs(beside: str) -> bool:
    """Whether a process runs that has the number with which a file's name goes on."""
    if os.name != "posix":
        return True  # to ask by a signal would send one
    try:
        os.kill(int(beside.removesuffix(".part")), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut, where its file system can promise that."""
    if os.name != "posix":
        return  # no folder can be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            error.filename = str(folder)
            raise
    finally:
        os.close(descriptor)


def sha256(data: bytes) -> str:
    """Return the digest of some bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the digest of a file, 64 hex digits, or an empty string where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def locked(folder: Path, notify: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder for this process; the operating system lets go of it when the process ends, however it ends.

    Args:
        folder: what to hold.
        notify: told, in one line, where the file system has no locks: it is gone on without one.

    Raises:
        StudyFailure: another process holds it.
        OSError: read-only folder, or locks that fail in another way.
    """
    with (folder / ".lock").open("a") as file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in NOT_OFFERED:
                notify(f"{folder} can't be locked ({error.strerror}): start no second run in it while this one goes on")
            elif error.errno in (errno.EAGAIN, errno.EACCES):
                in_use = f"{folder} is in use by another run; wait for it or choose another --out"
                raise StudyFailure(in_use) from None
            else:
                error.filename = file.name
                raise
        yield


def _lock(file: IO[Any]) -> None:
    """Lock an open file for as long as it is open.

    Raises:
        BlockingIOError: another process holds it.
        OSError: one of NOT_OFFERED where there are no locks.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def resume_command(folder: Path, study: Path | None = None, *, command: str = "run") -> str:
    """Return the command that goes on with the run in a folder.

    Args:
        folder: of the run.
        study: its study file; the one in the folder if None.
        command: the name of the command that began it.
    """
    file = folder / "study.toml" if study is None else study
    return f"quantstudy {command} {shlex.quote(str(file))} --out {shlex.quote(str(folder))}"
