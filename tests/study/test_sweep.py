"""`quantstudy sweep`: what a cell holds, how a sweep is stopped and taken up again, what it says and refuses."""

import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import safetensors.numpy

from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import sweep_of
from quantstudy.engine import drive as running
from quantstudy.engine.cells import CellStatus
from quantstudy.engine.executors import workers
from quantstudy.engine.pipeline import run_study
from quantstudy.engine.sweep import planned, run_sweep
from quantstudy.engine.sweep_work import made as cell_made
from quantstudy.engine.swept import TUNED_ON, SweptCell, sweep_cells
from quantstudy.engine.trained import trained_arrays
from quantstudy.engine.tuned import tuned
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.measure.evaluation import measured
from quantstudy.networks.stack import from_arrays
from quantstudy.records.objects import objects_at

STUDY = StudyConfig(
    name="tiny", activations=("relu", "hardgelu"), seeds=3, steps=20, batch=32, grid=9, hidden=(4, 3), quick=True
)
SWEEP = sweep_of(STUDY, {"hidden": [[4, 3], [5]], "frequency": [3.0, 2.0]})
TEXT = """
name = "tiny"
activations = ["relu", "hardgelu"]
seeds = 3
steps = 20
batch = 32
grid = 9
hidden = [4, 3]
[sweep]
hidden = [[4, 3], [5]]
frequency = [3, 2]
"""
Contents = Callable[[Path], dict[str, bytes]]


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "tiny"
    found = run_sweep(SWEEP, objects_at(str(folder)))
    assert (found.there, found.made) == (0, 8)
    return folder


def cells_in(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in (folder / "cells").rglob("*.*")}
    return {name: data for name, data in found.items() if not name.endswith(".json")}  # a marker tells what it took


def table(data: bytes) -> pd.DataFrame:
    return pq.ParquetFile(io.BytesIO(data)).read().to_pandas()


def own(folder: Path, activation: str, hidden: tuple[int, ...] = (4, 3)) -> tuple[pd.DataFrame, bytes]:
    (cell,) = (
        cell
        for cell in sweep_cells(SWEEP)
        if (cell.activation, cell.config.hidden, cell.config.frequency) == (activation, hidden, 3.0)
    )
    path = folder / "cells" / cell.name
    return table(path.with_name(path.name + ".parquet").read_bytes()), path.with_name(
        path.name + ".safetensors"
    ).read_bytes()


def test_a_cell_measures_what_a_run_of_its_settings_does(swept: Path, tmp_path: Path, undrawn: None) -> None:
    run = run_study(STUDY, tmp_path / "run")
    metrics = run.metrics()
    metrics = metrics[(metrics["scope"] == "network") & metrics["backend"].isin(("simulated", "float"))]
    for activation in STUDY.activations:
        frame, weights = own(swept, activation)
        assert set(frame["scheme"]) == {"float", *map(str, STUDY.all_schemes)}
        joined = frame.merge(metrics, on=["activation", "seed", "scheme", "metric"], suffixes=("", "_run"))
        quantized = joined[joined["scheme"] != "float"]
        assert len(quantized) == len(frame[frame["scheme"] != "float"])  # every row has its like
        assert set(joined[joined["scheme"] == "float"]["metric"]) >= {"heldout_accuracy_float", "accuracy_float"}
        np.testing.assert_array_equal(joined["value"], joined["value_run"])
        theirs = safetensors.numpy.load_file(run.folder / "weights" / f"{activation}.safetensors")
        ours = safetensors.numpy.load(weights)
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_its_settings_are_columns(swept: Path) -> None:
    frame, _ = own(swept, "relu", (5,))
    told = frame.drop(columns=["scheme", "seed", "metric", "value"]).drop_duplicates()
    assert len(told) == 1
    (row,) = told.to_dict("records")
    assert row.pop("cell") in {cell.key for cell in sweep_cells(SWEEP)}
    assert row == {
        **{"activation": "relu", "target": "islands", "task": "classes", "hidden": "5", "frequency": 3.0, "lr": 0.1},
        **{"steps": 20, "batch": 32, "grid": 9, "placement": "post", "observer": "minmax"},
        **{"weight_observer": "symmetric", "scales": "any", "input_bits": 0, "recipe": "plain"},
    }


