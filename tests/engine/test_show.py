"""A run's page as it is made anew: when it is another one, what a run does between two looks, which files go out."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine import show
from quantstudy.engine.cells import cells
from quantstudy.engine.show import FINISHED, site_of
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.cells import drop_cells
from quantstudy.records.folders import empty_run
from quantstudy.records.run import Run
from quantstudy.records.store import write_json
from quantstudy.show.names import figure_files
from quantstudy.show.page import begun, report
from quantstudy.show.serve import Unavailable
from tests.cli.test_compare import make
from tests.engine.test_begun import STUDY, begin, do

TRAIN = list(cells("train", STUDY, (20,)))
Finish = Callable[[Path], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return begin(tmp_path / "run", STUDY)


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pages that say what they are of; the list grows by each that is made."""
    made: list[str] = []

    def page_text(run: Run, *, served: bool) -> str:
        assert served
        made.append(f"finished {run.folder.name} of {run.config.seeds} √")
        return made[-1]

    def begun_text(run: Run, progress: Any, trained: Any) -> str:
        made.append(f"begun {progress.stages[0].done} {list(trained)}")
        return made[-1]

    monkeypatch.setattr(report, "page_text", page_text)
    monkeypatch.setattr(begun, "begun_text", begun_text)
    return made


@pytest.fixture
def finish(tmp_path: Path) -> Finish:
    """Let a folder hold the finished run of another study of the same activations, drawn."""
    made = make(tmp_path / "made", quick=True)

    def end(folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)
        draw(folder)

    return end


def draw(folder: Path) -> None:
    config = show.look_at(folder).run.config
    (folder / "figures").mkdir(exist_ok=True)
    for path in figure_files(Run(folder, config)):
        path.write_bytes(b"picture")
    anew(folder / "report.html")


def anew(path: Path) -> None:
    """Replace a file by the same, as a run does."""
    beside = path.with_name("beside")
    beside.write_bytes(b"again")
    beside.replace(path)


def test_a_run_is_followed_from_its_beginning_to_its_end(run: Run, finish: Finish, pages: list[str]) -> None:
    site = site_of(run.folder)
    versions, states = [], []

    def look() -> bytes:
        page, state = site.page(), site.state()
        assert page.version == state["version"]
        versions.append(page.version)
        states.append(state)
        return page.body

    assert look() == b"begun 0 []"
    second = [unit for unit in TRAIN if unit.first]
    do(run, second)
    assert look() == f"begun {len(second)} []".encode()
    do(run, TRAIN[:1])
    assert look() == f"begun {len(second) + 1} ['relu']".encode()
    do(run, TRAIN)
    assert look() == f"begun {len(TRAIN)} ['relu', 'gelu', 'hardgelu']".encode()
    finish(run.folder)
    assert look() == "finished run of 12 √".encode()
    # the page is loaded anew for new networks and for the end, not for each part that is done
    assert versions[0] == versions[1]
    assert len(set(versions)) == 4
    assert [state["state"] for state in states] == ["running"] * 4 + ["complete"]
    assert [len(state["progress"]) for state in states] == [5] * 4 + [0]
    assert states[2]["progress"][0] == {
        "stage": "train",
        "done": len(second) + 1,
        "total": len(TRAIN),
        "text": f"training networks: {len(second) + 1} of {len(TRAIN)}",
    }
    assert states[0]["sentence"].startswith("This run is training networks: 0 of ")
    assert states[-1]["sentence"] == FINISHED
    assert [json.loads(json.dumps(state)) for state in states] == states
    assert len(pages) == 5


