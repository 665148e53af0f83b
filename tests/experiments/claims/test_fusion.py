"""The claim on fusion: its rule each way, byte counts worked out by hand, maps equal in all ways, tiny runs."""

import json
import os
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from quantstudy_kernels.reference import activation_forward

from experiments.claims import fusion as claim
from experiments.claims.fusion_figure import draw
from experiments.measures.forward_ways import untrained
from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS, parse_activation
from quantstudy.claims.run import measure_unit
from quantstudy.cost import traffic
from quantstudy.judge.claims import judge_claims

COLUMNS = ["activation", "seed", "case", "x", "metric", "value"]


def made(
    forward: float = 0.5, step: float = 0.5, whole: float = 0.4, times: dict[str, float] | None = None, rounds: int = 12
) -> Any:
    """A table: fused bytes as shares of eager's 100 (relu's, the others have a tenth), times of fused as shares.

    `forward` and `step` are of the activation alone, `whole` of the whole network in one kernel.
    """
    cells: list[tuple[Any, ...]] = []
    for part, share in (("forward_bytes", forward), ("step_bytes", step)):
        for name in DEFAULT_ACTIVATIONS:
            cells += [(name, None, "eager", None, f"{part}.{kind}", 50.0) for kind in ("linear layers", "activations")]
            least = share if name == "relu" else 0.1
            cells += [(name, None, "alone", None, f"{part}.linear layers", 100.0 * least)]
            cells += [(name, None, "fused", None, f"{part}.inputs", 100.0 * (whole if name == "relu" else 0.1))]
    draws = np.random.default_rng(0)
    for name, share in (times or {}).items():
        for number in range(rounds):
            slow = draws.uniform(0.5, 2.0)  # of the machine in this round
            cells += [(name, number, "eager", None, "forward_seconds", slow)]
            cells += [(name, number, "fused", None, "forward_seconds", slow * (share + draws.normal(0, 0.01)))]
    return pd.DataFrame(cells, columns=COLUMNS)


def judge(table: pd.DataFrame) -> Any:
    return judge_claims([(claim.CLAIM, claim.effects(table))])[0]


@pytest.mark.parametrize(
    ("table", "verdict"),
    [
        (made(), "supported"),
        (made(whole=1.5), "supported"),  # of the whole network the article doesn't speak
        (made()[lambda table: table["case"] != "fused"], "supported"),  # no Triton
        (made(forward=0.95), "in part"),
        (made(step=1.5), "in part"),
        (made(forward=0.95, step=0.95), "no effect that matters"),
        (made(forward=0.95, step=1.5), "reversed"),
        (made()[lambda table: table["case"] == "eager"], "undecided"),
        (made().iloc[:0], "undecided"),
    ],
)
def test_the_rule_can_come_out_each_way(table: pd.DataFrame, verdict: str) -> None:
    assert judge(table).verdict == verdict


def test_the_activation_that_gains_least_counts() -> None:
    assert claim.effects(made(forward=0.4, step=0.2, whole=0.3)) == {
        "alone_forward": pytest.approx([0.6]),
        "alone_step": pytest.approx([0.8]),
        "forward_bytes": pytest.approx([0.7]),
        "step_bytes": pytest.approx([0.7]),
    }


@pytest.mark.parametrize(
    ("name", "passes"), [("relu", 1), ("leaky_relu", 1), ("silu", 2), ("gelu", 2), ("hardgelu", 2)]
)
def test_what_an_activation_leaves_when_it_alone_is_fused(name: str, passes: int) -> None:
    """24 hidden neurons of 4 bytes: relu's gradient needs the output, which is there; the others' the input too."""
    eager = traffic.eager_bytes(parse_activation(name), claim.STUDY.hidden, claim.STUDY.batch)
    found = claim.alone_bytes(name, eager)
    for part, left in (("forward_bytes", 0.0), ("step_bytes", passes * 24 * 4.0)):
        saved = {kind: moved - found[part][kind] for kind, moved in eager[part].items()}
        assert saved.pop("activations") == pytest.approx(eager[part]["activations"] - left)
        assert set(saved.values()) == {0.0}


