"""Adding seeds until the best is told apart: what is added, when it ends, and that nothing is done twice."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from quantstudy.config.study import StudyConfig
from quantstudy.engine import pipeline, worker
from quantstudy.engine import trained as trained_stacks
from quantstudy.engine.pipeline import run_study
from quantstudy.judge.run import judge_run
from quantstudy.judge.statistics.paired import paired_against_best
from quantstudy.judge.statistics.sequential import anytime_p
from quantstudy.records.run import Run, open_run
from quantstudy.words.summary import in_words

BASE = StudyConfig(
    activations=("relu", "relu@0.000001"), seeds=4, steps=60, batch=64, grid=9, hidden=(3,), quick=True, bits=(8,)
)
CLEAR = BASE.with_options(until_decided=True, max_seeds=36)
TWINS = BASE.with_options(activations=("relu", "relu@1000000"), until_decided=True, max_seeds=21)


HALFWAY = CLEAR.with_options(target="spirals", max_seeds=20)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Which stacks were trained: activation, first seed, seed behind the last."""
    done: list[tuple[str, int, int]] = []
    real = trained_stacks.train

    def watched(stack, seeds, *rest, **options):
        done.append((stack.activation.name, seeds[0], seeds[-1] + 1))
        return real(stack, seeds, *rest, **options)

    monkeypatch.setattr(trained_stacks, "train", watched)
    return done


def accuracies(run: Run, seeds: int) -> np.ndarray:
    table = run.metrics()
    table = table[(table["scheme"] == "w8a8") & (table["backend"] == "simulated")]
    chosen = table[table["metric"] == "heldout_accuracy_quantized"]
    wide = chosen.pivot(index="activation", columns="seed", values="value").reindex(run.config.activations)
    return wide.to_numpy()[:, :seeds]


def test_the_line_of_having_learned_is_found_anew_at_every_look(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[float] = []
    monkeypatch.setattr("quantstudy.judge.decided.decided", lambda *asked: lines.append(asked[2].learned))
    run = run_study(HALFWAY, tmp_path / "run")  # decided returns None, so that all seeds are added
    table = run.metrics()
    table = table[(table["scope"] == "network") & (table["scheme"] == "float")]
    for line, seeds in zip(lines, (4, 20), strict=True):
        part = table[table["seed"] < seeds]
        trivial, best = (
            part[part["metric"] == f"heldout_accuracy_{name}"].groupby("activation", observed=True)["value"].mean()
            for name in ("trivial", "float")
        )
        assert line == pytest.approx((trivial.max() + best.max()) / 2, abs=1e-12)
    assert lines[0] != lines[1]


def test_seeds_are_added_until_the_best_is_told_apart(tmp_path: Path, trained: list, undrawn: None) -> None:
    run = run_study(CLEAR, tmp_path / "run")
    assert (run.config.seeds, run.looks) == (20, (4, 20))  # 4 seeds tell nothing apart, 20 do
    assert sorted(trained) == sorted((name, *ends) for name in CLEAR.activations for ends in ((0, 4), (4, 20)))
    assert paired_against_best(accuracies(run, 4), anytime_p).tied.sum() == 2
    assert paired_against_best(accuracies(run, 20), anytime_p).tied.tolist() == [True, False]
    assert run.manifest()["seeds"] == list(range(20))
    assert np.load(run.folder / "masks.npz")["mask"].shape == (20, 9, 9)
    assert load_file(run.folder / "weights" / "relu.safetensors")["layers.0.weight"].shape == (20, 3, 2)
    seeds = pq.read_table(run.folder / "metrics.parquet", columns=["seed"])["seed"].to_numpy()
    assert np.unique(seeds).tolist() == list(range(20))


@pytest.mark.slow
def test_it_gives_up_at_the_most_seeds(tmp_path: Path, trained: list, undrawn: None) -> None:
    run = run_study(TWINS, tmp_path / "run")
    assert run.looks == (4, 20, 21)
    assert len(trained) == len(set(trained)) == 6
    said = " ".join(in_words(run.config, judge_run(run))["summary"])
    assert "at 21 seeds, as many as were allowed, the best at w8a8 was not yet told apart from all others" in said
    assert "until decided" not in said


def test_who_has_no_finite_value_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, CLEAR)
    values = np.array([np.full(16, 0.9), np.full(16, 0.8), np.full(16, np.nan)])
    for rows, decided in ((values, True), (values[[0, 0, 2]], False), (values[2:], True)):
        monkeypatch.setattr("quantstudy.engine.collect._focus", lambda run, metric, rows=rows: rows)
        assert pipeline.decided(run) is decided


