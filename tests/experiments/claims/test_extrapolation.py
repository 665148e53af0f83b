"""The claim about the ring: each outcome can come out, the measures are those of the networks, the figure draws."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import extrapolation as claim
from experiments.claims.extrapolation_figure import draw
from experiments.measures.beyond import AT, BINS, NEAR, PLANE, RING, far_out
from experiments.measures.enlarged import doubled, enlarged_masks, with_a_new_last_layer
from experiments.measures.enlarging import DRAWS
from quantstudy.activations.catalogue import UNBOUNDED, parse_activation
from quantstudy.engine.trained import trained_stack
from quantstudy.engine.worker import one_thread
from quantstudy.judge.claims import judge_claims
from quantstudy.networks.stack import from_arrays, initial_stack
from quantstudy.networks.training import train
from quantstudy.quantize.plan import float_maps
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png
from quantstudy.targets.islands import field, plane


def made(lead, seeds=32, noise=0.0025, ahead=claim.SMOOTH):
    """A table in which those ahead are better than all others by `lead`, in units of the smallest that matters."""
    tables = []
    for number, name in enumerate(claim.ACTIVATIONS):
        draws = np.random.default_rng(number)
        spread = draws.standard_normal((6, seeds))
        spread -= spread.mean(axis=1, keepdims=True)  # the mean effect is exactly `lead`
        better = lead * (name in ahead) + 0.25 * (noise > 0.0) * spread
        cases = []
        for cells in (claim.EASY, claim.HARDER):
            learned = {"enlarged": 0.9 + 0.01 * better[0], "censored_old": np.ones(seeds)}
            learned["censored_95"] = np.zeros(seeds)
            learned["steps_95"] = 500.0 / (1.0 + 0.1 * better[1])
            cases.append(({"case": claim.FREE, "x": cells}, learned))
            cases.append(({"case": claim.FROZEN, "x": cells}, {"enlarged": 0.7 + 0.01 * better[2]}))
        cases.append(({"case": claim.SCRATCH, "x": claim.EASY}, {"enlarged": np.full(seeds, 0.95)}))
        for case in claim.ON_THE_WAY.values():
            ways = {"enlarged": np.full(seeds, 0.9)}
            cases += [({"case": case, "x": float(step)}, ways) for step in range(0, claim.STEPS + 1, claim.LOOK)]
        if name in claim.STUDY.activations:
            ring = {"accuracy": 0.6 + 0.02 * better[3], "ece": 0.3 - 0.02 * better[4], "base_rate": np.full(seeds, 0.6)}
            ring["cross_entropy"] = np.full(seeds, 5.0)
            near = {"accuracy": 0.8 + 0.02 * better[5]}
            far = {metric: np.full(seeds, 0.5) for metric in ("changes", "changes_late", "growth", "constant")}
            at = {"accuracy": 0.6 + 0.02 * better[3], "confidence": np.full(seeds, 0.9)}
            cases += [({"case": AT, "x": (place + 0.5) / BINS}, at) for place in range(BINS)]
            cases += [({"case": RING}, ring), ({"case": NEAR}, near), ({"case": claim.FAR}, far)]
        tables.append(variant_rows(CLAIM, name, range(seeds), cases).to_pandas())
    return text(pd.concat(tables, ignore_index=True))


def text(table):
    return table.astype({"activation": str, "case": str, "metric": str})


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


DECIDING = {"free", "frozen", "steps"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lead", "verdict"), [(3.0, "supported"), (0.0, "no effect that matters"), (-3.0, "reversed"), (1.0, "undecided")]
)
def test_each_verdict_can_come_out(lead, verdict):
    table = made(lead)
    found = judged(table)
    assert found.verdict == verdict
    assert {outcome.part.name for outcome in found.outcomes if outcome.part.decides} == DECIDING
    assert {found.outcome(name).verdict for name in DECIDING} == {verdict}
    beside = {outcome.part.name: outcome.verdict for outcome in found.outcomes if not outcome.part.decides}
    assert {beside.pop("bound"), beside.pop("bound_frozen")} == {"no effect that matters"}
    assert set(beside.values()) == {verdict}
    assert found.outcome("free").mean == pytest.approx(0.01 * lead)
    if verdict == "undecided":
        assert png(draw(table, found))[:4] == b"\x89PNG"


def test_the_cap_alone_can_be_what_holds_hardgelu_back():
    found = judged(made(3.0, ahead=(UNBOUNDED,)))
    assert (found.outcome("bound").verdict, found.outcome("bound_frozen").verdict) == ("supported", "supported")
    assert found.verdict == "no effect that matters"


@pytest.mark.parametrize(("part", "case", "metric"), [("free", "free", "enlarged"), ("frozen", "frozen", "enlarged")])
def test_a_hardgelu_that_keeps_up_in_one_respect_leaves_the_rest(part, case, metric):
    table = made(3.0)
    keeps_up = (table["case"] == case) & (table["metric"] == metric) & (table["activation"] == "hardgelu")
    table.loc[keeps_up, "value"] += 0.03
    found = judged(table)
    assert found.verdict == "in part"
    assert {name for name in DECIDING if found.outcome(name).verdict != "supported"} == {part}


@pytest.mark.parametrize(
    ("case", "cells", "name", "moved"),
    [
        (claim.FREE, claim.EASY, "gelu", {"free": 0.5, "free_hard": 0.5, "free_kinked": 0.5, "head_start": 0.5}),
        (claim.FREE, claim.EASY, "hardgelu", {"free": -1.0, "bound": -1.0, "head_start": -1.0}),
        (claim.FREE, claim.EASY, "relu", {"free_kinked": -1 / 3}),
        (claim.FREE, claim.EASY, UNBOUNDED, {"bound": 1.0}),
        (claim.FROZEN, claim.EASY, "silu", {"frozen": 0.5}),
        (claim.FROZEN, claim.EASY, UNBOUNDED, {"bound_frozen": 1.0}),
        (claim.SCRATCH, claim.EASY, "silu", {"head_start": -0.5}),
        (claim.FREE, claim.HARDER, "silu", {"free_study": 0.5}),
        (claim.FROZEN, claim.HARDER, "hardgelu", {"frozen_study": -1.0}),
    ],
)
def test_every_part_looks_at_its_own_enlarged_plane(case, cells, name, moved):
    table = made(0.0, seeds=3, noise=0.0)
    rows = (table["case"] == case) & (table["x"] == cells) & (table["metric"] == "enlarged")
    rows &= table["activation"] == name
    assert rows.sum() == 3
    table.loc[rows, "value"] += 1.0
    for part, values in claim.effects(table).items():
        assert values == pytest.approx(np.full(3, moved.get(part, 0.0)), abs=1e-12), part


def test_steps_are_a_share_of_those_of_the_smooth_ones():
    table = made(0.0, seeds=3, noise=0.0)
    rows = (table["case"] == claim.FREE) & (table["x"] == claim.EASY) & (table["metric"] == "steps_95")
    table.loc[rows & (table["activation"] == "hardgelu"), "value"] = 750.0
    assert claim.effects(table)["steps"] == pytest.approx(np.full(3, 0.5))
    table.loc[rows & (table["activation"] == "gelu"), "value"] = 1000.0
    assert claim.effects(table)["steps"] == pytest.approx(np.zeros(3), abs=1e-12)


@pytest.mark.parametrize("name", ["hardgelu", "silu"])
def test_steps_that_most_never_take_say_nothing(name):
    table = made(3.0)
    never = (table["case"] == claim.FREE) & (table["x"] == claim.EASY) & (table["metric"] == "censored_95")
    names = claim.SMOOTH if name in claim.SMOOTH else (name,)
    never &= table["activation"].isin(names)
    table.loc[never & (table["seed"] < 16), "value"] = 1.0  # half of them
    assert judged(table).outcome("steps").verdict == "supported"
    table.loc[never & (table["seed"] < 17), "value"] = 1.0
    found = judged(table)
    assert (found.outcome("steps").seeds, found.outcome("steps").verdict) == (0, "undecided")
    assert found.verdict == "in part"


@pytest.mark.parametrize(
    ("case", "metric", "name", "moved"),
    [
        (RING, "accuracy", "gelu", {"accuracy": 0.5, "useful": 0.5, "hard": 0.5}),
        (RING, "accuracy", "hardgelu", {"accuracy": -1.0}),
        (RING, "accuracy", "hardswish", {"hard": -1.0}),
        (RING, "accuracy", "relu", {}),
        (RING, "ece", "hardgelu", {"calibration": 1.0}),
        (RING, "base_rate", "silu", {"useful": -0.5}),
        (NEAR, "accuracy", "silu", {"near": 0.5}),
        (AT, "accuracy", "silu", {}),
    ],
)
def test_every_part_looks_at_its_own_rows(case, metric, name, moved):
    table = made(0.0, seeds=3, noise=0.0)
    rows = (table["case"] == case) & (table["metric"] == metric) & (table["activation"] == name)
    assert rows.any()
    table.loc[rows, "value"] += 1.0
    for part, values in claim.effects(table).items():
        assert values == pytest.approx(np.full(3, moved.get(part, 0.0)), abs=1e-12), part


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=60, batch=64, grid=16))
    monkeypatch.setattr(claim, "STEPS", 40)
    monkeypatch.setattr(claim, "TUNING", range(1000, 1002))
    with one_thread():  # as the runner does
        yield


@pytest.mark.slow
def test_from_the_units_to_the_figure_with_one_seed(tiny):
    units = claim.units(1)
    assert [unit["activation"] for unit in units] == [*claim.STUDY.activations, UNBOUNDED]
    table = text(pd.concat([claim.measure(**unit).to_pandas() for unit in units], ignore_index=True))
    found = judged(table)
    assert found.verdict == "undecided"
    assert all(outcome.seeds == 1 for outcome in found.outcomes if outcome.part.name != "steps")
    assert found.outcome("steps").seeds == 0  # nobody gets there in so few steps
    tuned = table[table["case"] == claim.TUNED]
    assert len(tuned) == 8 * 3 * len(claim.RATES) * 2
    assert png(draw(table, found))[:4] == b"\x89PNG"


def slow_ring(stack, seed):
    """Pixel by pixel: distance, whether it is an island, the logit of the second model."""
    grid, low = claim.STUDY.grid, np.median(field(seed, claim.STUDY.grid, claim.STUDY.frequency))
    wide = field(seed, grid, claim.STUDY.frequency, grid // 2)
    found = []
    for row in range(2 * grid):
        for column in range(2 * grid):
            x, y = (-2.0 + (2 * index + 1) / grid for index in (column, row))
            value = torch.tensor([[x], [y]], dtype=torch.float32)
            for layer in range(stack.hidden):
                value = stack.activation(stack.weights[layer][1] @ value + stack.biases[layer][1])
            logit = float(stack.weights[-1][1] @ value + stack.biases[-1][1])
            found.append((max(abs(x), abs(y)) - 1.0, bool(wide[row, column] > low), logit))
    return found


def test_the_measures_are_those_of_a_slow_look_at_the_ring(tiny):
    table = text(claim.measure("silu", 0, 2).to_pandas())
    stack, _ = trained_stack(claim.STUDY, "silu", 0, 2)
    pixels = slow_ring(stack, 1)
    within_of = {
        (PLANE, None): lambda d: d < 0,
        (RING, None): lambda d: d > 0,
        (NEAR, None): lambda d: 0 < d < 0.25,
        (AT, 0.5625): lambda d: 0.5 < d < 0.625,
    }
    for (case, x), within in within_of.items():
        inside = [(island, logit) for distance, island, logit in pixels if within(distance)]
        right = np.mean([(logit > 0) == island for island, logit in inside])
        sure = np.mean([1 / (1 + math.exp(-abs(logit))) for _, logit in inside])
        surprise = np.mean([math.log1p(math.exp(-logit if island else logit)) for island, logit in inside])
        assert value(table, case, "accuracy", x) == pytest.approx(right)
        assert value(table, case, "confidence", x) == pytest.approx(sure, rel=1e-5)
        assert value(table, case, "cross_entropy", x) == pytest.approx(surprise, rel=1e-5)
    ring = [island for distance, island, _ in pixels if distance > 0]
    assert value(table, RING, "base_rate") == pytest.approx(max(np.mean(ring), 1 - np.mean(ring)))
    assert value(table, PLANE, "base_rate") == 0.5


def value(table, case, metric, x=None, seed=1):
    at = (table["case"] == case) & (table["metric"] == metric) & (table["seed"] == seed)
    at &= table["x"].isna() if x is None else table["x"] == x
    return table[at]["value"].item()


def test_pictures_are_kept_whole(tiny):
    table = text(claim.measure("relu", 0, 1).to_pandas())
    kept = table[(table["case"] == claim.MAP) & (table["activation"] == claim.TARGET)]
    drawn = np.cumsum(np.bincount(kept["x"].astype(int), minlength=32 * 32)) % 2
    values = field(0, 16, claim.STUDY.frequency, 8)
    assert np.array_equal(drawn.reshape(32, 32), values > np.median(values[8:24, 8:24]))


def test_the_coast_drawn_on_by_hand(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, grid=8))
    monkeypatch.setattr("experiments.measures.beyond.BINS", 2)
    stripes = np.tile(np.arange(16) > 6, (16, 1))  # the coast runs straight on: right everywhere
    but_right = stripes ^ (np.arange(16) > 11)  # right of the plane, 4 columns of 16 pixels, is another class
    distance = np.abs(np.stack(np.meshgrid(*[(np.arange(16) - 7.5) / 4] * 2))).max(axis=0).ravel() - 1.0
    found = claim.drawn_on(np.stack([stripes.ravel(), but_right.ravel()]), distance)
    by_case = {(where["case"], where["x"]): measures["drawn_on"].tolist() for where, measures in found}
    assert by_case[RING, None] == pytest.approx([1.0, 1.0 - 64 / 192])
    assert by_case[NEAR, None] == pytest.approx([1.0, 1.0 - 10 / (10**2 - 8**2)])
    assert by_case[AT, 0.25] == pytest.approx([1.0, 1.0 - 24 / (12**2 - 8**2)])
    assert by_case[AT, 0.75] == pytest.approx([1.0, 1.0 - 40 / (16**2 - 12**2)])


def line(name, weight):
    """A network f(weight · x) − 1; its second hidden neuron sees nothing."""
    arrays = {
        "layers.0.weight": np.array([[[weight, 0.0], [0.0, 0.0]]], np.float32),
        "layers.0.bias": np.zeros((1, 2), np.float32),
        "layers.1.weight": np.array([[[1.0, 0.0]]], np.float32),
        "layers.1.bias": np.array([[-1.0]], np.float32),
    }
    return from_arrays(parse_activation(name), arrays)


def test_far_out_a_linear_network_grows_and_a_bounded_one_is_constant():
    linear = line("relu", 0.25)  # crosses 1 at x = 4: on the half of the rays to the right, mostly
    found = far_out(linear)
    angles = 2 * np.pi * (np.arange(64) + 0.5) / 64
    across = np.cos(angles) / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles)))
    assert found["changes"] == pytest.approx([np.mean(0.25 * 1000 * across > 1)])
    assert found["changes_late"] == pytest.approx([np.mean((0.25 * 1000 * across > 1) & (0.25 * 10 * across < 1))])
    assert found["constant"] == pytest.approx([0.5])  # to the left the neuron is off
    everywhere = replace(line("leaky_relu", 1.0), biases=(torch.zeros(1, 2, 1), torch.zeros(1, 1, 1)))
    assert far_out(everywhere)["growth"] == pytest.approx([1.0])
    assert far_out(everywhere)["constant"].tolist() == [0.0]
    bounded = far_out(line("hardgelu", 1.0))
    assert bounded["growth"] == pytest.approx([0.0], abs=1e-12)
    assert bounded["constant"].tolist() == [1.0]


@pytest.mark.slow
def test_the_figure_draws_what_is_all_the_same_and_what_is_missing():
    same = made(0.0, seeds=2, noise=0.0)
    assert png(draw(same, judged(same)))[:4] == b"\x89PNG"
    same.loc[same["metric"] == "ece", "value"] = math.nan
    assert png(draw(same, judged(same)))[:4] == b"\x89PNG"


def test_what_is_learned_is_what_training_makes_of_the_old_networks(tiny):
    table = text(claim.measure("prelu", 0, 3).to_pandas())
    for cells in (claim.EASY, claim.HARDER):
        config = replace(claim.STUDY, frequency=cells)
        masks = enlarged_masks(range(3), 16, cells)
        stack, small = trained_stack(config, "prelu", 0, 3)
        wide = doubled(stack)
        tuned = table[(table["case"] == claim.TUNED) & (table["metric"] == f"free {cells:g}")]
        rate = tuned.groupby("x")["value"].mean().idxmax()
        after, _ = train(wide, [seed + DRAWS for seed in range(3)], masks, steps=40, batch=claim.STUDY.batch, lr=rate)
        for seed in range(3):
            drawn = [float_maps(net, torch.from_numpy(plane(16))).logit[seed, 0].numpy() > 0 for net in (wide, after)]
            drawn.append(float_maps(stack, torch.from_numpy(plane(16))).logit[seed, 0].numpy() > 0)
            islands = [masks[seed].ravel(), masks[seed].ravel(), small[seed].ravel()]
            right = [(one == other).mean() for one, other in zip(drawn, islands, strict=True)]
            for metric, expected in zip(("before", "enlarged", "old"), right, strict=True):
                assert value(table, claim.FREE, metric, cells, seed) == expected
            frozen = with_a_new_last_layer(wide.select(slice(seed, seed + 1)), masks[seed : seed + 1])
            assert value(table, claim.FROZEN, "enlarged", cells, seed) == pytest.approx(frozen.item())
            assert value(table, claim.FREE, "rate", cells, seed) == rate
    ways = table[(table["case"] == claim.ON_THE_WAY[claim.FREE]) & (table["seed"] == 1)]
    assert sorted(ways["x"]) == [0.0, 20.0, 40.0]
    assert value(table, claim.FREE, "censored_old", claim.EASY) == float(
        ways["value"].max() < value(table, claim.FREE, "old", claim.EASY)
    )


def test_what_begins_anew_is_not_what_knows_the_old_plane(tiny):
    table = text(claim.measure("silu", 0, 2).to_pandas())
    start = initial_stack(parse_activation("silu"), [1], claim.STUDY.hidden)
    logits = float_maps(start, torch.from_numpy(plane(16))).logit[0, 0].numpy()
    islands = enlarged_masks([1], 16, claim.EASY).ravel()
    assert value(table, claim.ON_THE_WAY[claim.SCRATCH], "enlarged", 0.0) == ((logits > 0) == islands).mean()
