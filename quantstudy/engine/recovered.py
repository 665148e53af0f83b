"""From the cells of stage `recover` to the records of a run: their rows, and the repaired networks with their plans."""

import json
from collections.abc import Collection, Sequence
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
from safetensors import numpy as safetensors

from quantstudy.engine.cells import Cell, Repair
from quantstudy.engine.collect import cell_files, read_table, together
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.records.folders import repaired_file
from quantstudy.records.run import Run
from quantstudy.records.schemas import RECOVER, to_parquet

TABLE, ENGINES = "recover.parquet", "parity.parquet"


def repaired_records(run: Run, units: Sequence[Cell]) -> dict[str, bytes]:
    """Return the records of a run with what cells of stage `recover` found, by name; those that change alone.

    Rows that stand there already stay unless they are among those added. The order of rows does not depend on the order
    in which they came.

    Args:
        run: the run.
        units: cells that are done, those of one repair one after the other.
    """
    files, tables = dict[str, bytes](), _standing(run)
    for repair, own in groupby(units, key=lambda unit: unit.repair):
        found = [cell_files(run, unit) for unit in own]
        tables[repair] = pa.concat_tables([read_table(part[TABLE]) for part in found])
        if repair[2] != PLAIN:
            arrays = together([safetensors.load(part["repaired.safetensors"]) for part in found])
            about = json.dumps(dict(zip(("activation", "scheme", "recipe"), repair, strict=True)))
            # one entry alone: several come in another order every time, and the bytes should be the same
            files[repaired_file(*repair)] = safetensors.save(arrays, metadata={"about": about})
    if not tables:
        return {}
    order = {name: place for place, name in enumerate(run.config.activations)}
    ordered = sorted(tables, key=lambda repair: (repair[1], repair[2], order[repair[0]]))
    rows = [pa.concat_tables([tables[repair] for repair in ordered]).unify_dictionaries().combine_chunks()]
    return {TABLE: to_parquet(rows, RECOVER), **files}


def kept_records(run: Run) -> dict[str, str]:
    """Return the digests of what commands of their own have added to the records of a run, by the names of the files.

    Repaired networks that stand there undamaged, and what engines made of the run's networks.
    """
    known = run.manifest()["files"]
    files = [*(repaired_file(*repair) for repair in standing(run)), ENGINES]
    return {name: known[name] for name in files if name in known and run.is_sound(name)}


def remove_strangers(run: Run, known: Collection[str]) -> None:
    """Remove repaired networks that are not among known records: they were left when all records were made again."""
    for path in (run.folder / "recover").glob("*.safetensors"):
        if f"recover/{path.name}" not in known:
            path.unlink()


def standing(run: Run) -> set[Repair]:
    """Return what is in the records of a run already, undamaged."""
    return {repair for repair in _standing(run) if repair[2] == PLAIN or run.is_sound(repaired_file(*repair))}


def _standing(run: Run) -> dict[Repair, pa.Table]:
    """Return the rows that stand in the run's table; none if it is absent or damaged."""
    if not run.is_sound(TABLE):
        return {}
    table = read_table((run.folder / TABLE).read_bytes())
    keys = ["activation", "scheme", "recipe"]
    found = {}
    for kind in table.select(keys).group_by(keys).aggregate([]).to_pylist():
        activation, scheme, recipe = (pc.equal(table[key], kind[key]) for key in keys)
        repair: Repair = (kind["activation"], kind["scheme"], kind["recipe"])
        found[repair] = table.filter(pc.and_(pc.and_(activation, scheme), recipe))
    return found
