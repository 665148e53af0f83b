"""One cell of a sweep, wherever an engine runs it: refused where the numbers would be others, done once, put away.

The function that goes to the engine; what it needs is loaded inside, so that a driver loads no torch.
"""

import threading
import time
from contextlib import nullcontext

from quantstudy.engine.cells import CellStatus
from quantstudy.engine.same import Requirements, pin_threads, refusal, whoami
from quantstudy.engine.swept import SweptCell
from quantstudy.errors import StudyFailure
from quantstudy.records.objects import objects_at
from quantstudy.records.swept import has_cell, put_cell

_ONE_AT_A_TIME = threading.Lock()
"""Of the threads that an engine may run cells on in one process. Around a function of the user's standard output is
turned away and torch's settings are kept; both are the whole process's, and two threads would put them back in the
wrong order: what the command prints at its end was lost."""


class Refused(StudyFailure):
    """A worker computes with another arithmetic or other versions than the driver: no cell may run there."""


def run_swept(where: str, cell: SweptCell, wanted: Requirements, threads: int = 1) -> CellStatus:
    """Do one cell's work and put its files into the store; only its name and how it went come back.

    A cell that is in the store already is not run again: an engine may give one out twice.

    Args:
        where: the store, as `objects_at` reads it.
        cell: what to do.
        wanted: what this process must have in common with the driver.
        threads: networks that are trained at once; no number depends on it.

    Raises:
        Refused: this process has other versions.
        StudyFailure: the data or an activation from outside are others here.
        OSError: the store can't be written.
    """
    started = time.perf_counter()
    if not wanted.from_here:
        pin_threads()
    problem = refusal(wanted)
    if problem is not None:
        raise Refused(problem)
    objects = objects_at(where)
    if has_cell(objects, cell.name):
        return CellStatus(cell.name, 0.0, "")
    from quantstudy.engine.sweep_work import made

    outside = ":" in cell.activation or ":" in cell.config.target
    with _ONE_AT_A_TIME if outside else nullcontext():
        table, weights, device, compiling, notices = made(cell, threads)
    seconds = time.perf_counter() - started
    about = {"seconds": round(seconds, 3), "compiling": round(compiling, 3), "device": device, "worker": whoami()}
    put_cell(objects, cell.name, table, weights, about)
    return CellStatus(cell.name, seconds, device, tuple(notices), compiling)
