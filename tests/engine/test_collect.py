"""What the cells left is joined cell by cell: the same rows, in the same order, never all of them in memory."""

import errno
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save

from quantstudy.config.study import StudyConfig
from quantstudy.engine import collect as room
from quantstudy.engine.cells import SEEDS_PER_CELL, Cell, cell, cells
from quantstudy.engine.collect import best_at_focus, common_seed, focus_accuracies, gather, gather_maps
from quantstudy.errors import StudyFailure
from quantstudy.records.cells import load_cell, store_cell
from quantstudy.records.files import file_sha256
from quantstudy.records.run import Run
from quantstudy.records.schemas import (
    HISTOGRAMS,
    METRICS,
    PLANS,
    RANGES,
    VARIATION_TABLES,
    metric_rows,
    rows,
    to_parquet,
    variant_rows,
)
from quantstudy.records.store import npz, start_run

STUDY = StudyConfig(activations=("relu", "gelu"), seeds=6, grid=9, hidden=(3,), bits=(4,), quick=True)


def measured(unit: Cell, rate: dict[int, float]) -> dict[str, bytes]:
    seeds = list(unit.seeds)
    values = np.array([rate[seed] for seed in seeds])
    others = 1.0 - values
    metrics = [
        metric_rows(
            {
                "flip_rate": flips,
                "heldout_accuracy_quantized": values,
                "heldout_accuracy_quantized_even": others,
                "heldout_accuracy_drop": 1.0 - values,
                "accuracy_quantized": others,
            },
            activation=unit.activation,
            seeds=seeds,
            scheme=scheme,
            backend=backend,
        )
        for scheme, backend, flips in (
            ("w4a4", "torchao", others),
            ("w8a8", "simulated", others),
            ("w4a4", "simulated", values),
        )
    ]
    plans = rows(PLANS, len(seeds), activation=unit.activation, seed=seeds, scheme="w4", bits=4, scale=values)
    bins = np.arange(3) + len(seeds)
    histogram = rows(
        HISTOGRAMS, 3, activation=unit.activation, layer=0, bin_left=bins / 16, bin_right=(bins + 1) / 16, count=bins
    )
    return {
        "metrics.parquet": to_parquet([pa.concat_tables(metrics).unify_dictionaries().combine_chunks()], METRICS),
        "plans.parquet": to_parquet([plans], PLANS),
        "histograms.parquet": to_parquet([histogram], HISTOGRAMS),
    }


