"""The claim about any activation: each outcome can come out, the spreads are the right ones, the figure draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.text import Text

from experiments.claims import activation_matters as claim
from experiments.claims.activation_matters_figure import draw
from quantstudy.engine.trained import trained_stack
from quantstudy.judge.claims import judge_claims
from quantstudy.judge.statistics.jackknife import jackknife
from quantstudy.records.schemas import CLAIM, variant_rows
from quantstudy.show.canvas.page import png
from quantstudy.targets.islands import heldout_masks, heldout_plane, plane

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
                drops = {"accuracy_drop": 0.99 - found, "heldout_drop": 0.98 - found}
                variants.append(({"case": case, "x": 0.1}, drops))
        tables.append(variant_rows(CLAIM, name, range(len(found)), variants))
    return tidy(tables)


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(
    ("between", "within", "verdict"),
    [(0.001, 0.01, "supported"), (0.02, 0.005, "reversed"), (0.0066, 0.0066, "undecided")],
)
def test_each_verdict_can_come_out(between, within, verdict):
    values = {case: accuracies(between, within, key=key) for key, case in enumerate(claim.ACCURACY)}
    table = made(values)
    found = judged(table)
    assert found.verdict == verdict
    if verdict == "undecided":
        assert found.outcome("regret_any").verdict == verdict
        assert found.outcome("regret_any").mean == pytest.approx(0.0, abs=0.001)
    else:
        assert {outcome.verdict for outcome in found.outcomes} == {verdict}


def test_every_part_looks_at_its_own_rows():
    same = accuracies(0.001, 0.01)
    before = {part: values.mean() for part, values in claim.effects(made(same)).items()}
    regret = {"regret_any", "regret_worst"}
    moved_by = dict.fromkeys(claim.SIZES, regret) | {
        claim.SHARED: {"shared", *regret},
        claim.TUNED: {"tuned", "within_a_point", *regret},
        "w4a4": {"at_4_bits"},
        "w8a8": {"at_8_bits"},
    }
    assert set(moved_by) == set(claim.ACCURACY)
    for case, parts in moved_by.items():
        values = {name: accuracies(0.02, 0.01) if name == case else same for name in claim.ACCURACY}
        after = {part: values.mean() for part, values in claim.effects(made(values)).items()}
        assert {part for part in after if after[part] != pytest.approx(before[part])} == parts


def test_regret_is_the_mean_over_the_settings_of_what_the_best_of_each_has_more():
    """The best is another one in each setting; the worst is one and the same, that of the largest regret."""
    values = {case: np.full((7, 8), 0.9) for case in claim.ACCURACY}
    for row, case in enumerate(claim.SETTINGS):
        values[case][row] = 0.95
    values[claim.SETTINGS[0]][6] = 0.4
    table = made(values)
    found = claim.effects(table)
    regrets = [0.04] * 5 + [0.05, 0.15]
    assert found["regret_any"] == pytest.approx(np.full(8, 0.01 - np.mean(regrets)))
    assert found["regret_worst"] == pytest.approx(np.full(8, 0.01 - 0.15))


def test_one_bad_activation_makes_the_worst_bad_but_not_any():
    """Six alike and one three points below in every setting: any costs 3/7 of a point, the worst three."""
    offsets = np.array([-0.03, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    values = {
        case: 0.95 + offsets[:, None] + accuracies(0.0, 0.002, key=key) - 0.9 for key, case in enumerate(claim.ACCURACY)
    }
    found = judged(made(values))
    assert found.outcome("regret_any").mean == pytest.approx(0.01 - 0.03 / 7, abs=0.0005)
    assert [found.outcome(part).verdict for part in ("regret_any", "regret_worst")] == ["supported", "reversed"]
    assert found.outcome("within_a_point").verdict == "reversed"
    assert found.verdict == "in part"


@pytest.mark.slow
def test_among_equal_activations_nothing_is_regretted_in_the_mean():
    lost = []
    for key in range(40):
        values = {case: accuracies(0.0, 0.01, key=9 * key + n) for n, case in enumerate(claim.ACCURACY)}
        found = claim.effects(made(values))
        lost.append([0.01 - found[part].mean() for part in ("regret_any", "regret_worst")])
    assert np.mean(lost, axis=0) == pytest.approx([0.0, 0.0], abs=0.0006)
    assert max(np.abs(lost).ravel()) < 0.004


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
    assert len(table) == 7 * seeds * (6 + 2 * 3)
    found = judged(table)
    assert found.verdict == "undecided"
    counts = {outcome.part.name: outcome.seeds for outcome in found.outcomes}
    enough = {"within_a_point", "regret_any", "regret_worst"} if seeds == 2 else set()
    assert {name: count for name, count in counts.items() if count} == dict.fromkeys(enough, seeds)
    assert png(draw(table, found))[:4] == b"\x89PNG"


def test_what_is_measured_is_what_the_networks_do(tiny):
    table = tidy([claim.measure("relu", 0, 2)]).set_index(["case", "metric", "seed"])["value"]
    points = torch.from_numpy(plane(24))
    rates = tidy([claim.measure("relu", 0, 1)]).set_index("case")["x"]
    assert rates[claim.TUNED] in claim.RATES
    for case, rate in ((claim.SHARED, claim.STUDY.lr), (claim.TUNED, rates[claim.TUNED])):
        stack, masks = trained_stack(replace(claim.STUDY, lr=float(rate)), "relu", 0, 2)
        assert table[case, "accuracy_float", 1] == pytest.approx(right(stack, points, masks[1]), abs=1e-9)
    for case, size in claim.SIZES.items():
        stack, masks = trained_stack(replace(claim.STUDY, hidden=size), "relu", 0, 2)
        assert [weight.shape[1] for weight in stack.weights[:-1]] == list(size)
        assert case == f"float {','.join(map(str, size))}"
        assert table[case, "accuracy_float", 1] == pytest.approx(right(stack, points, masks[1]), abs=1e-9)
    stack, masks = trained_stack(claim.STUDY, "relu", 0, 2)
    for bits, case in ((8, "w8a8"), (4, "w4a4")):
        quantized = table[case, "accuracy_quantized", 1]
        assert quantized == pytest.approx(right(stack, points, masks[1], bits), abs=3.5 / 24**2)
        assert table[case, "accuracy_drop", 1] == pytest.approx(table[claim.SHARED, "accuracy_float", 1] - quantized)
    beside = torch.from_numpy(heldout_plane(24))
    target = heldout_masks([0, 1], 24, claim.STUDY.frequency)[1]
    before = table[claim.SHARED, "heldout_accuracy_float", 1]
    assert before == pytest.approx(right(stack, beside, target), abs=1e-9)
    assert before != table[claim.SHARED, "accuracy_float", 1]
    for bits, case, pixels in ((8, "w8a8", 0.5), (4, "w4a4", 4.5)):  # the ranges are those of the plane
        after = right(stack, beside, target, bits, calibrated=points)
        assert table[case, "heldout_drop", 1] == pytest.approx(before - after, abs=pixels / 24**2)
    assert table["w4a4", "heldout_drop", 0] != table["w4a4", "accuracy_drop", 0]
    assert table["w4a4", "accuracy_drop", 0] != table["w8a8", "accuracy_drop", 0]


def right(stack, points, mask, bits=None, calibrated=None):
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
                float_outputs = plain_outputs(stack, points if calibrated is None else calibrated)[layer]
                scale = float_outputs.max() / (2**bits - 1)
                values = (values / scale).round().clamp(0, 2**bits - 1) * scale
    return ((values > 0).numpy().reshape(mask.shape) == mask).mean()


def plain_outputs(stack, points):
    values, outputs = points, []
    for weights, biases in zip(stack.weights[:-1], stack.biases[:-1], strict=True):
        values = (weights[1] @ values + biases[1]).relu()
        outputs.append(values)
    return outputs


@pytest.mark.parametrize(("rate", "said"), [(0.1, "(none is at an end)"), (1.0, "(at an end of these: relu)")])
def test_the_figure_says_whether_a_rate_is_at_an_end(rate, said):
    table = made(accuracies(0.001, 0.01, seeds=4))
    table.loc[(table["activation"] == "relu") & (table["case"] == claim.TUNED), "x"] = rate
    words = " ".join(" ".join(mark.get_text().split()) for mark in draw(table, judged(table)).findobj(Text))
    assert said in words
    assert "4 seeds" in words
