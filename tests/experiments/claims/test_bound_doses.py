"""Caps in doses: from networks to bits saved, and outcomes of made tables."""

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.claims import bound_doses as claim
from experiments.claims.bound_doses_figure import draw
from experiments.measures.bits_needed import slope
from experiments.measures.bounded_training import Restraint
from quantstudy.config.study import StudyConfig
from quantstudy.engine.trained import trained_stack
from quantstudy.judge.claims import judge_claims
from quantstudy.measure.evaluation import subject

SMALL = StudyConfig(bits=(4, 8), steps=40, grid=16, batch=64, hidden=(4, 3))
VARIANTS = claim.VARIANTS
BEST = f"@{claim.CHOSEN['cap']}"
WIDER = {dose: place / 3.0 for place, dose in enumerate((*claim.DOSES, claim.NONE))}
"""Bits of range of each dose beyond the lowest one."""


def made(per_bit: float = 1.0, at_four: dict | None = None, in_float: dict | None = None, seeds: int = 32):
    """A table whose networks need `per_bit` more bits for every bit of range; at w4a4 they keep 0.8 or `at_four`.

    The loss falls by a tenth per bit and reaches the allowed one at the bits needed.
    """
    random = np.random.default_rng(4)
    rows = []
    for name in claim.ACTIVATIONS:
        for variant in VARIANTS:
            level = 0.98 + (in_float or {}).get(variant, 0.0)
            bits_of_range = WIDER.get(variant, WIDER[BEST])
            for seed in range(seeds):
                noise, apart = random.normal(size=2)
                needs = 5.0 + per_bit * bits_of_range + 0.05 * apart
                rows.append((name, seed, variant, np.nan, "accuracy_float", level))
                for layer in range(3):
                    span = 2.0 ** (bits_of_range + 0.03 * noise) * (1 + layer)
                    rows.append((name, seed, variant, float(layer), "output_range", span))
                for bits in claim.WIDTHS:
                    lost = claim.ALLOWED + 0.1 * (needs - bits)
                    rows.append((name, seed, variant, float(bits), "accuracy_activations", level - lost))
                    kept = (at_four or {}).get(variant, 0.8) + 0.01 * apart if bits == 4 else level - lost
                    rows.append((name, seed, variant, float(bits), "accuracy_both", kept))
    return pd.DataFrame(rows, columns=["activation", "seed", "case", "x", "metric", "value"])


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


def words(table):
    return {outcome.part.name: outcome.verdict for outcome in judged(table).outcomes}


def test_it_decides_nothing_and_asks_a_question():
    assert not any(part.decides for part in claim.CLAIM.parts)
    assert judged(made()).verdict == "beside"
    assert "?" in claim.__doc__.splitlines()[0]


@pytest.mark.parametrize(
    ("per_bit", "word"),
    [(1.0, "supported"), (0.2, "no effect that matters"), (-1.0, "reversed"), (0.5, "undecided")],
)
def test_the_slope_comes_out_each_way(per_bit, word):
    table = made(per_bit)
    assert words(table)["slope"] == word
    assert judged(table).outcome("slope").mean == pytest.approx(per_bit, abs=0.03)


@pytest.mark.parametrize("part", ["cap_gain", "lower_gain", "penalty_gain", "trained_gain"])
@pytest.mark.parametrize(
    ("gain", "word"), [(0.1, "supported"), (0.0, "no effect that matters"), (-0.1, "reversed"), (0.02, "undecided")]
)
def test_gains_at_w4a4_come_out_each_way(part, gain, word):
    more = {"cap_gain": "@3", "lower_gain": BEST, "penalty_gain": claim.PENALTY, "trained_gain": claim.TRAINED}[part]
    at_four = dict.fromkeys(VARIANTS, 0.7)
    assert words(made(at_four={**at_four, more: 0.7 + gain}))[part] == word


@pytest.mark.parametrize(("cost", "word"), [(0.02, "supported"), (0.0, "no effect that matters"), (-0.02, "reversed")])
def test_the_cost_in_float_comes_out_each_way(cost, word):
    assert words(made(in_float={claim.DOSES[0]: -cost}))["float_cost"] == word


def test_a_habit_that_stays_and_one_that_goes():
    table = made()
    assert words(table)["annealed_keeps"] == "supported"
    table = table[table["case"] != claim.ANNEALED]
    gone = table[table["case"] == claim.NONE].assign(case=claim.ANNEALED)
    assert words(pd.concat([table, gone], ignore_index=True))["annealed_keeps"] == "no effect that matters"


def test_effects_against_a_walk_through_the_table():
    table = made(
        0.7, at_four={BEST: 0.85, claim.PENALTY: 0.9, claim.TRAINED: 0.75, "@3": 0.77}, in_float={BEST: -0.01}, seeds=3
    )
    values = {tuple(row[:5]): row[5] for row in table.fillna(-1.0).itertuples(index=False)}

    def bits(name, seed, variant):
        whole = values[name, seed, variant, -1.0, "accuracy_float"]
        lost = [whole - values[name, seed, variant, float(b), "accuracy_activations"] for b in claim.WIDTHS]
        last = max(place for place, value in enumerate(lost) if value > claim.ALLOWED)
        return claim.WIDTHS[last] + (lost[last] - claim.ALLOWED) / (lost[last] - lost[last + 1])

    def log_range(name, seed, variant):
        return np.mean([np.log2(values[name, seed, variant, float(k), "output_range"]) for k in range(3)])

    pairs = [
        (
            log_range(name, seed, claim.NONE) - log_range(name, seed, dose),
            bits(name, seed, claim.NONE) - bits(name, seed, dose),
        )
        for name in claim.ACTIVATIONS
        for seed in range(3)
        for dose in claim.DOSES
    ]
    promise, saved = np.array(pairs).T
    only = claim.saved(claim.needed(table, claim.ONLY))
    doses = slice(0, len(claim.DOSES))
    assert slope(only[:, doses], claim.promised(table)[:, doses]) == pytest.approx(
        (promise * saved).sum() / (promise**2).sum()
    )
    found = claim.effects(table)
    four = {
        v: np.mean([[values[n, s, v, 4.0, "accuracy_both"] for s in range(3)] for n in claim.ACTIVATIONS], axis=0)
        for v in VARIANTS
    }
    assert found["cap_gain"] == pytest.approx(four["@3"] - four[claim.NONE])
    assert found["lower_gain"] == pytest.approx(four[BEST] - four["@3"])
    assert found["penalty_gain"] == pytest.approx(four[claim.PENALTY] - four[BEST])
    assert found["trained_gain"] == pytest.approx(four[claim.TRAINED] - four[BEST])