RATES = {
    "relu": dict(enumerate((0.5, 0.1, 0.3, 0.2, 0.4, 0.6))),
    "gelu": dict(enumerate((0.2, 0.2, 0.1, 0.1, 0.1, 0.9))),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose cells, of four and of two seeds, are done and not yet joined."""
    monkeypatch.setitem(SEEDS_PER_CELL, "measure", 4)
    begun = start_run(tmp_path, STUDY, {"seconds": {}})
    (tmp_path / "weights").mkdir()
    for unit in cells("train", STUDY):
        weight = np.float32([[seed, len(unit.activation)] for seed in unit.seeds])
        store_cell(tmp_path, unit.key, {"weights.safetensors": save({"layers.0.weight": weight})})
    for unit in cells("measure", STUDY):
        store_cell(tmp_path, unit.key, measured(unit, RATES[unit.activation]))
    return begun


def parts(run: Run, name: str) -> list[pa.Table]:
    files = [load_cell(run.folder, unit.key) for unit in cells("measure", run.config)]
    return [pq.read_table(io.BytesIO(file[name])) for file in files if file]


def test_the_rows_of_all_cells_in_their_order(run: Run) -> None:
    digests = gather(run)
    for name in ("metrics.parquet", "plans.parquet"):
        expected = [row for part in parts(run, name) for row in part.to_pylist()]
        assert pq.read_table(run.folder / name).to_pylist() == expected
        assert pq.ParquetFile(run.folder / name).num_row_groups == 4  # one for each cell
    assert len(expected) == 12
    assert {name: file_sha256(run.folder / name) for name in digests} == digests
    assert set(digests) == {
        *("metrics.parquet", "plans.parquet", "histograms.parquet", "masks.npz"),
        *(f"weights/{name}.safetensors" for name in STUDY.activations),
    }
    for name in STUDY.activations:
        stacked = load_file(run.folder / "weights" / f"{name}.safetensors")["layers.0.weight"]
        assert stacked.tolist() == [[seed, len(name)] for seed in range(6)]


def test_histograms_are_summed(run: Run) -> None:
    gather(run)
    expected: dict[Any, int] = {}
    for part in parts(run, "histograms.parquet"):
        for row in part.to_pylist():
            key = tuple(row[name] for name in ("activation", "layer", "bin_left", "bin_right"))
            expected[key] = expected.get(key, 0) + row["count"]
    found = pq.read_table(run.folder / "histograms.parquet").to_pylist()
    assert {tuple(row.values())[:4]: row["count"] for row in found} == expected
    assert len(found) == len(expected) == 10  # cells of 4 and of 2 seeds, whose bins overlap in one
    places = [(STUDY.activations.index(row["activation"]), row["layer"], row["bin_left"]) for row in found]
    assert places == sorted(places)  # not as the cells had them, whose sizes are no part of a record


def test_what_was_varied_is_joined_too_where_a_cell_has_it(run: Run, tmp_path: Path) -> None:
    names = ("gelu", "hardgelu")
    full = Run(run.folder, STUDY.with_options(quick=False, activations=names, seeds=5))
    for stage in ("train", "measure"):
        for unit in cells(stage, full.config):
            weights = {"weights.safetensors": save({"layers.0.weight": np.zeros((len(unit.seeds), 1), np.float32)})}
            store_cell(run.folder, unit.key, weights if stage == "train" else measured(unit, RATES["gelu"]))
    expected: dict[str, list[Any]] = {name: [] for name in VARIATION_TABLES}
    ranges: list[Any] = []
    for unit in cells("vary", full.config):
        own = VARIATION_TABLES if unit.activation in names else {"cause": VARIATION_TABLES["cause"]}
        files = {}
        for place, (name, schema) in enumerate(own.items()):
            variants = [({"scheme": f"w{place}"}, {"flip_rate": np.arange(len(unit.seeds)) + place})]
            table = variant_rows(schema, unit.activation, list(unit.seeds), variants)
            expected[name] += table.to_pylist()
            files[f"{name}.parquet"] = to_parquet([table], schema)
        if unit.activation in names:
            own_ranges = rows(RANGES, 1, activation=unit.activation, seed=unit.seeds[0], scale=0.5)
            ranges += own_ranges.to_pylist()
            files["ranges.parquet"] = to_parquet([own_ranges], RANGES)
        store_cell(run.folder, unit.key, files)
    digests = gather(full)
    assert pq.read_table(run.folder / "ranges.parquet").to_pylist() == ranges
    assert len(ranges) == 2
    assert digests["ranges.parquet"] == file_sha256(run.folder / "ranges.parquet")
    for name, rows_of_it in expected.items():
        assert pq.read_table(run.folder / f"{name}.parquet").to_pylist() == rows_of_it
        assert len(rows_of_it) == 5 * (4 if name == "cause" else 2)  # gelu@3 and the uncapped one beside the two
        assert digests[f"{name}.parquet"] == file_sha256(run.folder / f"{name}.parquet")


def test_one_cell_at_a_time_is_held(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[int] = []
    real = room.parquet_file

    def watched(file: Any, schema: pa.Schema) -> Any:
        alive.append(pa.total_allocated_bytes())
        return real(file, schema)

    files = room.cell_files

    def watched_files(one: Run, unit: Cell) -> dict[str, bytes]:
        alive.append(pa.total_allocated_bytes())
        return files(one, unit)

    monkeypatch.setattr(room, "parquet_file", watched)
    monkeypatch.setattr(room, "cell_files", watched_files)
    gather(run)
    biggest = max(table.nbytes for table in parts(run, "metrics.parquet"))
    assert max(alive) - alive[0] < 4 * biggest + 100_000


def test_the_seed_with_the_lower_median_of_the_mean_rates(run: Run) -> None:
    assert common_seed(run) == 2  # means .35 .15 .2 .15 .25 .75: neither relu's own median (0.3) by chance nor gelu's


NAN = float("nan")


@pytest.mark.parametrize(
    ("relu", "gelu", "seed"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.1, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 3),  # of an even number the lower
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 2),  # of equal ones in their order
        ([0.1, NAN, 0.3, 0.4, 0.5, 0.6], [0.1, 0.2, NAN, 0.4, 0.5, np.inf], 3),  # 0, 3, 4 are whole
        ([NAN, 0.9, NAN, NAN, NAN, NAN], [0.1, 0.9, 0.2, 0.2, 0.2, 0.2], 1),  # a whole one, however far out
        ([NAN, 0.5, NAN, 0.1, 0.3, NAN], [NAN] * 6, 4),  # none is whole: those with the most
        ([NAN, NAN, NAN, NAN, NAN, NAN], [NAN] * 6, 0),
    ],
)
def test_seeds_without_a_rate_are_left_out_of_the_choice(
    run: Run, relu: list[float], gelu: list[float], seed: int
) -> None:
    rates = {"relu": relu, "gelu": gelu}
    for unit in cells("measure", STUDY):
        store_cell(run.folder, unit.key, measured(unit, dict(enumerate(rates[unit.activation]))))
    assert common_seed(run) == seed


def test_accuracies_of_activations_that_have_any(run: Run) -> None:
    rates = {"relu": [np.nan, 0.5, np.nan, 0.1, 0.3, np.nan], "gelu": [np.nan] * 6}
    for unit in cells("measure", STUDY):
        store_cell(run.folder, unit.key, measured(unit, dict(enumerate(rates[unit.activation]))))
    found, drop = focus_accuracies(run)
    np.testing.assert_array_equal(found, [rates["relu"]])  # gelu has nothing that could be compared
    np.testing.assert_array_equal(drop, 1.0 - found)


def test_the_best_is_chosen_by_the_half_that_chooses(run: Run) -> None:
    assert best_at_focus(run) == "gelu"  # by all held-out points it is relu


def test_a_disk_that_is_full_half_way_leaves_the_old_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.folder / "metrics.parquet").write_bytes(b"old")
    table, calls = room.read_table, []

    def full(data: bytes, *columns: Any) -> pa.Table:
        calls.append(data)
        if len(calls) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return table(data, *columns)

    monkeypatch.setattr(room, "read_table", full)
    with pytest.raises(OSError, match="No space"):
        gather(run)
    assert (run.folder / "metrics.parquet").read_bytes() == b"old"
    assert not list(run.folder.glob(".*.part"))
    assert not (run.folder / "plans.parquet").exists()


def test_a_cell_that_is_gone_is_named(run: Run) -> None:
    *_, last = cells("measure", STUDY)
    (run.folder / "cells" / last.key / "plans.parquet").unlink()
    with pytest.raises(StudyFailure, match=f"{last.key} is gone or damaged; run again to make it"):
        gather(run)


def test_the_maps_of_the_seed_that_is_shown(run: Run) -> None:
    shown = [cell("picture", STUDY, name, 4, 5) for name in STUDY.activations]
    for unit in shown:
        arrays = {f"{unit.activation}/seed": np.array(unit.first)}
        store_cell(run.folder, unit.key, {"maps.npz": npz(arrays)})
    digests = gather_maps(run, shown)
    assert {name: int(array) for name, array in run.maps().items()} == {"relu/seed": 4, "gelu/seed": 4}
    assert digests == {"maps.npz": file_sha256(run.folder / "maps.npz")}


def test_histograms_without_a_row_are_pooled_to_none() -> None:
    """A study of networks none of which has a finite value has no histograms."""
    found = room._pooled([HISTOGRAMS.empty_table(), HISTOGRAMS.empty_table()])
    assert found.schema.equals(HISTOGRAMS)
    assert found.num_rows == 0
