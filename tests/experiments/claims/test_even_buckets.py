"""Even buckets: what the codes of a layer are, from the networks to the verdict, and verdicts of made tables."""

import numpy as np
import pandas as pd
import pytest

from experiments.claims import even_buckets as claim
from experiments.claims.even_buckets_figure import draw
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import judge_claims

SMALL = StudyConfig(bits=(4, 8), steps=30, grid=16, batch=64, hidden=(4, 3))


def made(ahead: float, seeds: int = 32) -> pd.DataFrame:
    """A table in which hardgelu's codes have so many bits more than every other's, and scatter by a tenth of it."""
    random = np.random.default_rng(1)
    rows = [
        (name, seed, f"a{bits}", np.nan, metric, (ahead if name == "hardgelu" else 0.0) + random.normal(2.0, 0.05))
        for name in claim.ACTIVATIONS
        for seed in range(seeds)
        for bits in (4, 8)
        for metric in claim.MEASURES
    ]
    rows += [
        (name, 0, f"a{bits}", float(bin_), "share", 1 / claim.BINS)
        for name in claim.ACTIVATIONS
        for bits in (4, 8)
        for bin_ in range(claim.BINS)
    ]
    return pd.DataFrame(rows, columns=["activation", "seed", "case", "x", "metric", "value"])


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


WAYS = [(0.3, "supported"), (0.1, "undecided"), (0.0, "no effect that matters"), (-0.2, "reversed")]


@pytest.mark.parametrize(("ahead", "verdict"), WAYS)
def test_the_rule_comes_out_each_way(ahead, verdict):
    assert judged(made(ahead)).verdict == verdict


def test_4_bits_without_8_are_a_part():
    table = made(0.3)
    table.loc[(table["case"] == "a8") & (table["activation"] == "hardgelu"), "value"] -= 0.4
    found = judged(table)
    assert found.verdict == "in part"
    assert [outcome.verdict for outcome in found.outcomes[:2]] == ["supported", "undecided"]


def test_each_part_compares_what_it_says():
    table = made(0.0, 4)
    table["value"] = 0.0
    only = (table["metric"] == "code_entropy_bits") & (table["case"] == "a8")
    table.loc[only & (table["activation"] == "hardgelu_uncapped"), "value"] = 1.0
    table.loc[only & (table["activation"] == "relu"), "value"] = 6.0
    table.loc[(table["metric"] == "negative_code_share") & (table["activation"] == "gelu"), "value"] = 0.6
    found = claim.effects(table)
    means = {part: values.mean() for part, values in found.items()}
    assert means == pytest.approx(
        {
            "entropy_4": 0,
            "entropy_8": -1,
            "cap_4": 0,
            "cap_8": -1,
            "others_8": -1.2,
            "occupancy_8": 0,
            "negative_8": 0.1,
        }
    )
    assert {part.name for part in claim.CLAIM.parts} == set(found)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(claim, "STUDY", SMALL)
        yield pd.concat([claim.measure(name, 0, 2).to_pandas() for name in claim.ACTIVATIONS], ignore_index=True)


def test_measures_are_those_of_the_layers_codes(measured):
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.targets.islands import plane

    stack, _ = trained_stack(SMALL, "silu", 0, 2)
    values = torch.from_numpy(plane(16))
    for layer in range(2):
        values = stack.activate(layer, stack.preactivation(layer, values))
        for seed in range(2):
            outputs = values[seed].numpy().astype(np.float64)
            low, high = min(outputs.min(), 0.0), max(outputs.max(), 0.0)
            step = (high - low) / 15
            codes = np.round(outputs / step).astype(int).ravel()
            share = np.unique(codes, return_counts=True)[1] / codes.size
            rows = measured[
                (measured["activation"] == "silu") & (measured["seed"] == seed) & (measured["case"] == "a4")
            ]
            told = rows[rows["x"] == layer].set_index("metric")["value"]
            assert told["code_entropy_bits"] == pytest.approx(-(share * np.log2(share)).sum(), abs=0.05)
            assert told["code_occupancy"] == pytest.approx(len(share) / 16, abs=1 / 16)
            assert told["negative_code_share"] == pytest.approx(-low / step / 16, abs=1.01 / 16)


def test_means_and_histograms(measured):
    codes = measured[(measured["case"] == "a8") & (measured["activation"] == "hardgelu") & (measured["seed"] == 1)]
    entropy = codes[codes["metric"] == "code_entropy_bits"]
    layers = entropy[entropy["x"].notna()]["value"]
    assert len(layers) == 2
    assert entropy[entropy["x"].isna()]["value"].item() == pytest.approx(layers.mean())
    shares = measured[measured["metric"] == "share"].groupby(["activation", "case"], observed=True)["value"]
    assert (shares.size() == claim.BINS).all()
    assert np.allclose(shares.sum(), 1.0)
    relu = measured[(measured["metric"] == "share") & (measured["activation"] == "relu") & (measured["case"] == "a4")]
    assert relu.sort_values("x")["value"].iloc[0] > 0.2  # the code of 0 is the lowest


def test_it_is_drawn_from_few_seeds(measured):
    figure = draw(measured, judged(measured))
    assert len(figure.axes) >= len(claim.ACTIVATIONS) + 4


def test_the_figure_says_what_the_mean_leans_on():
    table = made(0.0, 6)
    table.loc[table["metric"] != "share", "value"] = 2.0
    table.loc[(table["metric"] == "code_entropy_bits") & (table["activation"] == "prelu"), "value"] = 8.0
    table.loc[(table["metric"] == "code_entropy_bits") & (table["activation"] == "hardgelu"), "value"] = 2.5
    figure = draw(table, judged(table))
    said = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
    assert "leans on prelu" in said
    assert "hardgelu at 8 bits has +0.50 [0.50, 0.50] bits of entropy and 0.0 [0.0, 0.0] points" in said


def test_one_seed_is_undecided(measured):
    one = measured[measured["seed"] == 0]
    assert judged(one).verdict == "undecided"
    draw(one, judged(one))


def test_units_cover_every_seed_once():
    assert sum(unit["last"] - unit["first"] for unit in claim.units(40)) == 40 * len(claim.ACTIVATIONS)
