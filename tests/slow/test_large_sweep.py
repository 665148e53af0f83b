"""A sweep of 100 000 cells, compacted: one metric at one scheme of all of them is read within two seconds."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from quantstudy.records.compacted import compact_file
from quantstudy.records.compacting import compacted_bytes
from quantstudy.records.files import sha256
from quantstudy.records.gathered import SETTINGS, Rows
from quantstudy.records.objects import Folder
from quantstudy.records.schemas import SWEPT
from quantstudy.records.swept import table_of
from tests.records.made_up import METRICS, SCHEMES, cell_name, cell_rows

ACTIVATIONS, CELLS, SEEDS = 20, 5000, 2

GROUPS = [(metric, scheme) for metric in METRICS for scheme in SCHEMES]


def rows_of_many(activation: str, draws: np.random.Generator) -> Rows:
    """The rows of all cells of an activation, as `gathered.gathered` would hold them."""
    first = cell_rows(activation, 0).select([*SETTINGS]).slice(0, 1)
    settings = {name: pa.array([first[name][0].as_py()] * CELLS, SWEPT.field(name).type) for name in SETTINGS}
    keys = pa.array([cell_name(activation, number).rpartition("/")[2] for number in range(CELLS)], pa.string())
    settings["cell"] = keys.dictionary_encode()
    settings["frequency"] = pa.array(draws.integers(2, 9, CELLS).astype(float))
    number, cell, seed = (part.ravel() for part in np.indices((len(GROUPS), CELLS, SEEDS)))
    columns = {
        **{"cell": cell.astype(np.int32), "seed": seed.astype(np.int32), "value": draws.random(len(cell))},
        **{"metric": (number // len(SCHEMES)).astype(np.int16), "scheme": (number % len(SCHEMES)).astype(np.int16)},
        "recipe": np.zeros(len(cell), np.int16),
    }
    words = {"metric": [*METRICS], "scheme": [*SCHEMES], "recipe": ["plain"]}
    each = CELLS * SEEDS
    groups = {group: np.arange(place * each, (place + 1) * each) for place, group in enumerate(GROUPS)}
    return Rows(pa.table(settings).select([*SETTINGS]), columns, words, groups)


def about(name: str) -> dict[str, object]:
    files = {ending: [1224, sha256(f"{name}{ending}".encode())] for ending in (".parquet", ".safetensors")}
    return {"files": files, "seconds": 1.0, "compiling": 0.0, "device": "cpu", "worker": "node-1234"}


@pytest.mark.slow
def test_a_hundred_thousand_cells_are_read_within_two_seconds(tmp_path: Path) -> None:
    objects, draws, expected = Folder(str(tmp_path)), np.random.default_rng(0), []
    for activation in (f"a{number:02}" for number in range(ACTIVATIONS)):
        rows, named = rows_of_many(activation, draws), f"activation={activation}"
        cells = {name: about(name) for name in (cell_name(activation, number) for number in range(CELLS))}
        objects.put(compact_file(named), compacted_bytes(objects, named, cells, rows))
        expected.append(rows.columns["value"][rows.groups["flip_rate", "w4a4"]].sum())
    took = []
    for _ in range(3):
        start = time.perf_counter()
        found = table_of(objects, SWEPT.names, metrics=["flip_rate"], schemes=["w4a4"])
        took.append(time.perf_counter() - start)
    assert found.num_rows == ACTIVATIONS * CELLS * SEEDS
    assert np.sum(found["value"].to_numpy()) == pytest.approx(sum(expected), rel=1e-12)
    assert len({*found["cell"].to_pylist()}) == CELLS
    assert min(took) <= 2.0, took
