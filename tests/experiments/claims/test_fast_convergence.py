"""The claim about speed: each outcome can come out, steps are those at which networks get there, the figure draws."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import fast_convergence as claim
from experiments.claims.fast_convergence_figure import draw
from quantstudy.activations.catalogue import parse_activation
from quantstudy.judge.claims import judge_claims
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import batches, learning_rate
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png
from quantstudy.targets.islands import island_masks, plane

SIX = [name for name in claim.STUDY.activations if name != "hardgelu"]


def tidy(tables):
    kinds = {"activation": str, "case": str, "metric": str}
    return pd.concat([table.to_pandas().astype(kinds) for table in tables], ignore_index=True)


def made(hard, others=1000.0, uncapped=1000.0, seeds=32, noise=0.05, censored=0):
    """A table in which hardgelu takes `hard` steps in the mean; the first `censored` networks never get there."""
    tables = []
    for number, name in enumerate(claim.ACTIVATIONS):
        mean = {"hardgelu": hard, "hardgelu_uncapped": uncapped}.get(name, others)
        draws = np.random.default_rng(number).standard_normal(seeds)
        steps = mean * (1.0 + noise * (draws - draws.mean()))
        never = (np.arange(seeds) < censored).astype(float)
        steps = np.where(never == 1, claim.STUDY.steps, steps)
        found = {f"steps_{level}": steps for level in claim.LEVELS} | {f"censored_{n}": never for n in claim.LEVELS}
        cases = [{"case": claim.TUNED, "x": 0.2}, {"case": claim.SHARED, "x": 0.1}]
        tables.append(variant_rows(CLAIM, name, range(seeds), [(case, found) for case in cases]))
    return tidy(tables)


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(("hard", "verdict"), [(700.0, "supported"), (1000.0, "contradicted"), (900.0, "undecided")])
def test_each_verdict_can_come_out(hard, verdict):
    table = made(hard)
    found = judged(table)
    assert found.verdict == verdict
    parts = ("steps_95", "bound_95", "steps_90", "steps_97")
    assert {found.outcome(part).verdict for part in parts} == {verdict}
    assert [found.outcome(part).mean for part in parts] == pytest.approx([1.0 - hard / 1000.0] * 4, abs=0.002)
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_slower_than_without_its_cap_is_contradicted_though_it_beats_the_six():
    found = judged(made(700.0, uncapped=600.0))
    assert [found.outcome(part).verdict for part in ("steps_95", "bound_95")] == ["supported", "contradicted"]
    assert found.verdict == "contradicted"


def test_every_part_looks_at_its_own_rows():
    table = made(500.0, noise=0.0)
    assert {name: values.mean() for name, values in claim.effects(table).items()} == pytest.approx(
        {"hard_95": 0.25}
        | dict.fromkeys(("steps_95", "bound_95", "steps_90", "steps_97", "shared_95", "bound_shared_95"), 0.5)
    )
    for metric, moved in {
        "steps_90": {"steps_90"},
        "steps_97": {"steps_97"},
        "steps_95": {"steps_95", "bound_95", "shared_95", "bound_shared_95"},
    }.items():
        changed = table.copy()
        changed.loc[(changed["metric"] == metric) & (changed["activation"] == "hardgelu"), "value"] = 100.0
        effects = claim.effects(changed)
        assert {name for name in effects if effects[name].mean() == pytest.approx(0.9)} == moved
    changed = table.copy()
    changed.loc[(changed["case"] == claim.SHARED) & (changed["activation"] == "hardgelu"), "value"] = 250.0
    found = {name: values.mean() for name, values in claim.effects(changed).items()}
    assert found["steps_95"] == pytest.approx(0.5)
    assert (found["shared_95"], found["bound_shared_95"]) == pytest.approx((0.75, 0.75))


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


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=60, batch=64, grid=24))
    monkeypatch.setattr(claim, "RATES", (0.02, 0.1))
    monkeypatch.setattr(claim, "TUNING_SEEDS", (1000, 1002))
    monkeypatch.setattr(claim, "LEVELS", (60, 70, 80))


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
    accuracies = []
    for step, (numbers,) in enumerate(batches([3], 24, study.batch, study.steps)):
        optimizer.param_groups[0]["lr"] = learning_rate(step, study.steps, study.lr)
        optimizer.zero_grad()
        labels = torch.from_numpy(mask[numbers]).double()
        torch.nn.functional.binary_cross_entropy_with_logits(logit(points[:, numbers]), labels).backward()
        optimizer.step()
        accuracies.append(((logit(points) > 0).numpy() == mask).mean())
    assert accuracies[-1] > 0.7
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
    assert len(table) == 8 * 2 * 2 * 3
    assert set(table["x"]) <= {0.02, 0.1}
    for level, name in zip(claim.LEVELS, ("90", "95", "97"), strict=True):
        table["metric"] = table["metric"].str.replace(f"_{level}", f"_{name}")
    monkeypatch.setattr(claim, "LEVELS", (90, 95, 97))
    found = judged(table)
    assert found.verdict == "undecided"
    assert all(outcome.seeds == 1 for outcome in found.outcomes)
    assert png(draw(table, found))[:4] == b"\x89PNG"


@pytest.mark.parametrize("seeds", [2, 5])
def test_the_figure_draws_where_nothing_gets_there(seeds):
    table = made(1000.0, seeds=seeds, noise=0.0, censored=seeds)
    found = judged(table)
    assert found.outcome("steps_95").mean == 0.0
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_the_pieces_are_every_activation_once_per_block():
    units = claim.units(20)
    assert [(unit["first"], unit["last"]) for unit in units[::8]] == [(0, 16), (16, 20)]
    assert len({(unit["activation"], unit["first"]) for unit in units}) == 16
