"""The claim about any activation: each outcome can come out, the spreads are the right ones, the figure draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import activation_matters as claim
from experiments.claims.activation_matters_figure import draw
from quantstudy.engine.trained import trained_stack
from quantstudy.judge.claims import jackknife, judge_claims
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png
from quantstudy.targets.islands import plane

NAMES = claim.STUDY.activations
OFFSETS = np.array([-1.5, -0.7, -0.3, 0.0, 0.3, 0.7, 1.5])
"""Means of the activations, with a standard deviation of 0.98."""


def tidy(tables):
    kinds = {"activation": str, "case": str, "metric": str}
    return pd.concat([table.to_pandas().astype(kinds) for table in tables], ignore_index=True)


def accuracies(between, within, seeds=32, common=0.6, key=0):
    """Accuracies [activations, seeds] with these standard deviations; `common` of the seeds' is shared by all."""
    draws = np.random.default_rng(key)
    shared, own = draws.standard_normal(seeds), draws.standard_normal((7, seeds))
    return 0.9 + between * OFFSETS[:, None] + within * (common * shared + np.sqrt(1 - common**2) * own)


def made(values):
    """A table with these accuracies [activations, seeds] in every case, or those of `values[case]`."""
    tables = []
    for row, name in enumerate(NAMES):
        variants = []
        for case, metric in claim.ACCURACY.items():
            found = (values[case] if isinstance(values, dict) else values)[row]
            variants.append(({"case": case, "x": 0.1}, {metric: found}))
            if metric == "accuracy_quantized":
                variants.append(({"case": case, "x": 0.1}, {"accuracy_drop": 0.99 - found}))
        tables.append(variant_rows(CLAIM, name, range(len(found)), variants))
    return tidy(tables)


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(
    ("between", "within", "verdict"),
    [(0.001, 0.01, "supported"), (0.02, 0.005, "contradicted"), (0.0033, 0.0033, "undecided")],
)
def test_each_verdict_can_come_out(between, within, verdict):
    table = made(accuracies(between, within))
    found = judged(table)
    assert found.verdict == verdict
    assert {outcome.verdict for outcome in found.outcomes} == {verdict}
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_every_part_looks_at_its_own_rows():
    same = accuracies(0.001, 0.01)
    before = {part: values.mean() for part, values in claim.effects(made(same)).items()}
    moved_by = {
        claim.SHARED: {"shared"},
        claim.TUNED: {"tuned", "within_a_point"},
        "w4a4": {"at_4_bits"},
        "w8a8": {"at_8_bits"},
    }
    for case, parts in moved_by.items():
        values = {name: accuracies(0.02, 0.01) if name == case else same for name in claim.ACCURACY}
        after = {part: values.mean() for part, values in claim.effects(made(values)).items()}
        assert {part for part in after if after[part] != pytest.approx(before[part])} == parts


def test_components_are_those_of_the_analysis_of_variance():
    """By the sums of squares of a table with loops; the three parts of the variance add up."""
    values = accuracies(0.01, 0.02, seeds=6)
    found = claim.components(values)
    grand = values.mean()
    sums = {"a": 0.0, "s": 0.0, "rest": 0.0, "within": 0.0}
    for i in range(7):
        for j in range(6):
            row, column = values[i].mean(), values[:, j].mean()
            sums["a"] += (row - grand) ** 2
            sums["s"] += (column - grand) ** 2
            sums["rest"] += (values[i, j] - row - column + grand) ** 2
            sums["within"] += (values[i, j] - row) ** 2
    rest = sums["rest"] / 30
    assert found.activations**2 == pytest.approx((sums["a"] / 6 - rest) / 6)
    assert found.easier**2 == pytest.approx((sums["s"] / 5 - rest) / 7)
    assert found.rest**2 == pytest.approx(rest)
    assert found.seeds**2 == pytest.approx(sums["within"] / 35)
    assert found.seeds**2 == pytest.approx(found.easier**2 + found.rest**2)


