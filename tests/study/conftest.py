"""Three tiny studies, run once, and what their tests have in common."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine import pipeline
from quantstudy.engine.pipeline import run_study
from quantstudy.records.run import Run

TINY = StudyConfig(
    name="tiny",
    activations=("relu", "relu@1000000", "hardgelu"),
    seeds=3,
    steps=40,
    batch=64,
    grid=17,
    hidden=(4, 3),
    quick=True,
)
FULL = TINY.with_options(quick=False)
SEVEN = StudyConfig(name="seven", seeds=2, steps=60, batch=64, grid=33, hidden=(5, 7, 3), bits=(5,), quick=True)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_study(TINY, tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny study with what is asked beyond the schemes."""
    return run_study(FULL, tmp_path_factory.mktemp("runs") / "full")


@pytest.fixture(scope="session")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_study(SEVEN, tmp_path_factory.mktemp("runs") / "seven")


@pytest.fixture
def copy(tiny: Run, tmp_path: Path) -> Run:
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    return Run(tmp_path / "tiny", TINY)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out verdict and figures: a test that looks at numbers only needn't wait for them."""
    monkeypatch.setattr(pipeline, "redo", lambda run, **_: None)


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Return a function: folder → what every file in it holds."""
    return lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
