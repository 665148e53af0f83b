"""Smooth or kinked, bounded or not: the 2 × 2 from networks to the verdict, and verdicts of made tables."""

import numpy as np
import pandas as pd
import pytest

from experiments.claims import smooth_suffers as claim
from experiments.claims.smooth_suffers_figure import draw
from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import judge_claims

SMALL = StudyConfig(bits=(4, 8), steps=30, grid=16, batch=64, hidden=(4, 3))
CELLS = list(claim.GROUPS)


def made(losses: dict[tuple[str, str], float], at_8: float = 0.05, seeds: int = 32) -> pd.DataFrame:
    """A table in which every cell loses so much at 4 bits, and `at_8` times that at 8."""
    random = np.random.default_rng(2)
    kinds = {name: kind for kind, names in claim.GROUPS.items() for name in names}
    rows = []
    for name in claim.activations():
        for seed in range(seeds):
            lost = losses.get(kinds.get(name), 0.1) + random.normal(0.0, 0.01)
            rows += [(name, seed, f"{what}4", np.nan, "accuracy_drop", lost) for what in ("w", "a", "w4a")]
            rows += [(name, seed, f"{what}8", np.nan, "accuracy_drop", at_8 * lost) for what in ("w", "a", "w8a")]
            rows.append((name, seed, "float", 2.0, "output_range", 10.0))
    return pd.DataFrame(rows, columns=["activation", "seed", "case", "x", "metric", "value"])


def judged(table):
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


WORSE = {("smooth", "unbounded"): 0.2, **dict.fromkeys(CELLS[1:], 0.01)}


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        (WORSE, "supported"),
        ({**WORSE, ("smooth", "bounded"): 0.2, ("kinked", "bounded"): 0.2}, "in part"),  # the bounded lose much
        ({**WORSE, ("kinked", "unbounded"): 0.19}, "in part"),  # the bound, not the curve
        ({**WORSE, ("smooth", "bounded"): 0.2}, "in part"),  # the curve, not the bound
        (dict.fromkeys(CELLS, 0.5), "no effect that matters"),  # all alike and much
        ({**dict.fromkeys(CELLS, 0.9), ("smooth", "unbounded"): 0.5}, "reversed"),
    ],
)
def test_the_rule_comes_out_each_way(losses, verdict):
    assert judged(made(losses, at_8=0.5)).verdict == verdict


def test_by_just_what_matters_is_undecided():
    found = judged(made({**dict.fromkeys(CELLS, 0.5), ("smooth", "unbounded"): 0.52}, at_8=0.05))
    assert found.verdict == found.outcome("smooth_unbounded_4").verdict == "undecided"


def test_relu_takes_no_part_in_the_curve():
    table, other = made(WORSE), made(WORSE)
    table.loc[table["activation"].isin(["relu", "relu@3"]), "value"] += 0.3
    before, after = (claim.effects(one) for one in (other, table))
    assert before["smooth_4"].tolist() == after["smooth_4"].tolist()
    assert before["bound_4"].tolist() == pytest.approx(after["bound_4"].tolist())
    assert before["smooth_unbounded_4"].mean() > after["smooth_unbounded_4"].mean() + 0.05


def test_cells_give_the_main_effects():
    losses = dict(zip(CELLS, (0.4, 0.3, 0.15, 0.1), strict=True))  # SU, KU, SB, KB
    table = made(losses)
    rows = table["metric"] == "accuracy_drop"
    kinds = {name: kind for kind, names in claim.GROUPS.items() for name in names}
    table.loc[rows, "value"] = [
        losses.get(kinds.get(name), 9.0) * (1.0 if case.endswith("4") else 0.1)
        for name, case in zip(table[rows]["activation"], table[rows]["case"], strict=True)
    ]
    means = {part: float(values.mean()) for part, values in claim.effects(table).items()}
    assert means == pytest.approx(
        {
            "smooth_unbounded_4": 0.4 - 0.55 / 3,
            "bounded_little_4": 0.02 - 0.125,
            "bound_4": (0.25 + 0.2) / 2,
            "smooth_4": (0.1 + 0.05) / 2,
            "bound_relu_4": 0.3 - 0.1,
            "unbounded_4": 0.4 - 0.3,
            "smooth_unbounded_8": 0.04 - 0.055 / 3,
            "bounded_little_8": 0.02 - 0.0125,
            "bound_8": 0.0225,
            "smooth_8": 0.0075,
        }
    )