def test_components_are_unbiased_and_never_negative():
    many = [claim.components(accuracies(0.01, 0.02, key=key)) for key in range(300)]
    squares = np.mean(np.square(many), axis=0)
    truth = np.square([0.01 * OFFSETS.std(ddof=1), 0.02, 0.012, 0.016])
    assert squares == pytest.approx(truth, rel=0.04)
    alike = [claim.components(accuracies(0.0, 0.02, key=key)).activations for key in range(50)]
    assert min(alike) == 0.0
    assert max(alike) < 0.006
    assert claim.components(np.full((7, 4), 0.9)) == pytest.approx((0.0, 0.0, 0.0, 0.0), abs=1e-12)


def test_the_jackknife_takes_off_most_of_what_chance_adds_to_the_distance_of_best_and_worst():
    """Of one activation below six equal ones, at a distance of the size of a seed's spread."""
    offsets = np.array([-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    plain, corrected = [], []
    for key in range(200):
        values = 0.9 + 0.01 * (offsets[:, None] + np.random.default_rng(key).standard_normal((7, 32)))
        plain.append(claim.within_a_point(values))
        corrected.append(jackknife(claim.within_a_point, values).mean())
    assert np.mean(plain) < -0.0015  # the truth is 0
    assert abs(np.mean(corrected)) < 0.5 * abs(np.mean(plain))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=60, batch=64, grid=24))
    monkeypatch.setattr(claim, "RATES", (0.001, 0.05))
    monkeypatch.setattr(claim, "TUNING_SEEDS", (1000, 1002))


@pytest.mark.parametrize("seeds", [1, 2])
def test_from_the_units_to_the_figure_with_few_seeds(tiny, seeds):
    units = claim.units(seeds)
    assert [unit["activation"] for unit in units] == list(NAMES)
    table = tidy([claim.measure(**unit) for unit in units])
    assert len(table) == 7 * seeds * 6
    found = judged(table)
    assert found.verdict == "undecided"
    assert all(outcome.seeds == 0 for outcome in found.outcomes if outcome.part.name != "within_a_point")
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_what_is_measured_is_what_the_networks_do(tiny):
    table = tidy([claim.measure("relu", 0, 2)]).set_index(["case", "metric", "seed"])["value"]
    points = torch.from_numpy(plane(24))
    rates = tidy([claim.measure("relu", 0, 1)]).set_index("case")["x"]
    assert rates[claim.TUNED] in claim.RATES
    for case, rate in ((claim.SHARED, claim.STUDY.lr), (claim.TUNED, rates[claim.TUNED])):
        stack, masks = trained_stack(replace(claim.STUDY, lr=float(rate)), "relu", 0, 2)
        assert table[case, "accuracy_float", 1] == pytest.approx(right(stack, points, masks[1]), abs=1e-9)
    stack, masks = trained_stack(claim.STUDY, "relu", 0, 2)
    for bits, case in ((8, "w8a8"), (4, "w4a4")):
        quantized = table[case, "accuracy_quantized", 1]
        assert quantized == pytest.approx(right(stack, points, masks[1], bits), abs=3.5 / 24**2)
        assert table[case, "accuracy_drop", 1] == pytest.approx(table[claim.SHARED, "accuracy_float", 1] - quantized)
    assert table["w4a4", "accuracy_drop", 0] != table["w8a8", "accuracy_drop", 0]


def right(stack, points, mask, bits=None):
    """Accuracy of the second network of ReLU, its weights (per channel) and hidden outputs (per layer) rounded."""
    values = points
    for layer, (weights, biases) in enumerate(zip(stack.weights, stack.biases, strict=True)):
        weight = weights[1]
        if bits:
            scale = weight.abs().amax(dim=1, keepdim=True) / ((2**bits - 1) / 2)
            weight = (weight / scale).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale
        values = weight @ values + biases[1]
        if layer < stack.hidden:
            values = values.relu()
            if bits:
                float_outputs = plain_outputs(stack, points)[layer]
                scale = float_outputs.max() / (2**bits - 1)
                values = (values / scale).round().clamp(0, 2**bits - 1) * scale
    return ((values > 0).numpy().reshape(mask.shape) == mask).mean()


def plain_outputs(stack, points):
    values, outputs = points, []
    for weights, biases in zip(stack.weights[:-1], stack.biases[:-1], strict=True):
        values = (weights[1] @ values + biases[1]).relu()
        outputs.append(values)
    return outputs
