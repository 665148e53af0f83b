"""Tables from Arrow to pandas. Importing this file loads neither of them."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def frame(table: "pa.Table") -> "pd.DataFrame":
    """Return an Arrow table as a pandas DataFrame; strings are categoricals, int16 columns nullable."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int16(): pd.Int16Dtype()}
    return table.unify_dictionaries().to_pandas(types_mapper=nullable.get)


def is_in(column: "pa.ChunkedArray", names: Collection[str]) -> "pa.Array":
    """Return whether each value of a dictionary-encoded column is among some names."""
    import numpy as np
    import pyarrow as pa

    flags, asked = [], {*names}  # `np.isin` compares every text with every other
    for chunk in column.chunks:
        wanted = np.array([value in asked for value in chunk.dictionary.to_pylist()], dtype=bool)
        flags.append(wanted[chunk.indices.to_numpy()])
    return pa.array(np.concatenate(flags) if flags else np.zeros(0, dtype=bool))
