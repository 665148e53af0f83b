"""What is told of an error of the system helps: the path, the reason, the way round, in one line; exit code 1."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.cli import advice, app

AGAIN = "what is finished is kept, run the same command again"

HELPS = {
    "ENOENT": f"it, or a folder above it, is not there: choose another with --out, or if it was deleted: {AGAIN}",
    "ENOSPC": f"free some space: {AGAIN}",
    "EDQUOT": f"free some space: {AGAIN}",
    "EFBIG": f"raise the size that a file may have (ulimit -f): {AGAIN}",
    "EROFS": "choose another folder with --out, or allow to write there",
    "EACCES": "choose another folder with --out, or allow to write there",
    "EPERM": "choose another folder with --out, or allow to write there",
    "EMFILE": "raise their number (ulimit -n), or use fewer processes (--jobs 1)",
    "ENFILE": "raise their number (ulimit -n), or use fewer processes (--jobs 1)",
    "ENOMEM": f"use fewer processes (--jobs 1): {AGAIN}",
    "ENAMETOOLONG": "choose a shorter path with --out",
    "ENOTDIR": "a part of this path is a file and no folder: choose another folder with --out",
    "ELOOP": "links in this path lead in a circle: choose another folder with --out",
    "EEXIST": "something else stands in its place: choose another folder with --out",
    "EIO": AGAIN,
}


@pytest.mark.parametrize("name", HELPS)
@pytest.mark.parametrize("path", ["results/run/verdict.json", None])
def test_the_whole_command(
    name: str, path: str | None, command: Callable[..., Any], capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    number = getattr(errno, name)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("quantstudy.cli.run.run_study", fail)
    assert command("run", "--jobs", "1") == 1
    told = capfd.readouterr()
    where = "" if path is None else f"{path}: "
    assert (told.out, told.err) == ("", f"quantstudy: {where}{os.strerror(number)}; {HELPS[name]}\n")


def test_every_way_is_tested() -> None:
    assert {getattr(errno, name) for name in HELPS} == {*advice.WAYS, errno.EIO}


def test_an_error_that_is_no_systems_has_no_way_round() -> None:
    assert advice.told(OSError("this user has no home: set XDG_CACHE_HOME")) == (
        "this user has no home: set XDG_CACHE_HOME"
    )


BY_TORCH = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 3. TiB for an array"), "Unable to allocate 3. TiB for an array"),
        (MemoryError(), "in Python"),
        (RuntimeError(f"{BY_TORCH} allocate 6 bytes.\nHere is more"), "you tried to allocate 6 bytes."),
    ],
)
def test_memory_that_ran_out_is_one_line(
    error: Exception,
    said: str,
    command: Callable[..., Any],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("quantstudy.cli.run.run_study", fail)
    assert command("run", "--jobs", "1") == 1
    assert capfd.readouterr().err == f"quantstudy: memory ran out ({said}); {AGAIN} with --jobs 1 or more memory\n"


def test_a_fault_of_ours_is_not_called_one_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("quantstudy.cli.run.run_study", fail)
    monkeypatch.setattr(sys, "argv", ["quantstudy", "run", "--jobs", "1"])
    with pytest.raises(RuntimeError, match="a fault"):
        app.main()


def alone(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "quantstudy", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )


def test_a_folder_for_temporary_files_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    done = alone("run", "--jobs", "2", "--seeds", "1", "--out", str(tmp_path / "run"), TMPDIR=str(deep))
    way = "set TMPDIR to a folder with a shorter path, or use --jobs 1"
    line = f"worker processes can't be started (the path of a socket in {deep} is too long); {way}"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"quantstudy: {line}\n")
    assert not list(tmp_path.rglob("*.part"))


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    out = tmp_path / ("n" * 256)
    done = alone("run", "--jobs", "1", "--out", str(out))
    line = f"quantstudy: {out}: File name too long; choose a shorter path with --out\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)
    assert not list(tmp_path.iterdir())


def test_the_package_is_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "quantstudy", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("quantstudy ")
