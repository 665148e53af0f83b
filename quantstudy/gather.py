"""From cells to records: join what the cells left into the files of the run folder."""

import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import numpy as safetensors

from quantstudy.cells import Cell, cells
from quantstudy.errors import StudyFailure
from quantstudy.files import file_sha256, opened_atomically
from quantstudy.quantize.scheme import IntFormat, Scheme
from quantstudy.records import Run, load_cell, npz, write_records
from quantstudy.subject.islands import island_masks
from quantstudy.tables import HISTOGRAMS, METRICS, PLANS, parquet_file, to_parquet

RATES = ("seed", "scheme", "backend", "scope", "metric", "value")
"""Columns of the metrics that choose the seeds shown."""


def median_seeds(run: Run) -> Iterator[tuple[str, int]]:
    """Yield, per activation, the seed whose flip rate of the focus scheme is the lower median."""
    focus = IntFormat(run.config.focus_bits)
    wanted = (
        (pc.field("scope") == "network")
        & (pc.field("metric") == "flip_rate")
        & (pc.field("backend") == "simulated")
        & (pc.field("scheme") == str(Scheme(focus, focus)))
    )
    seeds: dict[str, list[tuple[float, int]]] = {name: [] for name in run.config.activations}
    for unit in cells("measure", run.config):
        table = _table(_files(run, unit)["metrics.parquet"], RATES).filter(wanted)
        seeds[unit.activation] += zip(table["value"].to_pylist(), table["seed"].to_pylist(), strict=True)
    for activation, rates in seeds.items():
        yield activation, sorted(rates)[(len(rates) - 1) // 2][1]


def gather(run: Run) -> dict[str, str]:
    """Join the tables and weights that the cells left into records of the run; return their digests by name.

    Metrics and plans grow with the seeds, so one cell's are held in memory at a time.
    """
    config, histograms = run.config, []
    with (
        opened_atomically(run.folder / "metrics.parquet") as metrics_file,
        opened_atomically(run.folder / "plans.parquet") as plans_file,
        parquet_file(metrics_file, METRICS) as append_metrics,
        parquet_file(plans_file, PLANS) as append_plans,
    ):
        for unit in cells("measure", config):
            files = _files(run, unit)
            append_metrics(_table(files["metrics.parquet"]))
            append_plans(_table(files["plans.parquet"]))
            histograms.append(_table(files["histograms.parquet"]))
    digests = {name: file_sha256(run.folder / name) for name in ("metrics.parquet", "plans.parquet")}
    masks = island_masks(range(config.seeds), config.grid, config.frequency)
    files = {
        "masks.npz": npz({"mask": masks}),
        "histograms.parquet": to_parquet([_pooled(histograms)], HISTOGRAMS),
    }
    for activation in config.activations:
        files[f"weights/{activation}.safetensors"] = _weights(run, activation)
    return digests | write_records(run, files)


def finish(run: Run, shown: Iterable[Cell], digests: dict[str, str]) -> None:
    """Join the maps of the seeds shown, too, and add the digest of the record to the others.

    Args:
        run: the run.
        shown: its cells of stage `picture`.
        digests: of its records, by name.
    """
    maps = {k: v for unit in shown for k, v in np.load(io.BytesIO(_files(run, unit)["maps.npz"])).items()}
    digests |= write_records(run, {"maps.npz": npz(maps)})


def _pooled(histograms: Iterable[pa.Table]) -> pa.Table:
    """Return the sum of several histograms."""
    keys = ["activation", "layer", "bin_left", "bin_right"]
    table = pa.concat_tables(histograms).unify_dictionaries()
    counts = table.group_by(keys, use_threads=False).aggregate([("count", "sum")])
    return counts.rename_columns([*keys, "count"]).cast(HISTOGRAMS)


def _weights(run: Run, activation: str) -> bytes:
    parts = [
        safetensors.load(_files(run, unit)["weights.safetensors"])
        for unit in cells("train", run.config)
        if unit.activation == activation
    ]
    stacked = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    data: bytes = safetensors.save(stacked, metadata={"seeds": f"0-{run.config.seeds - 1}"})
    return data


def _table(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    return pq.ParquetFile(io.BytesIO(data)).read(columns)


def _files(run: Run, unit: Cell) -> dict[str, bytes]:
    files = load_cell(run.folder, unit.key)
    if files is None:
        raise StudyFailure(f"{run.folder / 'cells' / unit.key} is gone or damaged; run again to make it")
    return files
