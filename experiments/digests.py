"""Digests of what a run left: two machines that compute the same have the same ones.

Whatever rows of the backend torchao say is left out: they are PyTorch's own arithmetic. So are figures, times and
provenance.
"""

import hashlib
import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import numpy as safetensors

from quantstudy import Run

TABLES = ("metrics", "histograms", "plans", "sensitivity", "placement", "cliff", "cause", "ranges")
"""The records that are tables, by the names of their files; those that a quick run lacks are left out."""

Digests = dict[str, dict[str, Any]]


def digests(run: Run) -> Digests:
    """Return digests of the weights, per activation and seed; of masks or labels, per seed; of the tables, per seed.

    A table without seeds (histograms) has one digest, `all`. Of verdict.json there are two: what it ranks, and all of
    it, which quotes a multiverse too where one was made beside the run, as it is beside the reference results.
    """
    seeds = range(run.config.seeds)
    file = next(name for name in ("masks.npz", "labels.npz") if (run.folder / name).exists())
    learnt = list(np.load(run.folder / file).values())
    return {
        "weights": {name: _weights(run, name) for name in run.config.activations},
        "masks": {str(seed): _short(b"".join(part[seed].tobytes() for part in learnt)) for seed in seeds},
        "tables": {name: _table(run, name) for name in TABLES if (run.folder / f"{name}.parquet").exists()},
        "verdict": {
            "schemes": _short(json.dumps(run.verdict()["schemes"]).encode()),
            "all": _short((run.folder / "verdict.json").read_bytes()),
        },
    }


def of_seeds(found: Digests, seeds: int) -> Digests:
    """Return the digests of the first seeds alone: those of a run with fewer seeds are the same."""
    wanted = {str(seed) for seed in range(seeds)}

    def kept(by_seed: dict[str, str]) -> dict[str, str]:
        return {seed: digest for seed, digest in by_seed.items() if seed in wanted}

    return {
        "weights": {name: kept(by_seed) for name, by_seed in found["weights"].items()},
        "masks": kept(found["masks"]),
        "tables": {name: kept(by_seed) for name, by_seed in found["tables"].items() if "all" not in by_seed},
    }


def as_text(found: Digests) -> str:
    """Return digests as they are kept: JSON, a line for whatever has a digest per seed."""
    return json.dumps(found, indent=1) + "\n"


def _weights(run: Run, activation: str) -> dict[str, str]:
    arrays = safetensors.load((run.folder / "weights" / f"{activation}.safetensors").read_bytes())
    return {
        str(seed): _short(b"".join(arrays[name][seed].tobytes() for name in sorted(arrays)))
        for seed in range(run.config.seeds)
    }


def _table(run: Run, name: str) -> dict[str, str]:
    table = pq.read_table(run.folder / f"{name}.parquet")
    if "backend" in table.column_names:
        table = table.filter(pc.not_equal(table["backend"].cast(pa.string()), "torchao"))
    if "seed" not in table.column_names:
        return {"all": _rows(table.to_pandas())}
    frame = table.to_pandas()
    return {str(seed): _rows(frame[frame["seed"] == seed]) for seed in range(run.config.seeds)}


def _rows(frame: pd.DataFrame) -> str:
    """Return the digest of rows in the order in which they stand, value by value."""
    parts = io.BytesIO()
    for name in frame.columns:
        column = frame[name]
        floats = pd.api.types.is_float_dtype(column)
        parts.write(name.encode())
        parts.write(column.to_numpy(np.float64).tobytes() if floats else "\n".join(map(str, column)).encode())
    return _short(parts.getvalue())


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
