"""An outside oracle of what decides: from weights and the package noise, and from records with scipy and plain Python.

No code of the package makes the numbers that its records and its verdict are held against.
"""

import json
import math
from fractions import Fraction
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

import noise
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats
from numpy.typing import NDArray
from safetensors.numpy import load_file

from quantstudy.config.study import StudyConfig
from quantstudy.engine import pipeline
from quantstudy.engine.pipeline import run_study
from quantstudy.judge.run import judge_run
from quantstudy.records.run import Run
from tests.study.test_oracle import Arrays, activate, rounded

SEEDS, GRID, FREQUENCY, ALLOWED, ASSURANCE = 16, 21, 3.0, 0.02, 0.5
NAMES = ("relu", "prelu", "hardgelu")
STUDY = StudyConfig(
    name="shipping", activations=NAMES, seeds=SEEDS, steps=150, batch=64, grid=GRID, hidden=(6, 5), frequency=FREQUENCY,
    allowed_drop=ALLOWED, assurance=ASSURANCE, learned=0.5,
)  # fmt: skip
SHIPPED = ("pass_share", "pass_low", "drop_bound", "worst")
Values = dict[tuple[str, str, str], list[float]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pipeline, "redo", lambda run, **_: None)
        return run_study(STUDY, tmp_path_factory.mktemp("runs") / "shipping")


@pytest.fixture(scope="module")
def verdict(run: Run) -> dict[str, Any]:
    found = judge_run(run)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


@pytest.fixture(scope="module")
def values(run: Run) -> Values:
    """Values per seed of every metric, scheme and activation."""
    table = pq.read_table(run.folder / "metrics.parquet").to_pandas()
    table = table[(table["scope"] == "network") & table["backend"].isin(["simulated", "float"])]
    table = table[table["metric"].str.startswith("heldout")].astype({"metric": str, "scheme": str, "activation": str})
    found = {key: part.sort_values("seed") for key, part in table.groupby(["metric", "scheme", "activation"])}
    assert all(part["seed"].tolist() == list(range(SEEDS)) for part in found.values())
    return {key: part["value"].tolist() for key, part in found.items()}


def islands(seed: int) -> NDArray[np.bool_]:
    """The target at the held-out points, half a pixel beside the centres: sea level is the median over the centres."""
    random = np.random.Generator(np.random.Philox(key=np.array([seed, 0], dtype=np.uint64)))
    dx, dy = random.uniform(0.0, 256.0, size=2)

    def height(places: NDArray[np.float32]) -> NDArray[np.float64]:
        cells = (places.astype(np.float64) + 1) / 2 * FREQUENCY
        return np.array([[noise.pnoise2(dx + x, dy + y) for x in cells] for y in cells])

    centres = np.array([(2 * k + 1) / GRID - 1 for k in range(GRID)], dtype=np.float32)
    between = np.array([(2 * k + 2) / GRID - 1 for k in range(GRID)], dtype=np.float32)
    return np.asarray(height(between) > np.median(height(centres)))


def decisions(name: str, arrays: Arrays, model: int, plan: pd.DataFrame | None = None) -> NDArray[np.bool_]:
    """What a network decides at the held-out points, quantized by the scales of a plan where there is one."""
    between = np.array([(2 * k + 2) / GRID - 1 for k in range(GRID)], dtype=np.float32)
    x = np.stack([np.tile(between, GRID), np.repeat(between, GRID)])
    for k in range(3):
        w, b = arrays[f"layers.{k}.weight"][model], arrays[f"layers.{k}.bias"][model]
        slope = arrays[f"prelu.{k}.slope"][model] if f"prelu.{k}.slope" in arrays else None
        x = planned(w, plan, f"layers.{k}.weight") @ x + b[:, None]
        if k < 2:
            x = planned(activate(name, x, slope), plan, f"layers.{k}.output")
    return np.asarray(x.reshape(GRID, GRID) > 0)


