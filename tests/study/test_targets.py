"""Studies of every kind of target, recomputed in plain numpy from their weights and data; and what they leave."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from quantstudy.config.study import StudyConfig
from quantstudy.engine import pipeline
from quantstudy.engine.cells import Cell, CellStatus
from quantstudy.engine.learnt import data_of
from quantstudy.engine.pipeline import run_study
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.judge.parity import measured_points
from quantstudy.records.origins import changes
from quantstudy.records.run import Run
from quantstudy.targets.target import Data
from tests.study.test_oracle import activate, rounded_outputs, rounded_weights

SMALL: dict[str, Any] = {
    **{"activations": ("relu", "hardgelu"), "seeds": 2, "steps": 60, "batch": 50, "grid": 20, "hidden": (9, 5)},
    **{"lr": 0.03, "device": "cpu"},
}
BUILT_IN = ("spirals", "glyph", "digits", "texture", "sine")


def stored(folder: Path) -> dict[str, dict[str, Any]]:
    """A user's own targets in a folder, by a word for each."""
    draws = np.random.default_rng(4)
    table = pd.DataFrame(draws.standard_t(2, size=(90, 3)) * [1, 50, 1e-3], columns=["a", "b", "c"])
    # such tails that the ends of a range are often those of a held-out row, with which nothing may be calibrated
    table["kind"] = np.where(table["a"] + table["b"] / 50 > 0.4, "up", np.where(table["a"] > 0, "middle", "down"))
    table["size"] = 3 * table["a"] - table["c"] * 1e3 + 100
    table.drop(columns="size").to_csv(folder / "kinds.csv", index=False)
    table.drop(columns="kind").to_parquet(folder / "sizes.parquet")
    x, y = np.meshgrid(np.linspace(0, 1, 30), np.linspace(0, 1, 18))
    Image.fromarray((255 * np.stack([x, y, (x + y) / 2], axis=-1)).astype(np.uint8)).save(folder / "colours.png")
    (folder / "mine_planes.py").write_text("def disc(x, y):\n    return x * x + y * y < 0.5\n")
    picture, planes = str(folder / "colours.png"), "mine_planes:disc"
    return {
        "classes of a table": {"target": str(folder / "kinds.csv"), "label": "kind"},
        "numbers of a table": {"target": str(folder / "sizes.parquet"), "label": "size", "task": "regression"},
        "light and dark": {"target": f"{picture}:0.4"},
        "colours": {"target": picture, "task": "regression"},
        "a function": {"target": planes},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("targets")


@pytest.fixture(scope="module")
def own(folder: Path) -> dict[str, dict[str, Any]]:
    return stored(folder)


OWN = ("classes of a table", "numbers of a table", "light and dark", "colours", "a function")


@pytest.fixture(params=[*BUILT_IN, *OWN])
def study(
    request: pytest.FixtureRequest, own: dict[str, dict[str, Any]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> StudyConfig:
    monkeypatch.chdir(folder)  # where the user's module lies
    return StudyConfig(**{**SMALL, **own.get(request.param, {"target": request.param})}, quick=True)


def answers(
    name: str, arrays: dict[str, NDArray[Any]], model: int, data: Data, points: NDArray[Any], bits: int | None
) -> NDArray[np.float64]:
    """What the last layer of one network gives at some points, [outputs, points], float or wBaB."""
    inputs = data.training.inputs[min(model, len(data.training.inputs) - 1)]
    seen, values = inputs, points
    last = max(int(key.split(".")[1]) for key in arrays if key.startswith("layers"))
    for k in range(last + 1):
        w, b = arrays[f"layers.{k}.weight"][model], arrays[f"layers.{k}.bias"][model]
        seen = w @ seen + b[:, None]
        values = (rounded_weights(w, bits) if bits else w) @ values + b[:, None]
        if k < last:
            seen, values = activate(name, seen, None), activate(name, values, None)
            values = rounded_outputs(values, seen, bits) if bits else values
    return np.asarray(values, np.float64)


def decided(logits: NDArray[Any]) -> NDArray[Any]:
    return logits[0] > 0 if len(logits) == 1 else logits.argmax(axis=0)


def psnr(outputs: NDArray[Any], labels: NDArray[Any], peak: float) -> float:
    return float(20 * np.log10(peak / np.sqrt(np.square(outputs - labels).mean())))


def test_an_oracle_in_plain_numpy_gives_the_same(study: StudyConfig, tmp_path: Path, undrawn: None) -> None:
    run = run_study(study, tmp_path / "run")
    data = study.entry.make(range(2), grid=study.grid, frequency=study.frequency)
    table = run.metrics()
    table = table[(table["scope"] == "network") & table["backend"].isin(["float", "simulated"])]
    value = table.set_index(["activation", "seed", "scheme", "metric"])["value"].sort_index()
    numbers = study.task == "regression"
    for name in study.activations:
        arrays = load_file(run.folder / "weights" / f"{name}.safetensors")
        for seed in range(2):
            for where, examples in (("", data.measured), ("heldout_", data.heldout)):
                points = examples.inputs[min(seed, len(examples.inputs) - 1)]
                before, after = (answers(name, arrays, seed, data, points, bits) for bits in (None, 4))
                labels, one = examples.labels[seed], value[name, seed]
                if numbers:
                    learnt = data.training.labels[seed]
                    low, high = data.ends or (learnt.min(), learnt.max())
                    peak = float(high) - float(low)
                    for outputs, scheme, column in ((before, "float", "float"), (after, "w4a4", "quantized")):
                        expected = psnr(outputs, labels, peak)
                        assert one[scheme, f"{where}psnr_{column}"] == pytest.approx(expected, abs=0.05)
                else:
                    few = 2.01 / points.shape[1]  # a tie may be rounded apart
                    right = (decided(before) == labels).mean(), (decided(after) == labels).mean()
                    assert one["float", f"{where}accuracy_float"] == pytest.approx(right[0], abs=few)
                    assert one["w4a4", f"{where}accuracy_quantized"] == pytest.approx(right[1], abs=few)
                    if not where:
                        flips = (decided(before) != decided(after)).mean()
                        assert one["w4a4", "flip_rate"] == pytest.approx(flips, abs=few)


def test_what_has_no_plane_is_absent_and_not_undefined(study: StudyConfig, tmp_path: Path, undrawn: None) -> None:
    run = run_study(study.with_options(seeds=1, activations=("relu",)), tmp_path / "run")
    names = set(run.metrics()["metric"])
    of_a_plane = {name for name in names if name.startswith(("boundary_disp", "island", "crease", "fold_complexity"))}
    about = run.manifest()["data"]
    assert bool(of_a_plane) == bool(about["plane"]) == study.has_plane
    assert any(name.startswith("islands_") for name in names) == (study.has_plane and about["outputs"] == 1)
    assert ("psnr_float" in names) == (study.task == "regression") != ("flip_rate" in names)
    assert study.ranked.trivial in names  # its line is halfway between this and the best
    assert ("masks.npz" if about["plane"] and study.task == "classes" else "labels.npz") in run.manifest()["files"]
    points = about["points"]
    assert measured_points(study, run.manifest()) == len(data_of(study, (0,)).measured.inputs[0, 0])
    if study.target in ("spirals", "glyph", "mine_planes:disc", "sine"):
        assert points["trained"] == points["measured"]
    else:
        assert points["trained"] + points["heldout"] == points["measured"]
    if study.target.endswith((".csv", ".parquet")):
        assert len(about["shift"]) == 1
        assert len(about["scale"][0]) == len(about["inputs"]) == 3
        assert about["made_of"]


def test_numbers_are_asked_every_question(tmp_path: Path, undrawn: None) -> None:
    study = StudyConfig(**{**SMALL, "activations": ("gelu", "hardgelu"), "steps": 20, "grid": 9}, target="texture")
    run = run_study(study, tmp_path / "run")
    for name in ("sensitivity", "placement", "cliff", "cause"):
        metrics = set(run.variation(name)["metric"])
        assert {"heldout_psnr_quantized", "heldout_psnr_drop"} <= metrics, name
        assert not {"flip_rate", "accuracy_quantized"} & metrics, name
    shares = run.variation("sensitivity").query("view == 'shapley' and scheme == 'w4a4'")
    total = run.variation("sensitivity").query("view == 'total' and scheme == 'w4a4' and metric == 'psnr_drop'")
    assert set(shares["metric"]) == {"psnr_drop"}
    summed = shares.groupby(["activation", "seed"], observed=True)["value"].sum()
    expected = total.set_index(["activation", "seed"])["value"]
    assert summed.to_numpy() == pytest.approx(expected.loc[summed.index].to_numpy(), abs=1e-9)


def test_a_file_that_changes_is_another_study(folder: Path, tmp_path: Path, undrawn: None) -> None:
    path = tmp_path / "points.csv"
    rows = [f"{x},{x * x % 7},{int(x % 3 > 0)}" for x in range(30)]
    path.write_text("\n".join(["x,y,label", *rows]))
    study = StudyConfig(**{**SMALL, "steps": 5, "seeds": 1}, target=str(path), quick=True)
    first = run_study(study, tmp_path / "run").manifest()

    def run_of(folder: Path) -> Run:
        return Run(folder, study)

    assert run_study(study, tmp_path / "run").manifest()["files"] == first["files"]
    path.write_text("\n".join(["x,y,label", *rows[:-1], "90,3,1"]))
    with pytest.raises(BadInput, match="held other data when it was made; choose another folder"):
        run_study(study, tmp_path / "run")
    assert list(changes(run_of(tmp_path / "run"))) == [
        f"{path} holds other data today than when {tmp_path / 'run'} was made"
    ]
    path.rename(tmp_path / "elsewhere.csv")
    assert list(changes(run_of(tmp_path / "run"))) == []  # a finished run is read without it
    (tmp_path / "elsewhere.csv").rename(path)
    again = run_study(study, tmp_path / "run", fresh=True).manifest()
    assert again["data"]["made_of"] != first["data"]["made_of"]
    assert again["files"] != first["files"]


def test_a_file_that_changes_while_the_study_runs_stops_it(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "points.csv", pipeline.run_cell
    lines = ["x,y,label", *(f"{x},{x * x % 7},{int(x % 3 > 0)}" for x in range(30))]
    path.write_text("\n".join(lines))
    study = StudyConfig(**{**SMALL, "steps": 5, "seeds": 1}, target=str(path), quick=True)

    def run_cell(folder: Path, config: StudyConfig, unit: Cell) -> CellStatus:
        if unit.stage == "measure":
            path.write_text("\n".join(lines[:-1]))
        return real(folder, config, unit)

    monkeypatch.setattr(pipeline, "run_cell", run_cell)
    with pytest.raises(StudyFailure, match=r"points\.csv holds other data now than when the run was begun; run again"):
        run_study(study, tmp_path / "run")


@pytest.mark.parametrize("target", ["nowhere.csv", "nowhere.png", "nowhere:function", "spirits"])
def test_nothing_is_written_for_a_target_that_is_not_there(target: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        run_study(StudyConfig(**SMALL, target=target), tmp_path / "run")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_quantized_inputs_have_their_own_bits(tmp_path: Path, undrawn: None) -> None:
    study = StudyConfig(**{**SMALL, "steps": 5}, target="digits", input_bits=6, quick=True)
    run = run_study(study, tmp_path / "run")
    inputs = run.plans().query("tensor == 'inputs'")
    assert set(inputs["scheme"]) == {"a4", "w4a4", "w4a8dyn", "a8", "w8a8", "w8a8dyn"}
    assert set(inputs["bits"]) == {6}
    assert json.loads((run.folder / "manifest.json").read_text())["data"]["inputs"][0] == "pixel 0,0"
    assert isinstance(run, Run)
