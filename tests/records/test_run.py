import errno
import io
import json
import math
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantstudy_kernels.arithmetic import REVISION

from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records import cells, folders
from quantstudy.records.cells import drop_cells, load_cell, store_cell
from quantstudy.records.files import sha256
from quantstudy.records.folders import (
    FORMAT,
    empty_run,
    file_name,
    held_study,
    require_emptiable,
    require_same_study,
    weights_file,
)
from quantstudy.records.run import Run, open_run
from quantstudy.records.store import npz, start_run, write_json, write_manifest, write_records

STUDY = StudyConfig(name="tiny", seeds=2)
OTHER = StudyConfig(name="tiny", seeds=3)


def begun(folder: Path) -> Run:
    folder.mkdir(exist_ok=True)
    return start_run(folder, STUDY, {"commit": None})


def finished(folder: Path) -> Run:
    run = begun(folder)
    digests = write_records(run, {"masks.npz": b"m", "metrics.parquet": b"t", "weights/relu.safetensors": b"w"})
    write_manifest(run, run.manifest() | {"state": "complete", "files": digests})
    return run


def test_a_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert held_study(folder) is None
    assert not folder.exists()
    folder.mkdir()
    assert held_study(folder) is None
    run = start_run(folder, STUDY, {"commit": "abc"})
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "study.toml"]
    text = (folder / "study.toml").read_bytes()
    assert run.manifest() == {
        "format": FORMAT,
        "arithmetic": REVISION,
        "state": "running",
        "study": sha256(text),
        "commit": "abc",
        "cells": {},
        "files": {},
    }
    assert held_study(folder) == STUDY


def test_a_begun_folder_is_taken_up(tmp_path: Path) -> None:
    run = begun(tmp_path)
    write_manifest(run, run.manifest() | {"cells": {"a": {"state": "done"}}})
    again = start_run(tmp_path, STUDY, {"commit": "another"})
    assert again.manifest()["cells"] == {"a": {"state": "done"}}
    assert again.manifest()["commit"] is None


