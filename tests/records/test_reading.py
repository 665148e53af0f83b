"""Reading the metrics of a run: what is judged and drawn, a row group at a time, once."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from quantstudy.config.metrics import RANKED
from quantstudy.config.study import StudyConfig
from quantstudy.records.run import SUMMARIES, Run, reading_once
from quantstudy.records.schemas import METRICS, RECOVER, rows, to_parquet
from quantstudy.records.store import write_json
from quantstudy.show.figures.ranges import draw as ranges
from quantstudy.words.figures import fold_noise

STUDY = StudyConfig(name="tiny", seeds=2)
ROWS = [
    ("relu", 0, "w4", "network", None, None, "flip_rate", 0.1),
    ("relu", 0, "w4", "layer", 0, None, "sqnr_db_isolated", math.inf),
    ("relu", 0, "w4", "neuron", 0, 3, "sqnr_db_isolated", math.nan),
    ("relu", 1, "float", "network", None, None, "accuracy_float", 0.9),
    ("gelu", 1, "w4", "layer", 1, None, "sqnr_db_isolated", math.nan),
    ("gelu", 1, "w4", "network", None, None, "island_iou", math.nan),
    ("gelu", 1, "a4", "network", None, None, "flip_rate", 0.2),
]


def measured(folder: Path, groups: list[list[tuple[Any, ...]]]) -> Run:
    """A run with nothing but metrics.parquet, of some row groups."""
    names = ("activation", "seed", "scheme", "scope", "layer", "neuron", "metric", "value")
    tables = []
    for group in groups:
        columns: dict[str, Any] = {name: [row[at] for row in group] for at, name in enumerate(names)}
        tables.append(rows(METRICS, len(group), backend="simulated", **columns))
    (folder / "metrics.parquet").write_bytes(to_parquet(tables, METRICS))
    return Run(folder, STUDY)


def slow_summaries(table: pd.DataFrame) -> pd.DataFrame:
    kept = table[(table["scope"] != "neuron") & table["metric"].isin(SUMMARIES)]
    return kept.drop(columns="neuron").reset_index(drop=True)


def slow_undefined(table: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    values: dict[tuple[str, str], list[float]] = {}
    for row in table[table["scope"] != "neuron"].itertuples():
        values.setdefault((row.metric, row.scheme), []).append(row.value)
    return {key: (sum(map(math.isnan, found)), len(found)) for key, found in values.items()}


GROUPS = [[ROWS], [ROWS[:1], ROWS[1:]], [ROWS[:3], [], ROWS[3:]], [[row] for row in ROWS], [ROWS[3:], ROWS[:3]]]


@pytest.mark.parametrize("groups", GROUPS)
def test_summaries_and_undefined_values(tmp_path: Path, groups: Any) -> None:
    run = measured(tmp_path, groups)
    whole = run.metrics()
    assert len(whole) == len(ROWS)
    found = run.summaries()
    assert 0 < len(found) < len(whole)
    pd.testing.assert_frame_equal(found, slow_summaries(whole), check_categorical=False)
    counts = run.undefined()
    expected = slow_undefined(whole)
    rows_of = zip(counts["metric"], counts["scheme"], counts["undefined"], counts["count"], strict=True)
    assert {(metric, scheme): (nan, count) for metric, scheme, nan, count in rows_of} == expected
    assert any(0 < nan < count for nan, count in expected.values())


def test_no_rows(tmp_path: Path) -> None:
    run = measured(tmp_path, [[]])
    assert len(run.metrics()) == len(run.summaries()) == len(run.undefined()) == 0


def test_metrics_are_read_a_row_group_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(tmp_path, [[row] for row in ROWS])
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("all of it was read"))
    assert len(run.summaries()) == 5
    assert run.undefined()["count"].sum() == 6


def test_all_that_is_judged_and_drawn_is_among_the_summaries() -> None:
    needed = {*ranges.MEASURES}
    for by in RANKED.values():
        needed |= {by.quantized, by.even, by.odd, by.float, by.drop, by.trivial, by.disturbed}
    needed |= {f"sqnr_db_{view}" for view in fold_noise.VIEWS}
    needed |= {f"{stem}_{end}" for stem in ("accuracy", "psnr") for end in ("float", "quantized", "drop")}
    assert needed == set(SUMMARIES)


def test_repaired_networks_are_read_where_there_are_any(tmp_path: Path) -> None:
    run = Run(tmp_path, STUDY)
    assert run.recovered() is None
    one: dict[str, Any] = {"activation": "relu", "scheme": "w4a4", "recipe": "qat+polish", "metric": "steps"}
    table = rows(RECOVER, 2, seed=[0, 1], value=[3000.0, math.nan], **one)
    (tmp_path / "recover.parquet").write_bytes(to_parquet([table], RECOVER))
    read = run.recovered()
    assert read is not None
    assert list(read) == ["activation", "scheme", "recipe", "seed", "metric", "value"]
    assert read[[*one]].astype(str).to_dict("records") == [one] * 2
    assert read["value"].isna().tolist() == [False, True]


def test_reading_once(tmp_path: Path) -> None:
    run = reading_once(measured(tmp_path, [ROWS]))
    first, part = run.metrics(), run.summaries()
    (tmp_path / "metrics.parquet").unlink()
    assert run.metrics() is first
    assert run.summaries() is part
    assert (run.folder, run.config) == (tmp_path, STUDY)
    for value in ({"schemes": {"w4": {}}}, {"schemes": {"w8": {}}}):  # what is written meanwhile is read anew
        write_json(tmp_path / "verdict.json", value)
        assert run.verdict() == value
    assert run.cost() is None
