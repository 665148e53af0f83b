"""How far a run is and what it has trained, as its folder tells while it goes on."""

import io
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from quantstudy.config.study import StudyConfig
from quantstudy.engine.begun import progress_of, trained_of, units
from quantstudy.engine.cells import Cell, cells, repair_cells
from quantstudy.engine.looks import looks_of
from quantstudy.records.cells import drop_cells, store_cell
from quantstudy.records.folders import weights_file
from quantstudy.records.run import Run
from quantstudy.records.store import start_run
from quantstudy.show.names import figure_files
from quantstudy.words.progress import LONG, progress_sentence

STUDY = StudyConfig(activations=("relu", "gelu", "hardgelu"), seeds=20, grid=8)
SOON = StudyConfig(activations=("relu", "gelu"), seeds=8, grid=8, until_decided=True, max_seeds=30, quick=True)


def arrays(unit: Cell) -> dict[str, np.ndarray]:
    """Of every seed its number, so that it can be recognized."""
    return {"weight0": np.array([[[seed]] for seed in unit.seeds], np.float32)}


def do(run: Run, some: Iterable[Cell]) -> None:
    for unit in some:
        store_cell(run.folder, unit.key, {"weights.safetensors": save(arrays(unit))})


def told(run: Run, **options: Any) -> dict[str, tuple[int, int]]:
    return {stage.name: (stage.done, stage.total) for stage in progress_of(run, **{"measured": False} | options).stages}


def begin(folder: Path, config: StudyConfig) -> Run:
    folder.mkdir()
    return start_run(folder, config, {})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return begin(tmp_path / "run", STUDY)


def test_every_finished_cell_counts(run: Run) -> None:
    controls = len(STUDY.controls)
    assert controls > 0
    train, measure = list(cells("train", STUDY, (20,))), list(cells("measure", STUDY, (20,)))
    totals = {"train": 2 * (3 + controls), "measure": 9, "vary": 3 * (3 + controls), "picture": 3}
    totals |= {"draw": len(figure_files(run)) + 2}
    assert told(run) == {name: (0, total) for name, total in totals.items()}
    do(run, train[:3])
    assert told(run)["train"] == (3, totals["train"])
    do(run, train[3:])
    do(run, measure[:1])
    assert told(run)["train"] == (len(train), len(train))
    assert told(run)["measure"] == (1, 9)
    do(run, [*measure, *cells("vary", STUDY, (20,))])
    found = told(run)
    assert found["vary"] == (totals["vary"], totals["vary"])
    assert "recover" not in found
    repairs = [unit for name in ("plain", "polish") for unit in repair_cells(STUDY, "relu", "w4a4", name, (20,))]
    do(run, repairs[:1])
    assert told(run)["recover"] == (1, len(repairs))
    do(run, repairs)
    assert told(run)["recover"] == (len(repairs), len(repairs))
    (run.folder / "cells" / "picture-relu-7-8-0123456789ab").mkdir()
    assert told(run)["picture"] == (1, 3)


def test_cells_of_others_do_not_count(run: Run) -> None:
    """Nor one that is being written, nor one that lacks its digests."""
    other = StudyConfig(activations=("relu", "gelu"), seeds=20, grid=9)
    do(run, cells("train", other, (20,)))
    unit = next(cells("train", STUDY, (20,)))
    (run.folder / "cells" / f".{unit.key}.17.part").mkdir()
    (run.folder / "cells" / unit.key).mkdir()
    found = progress_of(run, measured=False)
    assert found.stages[0].done == 0
    assert found.trained == ()


def test_an_activation_is_shown_once_its_first_networks_are_trained(run: Run) -> None:
    by_name: dict[str, list[Cell]] = {}
    for unit in cells("train", STUDY, (20,)):
        by_name.setdefault(unit.activation, []).append(unit)
    do(run, by_name["gelu"][1:] + by_name[STUDY.controls[0]])
    assert progress_of(run, measured=False).trained == ()
    do(run, by_name["gelu"][:1])
    progress = progress_of(run, measured=False)
    assert (progress.trained, progress.seeds) == (("gelu",), 16)
    do(run, by_name["relu"])
    progress = progress_of(run, measured=False)
    assert progress.trained == ("relu", "gelu")
    found = trained_of(run, progress)
    assert list(found) == ["relu", "gelu"]
    for name in found:
        assert found[name]["weight0"][:, 0, 0].tolist() == list(range(16))


