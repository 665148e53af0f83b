"""Any executor is warmed up alike: one compiles the trainer, one what measures, and only then come the others."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import SimpleNamespace
from typing import Any

import pytest

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


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run by a foreign executor: what it was asked, how many cells it had at each report, what was logged."""
    executor, counts, records = Foreign(), [], []
    logger, handler = logging.getLogger("quantstudy"), logging.Handler()
    handler.emit = records.append
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        run = run_study(
            STUDY.with_options(bits=(10,)),
            tmp_path_factory.mktemp("foreign") / "run",
            executor=executor,
            progress=lambda *_: counts.append(executor.asked.count("run_cell")),
        )
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    return SimpleNamespace(run=run, asked=executor.asked, counts=counts, records=records)


def test_an_executor_from_elsewhere_is_warmed_up_before_the_cells_come(seen: SimpleNamespace) -> None:
    assert seen.run.is_complete()
    assert seen.asked[:3] == ["get_ready", "prepare_to_measure", "run_cell"]
    assert "release" in seen.asked
    assert seen.asked.count("prepare_to_measure") == 1


def test_the_first_cell_ends_before_the_second_comes(seen: SimpleNamespace) -> None:
    assert next(count for count in seen.counts if count) == 1


def test_without_a_command_lines_for_the_user_are_logged(seen: SimpleNamespace) -> None:
    said = {(record.name, record.levelname) for record in seen.records}
    assert said == {("quantstudy", "INFO"), ("quantstudy", "WARNING")}
    assert any("simulated" in record.getMessage() for record in seen.records if record.levelname == "WARNING")


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
