"""Tidy tables: their columns, and how arrays become rows without a loop over models or neurons."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

_TEXT = pa.dictionary(pa.int32(), pa.string())

METRICS = pa.schema(
    [
        ("activation", _TEXT),
        ("seed", pa.int32()),
        ("scheme", _TEXT),
        ("backend", _TEXT),
        ("scope", _TEXT),
        ("layer", pa.int16()),
        ("neuron", pa.int16()),
        ("metric", _TEXT),
        ("value", pa.float64()),
    ]
)
"""Columns of metrics.parquet."""

HISTOGRAMS = pa.schema(
    [
        ("activation", _TEXT),
        ("layer", pa.int16()),
        ("bin_left", pa.float64()),
        ("bin_right", pa.float64()),
        ("count", pa.int64()),
    ]
)
"""Columns of histograms.parquet."""

PLANS = pa.schema(
    [
        ("activation", _TEXT),
        ("seed", pa.int32()),
        ("scheme", _TEXT),
        ("backend", _TEXT),
        ("tensor", _TEXT),
        ("channel", pa.int16()),
        ("scale", pa.float64()),
        ("zero_point", pa.int32()),
        ("bits", pa.int16()),
        ("format", _TEXT),
        ("weights_equal", pa.bool_()),
        ("max_abs_logit_difference", pa.float64()),
        ("flips", pa.int64()),
    ]
)
"""Columns of plans.parquet: a row per scale (backend `simulated`) and per parity check (backend `torchao`)."""


_MEASURED = [("seed", pa.int32()), ("metric", _TEXT), ("value", pa.float64())]

SENSITIVITY = pa.schema([("activation", _TEXT), ("scheme", _TEXT), ("view", _TEXT), ("layer", pa.int16()), *_MEASURED])
"""Columns of sensitivity.parquet; `layer` is null where all layers are quantized (view `total`)."""

PLACEMENT = pa.schema(
    [
        ("activation", _TEXT),
        ("scheme", _TEXT),
        ("placement", _TEXT),
        ("coordinates", pa.bool_()),
        ("observer", _TEXT),
        ("granularity", _TEXT),
        ("weight_observer", _TEXT),
        *_MEASURED,
    ]
)
"""Columns of placement.parquet."""

CLIFF = pa.schema([("activation", _TEXT), ("quantized", _TEXT), ("bits", pa.int16()), ("scheme", _TEXT), *_MEASURED])
"""Columns of cliff.parquet; `quantized` is `weights`, `activations` or `both`."""

CAUSE = pa.schema([("activation", _TEXT), ("variant", _TEXT), ("scheme", _TEXT), *_MEASURED])
"""Columns of cause.parquet; `activation` is the one that the network was trained with."""

RECOVER = pa.schema([("activation", _TEXT), ("scheme", _TEXT), ("recipe", _TEXT), *_MEASURED])
"""Columns of recover.parquet; `recipe` is `plain` for networks without any repair."""

PARITY = pa.schema(
    [
        ("activation", _TEXT),
        ("seed", pa.int32()),
        ("scheme", _TEXT),
        ("recipe", _TEXT),
        ("engine", _TEXT),
        ("version", _TEXT),
        ("settings", _TEXT),
        ("processor", _TEXT),
        ("over", _TEXT),
        ("mode", _TEXT),
        ("tensor", _TEXT),
        ("operation", _TEXT),
        ("lsb", pa.int32()),
        ("metric", _TEXT),
        ("value", pa.float64()),
    ]
)
"""Columns of parity.parquet: what engines compute against the simulated path; `tensor` as in plans.parquet, `operation`
of flips only, `lsb` and `mode` of differences of codes only."""

MULTIVERSE = pa.schema(
    [
        ("lr", pa.float64()),
        ("frequency", pa.float64()),
        ("hidden", _TEXT),
        ("placement", _TEXT),
        ("observer", _TEXT),
        ("scheme", _TEXT),
        ("activation", _TEXT),
        *_MEASURED,
    ]
)
"""Columns of multiverse.parquet: the settings of training and quantization; `hidden` is neurons per layer, `8,8,8`."""

SWEPT = pa.schema(
    [
        *((name, _TEXT) for name in ("cell", "activation", "target", "task", "hidden")),
        *(("frequency", pa.float64()), ("lr", pa.float64())),
        *((name, pa.int32()) for name in ("steps", "batch", "grid")),
        *((name, _TEXT) for name in ("placement", "observer", "weight_observer", "scales")),
        ("input_bits", pa.int16()),
        *(("scheme", _TEXT), ("recipe", _TEXT)),
        *_MEASURED,
    ]
)
"""Columns of a sweep's tables: the last part of the cell's name, its settings, `lr` as it was trained with, then what
was measured; `scheme` is `float` where nothing is quantized, `recipe` is `plain` where nothing is repaired."""

CLAIM = pa.schema(
    [
        ("activation", _TEXT),
        ("seed", pa.int32()),
        ("case", _TEXT),
        ("x", pa.float64()),
        ("metric", _TEXT),
        ("value", pa.float64()),
    ]
)
"""Columns of a claim's table: `case` is the setting, `x` a position on an axis (step, distance, width) or null."""

