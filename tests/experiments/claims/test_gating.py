"""The claim on gates: its rule each way, fits with known optima, cancellation written out, a whole tiny run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from experiments.claims import gating as claim
from experiments.claims.gating_figure import ACCUSED, draw
from experiments.measures import gate_fits
from experiments.measures.gated_networks import FUNCTIONS, LEAKY
from quantstudy.activations.catalogue import parse_activation
from quantstudy.claims.run import measure_unit
from quantstudy.judge.claims import judge_claims
from quantstudy.networks.stack import from_arrays

pytestmark = pytest.mark.usefixtures("one_thread")


def made(seeds: int = 32, noise: float = 0.0, **leaky: float) -> pd.DataFrame:
    """A table in which leaky ones differ from the others only in what keywords say, all of them alike."""
    draws = np.random.default_rng(0)
    base = {"one": 0.2, "two": 0.0, "bump": 0.4, "cancels": 0.4, "off": 0.5}
    places = {
        "off": (claim.NETWORK, None, "off"),
        "one": (gate_fits.STEP, 1.0, "error"),
        "two": (gate_fits.STEP, 2.0, "error"),
        "bump": (gate_fits.BUMP, 1.0, "error"),
        "cancels": (claim.NETWORK, None, "cancels"),
    }
    base |= {"right_4": 0.9, "right_6": 0.95, "right_8": 0.98, "lost": 0.1, "mean": 0.1, "own": 0.0}
    base |= {"leak": 0.01, "flat": 0.8}
    places |= {f"right_{width}": (claim.ISLANDS, float(width), "accuracy") for width in claim.SIZES}
    places |= {
        key: (claim.ISLANDS, 8.0, metric)
        for key, metric in (("lost", "cut_zero"), ("mean", "cut_mean"), ("own", "cut_leak"))
    }
    places |= {key: (claim.FLAT, 4.0, key) for key in ("leak", "flat")}
    nets = {claim.ISLANDS, claim.FLAT}
    cells = []
    for name in FUNCTIONS:
        for seed in range(seeds):
            values = base | (leaky if name in LEAKY else {})
            kept = [key for key in values if name in ("relu", "leaky_relu") or places[key][0] in nets]
            cells += [(name, seed, *places[key], values[key] + noise * draws.random()) for key in kept]
            cells += [(name, seed, gate_fits.STEP, 2.0, "leak", 0.0)] * (name in ("relu", "leaky_relu"))
    return pd.DataFrame(cells, columns=["activation", "seed", "case", "x", "metric", "value"])


AS_CLAIMED = {"off": 0.0, "one": 0.4, "cancels": 0.6, "right_4": 0.85, "lost": 0.15, "leak": 0.05}
"""What leaky ones are if all that decides is as the claim has it."""


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "supported"),
        ({"off": 0.49}, "in part"),
        ({"one": 0.21, "two": 0.39}, "supported"),  # stand beside
        ({"cancels": 0.3}, "in part"),
        ({"right_4": 0.95}, "in part"),
        ({"lost": 0.05}, "in part"),
        ({"leak": 0.015}, "in part"),
        ({"seeds": 1}, "undecided"),
    ],
)
def test_every_part_that_decides_counts(changed: dict[str, Any], verdict: str) -> None:
    table = made(**{"noise": 0.01, **AS_CLAIMED, **changed})
    assert judge_claims([(claim.CLAIM, claim.effects(table))])[0].verdict == verdict


@pytest.mark.parametrize(
    ("cancels", "noise", "verdict"),
    [(0.41, 0.01, "no effect that matters"), (0.3, 0.01, "reversed"), (0.42, 0.01, "undecided")],
)
def test_where_nothing_holds_the_word_is_that_of_what_cancels(cancels: float, noise: float, verdict: str) -> None:
    table = made(cancels=cancels, noise=noise)
    assert judge_claims([(claim.CLAIM, claim.effects(table))])[0].verdict == verdict


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("never_off", {"off": (0.3, 0.47, 0.6)}),
        ("one_leaks", {"one": (0.3, 0.22, 0.1)}),
        ("nets_cancel", {"cancels": (0.45, 0.41, 0.35)}),
        ("costs_small", {"right_4": (0.88, 0.905, 0.92)}),
        ("costs_6", {"right_6": (0.93, 0.955, 0.97)}),
        ("costs_8", {"right_8": (0.96, 0.975, 0.995)}),
        ("cut", {"lost": (0.13, 0.11, 0.07)}),
        ("cut_mean", {"mean": (0.13, 0.11, 0.07)}),
        ("cut_leak", {"own": (0.03, 0.01, -0.03)}),
        ("bump_leaks", {"leak": (0.04, 0.025, -0.02)}),
        ("bump_flat", {"flat": (0.7, 0.77, 0.9)}),
    ],
)
def test_every_part_can_come_out_each_way(part: str, values: dict[str, tuple[float, ...]]) -> None:
    (key, three), words = *values.items(), ("supported", "no effect that matters", "reversed")
    for value, word in zip(three, words, strict=True):
        found = judge_claims([(claim.CLAIM, claim.effects(made(noise=0.002, **{key: value})))])[0]
        assert found.outcome(part).verdict == word


def test_what_is_taken_from_what() -> None:
    effects = claim.effects(made(seeds=2, off=0.0, one=0.3, two=0.07, bump=0.6, cancels=0.45))
    wanted = {"one_leaks": 0.1, "pair_helps": 0.03, "bump": 0.2, "nets_cancel": 0.05, "never_off": 0.5}
    assert {part: values.tolist() for part, values in effects.items() if part in wanted} == {
        part: pytest.approx([value] * 2) for part, value in wanted.items()
    }
    assert set(effects) == {part.name for part in claim.CLAIM.parts}


def test_leaky_is_the_usual_slope_and_others_stand_beside() -> None:
    """Every function has a value of its own: relu 0, slopes 1, 2 and 6, relu from 0.3 10, hardgelu 20."""
    table = made(seeds=2)
    own = dict(zip(FUNCTIONS, (0.0, 1.0, 2.0, 6.0, 10.0, 20.0), strict=True))
    effects = claim.effects(table.assign(value=table["activation"].map(own)))
    wanted = {
        **{"costs_small": -1.0, "costs_6": -1.0, "costs_8": -1.0, "cut": 1.0, "cut_mean": 1.0, "cut_leak": 1.0},
        **{"bump_leaks": 1.0, "bump_flat": -1.0, "costs_more": -4.0, "cut_more": 4.0, "bump_more": 4.0},
        **{"costs_faded": 9.0, "costs_hardgelu": 19.0, "bump_hardgelu": -19.0},
    }
    assert {part: effects[part].tolist() for part in wanted} == {part: [value] * 2 for part, value in wanted.items()}


def test_gates_are_where_they_should_be() -> None:
    stretches = {gate: np.array([gate_fits.draw_gate(gate, seed) for seed in range(200)]) for gate in ("step", "bump")}
    inner = stretches["step"][np.abs(stretches["step"]) < 2.0]
    assert len(inner) == 200
    assert np.abs(inner).max() <= 0.6
    assert 60 < (stretches["step"][:, 1] == 2.0).sum() < 140
    widths = np.diff(stretches["bump"])
    assert (widths.min(), widths.max()) == (pytest.approx(0.4, abs=0.02), pytest.approx(0.8, abs=0.02))
    gates, roots = gate_fits.targets(np.array([[0.205, 2.0], [-0.301, 0.301]]))
    assert (roots**2).sum(axis=1) == pytest.approx([1.0, 1.0])
    x = gate_fits.PLACES
    assert (gates[0] == (x > 0.205)).all()
    assert (gates[1] == (np.abs(x) < 0.301)).all()
    assert ((roots[0] == 0.0) == (np.abs(x - 0.205) <= 0.1)).all()
    assert ((roots[1] == 0.0) == (np.abs(np.abs(x) - 0.301) <= 0.1)).all()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RESTARTS": 64, "BEST": 4, "FIRST": 25, "SECOND": 60}.items():
        monkeypatch.setattr(gate_fits, name, value)


@pytest.mark.parametrize(("name", "slope"), [("relu", 0.0), ("leaky_relu", 0.01)])
@pytest.mark.parametrize("gate", ["step", "bump"])
def test_one_rectifier_against_every_bend(name: str, slope: float, gate: str, quick: None) -> None:
    """The twin: both directions and 4001 places of the bend, each with the v that least squares gives."""
    _, errors = gate_fits.fit(name, gate, 1, range(2))
    gates, roots = gate_fits.targets(np.array([gate_fits.draw_gate(gate, seed) for seed in range(2)]))
    far = np.geomspace(3.0, 1e7, 500)  # a neuron that bends far away is nearly a constant
    bends = np.concatenate([-far, np.linspace(-3.0, 3.0, 3001), far])[:, None]
    inner = np.concatenate([gate_fits.PLACES - bends, bends - gate_fits.PLACES])
    columns = np.where(inner > 0.0, inner, slope * inner)[None] * roots[:, None]
    wanted = gates * roots
    along = np.einsum("gbp,gp->gb", columns, wanted) ** 2 / np.maximum((columns**2).sum(-1), 1e-12)
    best = np.sqrt((wanted**2).sum(-1) - along.max(axis=1))
    assert errors == pytest.approx(best, abs=1e-4)
    assert (errors <= best + 1e-9).all()


def test_gates_that_are_met_exactly(quick: None) -> None:
    """relu's pair is a ramp between two constants; one hardgelu neuron is one by itself; leaky_relu's pair leaks."""
    errors = {name: gate_fits.fit(name, "step", 2, range(2))[1].max() for name in ("relu", "leaky_relu")}
    assert errors["relu"] < 1e-4
    assert 1e-3 < errors["leaky_relu"] < 0.01
    assert gate_fits.fit("hardgelu", "step", 1, range(2))[1].min() < 1e-4
    assert gate_fits.fit("leaky_relu", "step", 4, range(2))[1].max() < 2e-3


def test_prelus_slope_is_fitted_too(quick: None) -> None:
    """Two prelu neurons whose slopes are 0 do what relu's pair does."""
    assert gate_fits.fit("prelu", "step", 2, range(2))[1].max() < 5e-3


