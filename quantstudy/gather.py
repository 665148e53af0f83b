"""From cells to records: join what the cells left into the files of the run folder."""

import io
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import numpy as safetensors

from quantstudy.cells import Cell, cells
from quantstudy.errors import StudyFailure
from quantstudy.quantize.scheme import IntFormat, Scheme
from quantstudy.records import Run, load_cell, npz, write_manifest, write_records
from quantstudy.subject.islands import island_masks
from quantstudy.tables import HISTOGRAMS, METRICS, PLANS, to_parquet


def median_seeds(run: Run) -> Iterator[tuple[str, int]]:
    """Yield, per activation, the seed whose flip rate of the focus scheme is the lower median."""
    focus = IntFormat(run.config.focus_bits)
    wanted = (
        (pc.field("scope") == "network")
        & (pc.field("metric") == "flip_rate")
        & (pc.field("backend") == "simulated")
        & (pc.field("scheme") == str(Scheme(focus, focus)))
    )
    for activation in run.config.activations:
        seeds: list[tuple[float, int]] = []
        for unit in cells("measure", run.config):
            if unit.activation == activation:
                table = _table(run, unit, "metrics.parquet").filter(wanted)
                seeds += zip(table["value"].to_pylist(), table["seed"].to_pylist(), strict=True)
        yield activation, sorted(seeds)[(len(seeds) - 1) // 2][1]


def gather(run: Run, shown: Iterable[Cell], seconds: dict[str, float]) -> None:
    """Join the cells' files into the records of the run and mark it complete."""
    config = run.config
    measured = list(cells("measure", config))
    histograms = pa.concat_tables([_table(run, unit, "histograms.parquet") for unit in measured]).unify_dictionaries()
    keys = ["activation", "layer", "bin_left", "bin_right"]
    pooled = histograms.group_by(keys, use_threads=False).aggregate([("count", "sum")]).rename_columns([*keys, "count"])
    files = {
        "masks.npz": npz({"mask": island_masks(range(config.seeds), config.grid, config.frequency)}),
        "metrics.parquet": to_parquet((_table(run, unit, "metrics.parquet") for unit in measured), METRICS),
        "plans.parquet": to_parquet((_table(run, unit, "plans.parquet") for unit in measured), PLANS),
        "histograms.parquet": to_parquet([pooled.cast(HISTOGRAMS)], HISTOGRAMS),
        "maps.npz": npz({k: v for unit in shown for k, v in np.load(io.BytesIO(_file(run, unit, "maps.npz"))).items()}),
    }
    seeds = {"seeds": f"0-{config.seeds - 1}"}
    for activation in config.activations:
        parts = [
            safetensors.load(_file(run, unit, "weights.safetensors"))
            for unit in cells("train", config)
            if unit.activation == activation
        ]
        stacked = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        files[f"weights/{activation}.safetensors"] = safetensors.save(stacked, metadata=seeds)
    digests = write_records(run, files)
    manifest = run.manifest()
    write_manifest(run, manifest | {"state": "complete", "seconds": seconds, "files": digests})


def _table(run: Run, unit: Cell, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(_file(run, unit, name)))


def _file(run: Run, unit: Cell, name: str) -> bytes:
    files = load_cell(run.folder, unit.key)
    if files is None:
        raise StudyFailure(f"{run.folder / 'cells' / unit.key} is gone or damaged; run again to make it")
    return files[name]
