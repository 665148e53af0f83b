"""From cells to records: join the cells' files into the files of the run folder."""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import numpy as safetensors

from quantstudy.engine.cells import Cell, cells
from quantstudy.engine.learnt import labels_of
from quantstudy.errors import StudyFailure
from quantstudy.quantize.scheme import IntFormat, Scheme
from quantstudy.records.cells import load_cell
from quantstudy.records.files import file_sha256, opened_atomically
from quantstudy.records.folders import weights_file
from quantstudy.records.frames import frame
from quantstudy.records.run import Run
from quantstudy.records.schemas import HISTOGRAMS, METRICS, PLANS, RANGES, VARIATION_TABLES, parquet_file, to_parquet
from quantstudy.records.store import npz, write_records

if TYPE_CHECKING:
    import pandas as pd

RATES = ("seed", "scheme", "backend", "scope", "metric", "value")
"""Columns of the metrics that decide which seed is shown, and when there are enough seeds."""


def common_seed(run: Run) -> int:
    """Return the seed that the figures show of every activation, so that all are seen on the same data.

    It is the lower median of the flip rates (for numbers: of the drops of PSNR) at the focus scheme, averaged over the
    activations. Seeds at which the most activations have a finite rate go before all others; if no activation has one
    anywhere, it is the first seed.
    """
    rates = _focus(run, run.config.ranked.disturbed)
    known = np.isfinite(rates)
    seeds = np.flatnonzero(known.sum(axis=0) == known.sum(axis=0).max())
    if not known[:, seeds].any():
        return 0
    sums = [math.fsum(rates[known[:, seed], seed]) for seed in seeds]  # of equally many each: in the order of the means
    return int(seeds[np.argsort(sums, kind="stable")[(len(seeds) - 1) // 2]])


def focus_accuracies(run: Run) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what is ranked, after quantization by the focus scheme, and its drop, as far as they are measured.

    Both [activations, seeds]; activations without a finite value at any seed are left out.
    """
    ranked = run.config.ranked
    found, drop = _focus(run, ranked.quantized), _focus(run, ranked.drop)
    measured = np.isfinite(found).any(axis=1)
    return found[measured], drop[measured]


def best_at_focus(run: Run) -> str | None:
    """Return the activation that ranks first at the focus scheme, None if none has a value.

    By the half of the held-out points that chooses, so that the other can judge what becomes of it.
    """
    from quantstudy.judge.statistics.paired import ranking_order

    scores = _focus(run, run.config.ranked.even)
    if not np.isfinite(scores).any():
        return None
    return run.config.activations[int(ranking_order(scores)[0])]


def float_scores(run: Run) -> "pd.DataFrame":
    """Return what is recorded of the float networks and of the best constant answer: `activation` and RATES."""
    wanted = (pc.field("scope") == "network") & (pc.field("scheme") == "float")
    columns = ("activation", *RATES)
    units = cells("measure", run.config, run.looks)
    tables = [read_table(cell_files(run, unit)["metrics.parquet"], columns).filter(wanted) for unit in units]
    return frame(pa.concat_tables(tables))


def _focus(run: Run, metric: str) -> NDArray[np.float64]:
    """Return one metric of the networks quantized by the focus scheme, [activations, seeds]."""
    focus = IntFormat(run.config.focus_bits)
    wanted = (
        (pc.field("scope") == "network")
        & (pc.field("metric") == metric)
        & (pc.field("backend") == "simulated")
        & (pc.field("scheme") == str(Scheme(focus, focus)))
    )
    found = np.full((len(run.config.activations), run.config.seeds), np.nan)
    for unit in cells("measure", run.config, run.looks):
        table = read_table(cell_files(run, unit)["metrics.parquet"], RATES).filter(wanted)
        found[run.config.activations.index(unit.activation), table["seed"].to_numpy()] = table["value"].to_numpy()
    return found


def gather(run: Run) -> dict[str, str]:
    """Join the tables and weights of the cells into records of the run; return their digests by name.

    Most tables grow with the number of seeds, so only one cell's tables are in memory at a time.
    """
    config = run.config
    digests = _joined(run, "measure", {"metrics": METRICS, "plans": PLANS})
    if not config.quick:
        digests |= _joined(run, "vary", VARIATION_TABLES | {"ranges": RANGES})
    histograms = [
        read_table(cell_files(run, unit)["histograms.parquet"]) for unit in cells("measure", config, run.looks)
    ]
    labels, arrays = labels_of(config, range(config.seeds))
    files = {
        labels: npz(arrays),
        "histograms.parquet": to_parquet([_pooled(histograms)], HISTOGRAMS),
    }
    for activation in config.activations:
        files[weights_file(activation)] = _weights(run, activation)
    return digests | write_records(run, files)


def _joined(run: Run, stage: str, schemas: Mapping[str, pa.Schema]) -> dict[str, str]:
    """Join the tables that the cells of a stage wrote; a cell need not have written every table."""
    with ExitStack() as open_files:
        append = {}
        for name, schema in schemas.items():
            file = open_files.enter_context(opened_atomically(run.folder / f"{name}.parquet"))
            append[f"{name}.parquet"] = open_files.enter_context(parquet_file(file, schema))
        for unit in cells(stage, run.config, run.looks):
            files = cell_files(run, unit)
            for name in append.keys() & files.keys():
                append[name](read_table(files[name]))
    return {name: file_sha256(run.folder / name) for name in append}


def gather_maps(run: Run, shown: Iterable[Cell]) -> dict[str, str]:
    """Join the maps of the seed that is shown into maps.npz; return its digest by name.

    Args:
        run: the run.
        shown: cells of its stage `picture`.
    """
    maps = {k: v for unit in shown for k, v in np.load(io.BytesIO(cell_files(run, unit)["maps.npz"])).items()}
    return write_records(run, {"maps.npz": npz(maps)})


def _pooled(histograms: Iterable[pa.Table]) -> pa.Table:
    """Return the sum of several histograms, bin by bin, rows in an order that does not depend on the cells."""
    keys = ["activation", "layer", "bin_left", "bin_right"]
    table = pa.concat_tables(histograms).unify_dictionaries().combine_chunks()
    counts = table.group_by(keys, use_threads=False).aggregate([("count", "sum")]).combine_chunks()
    if not counts.num_rows:
        return HISTOGRAMS.empty_table()
    which = counts["activation"].chunk(0).indices.to_numpy()
    order = np.lexsort((counts["bin_left"].to_numpy(), counts["layer"].to_numpy(), which))
    return counts.rename_columns([*keys, "count"]).take(pa.array(order)).cast(HISTOGRAMS)


def _weights(run: Run, activation: str) -> bytes:
    parts = [
        safetensors.load(cell_files(run, unit)["weights.safetensors"])
        for unit in cells("train", run.config, run.looks)
        if unit.activation == activation
    ]
    data: bytes = safetensors.save(together(parts), metadata={"seeds": f"0-{run.config.seeds - 1}"})
    return data


def together(parts: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of several blocks of seeds as those of all."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def read_table(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a parquet file's table, or some of its columns."""
    return pq.ParquetFile(io.BytesIO(data)).read(columns)


def cell_files(run: Run, unit: Cell) -> dict[str, bytes]:
    """Return the files of a cell that is done.

    Raises:
        StudyFailure: it is gone or damaged.
    """
    files = load_cell(run.folder, unit.key)
    if files is None:
        raise StudyFailure(f"{run.folder / 'cells' / unit.key} is gone or damaged; run again to make it")
    return files
