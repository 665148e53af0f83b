"""The claim on dead neurons: its rule each way, networks with known neurons, a whole tiny run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from experiments.claims import dead_neurons as claim
from experiments.claims.dead_neurons_figure import draw
from quantstudy.claims.run import measure_unit
from quantstudy.judge.claims import judge_claims

pytestmark = pytest.mark.usefixtures("one_thread")
SIX = ("leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")


def made(seeds: int = 32, dead: float = 0.0, r2: float = 0.0, noise: float = 0.0) -> pd.DataFrame:
    """A table in which relu has `dead` more of every share, and `r2` less of every R², than the other six."""
    draws = np.random.default_rng(0)
    cells = [
        (name, seed, claim.ALL, None, metric, base + (name == "relu") * extra + noise * draws.standard_normal())
        for name in ("relu", *SIX)
        for seed in range(seeds)
        for metric, base, extra in (
            ("dead", 0.1, dead),
            ("mostly_off", 0.1, dead),
            ("r2_own", 0.7, -r2),
            ("r2_layer", 0.9, -r2),
            ("r2_function", 0.9, -r2),
        )
    ]
    cells += [(name, seed, claim.SPREAD, 0.0, "r2_own", 1.0) for name in ("relu", *SIX) for seed in range(seeds)]
    return pd.DataFrame(cells, columns=["activation", "seed", "case", "x", "metric", "value"])


@pytest.mark.parametrize(
    ("table", "verdict"),
    [
        (made(dead=0.2, r2=0.2, noise=0.01), "supported"),
        (made(dead=0.2, r2=-0.2, noise=0.01), "in part"),  # tells more
        (made(dead=0.2, r2=0.02, noise=0.01), "in part"),  # too little to matter
        (made(dead=0.002, r2=0.2, noise=0.01), "in part"),
        (made(dead=0.002, r2=0.02, noise=0.01), "no effect that matters"),
        (made(dead=-0.1, r2=-0.2, noise=0.01), "reversed"),
        (made(dead=0.03, r2=0.02, noise=0.1), "undecided"),
        (made(seeds=1, dead=0.2, r2=0.2), "undecided"),
    ],
)
def test_the_rule_can_come_out_each_way(table: pd.DataFrame, verdict: str) -> None:
    assert judge_claims([(claim.CLAIM, claim.effects(table))])[0].verdict == verdict


def test_the_line_decides_nothing() -> None:
    table = made(dead=0.2, r2=0.2, noise=0.01)
    table.loc[table["metric"].isin(["r2_own", "r2_layer"]) & (table["activation"] == "relu"), "value"] = 1.0
    assert judge_claims([(claim.CLAIM, claim.effects(table))])[0].verdict == "supported"


def test_effects_are_relu_against_the_mean_of_the_other_six() -> None:
    table = made(seeds=2, dead=0.3, r2=0.2)
    table.loc[(table["activation"] == "gelu") & (table["metric"] == "mostly_off"), "value"] = 0.7
    effects = claim.effects(table)
    assert effects["dead"] == pytest.approx([0.3, 0.3])
    assert effects["loses_own"] == pytest.approx([0.2, 0.2])
    assert effects["loses_layer"] == pytest.approx([0.2, 0.2])
    assert effects["loses_function"] == pytest.approx([0.2, 0.2])
    assert effects["mostly_off"] == pytest.approx([0.3 - 0.6 / 6] * 2)


def test_neurons_that_are_known() -> None:
    z = np.linspace(-1.0, 1.0, 1000, dtype=np.float32)
    before = np.stack([z - 2.0, z - 0.85, z, z + 2.0, 0.0 * z - 1.0, z])[None]
    after = np.maximum(before, 0.0)
    after[0, 5] = 0.25  # stands still, but not at 0
    found = {name: values[0] for name, values in claim.neuron_measures(before, after).items()}
    assert found["dead"].tolist() == [1, 0, 0, 0, 1, 0]
    assert found["constant"].tolist() == [1, 0, 0, 0, 1, 1]
    assert found["mostly_off"].tolist() == [1, 1, 0, 0, 1, 0]
    assert found["off"] == pytest.approx([1.0, 0.925, 0.5, 0.0, 1.0, 0.0], abs=1e-3)
    assert found["r2_own"][[0, 3, 5]] == pytest.approx([0.0, 1.0, 0.0])
    assert np.isnan(found["r2_own"]).tolist() == np.isnan(found["r2_layer"]).tolist() == [False] * 4 + [True, False]
    assert found["r2_layer"][[0, 1, 2, 3, 5]] == pytest.approx(1.0)  # the fourth neuron tells of all of them
    summary = {name: values.tolist() for name, values in claim.summary({k: v[None] for k, v in found.items()}).items()}
    assert summary["dead"] == pytest.approx([1 / 3])
    assert summary["r2_undefined"] == [1]
    assert summary["r2_layer"] == pytest.approx([1.0])


def test_exactly_nine_tenths_is_mostly_off() -> None:
    outputs = np.zeros((1, 2, 10))
    outputs[0, 0, 0] = outputs[0, 1, :2] = 1.0
    preactivations = np.random.default_rng(1).standard_normal((1, 2, 10))
    assert claim.neuron_measures(preactivations, outputs)["mostly_off"].tolist() == [[1.0, 0.0]]


def test_bins() -> None:
    found = claim.bin_shares(np.array([[0.0, 0.05, 0.049, 1.0], [np.nan, np.nan, np.nan, 0.5], [np.nan] * 4]))
    assert found[0, :2].tolist() == [0.5, 0.25]
    assert found[0, -1] == 0.25
    assert found.sum(axis=1).tolist() == [1.0, 1.0, 0.0]
    assert found[1, 10] == 1.0


def test_a_whole_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tiny = replace(claim.STUDY, steps=3, grid=12, hidden=(4, 3), trainer="reference")
    monkeypatch.setattr(claim, "STUDY", tiny)
    units = claim.units(1)
    assert len(units) == 7
    paths = [measure_unit("dead_neurons", unit, tmp_path / f"{n}.parquet", {}) for n, unit in enumerate(units)]
    table = pa.concat_tables([pa.parquet.read_table(path) for path in paths]).to_pandas()
    layers = table[table["case"] == claim.LAYER].groupby(["activation", "metric", "x"], observed=True)["value"].mean()
    pooled = table[table["case"] == claim.ALL].groupby(["activation", "metric"], observed=True)["value"].mean()
    for metric in ("dead", "off", "r2_own"):  # four neurons and three
        whole = (4 * layers["relu", metric, 0.0] + 3 * layers["relu", metric, 1.0]) / 7
        assert pooled["relu", metric] == pytest.approx(whole)
    assert (pooled[:, "r2_layer"] >= pooled[:, "r2_own"] - 1e-9).all()
    assert pooled["leaky_relu", "r2_function"] > pooled["relu", "r2_function"]
    judged = judge_claims([(claim.CLAIM, claim.effects(table))])[0]
    assert judged.outcome("dead").seeds == 1
    assert judged.verdict in draw(table, judged).get_label().lower()


@pytest.mark.parametrize("table", [made(seeds=3), made(seeds=1, dead=0.2), made(seeds=2).assign(value=np.nan)])
def test_drawing_what_is_all_the_same_or_not_there(table: pd.DataFrame) -> None:
    judged = judge_claims([(claim.CLAIM, claim.effects(table))])[0]
    assert draw(table, judged).axes
