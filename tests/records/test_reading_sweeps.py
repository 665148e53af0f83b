"""What docs/sweeps.md says about reading a sweep works as it stands, before a sweep is compacted and after."""

import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from quantstudy.records.compacting import compact
from quantstudy.records.objects import objects_at
from tests.records.made_up import cell_rows, put_made_up

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sweeps.md"

CELLS = [(activation, number) for activation in ("relu", "mine:wave") for number in range(4)]


@pytest.mark.parametrize("compacted", [False, True])
def test_the_examples_give_what_a_loop_gives(tmp_path: Path, compacted: bool) -> None:
    for package in ("polars", "duckdb"):
        pytest.importorskip(package)
    objects = objects_at(str(tmp_path))
    for cell in CELLS:
        put_made_up(objects, *cell)
    if compacted:
        compact(objects)
    places: dict[str, Any] = {"STORE": str(tmp_path)}
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.S)
    assert len(blocks) == 3
    for block in blocks:
        exec(block if compacted else block.replace("compact/*.parquet", "cells/**/*.parquet"), places)

    rows = [row for cell in CELLS for row in cell_rows(*cell).to_pylist()]
    drops = [row for row in rows if row["metric"] == "heldout_accuracy_drop" and row["scheme"] == "w4a4"]
    settings = ("activation", "target", "hidden", "frequency")
    expected = {}
    for key in {tuple(row[name] for name in settings) for row in drops}:
        values = [row["value"] for row in drops if tuple(row[name] for name in settings) == key]
        expected[key] = (pytest.approx(fmean(values)), len(values))
    means = places["means"].to_dicts()
    assert {tuple(row[name] for name in settings): (row["value"], row["seeds"]) for row in means} == expected
    assert [row["value"] for row in means] == sorted(row["value"] for row in means)

    pairs: dict[tuple[Any, ...], list[float]] = {}
    for one in drops:
        for relu in drops:
            same = all(one[name] == relu[name] for name in ("target", "hidden", "frequency", "seed"))
            if same and one["activation"] == "mine:wave" and relu["activation"] == "relu":
                pairs.setdefault((one["hidden"], one["frequency"]), []).append(one["value"] - relu["value"])
    found = places["differences"].to_dict("records")
    assert {row["activation"] for row in found} == {"mine:wave"}
    told = {(row["hidden"], row["frequency"]): (row["points"], row["seeds"]) for row in found}
    assert told == {key: (pytest.approx(fmean(values)), len(values)) for key, values in pairs.items()}

    assert places["table"].num_rows == len(drops)
    assert places["table"].column_names == places["columns"]
    assert sorted(places["table"]["value"].to_pylist()) == sorted(row["value"] for row in drops)
