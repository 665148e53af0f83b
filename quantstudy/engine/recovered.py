"""From the cells of stage `recover` to the records of a run: their rows, and the repaired networks with their plans."""

import io
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import numpy as safetensors

from quantstudy.engine.cells import Cell
from quantstudy.errors import StudyFailure
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.records.cells import load_cell
from quantstudy.records.files import file_sha256
from quantstudy.records.folders import repaired_file
from quantstudy.records.run import Run
from quantstudy.records.schemas import RECOVER, to_parquet
from quantstudy.records.store import write_records

TABLE = "recover.parquet"

Unit = tuple[str, str, str]
"""What rows belong together: activation, scheme, recipe."""


def join_repaired(run: Run, units: Sequence[Cell]) -> dict[str, str]:
    """Add what cells of stage `recover` found to the records of a run; return the digests of what is written, by name.

    Rows that stand there already stay unless they are among those added. The order of rows does not depend on the order
    in which they came.

    Args:
        run: the run.
        units: cells that are done, those of one activation, scheme and recipe one after the other.
    """
    files, tables = dict[str, bytes](), _standing(run)
    for unit, own in groupby(units, key=unit_of):
        found = [_files(run, one) for one in own]
        tables[unit] = pa.concat_tables([_table(part[TABLE]) for part in found])
        arrays = [safetensors.load(part["repaired.safetensors"]) for part in found if unit[2] != PLAIN]
        if arrays:
            joined = {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}
            about = json.dumps(dict(zip(("activation", "scheme", "recipe"), unit, strict=True)))
            # one entry alone: several come in another order every time, and the bytes should be the same
            files[repaired_file(*unit)] = safetensors.save(joined, metadata={"about": about})
    if not tables:
        return {}
    order = {name: place for place, name in enumerate(run.config.activations)}
    ordered = sorted(tables, key=lambda unit: (unit[1], unit[2], order[unit[0]]))
    rows = [pa.concat_tables([tables[unit] for unit in ordered]).unify_dictionaries().combine_chunks()]
    digests = write_records(run, {TABLE: to_parquet(rows, RECOVER), **files})
    for path in (run.folder / "recover").glob("*.safetensors"):  # left by a table that was damaged
        if f"recover/{path.name}" not in {repaired_file(*unit) for unit in tables}:
            path.unlink()
    return digests


def standing(run: Run) -> set[Unit]:
    """Return what is in the records of a run already, undamaged."""
    digests = run.manifest()["files"]
    return {unit for unit in _standing(run) if unit[2] == PLAIN or _sound(run, repaired_file(*unit), digests)}


def unit_of(cell: Cell) -> Unit:
    """Return what a cell's rows belong to."""
    return cell.activation, cell.scheme, cell.recipe


def _standing(run: Run) -> dict[Unit, pa.Table]:
    """Return the rows that stand in the run's table; none if it is absent or damaged."""
    if not _sound(run, TABLE, run.manifest()["files"]):
        return {}
    table = _table((run.folder / TABLE).read_bytes())
    kinds = table.select(["activation", "scheme", "recipe"]).group_by(["activation", "scheme", "recipe"])
    found = {}
    for kind in kinds.aggregate([]).to_pylist():
        unit: Unit = (kind["activation"], kind["scheme"], kind["recipe"])
        wanted = [pc.equal(table[key], value) for key, value in kind.items()]
        found[unit] = table.filter(pc.and_(pc.and_(wanted[0], wanted[1]), wanted[2]))
    return found


def _sound(run: Run, name: str, digests: Mapping[str, Any]) -> bool:
    return name in digests and file_sha256(run.folder / name) == digests[name]


def _table(data: bytes) -> pa.Table:
    return pq.ParquetFile(io.BytesIO(data)).read()


def _files(run: Run, unit: Cell) -> dict[str, bytes]:
    files = load_cell(run.folder, unit.key)
    if files is None:
        raise StudyFailure(f"{run.folder / 'cells' / unit.key} is gone or damaged; run again to make it")
    return files
