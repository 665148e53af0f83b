"""Ctrl-C: exit code 130, the last line says how to go on, and that command works."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def exists(pattern: str) -> Callable[[Any, Path], bool]:
    return lambda session, folder: bool(list(folder.glob(pattern)))


MOMENTS: dict[str, tuple[int, Callable[[Any, Path], Any]]] = {
    "numpy is being loaded": (1, lambda session, folder: session.has_mapped("_multiarray_umath")),
    "torch is being loaded": (1, lambda session, folder: session.has_mapped("libtorch_cpu")),
    "the run has begun": (1, exists("run/manifest.json")),
    "torchao is being loaded": (1, exists("run/cells/train-hardgelu*")),
    "a cell is measured": (1, exists("run/cells/measure-*")),
    "figures are being drawn": (1, exists("run/verdict.json")),
    "a figure is there": (1, exists("run/figures/*.png")),
    "no worker yet": (2, exists("run/manifest.json")),
    "what workers are forked from is starting": (2, lambda session, folder: session.children()),
    "a worker is starting": (2, lambda session, folder: session.workers()),
    "both workers are starting": (2, lambda session, folder: len(session.workers()) == 2),
    "a worker has trained": (2, exists("run/cells/train-*")),
    "a worker has measured": (2, exists("run/cells/measure-*")),
    "workers draw": (2, exists("run/verdict.json")),
    "a worker has drawn": (2, exists("run/figures/[mfr]*.png")),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c(
    tmp_path: Path,
    moment: str,
    start: Callable[..., Any],
    command: Callable[..., tuple[int, str, str]],
    same_records: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    faults: Callable[[str], str],
) -> None:
    jobs, happened = MOMENTS[moment]
    session = start("run", "small.toml", "--jobs", str(jobs), "--out", "run")
    assert session.until(lambda: happened(session, tmp_path))
    os.killpg(session.pid, signal.SIGINT)
    out, err = session.process.communicate(timeout=30)
    err = faults(err)
    assert "Traceback" not in err, err
    assert (session.process.returncode, out) == (130, ""), err  # 0: was it too late, or not heard?
    assert len(err.splitlines()) == 1, err
    before, told, line = err.strip().rpartition("interrupted; go on with: ")
    assert (before, told) == ("quantstudy: ", "interrupted; go on with: ")
    begun = (tmp_path / "run" / "study.toml").exists()
    again = f"quantstudy run small.toml --jobs {jobs} --out run"
    assert line == ("quantstudy run run/study.toml --out run" if begun else again)
    assert session.left_after() == []
    monkeypatch.chdir(tmp_path)
    assert command(line)[::2] == (0, "")
    same_records(tmp_path / "run")


@pytest.mark.parametrize("pause", [0.0, 0.005, 0.02, 0.05, 0.1])
def test_two_ctrl_c_in_a_row(tmp_path: Path, start: Callable[..., Any], pause: float) -> None:
    session = start("run", "small.toml", "--jobs", "2", "--out", "run")
    assert session.until(lambda: len(session.workers()) == 2)
    os.killpg(session.pid, signal.SIGINT)
    time.sleep(pause)
    with contextlib.suppress(ProcessLookupError):  # it may have ended by now
        os.killpg(session.pid, signal.SIGINT)
    _, err = session.process.communicate(timeout=30)
    assert session.process.returncode == 130
    assert "Traceback" not in err, err
    assert session.left_after() == []
