"""Where the cells of a sweep go: worker processes, a Dask cluster, or any engine from outside. Loads no torch.

An engine is a context manager that yields a `concurrent.futures.Executor`; whoever submits cells knows no more of it.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import Any

from quantstudy.activations.imported import current_folder, found_at
from quantstudy.engine.executors import workers
from quantstudy.errors import BadInput, choices

ENGINES = ("processes", "dask")
"""The engines of this package, by name; any other is `module:function`."""


def require_engine(name: str, address: str | None = None) -> None:
    """Check that an engine can be had, before anything is written.

    Args:
        name: one of ENGINES, or `module:function`, of a module that can be imported or lies in the current folder.
        address: of a Dask scheduler, such as `tcp://10.0.0.1:8786`, if it is not to be a cluster of this machine.

    Raises:
        BadInput: there is no such engine, it is not installed, or nobody answers at the address.
    """
    if ":" in name:
        _function_at(name)
    elif name not in ENGINES:
        raise BadInput("engine", name, choices(name, (*ENGINES, "module:function")))
    if name == "dask" and find_spec("distributed") is None:
        raise BadInput("engine", name, "it needs distributed: pip install 'quantstudy[dask]'")
    if address is not None:
        if name != "dask":
            raise BadInput("address", address, "only --engine dask has a scheduler to connect to")
        from quantstudy.engine.on_dask import require_scheduler

        require_scheduler(address)


@contextmanager
def engine(name: str, jobs: int, address: str | None = None) -> Iterator[Executor]:
    """Yield an executor; when the block is left it is shut down, at once if by an exception.

    Args:
        name: as `require_engine`.
        jobs: number of worker processes on this machine; one from outside, or at an address, has its own.
        address: as `require_engine`.

    Raises:
        BadInput: as `require_engine`, or a function from outside fails or returns no executor.
        StudyFailure: workers can't be started, or can't compute the same as this process.
    """
    require_engine(name, None)
    if name == "processes":
        with workers(jobs) as executor:
            yield executor
    elif name == "dask":
        from quantstudy.engine.on_dask import on_dask

        with on_dask(jobs, address) as executor:
            yield executor
    else:
        with _from_outside(name) as executor:
            yield executor


@contextmanager
def _from_outside(name: str) -> Iterator[Executor]:
    function = _function_at(name)
    try:
        with current_folder(), redirect_stdout(sys.stderr):  # standard output is the command's own
            executor = function()
    except (Exception, SystemExit) as error:  # whatever a function of the user's may raise
        raise BadInput("engine", name, f"it failed ({type(error).__name__}: {error})") from None
    if not (callable(getattr(executor, "submit", None)) and callable(getattr(executor, "shutdown", None))):
        returned = f"it returned {_article(type(executor).__name__)}"
        raise BadInput("engine", name, f"the function must return a concurrent.futures.Executor; {returned}")
    try:
        yield executor
    except BaseException:
        try:
            executor.shutdown(wait=False, cancel_futures=True)
        except TypeError:  # an executor of the time before Python 3.9
            executor.shutdown(wait=False)
        raise
    executor.shutdown(wait=False)  # nothing is waited for but, it may be, a cell on a worker that froze


def _function_at(name: str) -> Any:
    try:
        function = found_at(name)
    except (Exception, SystemExit) as error:  # whatever importing a module of the user's may raise
        why = f"module:function must be importable ({type(error).__name__}: {error})"
        raise BadInput("engine", name, why) from None
    if not callable(function):
        raise BadInput("engine", name, f"a function without arguments is needed, not {type(function).__name__}")
    return function


def _article(name: str) -> str:
    return "None" if name == "NoneType" else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
