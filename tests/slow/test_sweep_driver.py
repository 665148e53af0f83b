"""A driver of many cells: what it adds to each, what it keeps in memory, how soon it has planned a hundred thousand."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep, sweep_of
from quantstudy.engine import drive
from quantstudy.engine.cells import CellStatus
from quantstudy.engine.sweep import run_sweep
from quantstudy.engine.swept import SweptCell
from quantstudy.records.objects import Folder, objects_at
from quantstudy.records.swept import put_cell

pytestmark = pytest.mark.slow


def of_cells(number: int) -> Sweep:
    """A sweep of so many cells: up to 100, or a multiple of it."""
    study, widths = StudyConfig(activations=("relu",), seeds=1), min(number, 100)
    lists = {
        "hidden": [[width + 1] for width in range(widths)],
        "frequency": [1 + n / 1e4 for n in range(number // widths)],
    }
    sweep = sweep_of(study, lists)
    assert sweep.cells == number
    return sweep


def test_it_adds_little_to_a_cell_and_keeps_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that do nothing but lie in the store: 5 ms each at most, in memory that does not grow with their number."""
    objects, process = Folder(str(tmp_path / "sweep")), psutil.Process()
    memory: list[int] = []

    def nothing(where: str, cell: SweptCell, *how: object) -> CellStatus:
        put_cell(
            objects,
            cell.name,
            b"x" * 7000,
            b"y" * 7000,
            {"seconds": 0.1, "compiling": 0.0, "device": "cpu", "worker": "a"},
        )
        return CellStatus(cell.name, 0.1, "cpu")

    monkeypatch.setattr(drive, "run_swept", nothing)
    sweep = of_cells(6000)

    def look(stage: str, done: int, total: int) -> None:
        if done % 1000 == 0:
            memory.append(process.memory_info().rss)

    run_sweep(of_cells(10), objects)  # whatever is loaded once
    started = time.perf_counter()
    run_sweep(sweep, objects, progress=look)
    took = time.perf_counter() - started
    assert took / sweep.cells < 5e-3
    assert memory[-1] - memory[0] < 2e6  # 5000 cells later: 400 bytes a cell would show


def test_a_hundred_thousand_cells_are_planned_in_seconds(tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(of_cells(100_000).to_toml())
    # in processor time, since others may compute: 7 s here, where the same number of studies alone takes 3 s
    base, begun = StudyConfig(), time.process_time()
    for number in range(10_000):
        base.with_options(frequency=1 + number / 1e4)
    alone = 10 * (time.process_time() - begun)
    before = sum(os.times()[2:4])
    ran = subprocess.run(
        [sys.executable, "-m", "quantstudy", "sweep", str(file), "--out", str(tmp_path / "out"), "--dry-run", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sum(os.times()[2:4]) - before < 5 * alone
    cells = json.loads(ran.stdout)["cells"]
    assert len({cell["cell"] for cell in cells}) == 100_000
    assert not (tmp_path / "out").exists()
    assert objects_at(str(tmp_path / "out")).get("sweep.toml") is None
