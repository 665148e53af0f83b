"""Instructions read from compiled code: the special-function unit above all. Compiles, in processes of their own."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from quantstudy.cost import instructions
from quantstudy.cost.counting import FEW, MANY, opcodes
from quantstudy.cost.instructions import COUNTS, TARGET, count_instructions
from quantstudy.errors import StudyFailure

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton exists for Linux only")

MUFU = {
    "relu": (0, 0),
    "silu": (2, 2),  # exp and reciprocal
    "gelu": (1, 2),  # erf takes one exp, the density another
}
OTHERS = {"hardgelu_uncapped": (0, 0), "leaky_relu": (0, 0), "prelu": (0, 0), "hardswish": (0, 0)}
"""Counted in `make slow`: every kernel is compiled four times."""


def counted(names: Iterable[str]) -> dict[str, dict[str, float]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRITON_INTERPRET", "1")  # what the whole of this test run may have; the count must not
        found = count_instructions(list(names))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, float]]:
    return counted(MUFU)


@pytest.mark.slow
@needs_triton
@pytest.mark.parametrize("name", MUFU)
def test_special_function_instructions(counts: dict[str, dict[str, float]], name: str) -> None:
    assert (counts[name]["mufu_forward"], counts[name]["mufu_backward"]) == MUFU[name]


@needs_triton
@pytest.mark.slow
def test_instructions_of_the_other_activations() -> None:
    found = counted(OTHERS)
    assert {name: (entry["mufu_forward"], entry["mufu_backward"]) for name, entry in found.items()} == OTHERS
    plausible(found)


@pytest.mark.slow
@needs_triton
def test_the_other_counts_are_plausible(counts: dict[str, dict[str, float]]) -> None:
    assert TARGET == "sm_90"
    assert list(counts) == list(MUFU)
    plausible(counts)
    assert sorted(counts, key=lambda name: counts[name]["instructions_forward"]) == ["relu", "silu", "gelu"]


def plausible(counts: dict[str, dict[str, float]]) -> None:
    for found in counts.values():
        assert set(found) == set(COUNTS)
        assert 5 < found["instructions_forward"] < found["instructions_backward"] < 80
        assert 8 <= found["registers_forward"] <= 64
        assert 8 <= found["registers_backward"] <= 64


COUNT = "import json, {0}; from quantstudy.cost.counting import count; print(json.dumps(count(['relu'], {0})))"


@pytest.mark.slow
@needs_triton
def test_an_exp_planted_into_relu_is_seen(tmp_path: Path, counts: dict[str, dict[str, float]]) -> None:
    shipped = importlib.util.find_spec("quantstudy_kernels.triton.activation")
    assert shipped is not None
    assert shipped.origin is not None
    source = Path(shipped.origin).read_text()
    line = "y = tl.where(x <= 0.0, 0.0, x)"
    assert source.count(line) == 1
    (tmp_path / "planted.py").write_text(source.replace(line, "y = tl.where(x <= 0.0, 0.0, tl.exp(x))"))
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": str(tmp_path), "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format("planted")], env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)["relu"]
    assert counts["relu"]["mufu_forward"] == 0
    assert found["mufu_forward"] == 1
    assert found["instructions_forward"] > counts["relu"]["instructions_forward"]


@pytest.mark.slow
@needs_triton
def test_what_cannot_be_compiled_is_told_in_one_line() -> None:
    with pytest.raises(StudyFailure, match=r"^counting instructions: Triton could not compile the kernels: .+") as told:
        count_instructions(["nonsense"])
    assert "\n" not in str(told.value)


def test_without_triton_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(instructions.subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    assert count_instructions(["relu"]) is None


def test_opcodes_of_a_disassembly() -> None:
    sass = (
        "Function:map_kernel\n"
        "--:-:0:-:8\tLDC R1, c[0x0][0x28];\n"
        "02:-:1:-:2\tMUFU.RCP R0, R0;\n"
        "--:-:-:-:2\t@!P2 IMAD.IADD R0, R0, 0x1, -R7;\n"
        "--:-:2:-:1\t@UP0 LDG.E R0, desc[UR4][R2.64];\n"
        "--:-:1:-:8\tI2F.RP R0, R7;\n"
        "--:-:-:-:5\tEXIT;\n"
        "LBB0:\n"
        "--:-:-:Y:0\tBRA LBB0;\n"
        "--:-:-:Y:0\tNOP;\n"
        "\n"
    )
    assert opcodes(sass) == ["LDC", "MUFU.RCP", "IMAD.IADD", "LDG.E", "I2F.RP", "EXIT", "BRA"]
    assert opcodes("") == []
    assert FEW < MANY < 8  # from there on ptxas computes addresses again