def test_what_stays_the_same_is_made_once(run: Run, pages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    site, quick = site_of(run.folder), begun.begun_text
    assert pages == []

    def begun_text(*arguments: Any) -> str:
        time.sleep(0.2)  # so that the second asks while it is made for the first
        return quick(*arguments)

    monkeypatch.setattr(begun, "begun_text", begun_text)
    both = threading.Barrier(2)
    found = []

    def ask() -> None:
        both.wait()
        found.append(site.page())

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert len(pages) == 1


def test_a_finished_run_is_another_once_its_page_is_written_again(
    tmp_path: Path, finish: Finish, pages: list[str]
) -> None:
    folder = tmp_path / "run"
    finish(folder)
    site = site_of(folder)
    before = site.page().version
    for name in ("verdict.json", "figures/verdict.png"):  # written on the way there
        shutil.copy(folder / name, folder / "copy")
        (folder / "copy").replace(folder / name)
        assert site.page().version == site.state()["version"] == before
    assert len(pages) == 1
    anew(folder / "report.html")
    assert site.page().version == site.state()["version"] != before
    assert len(pages) == 2


def test_a_measured_run_without_verdict_or_page_is_being_drawn(tmp_path: Path, finish: Finish) -> None:
    folder = tmp_path / "run"
    finish(folder)
    site = site_of(folder)
    figures = figure_files(show.look_at(folder).run)
    (folder / "report.html").unlink()
    total = len(figures) + 2
    drawn = site.state()["progress"][-1]
    assert (drawn["stage"], drawn["done"], drawn["total"]) == ("draw", total - 1, total)
    figures[-1].unlink()
    state = site.state()
    assert state["state"] == "running"
    assert state["progress"][-1]["text"] == f"judging and drawing: {total - 2} of {total}"
    assert state["sentence"].startswith(f"This run is judging and drawing: {total - 2} of {total} files are done.")
    assert site.page().body.startswith(b"begun ")
    anew(folder / "report.html")
    assert site.state()["state"] == "complete"
    (folder / "verdict.json").unlink()
    assert site.state()["state"] == "running"


def test_a_run_that_ends_between_two_reads(run: Run, finish: Finish, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells are gone when they are to be read: the next look finds it finished."""
    do(run, TRAIN)
    site, real = site_of(run.folder), show.trained_of

    def end_first(*arguments: Any) -> Any:
        finish(run.folder)
        return real(*arguments)

    monkeypatch.setattr(show, "trained_of", end_first)
    assert site.page().body.startswith(b"finished")


def test_a_run_that_is_begun_anew(run: Run) -> None:
    do(run, TRAIN)
    site = site_of(run.folder)
    before = site.page()
    drop_cells(run.folder)
    assert site.page().version != before.version
    empty_run(run.folder)
    for ask in (site.page, site.state, lambda: site.file("figures/maps.png")):
        with pytest.raises(Unavailable, match=r"^There is no run to show now: .*run: a run folder is needed"):
            ask()
    begin_again = StudyConfig(activations=("silu",), seeds=1)
    shutil.rmtree(run.folder)
    with pytest.raises(Unavailable, match="a run folder is needed"):
        site.page()
    begin(run.folder, begin_again)
    assert site.state()["progress"][0] == {"stage": "train", "done": 0, "total": 1, "text": "training networks: 0 of 1"}
    assert site.page().body == b"begun 0 []"


def test_cells_that_stay_away_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    do(run, TRAIN)
    site = site_of(run.folder)
    for unit in TRAIN:
        (run.folder / "cells" / unit.key / "weights.safetensors").unlink()
    with pytest.raises(Unavailable, match=r"^The run can't be read now: .*relu\.safetensors: No such file"):
        site.page()
    do(run, TRAIN)
    assert site.page().body.startswith(b"begun")
    with (run.folder / "study.toml").open("a") as study:
        study.write("# edited")
    with pytest.raises(Unavailable, match=r"^There is no run to show now: .*study\.toml: it was edited after the run"):
        site.state()
    (run.folder / "manifest.json").write_text("{")
    with pytest.raises(Unavailable, match=r"^The run can't be shown now: .*manifest\.json is damaged"):
        site.state()


def test_a_file_that_cannot_be_read_is_told_even_without_its_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pyarrow raises it."""

    def broken(*_: Any) -> None:
        raise OSError("Couldn't deserialize thrift")

    site = site_of(run.folder)
    monkeypatch.setattr(show, "page_of", broken)
    with pytest.raises(Unavailable, match=r"^The run can't be shown now: Couldn't deserialize thrift\.$"):
        site.page()


def test_a_look_is_repeated_before_it_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    site, real, failures = site_of(run.folder), show.look_at, [OSError(2, "gone", "x"), KeyError("seeds")]

    def look_at(folder: Path) -> show.Look:
        if failures:
            raise failures.pop()
        return real(folder)

    monkeypatch.setattr(show, "look_at", look_at)
    assert site.state()["state"] == "running"
    failures[:] = [OSError(2, "gone", "x")] * 3
    with pytest.raises(Unavailable):
        site.state()
    assert site.state()["state"] == "running"


def test_a_bug_is_no_look_to_repeat(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(run.folder)
    monkeypatch.setattr(show, "look_at", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        site.state()


def test_only_figures_of_the_run_are_files(tmp_path: Path, finish: Finish) -> None:
    folder = tmp_path / "run"
    finish(folder)
    site = site_of(folder)
    known = [f"figures/{path.name}" for path in figure_files(show.look_at(folder).run)]
    assert "figures/verdict.png" in known
    assert "figures/recover.png" not in known
    (folder / "figures" / "recover.png").write_bytes(b"of no repair")
    (folder / "figures" / "other.png").write_bytes(b"mine")
    for name in known:
        assert site.file(name) == folder / name
    for name in (
        *("figures/recover.png", "figures/other.png", "figures/absent.png", "figures", "figures/", "", "manifest.json"),
        *("report.html", "../run/figures/verdict.png", "figures/../figures/verdict.png", "figures//verdict.png"),
        *(
            "/figures/verdict.png",
            str(folder / "figures" / "verdict.png"),
            "figures\\verdict.png",
            "figures/verdict.png\0",
        ),
        *("./figures/verdict.png", "figures/VERDICT.png", "figures/" + "a" * 5000, "figures/%76erdict.png"),
    ):
        assert site.file(name) is None, name


def test_no_link_leads_out(tmp_path: Path, finish: Finish) -> None:
    folder = tmp_path / "run"
    finish(folder)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(folder)
    for served in (
        folder,
        tmp_path / "link",
        tmp_path / "link" / ".." / "run",
    ):  # where a run lies is its user's affair
        assert site_of(served).file("figures/verdict.png") is not None
    site, figure = site_of(folder), folder / "figures" / "verdict.png"
    for target in (tmp_path / "secret", Path("../../secret"), Path("cause.png"), tmp_path / "nothing", figure):
        figure.unlink()
        figure.symlink_to(target)
        assert site.file("figures/verdict.png") is None, target
    figure.unlink()
    figure.mkdir()
    assert site.file("figures/verdict.png") is None
    figure.rmdir()
    os.mkfifo(figure)
    assert site.file("figures/verdict.png") is None
    (folder / "figures").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "ranges.png").write_bytes(b"secret")
    (folder / "figures").symlink_to(tmp_path / "elsewhere")
    assert site.file("figures/ranges.png") is None


def test_what_is_no_run_is_refused(tmp_path: Path, finish: Finish) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("absent", "file", "empty", "file/below"):
        with pytest.raises(BadInput, match=r"^RUN: '.* is not allowed; a run folder is needed"):
            site_of(tmp_path / name)
    run = begin(tmp_path / "old", STUDY)
    write_json(run.folder / "manifest.json", run.manifest() | {"format": 0})
    with pytest.raises(BadInput, match="it holds a run of format 0"):
        site_of(run.folder)
    run = begin(tmp_path / "edited", STUDY)
    (run.folder / "study.toml").write_text("seeds = 3")
    with pytest.raises(BadInput, match="edited after the run began"):
        site_of(run.folder)
    folder = tmp_path / "damaged"
    finish(folder)
    (folder / "metrics.parquet").write_bytes(b"half")
    with pytest.raises(StudyFailure, match=r"metrics\.parquet is missing or damaged"):
        site_of(folder)


def test_a_record_that_is_damaged_meanwhile_is_told(tmp_path: Path, finish: Finish) -> None:
    folder = tmp_path / "run"
    finish(folder)
    site = site_of(folder)
    whole = (folder / "metrics.parquet").read_bytes()
    (folder / "metrics.parquet").write_bytes(whole[:-9])
    with pytest.raises(Unavailable, match=r"metrics\.parquet is missing or damaged; make it again with quantstudy run"):
        site.page()
    (folder / "metrics.parquet").write_bytes(whole)
    assert site.page().body.startswith(b"finished")
