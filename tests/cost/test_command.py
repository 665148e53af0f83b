"""`quantstudy cost` as a person, a program and a run folder see it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS
from quantstudy.config.study import StudyConfig
from quantstudy.cost.counts import counted_cost
from quantstudy.cost.timing import WAYS
from quantstudy.engine import drawing, pipeline
from quantstudy.engine.pipeline import run_study
from quantstudy.errors import StudyFailure
from quantstudy.records.run import Run

Command = Callable[..., Any]
Instant = Callable[..., None]

TIED = StudyConfig(
    name="tied",
    activations=("relu@1000000", "relu", "silu"),
    seeds=2,
    steps=5,
    batch=32,
    grid=9,
    hidden=(3,),
    allowed_drop=1.0,
    assurance=0.2,
    learned=0.0,
    quick=True,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pipeline, "redo", lambda run, **_: None)
        return run_study(TIED, tmp_path_factory.mktemp("runs") / "tied")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "draw_all", lambda run, **_: None)


def test_json_alone_on_standard_output(command: Command, instant: Instant, capfd: pytest.CaptureFixture[str]) -> None:
    instant()
    assert command("cost", "--activations", "swish, relu@3.0,hardgelu_uncapped", "--json") == 0
    told = capfd.readouterr()
    assert told.err == ""
    found = json.loads(told.out)
    assert list(found["activations"]) == ["silu", "relu@3", "hardgelu_uncapped"]


def test_the_table_is_80_columns_wide(command: Command, instant: Instant, capfd: pytest.CaptureFixture[str]) -> None:
    instant()
    assert command("cost") == 0
    told = capfd.readouterr()
    assert told.err == ""
    lines = told.out.splitlines()
    assert sum("one thread" in line for line in lines) == len(WAYS["cpu"])
    assert max(map(len, lines)) <= 80
    for name in DEFAULT_ACTIVATIONS:
        assert sum(line.startswith(f"{name} ") for line in lines) == 1 + len(WAYS["cpu"])
    (relu,) = (line.split() for line in lines if line.startswith("relu ") and "/" in line)
    assert relu[:5] == ["relu", "7.5/7.5", "7.5/7.5", "7.5/7.5", "4/4/4/0"]
    assert "sm_90" in told.out


def test_without_triton_one_line_says_so(command: Command, instant: Instant, capfd: pytest.CaptureFixture[str]) -> None:
    instant(triton=False)
    assert command("cost", "--activations", "relu") == 0
    told = capfd.readouterr()
    assert told.err.splitlines() == [
        "quantstudy: Triton is not installed here (it exists for Linux only): no instructions are counted"
    ]
    assert "-/-" in told.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--activations", "rellu"), "activations: 'rellu' is not allowed; did you mean relu?"),
        (("--activations", "relu,Relu"), "activations: 'Relu' is not allowed; each activation once"),
        (("--activations", ""), "activations: '' is not allowed"),
        (("--activations", "relu@-1"), "activations: 'relu@-1' is not allowed; the cap"),
        (("--out", "."), "out: '.' is not allowed; a run folder is needed"),
        (("--out", "nowhere"), "out: 'nowhere' is not allowed; a run folder is needed"),
        (("--seeds", "3"), "No such option: --seeds"),
        (("relu",), "Got unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...],
    told: str,
    command: Command,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("cost", *arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"quantstudy: {told}")
    assert list(tmp_path.iterdir()) == []


def test_every_run_has_counts_and_they_break_its_ties_in_words(finished: Run, undrawn: None) -> None:
    assert finished.cost() is None  # it was not judged
    run_study(TIED, finished.folder)
    assert finished.cost() == counted_cost(TIED.activations)
    found = finished.verdict()["schemes"]["w4a4"]
    assert {"relu@1000000", "relu"} <= set(found["tied_with"])
    assert found["winner"] is None
    assert found["tie_break"]["cheapest"] == ["relu"]  # it adds 0 bytes, clamp 4
    assert "By counted cost" in found["reason"]
    assert "relu comes first" in found["reason"]


@pytest.mark.slow
def test_what_is_measured_takes_their_place_until_the_folder_is_emptied(
    finished: Run,
    command: Command,
    instant: Instant,
    undrawn: None,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    instant()
    run = Run(tmp_path / "tied", TIED)
    shutil.copytree(finished.folder, run.folder)
    pipeline.redo(run)
    before = run.verdict()["schemes"]["w4a4"]
    assert command("cost", "--out", str(run.folder), "--json") == 0
    table = json.loads(capfd.readouterr().out)
    assert list(table["activations"]) == list(TIED.activations)
    assert table["activations"]["relu"]["mufu_forward"] == 7.5
    assert run.cost() == table
    after = run.verdict()["schemes"]["w4a4"]
    assert after["tie_break"]["by"]["special-function calls"] == 7.5
    assert after["ranking"] == before["ranking"]
    assert run.damaged() == []
    run_study(TIED, run.folder)
    assert command("report", str(run.folder)) == 0
    assert run.cost() == table
    run_study(TIED, run.folder, fresh=True)
    assert run.cost() == counted_cost(TIED.activations)


def test_a_cost_json_that_was_lost_is_made_again_and_the_run_judged_by_it(
    finished: Run, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "figure_files", lambda run: [])
    pipeline.redo(finished)
    (finished.folder / "report.html").touch()
    (finished.folder / "cost.json").unlink()
    (finished.folder / "verdict.json").write_text('{"schemes": {}}')
    run_study(TIED, finished.folder)
    assert finished.cost() == counted_cost(TIED.activations)
    assert finished.verdict()["schemes"]["w4a4"]["tie_break"]["cheapest"] == ["relu"]
    (finished.folder / "report.html").unlink()


def test_the_table_alone_decides_and_no_trait(finished: Run, undrawn: None) -> None:
    entry = {"added_bytes": {"plain": 4.0}, "bounded": False}
    calls = {"relu": 2, "relu@1000000": 1, "silu": 0}
    entries = {name: entry | {"mufu_forward": value} for name, value in calls.items()}
    (finished.folder / "cost.json").write_text(json.dumps({"activations": entries}))
    pipeline.redo(finished)
    for judged in finished.verdict()["schemes"].values():
        tied = [name for name in judged["tied_with"] if name in judged["deployable"]]
        if len(tied) > 1:
            assert judged["tie_break"]["cheapest"] == [min(tied, key=lambda name: calls[name])]


def test_the_activations_asked_for_go_into_the_run(
    finished: Run, command: Command, instant: Instant, undrawn: None
) -> None:
    instant()
    assert command("cost", "--activations", "silu,relu", "--out", str(finished.folder)) == 0
    table = finished.cost()
    assert table is not None
    assert list(table["activations"]) == ["silu", "relu"]
    assert (
        "the cost of relu@1000000 is not counted: quantstudy cost --out RUN measures it"
        in finished.verdict()["schemes"]["w4a4"]["reason"]
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"activations": []}', '{"activations": {"relu": 1}}', "\0"])
def test_a_damaged_cost_json_is_told(finished: Run, text: str, undrawn: None) -> None:
    (finished.folder / "cost.json").write_text(text)
    with pytest.raises(StudyFailure, match=r"cost\.json is damaged; measure again with quantstudy cost --out"):
        pipeline.redo(finished)
    (finished.folder / "cost.json").unlink()
    assert finished.cost() is None


def test_an_unfinished_run_is_refused(
    tmp_path: Path, finished: Run, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("study.toml", "manifest.json"):
        text = (finished.folder / name).read_text().replace('"state": "complete"', '"state": "running"')
        (tmp_path / name).write_text(text)
    assert command("cost", "--out", str(tmp_path)) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("quantstudy: out: ")
    assert "this run is unfinished" in line
    assert not (tmp_path / "cost.json").exists()
