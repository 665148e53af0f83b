"""The claim on backward and memory: its rule both ways, derivatives decided by known functions, a whole tiny run."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from experiments.claims import backward_memory as claim
from experiments.claims.backward_memory_figure import draw
from experiments.measures import told_by_output
from quantstudy.activations.catalogue import ACTIVATIONS, Activation, capped
from quantstudy.claims.run import measure_unit
from quantstudy.judge.claims import judge_claims


def made(told: dict[tuple[str, float], tuple[int, int]] | None = None, **peaks: float) -> pd.DataFrame:
    """A table: (activation, slope) → (monotonic, told), and peaks as `relu__plain=…`."""
    grid = told if told is not None else {("relu", 0.0): (1, 1), ("silu", 0.0): (0, 0)}
    cells = [
        (name, None, "grid", x, metric, float(value))
        for (name, x), values in grid.items()
        for metric, value in zip(("monotonic", "told"), values, strict=True)
    ]
    cells += [(*bar.split("__")[:1], None, bar.split("__")[1], None, "peak_bytes", peak) for bar, peak in peaks.items()]
    return pd.DataFrame(cells, columns=["activation", "seed", "case", "x", "metric", "value"])


OPEN = ("supported", "undecided")
GOOD = {"relu__plain": 100.0, "relu__in_place": 80.0, "silu__plain": 120.0, "gelu__plain": 130.0}


@pytest.mark.parametrize(
    ("table", "verdict", "against"),
    [
        (made(**GOOD), "supported", None),
        (made(**GOOD | {"relu__in_place": 99.0}), "supported", None),  # against itself stands beside
        (made(**GOOD | {"gelu__plain": 81.0}), "in part", "saves_against_smooth"),
        (made({("relu", 0.0): (1, 0), ("silu", 0.0): (0, 0)}, **GOOD), "in part", "monotonic_suffices"),
        (made({("relu", 0.0): (1, 1), ("silu", 0.0): (0, 1)}, **GOOD), "in part", "others_do_not"),
        (made({("a", 0.0): (0, 0), ("b", 0.0): (0, 1), ("c", 0.0): (1, 1)}, **GOOD), "in part", "others_do_not"),
        (made(), "in part", None),  # no memory was measured
        (made({("relu", 0.0): (1, 0)}, **GOOD | {"gelu__plain": 70.0}), "reversed", "monotonic_suffices"),
        (made({("relu", 0.0): (1, 0)}), "undecided", "monotonic_suffices"),
        (made({}), "undecided", None),
    ],
)
def test_the_rule_can_come_out_each_way(table: pd.DataFrame, verdict: str, against: str | None) -> None:
    judged = judge_claims([(claim.CLAIM, claim.effects(table))])[0]
    assert judged.verdict == verdict
    fallen = [one.part.name for one in judged.outcomes if one.part.decides and one.verdict not in OPEN]
    assert fallen == ([against] if against else []) + ["saves_against_smooth"] * (verdict == "reversed")


def test_the_smooth_one_with_the_lower_peak_counts() -> None:
    effects = claim.effects(made(**GOOD))
    assert effects["saves_against_smooth"] == pytest.approx([1 / 3])
    assert effects["plain_differs"] == pytest.approx([1 / 6])


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "prelu"])
def test_the_grid_agrees_with_the_declared_trait(name: str) -> None:
    assert told_by_output.derivative(ACTIVATIONS[name]).monotonic == ACTIVATIONS[name].monotonic


def test_the_sign_of_prelus_slope_decides() -> None:
    up, down = (told_by_output.derivative(ACTIVATIONS["prelu"], slope) for slope in (0.25, -0.25))
    assert (up.monotonic, up.told, down.monotonic, down.told) == (True, True, False, False)
    assert down.gap == pytest.approx(1.25)  # 1 on one side, −0.25 on the other


class Made(Activation):
    """An activation of a function that is known, with its derivative."""

    def __call__(self, x: torch.Tensor, slope: torch.Tensor | None = None) -> torch.Tensor:
        return FUNCTIONS[self.name][0](x)

    def with_derivative(self, x: torch.Tensor, slope: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = x.clone().requires_grad_()
        y = FUNCTIONS[self.name][0](leaf)
        return y.detach(), torch.autograd.grad(y.sum(), leaf)[0]


FUNCTIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], bool, bool, float | None]] = {
    "cube": (lambda x: x**3, True, True, 0.0),
    "square": (lambda x: x * x, False, False, None),
    "steps": (lambda x: x.clamp(-2, -1) + x.clamp(1, 2), True, True, 0.0),  # three plateaus
    "falls": (lambda x: -x, False, True, 0.0),
    "tent": (lambda x: 1 - x.abs(), False, False, 2.0),
    "wave": (lambda x: x + 2 * x.sin(), False, False, None),
    "tanh": (torch.tanh, True, True, 0.0),
    "dip": (lambda x: torch.where(x > 0, x, 1e-3 * x * x), False, False, None),  # far below the tolerance of the eye
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_that_are_known(name: str) -> None:
    _, monotonic, told, gap = FUNCTIONS[name]
    fields = {field: getattr(ACTIVATIONS["relu"], field) for field in Activation.__dataclass_fields__}
    found = told_by_output.derivative(Made(**fields | {"name": name, "kinks": ()}))
    assert (found.monotonic, found.told) == (monotonic, told)
    if gap is not None:
        assert found.gap == pytest.approx(gap, abs=1e-6)


def test_a_plateau_counts_but_its_edge_does_not() -> None:
    """relu@6: above 6 the derivative is 0 at the output 6; at x = 6 alone it may be 1."""
    found = told_by_output.derivative(capped(ACTIVATIONS["relu"], 6))
    assert (found.monotonic, found.told) == (True, True)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "prelu"])
def test_slow_search_among_pairs_agrees(name: str) -> None:
    """The twin: all pairs of points whose outputs are close, derivatives by autograd."""
    x = (torch.linspace(-4, 4, 1201, dtype=torch.float64) + 0.0013).requires_grad_()  # on no bend
    y = ACTIVATIONS[name](x)
    (d,) = torch.autograd.grad(y.sum(), x)
    order = torch.argsort(y.detach())
    near = y.detach()[order].diff().abs() < 1e-3
    far = (d[order].diff().abs() > 0.1) & (x.detach()[order].diff().abs() > 0.1)
    assert told_by_output.derivative(ACTIVATIONS[name]).told == (not bool((near & far).any()))


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu"])
def test_all_ways_have_the_same_gradient(name: str) -> None:
    found = {}
    for way, apply in claim.ways(name).items():
        leaf = torch.linspace(-4, 4, 64).reshape(8, 8).requires_grad_()
        slope = torch.full((8,), 0.25, requires_grad=True) if name == "prelu" else None
        y = apply(leaf * 1.0, slope)
        found[way] = (
            y.detach().clone(),
            *torch.autograd.grad(y.square().sum(), [leaf, *([slope] if name == "prelu" else [])]),
        )
    assert ("in_place" in found) == (name not in ("prelu", "hardgelu"))
    assert ("in_place_from_output" in found) == (name in ("relu", "leaky_relu", "prelu"))
    for tensors in found.values():
        torch.testing.assert_close(tensors, found["plain"])


def test_share_of_learned_slopes_that_are_not_positive(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = {"layers.0.weight": -np.ones((2, 4, 2)), "prelu.0.slope": np.array([[1.0, -1, 0, 2], [1, 1, 1, 1]])}
    learned["prelu.1.slope"] = np.array([[-5.0], [0.0]])
    monkeypatch.setattr(claim, "trained_arrays", lambda study, name, seeds: learned)
    found = claim.measure(what="slopes", first=3, last=5).to_pydict()
    assert (found["seed"], found["value"]) == ([3, 4], [0.6, 0.2])


def test_a_whole_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name, value in {"LAYERS": 3, "WIDTH": 32, "BATCH": 64}.items():
        monkeypatch.setattr(claim, name, value)
    monkeypatch.setattr(told_by_output, "POINTS", 512)
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, steps=3, grid=16, trainer="reference"))
    paths = [
        measure_unit("backward_memory", unit, tmp_path / f"{n}.parquet", {}) for n, unit in enumerate(claim.units(1))
    ]
    table = pa.concat_tables([pa.parquet.read_table(path) for path in paths]).to_pandas()
    judged = judge_claims([(claim.CLAIM, claim.effects(table))])[0]
    assert judged.outcome("monotonic_suffices").verdict == "supported"
    assert judged.outcome("others_do_not").verdict == "supported"
    assert judged.outcome("in_place_saves").mean == 0.0  # plain relu keeps its output, which the next layer keeps too
    assert judged.outcome("saves_against_smooth").mean > 0.05
    assert table[table["metric"] == "slopes_not_positive"]["value"].between(0, 1).all()
    figure = draw(table, judged)
    assert judged.verdict in figure.get_label().lower()
    assert any("saves nothing" in text.get_text() for ax in figure.axes for text in ax.texts)


def test_drawing_what_was_hardly_measured() -> None:
    for table in (made({}), made(relu__plain=1.0)):
        table["value"] = np.ones(len(table))
        assert draw(table, judge_claims([(claim.CLAIM, claim.effects(table))])[0]).axes
