"""Atomic files (write a temporary file, fsync, rename), digests, and a lock that ends with the process."""

import contextlib
import errno
import functools
import hashlib
import os
import platform
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

from quantstudy.errors import StudyFailure

try:
    import fcntl
except ModuleNotFoundError:  # Windows has no fcntl
    fcntl = None  # type: ignore[assignment]

NOT_OFFERED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""Error numbers of file systems, mostly network ones, that have no locks or can't sync a folder."""


def write_atomically(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write `data` to `path` as `opened_atomically` does.

    Raises:
        OSError: disk full, read-only folder; the temporary file is removed.
    """
    with opened_atomically(path, synced=synced) as file:
        file.write(data)


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write several files as `write_atomically` does, all of them or none: none is replaced before all are written.

    Raises:
        OSError: disk full, read-only folder; the temporary files are removed.
    """
    with contextlib.ExitStack() as stack:
        for path, data in files.items():
            file = stack.enter_context(opened_atomically(path))
            file.write(data)
            file.flush()


@contextlib.contextmanager
def opened_atomically(path: Path, *, synced: bool = True) -> Iterator[BinaryIO]:
    """Open `path` for writing, atomically: at any moment, even after a kill, it is the whole old or the whole new file.

    Data goes into a temporary file beside it, which replaces `path` when the block ends, or is removed if it raises.
    A temporary file left by a killed process is removed by the next process on that machine that writes `path`.

    Args:
        path: the file.
        synced: whether it survives a power cut from now on, which takes a disk some milliseconds; else it may be gone
            or cut short after one, and whoever reads it must be able to tell.

    Raises:
        OSError: disk full, read-only folder.
    """
    ours = f".{path.name}.{platform.node()}."
    beside = path.with_name(f"{ours}{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            with contextlib.suppress(OSError):  # some file systems have no locks
                _lock(file)  # while it is written, so that `_remove_left` keeps it
            yield file
            file.flush()
            if synced:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # the error of a write to a full disk names no file
        raise
    if synced:
        sync_folder(path.parent)
        _remove_left(path.parent, ours)
    else:
        _remove_once(path.parent, os.getpid())


@functools.lru_cache(maxsize=4096)  # a folder may hold tens of thousands of files, which take milliseconds to list
def _remove_once(folder: Path, process: int) -> None:
    _remove_left(folder, ".")


def _remove_left(folder: Path, ours: str) -> None:
    """Remove the temporary files of this machine that begin with `ours` and that no process writes, where permitted."""
    for name in os.listdir(folder):
        begun, _, process = name.removesuffix(".part").rpartition(".")
        here = begun.startswith(ours.removesuffix(".")) and begun.endswith(f".{platform.node()}")
        if name.endswith(".part") and here and not _runs(process):
            # a process in a container may write here: its number means nothing outside, so the lock decides
            with contextlib.suppress(OSError), (folder / name).open("rb") as left:
                _lock(left)
                (folder / name).unlink()


def _runs(process: str) -> bool:
    """Whether the process of some number runs."""
    if os.name != "posix":
        return True  # elsewhere `os.kill` ends the process even with signal 0
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut, where its file system supports that."""
    if os.name != "posix":
        return  # elsewhere a folder can't be opened
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
    """Return the SHA-256 digest of some bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 digest of a file, 64 hex digits, or an empty string if there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def locked(folder: Path, notify: Callable[[str], None]) -> Iterator[None]:
    """Lock the folder for this process; the operating system releases the lock when the process ends, however it ends.

    Args:
        folder: the folder to lock.
        notify: called with one line if the file system has no locks; the block then runs without a lock.

    Raises:
        StudyFailure: another process has locked it.
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
        BlockingIOError: another process has locked it.
        OSError: one of NOT_OFFERED where there are no locks.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def resume_command(folder: Path, study: Path | None = None, *, command: str = "run") -> str:
    """Return the command line that resumes the run in a folder.

    Args:
        folder: folder of the run.
        study: its study file; the one in the folder if None.
        command: the subcommand that began it.
    """
    file = folder / "study.toml" if study is None else study
    return f"quantstudy {command} {shlex.quote(str(file))} --out {shlex.quote(str(folder))}"
