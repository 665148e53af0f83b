"""The command as a user gives it, in this process or in one of its own."""

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quantstudy.activations import functions
from quantstudy.cli import app
from quantstudy.engine import drawing, pipeline
from quantstudy.engine.pipeline import redo
from quantstudy.records.run import open_run
from quantstudy.show.names import figure_files, figure_names

ZOO = Path(__file__).with_name("zoo.py")
LONGEST = 180
"""Seconds that a command may take."""


class TooLong(BaseException):
    """Nothing that the package catches."""


@dataclass(frozen=True)
class Answer:
    """How a command ended.

    Attributes:
        code: its exit code, None where it let an exception through.
        out: what it printed.
        error: what it printed on standard error.
    """

    code: int | None
    out: str
    error: str


def place(folder: Path) -> Path:
    """Make a folder to run commands in, with the zoo."""
    folder.mkdir(parents=True)
    shutil.copy(ZOO, folder / "zoo.py")
    return folder


def alone(arguments: Sequence[str], here: Path) -> Answer:
    """Run the command in a process of its own."""
    code = "from quantstudy.cli.app import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    return Answer(ran.returncode, ran.stdout, ran.stderr)


def within(arguments: Sequence[str], here: Path, figures: Sequence[str]) -> Answer:
    """Run the command in this process, drawing some figures only."""
    out, error = io.StringIO(), io.StringIO()
    code: Any = None
    with pytest.MonkeyPatch.context() as patched, _at_most(LONGEST), contextlib.chdir(here):
        forget()
        patched.setattr(sys, "argv", ["quantstudy", *arguments])
        patched.setattr(drawing, "figure_names", _some(figures))
        files = figure_files  # a second run looks for those that the first one drew
        patched.setattr(pipeline, "figure_files", lambda run: [path for path in files(run) if path.stem in figures])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error), _warnings_of_a_command():
            try:
                app.main()
            except SystemExit as left:
                code = left.code or 0
            except Exception:
                traceback.print_exc()
    return Answer(code, out.getvalue(), error.getvalue())


def report(folder: Path) -> None:
    """Judge a finished run and write its page again, as the command `report` does, without figures."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(drawing, "figure_names", _some(()))
        redo(open_run(folder))


def forget() -> None:
    """Forget what was imported of the zoo: a process of its own would know nothing of it."""
    sys.modules.pop("zoo", None)
    for known in vars(functions).values():
        if hasattr(known, "cache_clear"):
            known.cache_clear()


def _some(figures: Sequence[str]) -> Any:
    names = figure_names
    return lambda run: tuple(name for name in names(run) if name in figures)


@contextlib.contextmanager
def _warnings_of_a_command() -> Iterator[None]:
    """Let warnings be printed as Python does by itself, not raised or kept as pytest wants them."""

    def tell(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))

    with warnings.catch_warnings():
        warnings.resetwarnings()
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)
        warnings.showwarning = tell
        yield


@contextlib.contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Break off what takes too long."""

    def too_long(number: int, frame: object) -> None:
        raise TooLong(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
