"""The claim on special functions: its rule each way, the wide MLP against its definition, turns, tiny runs."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from torch.nn import functional

from experiments.claims import special_functions as claim
from experiments.claims.special_functions_figure import draw
from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS, parse_activation
from quantstudy.claims.run import measure_unit
from quantstudy.cost import instructions
from quantstudy.cost.plain import plain
from quantstudy.judge.claims import judge_claims

COLUMNS = ["activation", "seed", "case", "x", "metric", "value"]
ALL = ("small", "wide", "wide_fused")


def made(special: dict[str, float] | None = None, cases: Any = ALL, rounds: int = 12, **slow: float) -> pd.DataFrame:
    """A table: MUFU backward (forward one more) and slow-downs: `silu=0.05` in all cases, or `wide__silu=0.05`."""
    draws, cells = np.random.default_rng(0), []
    for name, count in (special or {}).items():
        cells += [(name, None, "sm_90", None, f"instructions_{way}", 20.0) for way in ("forward", "backward")]
        cells += [(name, None, "sm_90", None, "mufu_backward", count)]
        cells += [(name, None, "sm_90", None, "mufu_forward", count + 1 if name in ("silu", "gelu") else count)]
    for case in cases:
        for number in range(rounds):
            machine = draws.uniform(0.5, 2.0)
            for name in DEFAULT_ACTIVATIONS if number % 4 == 0 else ("relu", "silu", "gelu"):
                more = 0.0 if name == "relu" else slow.get(f"{case}__{name}", slow.get(name, 0.05))
                noise = 0.0 if name == "relu" else draws.normal(0, 0.003)
                cells += [(name, number, case, None, "seconds", machine * (1.0 + more + noise))]
            cells += [("relu", number, case, None, "control", draws.normal(0, 0.003))]
    return pd.DataFrame(cells, columns=COLUMNS)


def judge(table: pd.DataFrame) -> Any:
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


NEEDED = dict.fromkeys(DEFAULT_ACTIVATIONS, 0.0) | {"silu": 2.0, "gelu": 1.0}


ON_GPU = (*ALL, "gpu")


@pytest.mark.parametrize(
    ("table", "verdict", "against"),
    [
        (made(NEEDED, ON_GPU), "supported", {}),
        (made(NEEDED), "in part", {"gpu": "undecided"}),  # no GPU
        (made(NEEDED | {"hardswish": 3.0}), "reversed", {"needs_unit": "reversed"}),
        (made(NEEDED | {"gelu": 0.0}), "no effect that matters", {"needs_unit": "no effect that matters"}),
        (made(NEEDED, ON_GPU, silu=0.0, gelu=0.0), "in part", {"gpu": "no effect that matters"}),
        (made(NEEDED, ON_GPU, gpu__silu=-0.1, gpu__gelu=-0.1), "in part", {"gpu": "reversed"}),
        (made(NEEDED, ON_GPU, gelu=-0.03), "in part", {"gpu": "undecided"}),  # the mean of the two is at 1 %
        (made(cases=ON_GPU), "in part", {"needs_unit": "undecided", "gpu": "supported"}),  # no Triton
        (made(), "undecided", {"needs_unit": "undecided"}),
        (made(NEEDED).iloc[:0], "undecided", {}),
    ],
)
def test_the_rule_can_come_out_each_way(table: pd.DataFrame, verdict: str, against: dict[str, str]) -> None:
    judged = judge(table)
    assert judged.verdict == verdict
    assert {part: judged.outcome(part).verdict for part in against} == against


def test_a_cpu_decides_nothing() -> None:
    slow = made(NEEDED, ON_GPU, small__silu=-0.5, small__gelu=-0.5, wide__silu=0.9, wide__gelu=0.9)
    assert judge(slow).verdict == "supported"
    assert judge(slow).outcome("slows_small").verdict == "reversed"


def test_the_fewest_of_both_directions_count() -> None:
    assert claim.effects(made(NEEDED | {"relu": 0.5}, ()))["needs_unit"].tolist() == [0.5]


def test_slowdowns_are_taken_within_a_round() -> None:
    table = made(NEEDED, ON_GPU, silu=0.02, gelu=0.06, gpu__silu=0.5, gpu__gelu=0.5)
    judged = judge(table)
    assert judged.outcome("slows_small").mean == pytest.approx(0.04, abs=0.003)
    assert judged.outcome("gpu").mean == pytest.approx(0.5, abs=0.003)
    assert claim.slowdowns(table, "wide")["prelu"].notna().sum() == 3  # of twelve rounds


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WIDTHS": (2, 16, 16, 1),
        "BATCH": 8,
        "MODELS": 2,
        "STEPS": 2,
        "REPEATS": 1,
        "OTHERS_EVERY": 4,
    }.items():
        monkeypatch.setattr(claim, name, value)
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, batch=16, grid=8))


@pytest.mark.parametrize("name", DEFAULT_ACTIVATIONS)
def test_the_wide_step_by_its_definition(name: str, narrow: None) -> None:
    """Points first, layers by `functional.linear`, the same draws; both cases have the loss of the untrained MLP."""
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(a, b, generator=generator) * (2 / b) ** 0.5 for b, a in ((2, 16), (16, 16), (16, 1))]
    h = torch.rand(2, 8, generator=generator).T
    target = (torch.rand(1, 8, generator=generator) > 0.5).float().T
    slope = torch.full((16,), 0.25) if name == "prelu" else None
    for weight in weights[:-1]:
        h = plain(functional.linear(h, weight), parse_activation(name), slope)
    loss = functional.binary_cross_entropy_with_logits(functional.linear(h, weights[-1]), target)
    for calls in claim.wide_calls().values():
        for _ in range(3):  # a step moves nothing that one could see
            torch.testing.assert_close(calls[name](), loss, rtol=1e-5, atol=1e-6)
        assert set(calls) == {*DEFAULT_ACTIVATIONS, claim.AGAIN}


def test_every_wide_step_moves_all_of_its_parameters(narrow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = torch.optim.Adam

    def adam(parameters: Any, **options: Any) -> Any:
        seen.extend(parameters)
        return real(seen, **options)

    monkeypatch.setattr(torch.optim, "Adam", adam)
    calls = claim.wide_calls()["wide_fused"]
    for name, own in (("silu", 0), ("prelu", 2)):
        calls[name]()
        assert sum(one.grad is not None for one in seen) == 6 + own


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, 5])
def test_a_whole_run(rounds: int, narrow: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    counts = {"mufu_forward": 0.0, "mufu_backward": 0.0, "instructions_forward": 8.5, "instructions_backward": 9.0}

    def count(kernels: Any) -> Any:
        return {kernel: counts | {"mufu_forward": 2.0, "registers_forward": 16.0} for kernel in kernels}

    monkeypatch.setattr(instructions, "count_instructions", count)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(claim, "TOGETHER", 4)
    before = torch.get_num_threads()
    monkeypatch.setattr(claim, "available_cores", lambda: before + 1)
    units = claim.units(rounds)
    assert [unit["what"] for unit in units] == ["count", *["small"] * -(-rounds // 4), *["wide"] * -(-rounds // 4)]
    assert json.loads(json.dumps(units)) == units
    paths = [measure_unit("special_functions", unit, tmp_path / f"{n}.parquet", {}) for n, unit in enumerate(units)]
    table = pa.concat_tables([pa.parquet.read_table(path) for path in paths]).to_pandas()
    assert torch.get_num_threads() == before
    seconds = table[table["metric"] == "seconds"].groupby("case", observed=True)["activation"].value_counts()
    assert seconds["small"].eq(rounds).all()
    assert (seconds["wide"]["relu"], seconds["wide_fused"]["hardgelu"]) == (rounds, -(-rounds // 4))
    assert (table["metric"] == "control").sum() == 3 * rounds
    judged = judge(table)
    assert judged.outcome("needs_unit").verdict == "reversed"  # made up: relu takes two
    assert {judged.outcome(name).seeds for name in ("slows_small", "slows_wide")} == {rounds}
    assert judged.verdict in draw(table, judged).get_label().lower()


def test_without_triton_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "count_instructions", lambda kernels: None)
    table = claim.measure("count").to_pandas()
    assert not len(table)
    assert "needs_unit" not in claim.effects(table)


def test_the_trainer_on_a_gpu_is_asked_for_as_such(narrow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "quantstudy.networks.training.train", lambda *_, **set: asked.append((set["device"], set["trainer"]))
    )
    table = claim.measure("gpu", first=0, last=1).to_pandas()
    assert set(asked) == {("cuda", "fused")}
    assert set(table["case"]) == {"gpu"}


@pytest.mark.parametrize(
    "table", [made().iloc[:0], made(NEEDED, ()), made(rounds=1), made(rounds=4, silu=0.0, gelu=0.0)]
)
def test_drawing_what_was_hardly_measured(table: pd.DataFrame) -> None:
    assert draw(table, judge(table)).axes
