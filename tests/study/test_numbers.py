"""What changes no numbers: workers, cells; and what one seed and twins give."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from quantstudy.engine import cells
from quantstudy.engine.executors import Workers
from quantstudy.engine.pipeline import run_study
from quantstudy.records.folders import VARIATIONS
from quantstudy.records.run import Run
from quantstudy.show.names import FIGURE_NAMES

SHIPPED = ("pass_share", "pass_low", "drop_bound", "worst", "best_of")


@pytest.mark.slow
def test_two_jobs_give_the_same_bytes(tmp_path: Path, full: Run) -> None:
    executor = Workers(2, "quantstudy.engine.preload")
    try:
        run = run_study(full.config, tmp_path / "run", executor=executor)
    finally:
        executor.shutdown()
    figures = [f"figures/{name}.png" for name in FIGURE_NAMES if name != "engines"]
    records = full.manifest()["files"]
    assert {"metrics.parquet", "maps.npz"} <= {*records}
    for name in (*records, *figures, "verdict.json"):
        assert (run.folder / name).read_bytes() == (full.folder / name).read_bytes(), name


@pytest.mark.slow
def test_more_seeds_than_one_cell(tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch, tiny: Run) -> None:
    monkeypatch.setattr(cells, "SEEDS_PER_CELL", {"train": 2, "measure": 1, "vary": 2, "recover": 1})
    two = tiny.config.with_options(activations=("hardgelu",), seeds=2, quick=False)
    five = two.with_options(seeds=5)
    few, many = run_study(two, tmp_path / "two"), run_study(five, tmp_path / "five")
    singles = ("0-1", "1-2", "2-3", "3-4", "4-5")
    ends = {"measure": singles, "train": ("0-2", "2-4", "4-5"), "vary": ("0-2", "2-4", "4-5")}
    expected = [f"{stage}-hardgelu-{end}" for stage in ends for end in ends[stage]]
    expected += [f"{stage}-hardgelu_uncapped-{end}" for stage in ("train", "vary") for end in ends[stage]]
    expected += [f"recover-hardgelu-w4a4-{end}" for end in singles for _ in ("plain", "polish")]
    keys = [key.rpartition("-")[0] for key in many.manifest()["cells"] if not key.startswith("picture")]
    assert sorted(keys) == sorted(expected)
    for name in VARIATIONS:
        table = many.variation(name)
        assert sorted(table["seed"].unique()) == [0, 1, 2, 3, 4]
        columns = [column for column in table if column not in ("metric", "value")]
        shared = table[table["seed"] < 2].sort_values(columns, kind="stable").reset_index(drop=True)
        other = few.variation(name).sort_values(columns, kind="stable").reset_index(drop=True)
        pd.testing.assert_frame_equal(shared, other, check_categorical=False)
    table = many.metrics()
    assert sorted(table["seed"].unique()) == [0, 1, 2, 3, 4]
    shared = table[table["seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, few.metrics(), check_categorical=False)
    assert len(table) * 2 == len(shared) * 5
    assert {a.shape[0] for a in load_file(many.folder / "weights" / "hardgelu.safetensors").values()} == {5}
    histograms = many.histograms()
    assert not histograms.duplicated(["activation", "layer", "bin_left"]).any()
    assert histograms["count"].sum() == 5 * sum(tiny.config.hidden) * tiny.config.grid**2
    with safe_open(many.folder / "weights" / "hardgelu.safetensors", "numpy") as file:
        assert file.metadata() == {"seeds": "0-4"}


@pytest.mark.slow
def test_one_seed_is_no_ranking(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: Callable[..., Any], inexact: tuple[str, ...]
) -> None:
    out = tmp_path / "one"
    arguments = ("--activations", "relu,hardgelu", "--seeds", "1", "--steps", "40", "--batch", "64", "--grid", "17")
    code = command("run", *arguments, "--hidden", "4,3", "--jobs", "1", "--out", str(out))
    told = capfd.readouterr()
    assert (code, told.err) == (0, "".join(f"quantstudy: {line}\n" for line in inexact))
    verdict = json.loads((out / "verdict.json").read_text())
    for scheme in verdict["schemes"].values():
        assert scheme["winner"] is None
        assert scheme["deployable"] == []
        assert all(row["low"] is None for row in scheme["ranking"])
    rows = [line for line in told.out.splitlines() if line.startswith(("relu ", "hardgelu "))]
    assert len(rows) == 2
    assert all("one seed" in row for row in rows)  # where the intervals would stand
    assert (out / "report.html").exists()


def test_twins_have_the_same_numbers_and_are_tied(tiny: Run) -> None:
    metrics = tiny.metrics()
    twins = [
        metrics[metrics["activation"] == name].drop(columns="activation").reset_index(drop=True)
        for name in ("relu", "relu@1000000")
    ]
    crease = twins[0]["metric"].astype(str).str.startswith("crease")  # the cap adds a bend, which no fold ever crosses
    for column in ("seed", "scheme", "backend", "scope", "layer", "neuron", "metric"):
        pd.testing.assert_series_equal(twins[0][column], twins[1][column], check_categorical=False)
    pd.testing.assert_series_equal(twins[0]["value"][~crease], twins[1]["value"][~crease], check_exact=True)
    pd.testing.assert_series_equal(twins[0]["value"][crease], twins[1]["value"][crease], check_exact=True)
    for name, scheme in tiny.verdict()["schemes"].items():
        rows = {row["activation"]: row for row in scheme["ranking"]}
        first, second = ({**rows[twin], "activation": "", "probability_best": 0} for twin in ("relu", "relu@1000000"))
        if scheme["best"] in ("relu", "relu@1000000"):
            assert scheme["winner"] is None, name
            assert {"relu", "relu@1000000"} <= set(scheme["tied_with"]), name
        assert ("relu" in scheme["tied_with"]) == ("relu@1000000" in scheme["tied_with"]), name
        for key in (*SHIPPED, "mean", "low", "high", "drop", "drop_low", "drop_high", "deployable", "flip_rate"):
            assert first[key] == second[key], (name, key)
