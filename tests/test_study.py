"""A tiny study end to end."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file
from scipy.special import erf

from quantstudy import cells, cli, show, study
from quantstudy.config import StudyConfig
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.executors import Workers
from quantstudy.records import FORMAT, OUR_FOLDERS, RECORDS, Run, load_cell, open_run
from quantstudy.study import run_study
from quantstudy.tables import HISTOGRAMS, METRICS, PLANS

TINY = StudyConfig(
    name="tiny",
    activations=("relu", "relu@1000000", "hardgelu"),
    seeds=3,
    steps=40,
    batch=64,
    grid=17,
    hidden=(4, 3),
)
SEVEN = StudyConfig(name="seven", seeds=2, steps=60, batch=64, grid=33, hidden=(5, 7, 3), bits=(5,))

Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_study(TINY, tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_study(SEVEN, tmp_path_factory.mktemp("runs") / "seven")


@pytest.fixture
def copy(tiny: Run, tmp_path: Path) -> Run:
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    return Run(tmp_path / "tiny", TINY)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out verdict and figures: a test that looks at numbers only needn't wait for them."""
    monkeypatch.setattr(study, "redo", lambda run, **_: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_ino) for p in sorted(folder.rglob("*"))}


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["quantstudy", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code


# ---------------------------------------------------------------------------------------------------- what it leaves


def test_every_file_of_the_design(tiny: Run) -> None:
    found = {str(p.relative_to(tiny.folder)) for p in tiny.folder.rglob("*") if p.is_file()} - {".lock"}
    figures = {name for name in found if name.startswith("figures/")}
    weights = {f"weights/{name}.safetensors" for name in TINY.activations}
    assert found - figures == {"study.toml", "manifest.json", "verdict.json", "report.html", *RECORDS, *weights}
    assert len(figures) >= 5
    assert all(name.endswith(".png") for name in figures)
    for name in figures:
        assert (tiny.folder / name).read_bytes().startswith(b"\x89PNG")
    assert not set(OUR_FOLDERS) - {"weights", "figures", "cells"}
    assert (tiny.folder / "study.toml").read_text() == TINY.to_toml()


def test_the_manifest(tiny: Run) -> None:
    manifest = tiny.manifest()
    assert manifest["format"] == FORMAT
    assert manifest["state"] == "complete"
    assert manifest["seeds"] == [0, 1, 2]
    assert manifest["device"] in ("cpu", "cuda")
    assert {"python", "torch", "torchao", "numpy", "noise", "quantstudy"} <= set(manifest["versions"])
    assert "commit" in manifest
    assert manifest["processor"]
    assert set(manifest["seconds"]) >= {"train", "measure", "picture"}
    states = {(key.partition("-")[0], state["state"]) for key, state in manifest["cells"].items()}
    assert states == {("train", "done"), ("measure", "done"), ("picture", "done")}
    assert len(manifest["cells"]) == 9
    assert set(manifest["files"]) == {*RECORDS, *(f"weights/{name}.safetensors" for name in TINY.activations)}
    assert tiny.damaged() == []


def test_metrics_have_the_columns_of_the_design(tiny: Run) -> None:
    assert pq.read_schema(tiny.folder / "metrics.parquet").equals(METRICS)
    assert pq.read_schema(tiny.folder / "histograms.parquet").equals(HISTOGRAMS)
    assert pq.read_schema(tiny.folder / "plans.parquet").equals(PLANS)
    assert METRICS.names == ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric", "value"]
    assert HISTOGRAMS.names == ["activation", "layer", "bin_left", "bin_right", "count"]
    metrics = tiny.metrics()
    assert tuple(metrics["activation"].unique()) == TINY.activations
    assert sorted(metrics["seed"].unique()) == [0, 1, 2]
    assert set(metrics["scope"]) == {"network", "layer", "neuron"}
    assert metrics[["activation", "seed", "scheme", "backend", "scope", "metric"]].notna().all(axis=None)
    scope = metrics["scope"].astype(str)
    assert (metrics["layer"].isna() == (scope == "network")).all()
    assert (metrics["neuron"].isna() == (scope != "neuron")).all()
    assert set(metrics["layer"].dropna()) == {0, 1}
    for layer, width in enumerate(TINY.hidden):
        assert set(metrics[metrics["layer"] == layer]["neuron"].dropna()) == set(range(width))
    assert metrics["metric"].str.fullmatch("[a-z0-9_]+").all()
    keys = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric"]
    assert not metrics.duplicated(keys).any()


def test_network_rows_of_every_scheme_and_backend(tiny: Run) -> None:
    metrics = tiny.metrics()
    network = metrics[metrics["scope"] == "network"]
    flips = network[network["metric"] == "flip_rate"]
    found = {tuple(map(str, pair)) for pair in flips[["scheme", "backend"]].drop_duplicates().itertuples(index=False)}
    assert found == {(str(scheme), "simulated") for scheme in TINY.schemes} | {
        (scheme, "torchao") for scheme in ("w4", "w4a8dyn", "w8", "w8a8", "w8a8dyn")
    }
    assert len(flips) == len(found) * TINY.seeds * len(TINY.activations)
    assert flips["value"].between(0, 1).all()
    per_pair = network[network["backend"] != "float"].groupby(["scheme", "backend"], observed=True)["metric"]
    assert len({frozenset(names) for _, names in per_pair}) == 1  # every pair has the same metrics
    for name in ("flip_rate", "boundary_displacement_mean", "accuracy_quantized"):
        assert name in set(network["metric"])


def test_accuracy_float_stands_once(tiny: Run) -> None:
    metrics = tiny.metrics()
    rows = metrics[metrics["metric"] == "accuracy_float"]
    assert list(zip(rows["activation"], rows["seed"], strict=True)) == [
        (name, seed) for name in TINY.activations for seed in range(TINY.seeds)
    ]
    assert set(rows["scheme"]) == set(rows["backend"]) == {"float"}
    assert set(rows["scope"]) == {"network"}
    assert rows["value"].between(0, 1).all()


def test_accuracy_and_drop_fit(tiny: Run) -> None:
    metrics = tiny.metrics()
    network = metrics[metrics["scope"] == "network"]
    wide = network.pivot_table(
        index=["activation", "seed", "scheme", "backend"], columns="metric", values="value", observed=True
    ).reset_index()
    wide = wide[wide["backend"] != "float"]
    before = network[network["metric"] == "accuracy_float"].set_index(["activation", "seed"])["value"]
    expected = before.loc[list(zip(wide["activation"], wide["seed"], strict=True))].to_numpy()
    np.testing.assert_allclose(expected - wide["accuracy_quantized"], wide["accuracy_drop"], atol=1e-12)


def test_histograms_count_every_value(tiny: Run) -> None:
    histograms = tiny.histograms()
    for name in TINY.activations:
        for layer, width in enumerate(TINY.hidden):
            rows = histograms[(histograms["activation"] == name) & (histograms["layer"] == layer)]
            assert rows["count"].sum() == TINY.seeds * width * TINY.grid**2
            assert not rows.duplicated(["bin_left"]).any()
            assert (rows["bin_left"] < rows["bin_right"]).all()


def test_plans_and_parity(tiny: Run) -> None:
    plans = tiny.plans()
    real = plans[plans["backend"] == "torchao"]
    weights = real[real["tensor"].str.endswith("weight")]
    assert len(weights) == 5 * 3 * TINY.seeds * len(TINY.activations)
    assert weights["weights_equal"].all()
    logits = real[real["tensor"] == "logit"]
    assert len(logits) == 5 * TINY.seeds * len(TINY.activations)
    assert logits["flips"].notna().all()
    ours = plans[plans["backend"] == "simulated"]
    assert set(ours["bits"]) == {4, 8}
    # the coordinates stay float, layer 0 is weight-only
    assert "coordinates" not in set(ours["tensor"])
    assert {f"layers.{k}.weight" for k in range(3)} | {"layers.0.output", "layers.1.output"} == set(ours["tensor"])


def test_weights_and_masks(tiny: Run) -> None:
    for name in TINY.activations:
        with safe_open(tiny.folder / "weights" / f"{name}.safetensors", "numpy") as file:
            assert file.metadata() == {"seeds": "0-2"}
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        assert shapes == {
            "layers.0.weight": (3, 4, 2),
            "layers.0.bias": (3, 4),
            "layers.1.weight": (3, 3, 4),
            "layers.1.bias": (3, 3),
            "layers.2.weight": (3, 1, 3),
            "layers.2.bias": (3, 1),
        }
    with np.load(tiny.folder / "masks.npz") as stored:
        assert stored.files == ["mask"]
        mask = stored["mask"]
    assert mask.shape == (3, 17, 17)
    assert mask.dtype == bool
    assert np.all(np.abs(mask.mean(axis=(1, 2)) - 0.5) < 0.01)  # the median splits the plane in halves


def test_maps_show_the_lower_median_seed(tiny: Run) -> None:
    maps, metrics = tiny.maps(), tiny.metrics()
    with np.load(tiny.folder / "masks.npz") as stored:
        masks = stored["mask"]
    chosen = metrics[
        (metrics["metric"] == "flip_rate") & (metrics["scheme"] == "w4a4") & (metrics["backend"] == "simulated")
    ]
    for name in TINY.activations:
        rates = chosen[chosen["activation"] == name].sort_values(["value", "seed"])
        seed = int(maps[f"{name}/seed"])
        assert seed == rates["seed"].iloc[(len(rates) - 1) // 2]
        np.testing.assert_array_equal(maps[f"{name}/target"], masks[seed])
        before = maps[f"{name}/float/logit"] > 0
        after = maps[f"{name}/w4a4/logit"] > 0
        assert (before != after).mean() == pytest.approx(rates["value"].iloc[1], abs=1e-12)


# ------------------------------------------------------------------------------------------- an oracle in plain numpy

ONE = np.float32(1)


def activate(name: str, x: NDArray[np.float32], slope: NDArray[np.float32] | None) -> NDArray[np.float32]:
    zero = np.float32(0)
    match name:
        case "relu" | "relu@1000000":
            out = np.maximum(x, zero)
        case "leaky_relu":
            out = np.where(x > 0, x, np.float32(0.01) * x)
        case "prelu":
            assert slope is not None
            out = np.where(x > 0, x, slope[:, None] * x)
        case "silu":
            out = x / (1 + np.exp(-x.astype(np.float64)))
        case "gelu":
            out = x * 0.5 * (1 + erf(x.astype(np.float64) / np.sqrt(2)))
        case "hardswish":
            out = x * np.clip(x + 3, 0, 6) / 6
        case "hardgelu":
            out = np.minimum(3, np.where(x > 1.5, x, np.where(x < -1.5, 0, x / 3 * (x + 1.5))))
        case _:
            raise AssertionError(name)
    return np.asarray(out, dtype=np.float32)


def rounded(x: NDArray[np.float32], scale: Any, zero: Any, bits: int) -> NDArray[np.float32]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    codes = np.clip(np.rint(x * (ONE / scale)) + zero, low, high)
    return ((codes - zero) * scale).astype(np.float32)


def rounded_weights(w: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    scale = np.abs(w).max(axis=1, keepdims=True) / np.float32((2**bits - 1) / 2)
    return rounded(w, scale, np.float32(0), bits)


def rounded_outputs(values: NDArray[np.float32], of: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    low, high = np.minimum(of.min(), np.float32(0)), np.maximum(of.max(), np.float32(0))
    scale = (high - low) / np.float32(2**bits - 1)
    zero = np.clip(-(2 ** (bits - 1)) - np.rint(low / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return rounded(values, scale, zero.astype(np.float32), bits)


def logits(
    name: str, arrays: Arrays, model: int, grid: int, *, weight_bits: int | None = None, bits: int | None = None
) -> NDArray[np.float32]:
    """The logit [grid, grid] of one model, as DESIGN §4 says it, with no code of the package."""
    centres = ((2 * np.arange(grid) + 1) / grid - 1).astype(np.float32)
    floats = values = np.stack([np.tile(centres, grid), np.repeat(centres, grid)])
    last = max(int(key.split(".")[1]) for key in arrays if key.startswith("layers"))
    for k in range(last + 1):
        w, b = arrays[f"layers.{k}.weight"][model], arrays[f"layers.{k}.bias"][model]
        slope = arrays[f"prelu.{k}.slope"][model] if f"prelu.{k}.slope" in arrays else None
        floats = w @ floats + b[:, None]
        values = (rounded_weights(w, weight_bits) if weight_bits else w) @ values + b[:, None]
        if k < last:
            floats, values = activate(name, floats, slope), activate(name, values, slope)
            values = rounded_outputs(values, floats, bits) if bits else values
    return values.reshape(grid, grid)


@pytest.mark.parametrize("which", ["tiny", "seven"])
def test_an_independent_oracle_gives_the_same_rates(which: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(which)
    grid, b = run.config.grid, run.config.focus_bits
    with np.load(run.folder / "masks.npz") as stored:
        masks = stored["mask"]
    table = run.metrics()
    table = table[(table["scope"] == "network") & table["backend"].isin(["float", "simulated"])]
    value = table.set_index(["activation", "seed", "scheme", "metric"])["value"].sort_index()
    schemes: dict[str, dict[str, int]] = {
        f"w{b}": {"weight_bits": b},
        f"a{b}": {"bits": b},
        f"w{b}a{b}": {"weight_bits": b, "bits": b},
        "w8a8": {"weight_bits": 8, "bits": 8},
    }
    pixel = 1.001 / grid**2
    for name in run.config.activations:
        arrays = load_file(run.folder / "weights" / f"{name}.safetensors")
        for seed in range(run.config.seeds):
            before = logits(name, arrays, seed, grid) > 0
            got = (before == masks[seed]).mean()
            assert got == pytest.approx(value[name, seed, "float", "accuracy_float"], abs=pixel)
            for scheme, widths in schemes.items():
                after = logits(name, arrays, seed, grid, **widths) > 0
                assert (before != after).mean() == pytest.approx(value[name, seed, scheme, "flip_rate"], abs=pixel)
                accuracy = value[name, seed, scheme, "accuracy_quantized"]
                assert (after == masks[seed]).mean() == pytest.approx(accuracy, abs=pixel)
    rates = value.xs("flip_rate", level="metric")
    assert rates.max() > 10 * pixel  # otherwise the comparison would say nothing


def test_training_learns_something(seven: Run) -> None:
    metrics = seven.metrics()
    accuracy = metrics[metrics["metric"] == "accuracy_float"].groupby("activation", observed=True)["value"].mean()
    assert (accuracy > 0.55).all()


# --------------------------------------------------------------------------------------- running and reporting again


def test_a_second_run_returns_at_once_and_rewrites_nothing(copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamps(copy.folder)
    monkeypatch.setattr(study, "run_cell", lambda *_: pytest.fail("a cell was run"))
    told: list[str] = []
    assert run_study(TINY, copy.folder, notify=told.append) == copy
    assert stamps(copy.folder) == before
    assert told == []


def test_a_moved_run_folder_still_opens(copy: Run, tmp_path: Path) -> None:
    copy.folder.rename(tmp_path / "moved")
    assert open_run(tmp_path / "moved").config == TINY


@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_damaged_records_are_told_and_measured_again(copy: Run, tiny: Run, damage: str) -> None:
    path = copy.folder / "metrics.parquet"
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-100])
    told: list[str] = []
    run_study(TINY, copy.folder, notify=told.append)
    assert told == [f"{path} is missing or damaged: measuring again"]
    again, first = contents(copy.folder), contents(tiny.folder)
    assert again.keys() == first.keys()
    assert {name for name in first if again[name] != first[name]} <= {"manifest.json"}  # it holds seconds
    assert copy.damaged() == []


def test_a_deleted_figure_is_drawn_again(copy: Run, tiny: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "run_cell", lambda *_: pytest.fail("a cell was run"))
    figure = sorted((copy.folder / "figures").iterdir())[0]
    figure.unlink()
    seen: list[tuple[str, int, int]] = []
    run_study(TINY, copy.folder, progress=lambda *what: seen.append(what))
    assert contents(copy.folder) == contents(tiny.folder)
    assert seen[:2] == [("judge", 0, 1), ("judge", 1, 1)]
    drawn = len(list((copy.folder / "figures").iterdir())) + 1  # and the page
    assert seen[-1] == ("draw", drawn, drawn)
    assert [done for _, done, _ in seen[2:]] == sorted(done for _, done, _ in seen[2:])


@pytest.mark.parametrize("text", ["", "{", "\0"])
def test_a_damaged_verdict_is_judged_again(copy: Run, tiny: Run, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "draw_all", lambda run, **_: None)
    (copy.folder / "verdict.json").write_text(text)
    run_study(TINY, copy.folder)
    assert (copy.folder / "verdict.json").read_bytes() == (tiny.folder / "verdict.json").read_bytes()


def test_fresh(copy: Run, undrawn: None) -> None:
    other = TINY.with_options(activations=("relu",), bits=(3,))
    with pytest.raises(BadInput, match="another study"):
        run_study(other, copy.folder)
    assert copy.damaged() == []
    run = run_study(other, copy.folder, fresh=True)
    assert run.config == other
    assert run.manifest()["state"] == "complete"
    assert sorted(path.name for path in (copy.folder / "weights").iterdir()) == ["relu.safetensors"]
    assert not (copy.folder / "figures").exists()


def test_fresh_keeps_the_cache(tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantstudy import work

    one = TINY.with_options(activations=("relu",), seeds=1)
    run = run_study(one, tmp_path / "run")
    metrics = (run.folder / "metrics.parquet").read_bytes()
    monkeypatch.setattr(work, "train", lambda *_, **__: pytest.fail("trained again"))
    run_study(one, tmp_path / "run", fresh=True)
    assert (run.folder / "metrics.parquet").read_bytes() == metrics
    # other widths need no training either
    run_study(one.with_options(bits=(3,)), tmp_path / "three")


def test_a_damaged_cache_entry_is_told_and_trained_again(tmp_path: Path, own_cache: Path, undrawn: None) -> None:
    one = TINY.with_options(activations=("relu",), seeds=1)
    first = run_study(one, tmp_path / "first")
    (entry,) = (path for path in own_cache.rglob("*") if path.is_file())
    entry.write_bytes(entry.read_bytes()[:100])
    told: list[str] = []
    second = run_study(one, tmp_path / "second", notify=told.append)
    assert len(told) == 1
    assert "is damaged: training again" in told[0]
    assert (first.folder / "metrics.parquet").read_bytes() == (second.folder / "metrics.parquet").read_bytes()


@pytest.mark.parametrize("stage", ["train", "measure", "picture"])
def test_an_interrupted_run_goes_on(
    tmp_path: Path, undrawn: None, tiny: Run, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    folder, real, done = tmp_path / "run", study.run_cell, []

    def until(where: Path, config: StudyConfig, unit: cells.Cell) -> cells.CellStatus:
        if unit.stage == stage and unit.activation == "relu@1000000":
            raise KeyboardInterrupt
        done.append(unit.key)
        return real(where, config, unit)

    with monkeypatch.context() as patched:
        patched.setattr(study, "run_cell", until)
        with pytest.raises(KeyboardInterrupt):
            run_study(TINY, folder)
    assert done
    assert all(load_cell(folder, key) for key in done)

    def rest(where: Path, config: StudyConfig, unit: cells.Cell) -> cells.CellStatus:
        assert unit.key not in done
        return real(where, config, unit)

    monkeypatch.setattr(study, "run_cell", rest)
    run = run_study(TINY, folder)
    for name in (*RECORDS, *(f"weights/{name}.safetensors" for name in TINY.activations)):
        assert (run.folder / name).read_bytes() == (tiny.folder / name).read_bytes(), name
    assert not (folder / "cells").exists()


def test_a_failing_cell_is_raised_and_the_lock_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise StudyFailure("coverage audit: layers.1 holds float32")

    with monkeypatch.context() as patched:
        patched.setattr(study, "run_cell", fail)
        for _ in range(2):
            with pytest.raises(StudyFailure, match="coverage audit"):
                run_study(TINY, tmp_path / "run")
    assert Run(tmp_path / "run", TINY).manifest()["state"] == "running"


def test_report_builds_the_same_verdict_and_figures(
    copy: Run, tiny: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in (copy.folder / "verdict.json", copy.folder / "report.html", *(copy.folder / "figures").iterdir()):
        path.unlink()
    assert command(monkeypatch, "report", str(copy.folder)) == 0
    assert contents(copy.folder) == contents(tiny.folder)
    assert capfd.readouterr().err == ""


# -------------------------------------------------------------------------------------------- what changes no numbers


def test_two_jobs_give_the_same_bytes(tmp_path: Path, tiny: Run, undrawn: None) -> None:
    executor = Workers(2)
    try:
        run = run_study(TINY, tmp_path / "run", executor=executor)
    finally:
        executor.shutdown()
    for name in (*RECORDS, *(f"weights/{name}.safetensors" for name in TINY.activations)):
        assert (run.folder / name).read_bytes() == (tiny.folder / name).read_bytes(), name


def test_more_seeds_than_one_cell(tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SEEDS_PER_CELL", {"train": 2, "measure": 1})
    two = TINY.with_options(activations=("hardgelu",), seeds=2)
    five = two.with_options(seeds=5)
    few, many = run_study(two, tmp_path / "two"), run_study(five, tmp_path / "five")
    ends = {"measure": ("0-1", "1-2", "2-3", "3-4", "4-5"), "train": ("0-2", "2-4", "4-5")}
    assert sorted(key.rpartition("-")[0] for key in many.manifest()["cells"] if not key.startswith("picture")) == [
        f"{stage}-hardgelu-{end}" for stage in ends for end in ends[stage]
    ]
    table = many.metrics()
    assert sorted(table["seed"].unique()) == [0, 1, 2, 3, 4]
    shared = table[table["seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, few.metrics(), check_categorical=False)
    assert len(table) * 2 == len(shared) * 5
    assert {a.shape[0] for a in load_file(many.folder / "weights" / "hardgelu.safetensors").values()} == {5}
    histograms = many.histograms()
    assert not histograms.duplicated(["activation", "layer", "bin_left"]).any()
    assert histograms["count"].sum() == 5 * sum(TINY.hidden) * TINY.grid**2
    with safe_open(many.folder / "weights" / "hardgelu.safetensors", "numpy") as file:
        assert file.metadata() == {"seeds": "0-4"}


def test_one_seed_is_no_ranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "one"
    arguments = ("--activations", "relu,hardgelu", "--seeds", "1", "--steps", "40", "--batch", "64", "--grid", "17")
    code = command(monkeypatch, "run", *arguments, "--hidden", "4,3", "--jobs", "1", "--out", str(out))
    told = capfd.readouterr()
    assert (code, told.err) == (0, "")
    verdict = json.loads((out / "verdict.json").read_text())
    for scheme in verdict["schemes"].values():
        assert scheme["winner"] is None
        assert scheme["deployable"] == []
        assert all(row["low"] is None for row in scheme["ranking"])
    assert "none (one seed)" in told.out
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
        for key in ("mean", "low", "high", "drop", "drop_low", "drop_high", "deployable", "flip_rate"):
            assert first[key] == second[key], (name, key)


# ------------------------------------------------------------------------------------------------- what a person sees


def no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


@pytest.mark.parametrize("name", ["run", "report"])
def test_json_is_strict_and_alone(
    copy: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, undrawn: None
) -> None:
    arguments = ("run", str(copy.folder / "study.toml"), "--out") if name == "run" else ("report",)
    assert command(monkeypatch, *arguments, str(copy.folder), "--json") == 0
    told = capfd.readouterr()
    assert told.err == ""
    printed = json.loads(told.out, parse_constant=no_constant)
    assert printed.pop("run") == str(copy.folder)
    assert printed == json.loads((copy.folder / "verdict.json").read_text(), parse_constant=no_constant)
    assert list(printed["schemes"]) == [str(scheme) for scheme in TINY.schemes]
    for scheme in printed["schemes"].values():
        assert set(scheme) >= {"backend", "ranking", "best", "winner", "tied_with", "deployable", "reason"}
        for row in scheme["ranking"]:
            columns = {"activation", "mean", "low", "high", "drop", "drop_low", "drop_high", "deployable"}
            assert set(row) >= columns
        assert scheme["best"] in TINY.activations
        assert scheme["winner"] is None or scheme["winner"] in scheme["deployable"]


def test_the_terminal_shows_at_most_25_lines(
    seven: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before = stamps(seven.folder)
    assert command(monkeypatch, "run", str(seven.folder / "study.toml"), "--out", str(seven.folder)) == 0
    told = capfd.readouterr()
    assert told.err == ""  # no bars and no colours where nobody sees them
    assert "\x1b" not in told.out
    lines = told.out.splitlines()
    assert 9 <= len(lines) <= 25
    assert max(map(len, lines)) < 200
    for name in SEVEN.activations:
        assert any(name in line for line in lines)
    assert "w5a5" in told.out
    assert str(seven.folder / "report.html") in lines[-1]
    assert stamps(seven.folder) == before


def test_wide_integers_are_said_in_one_line(tmp_path: Path, undrawn: None) -> None:
    told: list[str] = []
    wide = TINY.with_options(activations=("relu",), seeds=1, bits=(9, 12))
    run = run_study(wide, tmp_path / "run", notify=told.append)
    assert told == ["bits 9,12: torchao has no integers wider than 8 bits, only the simulated path runs"]
    metrics = run.metrics()
    real = metrics[metrics["backend"] == "torchao"]["scheme"].astype(str)
    assert set(real) == {"w8", "w8a8", "w8a8dyn"}


def test_progress_counts_every_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        seen.setdefault(stage, []).append((done, total))

    run_study(TINY.with_options(activations=("relu", "hardgelu"), seeds=1), tmp_path / "run", progress=progress)
    assert seen == {stage: [(0, 2), (1, 2), (2, 2)] for stage in ("train", "measure", "picture")}
