"""`quantstudy multiverse`: what goes into its folder, how it is stopped and taken up again, what it refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantstudy.config.multiverse import multiverse_of, read_multiverse
from quantstudy.config.study import StudyConfig
from quantstudy.config.toml import read_toml
from quantstudy.engine import drawing, drive, multiverse, pipeline
from quantstudy.engine.cells import CellStatus
from quantstudy.engine.multiverse import quote, quoting_run, run_multiverse
from quantstudy.engine.swept import SweptCell
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.judge.multiverse import judge_multiverse
from quantstudy.judge.rules import PERMUTATION
from quantstudy.records.files import locked
from quantstudy.records.run import Run, open_run
from quantstudy.words.multiverse import short, with_summary

BASE = StudyConfig(name="small", activations=("relu", "hardgelu"), seeds=2, steps=20, batch=32, grid=9, hidden=(4, 3))
TEXT = """
name = "small"
activations = ["relu", "hardgelu"]
seeds = 2
steps = 20
batch = 32
grid = 9
hidden = [4, 3]

[multiverse]
lr = [0.05]
frequency = [3]
hidden = [[5]]
observer = ["mse"]
metric = ["flip_rate", "heldout_accuracy_quantized"]
"""
SMALL = multiverse_of(
    BASE,
    {"lr": [0.05], "frequency": [3.0], "hidden": [[5]], "observer": ["mse"],
     "metric": ["flip_rate", "heldout_accuracy_quantized"]},
)  # fmt: skip
KEPT = ("multiverse.parquet", "multiverse.json", "study.toml", "figures/multiverse.png")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("multiverses") / "small"
    run_multiverse(SMALL, folder)
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(TEXT)
    return tmp_path / "small.toml"


def test_the_axes_of_a_file_and_the_study_s_own_values(file: Path, made: Path) -> None:
    found = read_multiverse(file)
    assert found == SMALL == read_multiverse(made / "study.toml")
    assert found.lr == (0.05, 0.1)
    assert found.hidden == ((4, 3), (5,))
    assert found.observer == ("minmax", "mse")
    assert found.placement == ("post", "pre", "both")
    assert found.metric == ("heldout_accuracy_quantized", "flip_rate")
    assert [(s.lr, s.hidden, s.quick) for s in found.studies] == [
        (lr, hidden, True) for lr in (0.05, 0.1) for hidden in ((4, 3), (5,))
    ]


def test_the_records(made: Path) -> None:
    run = Run(made, SMALL.base)
    table = run.variation("multiverse")
    assert list(table.columns) == [
        *("lr", "frequency", "hidden", "placement", "observer", "scheme", "activation", "seed", "metric", "value")
    ]
    assert len(table) == 4 * 2 * 2 * 9 * 6  # studies × activations × seeds × (placements × observers) × metrics
    assert set(table["scheme"]) == {"w4a4"}
    assert set(table["hidden"]) == {"4,3", "5"}
    found = json.loads((made / "multiverse.json").read_text())
    judged = judge_multiverse(table, BASE.activations, 2, SMALL.axes, SMALL.own, BASE.learned, PERMUTATION)
    assert found == with_summary(judged)
    assert found["specifications"] == 2 * 2 * 3 * 2 * 2
    assert not (made / "cells").exists()
    manifest = run.manifest()
    assert manifest["state"] == "complete"
    assert list(manifest["seconds"]) == ["multiverse", "gather", "judge", "draw"]
    assert run.damaged() == []


@pytest.mark.slow
def test_the_study_s_own_specification_is_what_the_study_itself_measures(made: Path, tmp_path: Path) -> None:
    run = pipeline.run_study(BASE.with_options(quick=True), tmp_path / "run")
    metrics = run.metrics()
    own = (metrics["scheme"] == "w4a4") & (metrics["backend"] == "simulated") & (metrics["scope"] == "network")
    table = Run(made, SMALL.base).variation("multiverse")
    here = (table["lr"] == 0.1) & (table["hidden"] == "4,3") & (table["placement"] == "post")
    here &= table["observer"] == "minmax"
    keys = ["activation", "seed"]
    for name in ("heldout_accuracy_quantized", "flip_rate", "delta_logit_over_margin"):
        values = [
            part[part["metric"] == name].astype({"activation": str}).set_index(keys)["value"].sort_index()
            for part in (metrics[own], table[here])
        ]
        assert len(values[0]) == 4
        np.testing.assert_array_equal(*values)


@pytest.mark.parametrize("input_bits", [0, 5])
def test_every_row_is_what_its_plan_does(input_bits: int, one_thread: None) -> None:
    import torch

    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.measure.evaluation import subject
    from quantstudy.measure.multiverse import multiverse_rows
    from quantstudy.measure.variation import effects_of
    from quantstudy.networks.stack import initial_stack
    from quantstudy.quantize.plan import build_plan
    from quantstudy.targets.islands import island_masks

    config = BASE.with_options(bits=(3,), input_bits=input_bits, lr=0.07)
    with torch.no_grad():
        stack = initial_stack(parse_activation("silu"), range(2), config.hidden)
        on = subject(stack, range(2), island_masks(range(2), 9, 3.0))
        table = multiverse_rows(on, config).to_pandas()
        assert (set(table["lr"]), set(table["hidden"]), set(table["scheme"])) == ({0.07}, {"4,3"}, {"w3a3"})
        for (placement, observer), part in table.groupby(["placement", "observer"], observed=True):
            how = {"placement": placement, "observer": observer, "input_bits": input_bits}
            plan = build_plan(on.stack, on.maps, config.all_schemes[2], **how)
            assert str(plan.scheme) == "w3a3"
            for name, values in effects_of(on, [plan])[0].items():
                rows = part[part["metric"] == name].sort_values("seed")
                np.testing.assert_array_equal(rows["value"], values)
    measured = table.pivot_table(index=["placement", "observer"], columns="metric", values="value", observed=True)
    assert measured.shape == (9, 4)
    assert measured["delta_logit_over_margin"].nunique() == 9


@pytest.mark.slow
def test_networks_come_from_the_cache(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantstudy.engine import trained as networks

    pipeline.run_study(BASE.with_options(quick=True), tmp_path / "run")
    trained: list[float] = []
    real = networks.train
    monkeypatch.setattr(networks, "train", lambda *of, **how: (trained.append(how["lr"]), real(*of, **how))[1])
    run_multiverse(multiverse_of(BASE, {axis: [value] for axis, value in _own().items()}), tmp_path / "one")
    assert trained == []
    run_multiverse(SMALL, tmp_path / "all")
    assert sorted(trained) == [0.05] * 4 + [0.1] * 2


def _own() -> dict[str, Any]:
    return {"lr": 0.1, "frequency": 3.0, "hidden": [4, 3]}


def test_a_second_run_does_nothing(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    monkeypatch.setattr(pipeline, "run_cell", lambda *_: pytest.fail("a cell was run"))
    told: list[str] = []
    found = run_multiverse(SMALL, copied, notify=told.append)
    assert found == json.loads((copied / "multiverse.json").read_text())
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("*")} == before
    assert told == []


@pytest.mark.parametrize("stage", ["multiverse", "judge", "draw"])
def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    folder, real, done = tmp_path / "run", drive.run_swept, []

    def until(where: str, cell: SweptCell, *how: Any) -> CellStatus:
        if stage == "multiverse" and (cell.activation, cell.config.lr, cell.config.hidden) == ("hardgelu", 0.05, (5,)):
            raise KeyboardInterrupt
        done.append(cell.key)
        return real(where, cell, *how)

    def told(now: str, number: int, of: int) -> None:
        if now == stage in ("judge", "draw"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drive, "run_swept", until)
        with pytest.raises(KeyboardInterrupt):
            run_multiverse(SMALL, folder, progress=told)
    assert len(done) == {"multiverse": 3, "judge": 8, "draw": 8}[stage]

    def rest(where: str, cell: SweptCell, *how: Any) -> CellStatus:
        assert cell.key not in done
        return real(where, cell, *how)

    monkeypatch.setattr(drive, "run_swept", rest)
    run_multiverse(SMALL, folder)
    assert [name for name in KEPT if (folder / name).read_bytes() != (made / name).read_bytes()] == []
    assert not (folder / "cells").exists()


@pytest.mark.parametrize("name", KEPT[:2] + KEPT[3:])
def test_what_is_damaged_or_gone_is_made_again(copied: Path, made: Path, name: str) -> None:
    (copied / name).unlink() if name.endswith("png") else (copied / name).write_bytes(b"{")
    if name.endswith("parquet"):  # what was made of it goes with it
        text = (made / "multiverse.json").read_text()
        (copied / "multiverse.json").write_text(text.replace('"seeds": 2,', '"seeds": 3,'))
    told: list[str] = []
    run_multiverse(SMALL, copied, notify=told.append)
    assert [name for name in KEPT if (copied / name).read_bytes() != (made / name).read_bytes()] == []
    again = f"{copied / 'multiverse.parquet'} is missing or damaged: measuring again"
    assert told == ([again] if name.endswith("parquet") else [])
    if not told:  # the manifest tells what it took at first
        assert (copied / "manifest.json").read_bytes() == (made / "manifest.json").read_bytes()


def test_a_folder_of_another_multiverse_or_of_a_run_is_refused(copied: Path, tmp_path: Path, undrawn: None) -> None:
    other = multiverse_of(BASE, {"lr": [0.07]})
    with pytest.raises(BadInput, match="it holds another multiverse"):
        run_multiverse(other, copied)
    run = pipeline.run_study(BASE.with_options(quick=True), tmp_path / "run")
    for asked in (multiverse_of(BASE), SMALL):
        with pytest.raises(BadInput, match="it holds a run and no multiverse"):
            run_multiverse(asked, run.folder)
    assert run.damaged() == []
    with pytest.raises(BadInput, match="quantstudy multiverse takes this table"):
        pipeline.run_study(BASE, copied)
    with pytest.raises(BadInput, match="multiverse"):
        open_run(copied)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(BadInput, match="a new or empty folder"):
        run_multiverse(SMALL, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]  # not even a lock
    with locked(copied, pytest.fail), pytest.raises(StudyFailure, match="in use"):
        run_multiverse(SMALL, copied)


def test_fresh_empties_the_folder(copied: Path, made: Path) -> None:
    small = multiverse_of(BASE, {**{axis: [value] for axis, value in _own().items()}, "observer": ["minmax"]})
    run_multiverse(small, copied, fresh=True)
    assert read_multiverse(copied / "study.toml") == small
    (copied / "mine.txt").touch()
    with pytest.raises(BadInput, match=r"also holds mine\.txt"):
        run_multiverse(SMALL, copied, fresh=True)


def test_run_refuses_the_table_and_says_who_takes_it(
    file: Path, capfd: pytest.CaptureFixture[str], command: Callable[..., int]
) -> None:
    assert command("run", str(file)) == 2
    assert "quantstudy multiverse takes this table" in capfd.readouterr().err
    with pytest.raises(BadInput, match="multiverse"):
        read_toml(file)


def test_the_command(
    file: Path, copied: Path, capfd: pytest.CaptureFixture[str], command: Callable[..., int], made: Path
) -> None:
    assert command("multiverse", str(file), "--out", str(copied)) == 0
    out = capfd.readouterr().out
    assert "w4a4: held-out accuracy lost against the best of each of 24 ways, mean" in out
    # nothing learns in so few steps; words may lie on two lines
    assert "No activation has learned in any of 48 specifications" in " ".join(out.split())
    assert len(out.splitlines()) < 25
    assert command("multiverse", str(file), "--out", str(copied), "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert told == {"multiverse": str(copied), **json.loads((made / "multiverse.json").read_text())}


def test_an_interrupted_command_says_how_to_go_on(
    file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(drive, "run_swept", interrupt)
    out = tmp_path / "a folder"
    assert command("multiverse", str(file), "--out", str(out), "--jobs", "1", "--fresh") == 130
    told = f"quantstudy: interrupted; go on with: quantstudy multiverse {file} --out '{out}'"
    assert capfd.readouterr().err.splitlines() == [told]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(drawing, "draw_all", lambda run, **_: (run.folder / "report.html").write_text("page"))
    return pipeline.run_study(BASE.with_options(quick=True), tmp_path / "run")


def test_the_verdict_of_the_study_s_own_run_is_made_again(
    run: Run, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = json.loads((made / "multiverse.json").read_text())
    told: list[str] = []
    quoting = quoting_run(run.folder / "study.toml", told.append)
    assert quoting is not None
    assert (quoting.folder, quoting.config) == (run.folder, run.config)
    assert run.multiverse() is None
    redone: list[Path] = []
    real = multiverse.redo
    monkeypatch.setattr(multiverse, "redo", lambda run, **how: (redone.append(run.folder), real(run, **how)))
    for _ in range(2):
        quote(run, found, made)
        assert redone == [run.folder]  # the second time there is nothing to do
    command = f"quantstudy multiverse {run.folder / 'study.toml'} --out {made}"
    assert run.multiverse() == short(found, command)
    (run.folder / "report.html").unlink()  # killed before it was drawn
    quote(run, found, made)
    assert len(redone) == 2
    quote(run, {**found, "seeds": 3}, made)
    assert len(redone) == 3
    with locked(run.folder, pytest.fail), pytest.raises(StudyFailure, match="in use"):
        quote(run, found, made)
    assert told == []
    assert open_run(run.folder) == quoting
    pipeline.run_study(run.config, run.folder, fresh=True)
    assert run.multiverse() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"regret": {"relu": "x"}}', '{"regret": 1}'])
def test_a_damaged_short_form_is_told(run: Run, text: str) -> None:
    (run.folder / "multiverse.json").write_text(text)
    with pytest.raises(StudyFailure, match=r"multiverse\.json is damaged; make it again with quantstudy multiverse"):
        run.multiverse()


def test_what_is_no_finished_run_does_not_quote(run: Run, made: Path, file: Path) -> None:
    told: list[str] = []
    assert quoting_run(file, told.append) is None
    assert quoting_run(made / "study.toml", told.append) is None
    shutil.copy(run.folder / "study.toml", run.folder / "other.toml")
    assert quoting_run(run.folder / "other.toml", told.append) is None
    assert told == []
    manifest = run.manifest()
    (run.folder / "manifest.json").write_text(json.dumps({**manifest, "state": "running"}))
    assert quoting_run(run.folder / "study.toml", told.append) is None
    assert len(told) == 1
    assert "will not quote this" in told[0]
    assert "unfinished" in told[0]
