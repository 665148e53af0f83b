"""A run that is killed at any moment goes on to the same numbers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.records.run import Run

pytestmark = pytest.mark.slow

STEPS = """
# Run the small study in children that end, as if by SIGKILL, just before their n-th step on the file system.
import os, shutil, signal, sys
from pathlib import Path

import quantstudy.engine.worker  # everything is loaded before the first fork
from quantstudy.engine import drawing, pipeline
from quantstudy.show import names
from quantstudy.config.toml import (read_toml)
from quantstudy.records.files import write_atomically
from quantstudy.quantize.torchao_import import quantization

quantization()
top, moments = Path(sys.argv[1]), int(sys.argv[2])
config = read_toml(top / "small.toml")
done, last = 0, 0

def counted(function):
    def call(*args, **kwargs):
        global done
        done += 1
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call

def draw_all(run, **_):  # as many files as the real one, each written the same way
    for path in (*names.figure_files(run), run.folder / "report.html"):
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, b"drawn")

def run_in_a_child(name, n):
    global last
    child = os.fork()
    if not child:
        last = n
        os.environ["XDG_CACHE_HOME"] = str(top / f"{name}-cache")
        pipeline.run_study(config, top / name)
        (top / "steps").write_text(str(done))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

drawing.draw_all = draw_all
os.fsync, os.mkdir, shutil.rmtree = counted(os.fsync), counted(os.mkdir), counted(shutil.rmtree)
Path.replace, Path.unlink = counted(Path.replace), counted(Path.unlink)
assert run_in_a_child("whole", 0) == 0
steps = int((top / "steps").read_text())
for moment in range(moments):
    n = 1 + (steps - 1) * moment // (moments - 1)
    print(moment, n, steps, run_in_a_child(f"run{moment}", n), flush=True)
"""

MOMENTS = 20


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, undisturbed: Run, faults: Callable[[str], str]) -> Path:
    """A folder with the run folders `run0` … of runs that were killed ever later."""
    top = tmp_path_factory.mktemp("killed")
    (top / "small.toml").write_text(undisturbed.config.to_toml())
    (top / "steps.py").write_text(STEPS)
    done = subprocess.run(
        [sys.executable, top / "steps.py", top, str(MOMENTS)], capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, faults(done.stderr)) == (0, "")
    lines = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(lines) == MOMENTS
    assert {code for *_, code in lines} == {-signal.SIGKILL}
    assert len({n for _, n, _, _ in lines}) == MOMENTS
    assert lines[-1][1] == lines[-1][2] > 5 * MOMENTS
    return top


def test_killed_between_two_steps_on_the_file_system(
    killed: Path,
    command: Callable[..., tuple[int, str, str]],
    same_records: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for moment in range(MOMENTS):
        monkeypatch.setenv("XDG_CACHE_HOME", str(killed / f"run{moment}-cache"))
        code, _, err = command(f"quantstudy run {killed}/small.toml --jobs 1 --out {killed}/run{moment}")
        assert (code, err) == (0, ""), moment
        same_records(killed / f"run{moment}")


@pytest.fixture(scope="module")
def duration(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    return {}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("part", [0.35, 0.6, 0.85])
def test_killed_at_some_time(
    tmp_path: Path,
    jobs: int,
    part: float,
    start: Callable[..., Any],
    command: Callable[..., tuple[int, str, str]],
    same_records: Callable[[Path], None],
    duration: dict[int, float],
) -> None:
    arguments = ("run", "small.toml", "--jobs", str(jobs), "--out")
    if jobs not in duration:
        begun = time.monotonic()
        session = start(*arguments, "whole")
        assert session.process.wait() == 0
        duration[jobs] = time.monotonic() - begun
        same_records(tmp_path / "whole")
        subprocess.run(["rm", "-r", os.environ["XDG_CACHE_HOME"]], check=True)
    session = start(*arguments, "run")
    time.sleep(part * duration[jobs])
    session.process.kill()
    session.process.wait()
    assert session.left_after() == []
    code, _, err = command(f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {tmp_path}/run")
    assert (code, err) == (0, "")
    same_records(tmp_path / "run")


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_leaves_no_workers(
    tmp_path: Path,
    signal_number: int,
    start: Callable[..., Any],
    command: Callable[..., tuple[int, str, str]],
    same_records: Callable[[Path], None],
) -> None:
    session = start("run", "small.toml", "--jobs", "2", "--out", "run")
    assert session.until(lambda: list(tmp_path.glob("run/cells/train-*")))
    session.process.send_signal(signal_number)
    _out, err = session.process.communicate(timeout=30)
    assert "Traceback" not in err
    assert session.left_after() == []
    assert command(f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {tmp_path}/run")[0] == 0
    same_records(tmp_path / "run")


def test_a_killed_worker_is_told_in_one_line(
    tmp_path: Path, start: Callable[..., Any], command: Callable[..., tuple[int, str, str]],
    same_records: Callable[[Path], None],
) -> None:  # fmt: skip
    session = start("run", "small.toml", "--jobs", "2", "--out", "run")
    assert session.until(lambda: list(tmp_path.glob("run/cells/train-*")))
    os.kill(session.workers()[0], signal.SIGKILL)
    out, err = session.process.communicate(timeout=60)
    assert session.process.returncode == 1
    assert out == ""
    assert err == "quantstudy: a worker process was killed (out of memory?); run the same command again\n"
    assert session.left_after() == []
    assert command(f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {tmp_path}/run")[0] == 0
    same_records(tmp_path / "run")
