"""Dask as an engine: a cluster of this machine, or a scheduler that runs already. Only this file imports distributed.

What was read in the source of distributed 2026.8 and holds here:

- A client's futures keep their results in the workers, and what a dead worker kept is computed again. So a future must
  be dropped once its result is there; `ClientExecutor` lets go of it together with the future that it returned.
- A task that is cancelled, or whose future was dropped, is forgotten although it may still run. A frozen worker looks
  idle then, and is given the next task. So the future of an overdue cell must be kept.
- A worker that froze stays connected for five minutes (`worker-ttl`), and whatever asks it waits as long.
- The scheduler unpickles whatever is submitted. Submitted as bytes, cells ask for nothing but Dask of it.
- A task's own exception is not tried again (`retries` is 0); after its worker's death it is, up to `KilledWorker`.
"""

import asyncio
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

import dask
from distributed import Client, LocalCluster, Security, rpc

from quantstudy.engine.interrupts import interrupts_wait
from quantstudy.engine.same import THREADS, refusal, wanted
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.provenance import version

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a scheduler has to answer in."""

ANSWER = 5.0
"""Seconds that a worker has to say what it computes with."""

LOGGERS = ("distributed", "tornado", "asyncio", "bokeh")
"""They tell of lost workers and closed connections on standard error; what a user must know is told by the driver."""


class OnDask(Executor):
    """The executor of a Dask client, for functions that lie in this package or one of the user's.

    Args:
        client: connected.
        where: what messages call the cluster.
    """

    def __init__(self, client: Client, where: str) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)
        self.where = where

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand the call to a worker, as bytes.

        Raises:
            StudyFailure: the scheduler is gone, and did not come back within `PATIENCE`.
        """
        try:
            future: Future[T] = self._executor.submit(pickle.loads, _to_be_called(fn, *args, **kwargs))
        except Exception as error:
            if self._client.status in ("running", "connecting"):
                raise
            raise StudyFailure(f"{self.where} is gone ({_reason(error)}); run the same command again") from None
        return future

    def width(self) -> int:
        """Return the number of threads of all workers that are connected now."""
        return sum(self._client.nthreads().values())

    def ask(self, fn: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Call a function in every worker that is connected now; return results or exceptions by worker.

        One that does not answer within ANSWER is left out: it may have frozen, and Dask would wait for it.
        """
        call, workers, found = _to_be_called(fn, *args), [*self._client.nthreads()], dict[str, Any]()

        async def one(worker: str) -> None:
            with suppress(TimeoutError):
                asked = self._client.run(pickle.loads, call, workers=[worker], on_error="return")
                found.update(await asyncio.wait_for(asked, ANSWER))

        async def all_of_them() -> None:
            await asyncio.gather(*map(one, workers))

        self._client.sync(all_of_them)
        return found

    def explained(self, error: BaseException) -> StudyFailure | None:
        """Return what to tell of an exception that a future ended with and that no repetition would heal, else None.

        Workers that came later than this executor were not asked what they compute.
        """
        if not isinstance(error, ImportError):
            return None
        try:
            require_same(self)
        except StudyFailure as told:
            return told
        return StudyFailure(f"a worker of {self.where} can't run cells ({_reason(error)})")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; cancel those that have not finished, or wait for them."""
        self._executor.shutdown(wait=wait and not cancel_futures)


@contextmanager
def on_dask(jobs: int, address: str | None) -> Iterator[OnDask]:
    """Yield an executor of Dask's.

    Args:
        jobs: number of worker processes, each with one thread, of a cluster of this machine.
        address: of a scheduler to connect to instead; it goes on running afterwards.

    Raises:
        BadInput: nobody answers at the address.
        StudyFailure: workers can't be started, or do not compute what this process would.
    """
    if address is not None:
        require_scheduler(address)
    with _undisturbed():
        if address is None:
            with _local_cluster(jobs) as cluster, _connected(cluster, "the local cluster of Dask") as executor:
                yield executor
        else:
            with _connected(address, f"the Dask scheduler at {address}") as executor:
                yield executor


def require_scheduler(address: str) -> None:
    """Check that a Dask scheduler answers.

    Raises:
        BadInput: none does within `PATIENCE`.
    """

    async def identity() -> Any:
        async with rpc(address, timeout=PATIENCE, connection_args=Security().get_connection_args("client")) as remote:
            return await remote.identity()

    try:
        with _undisturbed():
            # Dask's own timeout ends before the handshake, which a server of another kind never answers
            found = asyncio.run(asyncio.wait_for(identity(), PATIENCE))
    except TimeoutError:
        raise BadInput("address", address, f"no Dask scheduler answered within {PATIENCE:.0f} s") from None
    except OSError as error:
        raise BadInput("address", address, f"no Dask scheduler answered ({_reason(error)})") from None
    except Exception as error:  # an address that is none, certificates that lack; distributed has no one class of them
        raise BadInput("address", address, f"tcp://HOST:PORT of a scheduler is needed ({_reason(error)})") from None
    if found["type"] != "Scheduler":
        raise BadInput("address", address, f"that of the scheduler is needed; a {found['type']} answers there")


@contextmanager
def _connected(to: "str | LocalCluster", where: str) -> Iterator[OnDask]:
    try:
        client = Client(to, timeout=PATIENCE, set_as_default=False)
    except (OSError, ImportError) as error:
        raise StudyFailure(f"{where} can't be connected to ({_reason(error)})") from None
    executor = OnDask(client, where)
    try:
        require_same(executor)
        yield executor
    finally:
        with suppress(TimeoutError):
            client.close(timeout=PATIENCE)


def require_same(executor: OnDask) -> None:
    """Check that every worker that is connected computes what this process would.

    Raises:
        StudyFailure: one doesn't, by name.
    """
    for worker, answer in executor.ask(refusal, wanted()).items():
        if isinstance(answer, ImportError):
            needed = f"quantstudy {version('quantstudy')} must be installed where it runs"
            raise StudyFailure(f"worker {worker} can't run cells ({_reason(answer)}): {needed}")
        if isinstance(answer, Exception) and not isinstance(answer, OSError):  # which says that it is ending just now
            raise StudyFailure(f"worker {worker} can't run cells ({_reason(answer)})")
        if isinstance(answer, str):
            raise StudyFailure(f"at {worker} {answer}: install the same there")


@contextmanager
def _local_cluster(jobs: int) -> Iterator[LocalCluster]:
    """Yield a cluster on loopback: without a dashboard, on free ports, and without a limit of memory of its own.

    Told no address for its dashboard, a scheduler would listen on 8787 all the same.
    """
    environment = {name: os.environ.get(name, "1") for name in THREADS}
    if os.name == "posix":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # before the block: starting it would unblock SIGINT again
    try:
        with interrupts_wait():  # its thread starts the workers, also later; like it, they leave Ctrl-C to the driver
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=True,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                env=environment,
            )
    except (OSError, RuntimeError) as error:
        raise StudyFailure(
            f"a Dask cluster can't be started ({_reason(error)}); --engine processes does without"
        ) from None
    try:
        yield cluster
    except BaseException:
        _kill(cluster)
        raise
    finally:
        with suppress(TimeoutError):
            cluster.close(timeout=PATIENCE)


def _kill(cluster: LocalCluster) -> None:
    """Kill the workers at once: asked to end, they would first finish their cells, which may take minutes."""
    for nanny in list(cluster.workers.values()):
        with suppress(Exception):  # it may be ending by itself
            nanny.close_gracefully()  # so that it starts no other one
            os.kill(nanny.pid, 9)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep Dask from writing to standard error, and put back the environment variables that it sets in this process."""
    before = {name: os.environ.get(name) for name in _settings()}
    loggers = [logging.getLogger(name) for name in LOGGERS]
    disabled = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, disabled, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _settings() -> tuple[str, ...]:
    return (*dask.config.get("distributed.nanny.pre-spawn-environ"), "PYTHONHASHSEED")


class _ToBeCalled:
    """Pickled, it is a call: whoever unpickles it gets what the function returns."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._call = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def _to_be_called(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> bytes:
    return pickle.dumps(_ToBeCalled(partial(function, **kwargs) if kwargs else function, *args))


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