def test_whether_the_best_can_be_deployed_must_be_known_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, CLEAR)
    for every, seeds, decided in ((99, 16, False), (99, 24, True), (2, 24, True), (6, 24, False)):
        ahead = np.array([np.full(seeds, 0.95), np.full(seeds, 0.8)])
        drops = np.where(np.arange(1, seeds + 1) % every == 0, 0.03, 0.01) * np.ones((2, 1))
        tables = {"heldout_accuracy_quantized": ahead, "heldout_accuracy_drop": drops}
        monkeypatch.setattr("quantstudy.engine.collect._focus", lambda run, metric, tables=tables: tables[metric])
        assert pipeline.decided(run) is decided


@pytest.mark.slow
def test_seeds_that_were_added_change_no_number(tmp_path: Path, undrawn: None) -> None:
    added = run_study(CLEAR, tmp_path / "added")
    asked = run_study(BASE.with_options(seeds=20), tmp_path / "asked")
    columns = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric"]
    one, two = (run.metrics().sort_values(columns).reset_index(drop=True) for run in (added, asked))
    assert one.astype(str).equals(two.astype(str))


@pytest.mark.slow
def test_the_verdict_of_a_run_until_decided(tmp_path: Path, contents: Callable[[Path], dict[str, bytes]]) -> None:
    run = run_study(CLEAR, tmp_path / "run")
    verdict = run.verdict()
    assert (verdict["seeds"], verdict["test"]) == (20, "anytime")
    assert any("added until decided" in line for line in verdict["summary"])
    entry = verdict["schemes"]["w8a8"]["ranking"][1]
    values = accuracies(run, 20)
    assert entry["p_holm"] == pytest.approx(anytime_p(values[0] - values[1]))
    again = open_run(run.folder)
    assert again.config == CLEAR.with_options(seeds=20)
    before = contents(run.folder)
    pipeline.redo(again)
    assert contents(run.folder) == before
    run_study(CLEAR, run.folder)  # the same study again finds itself finished
    assert contents(run.folder) == before
    (run.folder / "verdict.json").unlink()
    assert run_study(CLEAR, run.folder).config.seeds == 20  # and judges itself again by all the seeds that it has
    assert contents(run.folder) == before


def test_a_run_that_was_killed_goes_on_at_its_look(
    tmp_path: Path, trained: list, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_study(CLEAR, tmp_path / "whole")
    trained.clear()
    real, calls = pipeline.decided, []

    def killed(run: Run) -> bool:
        calls.append(run.config.seeds)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(run)

    monkeypatch.setattr(pipeline, "decided", killed)
    with pytest.raises(KeyboardInterrupt):
        run_study(CLEAR, tmp_path / "run")
    assert not trained  # the cache has them
    assert (tmp_path / "run" / "study.toml").read_text() == CLEAR.to_toml()
    monkeypatch.setattr(pipeline, "decided", real)
    measured: list[str] = []
    monkeypatch.setitem(worker.STAGES, "measure", lambda *a: measured.append(a[2].key))
    run = run_study(CLEAR, tmp_path / "run")
    assert measured == []
    for name in ("metrics.parquet", "plans.parquet", "masks.npz", "maps.npz"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert json.loads((run.folder / "manifest.json").read_text())["state"] == "complete"


@pytest.mark.slow
def test_the_command_line(command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    small = ("--steps", "20", "--grid", "9", "--hidden", "3", "--activations", "relu,relu@0.000001", "--jobs", "1")
    asked = ("run", *small, "--seeds", "4", "--until-decided", "--max-seeds", "22", "--quick", "--out", str(folder))
    assert command(*asked, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["seeds"] in (20, 22)
    assert "sensitivity" not in verdict
    assert command("run", *small, "--max-seeds", "22", "--out", str(tmp_path / "other")) == 2
    assert "max_seeds: '22' is not allowed; only together with --until-decided" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
