"""The claim about the ring: each outcome can come out, the measures are those of the networks, the figure draws."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import extrapolation as claim
from experiments.claims.extrapolation_figure import draw
from quantstudy.activations.catalogue import parse_activation
from quantstudy.engine.trained import trained_stack
from quantstudy.engine.worker import one_thread
from quantstudy.judge.claims import judge_claims
from quantstudy.networks.stack import from_arrays
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png
from quantstudy.targets.islands import field


def made(lead, seeds=32, noise=0.005):
    """A table in which silu and gelu are more accurate and better calibrated than all others by `lead`."""
    tables = []
    for number, name in enumerate(claim.STUDY.activations):
        draws = np.random.default_rng(number)
        spread = draws.standard_normal((3, seeds))
        spread -= spread.mean(axis=1, keepdims=True)  # the mean effect is exactly `lead`
        better = lead * (name in claim.SMOOTH) + noise * spread
        ring = {"accuracy": 0.6 + better[0], "ece": 0.3 - better[1], "base_rate": np.full(seeds, 0.6)}
        ring["cross_entropy"] = np.full(seeds, 5.0)
        near = {"accuracy": 0.8 + better[2]}
        far = {metric: np.full(seeds, 0.5) for metric in ("changes", "changes_late", "growth", "constant")}
        at = {"accuracy": 0.6 + better[0], "confidence": np.full(seeds, 0.9)}
        cases = [({"case": claim.AT, "x": (place + 0.5) / claim.BINS}, at) for place in range(claim.BINS)]
        cases += [({"case": claim.RING}, ring), ({"case": claim.NEAR}, near), ({"case": claim.FAR}, far)]
        tables.append(variant_rows(CLAIM, name, range(seeds), cases).to_pandas())
    return text(pd.concat(tables, ignore_index=True))


def text(table):
    return table.astype({"activation": str, "case": str, "metric": str})


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(("lead", "verdict"), [(0.06, "supported"), (0.0, "contradicted"), (0.02, "undecided")])
def test_each_verdict_can_come_out(lead, verdict):
    table = made(lead)
    found = judged(table)
    assert found.verdict == verdict
    assert {outcome.verdict for outcome in found.outcomes} == {verdict}
    assert found.outcome("accuracy").mean == pytest.approx(lead)
    if verdict == "undecided":
        assert png(draw(table, found))[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("case", "metric", "name", "moved"),
    [
        (claim.RING, "accuracy", "gelu", {"accuracy": 0.5, "useful": 0.5, "hard": 0.5}),
        (claim.RING, "accuracy", "hardgelu", {"accuracy": -1.0}),
        (claim.RING, "accuracy", "hardswish", {"hard": -1.0}),
        (claim.RING, "accuracy", "relu", {}),
        (claim.RING, "ece", "hardgelu", {"calibration": 1.0}),
        (claim.RING, "base_rate", "silu", {"useful": -0.5}),
        (claim.NEAR, "accuracy", "silu", {"near": 0.5}),
        (claim.AT, "accuracy", "silu", {}),
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
    with one_thread():  # as the runner does
        yield


def test_from_the_units_to_the_figure_with_one_seed(tiny):
    units = claim.units(1)
    assert [unit["activation"] for unit in units] == list(claim.STUDY.activations)
    table = text(pd.concat([claim.measure(**unit).to_pandas() for unit in units], ignore_index=True))
    found = judged(table)
    assert found.verdict == "undecided"
    assert all(outcome.seeds == 1 for outcome in found.outcomes)
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
    places = {
        (claim.PLANE, None): lambda d: d < 0,
        (claim.RING, None): lambda d: d > 0,
        (claim.NEAR, None): lambda d: 0 < d < 0.25,
        (claim.AT, 0.5625): lambda d: 0.5 < d < 0.625,
    }
    for (case, x), within in places.items():
        inside = [(island, logit) for distance, island, logit in pixels if within(distance)]
        right = np.mean([(logit > 0) == island for island, logit in inside])
        sure = np.mean([1 / (1 + math.exp(-abs(logit))) for _, logit in inside])
        surprise = np.mean([math.log1p(math.exp(-logit if island else logit)) for island, logit in inside])
        assert value(table, case, "accuracy", x) == pytest.approx(right)
        assert value(table, case, "confidence", x) == pytest.approx(sure, rel=1e-5)
        assert value(table, case, "cross_entropy", x) == pytest.approx(surprise, rel=1e-5)
    ring = [island for distance, island, _ in pixels if distance > 0]
    assert value(table, claim.RING, "base_rate") == pytest.approx(max(np.mean(ring), 1 - np.mean(ring)))
    assert value(table, claim.PLANE, "base_rate") == 0.5


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
    monkeypatch.setattr(claim, "BINS", 2)
    stripes = np.tile(np.arange(16) > 6, (16, 1))  # the coast runs straight on: right everywhere
    but_right = stripes ^ (np.arange(16) > 11)  # right of the plane, 4 columns of 16 pixels, is another class
    distance = np.abs(np.stack(np.meshgrid(*[(np.arange(16) - 7.5) / 4] * 2))).max(axis=0).ravel() - 1.0
    found = claim.drawn_on(np.stack([stripes.ravel(), but_right.ravel()]), distance)
    by_case = {(where["case"], where.get("x")): measures["drawn_on"].tolist() for where, measures in found}
    assert by_case[claim.RING, None] == pytest.approx([1.0, 1.0 - 64 / 192])
    assert by_case[claim.NEAR, None] == pytest.approx([1.0, 1.0 - 10 / (10**2 - 8**2)])
    assert by_case[claim.AT, 0.25] == pytest.approx([1.0, 1.0 - 24 / (12**2 - 8**2)])
    assert by_case[claim.AT, 0.75] == pytest.approx([1.0, 1.0 - 40 / (16**2 - 12**2)])


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
    found = claim.far_out(linear)
    angles = 2 * np.pi * (np.arange(64) + 0.5) / 64
    across = np.cos(angles) / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles)))
    assert found["changes"] == pytest.approx([np.mean(0.25 * 1000 * across > 1)])
    assert found["changes_late"] == pytest.approx([np.mean((0.25 * 1000 * across > 1) & (0.25 * 10 * across < 1))])
    assert found["constant"] == pytest.approx([0.5])  # to the left the neuron is off
    everywhere = replace(line("leaky_relu", 1.0), biases=(torch.zeros(1, 2, 1), torch.zeros(1, 1, 1)))
    assert claim.far_out(everywhere)["growth"] == pytest.approx([1.0])
    assert claim.far_out(everywhere)["constant"].tolist() == [0.0]
    bounded = claim.far_out(line("hardgelu", 1.0))
    assert bounded["growth"] == pytest.approx([0.0], abs=1e-12)
    assert bounded["constant"].tolist() == [1.0]


def test_the_figure_draws_what_is_all_the_same_and_what_is_missing():
    same = made(0.0, seeds=2, noise=0.0)
    assert png(draw(same, judged(same)))[:4] == b"\x89PNG"
    same.loc[same["metric"] == "ece", "value"] = math.nan
    assert png(draw(same, judged(same)))[:4] == b"\x89PNG"