def test_once_all_is_measured_weights_are_those_of_the_run(run: Run) -> None:
    assert progress_of(run, measured=True).trained == ()
    (run.folder / "weights").mkdir()
    for name in STUDY.activations:
        (run.folder / weights_file(name)).write_bytes(save({"weight0": np.arange(20, dtype=np.float32)[:, None, None]}))
    progress = progress_of(run, measured=True)
    assert all(stage.done == stage.total for stage in progress.stages[:-1])
    assert [(stage.name, stage.done) for stage in progress.stages][-1] == ("draw", 0)
    assert trained_of(run, progress)["gelu"]["weight0"][:, 0, 0].tolist() == list(range(16))
    (run.folder / "figures").mkdir()
    for path in (run.folder / "verdict.json", *figure_files(run)[:2]):
        path.touch()
    assert told(run, measured=True)["draw"] == (3, len(figure_files(run)) + 2)


def test_what_is_gone_or_damaged_is_an_error(run: Run) -> None:
    do(run, cells("train", STUDY, (20,)))
    progress = progress_of(run, measured=False)
    unit = next(unit for unit in units("train", STUDY) if unit.activation == "gelu")
    weights = run.folder / "cells" / unit.key / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(FileNotFoundError):
        trained_of(run, progress)
    drop_cells(run.folder)
    with pytest.raises(FileNotFoundError):
        trained_of(run, progress)


def test_a_study_until_decided_is_as_long_as_it_has_got(tmp_path: Path) -> None:
    """One batch of seeds more once networks of it are trained, and the cells are those that the run itself makes."""
    run = begin(tmp_path / "run", SOON)
    assert SOON.looks == (8, 24, 30)
    for look in looks_of(run):
        for stage in ("train", "measure"):
            new = [
                unit
                for unit in cells(stage, look.config, look.looks)
                if unit.first >= (0, *SOON.looks)[len(look.looks) - 1]
            ]
            assert new
            for unit in new:
                do(run, [unit])
                wanted = [one.key for one in cells(stage, look.config, look.looks)]
                there = {path.name for path in (run.folder / "cells").iterdir()}
                assert told(run)[stage] == (sum(key in there for key in wanted), len(wanted))
    assert told(run)["measure"][0] == told(run)["measure"][1]
    assert progress_of(run, measured=False).seeds == 8


def test_a_quick_run_varies_nothing(tmp_path: Path) -> None:
    assert "vary" not in told(begin(tmp_path / "run", STUDY.with_options(quick=True)))


def test_nothing_is_written_and_a_folder_that_is_gone_is_no_crash(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    do(run, cells("train", STUDY, (20,)))
    real: Callable[..., Any] = os.open

    def read_only(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        assert not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT), path
        return real(path, flags, *arguments, **options)

    def read(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        assert mode in ("r", "rb"), self
        return io.open(self, mode, *arguments, **options)  # noqa: UP020

    monkeypatch.setattr(os, "open", read_only)
    monkeypatch.setattr(Path, "open", read)
    before = sorted((path, path.stat().st_mtime_ns) for path in run.folder.rglob("*"))
    trained_of(run, progress_of(run, measured=False))
    assert sorted((path, path.stat().st_mtime_ns) for path in run.folder.rglob("*")) == before
    gone = Run(run.folder / "gone", STUDY)
    assert told(gone)["train"][0] == 0
    assert progress_of(gone, measured=False).idle > 1e9


def test_a_run_that_may_have_been_stopped_is_told_how_to_go_on(run: Run) -> None:
    progress = progress_of(run, measured=False)
    assert 0.0 <= progress.idle < LONG
    assert progress_sentence(progress, run.folder).startswith("This run is training networks: 0 of ")
    assert "go on with" not in progress_sentence(progress, run.folder)
    do(run, list(cells("train", STUDY, (20,)))[:1])
    assert "1 of" in progress_sentence(progress_of(run, measured=False), run.folder)
    assert "parts is done" in progress_sentence(progress_of(run, measured=False), run.folder)
    before = time.time() - 760
    for path in (run.folder, run.folder / "cells", run.folder / "manifest.json"):
        os.utime(path, (before, before))
    said = progress_sentence(progress_of(run, measured=False), run.folder)
    assert "Nothing was finished for 12 minutes" in said
    assert said.endswith(f"quantstudy run {run.folder / 'study.toml'} --out {run.folder}")
    later = time.time() + 900  # another machine's clock
    os.utime(run.folder, (later, later))
    assert progress_of(run, measured=False).idle == 0.0


def test_keys_of_cells_are_made_once(run: Run) -> None:
    """Every browser asks every two seconds."""
    progress_of(run, measured=False)
    before = units.cache_info().misses
    progress_of(run, measured=False)
    assert units.cache_info().misses == before
