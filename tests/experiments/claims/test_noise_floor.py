"""Rounding as a noise floor: from networks to shares, and outcomes of made tables."""

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import noise_floor as claim
from experiments.claims.noise_floor_figure import draw
from experiments.measures.last_bit import last_bit_changed, share_within
from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import judge_claims
from quantstudy.judge.statistics.bootstrap import resample_indices
from quantstudy.judge.statistics.intervals import tail
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import train
from quantstudy.targets.islands import island_masks

SMALL = StudyConfig(bits=(4, 8), steps=40, grid=16, batch=64, hidden=(4, 3))
NAMES = claim.STUDY.activations


def made(share: float, spread: float = 0.01, seeds: int = 32) -> pd.DataFrame:
    """A table in which rounding makes such a share of the variance, and single networks have such a spread."""
    random = np.random.default_rng(5)
    rows = []
    for name in NAMES:
        for case, level in ((claim.FLOAT, 0.98), (claim.EIGHT, 0.97), (claim.FOUR, 0.8)):
            own = np.sqrt(1 - share) * random.normal(size=seeds)
            for network in range(claim.REPLICAS + 1):
                values = level + spread * (own + np.sqrt(share) * random.normal(size=seeds))
                metric = "accuracy_float" if case == claim.FLOAT else "accuracy_quantized"
                rows += [(name, seed, case, float(network), metric, value) for seed, value in enumerate(values)]
                if network and case == claim.FLOAT:
                    rows += [(name, seed, case, float(network), "equal", 0.0) for seed in range(seeds)]
                    rows += [(name, seed, case, float(network), "logit_distance", 3.0) for seed in range(seeds)]
    return pd.DataFrame(rows, columns=["activation", "seed", "case", "x", "metric", "value"])


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


def words(table):
    return {outcome.part.name: outcome.verdict for outcome in judged(table).outcomes}


def test_it_decides_nothing_and_asks_a_question():
    assert not any(part.decides for part in claim.CLAIM.parts)
    assert judged(made(0.5)).verdict == "beside"
    assert "?" in claim.__doc__.splitlines()[0]


@pytest.mark.parametrize(("share", "word"), [(0.6, "supported"), (0.01, "no effect that matters"), (1.0, "supported")])
def test_shares_come_out_each_way(share, word):
    found = words(made(share))
    assert {found[part] for part in ("share_float", "share_8", "share_4")} == {word}


def test_a_share_of_just_what_matters_is_undecided():
    assert words(made(0.1))["share_float"] == "undecided"


@pytest.mark.parametrize(
    ("spread", "float_word", "four_word"),
    [
        (0.05, "supported", "supported"),
        (0.01, "supported", "no effect that matters"),
        (0.0005, "no effect that matters", "no effect that matters"),
    ],
)
def test_spreads_come_out_each_way(spread, float_word, four_word):
    found = words(made(0.8, spread))
    assert (found["spread_float"], found["spread_4"]) == (float_word, four_word)


def test_the_mean_of_the_pseudo_values_is_near_the_truth_and_the_interval_holds_it():
    held, means = 0, []
    for trial in range(24):
        random = np.random.default_rng(trial)
        own = random.exponential(size=(7, 1, 32)) ** 1.2  # skewed, as accuracies are
        values = own * np.sqrt(0.6 / own.var()) + np.sqrt(0.4) * random.normal(size=(7, claim.REPLICAS + 1, 32))
        table = made(0.4)
        rows = table["metric"] == "accuracy_float"
        order = table[rows].sort_values(["activation", "x", "seed"], kind="stable").index
        table.loc[order, "value"] = values.ravel()
        outcome = judged(table).outcome("share_float")
        means.append(outcome.mean)
        held += outcome.low <= 0.4 <= outcome.high
    assert np.mean(means) == pytest.approx(0.4, abs=0.05)
    assert held >= 19


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(claim, "STUDY", SMALL)
        yield pd.concat([claim.measure(name, 2000, 2003).to_pandas() for name in NAMES], ignore_index=True)


