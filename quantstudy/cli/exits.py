"""How a command ends: an exit code, and one line on standard error for every problem; no traceback."""

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from typer.exceptions import TyperException

from quantstudy.cli import advice, streams
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.files import resume_command

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


@contextmanager
def resumable(command: Callable[[], str]) -> Iterator[None]:
    """Say by which command to go on when one is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise _Interrupted(f"interrupted; go on with: {command()}") from None


def this_command() -> str:
    """Return the command line as it was typed."""
    return shlex.join(["quantstudy", *sys.argv[1:]])


def command_for(config: "StudyConfig", folder: Path) -> str:
    """Return how to go on with a run: by its study.toml, or, before that is written, the same command."""
    study = folder / "study.toml"
    begun = study.is_file() and study.read_bytes() == config.to_toml().encode()
    return resume_command(folder) if begun else this_command()


class _Interrupted(StudyFailure):
    exit_code = 130


def run_and_exit(app: typer.Typer) -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input, 130 interrupted; a problem is one printed line.

    A command may exit by another code that it documents: `gate` by 3, a limit is not held, and 4, undecided.
    """
    streams.prepare()
    with _one_interrupt():
        code = _run(app)
    sys.exit(code)


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Heed the first Ctrl-C and no further one: a second must not break off the tidying up that the first has begun."""

    def interrupt(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, before)


def _run(app: typer.Typer) -> int:
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == 130:  # how typer reports a Ctrl-C outside a run
            _complain("interrupted", code)
    except (BadInput, StudyFailure) as error:
        code = _complain(str(error), error.exit_code)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        known = f"{context.command_path if context else 'quantstudy'} --help"
        code = _complain(f"{' '.join(error.format_message().split())} ({known} tells what is allowed)", 2)
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except SystemExit as left:  # by which typer answers a broken pipe, whichever it is
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        code = _failed(left.__context__)
    except OSError as error:
        code = _failed(error)
    except (MemoryError, RuntimeError) as error:
        line = advice.out_of_memory(error)
        if line is None:
            raise
        code = _complain(line, 1)
    return code if isinstance(code, int) else 0


def _failed(error: OSError) -> int:
    if error.filename == streams.OUTPUT:
        streams.give_up(sys.stdout)
        if isinstance(error, BrokenPipeError):
            return 1  # nobody reads on, as in `| head`: nothing to print
    return _complain(advice.told(error), 1)


def _complain(line: str, code: int) -> int:
    streams.notify(line)
    return code
