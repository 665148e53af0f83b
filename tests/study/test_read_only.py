"""Folders that can't be written, locked or named in text: what is finished is shown, the rest told in one line."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.cli import multiverse as command_file
from quantstudy.cli.terminal import print_verdict
from quantstudy.config.multiverse import multiverse_of, read_multiverse
from quantstudy.engine import multiverse
from quantstudy.engine.compare import compare_runs
from quantstudy.engine.pipeline import redo, run_study
from quantstudy.records import files
from quantstudy.records.run import Run, open_run
from quantstudy.records.store import prepare_folder, write_manifest

Command = Callable[..., Any]
Deny = Callable[[Path, str], None]


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch) -> Deny:
    """Let nothing be written in a folder; root may write where permissions say no, so that they test nothing."""
    real, make = Path.open, Path.mkdir

    def begin(folder: Path, name: str) -> None:
        number = getattr(errno, name)

        def refuse(path: Path) -> None:
            if path.is_relative_to(folder):
                raise OSError(number, os.strerror(number), str(path))

        def open_(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if mode[0] in "awx":
                refuse(self)
            return real(self, mode, *arguments, **options)

        def mkdir(self: Path, *arguments: Any, **options: Any) -> None:
            if not self.exists():
                refuse(self)
            make(self, *arguments, **options)

        monkeypatch.setattr(Path, "open", open_)
        monkeypatch.setattr(Path, "mkdir", mkdir)

    return begin


@pytest.mark.parametrize("name", ["EROFS", "EACCES", "EPERM"])
@pytest.mark.parametrize("line", ["run {0}/study.toml --out {0}", "report {0}", "report {0} --jobs 1"])
def test_a_finished_run_is_shown_as_it_stands(
    copy: Run, deny: Deny, command: Command, capfd: pytest.CaptureFixture[str], name: str, line: str,
    contents: Callable[[Path], dict[str, bytes]],
) -> None:  # fmt: skip
    print_verdict(copy.config, copy.verdict(), copy.folder / "report.html")
    verdict, before = capfd.readouterr().out, contents(copy.folder)
    deny(copy.folder, name)
    arguments = line.format(copy.folder).split()
    assert command(*arguments) == 0
    told = capfd.readouterr()
    reason = os.strerror(getattr(errno, name))
    again = "nothing is judged or drawn again, what follows stands there already"
    assert told.err == f"quantstudy: {copy.folder / '.lock'}: {reason}: {again}\n"
    assert told.out == verdict
    assert command(*arguments, "--json") == 0
    assert json.loads(capfd.readouterr().out) == {"run": str(copy.folder), **copy.verdict()}
    assert contents(copy.folder) == before


def test_one_whose_figures_alone_can_not_be_written_is_shown(
    copy: Run, deny: Deny, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    deny(copy.folder / "figures", "EACCES")
    assert command("report", str(copy.folder), "--jobs", "1") == 0
    told = capfd.readouterr()
    assert told.err.startswith(f"quantstudy: {copy.folder / 'figures'}/")
    assert len(told.err.splitlines()) == 1
    assert str(copy.folder / "report.html") in told.out


ELSEWHERE = "choose another folder with --out, or allow to write there"


@pytest.mark.parametrize("line", ["run {0}/study.toml --out {0} --fresh", "cost --out {0}"])
def test_what_must_write_says_where_it_can_not(
    copy: Run, deny: Deny, command: Command, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    deny(copy.folder, "EROFS")
    assert command(*line.format(copy.folder).split()) == 1
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", f"quantstudy: {copy.folder / '.lock'}: Read-only file system; {ELSEWHERE}\n")


@pytest.mark.parametrize("state", ["unfinished", "damaged", "unjudged"])
def test_what_is_not_finished_is_not_shown(
    copy: Run, deny: Deny, command: Command, capfd: pytest.CaptureFixture[str], state: str
) -> None:
    if state == "unfinished":
        write_manifest(copy, copy.manifest() | {"state": "running"})
    else:
        (copy.folder / ("plans.parquet" if state == "damaged" else "verdict.json")).unlink()
    deny(copy.folder, "EROFS")
    assert command("run", str(copy.folder / "study.toml"), "--out", str(copy.folder)) == 1
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", f"quantstudy: {copy.folder / '.lock'}: Read-only file system; {ELSEWHERE}\n")


def test_an_error_elsewhere_is_none_of_the_folder(
    copy: Run, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere")

    monkeypatch.setattr("quantstudy.cli.run.redo", elsewhere)
    assert command("report", str(copy.folder)) == 1
    assert capfd.readouterr().err == f"quantstudy: /elsewhere: Permission denied; {ELSEWHERE}\n"


def finished_multiverse(copy: Run, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A study file and the folder of its multiverse, as it would stand there, with one number of its own."""
    study, folder = copy.folder / "study.toml", copy.folder.parent / "multiverse"
    asked = read_multiverse(study)
    run = Run(folder, asked.base)
    folder.mkdir()
    prepare_folder(run, asked.to_toml().encode(), {"processor": {}, "seconds": {}})
    write_manifest(run, run.manifest() | {"state": "complete"})
    (folder / "multiverse.json").write_text(json.dumps({"regret": {"relu": 0.5}}))
    monkeypatch.setattr(command_file, "print_multiverse", lambda found, folder: print(found["regret"]))
    return study, folder


