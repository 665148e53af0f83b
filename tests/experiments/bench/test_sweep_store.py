"""The made-up sweep that is measured is one: its cells are as those that are put, and compact to the same rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.bench.sweep_store import ONE, VALUES, Made, by_duckdb, by_polars, compact_made, find, put_single, read
from quantstudy.records.objects import Folder
from quantstudy.records.schemas import SWEPT
from quantstudy.records.swept import table_of
from tests.records.made_up import rows_of

CELLS = 260  # more than there are patterns


@pytest.mark.slow
def test_made_up_cells_compact_to_their_rows(tmp_path: Path) -> None:
    made = Made(tmp_path, CELLS)
    tables = [pq.read_table(pa.BufferReader(made.get(f"cells/{name}.parquet"))) for name in made.names]
    assert [table.schema.remove_metadata() for table in tables] == [SWEPT] * CELLS
    assert len({table["cell"][0].as_py() for table in tables}) == CELLS
    assert {table.num_rows for table in tables} == {VALUES}
    values = np.concatenate([table["value"].to_numpy() for table in tables])
    assert len({*values}) == len(values)
    assert compact_made(str(tmp_path), CELLS) == sum(file.stat().st_size for file in tmp_path.glob("compact/*.parquet"))
    assert rows_of([table_of(Folder(str(tmp_path)), SWEPT.names)]) == rows_of(tables)
    wanted = [row for row in rows_of(tables) if ONE["metrics"][0] in row and ONE["schemes"][0] in row]
    files = f"{tmp_path}/compact/*.parquet"
    assert [read(str(tmp_path)), by_polars(files), by_duckdb(files)] == [len(wanted)] * 3


@pytest.mark.slow
def test_single_cells_are_found_and_read(tmp_path: Path) -> None:
    assert put_single(str(tmp_path), 20) > 0
    assert find(str(tmp_path)) == 20
    files = f"{tmp_path}/cells/**/*.parquet"
    assert [read(str(tmp_path)), by_polars(files), by_duckdb(files)] == [40] * 3
