import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quantstudy.records.schemas import HISTOGRAMS, METRICS, PLANS, metric_rows, rows, to_parquet

TEXT = {"activation", "scheme", "backend", "scope", "metric", "tensor", "format"}


def slow_rows(values, activation, seeds, scheme, backend, layer):
    """The same rows by loops over metrics, seeds and neurons."""
    out = []
    for metric, array in values.items():
        for index, seed in enumerate(seeds):
            entries = enumerate(array[index]) if np.ndim(array[index]) else [(None, array[index])]
            for neuron, value in entries:
                scope = "neuron" if neuron is not None else "layer" if layer is not None else "network"
                out.append(
                    {
                        "activation": activation,
                        "seed": seed,
                        "scheme": scheme,
                        "backend": backend,
                        "scope": scope,
                        "layer": layer,
                        "neuron": neuron,
                        "metric": metric,
                        "value": float(value),
                    }
                )
    return out


@pytest.mark.parametrize(
    ("shape", "layer"), [((3,), None), ((3,), 2), ((3, 4), 0), ((3, 1), 1), ((1,), None), ((1, 1), 0)]
)
@pytest.mark.parametrize("names", [["flip_rate"], ["b", "a", "c"]])
def test_metric_rows_are_those_of_the_obvious_loops(shape, layer, names):
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=shape) for name in names}
    seeds = range(16, 16 + shape[0])
    named = {"activation": "relu@3", "scheme": "w4", "backend": "simulated", "layer": layer}
    table = metric_rows(values, seeds=seeds, **named)
    assert table.schema == METRICS
    assert table.to_pylist() == slow_rows(values, seeds=seeds, **named)


def test_every_text_column_is_a_dictionary():
    for schema in (METRICS, HISTOGRAMS, PLANS):
        for column in schema:
            assert pa.types.is_dictionary(column.type) is (column.name in TEXT)


def test_nan_and_infinity_are_values_and_not_nulls():
    table = metric_rows(
        {"sqnr_db": np.array([np.nan, np.inf])}, activation="relu", seeds=[0, 1], scheme="w4", backend="simulated"
    )
    value = table["value"].to_numpy()
    assert table["value"].null_count == 0
    assert np.isnan(value[0])
    assert value[1] == np.inf
    assert table["layer"].null_count == table["neuron"].null_count == 2


def test_float32_values_become_float64():
    table = metric_rows(
        {"x": np.array([0.1], np.float32)}, activation="relu", seeds=(0,), scheme="w4", backend="simulated"
    )
    assert table["value"].to_pylist() == [float(np.float32(0.1))]


def test_rows_repeat_single_values_and_leave_the_rest_null():
    table = rows(PLANS, 2, activation="relu", seed=np.array([3, 4]), bits=4, scale=[0.5, None], weights_equal=True)
    assert table.schema == PLANS
    empty = dict.fromkeys(PLANS.names)
    assert table.to_pylist() == [
        empty | {"activation": "relu", "seed": 3, "bits": 4, "scale": 0.5, "weights_equal": True},
        empty | {"activation": "relu", "seed": 4, "bits": 4, "weights_equal": True},
    ]
    assert rows(PLANS, 0, activation="relu").num_rows == 0
    texts = rows(HISTOGRAMS, 3, activation=["a", "b", "a"], bin_left=pa.array([1.0, 2.0, 3.0]))
    assert texts["activation"].to_pylist() == ["a", "b", "a"]
    assert texts["bin_left"].to_pylist() == [1.0, 2.0, 3.0]


def test_an_unknown_column_is_refused():
    with pytest.raises(ValueError, match=r"columns: \['colour'\] are not in \['activation', 'layer'"):
        rows(HISTOGRAMS, 1, activation="relu", colour="red")


def test_columns_of_the_wrong_length_are_refused():
    with pytest.raises(ValueError, match="expected length"):
        rows(HISTOGRAMS, 2, activation="relu", count=[1, 2, 3]).validate()


def tables() -> list[pa.Table]:
    return [
        metric_rows({"a": np.arange(n, dtype=float)}, activation=name, seeds=range(n), scheme="w4", backend="simulated")
        for name, n in (("relu", 3), ("silu", 5))
    ]


def test_parquet_has_one_row_group_per_table_and_deterministic_bytes():
    data = to_parquet(tables(), METRICS)
    file = pq.ParquetFile(io.BytesIO(data))
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [3, 5]
    assert file.schema_arrow == METRICS
    assert file.read().to_pylist() == [row for table in tables() for row in table.to_pylist()]
    assert to_parquet(iter(tables()), METRICS) == data
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_parquet_of_nothing_is_a_file_without_rows():
    assert pq.read_table(io.BytesIO(to_parquet([], METRICS))).num_rows == 0
    empty = rows(METRICS, 0)
    assert pq.read_table(io.BytesIO(to_parquet([empty], METRICS))).schema == METRICS
