"""The tables of the claims: `NAME.parquet`, with where the numbers come from in the file itself."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from quantstudy.errors import StudyFailure
from quantstudy.records.files import write_atomically
from quantstudy.records.schemas import CLAIM

KEY = b"quantstudy"
"""Where the provenance stands in the metadata of a file, as JSON."""


def write_claim(folder: Path, name: str, table: pa.Table, about: Mapping[str, Any]) -> None:
    """Write the table of one claim (`schemas.CLAIM`) and where it comes from.

    Raises:
        OSError: disk full, read-only folder.
    """
    metadata = {**(table.schema.metadata or {}), KEY: json.dumps(about, sort_keys=True).encode()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd", compression_level=9)
    write_atomically(folder / f"{name}.parquet", buffer.getvalue())


def read_claim(folder: Path, name: str) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """Return the table of one claim and where it comes from, None where there is none.

    Raises:
        StudyFailure: the file is damaged or has other columns.
    """
    path = folder / f"{name}.parquet"
    if not path.exists():
        return None
    try:
        table = pq.read_table(io.BytesIO(path.read_bytes()))
    except (pa.ArrowException, OSError) as error:
        raise StudyFailure(f"{path} is damaged ({error}); measure it again: quantstudy claim {name}") from None
    if table.schema.names != CLAIM.names or KEY not in (table.schema.metadata or {}):
        raise StudyFailure(f"{path} is of another version; measure it again: quantstudy claim {name}")
    return table.to_pandas(), json.loads(table.schema.metadata[KEY])
