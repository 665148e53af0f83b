"""What a finished run leaves behind."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from quantstudy_kernels.arithmetic import REVISION
from safetensors import safe_open

from quantstudy.records.folders import FORMAT, OUR_FOLDERS, RECORDS
from quantstudy.records.provenance import processor
from quantstudy.records.run import Run
from quantstudy.records.schemas import HISTOGRAMS, METRICS, PLANS

OF_ISLANDS = {*RECORDS} - {"labels.npz", "parity.parquet"}
"""Two classes of a plane are masks; engines run networks when `verify` asks them to."""

REPAIRED = {"recover/hardgelu.w4a4.polish.safetensors"}
"""The networks of the best activation at the focus scheme, polished."""


def test_every_file_of_the_design(full: Run) -> None:
    found = {str(p.relative_to(full.folder)) for p in full.folder.rglob("*") if p.is_file()} - {".lock"}
    figures = {name for name in found if name.startswith("figures/")}
    weights = {f"weights/{name}.safetensors" for name in full.config.activations}
    assert found - figures == {
        "study.toml",
        "manifest.json",
        "cost.json",
        "verdict.json",
        "report.html",
        *OF_ISLANDS,
        *weights,
        *REPAIRED,
    }
    assert len(figures) >= 5
    assert all(name.endswith(".png") for name in figures)
    for name in figures:
        assert (full.folder / name).read_bytes().startswith(b"\x89PNG")
    assert not set(OUR_FOLDERS) - {"weights", "recover", "figures", "cells"}
    assert (full.folder / "study.toml").read_text() == full.config.to_toml()


def test_one_setting_of_each_scheme_is_the_studys_own(full: Run) -> None:
    keys = ("placement", "observer", "weight_observer")
    own = {key: getattr(full.config, key) for key in keys} | {"granularity": "channel", "coordinates": False}
    for scheme, judged in full.verdict()["placement"].items():
        assert len(judged["settings"]) == 57, scheme
        (found,) = (one for one in judged["settings"] if one["default"])
        assert {key: found[key] for key in own} == own


def test_the_manifest(full: Run) -> None:
    manifest = full.manifest()
    assert manifest["format"] == FORMAT
    assert manifest["state"] == "complete"
    assert manifest["seeds"] == [0, 1, 2]
    assert manifest["device"] in ("cpu", "cuda")
    assert {"python", "torch", "torchao", "numpy", "noise", "quantstudy"} <= set(manifest["versions"])
    assert "commit" in manifest
    assert manifest["processor"] == processor()
    assert manifest["arithmetic"] == REVISION
    assert set(manifest["seconds"]) >= {"train", "measure", "picture"}
    states = {(key.partition("-")[0], state["state"]) for key, state in manifest["cells"].items()}
    assert states == {
        ("train", "done"),
        ("measure", "done"),
        ("vary", "done"),
        ("recover", "done"),
        ("picture", "done"),
    }
    assert len(manifest["cells"]) == 3 + 3 + 3 + 3 + 2 * 2 + 2  # controls are trained and varied; plain and polished
    weights = {f"weights/{name}.safetensors" for name in full.config.activations}
    assert set(manifest["files"]) == {*OF_ISLANDS, *weights, *REPAIRED}
    assert list(manifest["recover_seconds"]) == ["w4a4"]
    assert full.damaged() == []


def test_metrics_have_the_columns_of_the_design(tiny: Run) -> None:
    assert pq.read_schema(tiny.folder / "metrics.parquet").equals(METRICS)
    assert pq.read_schema(tiny.folder / "histograms.parquet").equals(HISTOGRAMS)
    assert pq.read_schema(tiny.folder / "plans.parquet").equals(PLANS)
    assert METRICS.names == ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric", "value"]
    assert HISTOGRAMS.names == ["activation", "layer", "bin_left", "bin_right", "count"]
    metrics = tiny.metrics()
    assert tuple(metrics["activation"].unique()) == tiny.config.activations
    assert sorted(metrics["seed"].unique()) == [0, 1, 2]
    assert set(metrics["scope"]) == {"network", "layer", "neuron"}
    assert metrics[["activation", "seed", "scheme", "backend", "scope", "metric"]].notna().all(axis=None)
    scope = metrics["scope"].astype(str)
    assert (metrics["layer"].isna() == (scope == "network")).all()
    assert (metrics["neuron"].isna() == (scope != "neuron")).all()
    assert set(metrics["layer"].dropna()) == {0, 1}
    for layer, width in enumerate(tiny.config.hidden):
        assert set(metrics[metrics["layer"] == layer]["neuron"].dropna()) == set(range(width))
    assert metrics["metric"].str.fullmatch("[a-z0-9_]+").all()
    keys = ["activation", "seed", "scheme", "backend", "scope", "layer", "neuron", "metric"]
    assert not metrics.duplicated(keys).any()


def test_network_rows_of_every_scheme_and_backend(tiny: Run, torchao_schemes: set[str]) -> None:
    metrics = tiny.metrics()
    network = metrics[metrics["scope"] == "network"]
    flips = network[network["metric"] == "flip_rate"]
    found = {tuple(map(str, pair)) for pair in flips[["scheme", "backend"]].drop_duplicates().itertuples(index=False)}
    assert found == {(str(scheme), "simulated") for scheme in tiny.config.all_schemes} | {
        (scheme, "torchao") for scheme in torchao_schemes
    }
    assert len(flips) == len(found) * tiny.config.seeds * len(tiny.config.activations)
    assert flips["value"].between(0, 1).all()
    per_pair = network[network["backend"] != "float"].groupby(["scheme", "backend"], observed=True)["metric"]
    assert len({frozenset(names) for _, names in per_pair}) == 1  # every pair has the same metrics
    for name in ("flip_rate", "boundary_displacement_mean", "accuracy_quantized"):
        assert name in set(network["metric"])


def test_accuracy_float_stands_once(tiny: Run) -> None:
    metrics = tiny.metrics()
    rows = metrics[metrics["metric"] == "accuracy_float"]
    assert list(zip(rows["activation"], rows["seed"], strict=True)) == [
        (name, seed) for name in tiny.config.activations for seed in range(tiny.config.seeds)
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
    for name in tiny.config.activations:
        for layer, width in enumerate(tiny.config.hidden):
            rows = histograms[(histograms["activation"] == name) & (histograms["layer"] == layer)]
            assert rows["count"].sum() == tiny.config.seeds * width * tiny.config.grid**2
            assert not rows.duplicated(["bin_left"]).any()
            assert (rows["bin_left"] < rows["bin_right"]).all()


def test_plans_and_parity(tiny: Run, torchao_schemes: set[str]) -> None:
    plans = tiny.plans()
    real = plans[plans["backend"] == "torchao"]
    weights = real[real["tensor"].str.endswith("weight")]
    assert len(weights) == len(torchao_schemes) * 3 * tiny.config.seeds * len(tiny.config.activations)
    assert weights["weights_equal"].all()
    logits = real[real["tensor"] == "logit"]
    assert len(logits) == len(torchao_schemes) * tiny.config.seeds * len(tiny.config.activations)
    assert logits["flips"].notna().all()
    ours = plans[plans["backend"] == "simulated"]
    assert set(ours["bits"]) == {4, 8}
    # the inputs stay float, layer 0 is weight-only
    assert "inputs" not in set(ours["tensor"])
    assert {f"layers.{k}.weight" for k in range(3)} | {"layers.0.output", "layers.1.output"} == set(ours["tensor"])


def test_weights_and_masks(tiny: Run) -> None:
    for name in tiny.config.activations:
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


def test_maps_show_the_seed_with_the_lower_median_of_the_mean_flip_rates(tiny: Run) -> None:
    maps, metrics = tiny.maps(), tiny.metrics()
    with np.load(tiny.folder / "masks.npz") as stored:
        masks = stored["mask"]
    chosen = metrics[
        (metrics["metric"] == "flip_rate") & (metrics["scheme"] == "w4a4") & (metrics["backend"] == "simulated")
    ]
    means = chosen.groupby("seed")["value"].mean().sort_values(kind="stable")
    seed = means.index[(len(means) - 1) // 2]
    histograms = tiny.histograms()
    for name in tiny.config.activations:
        rate = chosen[(chosen["activation"] == name) & (chosen["seed"] == seed)]["value"].item()
        assert maps[f"{name}/seed"] == seed
        pooled = histograms[histograms["activation"] == name].set_index(["layer", "bin_left"])["count"]
        keys = zip(maps[f"{name}/histogram/layer"], maps[f"{name}/histogram/bin_left"], strict=True)
        assert (pooled[list(keys)].to_numpy() >= maps[f"{name}/histogram/count"]).all()  # one of those that are pooled
        np.testing.assert_array_equal(maps[f"{name}/target"], masks[seed])
        before = maps[f"{name}/float/logit"] > 0
        after = maps[f"{name}/w4a4/logit"] > 0
        assert (before != after).mean() == pytest.approx(rate, abs=1e-12)