def test_scales_are_those_of_least_squares() -> None:
    start = gate_fits.starts("bump", 2, range(2), 3)
    gates, roots = gate_fits.targets(np.array([gate_fits.draw_gate("bump", seed) for seed in range(2)]))
    fits = gate_fits.Fits("relu", torch.from_numpy(start.copy()), torch.from_numpy(gates), torch.from_numpy(roots))
    fits.solve_scales()
    assert (fits.at[:, :, 1:].numpy() == start[:, :, 1:]).all()
    for gate, number in np.ndindex(2, 3):
        _, a, b, _ = start[gate, number]
        columns = np.maximum(a * gate_fits.PLACES[:, None] + b, 0.0) * roots[gate][:, None]
        slow = np.linalg.lstsq(columns, gates[gate] * roots[gate], rcond=None)[0]
        assert fits.at[gate, number, 0].numpy() == pytest.approx(slow, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["prelu", "silu"])
def test_steps_follow_the_jacobian(name: str) -> None:
    """The twin: one Levenberg-Marquardt step of every fit by autograd."""
    start = torch.from_numpy(gate_fits.starts("step", 2, range(2), 3))
    gates, roots = (
        torch.from_numpy(one) for one in gate_fits.targets(np.array([gate_fits.draw_gate("step", s) for s in (0, 1)]))
    )
    fits = gate_fits.Fits(name, start.clone(), gates, roots)
    fits.solve_scales()
    before = fits.at.clone()
    fits.run(1)
    parameters = 4 if name == "prelu" else 3
    moved = 0
    for gate, number in np.ndindex(2, 3):

        def residual(flat: torch.Tensor, gate: int = gate, number: int = number) -> torch.Tensor:
            at = before[gate, number].clone()
            v, a, b, slope = (*flat.reshape(parameters, 2), *at[parameters:])
            inner = a[:, None] * torch.from_numpy(gate_fits.PLACES) + b[:, None]
            f = torch.where(inner > 0, inner, slope[:, None] * inner) if name == "prelu" else inner * inner.sigmoid()
            return ((v[:, None] * f).sum(0) - gates[gate]) * roots[gate]

        flat = before[gate, number, :parameters].reshape(-1)
        jacobian = torch.autograd.functional.jacobian(residual, flat)
        squares = jacobian.T @ jacobian
        own = squares.diagonal()
        damped = squares + torch.diag(1e-2 * own + 1e-9 * own.max() + 1e-30)
        trial = flat - torch.linalg.solve(damped, jacobian.T @ residual(flat))
        better = residual(trial).square().sum() < residual(flat).square().sum()
        wanted = trial if better else flat
        moved += int(better)
        torch.testing.assert_close(fits.at[gate, number, :parameters].reshape(-1), wanted, rtol=1e-6, atol=1e-9)
    assert moved


