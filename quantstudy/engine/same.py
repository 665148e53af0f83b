"""Whether a worker computes what the driver of a sweep counts on: arithmetic, versions, threads. Loads no torch."""

import os
import socket
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.engine.cells import COMPUTE
from quantstudy.records.provenance import version

THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that say how many threads a library computes on; each reads its own when it is imported."""


@dataclass(frozen=True)
class Requirements:
    """What the bytes of a cell depend on beside its settings; both are part of its name (`engine.swept`).

    Attributes:
        arithmetic: revision of the kernels' arithmetic.
        versions: package → version, of the packages that compute (`cells.COMPUTE`).
        driver: host:pid of the process that sent it.
    """

    arithmetic: int
    versions: dict[str, str]
    driver: str = ""

    @property
    def from_here(self) -> bool:
        """Whether this process sent it: then it is no worker, and its settings are the user's own."""
        return self.driver == _process()


def wanted() -> Requirements:
    """Return what this process has, for workers to be held against."""
    return Requirements(REVISION, {name: version(name) for name in COMPUTE}, _process())


def refusal(requirements: Requirements) -> str | None:
    """Return why this process may not compute cells for the driver that sent the requirements, None if it may.

    A cell is named by the driver's arithmetic and versions: what another one computes must not lie under that name.
    """
    if requirements.arithmetic != REVISION:
        return f"worker {whoami()} computes with arithmetic {REVISION}, this sweep with {requirements.arithmetic}"
    for name, needed in requirements.versions.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            return f"worker {whoami()} has no {name}, this sweep {name} {needed}"
        if found != needed:
            return f"worker {whoami()} has {name} {found}, this sweep {needed}"
    return None


def whoami() -> str:
    """Return the name of this worker: its address in a Dask cluster, if it is in one, else host:pid."""
    distributed = sys.modules.get("distributed")  # a worker of Dask has imported it
    if distributed is not None:
        try:
            return str(distributed.get_worker().address)
        except ValueError:  # no worker of Dask, a driver for instance
            pass
    return _process()


def _process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def pin_threads() -> None:
    """Let the libraries of this worker compute on one thread each, unless the environment says otherwise.

    To be called before they are imported. As many workers as cores, each with as many threads as cores, are several
    times slower. What Numba has read already is left alone: it refuses another number once its threads run.
    """
    for name in THREADS:
        if name != "NUMBA_NUM_THREADS" or "numba" not in sys.modules:
            os.environ.setdefault(name, "1")
