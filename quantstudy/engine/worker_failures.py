"""Worker processes that can't be started, or that ended before their work: why, in one line, and what to do."""

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
"""Exit code of a worker that imported the user's script and would have started workers of its own there."""

LOST = 255
"""Exit code that multiprocessing reports for a worker when the server process it was forked from was killed, too."""

CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT")


def leave_if_imported_by_a_worker() -> None:
    """End this process if it is a worker that is importing the user's script, whose call of `workers` led here again.

    To go on would start a second run in the same folder. The process prints nothing, since a traceback would be about
    that second run; its exit code `UNGUARDED` lets the parent explain the mistake (`why_broken`).
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # multiprocessing's own mark of such a worker
        os._exit(UNGUARDED)


@contextmanager
def starting(place: str = "") -> Iterator[None]:
    """Turn the system's refusal to start worker processes in the block into an error that says why and what to do.

    Args:
        place: folder to name where the system's error names no path.

    Raises:
        StudyFailure: the system refused.
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
    """Return the error that explains why some workers ended before their work was done.

    Args:
        started: all workers, ended by now; the pool has terminated those that were still running.
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
    by_themselves = sorted(codes - {0, -signal.SIGTERM})  # the pool ends the remaining ones by SIGTERM
    if by_themselves and 0 < by_themselves[0] <= by_themselves[-1] < LOST:
        code = by_themselves[0]
        return StudyFailure(f"a worker process ended with exit code {code}; what it said of that stands above")
    return StudyFailure("a worker process was killed (out of memory?); run the same command again")
