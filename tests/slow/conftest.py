"""Runs of a small study in processes of their own, for tests that kill, interrupt or starve them."""

import contextlib
import functools
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from quantstudy.cli import app
from quantstudy.cli import run as run_file
from quantstudy.config.study import StudyConfig
from quantstudy.engine import pipeline
from quantstudy.engine.pipeline import run_study
from quantstudy.records.run import Run

SMALL = StudyConfig(
    name="small", activations=("relu", "hardgelu"), seeds=2, steps=40, batch=64, grid=17, hidden=(4, 3), quick=True
)


@dataclass
class Session:
    """A `quantstudy` process that leads a session of its own, so that none of its workers can be overlooked."""

    process: "subprocess.Popen[str]"
    pid: int = field(init=False)

    def __post_init__(self) -> None:
        self.pid = self.process.pid

    def alive(self) -> list[int]:
        """The processes of this session that still run, the first one included."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.pid and fields[0] not in "ZX":
                    found.append(int(stat.parent.name))
        return found

    def children(self) -> list[int]:
        """The processes that it has started and that still run."""
        return [pid for pid in self.alive() if pid != self.pid]

    def workers(self) -> list[int]:
        """Its workers: forked, not by it but by a process that it has started for that."""

        found = []
        for pid in self.children():
            with contextlib.suppress(OSError):
                if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) != self.pid:
                    found.append(pid)
        return found

    def left_after(self, seconds: float = 60.0) -> list[int]:
        """What still runs after some seconds: a server that imports torch notes its parent's end when it is done."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.alive():
            time.sleep(0.05)
        return self.alive()

    def until(self, happened: Callable[[], Any], seconds: float = 120.0) -> bool:
        """Wait until something has happened; False if the process ended before it did."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if happened():
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.002)
        raise TimeoutError

    def has_mapped(self, library: str) -> bool:
        """Whether it has begun to load a library."""
        with contextlib.suppress(OSError):
            return library in Path(f"/proc/{self.pid}/maps").read_text()
        return False


Start = Callable[..., Session]


@pytest.fixture(scope="session")
def faults(inexact: tuple[str, ...]) -> Callable[[str], str]:
    """Return a function: standard error → it without what every run says on this machine."""
    lines = [f"quantstudy: {line}\n" for line in inexact]
    return lambda told: functools.reduce(lambda rest, line: rest.replace(line, ""), lines, told)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `quantstudy` with the given arguments; whatever is left of it ends with the test."""
    (tmp_path / "small.toml").write_text(SMALL.to_toml())
    sessions: list[Session] = []

    def begin(*arguments: str, **environment: str) -> Session:
        process = subprocess.Popen(
            [sys.executable, "-m", "quantstudy", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | environment,
            start_new_session=True,
        )
        sessions.append(Session(process))
        return sessions[-1]

    yield begin
    for session in sessions:
        for pid in {*session.alive()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        session.process.communicate()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small study, run to its end without any disturbance."""
    return run_study(SMALL, tmp_path_factory.mktemp("undisturbed") / "run")


@pytest.fixture
def same_records(undisturbed: Run) -> Callable[[Path], None]:
    """Check that a run folder holds the same bytes as the undisturbed run."""

    def check(folder: Path) -> None:
        run = Run(folder, SMALL)
        assert run.manifest()["state"] == "complete"
        assert run.damaged() == []
        for name in undisturbed.manifest()["files"]:
            assert (folder / name).read_bytes() == (undisturbed.folder / name).read_bytes(), name
        assert not (folder / "cells").exists()
        assert not list(folder.rglob("*.part"))

    return check


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], faults: Callable[[str], str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process; return exit code, standard output and the faults on standard error."""

    def run(line: str, *, draw: bool = False) -> tuple[int, str, str]:
        words = shlex.split(line)
        assert words[0] == "quantstudy"
        capfd.readouterr()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", words)
            if not draw:
                patched.setattr(pipeline, "redo", lambda run, **_: None)
                patched.setattr(run_file, "print_result", lambda *_: None)
            with pytest.raises(SystemExit) as left:
                app.main()
        told = capfd.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, told.out, faults(told.err)

    return run
