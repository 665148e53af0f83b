"""The claim about islands that move: each outcome can come out, the measures are those of the networks, the figure."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.text import Text

from experiments.claims import evolving_islands as claim
from experiments.claims.evolving_islands_figure import draw
from experiments.measures import journeys, moving_islands
from quantstudy.activations.catalogue import parse_activation
from quantstudy.engine.worker import one_thread
from quantstudy.judge.claims import judge_claims
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import train
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png
from quantstudy.targets.islands import moving_field, plane

PARTS = {part.name: part for part in claim.CLAIM.parts}


def made(lead, seeds=32, noise=0.02):
    """A table in which silu and gelu, and hardgelu without its cap, lead by `lead` times what matters."""
    tables = []
    for number, name in enumerate(claim.ACTIVATIONS):
        draws = np.random.default_rng(number)
        spread = draws.standard_normal((3, seeds))
        spread -= spread.mean(axis=1, keepdims=True)  # the mean effect is exactly `lead`
        leads = lead * (name in claim.SMOOTH or name == "hardgelu_uncapped") + noise * spread
        whole = {
            "tracks": 0.9 + 0.01 * leads[0],
            "halfway_4": 0.8 + 0.01 * leads[1],
            "path_length": 2.0 * (1.0 - 0.05 * leads[2]),
            "ends_4": np.full(seeds, 0.7),
            "rate": np.full(seeds, 0.1),
        }
        variants = [({"case": case}, whole) for case in claim.STEPS]
        for step in range(moving_islands.MOVES + 1):
            at = {"after": 0.9 + 0.01 * leads[0], **({"before": np.full(seeds, 0.8)} if step else {})}
            variants.append(({"case": claim.OWN, "x": float(step)}, at))
        tables.append(variant_rows(CLAIM, name, range(seeds), variants).to_pandas())
    changed = {"changed": np.full(seeds, 0.08)}
    tables.append(variant_rows(CLAIM, claim.TARGET, range(seeds), [({"case": claim.OWN}, changed)]).to_pandas())
    return text(pd.concat(tables, ignore_index=True))


def text(table):
    return table.astype({"activation": str, "case": str, "metric": str})


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(
    ("lead", "verdict"),
    [(3.0, "supported"), (0.0, "no effect that matters"), (1.0, "undecided"), (-3.0, "reversed")],
)
def test_each_verdict_can_come_out(lead, verdict):
    table = made(lead)
    found = judged(table)
    assert found.verdict == verdict
    assert {outcome.verdict for outcome in found.outcomes} == {verdict}
    for outcome in found.outcomes:
        assert outcome.mean == pytest.approx(lead * outcome.part.smallest, abs=0.02 * outcome.part.smallest)
    if verdict == "undecided":
        assert png(draw(table, found))[:4] == b"\x89PNG"


@pytest.mark.parametrize("case", [claim.SHORT, claim.SHORTEST])
def test_with_fewer_steps_it_can_come_out_the_other_way(case):
    """The claim then stands in part, as it does with many."""
    table = made(3.0)
    rows = (table["case"] == case) & (table["metric"] == "tracks") & table["activation"].isin(claim.SMOOTH)
    table.loc[rows, "value"] -= 0.06
    found = judged(table)
    part = {claim.SHORT: "tracks_20", claim.SHORTEST: "tracks_5"}[case]
    assert found.outcome(part).verdict == "reversed"
    assert {outcome.verdict for outcome in found.outcomes if outcome.part.name != part} == {"supported"}
    assert found.verdict == "in part"
    table.loc[rows, "value"] += 0.03
    assert judged(table).outcome(part).verdict == "no effect that matters"


@pytest.mark.parametrize(
    ("case", "metric", "name", "moved"),
    [
        (claim.OWN, "tracks", "gelu", {"tracks": 0.5, "tracks_kinked": 0.5}),
        (claim.OWN, "tracks", "hardgelu", {"tracks": -1.0, "bound": -1.0}),
        (claim.OWN, "tracks", "prelu", {"tracks_kinked": -0.25}),
        (claim.OWN, "tracks", "hardgelu_uncapped", {"bound": 1.0}),
        (claim.OWN, "halfway_4", "hardgelu", {"interpolates": -1.0}),
        (claim.OWN, "path_length", "silu", {"shorter_path": -0.25}),
        (claim.OWN, "path_length", "hardgelu", {"shorter_path": 1.0 / 3.0}),
        (claim.SHORT, "tracks", "silu", {"tracks_20": 0.5}),
        (claim.SHORTEST, "tracks", "gelu", {"tracks_5": 0.5}),
        (claim.SHORTEST, "tracks", "hardgelu", {"tracks_5": -1.0}),
        (claim.SHORT, "halfway_4", "silu", {}),
        (claim.ALIKE, "tracks", "silu", {}),
        (claim.ALIKE, "halfway_4", "silu", {}),
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
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=80, batch=64, grid=16))
    monkeypatch.setattr(claim, "TUNING", range(1000, 1002))
    monkeypatch.setattr(claim, "STEPS", {claim.OWN: 12, claim.SHORT: 4, claim.SHORTEST: 1, claim.ALIKE: 12})
    caches = (moving_islands.masks_at, claim.tuning, claim._tuning_start)
    for cache in caches:
        cache.cache_clear()
    with one_thread():  # as the runner does
        yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.slow
def test_from_the_units_to_the_figure_with_one_seed(tiny):
    units = claim.units(1)
    assert len(claim.units(64)) == 8  # each tunes once
    assert [unit["activation"] for unit in units] == [*claim.STUDY.activations, "hardgelu_uncapped"]
    table = text(pd.concat([claim.measure(**unit).to_pandas() for unit in units], ignore_index=True))
    found = judged(table)
    assert found.verdict == "undecided"
    assert all(outcome.seeds == 1 for outcome in found.outcomes)
    assert png(draw(table, found))[:4] == b"\x89PNG"


def slow_masks(seeds, step):
    fields = [moving_field(seed, 16, 3.0, 0.08 * step) for seed in seeds]
    return np.stack([f > np.quantile(f, 0.5 + 0.15 * math.sin(2 * math.pi * step / 12)) for f in fields])


def slow_accuracy(arrays, activation, mask):
    """Right pixels of the second model, layer by layer."""
    values = torch.from_numpy(plane(16))
    for layer in range(4):
        values = torch.from_numpy(arrays[f"layers.{layer}.weight"][1]) @ values
        values = values + torch.from_numpy(arrays[f"layers.{layer}.bias"][1])[:, None]
        if layer < 3:
            values = activation(values)
    return float(((values[0].numpy() > 0) == mask.ravel()).mean())


def test_the_measures_are_those_of_a_slow_journey(tiny):
    """By the reference trainer, one step of the islands after the other; within a few pixels of rounding."""
    table = text(claim.measure("silu", 0, 2).to_pandas())
    silu = parse_activation("silu")
    settings = {"batch": 64, "trainer": "reference"}
    stack, _ = train(
        initial_stack(silu, (0, 1), (8, 8, 8)), (0, 1), slow_masks((0, 1), 0), steps=80, lr=0.1, **settings
    )
    before, after, arrays = [], [], [stack.arrays()]
    for step in range(1, 13):
        masks = slow_masks((0, 1), step)
        before.append(slow_accuracy(stack.arrays(), silu, masks[1]))
        draws = [step * journeys.DRAWS, 1 + step * journeys.DRAWS]
        stack, _ = train(stack, draws, masks, steps=12, lr=0.01, **settings)
        after.append(slow_accuracy(stack.arrays(), silu, masks[1]))
        arrays.append(stack.arrays())
    found = table[(table["case"] == claim.ALIKE) & (table["seed"] == 1)].set_index("metric")["value"]
    assert found["tracks"] == pytest.approx(np.mean(after), abs=0.002)
    flat = np.stack([np.concatenate([part[1].ravel() for part in named.values()]) for named in arrays]).astype(float)
    length = sum(math.dist(one, other) for one, other in zip(flat[1:], flat[:-1], strict=True))
    assert found["path_length"] == pytest.approx(length / math.hypot(*flat[0]), rel=1e-3)
    halfway = []
    for step in range(9):
        middle = {name: (arrays[step][name] + arrays[step + 4][name]) / 2 for name in arrays[0]}
        values = moving_field(1, 16, 3.0, 0.08 * (step + 2))
        level = 0.5 + 0.15 * (math.sin(2 * math.pi * step / 12) + math.sin(2 * math.pi * (step + 4) / 12)) / 2
        halfway.append(slow_accuracy(middle, silu, values > np.quantile(values, level)))
    assert found["halfway_4"] == pytest.approx(np.mean(halfway), abs=0.002)
    journey = journeys.journey(claim.STUDY, journeys.from_scratch(claim.STUDY, "silu", range(2)), range(2), 12, 0.01)
    assert journey.after[:, 1] == pytest.approx(after, abs=0.01)
    assert journey.before[:, 1] == pytest.approx(before, abs=0.01)


def test_the_rate_is_the_best_of_the_tuning_seeds_and_none_of_the_claim_s(tiny, monkeypatch):
    asked, best = [], {12: 2, 4: 1, 1: 5}

    def scores(activation, steps):
        asked.append(steps)
        found = np.linspace(0.3, 0.1, 2 * len(claim.RATES)).reshape(-1, 2)
        found[best[steps]] = [0.2, 0.5]  # best in the mean
        return found

    monkeypatch.setattr(claim, "tuning", scores)
    table = text(claim.measure("relu", 0, 1).to_pandas())
    rates = table[table["metric"] == "rate"].set_index("case")["value"].to_dict()
    own = {claim.OWN: claim.RATES[2], claim.SHORT: claim.RATES[1], claim.SHORTEST: claim.RATES[5]}
    assert rates == {**own, claim.ALIKE: 0.01}
    assert sorted(asked) == [1, 4, 12]
    tuned = table[table["case"] == claim.TUNED]
    assert set(tuned["seed"]) == {1000, 1001}
    assert min(range(1000, 1008)) > 512  # no study has so many seeds


def test_rates_are_tuned_on_the_tuning_seeds_alone(tiny, monkeypatch):
    asked = []

    def journey(_, start, seeds, steps, rate):
        asked.append((start.models, seeds, steps, rate))
        return journeys.Journey([start], np.zeros((12, 2)), np.array([[rate, 0.0], [0.0, rate]] * 6))

    monkeypatch.setattr(claim, "journey", journey)
    assert claim.tuning("relu", 7) == pytest.approx(np.array([[rate / 2, rate / 2] for rate in claim.RATES]))
    assert asked == [(2, range(1000, 1002), 7, rate) for rate in claim.RATES]
    first = journeys.from_scratch(claim.STUDY, "relu", range(1000, 1002))
    assert np.array_equal(journeys.parameters(claim._tuning_start("relu")), journeys.parameters(first))


def test_what_stands_still_has_no_path_and_half_way_is_itself():
    stack = initial_stack(parse_activation("prelu"), (0, 1), (8, 8, 8))
    assert journeys.path([stack, stack, stack]).tolist() == [[0.0, 0.0]] * 2
    assert np.array_equal(journeys.parameters(journeys.mean_weights(stack, stack)), journeys.parameters(stack))
    moved = stack.with_weights([2.0 * weight for weight in stack.weights])
    there_and_back = journeys.path([stack, moved, stack])
    norm = np.linalg.norm(journeys.parameters(stack), axis=1)
    weights = np.linalg.norm(np.concatenate([w.flatten(1).numpy() for w in stack.weights], axis=1), axis=1)
    assert there_and_back == pytest.approx(np.stack([weights / norm, 2.0 * weights / norm]), rel=1e-6)


def test_small_steps_and_the_water_rises_and_falls():
    levels = [moving_islands.time_and_level(step)[1] for step in range(moving_islands.MOVES + 1)]
    assert max(levels) == pytest.approx(0.65)
    assert min(levels) == pytest.approx(0.35)
    assert levels[0] == pytest.approx(levels[-1]) == pytest.approx(0.5)
    assert np.abs(np.diff(levels)).max() < 0.08
    assert moving_islands.halfway(2, 4) == pytest.approx((0.32, (levels[2] + levels[6]) / 2))


@pytest.mark.parametrize("rate", [0.01, 0.07, 0.3])
def test_the_figure_says_whether_a_rate_is_at_an_end(rate):
    table = made(0.0, seeds=2)
    table.loc[(table["metric"] == "rate") & (table["case"] == claim.SHORTEST), "value"] = rate
    table.loc[(table["metric"] == "rate") & (table["case"] == claim.ALIKE), "value"] = 0.01  # is not its own
    words = " ".join(" ".join(mark.get_text().split()) for mark in draw(table, judged(table)).findobj(Text))
    assert ("; none is at an end)" in words) == (rate == 0.07)
    assert (f"; at an end of these: {', '.join(sorted(claim.ACTIVATIONS))})" in words) == (rate != 0.07)


@pytest.mark.slow
def test_the_figure_draws_what_is_all_the_same_and_what_is_missing():
    same = made(0.0, seeds=2, noise=0.0)
    assert png(draw(same, judged(same)))[:4] == b"\x89PNG"
    same.loc[same["metric"].isin(["halfway_4", "ends_4"]), "value"] = math.nan
    assert png(draw(same, judged(same)))[:4] == b"\x89PNG"
