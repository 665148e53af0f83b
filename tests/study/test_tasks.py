"""`quantstudy tasks`: a sweep that is judged, drawn, taken up again, and what is refused."""

import base64
import html
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from quantstudy.config import tasks as config
from quantstudy.config.sweep import Sweep, read_sweep
from quantstudy.config.tasks import BEYOND, CONTROLS, KNOWN, RATES, folder_name, tasks_sweep
from quantstudy.engine import drive
from quantstudy.engine.sweep import run_sweep
from quantstudy.engine.tasks import report_tasks, run_tasks
from quantstudy.errors import BadInput
from quantstudy.judge.tasks import judge_tasks
from quantstudy.records.compacting import compact
from quantstudy.records.objects import objects_at
from quantstudy.words.tasks import with_summary

SAVED = re.compile(r'base64,([^"]*)">Save as (\w+)\.csv')


def tiny(targets: tuple[str, ...] = ("iris", "chirp"), seeds: int = 2) -> Sweep:
    sweep = tasks_sweep(seeds, targets=targets)
    few = ("relu", "hardgelu", "relu@3", "hardgelu_uncapped")
    base = sweep.base.with_options(activations=few, steps=12, batch=16, grid=8, hidden=(4,))
    return replace(sweep, base=base, tune=(0.03, 0.1))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks") / "tiny"
    _, went = run_tasks(tiny(), objects_at(str(folder)))
    assert (went.there, went.made) == (0, 8)
    return folder


def made_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("tasks.json", "figures/tasks.png")}


def test_all_tasks_are_a_sweep_over_targets() -> None:
    sweep = tasks_sweep()
    assert list(sweep.axes) == ["target"]
    assert sweep.axes["target"] == (*KNOWN, *BEYOND)
    assert (sweep.cells, sweep.tune, sweep.base.focus_scheme) == (28 * 12, RATES, "w4a4")
    assert CONTROLS == ("relu@3", "silu@3", "gelu@3", "hardswish@3", "hardgelu_uncapped")
    assert len(BEYOND) - len({"linnerud"}) >= 12
    assert [study.task for study in sweep.studies][6:] == ["classes"] * 12 + ["regression"] * 10
    assert folder_name(sweep).startswith("tasks-")
    assert folder_name(sweep) == folder_name(tasks_sweep(32)) != folder_name(tasks_sweep(31))
    islands = next(sweep.studies)
    assert islands == replace(islands, learned=0.9, hidden=(8, 8, 8))


def test_what_is_written_is_what_the_judge_finds(store: Path) -> None:
    parts = [pq.read_table(path).to_pandas() for path in sorted(store.rglob("cells/**/*.parquet"))]
    rows = pd.concat(parts)
    judged = with_summary(judge_tasks(rows[rows["scheme"].isin(["w4a4", "float"])], tiny()))
    assert json.loads((store / "tasks.json").read_text()) == json.loads(json.dumps(judged))
    assert [entry["target"] for entry in judged["table"]] == ["iris", "chirp"]
    assert all(set(entry["rows"]) == set(tiny().base.activations) for entry in judged["table"])
    rates = {row["lr"] for entry in judged["table"] for row in entry["rows"].values()}
    assert rates <= {0.03, 0.1}
    manifest = json.loads((store / "manifest.json").read_text())
    assert (manifest["kind"], manifest["state"]) == ("tasks", "complete")
    assert read_sweep(store / "sweep.toml") == tiny()


def test_the_page_has_all_numbers(store: Path) -> None:
    page, found = (store / "report.html").read_text(), json.loads((store / "tasks.json").read_text())
    for line in found["summary"]:
        assert line in html.unescape(page).replace("\N{NO-BREAK SPACE}", " ")
    tables = {name: base64.b64decode(text).decode() for text, name in SAVED.findall(page)}
    assert set(tables) == {"over_all_tasks", "tasks", "cause"}
    every = pd.read_csv(io.StringIO(tables["tasks"]))
    for entry in found["table"]:
        for name, row in entry["rows"].items():
            (line,) = every[(every["target"] == entry["target"]) & (every["activation"] == name)].to_dict("records")
            assert line["mean"] == pytest.approx(row["mean"])
            assert line["float"] == pytest.approx(row["float"])
    points = [point for entry in found["cause"]["tasks"] for point in entry["points"]]
    assert pd.read_csv(io.StringIO(tables["cause"]))["multiple"].tolist() == [point["multiple"] for point in points]