def test_a_finished_multiverse_is_shown_as_it_stands(
    copy: Run, deny: Deny, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder = finished_multiverse(copy, monkeypatch)
    monkeypatch.setattr(command_file, "quote", lambda *_, **__: None)
    deny(folder, "EROFS")
    assert command("multiverse", str(study), "--out", str(folder)) == 0
    told = capfd.readouterr()
    assert told.out == "{'relu': 0.5}\n"
    assert told.err.startswith(f"quantstudy: {folder / '.lock'}: Read-only file system: nothing is judged")
    assert command("multiverse", str(study), "--out", str(folder), "--fresh") == 1


def test_an_unfinished_multiverse_is_not_shown(
    copy: Run, deny: Deny, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder = finished_multiverse(copy, monkeypatch)
    run = Run(folder, copy.config)
    write_manifest(run, run.manifest() | {"state": "running"})
    deny(folder, "EROFS")
    assert command("multiverse", str(study), "--out", str(folder)) == 1
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", f"quantstudy: {folder / '.lock'}: Read-only file system; {ELSEWHERE}\n")


def test_a_run_that_can_not_be_written_quotes_no_multiverse(
    copy: Run, deny: Deny, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, folder = finished_multiverse(copy, monkeypatch)
    monkeypatch.setattr(command_file, "run_multiverse", lambda *_, **__: {"regret": {"relu": 0.5}})
    monkeypatch.setattr("quantstudy.words.multiverse.short", lambda found, again: found)
    deny(copy.folder, "EACCES")
    assert command("multiverse", str(study), "--out", str(folder)) == 0
    told = capfd.readouterr()
    assert told.out == "{'relu': 0.5}\n"
    reason = f"{copy.folder / '.lock'}: Permission denied: the verdict in {copy.folder} will not quote this"
    assert told.err == f"quantstudy: {reason}\n"


@pytest.mark.parametrize("line", ["run {0}/study.toml --out {0}", "report {0} --jobs 1", "cost --out {0}"])
def test_where_there_are_no_locks_every_command_goes_on_and_says_so_once(
    copy: Run, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    monkeypatch.setattr("quantstudy.cli.cost.cost_table", lambda *_, **__: {"counted": True, "activations": {}})
    monkeypatch.setattr("quantstudy.cli.cost.print_cost", lambda table: None)
    monkeypatch.setattr("quantstudy.engine.drawing.draw_all", lambda *_, **__: [])
    assert command(*line.format(copy.folder).split()) == 0
    no_second = "start no second run in it while this one goes on"
    assert capfd.readouterr().err == f"quantstudy: {copy.folder} can't be locked (No locks available): {no_second}\n"


def test_the_multiverse_of_a_run_locks_both_folders(copy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "fcntl", None)
    told: list[str] = []
    monkeypatch.setattr(multiverse, "_make_records", lambda *_: None)
    monkeypatch.setattr(multiverse, "_judged", lambda *_: {})
    asked = multiverse_of(copy.config)
    multiverse.run_multiverse(asked, tmp_path / "multiverse", notify=told.append)
    monkeypatch.setattr("quantstudy.words.multiverse.short", lambda found, again: {"regret": {"relu": 0.5}})
    monkeypatch.setattr(multiverse, "redo", lambda *_, **__: None)
    multiverse.quote(copy, {}, tmp_path / "multiverse", notify=told.append)
    assert [line.partition(" can't be locked")[0] for line in told] == [f"{tmp_path}/multiverse", str(copy.folder)]


def test_half_written_cells_of_a_killed_process_are_cleared_away(tmp_path: Path, undrawn: None, tiny: Run) -> None:
    one = tiny.config.with_options(activations=("relu",), seeds=1)
    run = run_study(one, tmp_path / "run")
    left = run.folder / "cells" / ".train-relu-0-1-0123.4711.part"
    left.mkdir(parents=True)
    (left / "weights.safetensors").write_bytes(b"half")
    (left / ".weights.safetensors.host.4711.part").write_bytes(b"half")
    (run.folder / ".verdict.json.host.4711.part").write_bytes(b"half")
    prepare_folder(run, b"", {})
    assert not list(run.folder.rglob("*.part"))


@pytest.mark.parametrize("text", [None, "{", "[]", "", "{}"])
@pytest.mark.parametrize("line", ["compare {0} {0}", "compare {1} {0}"])
def test_a_verdict_that_is_missing_or_damaged_is_told_with_the_way_to_make_it(
    copy: Run, tiny: Run, tmp_path: Path, command: Command, capfd: pytest.CaptureFixture[str], text: str | None,
    line: str,
) -> None:  # fmt: skip
    path = copy.folder / "verdict.json"
    path.unlink() if text is None else path.write_text(text)
    assert command(*line.format(copy.folder, tiny.folder).split(), "--out", str(tmp_path / "out")) == 1
    state = "missing" if text is None else "damaged"
    again = f"make it again with quantstudy report {copy.folder}"
    assert capfd.readouterr().err == f"quantstudy: {path} is {state}; {again}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two\nlines", "two words \N{GRINNING FACE}", "no text \udcff"])
def test_a_folder_of_any_name(
    copy: Run, tmp_path: Path, name: str, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    folder = copy.folder.rename(tmp_path / name)
    before = contents(folder)
    (folder / "verdict.json").unlink()
    found = open_run(folder)
    redo(found)
    compare_runs(found, found, tmp_path / "compared")
    after = contents(folder)
    assert {path for path in before if after[path] != before[path]} == {"report.html"}  # it holds the name
    shutil.rmtree(folder)  # pytest can't


@pytest.mark.parametrize("link", ["nowhere", "itself"])
def test_a_link_that_leads_nowhere_is_no_folder(
    tmp_path: Path, command: Command, capfd: pytest.CaptureFixture[str], link: str
) -> None:
    path = tmp_path / "link"
    path.symlink_to("link" if link == "itself" else "gone")
    for out in (path, path / "below"):
        assert command("run", "--out", str(out)) == 2
        assert f"a folder is needed, and {path} is a link to nothing" in capfd.readouterr().err
    assert [found.name for found in tmp_path.iterdir()] == ["link"]
