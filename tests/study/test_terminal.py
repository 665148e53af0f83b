"""What a person or a program sees of a run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.engine.pipeline import run_study
from quantstudy.judge.run import judge_run
from quantstudy.records.run import Run


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_ino) for p in sorted(folder.rglob("*"))}


def no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


@pytest.mark.parametrize("name", ["run", "report"])
def test_json_is_strict_and_alone(
    copy: Run, capfd: pytest.CaptureFixture[str], name: str, undrawn: None, command: Callable[..., Any], tiny: Run
) -> None:
    arguments = ("run", str(copy.folder / "study.toml"), "--out") if name == "run" else ("report",)
    assert command(*arguments, str(copy.folder), "--json") == 0
    told = capfd.readouterr()
    assert told.err == ""
    printed = json.loads(told.out, parse_constant=no_constant)
    assert printed.pop("run") == str(copy.folder)
    assert printed == json.loads((copy.folder / "verdict.json").read_text(), parse_constant=no_constant)
    assert list(printed["schemes"]) == [str(scheme) for scheme in tiny.config.all_schemes]
    for scheme in printed["schemes"].values():
        assert set(scheme) >= {"backend", "ranking", "best", "winner", "tied_with", "deployable", "reason"}
        for row in scheme["ranking"]:
            columns = {"activation", "mean", "low", "high", "drop", "drop_low", "drop_high", "deployable"}
            assert set(row) >= columns
        assert scheme["best"] in tiny.config.activations
        assert scheme["winner"] is None or scheme["winner"] in scheme["deployable"]


def test_the_terminal_shows_the_verdict(
    seven: Run, capfd: pytest.CaptureFixture[str], command: Callable[..., Any]
) -> None:
    before = stamps(seven.folder)
    assert command("run", str(seven.folder / "study.toml"), "--out", str(seven.folder)) == 0
    told = capfd.readouterr()
    assert told.err == ""  # no bars and no colours where nobody sees them
    assert "\x1b" not in told.out
    lines = told.out.splitlines()  # how long and how many for any numbers: tests/cli/test_terminal.py
    assert max(map(len, lines[:-1])) <= 80
    for name in seven.config.activations:
        assert any(name in line for line in lines)
    assert "w5a5" in told.out
    assert str(seven.folder / "report.html") in lines[-1]
    assert stamps(seven.folder) == before


def test_wide_integers_are_said_in_one_line(
    tmp_path: Path, undrawn: None, tiny: Run, torchao_schemes: set[str], inexact: tuple[str, ...]
) -> None:
    told: list[str] = []
    wide = tiny.config.with_options(activations=("relu",), seeds=1, bits=(9, 12))
    run = run_study(wide, tmp_path / "run", notify=told.append)
    assert told == ["bits 9,12: torchao has no integers wider than 8 bits, only the simulated path runs", *inexact]
    metrics = run.metrics()
    real = metrics[metrics["backend"] == "torchao"]["scheme"].astype(str)
    assert set(real) == torchao_schemes - {"w4", "w4a8dyn"}


def test_schemes_by_name_are_studied_beside_those_of_the_widths(
    tmp_path: Path, undrawn: None, tiny: Run, torchao_schemes: set[str], inexact: tuple[str, ...]
) -> None:
    told: list[str] = []
    added = ("w4a8", "wf8af8", "wf8e5m2")
    config = tiny.config.with_options(activations=("relu", "hardgelu"), seeds=2, schemes=added)
    run = run_study(config, tmp_path / "run", notify=told.append)
    lacking = "schemes w4a8,wf8e5m2: torchao has no such configurations, only the simulated path runs"
    assert told == [lacking, *inexact]
    assert list(judge_run(run)["schemes"])[-3:] == list(added)
    metrics = run.metrics()
    assert set(metrics["scheme"].astype(str)) >= set(added)
    assert set(metrics[metrics["backend"] == "torchao"]["scheme"].astype(str)) == torchao_schemes | {"wf8af8"}
    plans = run.plans()
    assert set(plans[plans["scheme"] == "w4a8"]["format"].dropna().astype(str)) == {"int4", "int8"}
    parity = plans[(plans["scheme"] == "wf8af8") & (plans["backend"] == "torchao")]
    assert parity["weights_equal"].dropna().all()
    alone = run_study(config.with_options(schemes=()), tmp_path / "alone", notify=told.append).metrics()
    same = metrics[~metrics["scheme"].astype(str).isin(added)]
    assert same["value"].to_numpy().tobytes() == alone["value"].to_numpy().tobytes()


def test_progress_counts_every_stage(tmp_path: Path, undrawn: None, tiny: Run) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        seen.setdefault(stage, []).append((done, total))

    config = tiny.config.with_options(activations=("relu", "hardgelu"), seeds=1, quick=False)
    run_study(config, tmp_path / "run", progress=progress)
    assert seen == {
        **{stage: [(done, 4) for done in range(5)] for stage in ("train", "vary")},
        **{stage: [(0, 2), (1, 2), (2, 2)] for stage in ("measure", "recover", "picture")},
    }