RANGES = pa.schema(
    [
        *(("activation", _TEXT), ("seed", pa.int32()), ("observer", _TEXT), ("format", _TEXT), ("tensor", _TEXT)),
        *(("scale", pa.float64()), ("zero_point", pa.int32())),
    ]
)
"""Columns of ranges.parquet: which static quantizer an observer chooses for a tensor of plans.parquet."""

VARIATION_TABLES = {"sensitivity": SENSITIVITY, "placement": PLACEMENT, "cliff": CLIFF, "cause": CAUSE}
"""Tables of the analyses beyond the schemes, each in a file of its own."""


def rows(schema: pa.Schema, number: int, /, **columns: Any) -> pa.Table:
    """Return a table of `number` rows; a column given as a single value is repeated, one not given is null.

    >>> rows(HISTOGRAMS, 2, activation="relu", layer=0, count=[3, 4]).to_pydict()["count"]
    [3, 4]
    """
    arrays = []
    for column in schema:
        value = columns.pop(column.name, None)
        if value is None:
            arrays.append(pa.nulls(number, column.type))
        elif isinstance(value, pa.Array):
            arrays.append(value)
        elif isinstance(value, np.ndarray | list | tuple):
            arrays.append(_array(value, column.type))
        else:
            arrays.append(_repeated(value, number, column.type))
    if columns:
        raise ValueError(f"columns: {sorted(columns)} are not in {schema.names}")
    return pa.Table.from_arrays(arrays, schema=schema)


def metric_rows(
    values: Mapping[str, NDArray[np.floating[Any]]],
    *,
    activation: str,
    seeds: Sequence[int],
    scheme: str,
    backend: str,
    layer: int | None = None,
) -> pa.Table:
    """Return the rows of several metrics of one (activation, scheme, backend).

    Args:
        values: per metric [seeds] or, for the scope `neuron`, [seeds, neurons].
        activation: canonical name.
        seeds: the models' seeds.
        scheme: as it prints, or `float`.
        backend: `float`, `simulated` or `torchao`.
        layer: K of the producing Linear; None for the scope `network`.
    """
    names = list(values)
    cube = np.stack([np.asarray(values[name], dtype=np.float64) for name in names])
    metric, seed, *neuron = np.unravel_index(np.arange(cube.size), cube.shape)
    scope = "neuron" if neuron else "network" if layer is None else "layer"
    return rows(
        METRICS,
        cube.size,
        activation=activation,
        seed=np.asarray(seeds, dtype=np.int32)[seed],
        scheme=scheme,
        backend=backend,
        scope=scope,
        layer=layer,
        neuron=neuron[0] if neuron else None,
        metric=pa.DictionaryArray.from_arrays(metric.astype(np.int32), names),
        value=cube.ravel(),
    )


def variant_rows(
    schema: pa.Schema,
    activation: str,
    seeds: Sequence[int],
    variants: Sequence[tuple[Mapping[str, Any], Mapping[str, NDArray[np.floating[Any]]]]],
) -> pa.Table:
    """Return the rows of many variants of one stack.

    Args:
        schema: the table's; besides `activation`, `seed`, `metric` and `value` its columns are those of the variants.
        activation: canonical name.
        seeds: the models' seeds.
        variants: per variant its identity (column → value) and its measures (metric → [seeds]).

    >>> table = variant_rows(CLIFF, "relu", [0, 1], [({"bits": 4}, {"flip_rate": np.array([0.1, 0.2])})])
    >>> table.select(["bits", "seed", "metric", "value"]).to_pylist()[1]
    {'bits': 4, 'seed': 1, 'metric': 'flip_rate', 'value': 0.2}
    """
    sizes = [len(measures) * len(seeds) for _, measures in variants]
    names = [name for _, measures in variants for name in measures for _ in seeds]
    columns = {
        key: [value for (what, _), size in zip(variants, sizes, strict=True) for value in [what.get(key)] * size]
        for key in schema.names
        if key not in ("activation", "seed", "metric", "value")
    }
    measured = [np.asarray(value, dtype=np.float64) for _, measures in variants for value in measures.values()]
    return rows(
        schema,
        len(names),
        activation=activation,
        seed=np.tile(np.asarray(seeds, dtype=np.int32), len(measured)),
        metric=names,
        value=np.concatenate(measured) if measured else np.zeros(0),
        **columns,
    )


def to_parquet(tables: Iterable[pa.Table], schema: pa.Schema) -> bytes:
    """Return a parquet file with one row group per table; the same tables give the same bytes."""
    buffer = io.BytesIO()
    with parquet_file(buffer, schema) as append:
        for table in tables:
            append(table)
    return buffer.getvalue()


@contextmanager
def parquet_file(file: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Write a parquet file table by table: yield a function that appends a table as one row group."""
    with pq.ParquetWriter(file, schema, compression="zstd", compression_level=3) as writer:
        yield lambda table: writer.write_table(table, row_group_size=max(1, table.num_rows))


@lru_cache(maxsize=256)  # the same few columns occur in hundreds of tables
def _repeated(value: Any, number: int, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return pa.repeat(pa.scalar(value, kind), number)
    return pa.DictionaryArray.from_arrays(
        np.zeros(number, np.int32), pa.array([value] if number else [], kind.value_type)
    )


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        # NaN has many bit patterns and 0 has two: which one a minimum returns, say, depends on the processor.
        values = np.where(np.isnan(values), np.nan, values) + 0.0
    return pa.array(values, kind)