def test_learned_slopes_are_read_twice_and_their_gradient_is_written() -> None:
    eager = traffic.eager_bytes(parse_activation("prelu"), claim.STUDY.hidden, claim.STUDY.batch)
    found = claim.alone_bytes("prelu", eager)
    assert found["forward_bytes"]["activations"] == pytest.approx(24 * 4 / 1024)
    assert found["step_bytes"]["activations"] == pytest.approx(24 * 4 * (1 + 3 / 1024))


def test_times_are_shares_of_the_same_round() -> None:
    slower = dict.fromkeys(DEFAULT_ACTIVATIONS, 1.2) | {"silu": 0.5, "gelu": 0.6}
    judged = judge(made(times=slower))
    assert judged.outcome("cpu_time").mean == pytest.approx(1.0 - np.mean(list(slower.values())), abs=0.01)
    assert judged.outcome("smooth_gains").mean == pytest.approx(1.2 - 0.55, abs=0.02)
    assert judged.outcome("smooth_gains").verdict == "supported"
    assert judged.outcome("cpu_time").verdict == "no effect that matters"  # −0.03 on average
    assert judged.verdict == "supported"  # times do not decide


def test_on_a_gpu_the_one_that_gains_least_in_the_mean_counts() -> None:
    table = made(times=dict.fromkeys(DEFAULT_ACTIVATIONS, 0.5) | {"prelu": 0.8})
    table["metric"] = table["metric"].str.replace("forward_seconds", "gpu_step_seconds")
    assert judge(table).outcome("gpu_time").mean == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("name", ["relu", "silu", "gelu", "hardswish", "leaky_relu"])
def test_eager_bytes_by_hand(name: str) -> None:
    """Every layer reads its input and parameters and writes its output; the activation reads and writes each once."""
    points, hidden = 64, (8, 4)
    found = traffic.eager_bytes(parse_activation(name), hidden, points)
    widths = (2, *hidden, 1)
    parameters = sum(above * below + above for below, above in pairwise(widths))
    layers = sum(points * (below + above) for below, above in pairwise(widths)) + parameters
    inside = points * sum(hidden)
    assert found["forward_bytes"] == {
        "linear layers": pytest.approx(4 * layers / points),
        "activations": pytest.approx(4 * 2 * inside / points),
    }
    back = sum(points * (above + below + above) for below, above in pairwise(widths)) + parameters  # weights, biases
    back += sum(points * (above + below) + above * below for below, above in pairwise(widths[1:]))  # inputs, not x
    assert found["step_bytes"]["linear layers"] == pytest.approx(4 * (layers + back) / points)
    assert found["step_bytes"]["activations"] == pytest.approx(4 * (2 + 3) * inside / points)
    # Adam: lerp_ 3 passes, mul_ 2, addcmul_ 3, sqrt 2, div 2, add_ 2, addcdiv_ 4, and the number of the step per tensor
    adam = 18 * parameters + 2 * 2 * (len(widths) - 1)
    assert found["step_bytes"]["Adam"] == pytest.approx(4 * adam / points)


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="needs Triton's interpreter, without a GPU")
@pytest.mark.parametrize("name", ["gelu", "prelu"])
def test_fused_bytes_by_hand(name: str) -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    points, blocks, hidden = 100, 2, (4, 4)  # 64 points a program, the second one not full
    found = traffic.fused_bytes(parse_activation(name), hidden, points)
    learned = sum(hidden) if name == "prelu" else 0
    parameters = 2 * 4 + 4 * 4 + 4 + 4 + 4 + 1 + learned
    again = 4 * 4 + 4 + learned  # on the way back: all weights but the first layer's, slopes
    step = found["step_bytes"]
    assert step["inputs"] == 12.0
    assert step["parameters"] == pytest.approx(4 * blocks * (parameters + again) / points)
    sums = (
        4 * (2 * blocks * (parameters + 1) + parameters + 1) / points
    )  # each block's written, read; their sum written
    assert step["gradient sums"] == pytest.approx(sums)
    forward = found["forward_bytes"]
    assert (forward["inputs"], forward["logit"]) == (8.0, 4.0)
    assert forward["layers' outputs"] == pytest.approx(4 * 2 * sum(hidden))


