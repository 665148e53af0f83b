"""The claim about straight lines: each outcome can come out, the curvature is exact, the figure draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import straight_creases as claim
from experiments.claims.straight_creases_figure import draw
from experiments.measures import level_sets, straightness
from quantstudy.activations.catalogue import parse_activation
from quantstudy.judge.claims import judge_claims
from quantstudy.networks.stack import initial_stack
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png

GRID = claim.STUDY.grid


def made(lead, straight=1.0, curved=1.0, seeds=32, wide=0.0, prelu=None):
    """A table in which the curved ones lead by `lead`, at 32,32,32 by `wide`; prelu by `prelu` less than they."""
    tables = []
    for number, name in enumerate((*claim.STRAIGHT, *claim.CURVED)):
        noise = 1e-4 * np.random.default_rng(number).standard_normal(seeds)
        behind = 0.0 if name in claim.CURVED else lead if prelu is None or name != "prelu" else prelu
        measures = {
            "accuracy": 0.9 - behind + noise,
            "straight": straight + noise,
            "curved": curved + noise,
            **({"regions": 90.0 + noise, "pieces": 9.0 + noise} if name in claim.STRAIGHT else {}),
        }
        cases = [({"case": claim.size_name(size)}, measures) for size in claim.SIZES if size != (32, 32, 32)]
        far = measures | {"accuracy": 0.9 - wide * (name in claim.STRAIGHT) + noise}
        cases.append(({"case": claim.size_name((32, 32, 32))}, far))
        tables.append(variant_rows(CLAIM, name, range(seeds), cases).to_pandas())
    return pd.concat([table.astype({"activation": str, "case": str, "metric": str}) for table in tables])


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(
    ("table", "verdict", "parts"),
    [
        (made(0.03), "supported", {}),
        (made(0.03, wide=0.03), "in part", {"depends": "no effect that matters"}),
        (made(0.03, prelu=0.0), "in part", {"limits_prelu": "no effect that matters"}),
        (made(-0.03), "in part", {"limits_small": "reversed", "limits_prelu": "reversed", "straight": "supported"}),
        (made(0.01), "in part", {"limits_small": "undecided"}),
        (made(0.03, straight=0.9), "in part", {"straight": "no effect that matters"}),
        (made(0.0, straight=0.9), "no effect that matters", {"straight": "no effect that matters"}),
        (made(0.03, curved=0.9), "supported", {"curved": "no effect that matters"}),
        (made(0.03, seeds=1), "undecided", {}),
    ],
)
def test_each_verdict_can_come_out(table, verdict, parts):
    found = judged(table)
    assert found.verdict == verdict
    assert {part: found.outcome(part).verdict for part in parts} == parts


def test_every_part_looks_at_its_own_rows():
    table = made(0.0)
    parts = {"limits": "8,8,8", "limits_small": "4,4", "limits_wide": "32,32,32"}
    for part, size in parts.items():
        changed = table.copy()
        at = (changed["case"] == size) & (changed["metric"] == "accuracy") & (changed["activation"] == "relu")
        changed.loc[at, "value"] -= 0.3
        found = claim.effects(changed)
        sign = {"4,4": 0.1, "32,32,32": -0.1}.get(size, 0.0)
        assert found["depends"].mean() == pytest.approx(sign, abs=1e-3)
        assert found["limits_prelu"].mean() == pytest.approx(0.0, abs=1e-3)
        assert {name for name in parts if found[name].mean() > 0.05} == {part}
        assert found[part].mean() == pytest.approx(0.1, abs=1e-3)


def twisted(activation, hidden=(5, 6), seed=3):
    """A network in float64 whose biases, slopes and weights are all at work."""
    stack = initial_stack(parse_activation(activation), [seed, seed + 1], hidden)
    draws = torch.Generator().manual_seed(seed)
    biases = tuple(0.5 * torch.randn(b.shape, generator=draws) for b in stack.biases)
    return level_sets.in_float64(replace(stack, biases=biases))


@pytest.mark.parametrize("name", claim.STUDY.activations)
def test_the_second_derivative_is_the_slope_of_the_first(name):
    activation = parse_activation(name)
    x = torch.linspace(-7.9, 7.9, 401, dtype=torch.float64)
    x = x[torch.stack([(x - bend).abs() for bend in (*activation.bends, 100.0)]).amin(dim=0) > 1e-3]
    slope = torch.tensor(0.25, dtype=torch.float64) if activation.learned_slope else None
    (_, below), (_, above) = (activation.with_derivative(x + step, slope) for step in (-1e-5, 1e-5))
    assert level_sets.second_derivative(name, x).numpy() == pytest.approx(((above - below) / 2e-5).numpy(), abs=1e-8)


@pytest.mark.parametrize("name", claim.STUDY.activations)
def test_the_derivatives_of_a_network_against_differences(name):
    stack = twisted(name)
    points = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 2, 40)))
    value, gradient, hessian = level_sets.derivatives(stack, 2, points)
    assert torch.equal(value, level_sets.preactivations(stack, points)[2])
    steps = 1e-4 * torch.eye(2, dtype=torch.float64)[:, None, :, None]

    def at(shift):
        return level_sets.preactivations(stack, points + shift)[2]

    smooth = torch.stack([(at(s) - 2 * value + at(-s)).abs() for s in 20 * steps]).amax(dim=0) < 1e-3  # no kink near
    slopes = torch.stack([(at(s) - at(-s)) / 2e-4 for s in steps])
    assert slopes[:, smooth].numpy() == pytest.approx(gradient[:, smooth].numpy(), abs=1e-5)
    second = {0: (steps[0], steps[0]), 1: (steps[0], steps[1]), 2: (steps[1], steps[1])}
    for place, (one, other) in second.items():
        found = (at(one + other) - at(one - other) - at(other - one) + at(-one - other)) / 4e-8
        near = (found - hessian[place]).abs()[smooth]
        assert (near < 1e-5).double().mean() > 0.95  # some differences straddle a bend


def test_points_lie_on_the_boundary_and_the_curvature_is_that_of_the_circle_through_three_of_them():
    stack = twisted("silu")
    points, neuron, found = level_sets.level_points(stack, 2, GRID)
    value, gradient, _ = level_sets.derivatives(stack, 2, points)
    assert found.sum() > 100
    kept = torch.from_numpy(found)
    assert value[:, 0][kept].abs().max() < 1e-10
    curvature = level_sets.curvatures(stack, 2, points, neuron)[found]
    # One step along the tangent, back onto the level by Newton: the sagitta h of a chord of half-length c is κc²/2.
    slope = gradient[:, :, 0].transpose(0, 1)
    tangent = torch.stack([-slope[:, 1], slope[:, 0]], dim=1) / slope.norm(dim=1, keepdim=True)
    ends = []
    for sign in (-1e-3, 1e-3):
        moved = points + sign * tangent
        for _ in range(3):
            value, gradient, _ = level_sets.derivatives(stack, 2, moved)
            slope = gradient[:, :, 0].transpose(0, 1)
            moved = moved - value * slope / slope.square().sum(dim=1, keepdim=True)
        ends.append(moved)
    chord = (ends[1] - ends[0]).norm(dim=1)
    sagitta = (0.5 * (ends[0] + ends[1]) - points).norm(dim=1)
    circle = (8.0 * sagitta / chord**2)[kept].numpy()
    assert circle == pytest.approx(curvature, rel=2e-2, abs=2e-3)


def test_points_of_one_piece_of_a_relu_boundary_lie_on_one_line():
    stack = twisted("relu", (8, 8), seed=10).select(slice(0, 1))
    points, neuron, found = level_sets.level_points(stack, 2, GRID)
    assert level_sets.curvatures(stack, 2, points, neuron)[found].max() == 0.0
    active = np.concatenate([(z[0] > 0).numpy() for z in level_sets.preactivations(stack, points)[:-1]])[:, found[0]]
    places = points[0].numpy()[:, found[0]]
    _, piece = np.unique(active, axis=1, return_inverse=True)
    piece = piece.ravel()
    checked = 0
    for number in range(piece.max() + 1):
        line = places[:, piece == number]
        if line.shape[1] > 2:
            checked += 1
            assert np.linalg.svd(line - line.mean(axis=1, keepdims=True), compute_uv=False)[1] < 1e-8
    assert checked > 3
    measures = straightness.boundary_measures(stack, GRID)
    assert measures["pieces"] == piece.max() + 1
    assert (measures["straight"], measures["curved"], measures["on_crease"]) == (1.0, 0.0, 0.0)


def test_a_network_without_a_boundary_has_no_share():
    stack = twisted("gelu")
    high = replace(stack, biases=(*stack.biases[:-1], torch.full_like(stack.biases[-1], 1e3)))
    measures = straightness.boundary_measures(high, GRID)
    assert np.isnan(measures["straight"]).all()
    assert np.isnan(measures["curvature_50"]).all()
    assert measures["boundary_points"].tolist() == [0.0, 0.0]
    straight = twisted("relu", (8, 8), seed=0)  # never 0 on the plane
    assert straightness.boundary_measures(straight, GRID)["pieces"].tolist()[0] == 0.0


def test_regions_are_the_patterns_of_the_grids_points():
    stack = initial_stack(parse_activation("prelu"), [0, 1, 2], (4, 3))
    stack = replace(stack, biases=tuple(torch.full_like(b, 0.3) for b in stack.biases))
    centres = (np.arange(40) + 0.5) / 20 - 1
    x, y = (torch.from_numpy(axis.astype(np.float32).ravel()) for axis in np.meshgrid(centres, centres))
    layers = [z > 0 for z in level_sets.preactivations(stack, torch.stack([x, y]))[:-1]]
    slow = [len({tuple(point) for point in torch.cat(layers, dim=1)[model].T.tolist()}) for model in range(3)]
    assert straightness.linear_regions(stack, 40).tolist() == slow
    assert min(slow) > 5


def test_jumps_of_the_derivative(monkeypatch):
    monkeypatch.setattr(claim, "NEIGHBOURS", 1e-4)
    known = {
        "relu": 1.0,
        "leaky_relu": 0.99,
        "prelu": 0.75,
        "hardswish": 0.5,
        "hardgelu": 1.0,
        "silu": 0.0,
        "gelu": 0.0,
    }
    assert {name: claim.derivative_jump(name) for name in known} == pytest.approx(known, abs=1e-4)
    assert claim.derivative_jump("silu") == pytest.approx(0.5e-4, rel=1e-3)  # f''(0) times the distance


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=60, batch=64, grid=24))
    monkeypatch.setattr(claim, "REGIONS_GRID", 24)
    monkeypatch.setattr(claim, "NEIGHBOURS", 1e-3)


@pytest.mark.slow
def test_from_the_units_to_the_figure_with_one_seed(tiny):
    units = claim.units(1)
    assert len(units) == 6 * 5 + 7
    table = pd.concat([claim.measure(**unit).to_pandas() for unit in units], ignore_index=True)
    found = judged(table)
    assert found.verdict == "undecided"
    assert found.outcome("straight").mean == 1.0
    assert found.outcome("curved").mean > 0.9
    assert table["metric"].eq("derivative_jump").sum() == 7
    assert set(table[table["case"] == "plane"]["activation"]) == {"relu", "silu"}
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_sizes_that_no_part_asks_about_have_fewer_seeds():
    last = {claim.size_name(size): 0 for size in claim.SIZES}
    for unit in claim.units(32):
        last[claim.size_name(unit["hidden"])] = max(last[claim.size_name(unit["hidden"])], unit["last"])
    asked = {claim.size_name(size) for size in claim.COMPARED.values()}
    assert last == {size: 32 if size in asked else 16 for size in last}
    table = made(0.02)
    fewer = table[(table["seed"] < 16) | table["case"].isin(asked)]
    figure = draw(fewer, judged(fewer))
    assert "32 seeds (16 at sizes other than" in figure.get_label()