@pytest.mark.parametrize("name", ["relu", "prelu", "silu"])
def test_replicas_are_networks_trained_one_by_one(measured, name):
    seeds = range(2000, 2003)
    masks = island_masks(seeds, 16, SMALL.frequency)
    start = initial_stack(parse_activation(name), seeds, SMALL.hidden)
    changed = last_bit_changed(start, seeds, claim.REPLICAS)
    points = torch.from_numpy(claim_plane())
    for network in range(claim.REPLICAS + 1):
        for model, seed in enumerate(seeds):
            at = (network - 1) * 3 + model
            own = changed.select(slice(at, at + 1)) if network else start.select(slice(model, model + 1))
            settings = {"steps": SMALL.steps, "batch": SMALL.batch, "lr": SMALL.lr}
            trained, _ = train(own, [seed], masks[[model]], **settings)
            right = (forward(trained, points) > 0) == torch.from_numpy(masks[model].ravel())
            rows = measured[(measured["activation"] == name) & (measured["seed"] == seed)]
            found = rows[(rows["x"] == network) & (rows["metric"] == "accuracy_float")]["value"].item()
            assert found == pytest.approx(float(right.double().mean()))


def claim_plane():
    from quantstudy.targets.islands import plane

    return plane(16)


def forward(stack, points):
    from quantstudy.quantize.plan import float_maps

    return float_maps(stack, points).logit[0, 0]


def test_replicas_differ_a_little_and_most_do(measured):
    apart = measured[measured["metric"] == "logit_distance"]["value"]
    assert len(apart) == 7 * 3 * claim.REPLICAS
    equal = measured[measured["metric"] == "equal"]["value"].to_numpy()
    assert set(equal) <= {0.0, 1.0}
    assert np.array_equal(apart.to_numpy() == 0.0, equal == 1.0)
    assert 0 < apart.max() < 1.0
    assert equal.mean() < 0.5


def test_cases_are_those_of_the_schemes(measured):
    counts = measured.groupby(["case", "metric"], observed=True).size()
    assert (
        counts[claim.FLOAT, "accuracy_float"]
        == counts[claim.FOUR, "accuracy_quantized"]
        == 7 * 3 * (claim.REPLICAS + 1)
    )
    wide = measured[(measured["metric"] == "accuracy_quantized")].groupby("case", observed=True)["value"].mean()
    assert wide[claim.FOUR] < wide[claim.EIGHT]


@pytest.mark.slow
def test_few_seeds_are_undecided_and_drawn(measured):
    table = made(0.5)
    for kept in (table[table["seed"] == 0], table[table["seed"] < 2]):
        assert set(words(kept).values()) == {"undecided"}
        draw(kept, judged(kept)).canvas.draw()
    draw(measured, judged(measured)).canvas.draw()


def test_it_is_drawn_where_all_is_equal_or_unknown():
    table = made(0.5)
    for value in (0.9, np.nan):
        table["value"] = value
        assert set(words(table).values()) <= {"undecided", "no effect that matters"}
        draw(table, judged(table)).canvas.draw()


def test_units_cover_every_seed_once():
    units = claim.units(40)
    assert sum(unit["last"] - unit["first"] for unit in units) == 7 * 40


def test_the_interval_is_that_of_a_loop_over_resamples():
    own = 0.02 * np.random.default_rng(4).normal(size=12)
    values = 0.9 + own + 0.01 * np.random.default_rng(3).normal(size=(3, 12))
    share, low, high = claim.share_interval(values)
    found = []
    for drawn in resample_indices(12):
        some = values[:, drawn]
        found.append(some.var(axis=0, ddof=1).mean() / (some.var(axis=1, ddof=1).mean() * 12 / 11))
    assert share == pytest.approx(float(share_within(values)))
    assert (low, high) == pytest.approx(np.quantile(found, [tail(12), 1 - tail(12)]).tolist(), rel=1e-3)
    assert low < share < high
    assert claim.share_interval(100.0 * values - 7.0) == pytest.approx((share, low, high))


def test_an_interval_of_too_little():
    for values in (np.ones((3, 5)), np.ones((1, 5)), np.ones((3, 1))):
        assert np.isnan(claim.share_interval(values)).all()
    assert np.isfinite(claim.share_interval(np.array([[0.1, 0.4], [0.2, 0.3]]))).all()