def test_the_cells_are_what_they_are_called():
    for (shape, bound), names in claim.GROUPS.items():
        for name in names:
            activation = parse_activation(name)
            assert activation.smooth is (shape == "smooth"), name
            assert (activation.ceiling < np.inf) is (bound == "bounded"), name


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(claim, "STUDY", SMALL)
        yield pd.concat([claim.measure(name, 0, 2).to_pandas() for name in claim.activations()], ignore_index=True)


def test_losses_are_those_of_quantized_networks(measured):
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.quantize.fake_quant import accumulated
    from quantstudy.quantize.plan import build_plan, float_maps
    from quantstudy.quantize.scheme import IntFormat, Scheme
    from quantstudy.targets.islands import plane

    stack, masks = trained_stack(SMALL, "silu_bounded", 0, 2)
    maps = float_maps(stack, torch.from_numpy(plane(16)))
    target = torch.from_numpy(masks.reshape(2, 1, -1))
    right = ((maps.logit > 0) == target).double().mean((1, 2))
    quantized = accumulated(stack, build_plan(stack, maps, Scheme(IntFormat(4), IntFormat(4))), maps.points)
    lost = right - ((quantized.logit > 0) == target).double().mean((1, 2))
    rows = measured[(measured["activation"] == "silu_bounded") & (measured["case"] == "w4a4")]
    assert rows.set_index("seed")["value"].tolist() == pytest.approx(lost.tolist())
    spans = measured[(measured["activation"] == "silu_bounded") & (measured["metric"] == "output_range")]
    expected = [float(maps.outputs[0][seed].max() - maps.outputs[0][seed].min()) for seed in range(2)]
    assert spans[spans["x"] == 0].sort_values("seed")["value"].tolist() == pytest.approx(expected)


def test_it_is_drawn_from_few_seeds(measured):
    figure = draw(measured, judged(measured))
    assert len(figure.axes) >= 9


def test_every_seed_is_inside_the_axes_of_the_cells():
    table = made(WORSE)
    where = (table["seed"] == 3) & (table["case"] == "w4a4")
    table.loc[where, "value"] += 0.7  # one seed far away
    where = (table["seed"] == 4) & (table["case"] == "w8a8")
    table.loc[where, "value"] -= 0.2
    figure = draw(table, judged(table))
    cells = [
        ax for ax in figure.axes if [label.get_text() for label in ax.get_xticklabels()] == ["unbounded", "bounded"]
    ]
    assert len(cells) == 2
    for ax in cells:
        low, high = ax.get_ylim()
        heights = np.concatenate([dots.get_offsets()[:, 1] for dots in ax.collections])
        assert len(heights) == 4 * 32
        assert low < heights.min() <= heights.max() < high


def test_pairs_differ_in_one_thing():
    pairs = draw.__wrapped__.__globals__["PAIRS"]
    kinds = {name: kind for kind, names in claim.GROUPS.items() for name in names}
    for one, other in pairs["the bound alone"]:
        assert (kinds[one][1], kinds[other][1]) == ("unbounded", "bounded")
        assert kinds[one][0] == kinds[other][0]
    for one, other in pairs["the curve alone"]:
        assert (kinds[one][0], kinds[other][0]) == ("smooth", "kinked")
        assert kinds[one][1] == kinds[other][1]


@pytest.mark.slow
def test_it_is_drawn_where_nothing_is_known_or_all_is_equal():
    table = made(WORSE, seeds=2)
    for value in (np.nan, 0.01):
        table["value"] = value
        draw(table, judged(table)).canvas.draw()


def test_one_seed_is_undecided(measured):
    one = measured[measured["seed"] == 0]
    assert judged(one).verdict == "undecided"
    draw(one, judged(one))


def test_units_cover_every_seed_once_and_the_slow_ones_come_first():
    units = claim.units(40)
    assert sum(unit["last"] - unit["first"] for unit in units) == 40 * len(claim.activations())
    assert {unit["activation"] for unit in units[:6]} == {"silu_bounded", "gelu_bounded"}
