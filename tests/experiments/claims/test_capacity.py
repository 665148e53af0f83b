"""The claim about capacity: each outcome can come out, the measures are those of the networks, the figure draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import capacity as claim
from experiments.claims.capacity_figure import draw
from experiments.measures.memory import Lesson, recalled
from quantstudy.activations.catalogue import UNBOUNDED
from quantstudy.engine.trained import trained_stack
from quantstudy.judge.claims import judge_claims
from quantstudy.measure.evaluation import subject
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png

METRICS = ("effective_rank", "participation", "information_8", "information_4")


def made(lead, seeds=32, noise=0.02):
    """A table in which silu and gelu lead in every measure by `lead`, in units of the smallest that matters.

    So does hardgelu without its cap in what is memorized.
    """
    tables = []
    for number, name in enumerate((*claim.STUDY.activations, UNBOUNDED)):
        draws = np.random.default_rng(number)

        def led(size, name=name, draws=draws):
            spread = draws.standard_normal(seeds)
            spread -= spread.mean()  # the mean effect is exactly `lead`
            return 1.0 + size * (lead * (name in (*claim.SMOOTH, UNBOUNDED)) + noise * spread)

        cases = []
        if name != UNBOUNDED:
            smallest = {"effective_rank": 0.25, "participation": 0.25, "information_8": 0.02, "information_4": 0.02}
            measures = {metric: led(size) for metric, size in smallest.items()}
            cases += [({"case": claim.LAYER, "x": float(layer)}, measures) for layer in range(3)]
            cases.append(({"case": claim.ALL}, measures))
        for width in claim.LADDERS if name != UNBOUNDED else (claim.OWN,):
            held = {"points": 100.0 * led(0.1), "bits": 100.0 * led(0.1)}
            cases.append(({"case": claim.MEMORY, "x": float(width)}, held))
            for side in claim.LADDERS[width]:
                fitted = {"fitted": (held["points"] >= side**2).astype(float)}
                cases.append(({"case": claim.RUNG[width], "x": float(side**2)}, fitted))
        tables.append(text(variant_rows(CLAIM, name, range(seeds), cases).to_pandas()))
    return pd.concat(tables, ignore_index=True)


def text(table):
    return table.astype({"activation": str, "case": str, "metric": str})


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(
    ("lead", "verdict"), [(3.0, "supported"), (0.0, "no effect that matters"), (-3.0, "reversed"), (1.0, "undecided")]
)
def test_each_verdict_can_come_out(lead, verdict):
    found = judged(made(lead))
    assert found.verdict == verdict
    assert {outcome.verdict for outcome in found.outcomes} == {verdict}
    assert found.outcome("points").mean == pytest.approx(0.1 * lead, abs=0.01)
    assert found.outcome("rank").mean == pytest.approx(0.25 * lead, abs=0.01)
    if lead == 1.0:
        assert png(draw(made(lead), found))[:4] == b"\x89PNG"


@pytest.mark.parametrize("part", ["points_bounded", "points_narrow", "points_wide"])
def test_smooth_ones_that_lead_but_for_one_comparison_are_supported_in_part(part):
    table = made(3.0)
    held = (table["metric"] == "points") & (table["case"] == claim.MEMORY)
    if part == "points_bounded":
        table.loc[held & (table["activation"] == "hardgelu"), "value"] *= 1.4
    else:
        width = claim.NARROW if part == "points_narrow" else claim.WIDE
        table.loc[held & (table["x"] == width) & table["activation"].isin(claim.SMOOTH), "value"] /= 1.3
    found = judged(table)
    assert found.verdict == "in part"
    deciding = {outcome.part.name for outcome in found.outcomes if outcome.part.decides}
    assert deciding == {"points", "points_bounded", "points_narrow", "points_wide"}
    assert {name for name in deciding if found.outcome(name).verdict != "supported"} == {part}


@pytest.mark.parametrize(
    ("width", "name", "moved"),
    [
        (claim.OWN, "gelu", {"points": 0.5, "points_bounded": 0.5, "points_kinked": 0.5, "points_hard": 0.5}),
        (claim.OWN, "hardgelu", {"points": -1 / 6, "points_bounded": -0.5, "points_bound": -0.5}),
        (claim.OWN, "prelu", {"points": -1 / 6, "points_kinked": -0.25}),
        (claim.OWN, "hardswish", {"points": -1 / 6, "points_hard": -0.5}),
        (claim.OWN, UNBOUNDED, {"points_bound": 1.0}),
        (claim.NARROW, "silu", {"points_narrow": 0.5}),
        (claim.NARROW, "relu", {"points_narrow": -1 / 6}),
        (claim.WIDE, "silu", {"points_wide": 0.5}),
    ],
)
def test_every_part_looks_at_its_own_points(width, name, moved):
    table = made(0.0, seeds=3, noise=0.0)
    held = (table["metric"] == "points") & (table["x"] == width) & (table["activation"] == name)
    assert held.sum() == 3
    table.loc[held, "value"] *= 2.0
    for part, values in claim.effects(table).items():
        assert values == pytest.approx(np.full(3, moved.get(part, 0.0)), abs=1e-12), part


def test_every_part_looks_at_its_own_rows():
    table = made(0.0, noise=0.0)
    bits = table.copy()
    bits.loc[(bits["metric"] == "bits") & (bits["activation"] == "gelu") & (bits["x"] == claim.OWN), "value"] *= 2.0
    moved = {name for name, values in claim.effects(bits).items() if np.ptp([*values, 0.0]) > 0.1}
    assert moved == {"bits"}
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
    bounded.loc[(bounded["activation"] == "hardgelu") & (bounded["case"] != claim.MEMORY), "value"] += 1.0
    assert claim.effects(bounded)["bounded"] == pytest.approx(np.full(32, -1.0))
    assert claim.effects(bounded)["rank"] == pytest.approx(np.full(32, -0.2))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=60, batch=64, grid=24))
    monkeypatch.setattr(claim, "LADDERS", {claim.NARROW: (2, 3), claim.OWN: (2, 3), claim.WIDE: (2, 3)})
    monkeypatch.setattr(claim, "LESSON", Lesson(rates=(0.03, 0.1), steps=200, batch=16))


def test_from_the_units_to_the_figure_with_one_seed(tiny):
    units = claim.units(1)
    seven = list(claim.STUDY.activations)
    assert [unit["activation"] for unit in units] == [*seven, *seven, UNBOUNDED, *seven, *seven]
    assert [unit.get("width") for unit in units] == [16] * 7 + [8] * 8 + [4] * 7 + [None] * 7
    table = text(pd.concat([claim.measure(**unit).to_pandas() for unit in units], ignore_index=True))
    assert len(table) == 7 * 4 * len(METRICS) + 22 * (2 + 2 * 2)
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


def test_what_is_kept_of_the_ladder_is_what_the_networks_recall(tiny, monkeypatch):
    monkeypatch.setattr(claim, "LADDERS", {claim.NARROW: (2, 3, 4)})
    measured = text(claim.measure("relu", 0, 3, claim.NARROW).to_pandas())
    table = measured.set_index(["metric", "case", "x", "seed"])["value"]
    for seed in range(3):
        rungs = {side**2: recalled("relu", [seed], claim.NARROW, side, claim.LESSON).item() for side in (2, 3, 4)}
        held = 4.0 * (rungs[4] >= 0.99) + 5.0 * (rungs[9] >= 0.99) + 7.0 * (rungs[16] >= 0.99)
        assert table["points", claim.MEMORY, 4.0, seed] == held
        for points, share in rungs.items():
            assert table["recalled", "4 wide", points, seed] == share
            assert table["fitted", "4 wide", points, seed] == (share >= 0.99)
    assert table["points"].nunique() > 1  # some have learned more than others, so that something was compared
