"""`quantstudy report` of a sweep: what is read, what is put beside the cells, what is refused."""

import base64
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from quantstudy.cli import app as command
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.engine.sweep_report import report_sweep
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.judge.sweep import judge_sweep
from quantstudy.records.compacting import compact
from quantstudy.records.objects import Objects, objects_at
from quantstudy.words.sweep import sweep_lines
from tests.judge.sweeps import put, table

SWEEP = Sweep(
    StudyConfig(seeds=8, activations=("relu", "gelu"), bits=(8,), quick=True),
    {"hidden": ((4, 4), (8, 8)), "placement": ("post", "pre")},
)
SECRET = "never-to-be-shown-5f1c"


@pytest.fixture
def store(tmp_path: Path) -> Objects:
    return objects_at(str(tmp_path / "swept"))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Draw a dot in place of every figure; return the axes that were to be drawn."""
    asked: list[str] = []

    def draw(found: Any, entry: Any) -> Figure:
        asked.append(entry["axis"])
        return Figure((0.1, 0.1), dpi=10)

    monkeypatch.setattr("quantstudy.show.figures.sweep.draw.sweep_axis", draw)
    return asked


def files_of(objects: Objects) -> dict[str, bytes]:
    return {name: objects.get(name) or b"" for name, _ in objects.listed("") if not name.startswith("cells/")}


def test_what_is_put_beside_the_cells_is_what_was_found(store: Objects) -> None:
    put(store, SWEEP)
    told: list[tuple[str, int, int]] = []
    found = report_sweep(store, progress=lambda *one: told.append(one))
    judged = json.loads(json.dumps(judge_sweep(table(SWEEP), SWEEP)))
    assert found == {**judged, "summary": sweep_lines(judged)}
    files = files_of(store)
    assert {*files} == {
        *("sweep.toml", "manifest.json", "sweep.json", "report.html"),
        *("figures/width.png", "figures/placement.png"),
    }
    assert json.loads(files["sweep.json"]) == found
    page = files["report.html"].decode()
    for name in ("width", "placement"):
        assert base64.b64encode(files[f"figures/{name}.png"]).decode() in page
    csv = base64.b64decode(
        re.findall(r'download="width.csv" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)[0]
    )
    assert len(csv.decode().splitlines()) == 1 + 2 * 2 * 4
    row = found["axes"][0]["views"][0]["rows"][0]
    assert f"relu,4,w8a8,w8a8,{row['drop']['mean']}," in csv.decode()
    assert told[0] == ("judge", 0, 1)
    assert told[-1] == ("draw", 3, 3)


@pytest.mark.usefixtures("drawn")
def test_the_same_comes_out_again_and_of_compacted_cells(store: Objects) -> None:
    names = put(store, SWEEP)
    report_sweep(store)
    before = files_of(store)
    store.put("figures/old.png", b"of an axis that is no more")
    report_sweep(store)
    assert files_of(store) == before
    compact(store)
    assert store.get(f"cells/{names[0]}.parquet") is None
    report_sweep(store)
    after = files_of(store)
    assert {name: data for name, data in after.items() if not name.startswith("compact/")} == before


@pytest.mark.usefixtures("drawn")
def test_of_a_sweep_that_goes_on_only_what_is_there_is_told(store: Objects) -> None:
    put(store, SWEEP, missing={("gelu", 3), ("relu", 2)})
    found = report_sweep(store)
    assert found["cells"]["found"] == 6
    assert any(line.startswith("Missing: 2 of 8 cells") for line in found["summary"])


@pytest.mark.usefixtures("drawn")
def test_cells_of_other_settings_are_left_out_and_counted(store: Objects) -> None:
    put(store, replace(SWEEP, base=SWEEP.base.with_options(steps=77)))
    put(store, SWEEP)
    lines: list[str] = []
    assert report_sweep(store, notify=lines.append)["cells"]["found"] == 8
    assert lines == [f"{store.where} holds 8 cells of other settings or versions, which are left out"]


@pytest.mark.usefixtures("drawn")
def test_cells_that_were_made_with_other_versions_are_shown(store: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, SWEEP)
    expected = report_sweep(store)
    monkeypatch.setattr("quantstudy.engine.swept.version", lambda name: "0.0")
    lines: list[str] = []
    assert report_sweep(store, notify=lines.append) == expected
    assert lines == [f"{store.where} holds 8 cells of other settings or versions: they are shown"]


@pytest.mark.usefixtures("drawn")
def test_two_cells_with_the_same_settings_are_a_failure(store: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, SWEEP)
    monkeypatch.setattr("quantstudy.engine.swept.version", lambda name: "0.0")
    put(store, SWEEP)
    monkeypatch.setattr("quantstudy.engine.swept.version", lambda name: "0.1")
    with pytest.raises(StudyFailure, match="two cells of one activation have the same settings; run the same sweep"):
        report_sweep(store, notify=lambda line: None)


def test_what_is_no_sweep_is_refused_and_nothing_written(store: Objects, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the place of a sweep is needed"):
        report_sweep(store)
    put(store, SWEEP, kind="tasks")
    with pytest.raises(BadInput, match="this is one of tasks"):
        report_sweep(store)
    store.put("manifest.json", b'{"kind": "sweep"}')
    store.put("sweep.toml", b"activations = [")
    with pytest.raises(BadInput, match="not valid TOML"):
        report_sweep(store)
    store.drop(["sweep.toml"])
    with pytest.raises(BadInput, match=r"sweep\.toml is gone"):
        report_sweep(store)
    empty = objects_at(str(tmp_path / "empty"))
    for name in ("manifest.json", "sweep.toml"):
        empty.put(name, {"manifest.json": b'{"kind": "sweep"}', "sweep.toml": SWEEP.to_toml().encode()}[name])
    with pytest.raises(StudyFailure, match="no cell of this sweep is there yet"):
        report_sweep(empty)
    assert not (tmp_path / "empty" / "report.html").exists()


@pytest.mark.usefixtures("drawn")
def test_a_store_that_refuses_to_be_written_is_judged_all_the_same(
    store: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, SWEEP)

    def refuse(self: object, name: str, data: bytes) -> None:
        raise PermissionError(13, "Permission denied", f"{store.where}/{name}")

    monkeypatch.setattr(type(store), "put", refuse)
    lines: list[str] = []
    assert report_sweep(store, notify=lines.append)["cells"]["found"] == 8
    assert "Permission denied: nothing is written" in lines[0]


@pytest.mark.usefixtures("drawn")
def test_no_credential_reaches_the_page_or_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    objects = objects_at("memory://bucket/swept")
    put(objects, SWEEP)
    found = report_sweep(objects)
    assert SECRET not in json.dumps(found)
    files = files_of(objects)
    assert b"memory://bucket/swept" in files["report.html"]
    assert not [name for name, data in files.items() if SECRET.encode() in data]


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["quantstudy", *arguments])
        with pytest.raises(SystemExit) as left:
            command.main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call


@pytest.mark.usefixtures("drawn")
def test_the_command_takes_a_sweep_and_a_run_alike(store: Objects, called: Callable[..., Any]) -> None:
    put(store, SWEEP)
    code, out, err = called("report", store.where)
    assert (code, err) == (0, "")
    assert out.startswith("Over 4 settings at w8a8: points of accuracy lost")
    assert out.splitlines()[-1] == f"figures and page: {store.where}/report.html"
    code, out, _ = called("report", store.where, "--json")
    assert code == 0
    assert json.loads(out) == {"sweep": store.where, **json.loads(store.get("sweep.json") or b"")}
    code, out, err = called("report", f"{store.where}/cells")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    code, out, err = called("report", "s3://user:password@bucket/x")
    assert (code, out) == (2, "")
    assert "password@" not in err