def planned(x: NDArray[np.float32], plan: pd.DataFrame | None, tensor: str) -> NDArray[np.float32]:
    rows = plan[plan["tensor"] == tensor] if plan is not None else []
    if plan is None or not len(rows):
        return x
    rows = rows.sort_values("channel")
    scale, zero = (rows[key].to_numpy(np.float32)[:, None] for key in ("scale", "zero_point"))
    return rounded(x, scale, zero, int(rows["bits"].iloc[0]))


def test_held_out_accuracies_from_weights_and_noise(run: Run, values: Values) -> None:
    plans = pq.read_table(run.folder / "plans.parquet").to_pandas()
    plans = plans[plans["backend"] == "simulated"]
    masks = [islands(seed) for seed in range(SEEDS)]
    even = np.add.outer(np.arange(GRID), np.arange(GRID)) % 2 == 0
    apart = {"float": 0.0, "quantized": 0.0}
    for name in NAMES:
        arrays = load_file(run.folder / "weights" / f"{name}.safetensors")
        for seed, mask in enumerate(masks):
            right = (decisions(name, arrays, seed) == mask).mean()
            recorded = values["heldout_accuracy_float", "float", name][seed]
            apart["float"] = max(apart["float"], abs(right - recorded))
            for scheme in ("w4", "a4", "w4a4", "w8a8"):
                chosen = (plans["activation"] == name) & (plans["seed"] == seed) & (plans["scheme"] == scheme)
                fine = decisions(name, arrays, seed, plans[chosen]) == mask
                metric = "heldout_accuracy_quantized"
                measured = {metric: fine, f"{metric}_even": fine[even], f"{metric}_odd": fine[~even]}
                off = [abs(one.mean() - values[key, scheme, name][seed]) for key, one in measured.items()]
                apart["quantized"] = max(apart["quantized"], *off)
                drop = values["heldout_accuracy_drop", scheme, name][seed]
                assert drop == pytest.approx(recorded - values[metric, scheme, name][seed], abs=1e-9)
    assert apart["float"] <= 1e-4
    assert apart["quantized"] <= 2.001 / (GRID * GRID / 2)  # where float32 sums in another order decide a tie
    plane = run.metrics()
    plane = plane[plane["metric"] == "accuracy_quantized"].groupby(["scheme", "activation"], observed=True)["value"]
    means = plane.mean()
    assert max(abs(means[s, n] - fmean(values["heldout_accuracy_quantized", s, n])) for s, n in means.index) > 1e-3


def shipped(drop: list[float], right: list[float]) -> dict[str, float]:
    passed = sum(round(one, 12) <= ALLOWED for one in drop)
    low = float(scipy.stats.beta.ppf(0.05, passed, SEEDS - passed + 1)) if passed else 0.0
    student = float(scipy.stats.t.ppf(0.95, SEEDS - 1))
    bound = fmean(drop) + student * stdev(drop) * math.sqrt(1 + 1 / SEEDS)
    return dict(zip(SHIPPED, (passed / SEEDS, low, bound, min(right)), strict=True))


def best_of(even: list[float], odd: list[float], n: int) -> float:
    """The mean over all subsets; those equally good on even squares share it."""
    total, count = Fraction(0), 0
    for subset in combinations(range(SEEDS), n):
        best = max(round(even[one], 12) for one in subset)
        equal = [Fraction(odd[one]) for one in subset if round(even[one], 12) == best]
        total, count = total + sum(equal, Fraction(0)) / len(equal), count + 1
    return float(total / count)


