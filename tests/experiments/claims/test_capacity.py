"""The claim about capacity: each outcome can come out, the measures are those of the networks, the figure draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import capacity as claim
from experiments.claims.capacity_figure import draw
from quantstudy.engine.trained import trained_stack
from quantstudy.judge.claims import judge_claims
from quantstudy.measure.evaluation import subject
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png

METRICS = ("effective_rank", "participation", "information_8", "information_4")


def made(lead, seeds=32, noise=0.02):
    """A table in which silu and gelu lead in every measure by `lead`, in units of the smallest that matters."""
    tables = []
    for number, name in enumerate(claim.STUDY.activations):
        draws = np.random.default_rng(number)
        smallest = {"effective_rank": 0.25, "participation": 0.25, "information_8": 0.02, "information_4": 0.02}
        led = {
            metric: 1.0 + size * (lead * (name in claim.SMOOTH) + noise * draws.standard_normal(seeds))
            for metric, size in smallest.items()
        }
        cases = [{"case": claim.LAYER, "x": float(layer)} for layer in range(3)] + [{"case": claim.ALL}]
        tables.append(
            variant_rows(CLAIM, name, range(seeds), [(case, led) for case in cases])
            .to_pandas()
            .astype({"activation": str, "case": str, "metric": str})
        )
    return pd.concat(tables, ignore_index=True)


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(("lead", "verdict"), [(3.0, "supported"), (0.0, "contradicted"), (1.0, "undecided")])
def test_each_verdict_can_come_out(lead, verdict):
    found = judged(made(lead))
    assert found.verdict == verdict
    assert {outcome.verdict for outcome in found.outcomes if outcome.part.name != "bounded"} == {verdict}
    assert found.outcome("rank").mean == pytest.approx(0.25 * lead, abs=0.01)
    assert png(draw(made(lead), found))[:4] == b"\x89PNG"


def test_every_part_looks_at_its_own_rows():
    table = made(0.0, noise=0.0)
    parts = {
        "rank": ("effective_rank", claim.LAYER, 2.0),
        "participation": ("participation", claim.LAYER, 2.0),
        "rank_all": ("effective_rank", claim.ALL, None),
        "information_8": ("information_8", claim.ALL, None),
        "information_4": ("information_4", claim.ALL, None),
    }
    for part, (metric, case, x) in parts.items():
        changed = table.copy()
        at = (changed["metric"] == metric) & (changed["case"] == case) & (changed["activation"] == "gelu")
        changed.loc[at & ((changed["x"] == x) if x is not None else True), "value"] += 1.0
        found = claim.effects(changed)
        moved = {name for name, values in found.items() if np.ptp([*values, 0.0]) > 0.1}
        assert moved == ({"rank", "bounded"} if part == "rank" else {part})
        assert found[part] == pytest.approx(np.full(32, 0.5))  # the mean of silu and gelu moves by half
    bounded = table.copy()
    bounded.loc[bounded["activation"] == "hardgelu", "value"] += 1.0
    assert claim.effects(bounded)["bounded"] == pytest.approx(np.full(32, -1.0))
    assert claim.effects(bounded)["rank"] == pytest.approx(np.full(32, -0.2))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=60, batch=64, grid=24))


def test_from_the_units_to_the_figure_with_one_seed(tiny):
    units = claim.units(1)
    assert [unit["activation"] for unit in units] == list(claim.STUDY.activations)
    table = pd.concat([claim.measure(**unit).to_pandas() for unit in units], ignore_index=True)
    assert len(table) == 7 * 4 * len(METRICS)
    found = judged(table)
    assert found.verdict == "undecided"
    assert all(outcome.seeds == 1 for outcome in found.outcomes)
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_the_measures_are_those_of_the_networks(tiny):
    table = claim.measure("silu", 0, 2).to_pandas()
    stack, masks = trained_stack(claim.STUDY, "silu", 0, 2)
    maps = subject(stack, range(2), masks).maps
    information = []
    for layer, output in enumerate(maps.outputs):
        outputs = output[1].numpy().astype(np.float64)
        singular = np.linalg.svd(outputs - outputs.mean(axis=1, keepdims=True), compute_uv=False)
        shares = singular / singular.sum()
        assert value(table, "effective_rank", layer) == pytest.approx(
            np.exp(-(shares * np.log(shares)).sum()), rel=1e-4
        )
        low, high = min(0.0, outputs.min()), max(0.0, outputs.max())
        codes = np.rint((outputs - low) / ((high - low) / 15.0)).astype(int)
        information.append([corrected(code, masks[1].ravel()) for code in codes])
    told = table[(table["metric"] == "information_4") & (table["case"] == "all") & (table["seed"] == 1)]["value"]
    assert told.item() == pytest.approx(np.mean(information), abs=0.01)  # the zero point moves some codes by one


def value(table, metric, layer):
    at = (table["metric"] == metric) & (table["case"] == "layer") & (table["x"] == layer) & (table["seed"] == 1)
    return table[at]["value"].item()


def corrected(code, island):
    """Mutual information in bits from a histogram in two dimensions, less Miller and Madow's correction."""
    joint = np.histogram2d(code, island, bins=(np.arange(-0.5, 17), [-0.5, 0.5, 1.5]))[0]
    shares = joint / joint.sum()
    expected = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0, keepdims=True)
    plain = (shares[shares > 0] * np.log2(shares[shares > 0] / expected[shares > 0])).sum()
    cells = [np.count_nonzero(one) for one in (joint.sum(axis=1), joint.sum(axis=0), joint)]
    return plain + (cells[0] + cells[1] - cells[2] - 1) / (2 * joint.sum() * np.log(2))


def test_a_dead_network_fills_no_dimension_and_tells_nothing(tiny, monkeypatch):
    stack, masks = trained_stack(claim.STUDY, "relu", 0, 1)
    dead = replace(stack, biases=tuple(torch.full_like(b, -1e3) for b in stack.biases))
    monkeypatch.setattr("quantstudy.engine.trained.trained_stack", lambda *_: (dead, masks))
    table = claim.measure("relu", 0, 1).to_pandas()
    assert (table["value"] == 0.0).all()
