import errno
import fcntl
import os
import pickle
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from quantstudy.cli import app
from quantstudy.errors import StudyFailure
from quantstudy.records import files
from quantstudy.records.files import (
    file_sha256,
    locked,
    opened_atomically,
    resume_command,
    sha256,
    sync_folder,
    write_atomically,
)

HOLD = """
import sys, time
from pathlib import Path
from quantstudy.records.files import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


class Elsewhere:
    """The module os of a system on which a folder can't be opened and to ask for a process would send it a signal."""

    name = "nt"

    def __getattr__(self, name: str) -> Any:
        assert name not in ("kill", "open"), name
        return getattr(os, name)


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_writes_and_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for data in (b"", b"one", bytes(range(256)) * 5000):
        write_atomically(path, data)
        assert path.read_bytes() == data
        assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_what_is_not_synced_asks_no_disk_and_tidies_a_folder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f".other.bin.{platform.node()}.{ended.pid}.part"
    strange = tmp_path / f".other.bin.elsewhere.{ended.pid}.part"
    for path in (left, strange):
        path.touch()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        for data in (b"one", b"two"):
            write_atomically(tmp_path / "a.bin", data, synced=False)
            assert (tmp_path / "a.bin").read_bytes() == data
            assert {path.name for path in tmp_path.iterdir()} == {"a.bin", strange.name}
        patched.setattr(os, "listdir", full)
        write_atomically(tmp_path / "b.bin", b"three", synced=False)
    assert (tmp_path / "b.bin").read_bytes() == b"three"


def test_what_is_written_bit_by_bit_is_seen_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with opened_atomically(path) as file:
        for part in (b"one", b"two"):
            file.write(part)
            file.flush()
            assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"onetwo"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match=r"a\.bin") as told, opened_atomically(path) as file:  # noqa: PT012
        file.write(b"half")
        full()
    assert told.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace"), (Path, "open")])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fail)
        with pytest.raises(type(error)):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    real = Path.open

    def open_small(self: Path, *args: Any, **kwargs: Any) -> Any:
        file = real(self, *args, **kwargs)
        whole = file.write

        class Small:
            def __enter__(self) -> "Small":
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def fileno(self) -> int:
                return int(file.fileno())

            def write(self, data: bytes) -> None:
                whole(data[: len(data) // 2])
                full()

        return Small()

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", open_small)
        with pytest.raises(OSError, match="No space left") as caught:
            write_atomically(path, b"new" * 100)
    assert pickle.loads(pickle.dumps(caught.value)).filename == str(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_the_data_are_on_disk_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
        happened.append("sync folder" if os.path.isdir(target) else f"sync {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def note_replace(self: Path, target: Path) -> Path:
        happened.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_atomically(tmp_path / "a", b"12345")
    assert happened == ["sync 5 bytes", "rename", "sync folder"]


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_the_file(tmp_path: Path) -> None:
    ended, also = (subprocess.Popen([sys.executable, "-c", ""]) for _ in range(2))
    ended.wait()
    also.wait()
    here = platform.node()
    gone = [f".file.txt.{here}.{ended.pid}.part"]
    kept = [
        f".file.txt.{here}.{os.getppid()}.part",  # it may still be writing
        f".file.txt.elsewhere.{ended.pid}.part",  # that machine may
        f".other.txt.{here}.{ended.pid}.part",
        f".file.txt.{here}.x.part",
    ]
    for name in (*gone, *kept):
        (tmp_path / name).write_bytes(b"half")
    held = f".file.txt.{here}.{also.pid}.part"  # a container has processes that are not seen from here
    with (tmp_path / held).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_atomically(tmp_path / "file.txt", b"whole")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, held, "file.txt"])
    (tmp_path / f".file.txt.{here}.{ended.pid}.part").mkdir()  # what can't be removed is no failure
    write_atomically(tmp_path / "file.txt", b"again")
    assert (tmp_path / "file.txt").read_bytes() == b"again"
    assert not (tmp_path / held).exists()


def test_what_is_being_written_is_held(tmp_path: Path) -> None:
    with opened_atomically(tmp_path / "file.txt") as file:
        file.write(b"half")
        (beside,) = tmp_path.glob(".*.part")
        with beside.open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_digests(tmp_path: Path) -> None:
    data = b"quantstudy"
    (tmp_path / "a").write_bytes(data)
    assert file_sha256(tmp_path / "a") == sha256(data)
    assert sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert file_sha256(tmp_path / "absent") == ""


def test_resume_command_is_quoted() -> None:
    assert resume_command(Path("a b")) == "quantstudy run 'a b/study.toml' --out 'a b'"


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_process_is_refused_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(StudyFailure, match="is in use by another run"), locked(tmp_path, pytest.fail):
            pytest.fail("two hold the folder")
    finally:
        ended(process)
    with locked(tmp_path, pytest.fail):
        pass


def test_the_lock_is_let_go_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path, pytest.fail):
        raise ZeroDivisionError
    with locked(tmp_path, pytest.fail):
        pass


def test_other_errors_of_the_lock_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(files.fcntl, "flock", broken)
    with pytest.raises(OSError, match="the disk is broken") as told, locked(tmp_path, pytest.fail):
        pass
    assert told.value.filename == str(tmp_path / ".lock")


NO_LOCKS = ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"]


@pytest.mark.parametrize("name", [*NO_LOCKS, "Windows"])
def test_where_there_are_no_locks_it_goes_on_without_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number = getattr(errno, name, errno.ENOSYS)

    def no_locks(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "fcntl", None) if name == "Windows" else monkeypatch.setattr(
        files.fcntl, "flock", no_locks
    )
    told: list[str] = []
    with locked(tmp_path, told.append):
        write_atomically(tmp_path / "file", b"whole")
    no_second = "start no second run in it while this one goes on"
    assert told == [f"{tmp_path} can't be locked ({os.strerror(number)}): {no_second}"]
    assert (tmp_path / "file").read_bytes() == b"whole"


@pytest.mark.parametrize("name", NO_LOCKS)
def test_a_folder_that_its_file_system_can_not_sync_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def only_files(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(getattr(errno, name), "no folders")

    monkeypatch.setattr(os, "fsync", only_files)
    write_atomically(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_folder_that_is_not_synced_for_another_reason_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as told:
        sync_folder(tmp_path)
    assert told.value.filename == str(tmp_path)


def test_elsewhere_than_on_posix_no_folder_is_opened_and_nobody_is_signalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f".file.{platform.node()}.{ended.pid}.part"
    left.write_bytes(b"half")
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(files, "os", Elsewhere())
    write_atomically(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert left.exists()


def test_run_and_report_on_a_held_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    process = holder(folder)
    try:
        monkeypatch.setattr(sys, "argv", ["quantstudy", "run", "--seeds", "1", "--out", str(folder)])
        started = time.perf_counter()
        with pytest.raises(SystemExit) as left:
            app.main()
        assert time.perf_counter() - started < 10
    finally:
        ended(process)
    assert left.value.code == 1
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err == f"quantstudy: {folder} is in use by another run; wait for it or choose another --out\n"
    assert [path.name for path in folder.iterdir()] == [".lock"]