@pytest.mark.parametrize("name", DEFAULT_ACTIVATIONS)
def test_all_ways_make_the_same_maps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "MODELS", 2)
    monkeypatch.setattr(claim, "GRID", 16)
    with torch.no_grad():
        found = {way: call() for way, call in claim.forward_calls(name).items()}
    fused = found[claim.FUSED]
    pairs = [one for pair in zip(fused.preactivations, fused.outputs, strict=True) for one in pair]
    for way in (claim.EAGER, claim.SINGLE):
        torch.testing.assert_close(found[way], [*pairs, fused.logit], rtol=1e-4, atol=1e-5)
    network = untrained(name, 2, claim.STUDY.hidden)
    slope = network.slopes[0] if network.slopes else None
    by_definition = activation_forward(found[claim.EAGER][0], network.name, slope=slope, cap=network.cap)
    torch.testing.assert_close(found[claim.EAGER][1], by_definition, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="needs Triton's interpreter, without a GPU")
def test_the_steps_that_a_gpu_is_timed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    monkeypatch.setattr(claim, "STUDY", replace(claim.STUDY, batch=32, hidden=(2,), activations=("relu", "prelu")))
    for name, value in {"GPU_MODELS": 2, "GPU_STEPS": 2, "REPEATS": 1}.items():
        monkeypatch.setattr(claim, name, value)
    with np.errstate(all="ignore"):
        found = claim._gpu_seconds(0, 2, device="cpu").to_pandas()
    assert set(found["metric"]) == {"gpu_step_seconds"}
    assert len(found) == 2 * 2 * 2
    assert (found["value"] > 0).all()


def test_the_threads_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    for name, value in {"MODELS": 1, "GRID": 8, "REPEATS": 1, "available_cores": lambda: before + 1}.items():
        monkeypatch.setattr(claim, name, value)
    monkeypatch.setattr(claim, "keep_memory", lambda: None)
    claim.measure("forward", first=0, last=1)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_whole_run(rounds: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Tiny, and the kernels' bytes made up: their interpreter has a test of its own."""
    made_up = {"forward_bytes": {"inputs": 8.0, "layers' outputs": 20.0, "logit": 4.0}, "step_bytes": {"inputs": 12.0}}
    monkeypatch.setattr(traffic, "count_fused", lambda names, *sizes: dict.fromkeys(names, made_up))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(claim, "keep_memory", lambda: None)
    for name, value in {"MODELS": 1, "GRID": 8, "REPEATS": 1, "TOGETHER": 2}.items():
        monkeypatch.setattr(claim, name, value)
    units = claim.units(rounds)
    assert [unit["what"] for unit in units] == ["bytes"] + ["forward"] * -(-rounds // 2)
    assert json.loads(json.dumps(units)) == units
    paths = [measure_unit("fusion", unit, tmp_path / f"{n}.parquet", {}) for n, unit in enumerate(units)]
    table = pa.concat_tables([pa.parquet.read_table(path) for path in paths]).to_pandas()
    assert (table.loc[table["metric"] == "forward_seconds", "value"] > 0).all()
    assert table.loc[table["metric"] == "forward_seconds", "seed"].nunique() == rounds
    judged = judge(table)
    assert judged.outcome("step_bytes").verdict == "supported"
    assert judged.outcome("cpu_time").seeds == rounds
    assert not judged.outcome("gpu_time").seeds
    assert judged.verdict in draw(table, judged).get_label().lower()


@pytest.mark.parametrize(
    "table", [made().iloc[:0], made()[lambda t: t["case"] == "eager"], made(forward=1.0, step=1.0)]
)
def test_drawing_what_was_hardly_measured(table: pd.DataFrame) -> None:
    assert draw(table, judge(table)).axes


def test_triton_that_cannot_interpret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    with pytest.raises(traffic.StudyFailure, match="nothing_of_that_name"):
        traffic.count_fused(["nothing_of_that_name"], (2,), 4, 1)
    monkeypatch.setattr(traffic.importlib.util, "find_spec", lambda name: None)
    assert traffic.count_fused(["relu"], (2,), 4, 1) is None