def network(activation: str) -> Any:
    draws = np.random.default_rng(5)
    shapes = {"layers.0.weight": (2, 3, 2), "layers.1.weight": (2, 4, 3), "layers.2.weight": (2, 1, 4)}
    arrays = {name: draws.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {name.replace("weight", "bias"): np.zeros(shape[:2], np.float32) for name, shape in shapes.items()}
    arrays["layers.1.weight"][0, 2] = 0.0  # nothing flows into this neuron
    return from_arrays(parse_activation(activation), arrays)


def test_networks_against_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, grid=5, hidden=(3, 4)))
    stack = network("relu")
    measures = [(one["case"], one.get("x"), values) for one, values in claim.network_measures(stack)]
    whole = measures[0][2]
    axis = (np.arange(5) + 0.5) / 2.5 - 1.0
    for model in range(2):
        weights = [w[model].numpy().astype(np.float64) for w in stack.weights]
        zeros, shares, nothing = [], [], 0
        for x in axis:
            for y in axis:
                h = np.maximum(weights[0] @ [x, y], 0.0)
                zeros += list(h == 0.0)
                for layer in (1, 2):
                    for row in weights[layer]:
                        flow = [w * one for w, one in zip(row, h, strict=True)]
                        total = sum(map(abs, flow))
                        if total > 0.0:
                            shares.append(1.0 - abs(sum(flow)) / total)
                        else:
                            nothing += 1
                    h = np.maximum(weights[layer] @ h, 0.0)
                    zeros += list(h == 0.0) if layer == 1 else []
        assert whole["off"][model] == pytest.approx(np.mean(zeros))
        assert whole["cancels"][model] == pytest.approx(np.mean(shares), abs=1e-6)
        assert whole["undefined"][model] == pytest.approx(nothing / (len(shares) + nothing))
    assert nothing or whole["undefined"][0] > 0.0
    assert [(case, x, sorted(values)) for case, x, values in measures[1:]] == [
        ("layer", 0.0, ["off"]),
        ("layer", 1.0, ["off"]),
        ("layer", 1.0, ["cancels"]),
        ("layer", 2.0, ["cancels"]),
    ]


