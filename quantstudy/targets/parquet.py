"""Tables as .parquet files."""

from typing import Any

import numpy as np

from quantstudy.targets.columns import Cells, Columns, require_names, require_size
from quantstudy.targets.files import Unusable

INDEX = "__index_level_"
"""What the names of columns begin with in which pandas keeps an index without a name: no columns of the user's."""


def columns_of(contents: bytes) -> Columns:
    """Return the columns of a .parquet file; missing numbers as NaN, missing text as empty text.

    Args:
        contents: the bytes of the file.

    Raises:
        Unusable: no such file, a broken one, or one that is too large.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(contents))
        require_size(file.metadata.num_rows, len(file.schema_arrow.names))
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable("it is no .parquet file, or a broken one") from None
    kept = [number for number, name in enumerate(table.column_names) if not name.startswith(INDEX)]
    names = [table.column_names[number] for number in kept]
    require_names(names)
    cells = tuple(_cells(table.column(number)) for number in kept)
    return Columns(tuple(names), cells, range(1, table.num_rows + 1))


def _cells(column: Any) -> Cells:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_boolean(kind) and not column.null_count:
        return np.asarray(column.to_numpy(), bool)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    return tuple("" if cell is None else str(cell).strip() for cell in column.to_pylist())
