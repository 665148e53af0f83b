"""Any executor is warmed up alike: one compiles the trainer, one what measures, and only then come the others."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from quantstudy.config.study import StudyConfig
from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.pipeline import run_study
from quantstudy.engine.warmup import load, release, warm_up

STUDY = StudyConfig(activations=("relu", "silu"), seeds=2, steps=5, grid=12, hidden=(4,), quick=True)


class Foreign(Executor):
    """An executor that is neither ours nor in this process, as far as anyone can tell; it notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.within = ThisProcess()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.asked.append(fn.__name__)
        return self.within.submit(fn, *args, **kwargs)

    def get_ready(self) -> None:
        self.asked.append("get_ready")

    def release(self) -> None:
        self.asked.append("release")


def test_an_executor_from_elsewhere_is_warmed_up_before_the_cells_come(tmp_path: Path) -> None:
    executor = Foreign()
    run = run_study(STUDY, tmp_path / "run", executor=executor)
    assert run.is_complete()
    assert executor.asked[:3] == ["get_ready", "prepare_to_measure", "run_cell"]
    assert "release" in executor.asked
    assert executor.asked.count("prepare_to_measure") == 1


def test_what_runs_calls_at_once_has_nobody_to_get_ready() -> None:
    asked: list[str] = []
    assert warm_up(ThisProcess(), lambda: asked.append("meanwhile")) is False
    assert asked == []
    load(ThisProcess())
    release(ThisProcess())


def test_this_process_does_its_own_while_the_executor_loads() -> None:
    executor = Foreign()
    assert warm_up(executor, lambda: executor.asked.append("meanwhile")) is True
    assert executor.asked == ["get_ready", "meanwhile", "prepare_to_measure"]


def test_the_first_cell_ends_before_the_second_comes(tmp_path: Path) -> None:
    executor = Foreign()
    seen: list[int] = []
    run_study(
        STUDY, tmp_path / "run", executor=executor, progress=lambda *_: seen.append(executor.asked.count("run_cell"))
    )
    assert next(count for count in seen if count) == 1


def test_without_a_command_lines_for_the_user_are_logged(tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, logger="quantstudy"):
        run_study(STUDY.with_options(bits=(10,)), tmp_path / "run")
    said = {(record.name, record.levelname) for record in caplog.records}
    assert said == {("quantstudy", "INFO"), ("quantstudy", "WARNING")}
    assert any("simulated" in record.getMessage() for record in caplog.records if record.levelname == "WARNING")
