"""Running again and reporting again: what is kept, told, made anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine import cells, drawing, pipeline
from quantstudy.engine.pipeline import run_study
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.cells import load_cell
from quantstudy.records.run import Run, open_run
from quantstudy.records.store import write_manifest


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_ino) for p in sorted(folder.rglob("*"))}


def test_a_second_run_returns_at_once_and_rewrites_nothing(
    copy: Run, monkeypatch: pytest.MonkeyPatch, tiny: Run
) -> None:
    before = stamps(copy.folder)
    monkeypatch.setattr(pipeline, "run_cell", lambda *_: pytest.fail("a cell was run"))
    told: list[str] = []
    assert run_study(tiny.config, copy.folder, notify=told.append) == copy
    assert stamps(copy.folder) == before
    assert told == []


def test_a_moved_run_folder_still_opens(copy: Run, tmp_path: Path, tiny: Run) -> None:
    copy.folder.rename(tmp_path / "moved")
    assert open_run(tmp_path / "moved").config == tiny.config


@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_damaged_records_are_told_and_measured_again(
    copy: Run, tiny: Run, damage: str, contents: Callable[[Path], dict[str, bytes]], inexact: tuple[str, ...]
) -> None:
    path = copy.folder / "metrics.parquet"
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-100])
    told: list[str] = []
    run_study(tiny.config, copy.folder, notify=told.append)
    assert told == [f"{path} is missing or damaged: measuring again", *inexact]
    again, first = contents(copy.folder), contents(tiny.folder)
    assert again.keys() == first.keys()
    assert {name for name in first if again[name] != first[name]} <= {"manifest.json"}  # it holds seconds
    assert copy.damaged() == []


@pytest.mark.slow
def test_a_deleted_figure_is_drawn_again(
    copy: Run, tiny: Run, monkeypatch: pytest.MonkeyPatch, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    monkeypatch.setattr(pipeline, "run_cell", lambda *_: pytest.fail("a cell was run"))
    figure = sorted((copy.folder / "figures").iterdir())[0]
    figure.unlink()
    seen: list[tuple[str, int, int]] = []
    run_study(tiny.config, copy.folder, progress=lambda *what: seen.append(what))
    assert contents(copy.folder) == contents(tiny.folder)
    assert seen[:2] == [("judge", 0, 1), ("judge", 1, 1)]
    drawn = len(list((copy.folder / "figures").iterdir())) + 1  # and the page
    assert seen[-1] == ("draw", drawn, drawn)
    assert [done for _, done, _ in seen[2:]] == sorted(done for _, done, _ in seen[2:])


@pytest.mark.parametrize("text", ["", "{", "\0"])
def test_a_damaged_verdict_is_judged_again(copy: Run, tiny: Run, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "draw_all", lambda run, **_: None)
    (copy.folder / "verdict.json").write_text(text)
    run_study(tiny.config, copy.folder)
    assert (copy.folder / "verdict.json").read_bytes() == (tiny.folder / "verdict.json").read_bytes()


def test_fresh(copy: Run, undrawn: None, tiny: Run) -> None:
    other = tiny.config.with_options(activations=("relu",), bits=(3,))
    with pytest.raises(BadInput, match="another study"):
        run_study(other, copy.folder)
    assert copy.damaged() == []
    run = run_study(other, copy.folder, fresh=True)
    assert run.config == other
    assert run.manifest()["state"] == "complete"
    assert sorted(path.name for path in (copy.folder / "weights").iterdir()) == ["relu.safetensors"]
    assert not (copy.folder / "figures").exists()


def test_fresh_keeps_the_cache(tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch, tiny: Run) -> None:

    one = tiny.config.with_options(activations=("relu",), seeds=1)
    run = run_study(one, tmp_path / "run")
    metrics = (run.folder / "metrics.parquet").read_bytes()
    monkeypatch.setattr("quantstudy.engine.trained.train", lambda *_, **__: pytest.fail("trained again"))
    run_study(one, tmp_path / "run", fresh=True)
    assert (run.folder / "metrics.parquet").read_bytes() == metrics
    # other widths need no training either
    run_study(one.with_options(bits=(3,)), tmp_path / "three")


def test_a_damaged_cache_entry_is_told_and_trained_again(
    tmp_path: Path, own_cache: Path, undrawn: None, tiny: Run, inexact: tuple[str, ...]
) -> None:
    one = tiny.config.with_options(activations=("relu",), seeds=1)
    first = run_study(one, tmp_path / "first")
    (entry,) = (path for path in own_cache.rglob("*") if path.is_file())
    entry.write_bytes(entry.read_bytes()[:100])
    told: list[str] = []
    second = run_study(one, tmp_path / "second", notify=told.append)
    assert len(told) == 1 + len(inexact)
    assert "is damaged: training again" in told[0]
    assert (first.folder / "metrics.parquet").read_bytes() == (second.folder / "metrics.parquet").read_bytes()


@pytest.mark.parametrize("stage", ["train", "measure", "picture"])
def test_an_interrupted_run_goes_on(
    tmp_path: Path, undrawn: None, tiny: Run, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    folder, real, done = tmp_path / "run", pipeline.run_cell, []

    def until(where: Path, config: StudyConfig, unit: cells.Cell) -> cells.CellStatus:
        if unit.stage == stage and unit.activation == "relu@1000000":
            raise KeyboardInterrupt
        done.append(unit.key)
        return real(where, config, unit)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "run_cell", until)
        with pytest.raises(KeyboardInterrupt):
            run_study(tiny.config, folder)
    assert done
    assert all(load_cell(folder, key) for key in done)

    def rest(where: Path, config: StudyConfig, unit: cells.Cell) -> cells.CellStatus:
        assert unit.key not in done
        return real(where, config, unit)

    monkeypatch.setattr(pipeline, "run_cell", rest)
    run = run_study(tiny.config, folder)
    assert set(tiny.manifest()["files"]) > {"metrics.parquet", "plans.parquet", "maps.npz", "weights/relu.safetensors"}
    for name in tiny.manifest()["files"]:
        assert (run.folder / name).read_bytes() == (tiny.folder / name).read_bytes(), name
    assert not (folder / "cells").exists()


def test_a_failing_cell_is_raised_and_the_lock_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Run
) -> None:
    def fail(*_: Any) -> None:
        raise StudyFailure("coverage audit: layers.1 holds float32")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "run_cell", fail)
        for _ in range(2):
            with pytest.raises(StudyFailure, match="coverage audit"):
                run_study(tiny.config, tmp_path / "run")
    assert Run(tmp_path / "run", tiny.config).manifest()["state"] == "running"


def test_the_manifest_tells_how_long_everything_took_at_first(
    copy: Run, tiny: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tiny.manifest()
    assert list(manifest["seconds"]) == ["train", "measure", "vary", "gather", "picture", "judge", "draw"]
    assert all(value >= 0 for value in manifest["seconds"].values())
    assert {state["state"] for state in manifest["cells"].values()} == {"done"}
    monkeypatch.setattr(drawing, "draw_all", lambda run, **_: None)
    pipeline.redo(copy)
    assert copy.manifest() == manifest
    # killed before it was noted: what is done now is told
    write_manifest(copy, manifest | {"seconds": {"train": 5.0}})
    pipeline.redo(copy)
    assert copy.manifest()["seconds"].keys() == {"train", "judge", "draw"}
    assert copy.manifest()["seconds"]["train"] == 5.0


@pytest.mark.parametrize("notes", [1, 2, 64])
def test_cells_are_noted_now_and_then_and_all_at_the_end(
    tmp_path: Path, undrawn: None, tiny: Run, monkeypatch: pytest.MonkeyPatch, notes: int
) -> None:
    """A manifest written for each of thousands of cells would cost more than they do; a kill loses no cell by it."""
    monkeypatch.setattr(pipeline, "NOTES", notes)
    writes: list[int] = []
    real = pipeline.write_manifest
    monkeypatch.setattr(pipeline, "write_manifest", lambda run, it: (writes.append(len(it["cells"])), real(run, it)))
    pipeline.run_study(tiny.config.with_options(quick=True), tmp_path / "run")
    told = {1: [3, 6, 9], 2: [2, 3, 5, 6, 8, 9], 64: [1, 2, 3, 4, 5, 6, 7, 8, 9]}
    assert writes == [*told[notes], 9]  # the last one says that the run is complete


def test_a_cell_that_was_finished_and_not_noted_is_noted_when_the_run_goes_on(
    tmp_path: Path, undrawn: None, tiny: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(run: Run, manifest: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "write_manifest", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_study(tiny.config, tmp_path / "run")
    run = run_study(tiny.config, tmp_path / "run")
    notes = run.manifest()["cells"]
    assert len(notes) == len(tiny.manifest()["cells"])
    assert [key.partition("-")[0] for key, note in notes.items() if "seconds" not in note] == ["train"]


@pytest.mark.slow
def test_report_builds_the_same_verdict_and_figures(
    copy: Run,
    tiny: Run,
    capfd: pytest.CaptureFixture[str],
    command: Callable[..., Any],
    contents: Callable[[Path], dict[str, bytes]],
) -> None:
    for path in (copy.folder / "verdict.json", copy.folder / "report.html", *(copy.folder / "figures").iterdir()):
        path.unlink()
    assert command("report", str(copy.folder)) == 0
    assert contents(copy.folder) == contents(tiny.folder)
    assert capfd.readouterr().err == ""