@pytest.mark.parametrize(
    "left",
    [[".lock"], [".study.toml.7.part"], [".lock", ".study.toml.7.part"], ["study.toml"],
     ["study.toml", ".manifest.json.7.part"], ["study.toml", ".manifest.json.7.part", ".lock"]],
)  # fmt: skip
def test_every_moment_of_a_killed_start(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        (tmp_path / name).write_text(STUDY.to_toml() if name == "study.toml" else "half")
    require_same_study(tmp_path, STUDY)
    run = start_run(tmp_path, STUDY, {})
    assert run.manifest()["state"] == "running"
    assert held_study(tmp_path) == STUDY
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("left", [[], [".manifest.json.7.part"], [".lock"]])
def test_a_study_file_alone_is_kept_if_it_is_another_study(tmp_path: Path, left: list[str]) -> None:
    text = f"# mine\n{OTHER.to_toml()}"
    (tmp_path / "study.toml").write_text(text)
    for name in left:
        (tmp_path / name).write_text("")
    for check in (lambda: require_same_study(tmp_path, STUDY), lambda: start_run(tmp_path, STUDY, {})):
        with pytest.raises(BadInput, match="it holds another study"):
            check()
    assert (tmp_path / "study.toml").read_text() == text


@pytest.mark.parametrize("strangers", [["thesis.txt"], ["study.toml", "thesis.txt"], ["metrics.parquet"], ["weights/"]])
def test_a_strangers_folder(tmp_path: Path, strangers: list[str]) -> None:
    for name in strangers:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("mine")
    for refuse in (held_study, lambda folder: start_run(folder, STUDY, {})):
        with pytest.raises(BadInput, match=r"^out: .*a new or empty folder"):
            refuse(tmp_path)
    with pytest.raises(BadInput, match=r"^out: .*--fresh empties run folders only"):
        empty_run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(name.strip("/") for name in strangers)


def test_another_study(tmp_path: Path) -> None:
    begun(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    for check in (lambda: require_same_study(tmp_path, OTHER), lambda: start_run(tmp_path, OTHER, {})):
        with pytest.raises(BadInput, match=r"^out: .*it holds another study.*--fresh"):
            check()
    assert held_study(tmp_path) == STUDY
    assert (tmp_path / "manifest.json").read_bytes() == before
    # another name is another run folder, hence another study as well
    with pytest.raises(BadInput):
        start_run(tmp_path, StudyConfig(name="big", seeds=2), {})


@pytest.mark.parametrize("version", [0, FORMAT + 1, None, "1"])
def test_another_format(tmp_path: Path, version: Any) -> None:
    run = finished(tmp_path)
    write_manifest(run, run.manifest() | {"format": version})
    for refuse in (held_study, open_run):
        with pytest.raises(BadInput, match=f"it holds a run of format {version}, this version writes format {FORMAT}"):
            refuse(tmp_path)


@pytest.mark.parametrize(("field", "says"), [("out", "choose another folder"), ("RUN", "a run is needed")])
def test_a_sweep_is_no_run_of_another_format(tmp_path: Path, field: str, says: str) -> None:
    (tmp_path / "sweep.toml").write_text("")
    (tmp_path / "manifest.json").write_text('{"kind": "sweep"}')
    with pytest.raises(BadInput, match=f"^{field}: .*{says}") as refused:
        held_study(tmp_path, field)
    assert "it holds a sweep" in str(refused.value)


@pytest.mark.parametrize("state", ["running", "complete"])
def test_another_arithmetic(tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(tmp_path)
    write_manifest(run, run.manifest() | {"state": state})
    monkeypatch.setattr(folders, "REVISION", REVISION + 1)
    for refuse in (held_study, open_run, lambda folder: require_same_study(folder, STUDY)):
        with pytest.raises(BadInput, match=f"of arithmetic {REVISION}, this version computes with arithmetic"):
            refuse(tmp_path)
    empty_run(tmp_path)
    assert start_run(tmp_path, STUDY, {}).manifest()["state"] == "running"


def test_an_edited_study(tmp_path: Path) -> None:
    finished(tmp_path)
    path = tmp_path / "study.toml"
    path.write_text(path.read_text() + "# harmless?\n")
    for refuse in (held_study, open_run, lambda folder: start_run(folder, STUDY, {})):
        with pytest.raises(BadInput, match=r"study.toml.*edited after the run began"):
            refuse(tmp_path)
    path.unlink()
    with pytest.raises(BadInput, match="edited"):
        held_study(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\0", '{"format": 1'])
def test_a_damaged_manifest(tmp_path: Path, text: str) -> None:
    finished(tmp_path)
    (tmp_path / "manifest.json").write_text(text)
    for refuse in (held_study, open_run, lambda folder: start_run(folder, STUDY, {})):
        with pytest.raises(StudyFailure, match=r"manifest.json is damaged; --fresh empties the folder"):
            refuse(tmp_path)
    empty_run(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["file", "file/below", "file/much/deeper"])
def test_a_file_instead_of_a_folder(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("mine")
    for refuse in (held_study, empty_run, lambda folder: require_same_study(folder, STUDY)):
        with pytest.raises(BadInput, match=r"^out: .*a folder is needed, and .*/file is a file"):
            refuse(tmp_path / where)


def test_open_run(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    assert open_run(tmp_path / "run") == run
    assert run.damaged() == []
    for absent in (tmp_path / "absent", tmp_path):
        with pytest.raises(BadInput, match=r"^DIR: .*a run folder is needed"):
            open_run(absent)
    begun(tmp_path / "unfinished")
    with pytest.raises(
        BadInput, match=r"^DIR: .*unfinished; finish it with quantstudy run .*unfinished/study.toml --out"
    ):
        open_run(tmp_path / "unfinished")


@pytest.mark.parametrize("name", ["metrics.parquet", "weights/relu.safetensors"])
def test_damage_is_found(tmp_path: Path, name: str) -> None:
    run = finished(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + b"!")
    assert run.damaged() == [name]
    with pytest.raises(StudyFailure, match=f"{name} is missing or damaged; make it again with quantstudy run"):
        open_run(tmp_path)
    path.unlink()
    assert run.damaged() == [name]


def everything(folder: Path) -> Run:
    """A run folder with each kind of file that a run ever leaves."""
    run = finished(folder)
    store_cell(folder, "train-relu-0-2-abc", {"weights.safetensors": b"w"})
    (folder / "cells" / ".measure-relu-0-2-abc.part").mkdir()
    (folder / "cells" / ".measure-relu-0-2-abc.part" / "metrics.parquet").write_text("half")
    (folder / "figures").mkdir()
    (folder / "figures" / "one.png").write_text("png")
    (folder / "recover").mkdir()
    (folder / "recover" / "relu.safetensors").write_text("weights")
    (folder / "figures" / ".two.png.7.part").write_text("half")
    for name in (*folders.OURS, ".metrics.parquet.7.part"):
        (folder / name).touch()
    return run


def test_fresh_removes_what_is_ours(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    everything(folder)
    (tmp_path / "beside").write_text("mine")
    empty_run(folder)
    assert [path.name for path in folder.iterdir()] == [".lock"]
    assert (tmp_path / "beside").exists()
    assert held_study(folder) is None
    empty_run(folder)
    empty_run(tmp_path / "absent")


@pytest.mark.parametrize(
    "stranger",
    ["thesis.txt", "figures/notes.txt", "weights/relu.pt", "recover/relu.pt", "data/", ".git/", "Study.toml"],
)
def test_fresh_refuses_a_folder_with_a_strangers_file(tmp_path: Path, stranger: str) -> None:
    everything(tmp_path)
    (tmp_path / stranger).mkdir() if stranger.endswith("/") else (tmp_path / stranger).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=f"^out: .*--fresh empties run folders only.*also holds {stranger.strip('/')}"):
        empty_run(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("survivors", range(12))
def test_a_fresh_that_is_killed_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survivors: int
) -> None:
    everything(tmp_path)
    left = survivors
    unlink, rmtree = Path.unlink, shutil.rmtree

    def step() -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1

    def unlink_some(self: Path, missing_ok: bool = False) -> None:
        step()
        unlink(self, missing_ok)

    def rmtree_some(path: Path, **_: Any) -> None:
        step()
        rmtree(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink_some)
        patched.setattr(shutil, "rmtree", rmtree_some)
        try:
            empty_run(tmp_path)
        except KeyboardInterrupt:
            assert (tmp_path / "manifest.json").exists()
    require_emptiable(tmp_path)
    empty_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_cells(tmp_path: Path) -> None:
    begun(tmp_path)
    files = {"a.parquet": b"12345", "b.npz": bytes(1000), "empty": b""}
    assert load_cell(tmp_path, "k") is None
    store_cell(tmp_path, "k", files)
    assert load_cell(tmp_path, "k") == files
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["k"]
    store_cell(tmp_path, "k", {"a.parquet": b"other"})
    assert load_cell(tmp_path, "k") == {"a.parquet": b"other"}
    drop_cells(tmp_path)
    assert load_cell(tmp_path, "k") is None
    assert not (tmp_path / "cells").exists()
    drop_cells(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda cell: (cell / "a").write_bytes(b"1234"),
        lambda cell: (cell / "a").write_bytes(b"12346"),
        lambda cell: (cell / "a").unlink(),
        lambda cell: (cell / "digests.json").unlink(),
        lambda cell: (cell / "digests.json").write_text("{"),
        lambda cell: (cell / "digests.json").write_bytes(b"\xff"),
    ],
)
def test_a_damaged_cell_is_not_there(tmp_path: Path, damage: Any) -> None:
    store_cell(tmp_path, "k", {"a": b"12345", "b": b""})
    damage(tmp_path / "cells" / "k")
    assert load_cell(tmp_path, "k") is None
    store_cell(tmp_path, "k", {"a": b"12345"})
    assert load_cell(tmp_path, "k") == {"a": b"12345"}


@pytest.mark.parametrize("fails_at", range(6))
def test_a_cell_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    calls = 0
    fsync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store_cell(tmp_path, "k", {"a": b"1", "b": b"2"})
    assert load_cell(tmp_path, "k") is None
    store_cell(tmp_path, "k", {"a": b"1", "b": b"2"})
    assert load_cell(tmp_path, "k") == {"a": b"1", "b": b"2"}
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["k"]


def test_a_cell_is_on_disk_when_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(cells, "sync_folder", synced.append)
    store_cell(tmp_path, "k", {"a": b"1"})
    assert synced == [tmp_path / "cells"]


def test_npz_bytes_depend_on_the_arrays_only(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"mask": np.eye(5, dtype=bool), "relu/w4/logit": np.arange(6, dtype=np.float32).reshape(2, 3)}
    first = npz(arrays)
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert npz(arrays) == first
    with np.load(io.BytesIO(first)) as stored:
        assert set(stored.files) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(stored[name], array)
            assert stored[name].dtype == array.dtype
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert npz({"mask": ~arrays["mask"]}) != npz({"mask": arrays["mask"]})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_json_is_strict(tmp_path: Path, bad: float) -> None:
    path = tmp_path / "verdict.json"
    write_json(path, {"mean": 0.5, "winner": None})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"mean": [bad]})
    assert json.loads(path.read_text()) == {"mean": 0.5, "winner": None}
    assert [p.name for p in tmp_path.iterdir()] == ["verdict.json"]


NAMES = st.from_regex(r"[a-z_]+(\.[a-z_]+)?(:[a-z_]+)?(@[0-9.]+)?", fullmatch=True)


@given(NAMES, NAMES)
def test_files_are_named_after_activations_without_colons_and_each_by_another_name(one: str, other: str) -> None:
    assert ":" not in file_name(one)
    assert (file_name(one) == file_name(other)) == (one == other)
    assert weights_file(one) == f"weights/{file_name(one)}.safetensors"