def test_the_largest_outputs(swept: Path) -> None:
    """Against numpy on the maps of the networks that were kept: mean over layers of log₂ of the largest output."""
    frame, weights = own(swept, "hardgelu")
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.engine.learnt import data_of

    stack = from_arrays(parse_activation("hardgelu"), safetensors.numpy.load(weights))
    on = measured(stack, range(3), data_of(STUDY, range(3)))
    expected = np.mean([np.log2(layer.numpy().max(axis=(1, 2)).astype(float)) for layer in on.maps.outputs], axis=0)
    told = frame[frame["metric"] == "hidden_max_log2"].sort_values("seed")
    np.testing.assert_allclose(told["value"], expected, rtol=1e-12)


def test_more_seeds_than_are_trained_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty seeds give the rows and weights of the first sixteen and of the other four."""
    many = STUDY.with_options(seeds=20)
    cell = next(sweep_cells(sweep_of(many, {})))
    data, weights, *_ = cell_made(cell, 1)
    frame = table(data)
    assert sorted(set(frame["seed"])) == list(range(20))
    assert not frame.duplicated(["seed", "scheme", "recipe", "metric"]).any()
    few = table(cell_made(next(sweep_cells(sweep_of(many.with_options(seeds=16), {}))), 1)[0])
    first = frame[frame["seed"] < 16].drop(columns="cell").reset_index(drop=True)
    pd.testing.assert_frame_equal(first, few.drop(columns="cell"), check_categorical=False)
    arrays = trained_arrays(many, "relu", range(16, 20))
    for name, array in safetensors.numpy.load(weights).items():
        np.testing.assert_array_equal(array[16:], arrays[name])


def test_rates_are_tuned_on_other_seeds() -> None:
    rates = (0.001, 0.05)
    cell = next(sweep_cells(sweep_of(STUDY, {"tune": rates})))
    frame = table(cell_made(cell, 1)[0])
    (chosen,) = set(frame["lr"])
    assert chosen == tuned(STUDY, "relu", rates, TUNED_ON).lr
    scores = {}
    for rate in rates:
        from quantstudy.activations.catalogue import parse_activation
        from quantstudy.engine.learnt import data_of

        stack = from_arrays(parse_activation("relu"), trained_arrays(STUDY.with_options(lr=rate), "relu", TUNED_ON))
        on = measured(stack, TUNED_ON, data_of(STUDY, TUNED_ON))
        scores[rate] = float(np.mean(on.heldout_score))
    assert chosen == max(sorted(scores), key=scores.__getitem__)
    plain = table(cell_made(next(sweep_cells(sweep_of(STUDY.with_options(lr=chosen), {}))), 1)[0])
    np.testing.assert_array_equal(frame["value"], plain["value"])


def test_repairs_stand_beside_what_is_plain() -> None:
    frame = table(cell_made(next(sweep_cells(sweep_of(STUDY, {"recipes": ["polish"]}))), 1)[0])
    repaired = frame[frame["recipe"] == "polish"]
    assert set(repaired["scheme"]) == {"w4a4"}
    assert {"heldout_accuracy_quantized", "heldout_accuracy_drop"} <= set(repaired["metric"])
    before = table(cell_made(next(sweep_cells(sweep_of(STUDY, {}))), 1)[0])
    kept = frame[frame["recipe"] == "plain"].drop(columns="cell").reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before.drop(columns="cell"), check_categorical=False)


def test_this_process_keeps_its_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantstudy.engine.same import THREADS

    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    run_sweep(sweep_of(STUDY.with_options(activations=("relu",)), {}), objects_at(str(tmp_path / "sweep")))
    assert not {*THREADS} & {*os.environ}


def test_any_executor_leaves_the_same_bytes(swept: Path, tmp_path: Path) -> None:
    few = sweep_of(STUDY, {"frequency": [3.0]})
    with ThreadPoolExecutor(1) as pool:
        run_sweep(few, objects_at(str(tmp_path / "pool")), executor=pool)
    kept = cells_in(tmp_path / "pool")
    assert len(kept) == 4
    assert kept.items() <= cells_in(swept).items()


@pytest.mark.slow
def test_worker_processes_leave_the_same_bytes(swept: Path, tmp_path: Path) -> None:
    with workers(2) as executor:
        run_sweep(SWEEP, objects_at(str(tmp_path / "workers")), executor=executor)
    assert cells_in(tmp_path / "workers") == cells_in(swept)


def test_a_sweep_goes_on_where_it_was_stopped(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, real, done = objects_at(str(tmp_path / "sweep")), running.run_swept, list[str]()

    def until(where: str, cell: SweptCell, *how: Any) -> CellStatus:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(cell.name)
        return real(where, cell, *how)

    monkeypatch.setattr(running, "run_swept", until)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(SWEEP, objects)
    assert [one.cell.name for one in planned(SWEEP, objects) if one.there] == done
    monkeypatch.setattr(running, "run_swept", real)
    told: list[tuple[str, int, int]] = []
    found = run_sweep(SWEEP, objects, progress=lambda *how: told.append(how))
    assert (found.there, found.made) == (3, 5)
    assert told[0] == ("sweep", 4, 8)
    assert told[-1] == ("sweep", 8, 8)
    assert cells_in(tmp_path / "sweep") == cells_in(swept)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep" / "cells").rglob("*")}
    took = json.loads(objects.get("manifest.json") or b"")["seconds"]["sweep"]
    assert took == pytest.approx(found.earlier + found.seconds, abs=1e-3)
    assert found.earlier > 0
    assert run_sweep(SWEEP, objects).made == 0
    again = json.loads(objects.get("manifest.json") or b"")
    assert again["seconds"]["sweep"] == pytest.approx(took, abs=0.01)  # each marker is rounded
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep" / "cells").rglob("*")} == before


@pytest.mark.parametrize("ending", [".json", ".parquet", ".safetensors"])
def test_what_is_gone_or_cut_short_is_made_again(swept: Path, tmp_path: Path, ending: str) -> None:
    import shutil

    shutil.copytree(swept, tmp_path / "sweep")
    path = next(iter(sorted((tmp_path / "sweep" / "cells").rglob(f"*{ending}"))))
    if ending == ".json":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-7])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").rglob("*")}
    assert sum(one.there for one in planned(SWEEP, objects_at(str(tmp_path / "sweep")))) == 7
    assert {
        path: path.stat().st_mtime_ns for path in (tmp_path / "sweep").rglob("*")
    } == before  # a plan writes nothing
    found = run_sweep(SWEEP, objects_at(str(tmp_path / "sweep")))
    assert (found.there, found.made) == (7, 1)
    assert cells_in(tmp_path / "sweep") == cells_in(swept)


def test_a_larger_sweep_takes_what_is_there(swept: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(swept, tmp_path / "sweep")
    objects, told = objects_at(str(tmp_path / "sweep")), list[str]()
    larger = sweep_of(STUDY, {"hidden": [[4, 3], [5]], "frequency": [3.0]} | {"frequency": [3.0, 4.0]})
    found = run_sweep(larger, objects, notify=told.append)
    assert (found.there, found.made) == (4, 4)
    assert [line for line in told if "cells of other settings" in line] == [
        f"{objects.where} also holds 4 cells of other settings or versions, which are kept"
    ]
    assert (tmp_path / "sweep" / "sweep.toml").read_text() == larger.to_toml()


def test_cells_that_fail_are_named_and_the_others_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, real = objects_at(str(tmp_path / "sweep")), running.run_swept

    def fails(where: str, cell: SweptCell, *how: Any) -> CellStatus:
        if cell.activation == "relu" and cell.config.hidden == (5,):
            raise OSError(28, "No space left on device", "/data")
        return real(where, cell, *how)

    monkeypatch.setattr(running, "run_swept", fails)
    told: list[str] = []
    with pytest.raises(StudyFailure, match=r"2 of 8 cells failed, the first because: .*No space left"):
        run_sweep(SWEEP, objects, notify=told.append)
    assert len([line for line in told if "failed and is left out" in line]) == 2
    monkeypatch.setattr(running, "run_swept", real)
    assert run_sweep(SWEEP, objects).made == 2


def test_workers_that_put_cells_elsewhere_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a folder that they do not share, or a store in memory: the cells would be lost."""

    def elsewhere(where: str, cell: SweptCell, *how: Any) -> CellStatus:
        return CellStatus(cell.name, 1.0, "cpu")

    monkeypatch.setattr(running, "run_swept", elsewhere)
    monkeypatch.setattr(running, "SEEN_WITHIN", 0.01)
    with ThreadPoolExecutor(1) as pool, pytest.raises(StudyFailure, match=r"it is not in .* as this process sees it"):
        run_sweep(SWEEP, objects_at(str(tmp_path)), executor=pool)


