"""The claim about speed: each outcome can come out, steps are those at which networks get there, the figure draws."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.text import Text

from experiments.claims import fast_convergence as claim
from experiments.claims.fast_convergence_figure import draw
from quantstudy.activations.catalogue import parse_activation
from quantstudy.judge.claims import judge_claims
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import batches, learning_rate
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png
from quantstudy.targets.islands import island_masks, plane


def tidy(tables):
    kinds = {"activation": str, "case": str, "metric": str}
    return pd.concat([table.to_pandas().astype(kinds) for table in tables], ignore_index=True)


def made(hard, others=1000.0, uncapped=1000.0, seeds=32, noise=0.05, censored=0, quick=(), rates=(0.2, 0.3, 0.1)):
    """A table in which hardgelu takes `hard` steps in the mean; the first `censored` networks never get there.

    The area lacks 5 points per 1000 steps. On the tuning seeds all take 1000 steps, but for `quick` (name → steps).
    """
    tables, quick = [], dict(quick)
    for number, name in enumerate(claim.ACTIVATIONS):
        mean = {"hardgelu": hard, "hardgelu_uncapped": uncapped}.get(name, others)
        draws = np.random.default_rng(number).standard_normal(seeds)
        steps = mean * (1.0 + noise * (draws - draws.mean()))
        never = (np.arange(seeds) < censored).astype(float)
        steps = np.where(never == 1, claim.STUDY.steps, steps)
        found = {f"steps_{level}": steps for level in claim.LEVELS} | {f"censored_{n}": never for n in claim.LEVELS}
        found["area"] = 1.0 - 0.05 * steps / 1000.0
        cases = zip((claim.TUNED, claim.TUNED_AREA, claim.SHARED), rates, strict=True)
        tables.append(variant_rows(CLAIM, name, range(seeds), [({"case": c, "x": x}, found) for c, x in cases]))
        tried = {0.01: 3000.0, 0.2: quick.get(name, 1000.0), 1.0: 2999.0}
        kept = [({"case": claim.TRIED, "x": x}, {"steps_95": np.full(2, value)}) for x, value in tried.items()]
        tables.append(variant_rows(CLAIM, name, (1000, 1001), kept))
    return tidy(tables)


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(
    ("hard", "verdict"),
    [(700.0, "supported"), (1000.0, "no effect that matters"), (900.0, "undecided"), (1300.0, "reversed")],
)
def test_each_verdict_can_come_out(hard, verdict):
    table = made(hard)
    found = judged(table)
    assert found.verdict == verdict
    parts = ("steps_95", "bound_95", "against_fastest", "against_gelu", "steps_90", "steps_97")
    assert {found.outcome(part).verdict for part in parts} == {verdict}
    assert [found.outcome(part).mean for part in parts] == pytest.approx([1.0 - hard / 1000.0] * 6, abs=0.004)
    assert found.outcome("error_area").mean == pytest.approx(1.0 - hard / 1000.0, abs=0.004)
    assert found.outcome("area").mean == pytest.approx(0.05 * (1.0 - hard / 1000.0), abs=1e-9)
    area = "no effect that matters" if verdict == "undecided" else verdict  # half a point
    assert found.outcome("area").verdict == area


def test_the_claim_stands_in_part_where_it_is_slower_than_without_its_cap():
    found = judged(made(700.0, uncapped=500.0))
    assert [found.outcome(part).verdict for part in ("steps_95", "bound_95")] == ["supported", "reversed"]
    assert found.verdict == "in part"


def change(table, case, metric, name, value):
    """The table with one value for an activation at all seeds of a case."""
    changed = table.copy()
    rows = (changed["case"] == case) & (changed["metric"] == metric) & (changed["activation"] == name)
    assert rows.any()
    changed.loc[rows, "value"] = value
    return changed


def test_the_fastest_is_that_of_the_tuning_seeds_at_its_best_rate():
    """Not the one that is fastest on the judged seeds, nor hardgelu without its cap."""
    table = made(700.0, quick={"gelu": 400.0, "silu": 500.0, "hardgelu_uncapped": 100.0, "hardgelu": 100.0})
    table = change(table, claim.TRIED, "steps_95", "silu", 450.0)  # fast at every rate, not fastest at its best
    assert claim.fastest(table) == "gelu"
    for name, steps in (("gelu", 500.0), ("relu", 300.0)):
        table = change(table, claim.TUNED, "steps_95", name, steps)
    found = judged(table)
    assert found.outcome("against_fastest").mean == pytest.approx(-0.4, abs=1e-3)
    assert found.outcome("against_fastest").verdict == "reversed"
    assert found.verdict == "in part"
    assert claim.fastest(change(table, claim.TRIED, "steps_95", "prelu", 50.0)) == "prelu"


def test_a_lead_in_steps_alone_is_not_one_in_area():
    table = made(700.0)
    for name in claim.ACTIVATIONS:
        table = change(table, claim.TUNED_AREA, "area", name, 0.95)
    found = judged(table)
    parts = ("steps_95", "error_area", "area")
    assert [found.outcome(part).verdict for part in parts] == ["supported", *["no effect that matters"] * 2]
    assert found.verdict == "in part"
    assert found.verdict == "in part"


def test_every_part_looks_at_its_own_rows():
    table = made(500.0, noise=0.0)
    by_name = {f"against_{name}" for name in claim.SIX}
    tuned = {"steps_95", "bound_95", "against_fastest", *by_name}
    halved = {*tuned, "steps_90", "steps_97", "shared_95", "bound_shared_95", "error_area"}
    expected = {"hard_95": 0.25, "area": 0.025} | dict.fromkeys(halved, 0.5)
    before = {name: values.mean() for name, values in claim.effects(table).items()}
    assert before == pytest.approx(expected)
    assert set(before) == {part.name for part in claim.CLAIM.parts}
    for case, metric, moved in (
        (claim.TUNED, "steps_90", {"steps_90"}),
        (claim.TUNED, "steps_97", {"steps_97"}),
        (claim.TUNED, "steps_95", {*tuned, "hard_95"}),
        (claim.SHARED, "steps_95", {"shared_95", "bound_shared_95"}),
        (claim.TUNED_AREA, "area", {"area", "error_area"}),
        (claim.TUNED, "area", set()),
        (claim.TUNED_AREA, "steps_95", set()),
    ):
        changed = claim.effects(change(table, case, metric, "hardgelu", 0.5))
        assert {name for name in changed if changed[name].mean() != pytest.approx(before[name])} == moved
    swish = claim.effects(change(table, claim.TUNED, "steps_95", "hardswish", 250.0))
    assert swish["against_hardswish"].mean() == pytest.approx(-1.0)
    assert swish["against_silu"].mean() == pytest.approx(0.5)


def test_pseudo_values_estimate_the_ratio_of_means_and_its_error():
    draws = np.random.default_rng(0)
    wide = pd.DataFrame({"a": draws.gamma(4.0, 50.0, 32), "b": draws.gamma(4.0, 100.0, 32)})
    values = claim.fewer(wide, ["a"], ["b"])
    ratio = wide["a"].mean() / wide["b"].mean()
    assert values.mean() == pytest.approx(1.0 - ratio, abs=0.01)
    residual = (wide["a"] - ratio * wide["b"]) / wide["b"].mean()  # delta method
    assert values.std(ddof=1) == pytest.approx(residual.std(ddof=1), rel=0.1)
    assert claim.fewer(wide[:1], ["a"], ["b"]) == pytest.approx([1.0 - wide["a"][0] / wide["b"][0]])


def test_looks_are_dense_early_and_closer_than_half_of_what_matters():
    seen = claim.looks(3000)
    gaps = {late: late - early for early, late in pairwise([0, *seen])}
    assert {gap for step, gap in gaps.items() if step <= 600} == {10}
    assert {gap for step, gap in gaps.items() if 600 < step <= 1000} == {25}
    assert {gap for step, gap in gaps.items() if step > 1000} == {50}
    assert all(gap <= 0.1 * step / 2 for step, gap in gaps.items() if step >= 200)
    for steps in (1, 7, 40, 100, 1000):
        some = claim.looks(steps)
        assert some == sorted(set(some))
        assert some[0] >= 1
        assert some[-1] == steps


def test_the_first_look_at_the_level_counts_and_never_is_censored_at_the_end():
    seen = claim.looks(3000)
    accuracies = np.full((4, len(seen)), 0.5)
    accuracies[0, 3:] = 0.96
    accuracies[1, 3] = 0.95  # it falls back after
    accuracies[2, -1] = 0.97
    found = claim.first_steps(accuracies)
    assert found["steps_95"].tolist() == [40.0, 40.0, 3000.0, 3000.0]
    assert found["censored_95"].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert found["steps_97"].tolist() == [3000.0] * 4
    assert found["censored_97"].tolist() == [1.0, 1.0, 0.0, 1.0]
    assert found["steps_90"].tolist() == found["steps_95"].tolist()


def test_the_area_is_the_mean_over_every_single_step():
    """Between two looks the curve is a line: its mean is that of the middles of all steps."""
    after = [0, *claim.looks(3000)]
    accuracies = np.random.default_rng(1).uniform(0.4, 1.0, (3, len(after)))
    slow = [np.mean([np.interp(step + 0.5, after, curve) for step in range(3000)]) for curve in accuracies]
    assert claim.area(accuracies) == pytest.approx(slow, rel=1e-12)
    accuracies[:] = 0.7
    accuracies[1, -2:] = np.nan  # diverged: a coin from then on
    found = claim.area(accuracies)
    assert found[[0, 2]] == pytest.approx([0.7, 0.7])
    assert found[1] == pytest.approx(0.7 - 0.2 * (50 + 25) / 3000)


def test_steps_and_area_each_have_the_rate_that_is_best_for_them(monkeypatch):
    """Of equal ones the lowest; what is judged tunes nothing; a rate at which networks diverge is far off."""
    last = len(claim.looks(3000))
    asked = []

    def watched(config, activation, first, last_seed):
        asked.append((config.lr, first, last_seed))
        curve = {0.01: 0.94, 0.03: 0.96, 0.1: 0.96, 0.2: 0.90, 0.3: 0.98}.get(config.lr, np.nan)
        found = np.full((last_seed - first, 1 + last), 0.5)
        found[:, 1:] = curve
        if config.lr == 0.2:  # soon there, and worse ever after
            found[:, 1] = 0.95
        if config.lr in (0.1, 0.03):
            found[:, 1:20] = 0.6
        if config.lr == 0.3:
            found[:, 1:10] = 0.94
        return found

    monkeypatch.setattr(claim, "watched", watched)
    table = tidy([claim.measure("relu", 0, 2)])
    rates = table[table["seed"] < 2].groupby("case")["x"].unique().map(list).to_dict()
    assert rates == {claim.TUNED: [0.2], claim.TUNED_AREA: [0.3], claim.SHARED: [claim.STUDY.lr]}
    assert {rate for rate, *seeds in asked if seeds == list(claim.TUNING_SEEDS)} == set(claim.RATES)
    assert {rate for rate, *seeds in asked if seeds == [0, 2]} == {0.2, 0.3, claim.STUDY.lr}
    tried = table[table["case"] == claim.TRIED]
    assert set(tried["seed"]) == set(range(*claim.TUNING_SEEDS))
    assert sorted(tried["x"].unique()) == sorted(claim.RATES)
    assert tried[(tried["x"] == 1.0) & (tried["metric"] == "area")]["value"].to_list() == pytest.approx([0.5] * 16)
    later = tidy([claim.measure("relu", 64, 65)])
    assert claim.TRIED not in set(later["case"])


@pytest.mark.parametrize(("rates", "said"), [((0.2, 0.3, 0.1), "none is at an end"), ((1.0, 0.3, 0.1), "relu, ")])
def test_the_figure_says_whether_a_rate_is_at_an_end(rates, said):
    table = made(700.0, rates=rates, seeds=3)
    figure = draw(table, judged(table))
    words = " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))
    assert said in words.split("other seeds;")[1]
    assert ("a better one may lie beyond" in words) == (1.0 in rates)
    assert f"rate {rates[0]:g} / {rates[1]:g} · never: 0 of 3" in words


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=60, batch=64, grid=24))
    monkeypatch.setattr(claim, "RATES", (0.02, 0.1))
    monkeypatch.setattr(claim, "TUNING_SEEDS", (1000, 1002))
    monkeypatch.setattr(claim, "LEVELS", (60, 80, 95))


def test_the_steps_are_those_of_torchs_adam(tiny):
    """A single network, trained step by step in float64: it reaches each level at the same look."""
    table = tidy([claim.measure("silu", 3, 4)])
    shared = table[table["case"] == claim.SHARED].set_index("metric")["value"]
    mask, study = island_masks([3], 24, claim.STUDY.frequency).ravel(), claim.STUDY
    start = initial_stack(parse_activation("silu"), [3], study.hidden)
    weights, biases = ([t[0].double().requires_grad_() for t in kind] for kind in (start.weights, start.biases))
    points = torch.from_numpy(plane(24)).double()

    def logit(inputs):
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            inputs = torch.nn.functional.silu(weight @ inputs + bias)
        return (weights[-1] @ inputs + biases[-1])[0]

    optimizer = torch.optim.Adam([*weights, *biases], lr=1.0)
    begun, accuracies = ((logit(points) > 0).numpy() == mask).mean(), []
    for step, (numbers,) in enumerate(batches([3], 24 * 24, study.batch, study.steps)):
        optimizer.param_groups[0]["lr"] = learning_rate(step, study.steps, study.lr)
        optimizer.zero_grad()
        labels = torch.from_numpy(mask[numbers]).double()
        torch.nn.functional.binary_cross_entropy_with_logits(logit(points[:, numbers]), labels).backward()
        optimizer.step()
        accuracies.append(((logit(points) > 0).numpy() == mask).mean())
    assert accuracies[-1] > 0.7
    assert shared["area"] == pytest.approx(
        np.mean([np.mean(pair) for pair in pairwise([begun, *accuracies])]), abs=0.002
    )
    for level in claim.LEVELS:
        earliest, latest = (  # float32 rounds a pixel or two to the other side
            next((step for step in claim.looks(60) if accuracies[step - 1] >= level / 100 + pixels / 24**2), 61)
            for pixels in (-2.5, 2.5)
        )
        assert min(earliest, 60) <= shared[f"steps_{level}"] <= min(latest, 60)
        assert shared[f"censored_{level}"] in {earliest == 61, latest == 61}


def test_from_the_units_to_the_figure_with_one_seed(tiny, monkeypatch):
    units = claim.units(1)
    assert [unit["activation"] for unit in units] == list(claim.ACTIVATIONS)
    table = tidy([claim.measure(**unit) for unit in units])
    assert len(table) == 8 * (3 * 7 + 2 * 2 * 2)
    assert set(table["x"]) <= {0.02, 0.1}
    for level, name in ((60, 90), (80, 97)):
        table["metric"] = table["metric"].str.replace(f"_{level}", f"_{name}")
    monkeypatch.setattr(claim, "LEVELS", (90, 95, 97))
    found = judged(table)
    assert found.verdict == "undecided"
    assert all(outcome.seeds == 1 for outcome in found.outcomes)
    assert png(draw(table, found))[:4] == b"\x89PNG"


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 5])
def test_the_figure_draws_where_nothing_gets_there(seeds):
    table = made(1000.0, seeds=seeds, noise=0.0, censored=seeds)
    found = judged(table)
    assert found.outcome("steps_95").mean == 0.0
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_the_pieces_are_every_activation_once_per_block():
    units = claim.units(70)
    assert [(unit["first"], unit["last"]) for unit in units[::8]] == [(0, 64), (64, 70)]
    assert len({(unit["activation"], unit["first"]) for unit in units}) == 16