def test_what_is_told_of_the_network_that_ships_from_records(verdict: dict[str, Any], values: Values) -> None:
    metric = "heldout_accuracy_quantized"
    outcomes = set()
    for scheme, judged in verdict["schemes"].items():
        deployable = []
        for one in judged["ranking"]:
            name = one["activation"]
            full, right = values["heldout_accuracy_float", "float", name], values[metric, scheme, name]
            expected = shipped([before - after for before, after in zip(full, right, strict=True)], right)
            assert {key: one[key] for key in SHIPPED} == pytest.approx(expected, abs=1e-9)
            assert one["mean"] == pytest.approx(fmean(right), abs=1e-9)
            sound = fmean(full) >= 0.5 and name not in judged["backends_differ"]
            assert one["deployable"] == (sound and expected["pass_low"] >= ASSURANCE)
            outcomes.add(one["deployable"])
            deployable += [name] if one["deployable"] else []
        assert judged["deployable"] == deployable
    assert outcomes == {True, False}
    for one in verdict["schemes"]["w4a4"]["ranking"]:
        even, odd = (values[f"{metric}_{half}", "w4a4", one["activation"]] for half in ("even", "odd"))
        assert [row["n"] for row in one["best_of"]] == [1, 4, 16]
        for row in one["best_of"]:
            assert row["accuracy"] == pytest.approx(best_of(even, odd, row["n"]), abs=1e-9)


def test_regret_of_placements_from_records(run: Run, verdict: dict[str, Any]) -> None:
    table = pq.read_table(run.folder / "placement.parquet").to_pandas()
    table = table[table["metric"] == "heldout_accuracy_quantized"]
    settings = ["placement", "coordinates", "observer", "granularity", "weight_observer"]
    assert set(verdict["placement"]) == set(map(str, table["scheme"].unique()))
    for scheme, judged in verdict["placement"].items():
        lost: dict[str, list[float]] = {name: [] for name in NAMES}
        of_scheme = table[table["scheme"] == scheme]
        for _, part in of_scheme.groupby(settings, observed=True):
            means = {name: fmean(part.loc[part["activation"] == name, "value"]) for name in NAMES}
            for name in NAMES:
                lost[name].append(max(means.values()) - means[name])
        assert len(lost["relu"]) == len(judged["settings"]) > 5
        regrets = {name: fmean(row) for name, row in lost.items()}
        assert judged["regret"] == pytest.approx(regrets, abs=1e-9)
        assert judged["leader"]["activation"] == min(regrets, key=lambda name: regrets[name])
        assert judged["leader"]["regret"] == pytest.approx(min(regrets.values()), abs=1e-9)
        assert all(judged["regret_low"][name] <= regrets[name] <= judged["regret_high"][name] for name in NAMES)


def at(table: pd.DataFrame, part: str, bits: int, name: str) -> list[float]:
    chosen = (table["quantized"] == part) & (table["bits"] == bits) & (table["activation"] == name)
    return table.loc[chosen, "value"].tolist()


def test_the_first_width_from_records(run: Run, verdict: dict[str, Any]) -> None:
    table = pq.read_table(run.folder / "cliff.parquet").to_pandas()
    drops = table[table["metric"] == "heldout_accuracy_drop"]
    right = table[table["metric"] == "heldout_accuracy_quantized"]
    kinds = {"weights": "w{0}", "activations": "a{0}", "both": "w{0}a{0}"}
    for part, kind in kinds.items():
        firsts = {}
        for name in NAMES:
            first = None
            for bits in sorted(map(int, table["bits"].unique()), reverse=True):
                found = shipped(*(at(of, part, bits, name) for of in (drops, right)))
                differ = verdict["schemes"].get(kind.format(bits), {}).get("backends_differ", {})
                if found["pass_low"] < ASSURANCE or name in differ or name in verdict["not_learned"]:
                    break
                first = bits
            firsts[name] = first
            assert verdict["bit_cliff"][part][name]["deployable"]["bits"] == first
        known = [bits for bits in firsts.values() if bits is not None]
        least = min(known, default=None)
        assert verdict["first_width"][part]["bits"] == least
        who = [name for name in NAMES if least is not None and firsts[name] == least]
        assert verdict["first_width"][part]["activations"] == who
