"""The table as a whole: every key, strict JSON, what is null where."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from quantstudy.activations.catalogue import ACTIVATIONS, parse_activation
from quantstudy.cost import table
from quantstudy.cost.instructions import COUNTS
from quantstudy.cost.memory import WAYS
from quantstudy.cost.plain import plain, slopes
from quantstudy.cost.table import cost_table

NAMES = ("relu", "hardgelu", "hardgelu_uncapped", "prelu@2")
KEYS = {*COUNTS, "saved_bytes", "added_bytes", "bounded", "nanoseconds"}
REST = {"activations", "counted", "target", "processor", "gpu", "timing", "versions"}


def measure(**options: Any) -> dict[str, Any]:
    found = cost_table([parse_activation(name) for name in NAMES], **options)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_every_key(instant: Callable[..., None], no_gpu: None) -> None:
    instant()
    seen: list[tuple[str, int, int]] = []
    found = measure(progress=lambda *what: seen.append(what))
    assert set(found) == REST
    assert tuple(found["activations"]) == NAMES
    for entry in found["activations"].values():
        assert set(entry) == KEYS
        assert set(entry["saved_bytes"]) == set(entry["added_bytes"]) == set(WAYS) >= {"plain", "from_output", "fused"}
        assert entry["nanoseconds"]["gpu"] is None
        assert {entry[name] for name in COUNTS} == {7.5}
    assert found["activations"]["relu"]["saved_bytes"]["plain"] == 4
    assert found["activations"]["relu"]["added_bytes"]["plain"] == 0
    assert (found["target"], found["counted"], found["gpu"]) == ("sm_90", True, None)
    assert found["timing"]["ratio_to"] == "relu"
    assert "torch" in found["versions"]
    assert seen == [("cost", done, 3) for done in range(4)]


def test_the_public_names_of_the_counts() -> None:
    assert {"mufu_forward", "mufu_backward", "instructions_forward", "instructions_backward"} <= set(COUNTS)


def test_a_kernel_is_compiled_once(instant: Callable[..., None], no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    instant()
    asked: list[list[str]] = []
    real = table.count_instructions

    def note(kernels: Any) -> Any:
        asked.append(list(kernels))
        return real(kernels)

    monkeypatch.setattr(table, "count_instructions", note)
    measure()
    assert asked == [["relu", "hardgelu_uncapped", "prelu"]]


def test_without_triton_counts_are_null(instant: Callable[..., None], no_gpu: None) -> None:
    instant(triton=False)
    found = measure()
    assert found["counted"] is False
    for entry in found["activations"].values():
        assert {entry[name] for name in COUNTS} == {None}
        assert entry["nanoseconds"]["cpu"]


def test_a_gpu_is_timed_and_named_where_there_is_one(
    instant: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mocked: the device is, the calls are not made."""
    instant()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    monkeypatch.setattr(
        table, "time_activations", lambda given, device="cpu": {one.name: {"torch": device} for one in given}
    )
    found = measure()
    assert found["gpu"] == "Some GPU"
    assert found["activations"]["relu"]["nanoseconds"] == {"cpu": {"torch": "cpu"}, "gpu": {"torch": "gpu"}}


@pytest.mark.parametrize(
    "name", [*ACTIVATIONS, "relu@3", "relu@1e9", "prelu@2", "hardswish@1", "silu@0.5", "leaky_relu@2"]
)
def test_boundedness_is_what_plain_torch_gives_far_out(name: str) -> None:
    activation = parse_activation(name)

    def largest(distance: float) -> float:
        x = torch.tensor([[-distance], [distance]], dtype=torch.float64)
        slope = slopes(activation, 1)
        return float(plain(x, activation, None if slope is None else slope.detach().double()).abs().max())

    assert (largest(1e12) <= largest(1e10)) == activation.bounded