def test_flows_that_are_known() -> None:
    weights = torch.tensor([[[1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [3.0, -1.0]]], dtype=torch.float64)
    sums, counts = claim.cancellation(weights, torch.ones(1, 2, 5, dtype=torch.float64))
    assert (sums.tolist(), counts.tolist()) == ([5 * (1.0 + 0.0 + 0.5)], [15.0])


def test_a_whole_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"RESTARTS": 8, "BEST": 2, "FIRST": 3, "SECOND": 3}.items():
        monkeypatch.setattr(gate_fits, name, value)
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=3, grid=12, hidden=(4, 3), trainer="reference"))
    monkeypatch.setattr(claim, "BUMP_STEPS", 2)
    units = claim.units(1)
    assert len(units) == 7 + 2 * len(claim.SIZES)
    paths = [measure_unit("gating", unit, tmp_path / f"{n}.parquet", {}) for n, unit in enumerate(units)]
    table = pa.concat_tables([pa.parquet.read_table(path) for path in paths]).to_pandas()
    judged = judge_claims([(claim.CLAIM, claim.effects(table))])[0]
    assert {outcome.seeds for outcome in judged.outcomes} == {1}
    assert judged.outcome("never_off").mean > 0.1
    assert judged.verdict == "undecided"  # one seed
    traits = table[(table["case"] == "trait") & (table["metric"] == "zero_half_line")]
    assert (len(traits), traits["value"].sum(), set(traits["seed"])) == (7, 3.0, {0})
    curve = table[(table["case"] == "curve 2") & (table["activation"] == "silu")]
    assert curve["x"].tolist() == gate_fits.PLACES.tolist()
    for case in (claim.ISLANDS, claim.FLAT):
        found = table[table["case"] == case]
        assert sorted(found["x"].unique()) == [4.0, 6.0, 8.0]
        assert set(found["activation"]) == set(FUNCTIONS)
    figure = draw(table, judged)
    assert judged.verdict in figure.get_label().lower()
    said = [text.get_text() for text in figure.texts]
    assert {"leaky_relu 0.1", "leaky_relu 0.3", "relu from 0.3"} <= set(said)
    orange = {text.get_text() for text in figure.texts if text.get_color() == ACCUSED}
    assert orange == {"leaky_relu", "leaky_relu 0.1", "leaky_relu 0.3"}
    assert len(figure.axes) >= 7 + 5 + 5


def test_blocks_of_seeds() -> None:
    units = claim.units(20)
    assert [(u["case"], u["width"], u["first"], u["last"]) for u in units if "case" in u] == [
        (case, width, first, last)
        for first, last in ((0, 16), (16, 20))
        for width in (4, 6, 8)
        for case in ("islands", "flat")
    ]
    assert len(units) == 2 * (7 + 6)


@pytest.mark.parametrize("table", [made(seeds=3), made(seeds=1), made(seeds=2).assign(value=np.nan)])
def test_drawing_what_is_all_the_same_or_not_there(table: pd.DataFrame) -> None:
    judged = judge_claims([(claim.CLAIM, claim.effects(table))])[0]
    assert draw(table, judged).axes
