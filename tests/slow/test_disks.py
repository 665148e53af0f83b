"""Full and read-only disks, damaged caches, other numbers of threads."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quantstudy.records.folders import FORMAT

pytestmark = pytest.mark.slow

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A small disk of its own; call again with other options to change it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        how = f"remount,{options}" if mounted else options
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", how, "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
        mounted = True
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("jobs", "size"), [(1, "8k"), (1, "24k"), (1, "150k"), (1, "300k"), (2, "40k")])
def test_a_full_disk(
    tmp_path: Path, start: Callable[..., Any], command: Command, disk: Callable[[str], Path],
    same_records: Callable[[Path], None], jobs: int, size: str, faults: Callable[[str], str],
) -> None:  # fmt: skip
    folder = disk(f"size={size}") / "run"
    line = f"quantstudy run {tmp_path}/small.toml --jobs {jobs} --out {folder}"
    if jobs == 1:
        code, out, err = command(line, draw=True)
    else:
        session = start(*line.split()[1:])
        out, err = session.process.communicate(timeout=120)
        err = faults(err)
        code = session.process.returncode
        assert session.left_after() == []
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1, err
    assert "No space left on device" in err
    assert str(folder) in err
    assert "run the same command again" in err
    disk("size=50M")
    assert command(line)[::2] == (0, "")
    same_records(folder)


def test_a_cache_on_a_full_disk_is_only_told(
    tmp_path: Path, start: Callable[..., Any], command: Command, disk: Callable[[str], Path],
    same_records: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_CACHE_HOME", str(disk("size=4k")))
    code, _, err = command(f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {tmp_path}/run")
    assert code == 0
    assert 1 <= len(err.splitlines()) <= 2
    assert all("not cached" in line and "No space left" in line for line in err.splitlines())
    same_records(tmp_path / "run")


def test_a_read_only_disk(
    tmp_path: Path, start: Callable[..., Any], command: Command, disk: Callable[[str], Path],
    same_records: Callable[[Path], None],
) -> None:  # fmt: skip
    folder = disk("size=50M") / "run"
    line = f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {folder}"
    disk("ro")
    code, out, err = command(line)
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "Read-only file system" in err
    disk("rw")
    assert command(line, draw=True)[::2] == (0, "")
    same_records(folder)
    disk("ro")
    for again in (f"{line} --fresh", line, f"quantstudy report {folder}", f"quantstudy report {folder} --jobs 1"):
        code, out, err = command(again, draw=True)
        shown = not again.endswith("--fresh")
        assert code == (0 if shown else 1)
        assert (str(folder / "report.html") in out) == shown
        assert len(err.splitlines()) == 1
        assert err.startswith(f"quantstudy: {folder / '.lock'}: Read-only file system")
    same_records(folder)


@pytest.mark.parametrize("options", ["ro", "size=4k"])
def test_no_room_for_semaphores(
    tmp_path: Path, start: Callable[..., Any], options: str, faults: Callable[[str], str]
) -> None:
    """Workers need them, and Linux keeps them in a folder in memory."""
    full = f"mount -t tmpfs -o {options} tmpfs /dev/shm && (echo > /dev/shm/full; true) 2>/dev/null"
    line = f"{sys.executable} -m quantstudy.cli.app run small.toml --out run --jobs"
    for jobs, code in ((2, 1), (1, 0)):
        done = subprocess.run(
            ["unshare", "-m", "bash", "-c", f"{full} && exec {line} {jobs} || exit 77"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        if done.returncode == 77:
            pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
        assert done.returncode == code, done.stderr
    assert faults(done.stderr) == ""


def test_few_open_files(tmp_path: Path, start: Callable[..., Any], faults: Callable[[str], str]) -> None:
    line = f"{sys.executable} -m quantstudy.cli.app run small.toml --out run --jobs 2"
    for most, code in ((12, 1), (64, 0)):
        done = subprocess.run(
            ["bash", "-c", f"ulimit -n {most}; exec {line}"], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == code, done.stderr
        assert len(faults(done.stderr).splitlines()) == code
        assert ("Too many open files" in done.stderr) == ("ulimit -n" in done.stderr) == (code == 1)


def test_the_number_of_threads_changes_no_bit(
    tmp_path: Path, start: Callable[..., Any], same_records: Callable[[Path], None], tmp_path_factory: Any,
    faults: Callable[[str], str],
) -> None:  # fmt: skip
    for threads in ("1", "2"):
        cache = tmp_path_factory.mktemp("cache")
        session = start(
            "run", "small.toml", "--jobs", "1", "--out", threads, OMP_NUM_THREADS=threads, XDG_CACHE_HOME=str(cache)
        )
        _out, err = session.process.communicate(timeout=120)
        assert (session.process.returncode, faults(err)) == (0, "")
        same_records(tmp_path / threads)


def test_a_truncated_cache_entry_is_one_line(
    tmp_path: Path, start: Callable[..., Any], command: Command, same_records: Callable[[Path], None], own_cache: Path
) -> None:
    assert command(f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {tmp_path}/first")[::2] == (0, "")
    entries = sorted(path for path in own_cache.rglob("*") if path.is_file())
    assert len(entries) == 2
    entries[0].write_bytes(entries[0].read_bytes()[:200])
    code, _, err = command(f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {tmp_path}/second")
    assert code == 0
    assert err == f"quantstudy: cache entry {entries[0]} is damaged: training again\n"
    same_records(tmp_path / "second")
    assert command(f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {tmp_path}/third")[::2] == (0, "")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("change", ["older format", "edited study"])
def test_what_is_not_this_runs_is_refused_and_kept(
    tmp_path: Path, start: Callable[..., Any], command: Command, change: str
) -> None:
    folder = tmp_path / "run"
    line = f"quantstudy run {tmp_path}/small.toml --jobs 1 --out {folder}"
    assert command(line, draw=True)[0] == 0
    name, old, new = {
        "older format": ("manifest.json", f'"format": {FORMAT}', '"format": 0'),
        "edited study": ("study.toml", "seeds = 2", "seeds = 3"),
    }[change]
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    before = contents(folder)
    for again in (line, f"quantstudy run {folder}/study.toml --out {folder}", f"quantstudy report {folder}"):
        code, out, err = command(again)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert "format 0" in err if change == "older format" else "edited" in err
        assert contents(folder) == before
    assert os.path.exists(folder / "verdict.json")