def test_a_graphics_card_that_is_not_there_is_missed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantstudy.engine.sweep.gpu", lambda: None)
    with pytest.raises(BadInput, match="no CUDA device is there"):
        run_sweep(sweep_of(STUDY.with_options(device="cuda"), {}), objects_at(str(tmp_path / "sweep")))
    assert not (tmp_path / "sweep").exists()


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "study.toml").write_text(STUDY.to_toml())
    (tmp_path / "run" / "manifest.json").write_text('{"format": 7}')
    for folder in (tmp_path / "mine", tmp_path / "run"):
        before = sorted(folder.rglob("*"))
        with pytest.raises(BadInput, match=r"out: .*sweep"):
            run_sweep(SWEEP, objects_at(str(folder)))
        assert sorted(folder.rglob("*")) == before


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "sweep.toml").write_text(TEXT)
    return str(tmp_path / "sweep.toml")


def test_the_command_line(
    file: str, swept: Path, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert command("sweep", file, "--out", out, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert len(plan["cells"]) == 8
    assert plan["cells"][1] | {"cell": "", "seconds": 0} == {
        **{"cell": "", "activation": "hardgelu", "hidden": "4,3", "frequency": 3.0, "there": False, "seconds": 0}
    }
    assert all(cell["seconds"] > 0 for cell in plan["cells"])
    assert not Path(out).exists()
    assert command("sweep", file, "--out", out, "--jobs", "1") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "All 8 cells are there; " in said.out
    assert f"quantstudy report {out}" in said.out
    assert cells_in(Path(out)) == cells_in(swept)
    assert command("sweep", file, "--out", out, "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert all("  there  activation=" in line for line in lines[:8])
    assert lines[8:] == ["All 8 cells are there: nothing is left to run."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", ""], "out: '' is not allowed"),
        (["--engine", "slurm"], "engine: 'slurm' is not allowed"),
        (["--address", "tcp://127.0.0.1:1"], "address"),
        (["--deadline", "0"], "deadline"),
        (["--jobs", "0"], "jobs"),
    ],
)
def test_bad_options(
    file: str,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    given = arguments if "--out" in arguments else ["--out", str(tmp_path / "out"), *arguments]
    assert command("sweep", file, *given) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert message in said
    assert not (tmp_path / "out").exists()


def test_the_help_names_what_stands_in_brackets(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("sweep", "--help") == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "tune = [rates], recipes = [names]" in said
