"""Worker processes that can't be started, or that ended before their work: why, in one line, and the way round."""

import errno
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from quantstudy.errors import StudyFailure

UNGUARDED = 117
"""Exit code of a worker that would have started workers of its own while it imported the script."""

LOST = 255
"""Exit code that multiprocessing tells of a worker where what it was forked from was killed, too."""

CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT")


def leave_if_imported_by_a_worker() -> None:
    """End this process if it is a worker that imports the script which started it, and so comes here once more.

    Without a word, but for an exit code that its parent understands (`why_broken`): to go on would start a second run
    in the same folder, and its traceback would tell of that.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # by which multiprocessing itself knows it
        os._exit(UNGUARDED)


@contextmanager
def starting(place: str = "") -> Iterator[None]:
    """Say why worker processes can't be started, where the system refuses that inside the block, and the way round.

    Args:
        place: where what they need is made, for errors that name no path.

    Raises:
        StudyFailure: it does.
    """
    try:
        yield
    except (OSError, EOFError, ImportError, NotImplementedError) as error:
        raise _why_not(error, place) from None
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        raise _why_not(error, place) from None


def _why_not(error: Exception, place: str) -> StudyFailure:
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    path = getattr(error, "filename", None) or place
    way = "--jobs 1 does without them"
    if "AF_UNIX path too long" in reason:
        reason = f"the path of a socket in {tempfile.gettempdir()} is too long"
        way = "set TMPDIR to a folder with a shorter path, or use --jobs 1"
    elif "temporary directory" in reason:
        way = "set TMPDIR to a folder that can be written"
    elif number in (errno.EMFILE, errno.ENFILE):
        way = "raise the number of open files (ulimit -n), or use --jobs 1"
    elif number is not None and path:
        reason = f"{path}: {reason}"
    elif isinstance(error, ImportError | NotImplementedError):
        reason = "this system has no semaphores"
    return StudyFailure(f"worker processes can't be started ({reason}); {way}")


def why_broken(started: Iterable[BaseProcess]) -> StudyFailure:
    """Return what is told of workers some of which ended before their work was done.

    Args:
        started: the workers; those that were left have been terminated since.
    """
    codes = {process.exitcode for process in started if process.exitcode is not None}
    if UNGUARDED in codes:
        return StudyFailure(
            "each worker process imports the script that starts it, and so came to start workers itself; "
            'let what the script does stand below `if __name__ == "__main__":`'
        )
    crashes = [name for name in CRASHES if hasattr(signal, name) and -getattr(signal, name) in codes]
    if crashes:
        return StudyFailure(f"a worker process crashed ({crashes[0]}); --jobs 1 does without worker processes")
    by_themselves = sorted(codes - {0, -signal.SIGTERM})  # by which the pool ends those that are left
    if by_themselves and 0 < by_themselves[0] <= by_themselves[-1] < LOST:
        code = by_themselves[0]
        return StudyFailure(f"a worker process ended with exit code {code}; what it said of that stands above")
    return StudyFailure("a worker process was killed (out of memory?); run the same command again")
