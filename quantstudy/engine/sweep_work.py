"""The work of a sweep's cell: tune, train and measure all seeds of one activation in one study, block by block."""

from collections.abc import Callable

import pyarrow as pa
import torch
from quantstudy_kernels.cpu.compiling import seconds_compiling
from safetensors.numpy import save

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.cells import SEEDS_PER_CELL
from quantstudy.engine.collect import together
from quantstudy.engine.executors import return_memory
from quantstudy.engine.learnt import data_of
from quantstudy.engine.portability import device_of
from quantstudy.engine.same import whoami
from quantstudy.engine.swept import TUNED_ON, SweptCell, machine_of
from quantstudy.engine.trained import seed_blocks, trained_arrays
from quantstudy.engine.tuned import tuned
from quantstudy.engine.worker import notices_here, one_thread
from quantstudy.errors import StudyFailure
from quantstudy.measure.evaluation import Subject, measured
from quantstudy.measure.multiverse import multiverse_rows
from quantstudy.measure.swept import swept_rows
from quantstudy.networks.stack import from_arrays
from quantstudy.records.cache import Arrays
from quantstudy.records.schemas import MULTIVERSE, SWEPT, to_parquet

Measure = Callable[[Subject, StudyConfig, SweptCell], pa.Table]

ANALYSES: dict[str, tuple[pa.Schema, Measure]] = {
    "schemes": (SWEPT, lambda on, config, cell: swept_rows(on, config, cell.key, cell.recipes)),
    "multiverse": (MULTIVERSE, lambda on, config, cell: multiverse_rows(on, config)),
}
"""What a cell may measure: the columns of its table, and what makes the rows of a block of seeds."""

MEASURED_TOGETHER = SEEDS_PER_CELL["measure"]


def made(cell: SweptCell, threads: int) -> tuple[bytes, bytes, str, float, list[str]]:
    """Return a cell's table and its float networks as files, the device, the seconds of compiling, lines for the user.

    Args:
        cell: what to do.
        threads: networks that are trained at once; no number depends on it.

    Raises:
        StudyFailure: an activation from outside, data, or a machine that the numbers depend on, are others here than
            where the cell was planned.
    """
    if parse_activation(cell.activation).made_of != cell.made_of:
        raise StudyFailure(f"{cell.activation} is another function here than where the sweep was begun; run again")
    if cell.config.entry.made_of() != cell.data:
        raise StudyFailure(f"{cell.config.target} holds other data here than where the sweep was begun; run again")
    if machine_of(cell.activation, cell.config) != cell.machine:
        raise StudyFailure(
            f"{cell.activation} would get other bits by worker {whoami()} than where the sweep was begun: another "
            "processor, graphics card or build of noise; use workers that are alike, or, if only some have a graphics "
            'card, device = "cpu"'
        )
    notices: list[str] = []
    device = device_of(cell.config.device)
    with seconds_compiling() as compiling, one_thread(), torch.no_grad():
        try:
            config = tuned(cell.config, cell.activation, cell.tune, TUNED_ON, threads)
            parts, tables = _measured(cell, config, device, threads, notices.append)
        except (torch.AcceleratorError, torch.OutOfMemoryError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise StudyFailure(f"the device {device} failed: {reason}; what is finished is kept, run again") from error
    notices += notices_here()
    table = to_parquet([pa.concat_tables(tables).unify_dictionaries().combine_chunks()], ANALYSES[cell.analysis][0])
    weights: bytes = save(together(parts), metadata={"seeds": f"0-{config.seeds - 1}"})
    del parts, tables
    pa.default_memory_pool().release_unused()
    return_memory()
    return table, weights, device, compiling(), notices


def _measured(
    cell: SweptCell, config: StudyConfig, device: str, threads: int, notify: Callable[[str], None]
) -> tuple[list[Arrays], list[pa.Table]]:
    """Train and measure block by block: memory does not grow with the number of seeds, but for what is returned."""
    measure = ANALYSES[cell.analysis][1]
    parts, tables = [], []
    for first, last in seed_blocks(config.seeds):
        arrays = trained_arrays(
            config, cell.activation, range(first, last), device=device, threads=threads, notify=notify
        )
        parts.append(arrays)
        stack = from_arrays(parse_activation(cell.activation), arrays).to(device)
        for start in range(first, last, MEASURED_TOGETHER):
            seeds = range(start, min(start + MEASURED_TOGETHER, last))
            chosen = stack.select(slice(start - first, seeds.stop - first))
            tables.append(measure(measured(chosen, seeds, data_of(config, seeds)), config, cell))
    return parts, tables