def test_it_goes_on_where_it_was_stopped(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made_of(store)
    marker = next((store / "cells" / "activation=relu").rglob("*.json"))
    marker.unlink()
    (store / "tasks.json").unlink()
    _, went = run_tasks(tiny(), objects_at(str(store)))
    assert (went.there, went.made) == (7, 1)
    assert made_of(store) == before


def test_what_is_compacted_says_the_same(store: Path, tmp_path: Path) -> None:
    for path in store.rglob("*.*"):
        (tmp_path / path.relative_to(store)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.relative_to(store)).write_bytes(path.read_bytes())
    objects = objects_at(str(tmp_path))
    compact(objects)
    for name in made_of(tmp_path):
        (tmp_path / name).unlink()
    report_tasks(tiny(), objects)
    assert made_of(tmp_path) == made_of(store)


def test_the_command_line(
    store: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def made(*given: object) -> Sweep:
        asked.append(given)
        return tiny()

    monkeypatch.setattr(config, "tasks_sweep", made)
    monkeypatch.setattr(drive, "run_swept", None)  # everything is there
    before = made_of(store)
    common = ("tasks", "--targets", "iris, chirp", "--seeds", "2", "--bits", "4", "--out", str(store), "--jobs", "1")
    assert command(*common) == 0
    said = capsys.readouterr().out
    assert asked == [(2, 4, ("iris", "chirp"))]
    assert said.startswith("w4a4: lost against the best of each, mean over ")
    assert said.splitlines()[-1] == f"figure and page: {store}/report.html"
    for name in ("relu", "hardgelu"):
        assert any(line.startswith(f"{name} ") for line in said.splitlines())
    assert command(*common, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("tasks") == str(store)
    assert printed == json.loads((store / "tasks.json").read_text())
    assert command(*common, "--dry-run") == 0
    assert "All 8 cells are there" in capsys.readouterr().out
    assert made_of(store) == before


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            ("--targets", "iris,island"),
            "targets: 'island' is not allowed; did you mean islands? allowed: ",
        ),
        (("--seeds", "0"), "seeds: 0 is not allowed; whole numbers from 1 to 10000"),
        (("--bits", "1"), "bits: 1 is not allowed; whole numbers from 2 to 16"),
        (("--bits", "4,8"), "bits: '4,8' is not allowed; whole numbers"),
        (("--jobs", "none"), "jobs: 'none' is not allowed; whole numbers"),
        (("--out", ""), "out: '' is not allowed; the path of a folder, or a URL, is needed"),
        (("--targets", "iris,no.csv"), "is not allowed; there is no such file"),
    ],
)
def test_bad_options_are_told_in_one_line_and_nothing_is_written(
    given: tuple[str, str],
    says: str,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("tasks", *given) == 2
    said = capsys.readouterr().err
    assert says in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_run_is_refused(
    tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.toml").write_text("seeds = 2\n")
    (tmp_path / "manifest.json").write_text("{}")
    assert command("tasks", "--targets", "iris", "--seeds", "1", "--out", str(tmp_path)) == 2
    assert "out: " in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"study.toml", "manifest.json"}


def test_a_folder_of_another_sweep_is_refused_and_one_of_the_same_cells_is_not(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(store, other)
    kept = {path: path.read_bytes() for path in other.rglob("*") if path.is_file()}
    with pytest.raises(BadInput, match=r"^out: .* it holds what quantstudy tasks made"):
        run_sweep(tiny(("iris",)), objects_at(str(other)))
    assert {path: path.read_bytes() for path in other.rglob("*") if path.is_file()} == kept
    assert run_sweep(tiny(), objects_at(str(other))).made == 0
    with pytest.raises(BadInput, match=r"^out: .* it holds what quantstudy sweep made"):
        run_tasks(tiny(("iris",)), objects_at(str(other)))
    assert run_tasks(tiny(), objects_at(str(other)))[1].made == 0