def test_ends_are_counted():
    table = made(seeds=2)
    assert claim.ends(table, claim.ONLY) == (0, 0)
    one = (table["activation"] == "relu") & (table["seed"] == 1) & (table["metric"] == "accuracy_activations")
    table.loc[one & (table["case"] == "@1"), "value"] = 0.98
    table.loc[one & (table["case"] == "none"), "value"] = 0.5
    assert claim.ends(table, claim.ONLY) == (1, 1)
    assert claim.needed(table, claim.ONLY)[0, [VARIANTS.index("@1"), VARIANTS.index("none")], 1].tolist() == [2.0, 8.0]


def test_a_constant_layer_promises_nothing_and_leaves_the_rest():
    table = made()
    where = (table["activation"] == "relu") & (table["seed"] == 3) & (table["case"] == "@2")
    table.loc[where & (table["metric"] == "output_range"), "value"] = 0.0
    assert np.isnan(claim.promised(table)).sum() == 1
    assert words(table)["slope"] == "supported"


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(claim, "STUDY", SMALL)
        tables = [
            claim.measure(name, variant, 2000, 2003).to_pandas() for name in claim.ACTIVATIONS for variant in VARIANTS
        ]
        yield pd.concat(tables, ignore_index=True)


def test_every_row_is_there_once(measured):
    counts = measured.groupby("metric", observed=True).size()
    each = 4 * len(VARIANTS) * 3
    expected = {"accuracy_float": each, "accuracy_activations": 7 * each, "output_range": 2 * each}
    assert {name: counts[name] for name in expected} == expected
    assert counts["cap"] == 4 * 2 * 3
    assert np.isfinite(measured["value"]).all()


@pytest.mark.parametrize("variant", ["@2", claim.NONE])
def test_fixed_caps_are_the_networks_of_the_study(measured, variant):
    stack, masks = trained_stack(SMALL, f"silu{variant}" if variant != claim.NONE else "silu", 2000, 2003)
    with torch.no_grad():
        on = subject(stack, range(2000, 2003), masks)
    rows = measured[(measured["activation"] == "silu") & (measured["case"] == variant)]
    found = rows[rows["metric"] == "accuracy_float"].sort_values("seed")["value"]
    assert found.tolist() == pytest.approx(on.float_logits.accuracy.tolist())
    spans = rows[(rows["metric"] == "output_range") & (rows["x"] == 1.0)].sort_values("seed")["value"]
    ends = on.maps.outputs[1].amax((1, 2)).clamp(min=0), on.maps.outputs[1].amin((1, 2)).clamp(max=0)
    assert spans.tolist() == pytest.approx((ends[0] - ends[1]).tolist())


def test_ways_to_bound_do_what_they_are_called(monkeypatch):
    monkeypatch.setattr(claim, "STUDY", SMALL)
    spans = {}
    with torch.no_grad():
        for variant, strength in ((claim.PENALTY, 0.3), (claim.TRAINED, 0.3), (claim.ANNEALED, (0.5, 0.9))):
            on, caps = claim.trained_subject("relu", variant, 2000, 2003, strength)
            spans[variant] = float(torch.stack([out.amax((1, 2)) for out in on.maps.outputs]).mean())
            assert np.isfinite(caps).all() == (variant == claim.TRAINED)
        on, _ = claim.trained_subject("relu", claim.NONE, 2000, 2003)
    free = float(torch.stack([out.amax((1, 2)) for out in on.maps.outputs]).mean())
    assert spans[claim.PENALTY] < free
    assert claim.restraint(claim.PENALTY, 0.3) == Restraint(penalty=0.3)


@pytest.mark.slow
def test_few_seeds_are_undecided_and_drawn(measured):
    assert set(words(made(seeds=1)).values()) == {"undecided"}
    for table in (measured, measured[measured["seed"] == 2000], made(seeds=2)):
        draw(table, judged(table)).canvas.draw()


@pytest.mark.slow
def test_it_is_drawn_where_nothing_is_known_or_all_is_equal():
    table = made(seeds=3)
    for value in (np.nan, 0.9):
        table["value"] = value
        draw(table, judged(table)).canvas.draw()


def test_units_cover_every_seed_once_and_the_slow_ones_come_first():
    units = claim.units(40)
    assert sum(unit["last"] - unit["first"] for unit in units) == 40 * 4 * len(VARIANTS)
    slow = {claim.TRAINED, claim.PENALTY, claim.ANNEALED}
    assert {unit["variant"] for unit in units[:36]} == slow
    assert not slow & {unit["variant"] for unit in units[36:]}
