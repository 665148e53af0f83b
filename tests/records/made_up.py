"""Made-up cells of a sweep."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from quantstudy.records.objects import Objects
from quantstudy.records.schemas import SWEPT, to_parquet, variant_rows
from quantstudy.records.swept import put_cell

METRICS = ("heldout_accuracy_quantized", "heldout_accuracy_drop", "flip_rate", "accuracy_drop")

SCHEMES = ("w4a4", "w4a8dyn", "w8a8")


def cell_name(activation: str, number: int, target: str = "islands") -> str:
    return f"activation={quote(activation, safe='')}/target={quote(target, safe='')}/{number * 7919 % 2**32:016x}"


def cell_rows(
    activation: str,
    number: int,
    *,
    target: str = "islands",
    schemes: Sequence[str] = SCHEMES,
    metrics: Sequence[str] = METRICS,
    seeds: int = 2,
) -> pa.Table:
    """The table of a cell, with the columns and the order that `measure.swept` gives."""
    draws = np.random.default_rng([number, len(activation)])
    settings = {
        **{"cell": cell_name(activation, number).rpartition("/")[2], "target": target, "task": "classification"},
        **{"hidden": "8,8" if number % 2 else "16,16,16", "frequency": float(number % 5 + 1), "lr": 0.03},
        **{"steps": 3000, "batch": 1024, "grid": 128, "placement": "post", "observer": "minmax"},
        **{"weight_observer": "minmax", "scales": "channel", "input_bits": None},
    }
    variants = [({"scheme": "float"}, ["heldout_accuracy_float", "hidden_max_log2"])]
    variants += [({"scheme": scheme}, [*metrics]) for scheme in schemes]
    measured = [
        ({**settings, "recipe": "plain", **what}, {name: draws.random(seeds) for name in names})
        for what, names in variants
    ]
    return variant_rows(SWEPT, activation, range(seeds), measured)


def put_made_up(objects: Objects, activation: str, number: int, target: str = "islands") -> str:
    """Put a cell into a store; return its name."""
    name = cell_name(activation, number, target)
    about = {"seconds": 1.5 + number, "compiling": 0.5, "device": "cpu", "worker": "one"}
    table = to_parquet([cell_rows(activation, number, target=target)], SWEPT)
    put_cell(objects, name, table, f"networks of {name}".encode(), about)
    return name


def rows_of(tables: Sequence[pa.Table]) -> list[tuple[object, ...]]:
    """All rows of tables, sorted: an oracle that knows no dictionaries and no row groups."""
    return sorted((tuple(row.values()) for table in tables for row in table.to_pylist()), key=repr)


def numbered(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    return ((name, number) for number, name in enumerate(names))
